#include "math/act.h"
#include "math/elementary.h"
#include <assert.h>

/* The loops below write out[i] from the entries i of their inputs alone, so out may be one of them. */

static size_t same_shape(struct mat a, struct mat b)
{
    assert(a.rows == b.rows && a.cols == b.cols);
    (void)b;
    return mat_n(a);
}

/* --- tanh --- */

static void tanh_apply(struct mat u, struct mat h)
{
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = real_tanh(u.p[i]);
}

/* 1 - h^2 */
static void tanh_times_slope(struct mat h, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * ((1 - h.p[i]) * (1 + h.p[i]));
}

/* (1 - (h + d)^2) - (1 - h^2) = -d (2 h + d) */
static void tanh_times_slope_difference(struct mat h, struct mat d, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = -s.p[i] * (d.p[i] * (2 * h.p[i] + d.p[i]));
}

static void tanh_apply_difference(struct mat u, struct mat h, struct mat w, struct mat out)
{
    const size_t n = same_shape(u, w);
    same_shape(h, out);
    same_shape(u, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = tanh_difference(u.p[i], w.p[i]);
}

/* The largest |h| that the inverse sees. A clamp below the rounding unit counts as the rounding unit: an inverse is
 * always finite. */
static real tanh_limit(real clamp)
{
    return 1 - at_least(clamp, REAL_ULP);
}

/* atanh(v) = log((1 + v) / (1 - v)) / 2 */
static void tanh_inverse(struct mat v, real clamp, struct mat out)
{
    const size_t n = same_shape(v, out);
    const real limit = tanh_limit(clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(v.p[i], -limit), limit);
        out.p[i] = half_log_ratio(1 + a, 1 - a, a);
    }
}

/* 1 / (1 - h^2) */
static void tanh_times_inverse_slope(struct mat h, struct mat s, real clamp, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    const real limit = tanh_limit(clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(h.p[i], -limit), limit);
        out.p[i] = s.p[i] / ((1 - a) * (1 + a));
    }
}

/* atanh(a) - atanh(b) = log((1 + a)(1 - b) / ((1 - a)(1 + b))) / 2, half the difference of numerator and denominator
 * being a - b. Mirrored so that b >= 0; 1 - a is taken from 1 - b, which d moves without cancellation where b
 * saturates. */
static void tanh_inverse_difference(struct mat h, struct mat d, real clamp, struct mat out)
{
    const size_t n = same_shape(h, d);
    same_shape(h, out);
    const real limit = tanh_limit(clamp), low = 1 - limit, high = 1 + limit;
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real sign = real_copysign(1, h.p[i]), b = real_fabs(h.p[i]), mirrored = sign * d.p[i];
        const real below_b = 1 - b, below_a = below_b - mirrored,
                   above_a = 1 + (b + mirrored); /* 1 - b, 1 - a, 1 + a */
        const real kept_b = at_least(below_b, low), kept_a = at_most(at_least(below_a, low), high);
        const bool clipped = (kept_b != below_b) | (kept_a != below_a);
        const real moved = clipped ? kept_b - kept_a : mirrored;
        const real top = at_most(at_least(above_a, low), high) * kept_b;
        out.p[i] = sign * half_log_ratio(top, kept_a * (2 - kept_b), moved);
    }
}

static const struct act tanh_act = {
    .name = "tanh",
    .help = "hyperbolic tangent",
    .apply = tanh_apply,
    .times_slope = tanh_times_slope,
    .times_slope_difference = tanh_times_slope_difference,
    .difference = tanh_apply_difference,
    .inverse = tanh_inverse,
    .times_inverse_slope = tanh_times_inverse_slope,
    .inverse_difference = tanh_inverse_difference,
};

/* --- sigmoid --- */

static void sigmoid_apply(struct mat u, struct mat h)
{
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = real_sigmoid(u.p[i]);
}

/* h (1 - h) */
static void sigmoid_times_slope(struct mat h, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * (h.p[i] * (1 - h.p[i]));
}

/* (h + d)(1 - h - d) - h (1 - h) = d (1 - 2 h - d) */
static void sigmoid_times_slope_difference(struct mat h, struct mat d, struct mat s, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * (d.p[i] * ((1 - 2 * h.p[i]) - d.p[i]));
}

/* sigmoid(u) = (1 + tanh(u / 2)) / 2 */
static void sigmoid_difference(struct mat u, struct mat h, struct mat w, struct mat out)
{
    const size_t n = same_shape(u, w);
    same_shape(h, out);
    same_shape(u, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = (real)0.5 * tanh_difference((real)0.5 * u.p[i], (real)0.5 * w.p[i]);
}

/* logit(v) = log(v / (1 - v)) */
static void sigmoid_inverse(struct mat v, real clamp, struct mat out)
{
    const size_t n = same_shape(v, out);
    const real low = at_least(clamp, REAL_ULP), high = 1 - low;
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(v.p[i], low), high);
        out.p[i] = 2 * half_log_ratio(a, 1 - a, a - (real)0.5);
    }
}

/* 1 / (h (1 - h)) */
static void sigmoid_times_inverse_slope(struct mat h, struct mat s, real clamp, struct mat out)
{
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    const real low = at_least(clamp, REAL_ULP), high = 1 - low;
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(h.p[i], low), high);
        out.p[i] = s.p[i] / (a * (1 - a));
    }
}

/* logit(a) - logit(b) = log(a (1 - b) / (b (1 - a))), numerator less denominator being a - b. Mirrored about 1/2 so
 * that b <= 1/2; a and 1 - a are both moved by d from there, so that neither is the rounded complement of the other. */
static void sigmoid_inverse_difference(struct mat h, struct mat d, real clamp, struct mat out)
{
    const size_t n = same_shape(h, d);
    same_shape(h, out);
    const real low = at_least(clamp, REAL_ULP), high = 1 - low,
               rest = 1 - high; /* rest is low as the inverse sees it at the top */
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const bool upper = h.p[i] > (real)0.5;
        const real sign = upper ? -1 : 1, b = upper ? 1 - h.p[i] : h.p[i], mirrored = sign * d.p[i];
        const real a = b + mirrored, complement = (1 - b) - mirrored;
        const real least = upper ? rest : low, least_complement = upper ? low : rest;
        const real kept_b = at_least(b, least), kept_a = at_most(at_least(a, least), high);
        const real kept_complement = at_most(at_least(complement, least_complement), high);
        const bool clipped = (kept_b != b) | (kept_a != a) | (kept_complement != complement);
        const real moved = clipped ? kept_a - kept_b : mirrored;
        out.p[i] = sign * 2 * half_log_ratio(kept_a * (1 - kept_b), kept_b * kept_complement, (real)0.5 * moved);
    }
}

static const struct act sigmoid_act = {
    .name = "sigmoid",
    .help = "logistic function 1 / (1 + exp(-u))",
    .apply = sigmoid_apply,
    .times_slope = sigmoid_times_slope,
    .times_slope_difference = sigmoid_times_slope_difference,
    .difference = sigmoid_difference,
    .inverse = sigmoid_inverse,
    .times_inverse_slope = sigmoid_times_inverse_slope,
    .inverse_difference = sigmoid_inverse_difference,
};

/* --- relu --- */

static void relu_apply(struct mat u, struct mat h)
{
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = at_least(u.p[i], 0);
}

/* What relu and leaky_relu share: slope 1 above 0, `below` otherwise.
 * out = s * slope. A product, not a choice: a NaN or an infinity in s is not hidden by a unit that is off, and a NaN in h stays. */
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

/* The slope changes by 1 - below for a unit that comes over 0, by the negative of it for one that goes, not for the others. */
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

static void relu_times_slope(struct mat h, struct mat s, struct mat out)
{
    kink_times_slope(0, h, s, out);
}

static void relu_times_slope_difference(struct mat h, struct mat d, struct mat s, struct mat out)
{
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

static void relu_difference(struct mat u, struct mat h, struct mat w, struct mat out)
{
    same_shape(u, h);
    relu_difference_of(u, w, out);
}

static void relu_inverse(struct mat v, real clamp, struct mat out)
{
    (void)clamp;
    relu_apply(v, out);
}

static void relu_times_inverse_slope(struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)clamp;
    relu_times_slope(h, s, out);
}

static void relu_inverse_difference(struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)clamp;
    relu_difference_of(h, d, out);
}

static const struct act relu_act = {
    .name = "relu",
    .help = "max(u, 0)",
    .apply = relu_apply,
    .times_slope = relu_times_slope,
    .times_slope_difference = relu_times_slope_difference,
    .difference = relu_difference,
    .inverse = relu_inverse,
    .times_inverse_slope = relu_times_inverse_slope,
    .inverse_difference = relu_inverse_difference,
};

/* --- linear --- */

static void linear_apply(struct mat u, struct mat h)
{
    mat_copy(u, h);
}

static void linear_times_slope(struct mat h, struct mat s, struct mat out)
{
    same_shape(h, s);
    mat_copy(s, out);
}

static void linear_times_slope_difference(struct mat h, struct mat d, struct mat s, struct mat out)
{
    same_shape(h, s);
    same_shape(h, d);
    mat_zero(out);
}

static void linear_difference(struct mat u, struct mat h, struct mat w, struct mat out)
{
    same_shape(u, h);
    mat_copy(w, out);
}

static void linear_inverse(struct mat v, real clamp, struct mat out)
{
    (void)clamp;
    mat_copy(v, out);
}

/* Both the derivative of the inverse times s and the difference of the inverse are the displacement itself. */
static void linear_displacement(struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)clamp;
    same_shape(h, d);
    mat_copy(d, out);
}

static const struct act linear_act = {
    .name = "linear",
    .help = "the identity",
    .apply = linear_apply,
    .times_slope = linear_times_slope,
    .times_slope_difference = linear_times_slope_difference,
    .difference = linear_difference,
    .inverse = linear_inverse,
    .times_inverse_slope = linear_displacement,
    .inverse_difference = linear_displacement,
};

/* --- leaky_relu --- */

/* Slope below 0, as in the released code of Meulemans 2020; its inverse has the reciprocal. */
#define LEAK ((real)0.2)
#define LEAK_INVERSE ((real)5)

/* x above 0, slope * x below: the function itself with LEAK, its inverse with LEAK_INVERSE. */
static void bend(real slope, struct mat x, struct mat out)
{
    const size_t n = same_shape(x, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = x.p[i] > 0 ? x.p[i] : slope * x.p[i];
}

/* bend(x + w) - bend(x): on one side of 0 the displacement times that side's slope; across it the two parts have one sign. */
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

static void leaky_apply(struct mat u, struct mat h)
{
    bend(LEAK, u, h);
}

static void leaky_times_slope(struct mat h, struct mat s, struct mat out)
{
    kink_times_slope(LEAK, h, s, out);
}

static void leaky_times_slope_difference(struct mat h, struct mat d, struct mat s, struct mat out)
{
    kink_times_slope_difference(LEAK, h, d, s, out);
}

static void leaky_difference(struct mat u, struct mat h, struct mat w, struct mat out)
{
    same_shape(u, h);
    bend_difference(LEAK, u, w, out);
}

static void leaky_inverse(struct mat v, real clamp, struct mat out)
{
    (void)clamp;
    bend(LEAK_INVERSE, v, out);
}

static void leaky_times_inverse_slope(struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)clamp;
    kink_times_slope(LEAK_INVERSE, h, s, out);
}

static void leaky_inverse_difference(struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)clamp;
    bend_difference(LEAK_INVERSE, h, d, out);
}

static const struct act leaky_relu_act = {
    .name = "leaky_relu",
    .help = "u above 0, 0.2 u below",
    .apply = leaky_apply,
    .times_slope = leaky_times_slope,
    .times_slope_difference = leaky_times_slope_difference,
    .difference = leaky_difference,
    .inverse = leaky_inverse,
    .times_inverse_slope = leaky_times_inverse_slope,
    .inverse_difference = leaky_inverse_difference,
};

void act_difference_blocks(const struct act *act, struct mat u, struct mat h, struct mat w)
{
    for (size_t row = 0; row < w.rows; row += u.rows) {
        const struct mat block = mat_rows(w, row, u.rows);
        act->difference(u, h, block, block);
    }
}

const struct act *const act_all[] = { &tanh_act, &sigmoid_act, &relu_act, &linear_act, &leaky_relu_act, NULL };
const char *const act_names[] = { "tanh", "sigmoid", "relu", "linear", "leaky_relu", NULL };
