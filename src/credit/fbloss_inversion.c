/* Inversion: reduce |f(g(t + noise)) - (t + noise)|^2 at the targets, the gradient passing through f into g alone. Lee 2015, Eq. (16), (17). */
#include "credit/fbloss.h"

static int grads(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        const struct layer *g = &f->layer, *forward = &c->chain->layers[f->through];
        const struct mat h = p->stacks[f->through].out;
        struct mat t = mat_of(c->scratch[0], h.rows, h.cols);
        mat_add(h, c->d_stack[f->through], t);
        fbloss_add_noise(c, f, 1, t);
        struct link down = { .in = feedback_reads(c, p, f, t), .side = f->side, .out = mat_of(c->scratch[1], h.rows, g->n_out), .delta = f->stack.delta };
        g->def->forward(g, down);
        const struct mat sent = fbloss_send(c, f, down.out, c->scratch[5]);
        const struct link up = fbloss_forward(c, p, f, sent, c->scratch[2], c->scratch[3]);
        struct mat error = mat_of(c->scratch[4], h.rows, h.cols);
        mat_sub(up.out, t, error);
        fbloss_reduce(c, f, error);
        struct mat back = mat_of(c->scratch[5], h.rows, g->n_out);
        forward->def->vjp(forward, up, error, back);
        if (!transmit_passes_gradient(c->chain->layers[f->target].transmit))
            mat_zero(back);
        g->def->vjp(g, down, back, (struct mat){ 0 });
        g->def->grads(g, down, 1, c->feedback_gradient);
    }
    return 0;
}

extern const struct fbloss_def fbloss_inversion;
const struct fbloss_def fbloss_inversion = {
    .part = { .name = "inversion",
              .help = "f(g(t)) against t",
              .ref = "Lee 2015, Eq. (16)-(17)",
              .options = fbloss_options_table,
              .opts_size = sizeof(struct fbloss_options),
              .needs = GIVES_TRAIN },
    .needs_targets = true,
    .chain_only = true,
    .grads = grads,
};
