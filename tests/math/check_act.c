#include "../check_main.h"
#include "fixture.h"
#include "math/act.h"
#include <float.h>
#include <string.h>

enum { TANH, SIGMOID, RELU, LINEAR, LEAKY, N_ACTS };

#ifdef TPRUN_DOUBLE
#define LIBM_TANH tanh
#define TRUE_TANH tanhl /* to the last place of a real */
#define TRUE_EXP expl
#define SMALLEST 0x1p-1074
#define LEAST_NORMAL DBL_MIN
#else
#define LIBM_TANH tanhf
#define TRUE_TANH tanh
#define TRUE_EXP exp
#define SMALLEST 0x1p-149f
#define LEAST_NORMAL FLT_MIN
#endif

/* a(u + w) - a(u) without cancellation: hyperbolic identities */
static long double exact_difference(size_t a, long double u, long double w)
{
    switch (a) {
    case TANH:
        return sinhl(w) / (coshl(u + w) * coshl(u));
    case SIGMOID:
        return sinhl(w / 2) / (2 * coshl((u + w) / 2) * coshl(u / 2));
    case RELU:
        return u > 0 ? (w > -u ? w : -u) : u + w > 0 ? u + w : 0;
    case LEAKY: {
        const long double slope = 0.2L, end = u + w;
        return u > 0 ? (end > 0 ? w : slope * end - u) : end > 0 ? end - slope * u : slope * w;
    }
    default:
        return w;
    }
}

static real apply(size_t a, real u)
{
    real h;
    act_all[a]->apply(mat_of(&u, 1, 1), mat_of(&h, 1, 1));
    return h;
}

START_TEST(names_agree)
{
    size_t n = 0;
    for (; act_all[n] != NULL; n++)
        ck_assert_str_eq(act_all[n]->name, act_names[n]);
    ck_assert_uint_eq(n, N_ACTS);
    ck_assert_ptr_null(act_names[n]);
}
END_TEST

/* Value i of n that cover all magnitudes and both signs: in single every 509th float, in double random ones of every
 * binary order from 2^-1074 to 2^11, more densely where the functions bend. */
static real covering(struct rng *r, uint32_t i)
{
#ifdef TPRUN_DOUBLE
    const double order = i % 2 ? -6 + 12 * rng_uniform(r) : -1074 + 1085 * rng_uniform(r);
    return exp2(order) * (i % 4 < 2 ? 1 : -1);
#else
    (void)r;
    const uint32_t bits = (i / 2 * 509) | i % 2 << 31;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
#endif
}
#ifdef TPRUN_DOUBLE
enum { N_COVERING = 400000 };
#else
enum { N_COVERING = 2 * (0x7f800000 / 509) };
#endif

START_TEST(tanh_and_sigmoid_are_accurate)
{
    enum { N = 4096 };
    real u[N], h[N];
    double from_libm = 0, from_tanh = 0, from_sigmoid = 0;
    bool odd = true;
    struct rng r = rng_stream(2385, "accuracy");
    for (uint32_t at = 0; at < N_COVERING; at += N) {
        for (uint32_t i = 0; i < N; i++)
            u[i] = covering(&r, at + i < N_COVERING ? at + i : N_COVERING);
        act_all[TANH]->apply(mat_of(u, 1, N), mat_of(h, 1, N));
        for (size_t i = 0; i < N; i++) {
            from_libm = fmax(from_libm, ulps(h[i], (long double)LIBM_TANH(u[i])));
            from_tanh = fmax(from_tanh, ulps(h[i], TRUE_TANH(u[i])));
            odd &= !signbit(h[i]) == !signbit(u[i]);
        }
        act_all[SIGMOID]->apply(mat_of(u, 1, N), mat_of(h, 1, N));
        for (size_t i = 0; i < N; i++)
            from_sigmoid = fmax(from_sigmoid, ulps(h[i], 1 / (1 + TRUE_EXP(-u[i]))));
    }
    ck_assert(odd);
    ck_assert_double_le(from_libm, sizeof(real) == 4 ? 2 : 4);
    ck_assert_double_le(from_tanh, 1.5);
    ck_assert_double_le(from_sigmoid, 2.5);
}
END_TEST

START_TEST(special_values)
{
    ck_assert(apply(TANH, INFINITY) == 1 && apply(TANH, -INFINITY) == -1 && apply(TANH, 1000) == 1);
    ck_assert(apply(TANH, (real)-0.0) == 0 && signbit(apply(TANH, (real)-0.0)) && !signbit(apply(TANH, 0)));
    ck_assert(apply(TANH, SMALLEST) == SMALLEST && apply(TANH, -LEAST_NORMAL) == -LEAST_NORMAL);
    ck_assert(apply(SIGMOID, INFINITY) == 1 && apply(SIGMOID, -INFINITY) == 0 && apply(SIGMOID, 0) == (real)0.5);
    ck_assert(apply(SIGMOID, 1000) == 1 && apply(SIGMOID, -1000) == 0);
    ck_assert(apply(RELU, INFINITY) == INFINITY && apply(RELU, -INFINITY) == 0);
    ck_assert(apply(LINEAR, -INFINITY) == -INFINITY);
    ck_assert(apply(LEAKY, INFINITY) == INFINITY && apply(LEAKY, -INFINITY) == -INFINITY && apply(LEAKY, 3) == 3);
    ck_assert(apply(LEAKY, -10) == -2 && apply(LEAKY, 0) == 0);
}
END_TEST

/* One NaN at each place of a row, in each argument of each function: it comes out there and nowhere else. */
START_TEST(nan_passes)
{
    enum { N = 21 };
    const real tol = (real)1e-3;
    for (size_t a = 0; a < N_ACTS; a++) {
        const struct act *const f = act_all[a];
        for (size_t at = 0; at < N; at++) {
            for (unsigned which = 0; which < 2; which++) {
                real x[N], d[N], out[N];
                for (size_t i = 0; i < N; i++)
                    x[i] = (real)0.3, d[i] = (real)0.1;
                (which == 0 ? x : d)[at] = NAN;
                const struct mat xm = mat_of(x, 1, N), dm = mat_of(d, 1, N), om = mat_of(out, 1, N);
                const bool of_x = which == 0, linear_x = a == LINEAR && which == 0; /* a linear slope ignores h */
                for (unsigned call = 0; call < 6; call++) {
                    bool expect = !linear_x;
                    switch (call) {
                    case 0:
                        f->apply(xm, om);
                        expect = of_x;
                        break;
                    case 1:
                        f->times_slope(xm, dm, om);
                        break;
                    case 2:
                        f->difference(xm, xm, dm, om);
                        break;
                    case 3:
                        f->inverse(xm, tol, om);
                        expect = of_x;
                        break;
                    case 4:
                        f->times_inverse_slope(xm, dm, tol, om);
                        break;
                    default:
                        f->inverse_difference(xm, dm, tol, om);
                    }
                    for (size_t i = 0; i < N; i++)
                        ck_assert_msg(isnan(out[i]) == (i == at && expect),
                                      "%s, function %u, argument %u, NaN at %zu, entry %zu: %g", f->name, call, which,
                                      at, i, (double)out[i]);
                }
            }
        }
    }
}
END_TEST

/* relu's slope is a factor: a NaN or an infinity is not hidden where a unit is off. */
START_TEST(relu_hides_nothing)
{
    real h[2] = { 0, 0 }, s[2] = { NAN, INFINITY }, out[2];
    act_all[RELU]->times_slope(mat_of(h, 1, 2), mat_of(s, 1, 2), mat_of(out, 1, 2));
    ck_assert(isnan(out[0]) && isnan(out[1]));
}
END_TEST

/* Slopes against central differences of the exact function. */
START_TEST(slopes)
{
    for (size_t a = 0; a < N_ACTS; a++) {
        for (double u = -6.1; u < 6; u += 0.37) {
            const double step = 1e-4;
            const double want =
                (double)(exact_difference(a, (long double)(u - step), 2 * (long double)step) / (2 * (long double)step));
            real h = apply(a, (real)u), s = (real)1.7, out;
            act_all[a]->times_slope(mat_of(&h, 1, 1), mat_of(&s, 1, 1), mat_of(&out, 1, 1));
            ck_assert_double_le(fabs((double)out - 1.7 * want), 1e-8 + 20 * REAL_ROUND);
            /* the inverse's slope is its reciprocal */
            if (a == RELU && u < 0)
                continue;
            act_all[a]->times_inverse_slope(mat_of(&h, 1, 1), mat_of(&out, 1, 1), (real)1e-7, mat_of(&out, 1, 1));
            ck_assert_double_le(fabs((double)out - 1.7), 20 * REAL_ROUND);
        }
    }
}
END_TEST

/* The slope's change between two outputs, also where they are nearly equal. */
START_TEST(slope_differences)
{
    for (size_t a = 0; a < N_ACTS; a++)
        for (double u = -3.1; u < 3; u += 0.37)
            for (double step = 1; step > 1e-9; step /= 10) {
                real h = apply(a, (real)u), x = (real)u, d = (real)step, s = 1, out;
                act_all[a]->difference(mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&d, 1, 1), mat_of(&d, 1, 1));
                act_all[a]->times_slope_difference(mat_of(&h, 1, 1), mat_of(&d, 1, 1), mat_of(&s, 1, 1), mat_of(&out, 1, 1));
                const long double y = (long double)h, e = (long double)d;
                const long double want = a == ACT_TANH      ? -e * (2 * y + e)
                                         : a == ACT_SIGMOID ? e * (1 - 2 * y - e)
                                         : a == ACT_RELU    ? (y + e > 0) - (y > 0)
                                         : a == ACT_LEAKY_RELU ? 0.8L * ((y + e > 0) - (y > 0))
                                                            : 0;
                ck_assert_msg(fabsl((long double)out - want) <= (long double)(40 * REAL_ROUND) * fabsl(e), "%s(%g), %g: %.9g for %.9Lg",
                              act_names[a], u, step, (double)out, want);
            }
}
END_TEST

START_TEST(inverse_undoes)
{
    for (size_t a = 0; a < N_ACTS; a++) {
        for (double u = -5.03; u < 5; u += 0.113) {
            if (a == RELU && u < 0)
                continue;
            real h = apply(a, (real)u), back;
            act_all[a]->inverse(mat_of(&h, 1, 1), (real)1e-6, mat_of(&back, 1, 1));
            const double slope = a == TANH ? cosh(u) * cosh(u) : a == SIGMOID ? 4 * cosh(u / 2) * cosh(u / 2) : 1;
            ck_assert_double_le(fabs((double)back - u), (4 * slope + 8) * REAL_ROUND);
        }
    }
}
END_TEST

/* The inverse against long double, at the clip, beyond it, and near 0 to full relative accuracy. */
START_TEST(inverse_is_clipped_and_accurate)
{
    const real tol = (real)1e-3, values[] = { -3,        -1,        (real)-0.99,  (real)-0.5, (real)1e-3, (real)0.2,
                                              (real)0.5, (real)0.7, (real)0.9985, 1,          40 };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        real v = values[i], out;
        const real high = 1 - tol;
        const long double t = v < -high ? -high : v > high ? high : v, s = v < tol ? tol : v > high ? high : v;
        act_all[TANH]->inverse(mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert_double_le((double)fabsl((long double)out / atanhl(t) - 1), 12 * REAL_ROUND);
        act_all[SIGMOID]->inverse(mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert_double_le((double)fabsl((long double)out - logl(s / (1 - s))), 24 * REAL_ROUND);
        act_all[RELU]->inverse(mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert(out == (v < 0 ? 0 : v));
    }
    real tiny = (real)1e-30, out;
    act_all[TANH]->inverse(mat_of(&tiny, 1, 1), tol, mat_of(&out, 1, 1));
    ck_assert(out == tiny);
    real one = 1;
    act_all[TANH]->inverse(mat_of(&one, 1, 1), 0, mat_of(&out, 1, 1));
    ck_assert(isfinite(out) && out > 8);
    act_all[SIGMOID]->times_inverse_slope(mat_of(&one, 1, 1), mat_of(&one, 1, 1), 0, mat_of(&out, 1, 1));
    ck_assert(isfinite(out) && out > 1e6);
}
END_TEST

/* Roulet & Harchaoui's code: the clip bounds the factor, 1 / (1 - 0.999^2) = 500.25, and does not set it to zero. */
START_TEST(inverse_slope_is_bounded)
{
    real h[4] = { 1, -1, (real)0.9999, 0 }, s[4] = { 1, 1, 1, 1 }, out[4];
    act_all[TANH]->times_inverse_slope(mat_of(h, 1, 4), mat_of(s, 1, 4), (real)1e-3, mat_of(out, 1, 4));
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol((double)out[i], 500.25, 0.01);
    ck_assert(out[3] == 1);
    act_all[RELU]->times_inverse_slope(mat_of(h, 1, 4), mat_of(s, 1, 4), 0, mat_of(out, 1, 4));
    ck_assert(out[0] == 1 && out[1] == 0 && out[2] == 1 && out[3] == 0);
}
END_TEST

/* Relative accuracy down to displacements far below the spacing of u, with u also saturated, and over large
 * displacements. */
START_TEST(differences_do_not_cancel)
{
    const double bound = 40 * REAL_ROUND; /* 2.4e-6 in single */
    struct rng r = rng_stream(2385, "difference");
    for (unsigned round = 0; round < 40000; round++) {
        const double reach = round % 3 == 0 ? 20 : 4;
        const real u = (real)(reach * (2 * rng_uniform(&r) - 1));
        const real w = (real)(exp2(-60 * rng_uniform(&r) + 4) * (2 * rng_uniform(&r) - 1));
        for (size_t a = 0; a < N_ACTS; a++) {
            real x = u, h = apply(a, u), d = w, out;
            act_all[a]->difference(mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&d, 1, 1), mat_of(&out, 1, 1));
            const long double want = exact_difference(a, (long double)u, (long double)w);
            ck_assert_msg(fabsl((long double)out - want) <= (long double)bound * fabsl(want),
                          "%s(%g + %g): %.9g for %.9Lg", act_names[a], (double)u, (double)w, (double)out, want);
        }
    }
}
END_TEST

START_TEST(differences_at_the_ends)
{
    static const real pairs[][3] = { { 0, INFINITY, 1 }, { INFINITY, 1, 0 },  { -INFINITY, 3, 0 }, { 100, -200, -2 },
                                     { -50, 1e6, 2 },    { 0, 0, 0 },         { 60, -55, 0 },      { 5, 0, 0 },
                                     { 300, -600, -2 },  { 0, -INFINITY, -1 } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        real u = pairs[i][0], w = pairs[i][1], h = apply(TANH, u), out;
        act_all[TANH]->difference(mat_of(&u, 1, 1), mat_of(&h, 1, 1), mat_of(&w, 1, 1), mat_of(&out, 1, 1));
        ck_assert_msg(fabs((double)out - (double)pairs[i][2]) < 1e-4, "tanh(%g + %g): %g", (double)u, (double)w,
                      (double)out);
    }
}
END_TEST

static long double clip(long double x, long double low, long double high)
{
    return x < low ? low : x > high ? high : x;
}

/* inverse(h + d) - inverse(h) in long double; d itself where nothing is clipped. */
static long double exact_inverse_difference(size_t a, real h, real d, real tol)
{
    const long double high = 1 - tol, low = a == TANH ? -high : (long double)tol;
    const long double b = clip(h, low, high), end = (long double)h + d, t = clip(end, low, high);
    const long double moved = b == h && t == end ? d : t - b;
    if (a == TANH)
        return 0.5L * log1pl(2 * moved / ((1 - t) * (1 + b)));
    return log1pl(moved / (b * (1 - t)));
}

START_TEST(inverse_differences_do_not_cancel)
{
    struct rng r = rng_stream(2385, "inverse_difference");
    const real tol = (real)1e-3;
    for (unsigned round = 0; round < 40000; round++) {
        for (size_t a = TANH; a <= SIGMOID; a++) {
            const double centre = a == TANH ? 0 : 0.5, reach = a == TANH ? 1 : 0.5;
            real h = (real)(centre + reach * (2 * rng_uniform(&r) - 1));
            real d = (real)(exp2(-60 * rng_uniform(&r) + 1) * (2 * rng_uniform(&r) - 1)), out;
            const long double want = exact_inverse_difference(a, h, d, tol);
            act_all[a]->inverse_difference(mat_of(&h, 1, 1), mat_of(&d, 1, 1), tol, mat_of(&out, 1, 1));
            /* where one end is clipped, the distance from the clip is known to the spacing of h only */
            const long double absolute =
                (h < (a == TANH ? -1 + tol : tol) || h > 1 - tol || (long double)h + d > 1 - tol ||
                 (long double)h + d < (a == TANH ? -1 + tol : tol))
                    ? 2500 * REAL_ROUND
                    : 0;
            ck_assert_msg(fabsl((long double)out - want) <=
                              1e-5L / (sizeof(real) == 4 ? 1 : 1e8L) * fabsl(want) + absolute,
                          "%s^-1(%.9g + %.9g): %.9g for %.9Lg", act_names[a], (double)h, (double)d, (double)out, want);
        }
    }
}
END_TEST

/* Both ends beyond the clip: no difference. From end to end: twice the inverse of the limit. */
START_TEST(inverse_difference_is_clipped)
{
    const real tol = (real)1e-3;
    real h[6] = { (real)0.9995, (real)-0.9999, (real)0.3, -1, 1, (real)0.4 }, d[6] = { (real)0.0002, -3, 0, 2, -2, 7 },
         out[6];
    act_all[TANH]->inverse_difference(mat_of(h, 1, 6), mat_of(d, 1, 6), tol, mat_of(out, 1, 6));
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
    const double end = atanh((double)(1 - tol));
    ck_assert_double_eq_tol((double)out[3], 2 * end, 40 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[4], -2 * end, 40 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[5], end - atanh((double)h[5]), 40 * REAL_ROUND);
    real p[3] = { 0, 1, (real)0.2 }, e[3] = { 1, -1, (real)-0.4 };
    act_all[SIGMOID]->inverse_difference(mat_of(p, 1, 3), mat_of(e, 1, 3), tol, mat_of(out, 1, 3));
    const double low = (double)tol, high = (double)(1 - tol), logit_low = log(low / (1 - low)),
                 logit_high = log(high / (1 - high));
    ck_assert_double_eq_tol((double)out[0], logit_high - logit_low, 80 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[1], logit_low - logit_high, 80 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[2], logit_low - log((double)p[2] / (1 - (double)p[2])), 80 * REAL_ROUND);
    real on[3] = { 2, 2, 0 }, by[3] = { (real)-0.5, -5, (real)-0.5 };
    act_all[RELU]->inverse_difference(mat_of(on, 1, 3), mat_of(by, 1, 3), tol, mat_of(out, 1, 3));
    ck_assert(out[0] == (real)-0.5 && out[1] == -2 && out[2] == 0);
    act_all[LINEAR]->inverse_difference(mat_of(on, 1, 3), mat_of(by, 1, 3), tol, mat_of(out, 1, 3));
    ck_assert(out[1] == -5);
    real from[4] = { 2, -2, 2, -1 }, moved[4] = { (real)-0.5, (real)-0.5, -4, 3 };
    act_all[LEAKY]->inverse_difference(mat_of(from, 1, 4), mat_of(moved, 1, 4), tol, mat_of(out, 1, 4));
    ck_assert(out[0] == (real)-0.5 && out[1] == (real)-2.5 && out[2] == -12 && out[3] == 7);
}
END_TEST

/* In place and apart, at every length and offset: the same bits, so a result does not depend on where a row lies. */
START_TEST(results_do_not_depend_on_place)
{
    enum { N = 67 };
    const real tol = (real)1e-3;
    struct rng r = rng_stream(2385, "place");
    struct mat x = random_mat(&r, 1, N, 3), d = random_mat(&r, 1, N, (real)0.3);
    for (size_t a = 0; a < N_ACTS; a++) {
        const struct act *const f = act_all[a];
        for (unsigned call = 0; call < 6; call++) {
            real whole[N], part[N], in_place[N];
            for (unsigned way = 0; way < 2; way++) {
                for (size_t n = way == 0 ? N : 1; n <= N; n++) {
                    const struct mat v = mat_of(x.p + N - n, 1, n), w = mat_of(d.p + N - n, 1, n),
                                     o = mat_of(way == 0 ? whole : part, 1, n);
                    const struct mat p = mat_of(in_place, 1, n);
                    const bool takes_two = call != 0 && call != 3;
                    mat_copy(takes_two ? w : v, p);
                    switch (call) {
                    case 0:
                        f->apply(v, o), f->apply(p, p);
                        break;
                    case 1:
                        f->times_slope(v, w, o), f->times_slope(v, p, p);
                        break;
                    case 2:
                        f->difference(v, v, w, o), f->difference(v, v, p, p);
                        break;
                    case 3:
                        f->inverse(v, tol, o), f->inverse(p, tol, p);
                        break;
                    case 4:
                        f->times_inverse_slope(v, w, tol, o), f->times_inverse_slope(v, p, tol, p);
                        break;
                    default:
                        f->inverse_difference(v, w, tol, o), f->inverse_difference(v, p, tol, p);
                    }
                    ck_assert_mem_eq(o.p, whole + N - n, n * sizeof *whole);
                    ck_assert_mem_eq(p.p, whole + N - n, n * sizeof *whole);
                }
            }
        }
    }
    free(x.p), free(d.p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, names_agree);
    tcase_add_test(t, tanh_and_sigmoid_are_accurate);
    tcase_add_test(t, special_values);
    tcase_add_test(t, nan_passes);
    tcase_add_test(t, relu_hides_nothing);
    tcase_add_test(t, slopes);
    tcase_add_test(t, slope_differences);
    tcase_add_test(t, inverse_undoes);
    tcase_add_test(t, inverse_is_clipped_and_accurate);
    tcase_add_test(t, inverse_slope_is_bounded);
    tcase_add_test(t, differences_do_not_cancel);
    tcase_add_test(t, differences_at_the_ends);
    tcase_add_test(t, inverse_differences_do_not_cancel);
    tcase_add_test(t, inverse_difference_is_clipped);
    tcase_add_test(t, results_do_not_depend_on_place);
}
CHECK_MAIN("act", add_tests)
