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

static void preactivation(const struct conv_state *s, size_t slot, struct mat maps, size_t from, size_t n,
                          struct mat out)
{
    if (s->bias)
        mat_set_rows(s->bias, out);
    else
        mat_zero(out);
    conv_add(s, slot, maps, from, n, out);
}

static void forward(void *work, size_t slot, size_t from, size_t to)
{
    const struct conv_images *x = work;
    const struct conv_state *s = x->u->state;
    const size_t c = x->u->out.channels;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(s, i, to);
        const struct mat out = pixels(x->at.out, i, n, c), kept = x->at.cache[0];
        const struct mat before = kept.p ? pixels(kept, i, n, c) : out;
        preactivation(s, slot, x->at.in, i, n, before);
        act_apply(x->u->act, before, out);
    }
}

void conv_forward(const struct unit *u, struct at at)
{
    conv_run(u->state, at.in.rows, forward, &(struct conv_images){ .u = u, .at = at });
}

/* out = W^T t, t a signal at the pre-activations. */
static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)at;
    conv_apply(u->state, conv_add_back, t, out);
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
    conv_apply(u->state, conv_add, v, out);
    act_times_slope(u->act, at.cache[0], at.out, out, out);
}

/* b = f(h + a) - f(h), a in blocks of h's rows. */
static void difference(void *work, size_t slot, size_t from, size_t to)
{
    const struct conv_images *x = work;
    const struct conv_state *s = x->u->state;
    const size_t c = x->u->out.channels, rows = x->at.in.rows;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(s, i, to);
        struct mat before = mat_of(s->scratch + slot * s->scratch_n, n * window_positions(&s->window), c);
        if (x->at.cache[0].p)
            before = pixels(x->at.cache[0], i, n, c);
        else
            preactivation(s, slot, x->at.in, i, n, before);
        for (size_t block = 0; block < x->a.rows; block += rows) {
            const struct mat out = pixels(x->b, block + i, n, c);
            mat_zero(out);
            conv_add(s, slot, x->a, block + i, n, out);
            act_difference(x->u->act, before, pixels(x->at.out, i, n, c), out, out);
        }
    }
}

void conv_difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    conv_run(u->state, at.in.rows, difference, &(struct conv_images){ u, at, d, out });
}

void conv_grads(const struct unit *u, struct at at, real scale, real *g)
{
    const struct conv_state *s = u->state;
    conv_add_gradient(u, at.in, at.delta, scale, g);
    if (s->bias)
        mat_sum_rows(pixels(at.delta, 0, at.delta.rows, u->out.channels), scale, g + u->params[BIAS].offset);
}

/* delta += a times the slope at h */
static void add_still(void *work, size_t slot, size_t from, size_t to)
{
    const struct conv_images *x = work;
    const struct conv_state *s = x->u->state;
    const size_t c = x->u->out.channels;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(s, i, to);
        const struct mat delta = pixels(x->at.delta, i, n, c), kept = x->at.cache[0];
        const struct mat still = mat_of(s->scratch + slot * s->scratch_n, delta.rows, c);
        act_times_slope(x->u->act, kept.p ? pixels(kept, i, n, c) : kept, pixels(x->at.out, i, n, c),
                        pixels(x->a, i, n, c), still);
        mat_add(still, delta, delta);
    }
}

/* As of a dense layer: delta(h + d)^T d + (delta(h + d) - delta(h))^T h, over all windows. */
void conv_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s, real scale,
                           real *g)
{
    act_times_slope_difference(u->act, at.out, moved, s, at.delta);
    if (u->act.def != &act_linear) /* whose slope is the same everywhere */
        conv_grads(u, at, scale, g);
    conv_run(u->state, at.in.rows, add_still, &(struct conv_images){ .u = u, .at = at, .a = s });
    conv_add_gradient(u, d, at.delta, scale, g);
}

double conv_flops(const struct unit *u, size_t rows, double *product)
{
    return *product = 2.0 * (double)rows * (double)u->out.n * (double)u->params[WEIGHT].cols;
}
