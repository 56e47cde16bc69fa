#include "net/conv.h"
#include "net/transpose.h"

#include "math/blas.h"
#include <limits.h>

enum { WEIGHT, BIAS };

/* Rows of a product that keep OpenBLAS busy, and the most images that are put together for them. */
enum { CHUNK_ROWS = 256, CHUNK_MOST = 4 };

static int place(struct window *w, const struct unit *u, struct shape in, struct err *e)
{
    const struct conv_options *o = u->opts;
    return window_place(w, u, in, o->kernel, o->stride ? o->stride : o->kernel, o->padding, e);
}

void conv_add_weight(struct unit *u, size_t out, size_t in, size_t kernel)
{
    const size_t shape[PARAM_MAX_RANK] = { out, in, kernel, kernel };
    layer_add_param(u, "weight", 4, out, in * kernel * kernel, false);
    struct param *weight = &u->params[u->n_params - 1];
    for (size_t i = 0; i < PARAM_MAX_RANK; i++)
        weight->shape[i] = shape[i];
    weight->fan_out = out * kernel * kernel;
}

int conv_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct conv_options *o = u->opts;
    const size_t channels = (size_t)o->channels, k = (size_t)o->kernel;
    struct window w;
    size_t n;
    TRY(place(&w, u, in, e));
    TRY(window_output(&w, u, channels, &u->out, e));
    if (__builtin_mul_overflow(channels, window_n(&w), &n) || n > INT_MAX)
        return err_at(e, u->where, "network.layers.%zu: '%s' has %zu x %zu x %zu x %zu weights; there may be 2^31 - 1",
                      u->index, u->def->part.name, channels, in.channels, k, k);
    TRY(layer_params(u, a, e));
    u->in = in;
    u->n_delta = u->n_kept = u->out.n;
    u->act = act_of(o->activation);
    if (u->act.def->of_input)
        u->n_cache[0] = u->out.n;
    u->cannot = u->act.def->times_slope_difference ? 0 : CAN_LEARN_DIFFERENCE;
    conv_add_weight(u, channels, in.channels, k);
    if (o->common.bias) {
        layer_add_param(u, "bias", 1, channels, 1, true);
        u->params[BIAS].fan_in = u->params[WEIGHT].fan_in;
    }
    return 0;
}

int conv_open_state(struct unit *u, size_t scratch_n, size_t rows, struct arena *a, struct err *e)
{
    struct conv_state *s = u->state;
    const struct param *weight = &u->params[WEIGHT];
    const size_t positions = window_positions(&s->window);
    s->chunk = positions >= CHUNK_ROWS ? 1 : (CHUNK_ROWS + positions - 1) / positions;
    s->chunk = s->chunk > CHUNK_MOST ? CHUNK_MOST : s->chunk;
    s->w = unit_param(u, WEIGHT, u->weights);
    s->bias = u->n_params > BIAS ? u->weights + u->params[BIAS].offset : NULL;
    const bool packs = s->window.kernel > 1 && weight->shape[1] > 1;
    const size_t most = s->chunk < rows ? s->chunk : rows;
    s->scratch = arena_alloc(a, most * scratch_n, sizeof(real));
    if (!s->direct)
        s->rows = mat_new(a, most * positions, weight->cols).p;
    if (packs) {
        s->w = s->packed = mat_new(a, weight->rows, weight->cols);
        s->dw = mat_new(a, weight->rows, weight->cols);
    }
    if (!s->scratch || (!s->direct && !s->rows) || (packs && (!s->packed.p || !s->dw.p)))
        return err_set(e, ERR_MEMORY, "not enough memory for a convolution of %zu x %zu windows a map",
                       s->window.height, s->window.width);
    return 0;
}

int conv_open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct conv_state *s = u->state;
    TRY(place(&s->window, u, u->in, e));
    s->direct = s->window.kernel == 1 && s->window.stride == 1;
    return conv_open_state(u, u->out.n, rows, a, e);
}

/* [out, in, places] to [out, places, in] */
void conv_refresh(struct unit *u)
{
    struct conv_state *s = u->state;
    const size_t c = u->params[WEIGHT].shape[1], places = s->window.kernel * s->window.kernel;
    const struct mat weight = unit_param(u, WEIGHT, u->weights);
    for (size_t o = 0; s->packed.p && o < weight.rows; o++)
        mat_transpose(mat_of(weight.p + o * weight.cols, c, places), mat_of(s->packed.p + o * weight.cols, places, c));
}

/* Images [from, from + n) of a matrix of maps, a pixel by row. */
static struct mat pixels(struct mat maps, size_t from, size_t n, size_t channels)
{
    return mat_of(maps.p + from * maps.cols, n * (maps.cols / channels), channels);
}

/* The windows of images [from, from + n): for the present chunk only. */
static struct mat windows(const struct conv_state *s, struct mat maps, size_t from, size_t n)
{
    if (s->direct)
        return pixels(maps, from, n, s->window.in.channels);
    window_gather(&s->window, n, maps.p + from * maps.cols, s->rows);
    return mat_of(s->rows, n * window_positions(&s->window), window_n(&s->window));
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static void preactivation(const struct conv_state *s, struct mat rows, struct mat out)
{
    if (s->bias)
        mat_set_rows(s->bias, out);
    blas_gemm(false, true, 1, rows, s->w, s->bias ? 1 : 0, out);
}

void conv_forward(const struct unit *u, struct at at)
{
    const struct conv_state *s = u->state;
    const size_t c = u->out.channels;
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, s->chunk);
        const struct mat out = pixels(at.out, i, n, c), before = at.cache[0].p ? pixels(at.cache[0], i, n, c) : out;
        preactivation(s, windows(s, at.in, i, n), before);
        act_apply(u->act, before, out);
    }
}

/* out = W^T t, t a signal at the pre-activations. */
static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)at;
    const struct conv_state *state = u->state;
    if (!state->direct)
        mat_zero(out);
    for (size_t i = 0, n; i < t.rows; i += n) {
        n = at_most(t.rows - i, state->chunk);
        const struct mat delta = pixels(t, i, n, u->out.channels);
        const struct mat rows =
            state->direct ? pixels(out, i, n, u->in.channels) : mat_of(state->rows, delta.rows, state->w.cols);
        blas_gemm(false, false, 1, delta, state->w, 0, rows);
        if (!state->direct)
            window_scatter(&state->window, n, rows.p, out.p + i * out.cols);
    }
}

const struct transpose_def conv_transpose = { .back = back };

void conv_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    act_times_slope(u->act, at.cache[0], at.out, s, at.delta);
    if (dh.p)
        back(u, at, at.delta, dh);
}

void conv_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    const struct conv_state *s = u->state;
    for (size_t i = 0, n; i < v.rows; i += n) {
        n = at_most(v.rows - i, s->chunk);
        blas_gemm(false, true, 1, windows(s, v, i, n), s->w, 0, pixels(out, i, n, u->out.channels));
    }
    act_times_slope(u->act, at.cache[0], at.out, out, out);
}

void conv_difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    const struct conv_state *s = u->state;
    const size_t c = u->out.channels;
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, s->chunk);
        struct mat before = mat_of(s->scratch, n * window_positions(&s->window), c);
        if (at.cache[0].p)
            before = pixels(at.cache[0], i, n, c);
        else
            preactivation(s, windows(s, at.in, i, n), before);
        for (size_t block = 0; block < d.rows; block += at.in.rows) {
            const struct mat to = pixels(out, block + i, n, c);
            blas_gemm(false, true, 1, windows(s, d, block + i, n), s->w, 0, to);
            u->act.def->difference(u->act.opts, before, pixels(at.out, i, n, c), to, to);
        }
    }
}

struct mat conv_gradient_begin(const struct unit *u, real *g)
{
    const struct conv_state *s = u->state;
    if (!s->dw.p)
        return unit_param(u, WEIGHT, g);
    mat_zero(s->dw);
    return s->dw;
}

/* [out, places, in] is added to [out, in, places]. */
void conv_gradient_end(const struct unit *u, real *g)
{
    const struct conv_state *s = u->state;
    const size_t c = u->params[WEIGHT].shape[1], places = s->window.kernel * s->window.kernel;
    const struct mat to = unit_param(u, WEIGHT, g);
    for (size_t o = 0; s->dw.p && o < to.rows; o++)
        for (size_t j = 0; j < c; j++)
            for (size_t k = 0; k < places; k++)
                to.p[(o * c + j) * places + k] += s->dw.p[(o * places + k) * c + j];
}

void conv_grads(const struct unit *u, struct at at, real scale, real *g)
{
    const struct conv_state *s = u->state;
    const struct mat to = conv_gradient_begin(u, g);
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, s->chunk);
        blas_gemm(true, false, scale, pixels(at.delta, i, n, u->out.channels), windows(s, at.in, i, n), 1, to);
    }
    conv_gradient_end(u, g);
    if (s->bias)
        mat_sum_rows(pixels(at.delta, 0, at.delta.rows, u->out.channels), scale, g + u->params[BIAS].offset);
}

/* As of a dense layer: delta(h + d)^T d + (delta(h + d) - delta(h))^T h, over all windows. */
void conv_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s, real scale,
                           real *g)
{
    const struct conv_state *state = u->state;
    const size_t c = u->out.channels;
    u->act.def->times_slope_difference(u->act.opts, at.out, moved, s, at.delta);
    if (u->act.def != &act_linear) /* whose slope is the same everywhere */
        conv_grads(u, at, scale, g);
    const struct mat to = conv_gradient_begin(u, g);
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, state->chunk);
        const struct mat delta = mat_of(state->scratch, n * window_positions(&state->window), c);
        act_times_slope(u->act, at.cache[0].p ? pixels(at.cache[0], i, n, c) : at.cache[0], pixels(at.out, i, n, c),
                        pixels(s, i, n, c), delta);
        mat_add(delta, pixels(at.delta, i, n, c), delta);
        blas_gemm(true, false, scale, delta, windows(state, d, i, n), 1, to);
    }
    conv_gradient_end(u, g);
}

double conv_flops(const struct unit *u, size_t rows, double *product)
{
    return *product = 2.0 * (double)rows * (double)u->out.n * (double)u->params[WEIGHT].cols;
}
