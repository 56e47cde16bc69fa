/* sigmoid: 1 / (1 + exp(-u)) */
#include "math/act_loop.h"

static void sigmoid_apply(const void *o, struct mat u, struct mat h)
{
    (void)o;
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = real_sigmoid(u.p[i]);
}

/* h (1 - h) */
static void sigmoid_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)o, (void)u;
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * (h.p[i] * (1 - h.p[i]));
}

/* (h + d)(1 - h - d) - h (1 - h) = d (1 - 2 h - d) */
static void sigmoid_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    (void)o;
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * (d.p[i] * ((1 - 2 * h.p[i]) - d.p[i]));
}

/* sigmoid(u) = (1 + tanh(u / 2)) / 2 */
static void sigmoid_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    (void)o;
    const size_t n = same_shape(u, w);
    same_shape(h, out);
    same_shape(u, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = (real)0.5 * tanh_difference((real)0.5 * u.p[i], (real)0.5 * w.p[i]);
}

/* logit(v) = log(v / (1 - v)) */
static void sigmoid_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    (void)o;
    const size_t n = same_shape(v, out);
    const real low = at_least(clamp, REAL_ULP), high = 1 - low;
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(v.p[i], low), high);
        out.p[i] = 2 * half_log_ratio(a, 1 - a, a - (real)0.5);
    }
}

/* 1 / (h (1 - h)) */
static void sigmoid_times_inverse_slope(const void *o, struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)o;
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
static void sigmoid_inverse_difference(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)o;
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

/* 0 <= y <= 1: y^2/2 - y^3/3; constant outside */
static void sigmoid_zeta(const void *o, struct mat t, struct mat out)
{
    (void)o;
    const size_t n = same_shape(t, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real y = at_most(at_least(t.p[i], 0), 1);
        out.p[i] = y * y * ((real)0.5 - y / 3);
    }
}

/* From a to b = a + m, m ((a + b) / 2 - (a^2 + a b + b^2) / 3). */
static void sigmoid_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    (void)o;
    const size_t n = same_shape(t, d);
    same_shape(t, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = t.p[i], to = from + d.p[i];
        const real a = at_most(at_least(from, 0), 1), b = at_most(at_least(to, 0), 1);
        const real moved = ((a == from) & (b == to)) ? d.p[i] : b - a;
        out.p[i] = moved * ((real)0.5 * (a + b) - (a * a + a * b + b * b) / 3);
    }
}

static void sigmoid_range(const void *o, double *low, double *high)
{
    (void)o;
    *low = 0;
    *high = 1;
}

const struct act_def act_sigmoid = {
    .part = { .name = "sigmoid", .help = "logistic function 1 / (1 + exp(-u))" },
    .apply = sigmoid_apply,
    .times_slope = sigmoid_times_slope,
    .times_slope_difference = sigmoid_times_slope_difference,
    .difference = sigmoid_difference,
    .inverse = sigmoid_inverse,
    .times_inverse_slope = sigmoid_times_inverse_slope,
    .inverse_difference = sigmoid_inverse_difference,
    .range = sigmoid_range,
    .zeta = sigmoid_zeta,
    .zeta_difference = sigmoid_zeta_difference,
};
