#include "net/tokens.h"

#include "net/mirror.h"
#include "net/transpose.h"

#include "math/blas.h"

struct tokens_state {
    struct mat w;     /* (pixels, pixels) */
    const real *bias; /* [pixels], or NULL */
    real *scratch;    /* of one sample */
};

enum { WEIGHT, BIAS };

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct tokens_options *o = u->opts;
    const size_t pixels = in.height * in.width;
    TRY(layer_params(u, a, e));
    u->in = u->out = in;
    u->n_delta = u->n_kept = in.n;
    u->act = act_of(o->activation);
    if (u->act.def->of_input)
        u->n_cache[0] = in.n;
    layer_add_param(u, "weight", 2, pixels, pixels, false);
    if (o->common.bias) {
        layer_add_param(u, "bias", 1, pixels, 1, true);
        u->params[BIAS].fan_in = pixels;
    }
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)rows;
    struct tokens_state *s = u->state;
    s->w = unit_param(u, WEIGHT, u->weights);
    s->bias = u->n_params > BIAS ? u->weights + u->params[BIAS].offset : NULL;
    s->scratch = arena_alloc(a, u->in.n, sizeof(real));
    return s->scratch ? 0 : err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* Row i of a matrix of maps: (pixels, channels). */
static struct mat sample(const struct unit *u, struct mat maps, size_t i)
{
    return mat_of(maps.p + i * maps.cols, maps.cols / u->in.channels, u->in.channels);
}

static void preactivation(const struct tokens_state *s, struct mat in, struct mat out)
{
    for (size_t i = 0; s->bias && i < out.rows; i++)
        for (size_t j = 0; j < out.cols; j++)
            out.p[i * out.cols + j] = s->bias[i];
    blas_gemm(false, false, 1, s->w, in, s->bias ? 1 : 0, out);
}

static void forward(const struct unit *u, struct at at)
{
    for (size_t i = 0; i < at.in.rows; i++) {
        const struct mat out = sample(u, at.out, i), before = at.cache[0].p ? sample(u, at.cache[0], i) : out;
        preactivation(u->state, sample(u, at.in, i), before);
        act_apply(u->act, before, out);
    }
}

static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)at;
    const struct tokens_state *state = u->state;
    for (size_t i = 0; i < t.rows; i++)
        blas_gemm(true, false, 1, state->w, sample(u, t, i), 0, sample(u, out, i));
}

static const struct transpose_def transpose = { .back = back };

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    act_times_slope(u->act, at.cache[0], at.out, s, at.delta);
    if (dh.p)
        back(u, at, at.delta, dh);
}

static void grads(const struct unit *u, struct at at, real scale, real *g)
{
    for (size_t i = 0; i < at.in.rows; i++) {
        const struct mat delta = sample(u, at.delta, i);
        blas_gemm(false, true, scale, delta, sample(u, at.in, i), 1, unit_param(u, WEIGHT, g));
        for (size_t j = 0; u->n_params > BIAS && j < delta.rows; j++) {
            real sum = 0;
            for (size_t k = 0; k < delta.cols; k++)
                sum += delta.p[j * delta.cols + k];
            g[u->params[BIAS].offset + j] += scale * sum;
        }
    }
}

static void jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    const struct tokens_state *s = u->state;
    for (size_t i = 0; i < v.rows; i++)
        blas_gemm(false, false, 1, s->w, sample(u, v, i), 0, sample(u, out, i));
    act_times_slope(u->act, at.cache[0], at.out, out, out);
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    const struct tokens_state *s = u->state;
    for (size_t i = 0; i < at.in.rows; i++) {
        struct mat before = mat_of(s->scratch, s->w.rows, u->in.channels);
        if (at.cache[0].p)
            before = sample(u, at.cache[0], i);
        else
            preactivation(s, sample(u, at.in, i), before);
        for (size_t row = i; row < d.rows; row += at.in.rows) {
            const struct mat to = sample(u, out, row);
            blas_gemm(false, false, 1, s->w, sample(u, d, row), 0, to);
            act_difference(u->act, before, sample(u, at.out, i), to, to);
        }
    }
}

static double flops(const struct unit *u, size_t rows, double *product)
{
    return *product = 2.0 * (double)rows * (double)u->in.n * (double)u->params[WEIGHT].rows;
}

static int shape_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct act act = mirror_act(m);
    struct tokens_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
    o->common = mirror_common(m);
    o->activation = (struct chosen){ &act.def->part, (void *)act.opts }; /* only read */
    return unit_shape(g, (struct chosen){ &net_tokens.part, o }, u->out, a, e);
}

static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    return mirror_behind_act(u, g, m, shape_mirror, a, e);
}

const struct unit_def net_tokens = {
    .part = { .name = "tokens",
              .help = "one affine map over the pixels of every channel",
              .opts_size = sizeof(struct tokens_options),
              .state_size = sizeof(struct tokens_state) },
    .shape = shape,
    .open = open,
    .forward = forward,
    .vjp = vjp,
    .grads = grads,
    .flops = flops,
    .jvp = jvp,
    .difference = difference,
    .mirror = mirror,
    .transpose = &transpose,
};
