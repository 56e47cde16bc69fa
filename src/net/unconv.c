/* The mirror of a convolution: h' = a(V^T * h + c), a transposed convolution with a kernel of its own, shaped as the
 * convolution's, [its out, its in, height, width]: every pixel of h adds its part of the kernel to the window that it
 * stood for. */
#include "net/conv.h"
#include "net/mirror.h"

enum { WEIGHT, BIAS };

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    const struct conv_options *o = u->opts;
    struct conv_state *s = u->state;
    TRY(window_place(&s->window, u, u->out, o->kernel, o->stride, o->padding, e));
    return conv_open_state(u, u->out.n, rows, a, e);
}

static void preactivation(const struct unit *u, size_t slot, struct mat in, size_t from, size_t n, struct mat out)
{
    const struct conv_state *s = u->state;
    const size_t c = u->out.channels;
    if (s->bias)
        mat_set_rows(s->bias, mat_of(out.p, mat_n(out) / c, c));
    else
        mat_zero(out);
    conv_add_back(s, slot, in, from, n, out);
}

static void forward_some(void *work, size_t slot, size_t from, size_t to)
{
    const struct conv_images *x = work;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(x->u->state, i, to);
        const struct mat out = mat_rows(x->at.out, i, n);
        const struct mat before = x->at.cache[0].p ? mat_rows(x->at.cache[0], i, n) : out;
        preactivation(x->u, slot, x->at.in, i, n, before);
        act_apply(x->u->act, before, out);
    }
}

static void forward(const struct unit *u, struct at at)
{
    conv_run(u->state, at.in.rows, forward_some, &(struct conv_images){ .u = u, .at = at });
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    act_times_slope(u->act, at.cache[0], at.out, s, at.delta);
    if (dh.p)
        conv_apply(u->state, conv_add, at.delta, dh);
}

static void jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    conv_apply(u->state, conv_add_back, v, out);
    act_times_slope(u->act, at.cache[0], at.out, out, out);
}

/* b = f(h + a) - f(h), a in blocks of h's rows. */
static void difference_some(void *work, size_t slot, size_t from, size_t to)
{
    const struct conv_images *x = work;
    const struct unit *u = x->u;
    const struct conv_state *s = u->state;
    for (size_t i = from, n; i < to; i += n) {
        n = conv_chunk(s, i, to);
        struct mat before = mat_of(s->scratch + slot * s->scratch_n, n, u->out.n);
        if (x->at.cache[0].p)
            before = mat_rows(x->at.cache[0], i, n);
        else
            preactivation(u, slot, x->at.in, i, n, before);
        for (size_t block = 0; block < x->a.rows; block += x->at.in.rows) {
            const struct mat out = mat_rows(x->b, block + i, n);
            mat_zero(out);
            conv_add_back(s, slot, x->a, block + i, n, out);
            act_difference(u->act, before, mat_rows(x->at.out, i, n), out, out);
        }
    }
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    conv_run(u->state, at.in.rows, difference_some, &(struct conv_images){ u, at, d, out });
}

static void grads(const struct unit *u, struct at at, real scale, real *g)
{
    const struct conv_state *s = u->state;
    conv_add_gradient(u, at.delta, at.in, scale, g);
    if (s->bias)
        mat_sum_rows(mat_of(at.delta.p, mat_n(at.delta) / u->out.channels, u->out.channels), scale,
                     g + u->params[BIAS].offset);
}

/* Of one without an activation: <s, V^T * d>. */
static void difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                             real scale, real *g)
{
    (void)at, (void)moved;
    conv_add_gradient(u, s, d, scale, g);
}

static double flops(const struct unit *u, size_t rows, double *product)
{
    return *product = 2.0 * (double)rows * (double)u->in.n * (double)u->params[WEIGHT].cols;
}

static const struct unit_def net_unconv = {
    .part = { .name = "transposed conv",
              .help = "the mirror of a convolution",
              .opts_size = sizeof(struct conv_options),
              .state_size = sizeof(struct conv_state) },
    .open = open,
    .refresh = conv_refresh,
    .forward = forward,
    .vjp = vjp,
    .grads = grads,
    .flops = flops,
    .jvp = jvp,
    .difference = difference,
    .difference_grads = difference_grads,
};

static int shape_unconv(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct conv_options *of = u->opts;
    struct conv_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
    *o = *of;
    o->common = mirror_common(m);
    o->stride = of->stride ? of->stride : of->kernel;
    g->def = &net_unconv;
    g->opts = o;
    g->in = u->out;
    g->out = u->in;
    g->act = mirror_act(m);
    g->n_delta = g->n_kept = g->out.n;
    if (g->act.def->of_input)
        g->n_cache[0] = g->out.n;
    if (g->act.def != &act_linear)
        g->cannot |= CAN_LEARN_DIFFERENCE;
    TRY(layer_params(g, a, e));
    conv_add_weight(g, u->out.channels, u->in.channels, (size_t)o->kernel);
    g->params[WEIGHT].fan_in = u->params[WEIGHT].fan_in; /* as the convolution's: Bao 2024, code */
    if (o->common.bias)
        layer_add_param(g, "bias", 1, u->in.channels, 1, true);
    return 0;
}

int conv_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    return mirror_behind_act(u, g, m, shape_unconv, a, e);
}
