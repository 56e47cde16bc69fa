/* Local losses of which the first layer's is taken at a corrupted input: |f(x + std e) - t_0|^2, with t_0 from the
 * clean pass. The other layers as in "gradient". The encoder's loss L_f of an auto-encoder trained without
 * back-propagation: Lee 2015, Sec. 3.4. */
#include "credit/update.h"

struct denoising_options {
    struct update_options common;
    double input_noise;
};
static const struct option denoising_table[] = { { "input_noise", OPT_REAL,
                                                   offsetof(struct denoising_options, input_noise), "0", 0, 1e12,
                                                   .help = "standard deviation of the normal noise on the input of the "
                                                           "first layer's local loss, drawn anew at each step" },
                                                 UPDATE_OPTIONS,
                                                 { 0 } };

/* The first unit on the corrupted input. */
struct denoising {
    struct at corrupted;
    struct mat draws;  /* (B, inputs), standard normal; {NULL} without noise */
    struct mat signal; /* (B, out.n) */
};

static double std_of(const struct credit *c)
{
    const struct denoising_options *o = c->choice.update.opts;
    return o->input_noise;
}

static bool corrupts_input(const struct credit *c)
{
    return std_of(c) > 0;
}

static int fits(const struct credit *c, struct err *e)
{
    const struct unit *first = &c->chain->units[0];
    TRY(update_fits(c, e));
    if (!unit_is_recurrent(first) || std_of(c) == 0)
        return 0;
    return err_at(e, first->where,
                  "algorithm.update.input_noise: 'denoising' corrupts the input of a flat first layer; "
                  "network.layers.0 (%s) reads sequences",
                  first->def->part.name);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    const struct unit *first = &c->chain->units[0];
    struct denoising *s = c->update_state;
    if (std_of(c) == 0)
        return 0;
    TRY(at_open(&s->corrupted, first, c->rows, 1, AT_INPUT | AT_GRADIENTS, a, e));
    s->signal = mat_new(a, c->rows, first->out.n);
    s->draws = mat_new(a, c->rows, first->in.n);
    if (!s->signal.p || !s->draws.p)
        return err_set(e, ERR_MEMORY, "not enough memory for the corrupted input of %zu samples", c->rows);
    credit_draws(c, (struct draw){ .kind = DRAWS_NORMAL, .to = s->draws }, "noise.input");
    return 0;
}

/* f(x + std e) - t = (f(x + std e) - h) - d, for the target t = h + d. */
static void corrupted_grads(struct credit *c, struct pass *p, real *g)
{
    const struct unit *l = &c->chain->units[0];
    const struct denoising *s = c->update_state;
    mat_copy(mat_of(p->batch.x, c->rows, l->in.n), s->corrupted.in);
    mat_axpy((real)std_of(c), s->draws, s->corrupted.in);
    at_forward(l, s->corrupted);
    mat_sub(s->corrupted.out, p->links[0].out, s->signal);
    mat_sub(s->signal, c->d[0], s->signal);
    l->def->vjp(l, s->corrupted, s->signal, (struct mat){ 0 });
    credit_clear(c, l, g);
    l->def->grads(l, s->corrupted, (real)update_factor(c, 0), g);
}

static void grads(struct credit *c, struct pass *p, real *g)
{
    const bool corrupts = corrupts_input(c);
    for (size_t i = corrupts ? 1 : 0; i < c->chain->n_units && c->chain->first_link[i] < c->n; i++)
        update_local(c, p, i, g);
    if (corrupts)
        corrupted_grads(c, p, g);
}

extern const struct update_def update_denoising;
const struct update_def update_denoising = {
    .part = { .name = "denoising",
              .help = "gradient of the local losses, that of the first layer at a corrupted input",
              .ref = "Lee 2015, Sec. 3.4",
              .options = denoising_table,
              .opts_size = sizeof(struct denoising_options),
              .state_size = sizeof(struct denoising) },
    .fits = fits,
    .open = open,
    .corrupts_input = corrupts_input,
    .grads = grads,
};
