/* dense: h' = a(W h + b), with W its own or the transpose of an earlier layer's (tied weights of an auto-encoder). */
#include "net/layer_dense.h"

#include "net/affine.h"
#include "net/transmit.h"

struct dense_state {
    struct affine affine;
    const real *bias; /* or NULL */
};

static const struct option dense_table[] = {
    { "units", OPT_INT, offsetof(struct dense_options, units), NULL, 1, 1e7, OPTION_REQUIRED, "number of outputs" },
    { "activation", OPT_PART, offsetof(struct dense_options, activation), "linear", .flags = OPTION_PLAIN, .registry = &act_registry,
      .help = "activation of the outputs", .elsewhere = layer_no_activations },
    { "tied", OPT_INT, offsetof(struct dense_options, tied), "-1", 0, 1e4, OPTION_NULLABLE,
      "index (from 0) of an earlier dense layer whose weights, transposed, are this layer's; it then has a bias alone, and trainable and "
      "stepsize_factor are about that; null = weights of its own" },
    LAYER_OPTIONS(struct dense_options),
    { "transmit", OPT_PART, offsetof(struct dense_options, transmit), "identity", .registry = &transmit_registry,
      .help = "what the layer above gets of the outputs; state and target stay what they are" },
    { 0 }
};

static int64_t dense_tied(const struct layer *l)
{
    return ((const struct dense_options *)l->opts)->tied;
}

static int dense_shape(struct layer *l, size_t features, struct err *e)
{
    const struct dense_options *o = l->opts;
    if (l->tied && l->tied->n_in != (size_t)o->units)
        return err_at(e, l->where, "network.layers.%zu.units: %lld, but the transpose of network.layers.%zu gives %zu", l->index,
                      (long long)o->units, l->tied->index, l->tied->n_in);
    l->n_in = features;
    l->n_out = l->n_delta = (size_t)o->units;
    l->act = act_of(o->activation);
    if (o->transmit.part != &transmit_identity.part)
        l->transmit = o->transmit;
    if (!l->tied)
        layer_add_param(l, "weight", 2, l->n_out, l->n_in, false);
    if (o->common.bias)
        layer_add_param(l, "bias", 1, l->n_out, 1, true);
    return 0;
}

/* The last parameter, if the layer has one. */
static const struct param *bias_of(const struct layer *l)
{
    const struct param *last = l->n_params ? &l->params[l->n_params - 1] : NULL;
    return last && last->is_bias ? last : NULL;
}

static int dense_open(struct layer *l, size_t rows, struct arena *a, struct err *e)
{
    struct dense_state *s = l->state;
    const struct param *bias = bias_of(l);
    s->bias = bias ? l->weights + bias->offset : NULL;
    if (l->tied)
        return affine_open_transposed(&s->affine, layer_param(l->tied, 0, l->weights), l->act, rows, a, e);
    return affine_open(&s->affine, layer_param(l, 0, l->weights), l->act, rows, a, e);
}

static void dense_finish(struct layer *l)
{
    struct dense_state *s = l->state;
    affine_finish(&s->affine);
}

static void dense_refresh(struct layer *l)
{
    struct dense_state *s = l->state;
    affine_refresh(&s->affine);
}

static void dense_forward(const struct layer *l, struct link at)
{
    const struct dense_state *s = l->state;
    if (s->bias)
        mat_set_rows(s->bias, at.out);
    else
        mat_zero(at.out);
    if (at.side.p)
        mat_add(at.out, at.side, at.out);
    affine_forward(&s->affine, at.in, at.out);
}

static void dense_vjp(const struct layer *l, struct link at, struct mat s, struct mat dh)
{
    const struct dense_state *state = l->state;
    affine_vjp(&state->affine, at.out, s, at.delta, dh);
}

static void dense_jvp(const struct layer *l, struct link at, struct mat v, struct mat out)
{
    const struct dense_state *s = l->state;
    affine_jvp(&s->affine, at.out, v, out);
}

static void dense_difference(const struct layer *l, struct link at, struct mat d, struct mat out)
{
    const struct dense_state *s = l->state;
    const struct mat u = mat_of(s->affine.scratch.p, at.in.rows, l->n_out);
    affine_linear(&s->affine, at.in, u);
    if (s->bias)
        mat_add_row(s->bias, u);
    affine_linear(&s->affine, d, out);
    act_difference_blocks(l->act, u, at.out, out);
}

static void dense_grads(const struct layer *l, struct link at, real scale, real *g)
{
    const struct param *bias = bias_of(l);
    if (l->tied) /* d/dW of W^T h: the transpose of delta^T h */
        blas_gemm(true, false, scale, at.in, at.delta, 1, layer_param(l->tied, 0, g));
    else
        blas_gemm(true, false, scale, at.delta, at.in, 1, layer_param(l, 0, g));
    if (bias)
        mat_sum_rows(at.delta, scale, g + bias->offset);
}

static double dense_flops(const struct layer *l, size_t rows, double *product)
{
    *product = 2.0 * (double)rows * (double)l->n_in * (double)l->n_out;
    return *product;
}

static int dense_inverse_refresh(struct layer *l, const struct inverse_options *o, struct err *e)
{
    struct dense_state *s = l->state;
    return affine_inverse_refresh(&s->affine, l->arena, o, e);
}

static void dense_inverse_apply(const struct layer *l, struct link at, struct mat v, const struct inverse_options *o, struct mat out)
{
    (void)at;
    const struct dense_state *s = l->state;
    affine_inverse_apply(&s->affine, v, (struct mat){ 0 }, s->bias, (real)o->clamp, out);
}

static void dense_inverse_difference(const struct layer *l, struct link at, struct mat d, const struct inverse_options *o, struct mat out)
{
    const struct dense_state *s = l->state;
    affine_inverse_difference(&s->affine, at.out, d, (real)o->clamp, out);
}

static void dense_inverse_jvp(const struct layer *l, struct link at, struct mat d, const struct inverse_options *o, struct mat out)
{
    const struct dense_state *s = l->state;
    affine_inverse_jvp(&s->affine, at.out, d, (real)o->clamp, out);
}

void dense_linear(const struct layer *l, struct mat in, struct mat out)
{
    const struct dense_state *s = l->state;
    affine_linear(&s->affine, in, out);
}

const real *dense_bias(const struct layer *l)
{
    const struct dense_state *s = l->state;
    return s->bias;
}

const struct layer_def layer_dense = {
    .part = { .name = "dense",
              .help = "fully connected layer, a(W h + b)",
              .options = dense_table,
              .opts_size = sizeof(struct dense_options),
              .state_size = sizeof(struct dense_state),
              .gives = GIVES_INVERSE | GIVES_MIRROR },
    .shape = dense_shape,
    .tied = dense_tied,
    .open = dense_open,
    .finish = dense_finish,
    .refresh = dense_refresh,
    .forward = dense_forward,
    .vjp = dense_vjp,
    .jvp = dense_jvp,
    .difference = dense_difference,
    .grads = dense_grads,
    .flops = dense_flops,
    .inverse_refresh = dense_inverse_refresh,
    .inverse_apply = dense_inverse_apply,
    .inverse_difference = dense_inverse_difference,
    .inverse_jvp = dense_inverse_jvp,
};
