/* gru: the gated recurrent unit as PyTorch runs it (Cho 2014 with the reset gate inside the product), gates stacked r,
 * z, n: r = s(U_r x + bi_r + W_r h + bh_r)     z = s(U_z x + bi_z + W_z h + bh_z) q = W_n h + bh_n n = tanh(U_n x +
 * bi_n + r q)          h' = (1 - z) n + z h Sheet roulet2022, 1.2 and 3.6. cache[GATES] holds x U^T and then r, z,
 * n; cache[HIDDEN] holds h W^T and then q. */
#include "math/blas.h"
#include "math/elementary.h"
#include "math/solve.h"
#include "net/inverse.h"
#include "net/layer.h"

#include <assert.h>

struct gru_options {
    struct layer_options common;
    int64_t units;
    bool sequence;
};

struct gru_state {
    size_t rows;
    struct mat u, ut, w, wt;       /* (3 units, side), (3 units, units), and transposed for the forward pass */
    const real *bias_ih, *bias_hh; /* of zeros if there are none */
    struct product up, down;       /* h W^T, and (rows, 3 units) x (3 units, units) */
    struct mat scratch;            /* (rows, 3 units) */
    struct mat m;                  /* (3 units, units): regularized inverses of W_r, W_z, W_n, one below the other */
    struct ridge ridge;
};

static const struct option gru_table[] = {
    { "units", OPT_INT, offsetof(struct gru_options, units), NULL, 1, 1e6, OPTION_REQUIRED, "size of the state" },
    { "sequence", OPT_BOOL, offsetof(struct gru_options, sequence), "false",
      .help = "give every state, for a loss at each step, instead of the last one" },
    LAYER_OPTIONS(struct gru_options),
    { 0 }
};

enum { WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH };

/* of the cache */
enum { GATES, HIDDEN };

static int gru_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct gru_options *o = u->opts;
    TRY(layer_params(u, a, e));
    u->in = u->out = shape_flat((size_t)o->units);
    u->n_side = in.n;
    u->all_states = o->sequence;
    u->n_cache[GATES] = u->n_cache[HIDDEN] = u->n_delta = 3 * u->out.n;
    layer_add_param(u, "weight_ih", 2, 3 * u->out.n, u->n_side, false);
    layer_add_param(u, "weight_hh", 2, 3 * u->out.n, u->in.n, false);
    if (o->common.bias) {
        layer_add_param(u, "bias_ih", 1, 3 * u->out.n, 1, true);
        layer_add_param(u, "bias_hh", 1, 3 * u->out.n, 1, true);
    }
    return 0;
}

static int gru_open(struct unit *l, size_t rows, struct arena *a, struct err *e)
{
    struct gru_state *s = l->state;
    const size_t n = l->out.n;
    s->rows = rows;
    s->u = unit_param(l, WEIGHT_IH, l->weights);
    s->ut = mat_new(a, l->n_side, 3 * n);
    s->w = unit_param(l, WEIGHT_HH, l->weights);
    const bool has_bias = l->n_params > BIAS_IH;
    const struct mat none = mat_new(a, has_bias ? 0 : 1, 3 * n);
    s->bias_ih = has_bias ? l->weights + l->params[BIAS_IH].offset : none.p;
    s->bias_hh = has_bias ? l->weights + l->params[BIAS_HH].offset : none.p;
    s->wt = mat_new(a, n, 3 * n);
    s->scratch = mat_new(a, rows, 3 * n);
    if (!none.p || !s->ut.p || !s->wt.p || !s->scratch.p)
        return err_set(e, ERR_MEMORY, "not enough memory for a gru of %zu units", n);
    if (a->counting)
        return 0;
    s->up = product_plan(rows, 3 * n, n, false);
    s->down = product_plan(rows, n, 3 * n, true);
    return 0;
}

static void gru_refresh(struct unit *l)
{
    struct gru_state *s = l->state;
    mat_transpose(s->u, s->ut);
    mat_transpose(s->w, s->wt);
}

static void multiply(const struct product *p, struct mat a, struct mat b, struct mat out)
{
    if (a.rows == p->m)
        product_run(p, a.p, b.p, out.p);
    else
        blas_gemm(false, false, 1, a, b, p->accumulate ? 1 : 0, out);
}

static void gru_prepare(const struct unit *l, struct at at)
{
    const struct gru_state *s = l->state;
    blas_gemm(false, false, 1, at.side, s->ut, 0, at.cache[GATES]);
}

static void gru_forward(const struct unit *l, struct at at)
{
    const struct gru_state *s = l->state;
    const size_t n = l->out.n;
    const real *bi = s->bias_ih, *bh = s->bias_hh;
    multiply(&s->up, at.in, s->wt, at.cache[HIDDEN]);
    for (size_t i = 0; i < at.out.rows; i++) {
        real *gates = at.cache[GATES].p + i * 3 * n, *hidden = at.cache[HIDDEN].p + i * 3 * n, *out = at.out.p + i * n;
        const real *h = at.in.p + i * n;
        ELEMENTWISE
        for (size_t j = 0; j < n; j++) {
            const real r = real_sigmoid((gates[j] + bi[j]) + (hidden[j] + bh[j])),
                       z = real_sigmoid((gates[n + j] + bi[n + j]) + (hidden[n + j] + bh[n + j])),
                       q = hidden[2 * n + j] + bh[2 * n + j], g = real_tanh((gates[2 * n + j] + bi[2 * n + j]) + r * q);
            gates[j] = r;
            gates[n + j] = z;
            gates[2 * n + j] = g;
            hidden[2 * n + j] = q;
            out[j] = (1 - z) * g + z * h[j];
        }
    }
}

/* Of one sample, v = dL/dh': the gradient at the input-side pre-activations; and, if `back`, at the hidden side, where
 * the new gate's is times r, and what z lets through. */
static inline __attribute__((always_inline)) void vjp_row(size_t n, const real *gates, const real *q, const real *h,
                                                          const real *v, real *delta, const bool back, real *hidden,
                                                          real *dh)
{
    ELEMENTWISE
    for (size_t j = 0; j < n; j++) {
        const real r = gates[j], z = gates[n + j], g = gates[2 * n + j];
        const real dn = v[j] * (1 - z) * (1 - g * g), dz = v[j] * (h[j] - g) * z * (1 - z),
                   dr = dn * q[j] * r * (1 - r);
        delta[j] = dr;
        delta[n + j] = dz;
        delta[2 * n + j] = dn;
        if (back) {
            hidden[j] = dr;
            hidden[n + j] = dz;
            hidden[2 * n + j] = dn * r;
            dh[j] = v[j] * z;
        }
    }
}

static void gru_vjp(const struct unit *l, struct at at, struct mat s, struct mat dh)
{
    const struct gru_state *state = l->state;
    const size_t n = l->out.n;
    assert(!dh.p || s.rows <= state->rows); /* links of a minibatch; a stack asks for no dh */
    for (size_t i = 0; i < s.rows; i++) {
        const real *gates = at.cache[GATES].p + i * 3 * n, *q = at.cache[HIDDEN].p + i * 3 * n + 2 * n,
                   *h = at.in.p + i * n, *v = s.p + i * n;
        real *delta = at.delta.p + i * 3 * n;
        if (dh.p)
            vjp_row(n, gates, q, h, v, delta, true, state->scratch.p + i * 3 * n, dh.p + i * n);
        else
            vjp_row(n, gates, q, h, v, delta, false, NULL, NULL);
    }
    if (dh.p)
        multiply(&state->down, mat_rows(state->scratch, 0, s.rows), state->w, dh);
}

static void gru_jvp(const struct unit *l, struct at at, struct mat v, struct mat out)
{
    const struct gru_state *s = l->state;
    const size_t n = l->out.n;
    struct mat p = mat_of(s->scratch.p, v.rows, 3 * n);
    blas_gemm(false, false, 1, v, s->wt, 0, p);
    for (size_t i = 0; i < v.rows; i++) {
        const real *r = at.cache[GATES].p + i * 3 * n, *z = r + n, *g = r + 2 * n,
                   *q = at.cache[HIDDEN].p + i * 3 * n + 2 * n, *h = at.in.p + i * n;
        const real *pr = p.p + i * 3 * n, *pz = pr + n, *pq = pr + 2 * n, *x = v.p + i * n;
        ELEMENTWISE
        for (size_t j = 0; j < n; j++) {
            const real dr = pr[j] * r[j] * (1 - r[j]), dz = pz[j] * z[j] * (1 - z[j]);
            const real dn = (dr * q[j] + r[j] * pq[j]) * (1 - g[j] * g[j]);
            out.p[i * n + j] = (1 - z[j]) * dn + dz * (h[j] - g[j]) + z[j] * x[j];
        }
    }
}

static void gru_grads(const struct unit *l, struct at at, real scale, real *g)
{
    const size_t n = l->out.n;
    blas_gemm(true, false, scale, at.delta, at.side, 1, unit_param(l, WEIGHT_IH, g));
    if (l->n_params > BIAS_IH)
        mat_sum_rows(at.delta, scale, g + l->params[BIAS_IH].offset);
    for (size_t i = 0; i < at.delta.rows; i++) {
        real *hidden = at.delta.p + i * 3 * n + 2 * n;
        const real *r = at.cache[GATES].p + i * 3 * n;
        ELEMENTWISE
        for (size_t j = 0; j < n; j++)
            hidden[j] *= r[j];
    }
    blas_gemm(true, false, scale, at.delta, at.in, 1, unit_param(l, WEIGHT_HH, g));
    if (l->n_params > BIAS_HH)
        mat_sum_rows(at.delta, scale, g + l->params[BIAS_HH].offset);
}

static double gru_flops(const struct unit *l, size_t rows, double *product)
{
    *product = 6.0 * (double)rows * (double)l->in.n * (double)l->out.n;
    return *product + 6.0 * (double)rows * (double)l->n_side * (double)l->out.n;
}

static int gru_inverse_open(struct unit *u, const struct inverse_options *o, struct err *e)
{
    (void)o;
    struct gru_state *s = u->state;
    const size_t n = u->out.n;
    if (s->m.p)
        return 0;
    TRY(ridge_init(&s->ridge, n, n, u->arena, e));
    s->m = mat_new(u->arena, 3 * n, n);
    return s->m.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the inverse of a gru of %zu units", n);
}

static int gru_inverse_refresh(struct unit *l, const struct inverse_options *o, struct err *e)
{
    struct gru_state *s = l->state;
    const size_t n = l->out.n;
    for (size_t gate = 0; gate < 3; gate++)
        TRY(ridge_inverse(&s->ridge, mat_rows(s->w, gate * n, n), o->regularization, mat_rows(s->m, gate * n, n), e));
    return 0;
}

static inline real clip(real x, real clamp)
{
    return x < clamp ? clamp : x > 1 - clamp ? 1 - clamp : x; /* NaN passes */
}

/* Ordinary derivatives of the elementwise operations; each recurrent linear map, with its logistic, is replaced by its
 * regularized inverse. The tanh of the new gate is not inverted. `released` exchanges z and 1 - z, as the released code
 * does. */
static void gru_inverse_jvp(const struct unit *l, struct at at, struct mat d, const struct inverse_options *o,
                            struct mat out)
{
    const struct gru_state *s = l->state;
    const size_t n = l->out.n;
    const real clamp = (real)o->clamp;
    const bool released = o->gates == GATES_RELEASED;
    struct mat y = mat_of(s->scratch.p, d.rows, 3 * n);
    for (size_t i = 0; i < d.rows; i++) {
        const real *r = at.cache[GATES].p + i * 3 * n, *z = r + n, *g = r + 2 * n,
                   *q = at.cache[HIDDEN].p + i * 3 * n + 2 * n;
        const real *h = at.in.p + i * n, *v = d.p + i * n;
        real *yr = y.p + i * 3 * n, *yz = yr + n, *yn = yr + 2 * n, *to = out.p + i * n;
        ELEMENTWISE
        for (size_t j = 0; j < n; j++) {
            const real keep = released ? 1 - z[j] : z[j], zk = clip(z[j], clamp), rk = clip(r[j], clamp);
            const real e = (1 - g[j] * g[j]) * (1 - keep) * v[j], dz = released ? g[j] - h[j] : h[j] - g[j];
            yz[j] = dz * v[j] / (zk * (1 - zk));
            yr[j] = q[j] * e / (rk * (1 - rk));
            yn[j] = r[j] * e;
            to[j] = keep * v[j];
        }
    }
    multiply(&s->down, y, s->m, out);
}

static const struct inverse_def gru_inverse = { .open = gru_inverse_open,
                                                .refresh = gru_inverse_refresh,
                                                .jvp = gru_inverse_jvp };

extern const struct unit_def layer_gru;
const struct unit_def layer_gru = {
    .part = { .name = "gru",
              .help = "gated recurrent unit; gives its last state",
              .ref = "Cho 2014; Roulet 2022, Fig. 4d",
              .options = gru_table,
              .opts_size = sizeof(struct gru_options),
              .state_size = sizeof(struct gru_state),
              .gives = GIVES_SEQUENCE },
    .shape = gru_shape,
    .open = gru_open,
    .refresh = gru_refresh,
    .prepare = gru_prepare,
    .forward = gru_forward,
    .vjp = gru_vjp,
    .jvp = gru_jvp,
    .grads = gru_grads,
    .flops = gru_flops,
    .inverse = &gru_inverse,
};
