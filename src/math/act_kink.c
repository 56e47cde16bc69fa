/* relu and leaky_relu: slope 1 above 0, another one below. */
#include "math/act_loop.h"

static void relu_apply(const void *o, struct mat u, struct mat h)
{
    (void)o;
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = at_least(u.p[i], 0);
}

/* What relu and leaky_relu share: slope 1 above 0, `below` otherwise.
 * out = s * slope. A product, not a choice: a NaN or an infinity in s is not hidden by a unit that is off, and a NaN in
 * h stays. */
static void kink_times_slope(real below, struct mat h, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real slope = h.p[i] > 0 ? 1 : h.p[i] <= 0 ? below : h.p[i];
        out.p[i] = slope * s.p[i];
    }
}

/* The slope changes by 1 - below for a unit that comes over 0, by the negative of it for one that goes, not for the
 * others. */
static void kink_times_slope_difference(real below, struct mat h, struct mat d, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real moved = h.p[i] + d.p[i];
        out.p[i] = s.p[i] * ((1 - below) * (real)((moved > 0) - (h.p[i] > 0)));
    }
}

static void relu_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)o, (void)u;
    kink_times_slope(0, h, s, out);
}

static void relu_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    (void)o;
    kink_times_slope_difference(0, h, d, s, out);
}

/* max(u + w, 0) - max(u, 0): where u > 0 it is max(w, -u), so a small w is not rounded to the spacing of u. */
static void relu_difference_of(struct mat u, struct mat w, struct mat out)
{
    const size_t n = same_shape(u, w);
    same_shape(u, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real x = u.p[i], y = w.p[i];
        const real on = at_least(y, -x), off = at_least(x + y, 0);
        out.p[i] = x > 0 ? on : off;
    }
}

static void relu_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    (void)o;
    same_shape(u, h);
    relu_difference_of(u, w, out);
}

static void relu_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    (void)clamp;
    relu_apply(o, v, out);
}

static void relu_times_inverse_slope(const void *o, struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)o, (void)clamp;
    kink_times_slope(0, h, s, out);
}

static void relu_inverse_difference(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)o, (void)clamp;
    relu_difference_of(h, d, out);
}

static void relu_zeta(const void *o, struct mat t, struct mat out)
{
    relu_apply(o, t, out);
}

static void relu_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    (void)o;
    relu_difference_of(t, d, out);
}

const struct act_def act_relu = {
    .part = { .name = "relu", .help = "max(u, 0)" },
    .apply = relu_apply,
    .times_slope = relu_times_slope,
    .times_slope_difference = relu_times_slope_difference,
    .difference = relu_difference,
    .inverse = relu_inverse,
    .times_inverse_slope = relu_times_inverse_slope,
    .inverse_difference = relu_inverse_difference,
    .zeta = relu_zeta,
    .zeta_difference = relu_zeta_difference,
};

/* x above 0, slope * x below: the function itself, and its inverse with the reciprocal slope. */
static void bend(real slope, struct mat x, struct mat out)
{
    const size_t n = same_shape(x, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = x.p[i] > 0 ? x.p[i] : slope * x.p[i];
}

/* bend(x + w) - bend(x): on one side of 0 the displacement times that side's slope; across it the two parts have one
 * sign. */
static void bend_difference(real slope, struct mat x, struct mat w, struct mat out)
{
    const size_t n = same_shape(x, w);
    same_shape(x, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = x.p[i], by = w.p[i], to = from + by;
        const real down = by >= -from ? by : slope * to - from;
        const real up = by <= -from ? slope * by : to - slope * from;
        out.p[i] = from > 0 ? down : up;
    }
}

struct leaky_options {
    double slope;
};
static const struct option leaky_table[] = { { "slope", OPT_REAL, offsetof(struct leaky_options, slope), "0.2", 0, 1,
                                               OPTION_NULLABLE | OPTION_ABOVE_MIN, "slope below 0" },
                                             { 0 } };

static const struct leaky_options *options_of(const void *o)
{
    return o;
}

static real slope_of(const void *o)
{
    return (real)options_of(o)->slope;
}
static real inverse_slope_of(const void *o)
{
    return (real)(1 / options_of(o)->slope);
}

static void leaky_apply(const void *o, struct mat u, struct mat h)
{
    bend(slope_of(o), u, h);
}

static void leaky_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)u;
    kink_times_slope(slope_of(o), h, s, out);
}

static void leaky_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    kink_times_slope_difference(slope_of(o), h, d, s, out);
}

static void leaky_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    same_shape(u, h);
    bend_difference(slope_of(o), u, w, out);
}

static void leaky_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    (void)clamp;
    bend(inverse_slope_of(o), v, out);
}

static void leaky_times_inverse_slope(const void *o, struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)clamp;
    kink_times_slope(inverse_slope_of(o), h, s, out);
}

static void leaky_inverse_difference(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)clamp;
    bend_difference(inverse_slope_of(o), h, d, out);
}

static void leaky_zeta(const void *o, struct mat t, struct mat out)
{
    bend(slope_of(o), t, out);
}

static void leaky_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    bend_difference(slope_of(o), t, d, out);
}

const struct act_def act_leaky_relu = {
    .part = { .name = "leaky_relu",
              .help = "u above 0, slope * u below",
              .options = leaky_table,
              .opts_size = sizeof(struct leaky_options) },
    .apply = leaky_apply,
    .times_slope = leaky_times_slope,
    .times_slope_difference = leaky_times_slope_difference,
    .difference = leaky_difference,
    .inverse = leaky_inverse,
    .times_inverse_slope = leaky_times_inverse_slope,
    .inverse_difference = leaky_inverse_difference,
    .zeta = leaky_zeta,
    .zeta_difference = leaky_zeta_difference,
};
