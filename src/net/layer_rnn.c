/* rnn: h_t = a(W h_{t-1} + U x_t + b), the plain recurrent layer (Elman 1990; Roulet & Harchaoui 2022, Sec. 2).
 * One bias stands for PyTorch's two equal ones: bias_stepsize_factor 2 moves it as fast as the pair (sheet 0.3). */
#include "net/affine.h"
#include "net/transpose.h"

struct rnn_options {
    struct layer_options common;
    int64_t units;
    bool sequence;
    struct chosen activation;
};

struct rnn_state {
    struct affine affine; /* first; of weight_hh */
    struct mat u, ut;     /* weight_ih (units, side), and transposed for the forward pass */
    const real *bias;     /* or NULL */
    struct mat offset;    /* (rows, units): scratch for x U^T of one step */
};

static const struct option rnn_table[] = {
    { "units", OPT_INT, offsetof(struct rnn_options, units), NULL, 1, 1e6, OPTION_REQUIRED, "size of the state" },
    { "sequence", OPT_BOOL, offsetof(struct rnn_options, sequence), "false",
      .help = "give every state, for a loss at each step, instead of the last one" },
    { "activation", OPT_PART, offsetof(struct rnn_options, activation), "tanh", .flags = OPTION_PLAIN,
      .registry = &act_registry, .help = "activation of the state", .elsewhere = layer_no_activations },
    LAYER_OPTIONS(struct rnn_options),
    { 0 }
};

enum { WEIGHT_IH, WEIGHT_HH, BIAS };

static int rnn_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct rnn_options *o = u->opts;
    TRY(layer_params(u, a, e));
    u->in = u->out = shape_flat((size_t)o->units);
    u->n_side = in.n;
    u->n_delta = u->out.n;
    u->all_states = o->sequence;
    u->act = act_of(o->activation);
    if (u->act.def->of_input)
        u->n_cache[0] = u->out.n;
    u->cannot = u->act.def->inverse ? 0 : CAN_INVERT | CAN_INVERT_VALUES;
    layer_add_param(u, "weight_ih", 2, u->out.n, u->n_side, false);
    layer_add_param(u, "weight_hh", 2, u->out.n, u->in.n, false);
    if (o->common.bias)
        layer_add_param(u, "bias", 1, u->out.n, 1, true);
    return 0;
}

static int rnn_open(struct unit *l, size_t rows, struct arena *a, struct err *e)
{
    struct rnn_state *s = l->state;
    s->u = unit_param(l, WEIGHT_IH, l->weights);
    s->bias = l->n_params > BIAS ? l->weights + l->params[BIAS].offset : NULL;
    s->ut = mat_new(a, s->u.cols, s->u.rows);
    s->offset = mat_new(a, rows, l->out.n);
    if (!s->ut.p || !s->offset.p)
        return err_set(e, ERR_MEMORY, "not enough memory for a recurrent layer of %zu units", l->out.n);
    return affine_open(&s->affine, unit_param(l, WEIGHT_HH, l->weights), l->act, rows, a, e);
}

static void rnn_refresh(struct unit *l)
{
    struct rnn_state *s = l->state;
    affine_refresh(l);
    mat_transpose(s->u, s->ut);
}

/* x_t U^T + b of many steps in one product, left where the recursion accumulates. */
static void rnn_prepare(const struct unit *l, struct at at)
{
    const struct rnn_state *s = l->state;
    if (s->bias)
        mat_set_rows(s->bias, at.out);
    blas_gemm(false, false, 1, at.side, s->ut, s->bias ? 1 : 0, at.out);
}

static void rnn_grads(const struct unit *l, struct at at, real scale, real *g)
{
    blas_gemm(true, false, scale, at.delta, at.side, 1, unit_param(l, WEIGHT_IH, g));
    blas_gemm(true, false, scale, at.delta, at.in, 1, unit_param(l, WEIGHT_HH, g));
    if (l->n_params > BIAS)
        mat_sum_rows(at.delta, scale, g + l->params[BIAS].offset);
}

static void rnn_side_product(const struct unit *l, struct at at, struct mat out)
{
    const struct rnn_state *s = l->state;
    blas_gemm(false, true, 1, at.side, s->u, 0, out);
}

static void rnn_inverse_apply(const struct unit *l, struct at at, struct mat v, const struct inverse_options *o,
                              struct mat out)
{
    const struct rnn_state *s = l->state;
    struct mat offset = mat_of(s->offset.p, v.rows, l->out.n);
    blas_gemm(false, true, 1, at.side, s->u, 0, offset);
    affine_inverse_apply(&s->affine, v, offset, s->bias, (real)o->clamp, out);
}

static const struct inverse_def rnn_inverse = { affine_inverse_open, affine_inverse_refresh, rnn_inverse_apply,
                                                affine_inverse_difference, affine_inverse_jvp };

extern const struct unit_def layer_rnn;
const struct unit_def layer_rnn = {
    .part = { .name = "rnn",
              .help = "recurrent layer, h_t = a(W h_{t-1} + U x_t + b); gives its last state",
              .ref = "Elman 1990; Roulet 2022, Sec. 2",
              .options = rnn_table,
              .opts_size = sizeof(struct rnn_options),
              .state_size = sizeof(struct rnn_state),
              .gives = GIVES_SEQUENCE },
    .shape = rnn_shape,
    .open = rnn_open,
    .refresh = rnn_refresh,
    .prepare = rnn_prepare,
    .forward = affine_forward,
    .vjp = affine_vjp,
    .jvp = affine_jvp,
    .grads = rnn_grads,
    .side_product = rnn_side_product,
    .flops = affine_flops,
    .mirror = affine_mirror,
    .transpose = &affine_transpose,
    .inverse = &rnn_inverse,
};
