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

/* The first layer on the corrupted input. */
struct denoising_state {
    struct link corrupted;
    struct mat signal; /* (B, n_out) */
};

static double std_of(const struct credit *c)
{
    return ((const struct denoising_options *)c->choice.update.opts)->input_noise;
}

static int shape(const struct credit *c, struct err *e)
{
    const struct layer *first = &c->chain->layers[0];
    if (!(first->def->part.gives & GIVES_SEQUENCE) || std_of(c) == 0)
        return 0;
    return err_at(e, first->where,
                  "algorithm.update.input_noise: 'denoising' corrupts the input of a flat first layer; "
                  "network.layers.0 (%s) reads sequences",
                  first->def->part.name);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    const struct layer *l = &c->chain->layers[0];
    struct denoising_state *s = arena_alloc(a, 1, sizeof *s);
    c->update_state = s;
    if (std_of(c) == 0)
        return s ? 0 : err_set(e, ERR_MEMORY, "not enough memory for an update rule");
    if (s) {
        s->corrupted = (struct link){ .in = mat_new(a, c->rows, l->n_in),
                                      .out = mat_new(a, c->rows, l->n_out),
                                      .delta = mat_new(a, c->rows, l->n_delta) };
        if (l->n_pre)
            s->corrupted.pre = mat_new(a, c->rows, l->n_pre);
        if (l->n_saved)
            s->corrupted.saved = mat_new(a, c->rows, l->n_saved);
        s->signal = mat_new(a, c->rows, l->n_out);
        c->input_noise = mat_new(a, c->rows, l->n_in);
    }
    if (!s || !s->corrupted.in.p || !s->corrupted.out.p || !s->corrupted.delta.p || !s->signal.p || !c->input_noise.p ||
        (l->n_pre && !s->corrupted.pre.p) || (l->n_saved && !s->corrupted.saved.p))
        return err_set(e, ERR_MEMORY, "not enough memory for the corrupted input of %zu samples", c->rows);
    return 0;
}

static double reals(const struct credit *c, size_t rows)
{
    const struct layer *l = &c->chain->layers[0];
    return std_of(c) == 0 ? 0 : (double)rows * (double)(2 * (l->n_in + l->n_out) + l->n_delta + l->n_pre + l->n_saved);
}

/* f(x + std e) - t = (f(x + std e) - h) - d, for the target t = h + d. */
static void corrupted_grads(struct credit *c, struct pass *p, real *g)
{
    const struct layer *l = &c->chain->layers[0];
    const struct denoising_state *s = c->update_state;
    mat_copy(mat_of(p->batch.x, c->rows, l->n_in), s->corrupted.in);
    mat_axpy((real)std_of(c), c->input_noise, s->corrupted.in);
    l->def->forward(l, s->corrupted);
    mat_sub(s->corrupted.out, p->links[0].out, s->signal);
    mat_sub(s->signal, c->d[0], s->signal);
    l->def->vjp(l, s->corrupted, s->signal, (struct mat){ 0 });
    l->def->grads(l, s->corrupted, (real)update_factor(c, 0), g);
}

static void grads(struct credit *c, struct pass *p, real *g)
{
    const bool corrupts = c->input_noise.p != NULL;
    for (size_t i = corrupts ? 1 : 0; i < c->chain->n_layers && c->chain->first_link[i] < c->n; i++)
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
              .opts_size = sizeof(struct denoising_options) },
    .input_noise = std_of,
    .shape = shape,
    .reals = reals,
    .open = open,
    .grads = grads,
};
