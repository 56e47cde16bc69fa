/* tanh */
#include "base/team.h"
#include "math/act_loop.h"

static void tanh_apply(const void *o, struct mat u, struct mat h)
{
    (void)o;
    const size_t n = same_shape(u, h);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        h.p[i] = real_tanh(u.p[i]);
}

/* 1 - h^2 */
static void tanh_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)o, (void)u;
    const size_t n = same_shape(h, s);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = s.p[i] * ((1 - h.p[i]) * (1 + h.p[i]));
}

/* (1 - (h + d)^2) - (1 - h^2) = -d (2 h + d) */
static void tanh_times_slope_difference(const void *o, struct mat h, struct mat d, struct mat s, struct mat out)
{
    (void)o;
    const size_t n = same_shape(h, s);
    same_shape(h, d);
    same_shape(h, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++)
        out.p[i] = -s.p[i] * (d.p[i] * (2 * h.p[i] + d.p[i]));
}

/* n differences, from what is known of their starts. */
static void differences(size_t n, const real *restrict start, const real *restrict u, real *restrict w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = tanh_difference_from(start[i], u[i], w[i]);
}

/* The same where no u is beyond TANH_FAR. */
static void differences_near(size_t n, const real *restrict start, const real *restrict u, real *restrict w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = tanh_difference_near(start[i], u[i], w[i]);
}

struct blocks {
    struct mat u, w;
};
enum { BLOCK_PART = 1024 };

/* What follows from u alone is taken once for all blocks, a part of u at a time. */
static void difference_blocks_part(void *work, size_t part, size_t from, size_t to)
{
    (void)part;
    const struct blocks *x = work;
    const size_t n = mat_n(x->u), n_all = mat_n(x->w);
    real start[BLOCK_PART];
    for (size_t at = from; at < to; at += BLOCK_PART) {
        const size_t some = to - at < BLOCK_PART ? to - at : BLOCK_PART;
        const real *const u = x->u.p + at;
        const bool near = mat_max_abs(mat_of(x->u.p + at, 1, some)) <= TANH_FAR;
        ELEMENTWISE
        for (size_t i = 0; i < some; i++)
            start[i] = tanh_start(u[i]);
        for (size_t block = at; block < n_all; block += n)
            (near ? differences_near : differences)(some, start, u, x->w.p + block);
    }
}

static void tanh_difference_blocks(const void *o, struct mat u, struct mat w)
{
    (void)o;
    team_run(mat_n(u), team_parts(mat_n(u), 4 * BLOCK_PART, TEAM_MOST_PARTS), BLOCK_PART, difference_blocks_part,
             &(struct blocks){ u, w });
}

static void tanh_apply_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    same_shape(u, w);
    same_shape(h, out);
    mat_copy(w, out);
    tanh_difference_blocks(o, u, out);
}

/* The largest |h| that the inverse sees. A clamp below the rounding unit counts as the rounding unit: an inverse is
 * always finite. */
static real tanh_limit(real clamp)
{
    return 1 - at_least(clamp, REAL_ULP);
}

/* atanh(v) = log((1 + v) / (1 - v)) / 2 */
static void tanh_inverse(const void *o, struct mat v, real clamp, struct mat out)
{
    (void)o;
    const size_t n = same_shape(v, out);
    const real limit = tanh_limit(clamp);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real a = at_most(at_least(v.p[i], -limit), limit);
        out.p[i] = half_log_ratio(1 + a, 1 - a, a);
    }
}

/* 1 / (1 - h^2) */
static void tanh_times_inverse_slope(const void *o, struct mat h, struct mat s, real clamp, struct mat out)
{
    (void)o;
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
static void tanh_inverse_difference(const void *o, struct mat h, struct mat d, real clamp, struct mat out)
{
    (void)o;
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

/* |y| <= 1: y - y^3/3; constant outside */
static void tanh_zeta(const void *o, struct mat t, struct mat out)
{
    (void)o;
    const size_t n = same_shape(t, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real y = at_most(at_least(t.p[i], -1), 1);
        out.p[i] = y - y * y * y / 3;
    }
}

/* From a to b = a + m, m (1 - (a^2 + a b + b^2) / 3). */
static void tanh_zeta_difference(const void *o, struct mat t, struct mat d, struct mat out)
{
    (void)o;
    const size_t n = same_shape(t, d);
    same_shape(t, out);
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        const real from = t.p[i], to = from + d.p[i];
        const real a = at_most(at_least(from, -1), 1), b = at_most(at_least(to, -1), 1);
        const real moved = ((a == from) & (b == to)) ? d.p[i] : b - a;
        out.p[i] = moved * (1 - (a * a + a * b + b * b) / 3);
    }
}

static void tanh_range(const void *o, double *low, double *high)
{
    (void)o;
    *low = -1;
    *high = 1;
}

const struct act_def act_tanh = {
    .part = { .name = "tanh", .help = "hyperbolic tangent" },
    .apply = tanh_apply,
    .times_slope = tanh_times_slope,
    .times_slope_difference = tanh_times_slope_difference,
    .difference = tanh_apply_difference,
    .difference_blocks = tanh_difference_blocks,
    .inverse = tanh_inverse,
    .times_inverse_slope = tanh_times_inverse_slope,
    .inverse_difference = tanh_inverse_difference,
    .range = tanh_range,
    .zeta = tanh_zeta,
    .zeta_difference = tanh_zeta_difference,
};
