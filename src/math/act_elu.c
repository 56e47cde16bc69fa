/* elu: u above 0, alpha (exp(u) - 1) below; smooth where alpha is 1. Clevert 2016. */
#include "math/act_loop.h"
#include <math.h>

struct elu_options {
    double alpha;
};
static const struct option elu_table[] = { { "alpha", OPT_REAL, offsetof(struct elu_options, alpha), "1", 0, 1e3,
                                             OPTION_NULLABLE | OPTION_ABOVE_MIN, "-alpha is the limit below" },
                                           { 0 } };

static const struct elu_options *options_of(const void *o)
{
    return o;
}

static real alpha_of(const void *o)
{
    return (real)options_of(o)->alpha;
}

/* exp(u) - 1, u <= 0; exponentials too small to be normal count as 0. */
static inline real expm1_below(real u)
{
    return exponential(at_least(u, -EXP_NORMAL)).expm1;
}

static void elu_apply(const void *o, struct mat u, struct mat h)
{
    const size_t n = same_shape(u, h);
    const real alpha = alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real x = u.p[i], below = alpha * expm1_below(at_most(x, 0));
        h.p[i] = x > 0 ? x : below;
    }
}

/* 1 above 0, alpha exp(u) = h + alpha below; a product, so that nothing in s is hidden. */
static void elu_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)u;
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    const real alpha = alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real slope = h.p[i] > 0 ? 1 : h.p[i] + alpha;
        out.p[i] = slope * s.p[i];
    }
}

/* Below 0 the slope moves with the output, above it does not; across 0 it also jumps by 1 - alpha. */
static void elu_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    const real jump = 1 - alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = h.p[i], to = from + d.p[i];
        const real up = to > 0 ? jump - from : d.p[i], down = to > 0 ? 0 : to - jump;
        out.p[i] = s.p[i] * (from > 0 ? down : up);
    }
}

/* Below 0, alpha exp(upper end) (exp(-|w|) - 1) with the sign of w; across 0 the two parts have one sign. */
static void elu_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    const size_t n = same_shape(u, w);
    same_shape(h, out);
    same_shape(u, out);
    const real alpha = alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real x = u.p[i], y = w.p[i], end = x + y;
        const real top = at_most(x > end ? x : end, 0), of_top = exponential(at_least(top, -EXP_NORMAL)).exp;
        const real inside = -real_copysign(alpha * of_top * expm1_below(-real_fabs(y)), y);
        const real low_end = alpha * expm1_below(at_most(end, 0)), low_start = alpha * expm1_below(at_most(x, 0));
        const real down = y >= -x ? y : low_end - x,
                   up = y > -x ? end - low_start : real_copysign(1, y) * real_fabs(inside);
        out.p[i] = x > 0 ? down : up;
    }
}

/* The least value that the inverse sees. */
static real elu_limit(real alpha, real clamp)
{
    return -alpha + at_least(clamp, alpha * REAL_ULP);
}

/* log(1 + v / alpha) below 0 */
static void elu_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    const size_t n = same_shape(v, out);
    const real alpha = alpha_of(o), limit = elu_limit(alpha, clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(v.p[i], limit), 0);
        const real below = 2 * half_log_ratio(alpha + a, alpha, (real)0.5 * a);
        out.p[i] = v.p[i] > 0 ? v.p[i] : below;
    }
}

static void elu_times_inverse_slope(const void *o, struct mat h, struct mat s, real clamp, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    const real alpha = alpha_of(o), limit = elu_limit(alpha, clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real slope = h.p[i] > 0 ? 1 : at_least(h.p[i], limit) + alpha;
        out.p[i] = s.p[i] / slope;
    }
}

/* Below 0, log((alpha + a) / (alpha + b)), numerator less denominator being a - b. */
static void elu_inverse_difference(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    const size_t n = same_shape(h, d);
    same_shape(h, out);
    const real alpha = alpha_of(o), limit = elu_limit(alpha, clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = h.p[i], by = d.p[i], to = from + by;
        const real a = at_most(at_least(to, limit), 0), b = at_most(at_least(from, limit), 0);
        const bool whole = (a == to) & (b == from);
        const real moved = whole ? by : a - b;
        const real below = 2 * half_log_ratio(alpha + a, alpha + b, (real)0.5 * moved);
        const real above = at_least(to, 0) - at_least(from, 0); /* what of the way lies above 0 */
        out.p[i] = ((from > 0) & (to > 0)) ? by : below + above;
    }
}

static void elu_range(const void *o, double *low, double *high)
{
    *low = -options_of(o)->alpha;
    *high = INFINITY;
}

/* y above 0, alpha y + y^2 / 2 down to -alpha */
static void elu_zeta(const void *o, struct mat t, struct mat out)
{
    const size_t n = same_shape(t, out);
    const real alpha = alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real y = at_least(t.p[i], -alpha);
        out.p[i] = y > 0 ? y : y * (alpha + (real)0.5 * y);
    }
}

/* Below 0, from a to b = a + m, m (alpha + (a + b) / 2); and what of the way lies above 0. */
static void elu_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    const size_t n = same_shape(t, d);
    same_shape(t, out);
    const real alpha = alpha_of(o);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = t.p[i], by = d.p[i], to = from + by;
        const real a = at_most(at_least(from, -alpha), 0), b = at_most(at_least(to, -alpha), 0);
        const real moved = ((a == from) & (b == to)) ? by : b - a;
        const real below = moved * (alpha + (real)0.5 * (a + b)), above = at_least(to, 0) - at_least(from, 0);
        out.p[i] = ((from > 0) & (to > 0)) ? by : below + above;
    }
}

const struct act_def act_elu = {
    .part = { .name = "elu",
              .help = "u above 0, alpha (exp(u) - 1) below",
              .ref = "Clevert 2016",
              .options = elu_table,
              .opts_size = sizeof(struct elu_options) },
    .apply = elu_apply,
    .times_slope = elu_times_slope,
    .times_slope_difference = elu_times_slope_difference,
    .difference = elu_difference,
    .inverse = elu_inverse,
    .times_inverse_slope = elu_times_inverse_slope,
    .inverse_difference = elu_inverse_difference,
    .range = elu_range,
    .zeta = elu_zeta,
    .zeta_difference = elu_zeta_difference,
};
