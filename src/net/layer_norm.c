/* layer_norm: every pixel's channels (of flat values: all of them) less their mean and over the root of their mean
 * square plus 1e-5. No parameters. Bao 2024. */
#include "net/mirror.h"
#include "net/transpose.h"

#include <math.h>

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a;
    if (in.channels < 2)
        return err_at(e, u->where,
                      "network.layers.%zu: 'layer_norm' of one channel is 0 everywhere; it needs at least 2", u->index);
    u->in = u->out = in;
    u->n_cache[0] = in.height * in.width;
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)u, (void)rows, (void)a, (void)e;
    return 0;
}

static const double epsilon = 1e-5;

static double mean(size_t n, const real *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static double mean_product(size_t n, const real *x, const real *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum / (double)n;
}

/* The cache: 1 / sqrt(s) of every pixel, s = mean square + 1e-5. */
static void forward(const struct unit *u, struct at at)
{
    const size_t c = u->in.channels;
    real *inverse = at.cache[0].p, *out = at.out.p;
    for (const real *x = at.in.p; x < at.in.p + mat_n(at.in); x += c, out += c) {
        const real m = (real)mean(c, x);
        for (size_t i = 0; i < c; i++)
            out[i] = x[i] - m;
        *inverse = (real)(1 / sqrt(mean_product(c, out, out) + epsilon));
        for (size_t i = 0; i < c; i++)
            out[i] *= *inverse;
        inverse++;
    }
}

/* J v = (v - mean v - y mean(y v)) / sqrt(s), y the output: J is symmetric. */
static void product(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    const size_t c = u->in.channels;
    const real *inverse = at.cache[0].p, *y = at.out.p;
    for (size_t k = 0; k < mat_n(v); k += c, y += c, inverse++) {
        const real m = (real)mean(c, v.p + k), along = (real)mean_product(c, y, v.p + k);
        for (size_t i = 0; i < c; i++)
            out.p[k + i] = *inverse * ((v.p[k + i] - m) - y[i] * along);
    }
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    if (dh.p)
        product(u, at, s, dh);
}

/* With e = d - mean d, and y = c / sqrt(s): s' = s + mean((2 c + e) e), and the difference is e / sqrt(s') + c (1 /
 * sqrt(s') - 1 / sqrt(s)), the bracket being (s - s') / (sqrt(s s') (sqrt(s) + sqrt(s'))). */
static void difference_pixel(size_t c, const real *y, double inverse, const real *d, real *out)
{
    const double root = 1 / inverse;
    const real m = (real)mean(c, d);
    double grown = 0;
    for (size_t i = 0; i < c; i++) {
        out[i] = d[i] - m;
        grown += (2 * (double)y[i] * root + (double)out[i]) * (double)out[i];
    }
    grown /= (double)c;
    const double other = sqrt(root * root + grown);
    const real scale = (real)(1 / other), shrink = (real)(-grown / (other * (root + other)));
    for (size_t i = 0; i < c; i++)
        out[i] = out[i] * scale + y[i] * shrink;
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    const size_t c = u->in.channels, n = mat_n(at.in);
    for (size_t k = 0; k < mat_n(d); k += c)
        difference_pixel(c, at.out.p + k % n, (double)at.cache[0].p[k % n / c], d.p + k, out.p + k);
}

/* ---- its mirror: t / sqrt(s) less its mean, s that of the forward pass. Bao 2024, Eq. (31); it is its own transpose
 * ---- */

static void shrink(size_t c, struct mat inverse, struct mat d, struct mat out)
{
    for (size_t k = 0; k < mat_n(d); k += c) {
        const real m = (real)mean(c, d.p + k), scale = inverse.p[k / c % mat_n(inverse)];
        for (size_t i = 0; i < c; i++)
            out.p[k + i] = scale * (d.p[k + i] - m);
    }
}

static void layer_back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    shrink(u->in.channels, at.cache[0], t, out);
}

static void back(const struct unit *g, struct at at, struct mat d, struct mat out)
{
    shrink(g->in.channels, mirrored(at).cache[0], d, out);
}

static void back_forward(const struct unit *g, struct at at)
{
    back(g, at, at.in, at.out);
}

static void back_vjp(const struct unit *g, struct at at, struct mat s, struct mat dh)
{
    if (dh.p)
        back(g, at, s, dh);
}

static const struct unit_def net_norm_back = {
    .part = { .name = "norm back", .help = "the mirror of layer_norm", .opts_size = sizeof(struct layer_options) },
    .open = open,
    .forward = back_forward,
    .vjp = back_vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = back,
    .difference = back,
};

static const struct transpose_def transpose = { .back = layer_back };

static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    TRY(mirror_transpose(u, g, m, a, e));
    g->def = &net_norm_back;
    return 0;
}

extern const struct unit_def layer_layer_norm;
const struct unit_def layer_layer_norm = {
    .part = { .name = "layer_norm",
              .help = "every pixel's channels with mean 0 and variance 1, without parameters",
              .ref = "Ba 2016; Bao 2024",
              .opts_size = sizeof(struct layer_options) },
    .shape = shape,
    .open = open,
    .forward = forward,
    .vjp = vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = product,
    .difference = difference,
    .mirror = mirror,
    .transpose = &transpose,
};
