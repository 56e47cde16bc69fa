/* dense: h' = a(W h + b), with W its own or the transpose of an earlier layer's (tied weights of an auto-encoder). Also
 * what feedback units are that lead back through affine maps: there a side input (B, out.n) is another unit's share of
 * the pre-activation, and forward adds it. */
#include "net/affine.h"
#include "net/transmit.h"
#include "net/transpose.h"

struct dense_options {
    struct layer_options common;
    int64_t units;
    int64_t tied; /* index of the layer whose transpose it is; -1 = none. Read by chain_shape alone. */
    struct chosen activation, transmit;
};

struct dense_state {
    struct affine affine; /* first */
    const real *bias;     /* or NULL */
};

static const struct option dense_table[] = {
    { "units", OPT_INT, offsetof(struct dense_options, units), NULL, 1, 1e7, OPTION_REQUIRED, "number of outputs" },
    { "activation", OPT_PART, offsetof(struct dense_options, activation), "linear", .flags = OPTION_PLAIN,
      .registry = &act_registry, .help = "activation of the outputs", .elsewhere = layer_no_activations },
    { "tied", OPT_INT, offsetof(struct dense_options, tied), "-1", 0, 1e4, OPTION_NULLABLE,
      "index (from 0) of an earlier dense layer whose weights, transposed, are this layer's; it then has a bias alone, "
      "and trainable and "
      "stepsize_factor are about that; null = weights of its own" },
    LAYER_OPTIONS(struct dense_options),
    { "transmit", OPT_PART, offsetof(struct dense_options, transmit), "identity", .registry = &transmit_registry,
      .help = "what the layer above gets of the outputs; state and target stay what they are" },
    { 0 }
};

static int64_t tied(const struct unit *u)
{
    const struct dense_options *o = u->opts;
    return o->tied;
}

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct dense_options *o = u->opts;
    if (u->tied && u->tied->in.n != (size_t)o->units)
        return err_at(e, u->where, "network.layers.%zu.units: %lld, but the transpose of network.layers.%zu gives %zu",
                      u->index, (long long)o->units, u->tied->index, u->tied->in.n);
    TRY(layer_params(u, a, e));
    u->in = shape_flat(in.n);
    u->out = shape_flat((size_t)o->units);
    u->n_delta = u->n_kept = u->out.n;
    u->act = act_of(o->activation);
    if (u->act.def->of_input)
        u->n_cache[0] = u->out.n;
    u->cannot = (u->act.def->inverse ? 0 : CAN_INVERT | CAN_INVERT_VALUES) | (u->tied ? CAN_INPUT_SQUARES : 0) |
                (u->act.def->times_slope_difference && !u->tied ? 0 : CAN_LEARN_DIFFERENCE);
    if (o->transmit.part != &transmit_identity.part)
        u->transmit = o->transmit;
    if (!u->tied)
        layer_add_param(u, "weight", 2, u->out.n, u->in.n, false);
    if (o->common.bias)
        layer_add_param(u, "bias", 1, u->out.n, 1, true);
    return 0;
}

/* The last parameter, if the layer has one. */
static const struct param *bias_of(const struct unit *u)
{
    const struct param *last = u->n_params ? &u->params[u->n_params - 1] : NULL;
    return last && last->is_bias ? last : NULL;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct dense_state *s = u->state;
    const struct param *bias = bias_of(u);
    s->bias = bias ? u->weights + bias->offset : NULL;
    if (u->tied)
        return affine_open_transposed(&s->affine, unit_param(u->tied, 0, u->weights), u->act, rows, a, e);
    return affine_open(&s->affine, unit_param(u, 0, u->weights), u->act, rows, a, e);
}

/* b, the side input, and W h. */
static void preactivation(const struct dense_state *s, struct at at, struct mat u)
{
    if (s->bias)
        mat_set_rows(s->bias, u);
    else
        mat_zero(u);
    if (at.side.p)
        mat_add(u, at.side, u);
    affine_add(&s->affine, at.in, u);
}

static void forward(const struct unit *u, struct at at)
{
    const struct mat before = at.cache[0].p ? at.cache[0] : at.out;
    preactivation(u->state, at, before);
    act_apply(u->act, before, at.out);
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    const struct dense_state *s = u->state;
    struct mat before = at.cache[0];
    if (!before.p) {
        before = mat_of(s->affine.scratch.p, at.in.rows, u->out.n);
        preactivation(s, at, before);
    }
    affine_linear(&s->affine, d, out);
    act_difference_blocks(u->act, before, at.out, out);
}

static void grads(const struct unit *u, struct at at, real scale, real *g)
{
    const struct param *bias = bias_of(u);
    if (u->tied) /* d/dW of W^T h: the transpose of delta^T h */
        blas_gemm(true, false, scale, at.in, at.delta, 1, unit_param(u->tied, 0, g));
    else
        blas_gemm(true, false, scale, at.delta, at.in, 1, unit_param(u, 0, g));
    if (bias)
        mat_sum_rows(at.delta, scale, g + bias->offset);
}

/* delta(h + d)^T (h + d) - delta(h)^T h = delta(h + d)^T d + (delta(h + d) - delta(h))^T h */
static void difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                             real scale, real *g)
{
    const struct dense_state *state = u->state;
    const struct mat delta = mat_of(state->affine.scratch.p, s.rows, s.cols);
    act_times_slope_difference(u->act, at.out, moved, s, at.delta);
    if (u->act.def != &act_linear) /* whose slope is the same everywhere */
        grads(u, at, scale, g);
    act_times_slope(u->act, at.cache[0], at.out, s, delta);
    mat_add(delta, at.delta, delta);
    blas_gemm(true, false, scale, delta, d, 1, unit_param(u, 0, g));
}

static void input_squares(const struct unit *u, struct at at, double *squares)
{
    const struct param *bias = bias_of(u);
    const double one = bias && bias->stepsize > 0 ? 1 : 0;
    for (size_t i = 0; i < at.in.rows; i++)
        squares[i] = (u->params[0].stepsize > 0 ? mat_sum_squares(mat_rows(at.in, i, 1)) : 0) + one;
}

static void inverse_apply(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                          struct mat out)
{
    (void)at;
    const struct dense_state *s = u->state;
    affine_inverse_apply(&s->affine, v, (struct mat){ 0 }, s->bias, (real)o->clamp, out);
}

static const struct inverse_def inverse = { affine_inverse_open, affine_inverse_refresh, inverse_apply,
                                            affine_inverse_difference, affine_inverse_jvp };

extern const struct unit_def layer_dense;
const struct unit_def layer_dense = {
    .part = { .name = "dense",
              .help = "fully connected layer, a(W h + b)",
              .options = dense_table,
              .opts_size = sizeof(struct dense_options),
              .state_size = sizeof(struct dense_state) },
    .shape = shape,
    .tied = tied,
    .open = open,
    .refresh = affine_refresh,
    .forward = forward,
    .vjp = affine_vjp,
    .grads = grads,
    .flops = affine_flops,
    .jvp = affine_jvp,
    .difference = difference,
    .difference_grads = difference_grads,
    .input_squares = input_squares,
    .mirror = affine_mirror,
    .transpose = &affine_transpose,
    .inverse = &inverse,
};

/* A bias for every output. Convolutions have one for a channel, which is none of a map's numbers. */
static bool has_bias(const struct unit *u)
{
    if (shape_is_map(u->out))
        return false;
    for (size_t j = 0; j < u->n_params; j++)
        if (u->params[j].is_bias)
            return true;
    return false;
}

int mirror_affine(struct unit *g, struct shape from, size_t to, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct act act = mirror_act(m);
    struct dense_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
    *o = (struct dense_options){
        .common = mirror_common(m), .units = (int64_t)to, .tied = -1, .transmit = { &transmit_identity.part, NULL }
    };
    o->common.bias = m->common.bias && (!m->target || has_bias(m->target));
    o->activation = (struct chosen){ &act.def->part, (void *)act.opts }; /* only read */
    return unit_shape(g, (struct chosen){ &layer_dense.part, o }, from, a, e);
}
