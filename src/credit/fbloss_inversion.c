/* Inversion: reduce |f(g(t + noise)) - (t + noise)|^2 at the targets, the gradient passing through f into g alone. Lee
 * 2015, Eq. (16), (17). */
#include "credit/fbloss.h"

static const struct option inversion_table[] = { FBLOSS_OPTIONS, FBLOSS_NORMALISED, { 0 } };

static int fits(const struct credit *c, struct err *e)
{
    if (c->choice.route == ROUTE_DIRECT)
        return err_about(e, "algorithm.route", "feedback_loss 'inversion' needs route 'chain'");
    return fbloss_fits_options(c, e);
}

static int grads(struct credit *c, struct pass *p, struct feedback *f, struct err *e)
{
    (void)e;
    const struct unit *forward = &c->chain->units[f->through];
    const struct mat h = p->stacks[f->through].out, t = mat_of(c->scratch[0], h.rows, h.cols);
    mat_add(h, c->d_stack[f->through], t);
    fbloss_add_noise(c, f, 1, t);
    const struct at *ref = &p->stacks[f->through];
    const struct mat down = mapping_of(c)->value(c, p, ref, f, t);
    const struct at *up = fbloss_up(c, p, f, fbloss_send(c, f, down, c->scratch[5]));
    struct mat error = mat_of(c->scratch[4], h.rows, h.cols), back = mat_of(c->scratch[1], h.rows, down.cols);
    mat_sub(up->out, t, error);
    fbloss_reduce(c, f, error);
    if (f->target == f->through || edge_is_whole(credit_edge(c, f->way))) {
        forward->def->vjp(forward, *up, error, back);
    } else { /* of all that it reads, the target's share */
        const struct mat all = mat_of(c->scratch[2], h.rows, forward->in.n);
        forward->def->vjp(forward, *up, error, all);
        edge_take(credit_edge(c, f->way), all, back);
    }
    if (!transmit_passes_gradient(c->chain->units[f->target].transmit))
        mat_zero(back);
    fbloss_train(c, ref, f, back);
    return 0;
}

extern const struct fbloss_def fbloss_inversion;
const struct fbloss_def fbloss_inversion = {
    .part = { .name = "inversion",
              .help = "f(g(t)) against t",
              .ref = "Lee 2015, Eq. (16)-(17)",
              .options = inversion_table,
              .opts_size = sizeof(struct fbloss_options),
              .state_size = sizeof(struct fbloss_state),
              .needs = GIVES_TRAIN,
              .gives = TAKES_BRANCHES },
    .reads_value = true,
    .at_targets = true,
    .fits = fits,
    .open = fbloss_open,
    .grads = grads,
};
