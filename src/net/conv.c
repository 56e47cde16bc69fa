#include "net/conv.h"
#include "net/transpose.h"

#include <limits.h>

enum { WEIGHT, BIAS };

static int place(struct window *w, const struct unit *u, struct shape in, struct err *e)
{
    const struct conv_options *o = u->opts;
    return window_place(w, u, in, o->kernel, o->stride ? o->stride : o->kernel, o->padding, e);
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

int conv_open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct conv_state *s = u->state;
    TRY(place(&s->window, u, u->in, e));
    s->direct = s->window.kernel == 1 && s->window.stride == 1;
    return conv_open_state(u, u->out.n, rows, a, e);
}

/* Images [from, from + n) of a matrix of maps, a pixel by row. */
static struct mat pixels(struct mat maps, size_t from, size_t n, size_t channels)
{
    return mat_of(maps.p + from * maps.cols, n * (maps.cols / channels), channels);
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static void preactivation(const struct conv_state *s, struct mat maps, size_t from, size_t n, struct mat out)
{
    if (s->bias)
        mat_set_rows(s->bias, out);
    else
        mat_zero(out);
    conv_add(s, maps, from, n, out);
}

void conv_forward(const struct unit *u, struct at at)
{
    const struct conv_state *s = u->state;
    const size_t c = u->out.channels;
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, s->chunk);
        const struct mat out = pixels(at.out, i, n, c), before = at.cache[0].p ? pixels(at.cache[0], i, n, c) : out;
        preactivation(s, at.in, i, n, before);
        act_apply(u->act, before, out);
    }
}

/* out = W^T t, t a signal at the pre-activations. */
static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)at;
    const struct conv_state *s = u->state;
    for (size_t i = 0, n; i < t.rows; i += n) {
        n = at_most(t.rows - i, s->chunk);
        const struct mat to = mat_rows(out, i, n);
        mat_zero(to);
        conv_add_back(s, t, i, n, to);
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
        const struct mat to = mat_rows(out, i, n);
        mat_zero(to);
        conv_add(s, v, i, n, to);
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
            preactivation(s, at.in, i, n, before);
        for (size_t block = 0; block < d.rows; block += at.in.rows) {
            const struct mat to = pixels(out, block + i, n, c);
            mat_zero(to);
            conv_add(s, d, block + i, n, to);
            u->act.def->difference(u->act.opts, before, pixels(at.out, i, n, c), to, to);
        }
    }
}

void conv_grads(const struct unit *u, struct at at, real scale, real *g)
{
    const struct conv_state *s = u->state;
    conv_add_gradient(u, at.in, at.delta, scale, g);
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
    for (size_t i = 0, n; i < at.in.rows; i += n) {
        n = at_most(at.in.rows - i, state->chunk);
        const struct mat delta = pixels(at.delta, i, n, c), still = mat_of(state->scratch, delta.rows, c);
        act_times_slope(u->act, at.cache[0].p ? pixels(at.cache[0], i, n, c) : at.cache[0], pixels(at.out, i, n, c),
                        pixels(s, i, n, c), still);
        mat_add(still, delta, delta);
    }
    conv_add_gradient(u, d, at.delta, scale, g);
}

double conv_flops(const struct unit *u, size_t rows, double *product)
{
    return *product = 2.0 * (double)rows * (double)u->out.n * (double)u->params[WEIGHT].cols;
}
