/* Accuracy and exact values of each activation; what all of them promise is in check_every_act.c. */
#include "../check_main.h"
#include "fixture.h"
#include "math/act.h"
#include "spec/bind.h"
#include <float.h>
#include <string.h>

/* Every registered activation, in the registry's order, and some with options of their own. */
enum { TANH, SIGMOID, RELU, LINEAR, LEAKY, ELU, GELU, STEEP, LOW_ELU, N_ACTS };
static const char *const as_written[] = { "{name: leaky_relu, slope: 0.9}", "{name: elu, alpha: 0.7}" };
static struct act acts[N_ACTS];
static struct arena arena;

static struct act act_named(const char *text)
{
    struct err e = { 0 };
    struct chosen c = { 0 };
    const struct option row = { "activation", OPT_PART, .dflt = text, .registry = &act_registry };
    ck_assert_int_eq(bind_default_value(&row, &c, &arena, &e), 0);
    return act_of(c);
}

static void open_acts(void)
{
    arena_init(&arena, 0);
    for (size_t i = 0; i < N_ACTS; i++)
        acts[i] =
            act_named(i < act_registry.n_parts ? act_registry.parts[i]->name : as_written[i - act_registry.n_parts]);
}

static void close_acts(void)
{
    arena_finish(&arena);
}

static bool is_elu(size_t a)
{
    return a == ELU || a == LOW_ELU;
}
static long double alpha_of(size_t a)
{
    return a == LOW_ELU ? (real)0.7 : 1;
}
static long double leak_of(size_t a)
{
    return a == STEEP ? (real)0.9 : (real)0.2;
}

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
    case ELU:
    case LOW_ELU: {
        const long double alpha = alpha_of(a), end = u + w, at_end = alpha * expm1l(end), at_start = alpha * expm1l(u);
        return u > 0 ? (end > 0 ? w : at_end - u) : end > 0 ? end - at_start : alpha * expl(u) * expm1l(w);
    }
    case LEAKY:
    case STEEP: {
        const long double slope = leak_of(a), end = u + w;
        return u > 0 ? (end > 0 ? w : slope * end - u) : end > 0 ? end - slope * u : slope * w;
    }
    default:
        return w;
    }
}

static real apply(size_t a, real u)
{
    real h;
    acts[a].def->apply(acts[a].opts, mat_of(&u, 1, 1), mat_of(&h, 1, 1));
    return h;
}

/* The cases of this file are the registry's, so a new activation is met here. */
START_TEST(every_activation_is_tested)
{
    ck_assert_uint_eq(act_registry.n_parts + sizeof as_written / sizeof *as_written, N_ACTS);
    ck_assert_ptr_eq(acts[ELU].def, &act_elu);
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
        acts[TANH].def->apply(acts[TANH].opts, mat_of(u, 1, N), mat_of(h, 1, N));
        for (size_t i = 0; i < N; i++) {
            from_libm = fmax(from_libm, ulps(h[i], (long double)LIBM_TANH(u[i])));
            from_tanh = fmax(from_tanh, ulps(h[i], TRUE_TANH(u[i])));
            odd &= !signbit(h[i]) == !signbit(u[i]);
        }
        acts[SIGMOID].def->apply(acts[SIGMOID].opts, mat_of(u, 1, N), mat_of(h, 1, N));
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
    ck_assert(apply(ELU, INFINITY) == INFINITY && apply(ELU, -INFINITY) == -1 && apply(ELU, 3) == 3 &&
              apply(ELU, 0) == 0);
    ck_assert(apply(LOW_ELU, -1000) == (real)-0.7 && apply(ELU, -LEAST_NORMAL) == -LEAST_NORMAL);
}
END_TEST

/* relu's slope is a factor: a NaN or an infinity is not hidden where a unit is off. */
START_TEST(relu_hides_nothing)
{
    real h[2] = { 0, 0 }, s[2] = { NAN, INFINITY }, out[2];
    act_times_slope(acts[RELU], (struct mat){ 0 }, mat_of(h, 1, 2), mat_of(s, 1, 2), mat_of(out, 1, 2));
    ck_assert(isnan(out[0]) && isnan(out[1]));
}
END_TEST

/* Slopes against central differences of the exact function. */
START_TEST(slopes)
{
    for (size_t a = 0; a < N_ACTS; a++) {
        if (acts[a].def->of_input)
            continue; /* gelu: below */
        for (double u = -6.1; u < 6; u += 0.37) {
            const double step = 1e-4;
            const double want =
                (double)(exact_difference(a, (long double)(u - step), 2 * (long double)step) / (2 * (long double)step));
            real h = apply(a, (real)u), s = (real)1.7, out;
            act_times_slope(acts[a], (struct mat){ 0 }, mat_of(&h, 1, 1), mat_of(&s, 1, 1), mat_of(&out, 1, 1));
            ck_assert_double_le(fabs((double)out - 1.7 * want), 1e-8 + 20 * REAL_ROUND);
            /* the inverse's slope is its reciprocal */
            if (!acts[a].def->times_inverse_slope || (a == RELU && u < 0))
                continue;
            acts[a].def->times_inverse_slope(acts[a].opts, mat_of(&h, 1, 1), mat_of(&out, 1, 1), (real)1e-7,
                                             mat_of(&out, 1, 1));
            ck_assert_double_le(fabs((double)out - 1.7), 20 * REAL_ROUND);
        }
    }
}
END_TEST

/* The slope's change between two outputs, also where they are nearly equal. */
START_TEST(slope_differences)
{
    for (size_t a = 0; a < N_ACTS; a++)
        for (double u = -3.1; u < 3 && acts[a].def->times_slope_difference; u += 0.37)
            for (double step = 1; step > 1e-9; step /= 10) {
                real h = apply(a, (real)u), x = (real)u, d = (real)step, s = 1, out;
                acts[a].def->difference(acts[a].opts, mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&d, 1, 1),
                                        mat_of(&d, 1, 1));
                acts[a].def->times_slope_difference(acts[a].opts, mat_of(&h, 1, 1), mat_of(&d, 1, 1), mat_of(&s, 1, 1),
                                                    mat_of(&out, 1, 1));
                const long double y = (long double)h, e = (long double)d;
                const long double alpha = alpha_of(a), before = y > 0 ? 1 : y + alpha,
                                  after = y + e > 0 ? 1 : y + e + alpha;
                const long double want = a == TANH                  ? -e * (2 * y + e)
                                         : a == SIGMOID             ? e * (1 - 2 * y - e)
                                         : a == RELU                ? (y + e > 0) - (y > 0)
                                         : a == LEAKY || a == STEEP ? (1 - leak_of(a)) * ((y + e > 0) - (y > 0))
                                         : is_elu(a)                ? (y <= 0 && y + e <= 0 ? e : after - before)
                                                                    : 0;
                ck_assert_msg(fabsl((long double)out - want) <= (long double)(40 * REAL_ROUND) * fabsl(e),
                              "%s(%g), %g: %.9g for %.9Lg", acts[a].def->part.name, u, step, (double)out, want);
            }
}
END_TEST

START_TEST(inverse_undoes)
{
    for (size_t a = 0; a < N_ACTS; a++) {
        if (!acts[a].def->inverse)
            continue;
        for (double u = -5.03; u < 5; u += 0.113) {
            if (a == RELU && u < 0)
                continue;
            real h = apply(a, (real)u), back;
            acts[a].def->inverse(acts[a].opts, mat_of(&h, 1, 1), (real)1e-6, mat_of(&back, 1, 1));
            const double slope = a == TANH            ? cosh(u) * cosh(u)
                                 : a == SIGMOID       ? 4 * cosh(u / 2) * cosh(u / 2)
                                 : is_elu(a) && u < 0 ? exp(-u)
                                                      : 1;
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
        acts[TANH].def->inverse(acts[TANH].opts, mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert_double_le((double)fabsl((long double)out / atanhl(t) - 1), 12 * REAL_ROUND);
        acts[SIGMOID].def->inverse(acts[SIGMOID].opts, mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert_double_le((double)fabsl((long double)out - logl(s / (1 - s))), 24 * REAL_ROUND);
        acts[RELU].def->inverse(acts[RELU].opts, mat_of(&v, 1, 1), tol, mat_of(&out, 1, 1));
        ck_assert(out == (v < 0 ? 0 : v));
    }
    real tiny = (real)1e-30, out;
    acts[TANH].def->inverse(acts[TANH].opts, mat_of(&tiny, 1, 1), tol, mat_of(&out, 1, 1));
    ck_assert(out == tiny);
    real one = 1;
    acts[TANH].def->inverse(acts[TANH].opts, mat_of(&one, 1, 1), 0, mat_of(&out, 1, 1));
    ck_assert(isfinite(out) && out > 8);
    acts[SIGMOID].def->times_inverse_slope(acts[SIGMOID].opts, mat_of(&one, 1, 1), mat_of(&one, 1, 1), 0,
                                           mat_of(&out, 1, 1));
    ck_assert(isfinite(out) && out > 1e6);
}
END_TEST

/* Roulet & Harchaoui's code: the clip bounds the factor, 1 / (1 - 0.999^2) = 500.25, and does not set it to zero. */
START_TEST(inverse_slope_is_bounded)
{
    real h[4] = { 1, -1, (real)0.9999, 0 }, s[4] = { 1, 1, 1, 1 }, out[4];
    acts[TANH].def->times_inverse_slope(acts[TANH].opts, mat_of(h, 1, 4), mat_of(s, 1, 4), (real)1e-3,
                                        mat_of(out, 1, 4));
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol((double)out[i], 500.25, 0.01);
    ck_assert(out[3] == 1);
    acts[RELU].def->times_inverse_slope(acts[RELU].opts, mat_of(h, 1, 4), mat_of(s, 1, 4), 0, mat_of(out, 1, 4));
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
            if (acts[a].def->of_input)
                continue; /* gelu: below */
            real x = u, h = apply(a, u), d = w, out;
            acts[a].def->difference(acts[a].opts, mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&d, 1, 1),
                                    mat_of(&out, 1, 1));
            const long double want = exact_difference(a, (long double)u, (long double)w);
            ck_assert_msg(fabsl((long double)out - want) <= (long double)bound * fabsl(want),
                          "%s(%g + %g): %.9g for %.9Lg", acts[a].def->part.name, (double)u, (double)w, (double)out,
                          want);
        }
    }
}
END_TEST

/* Blocks that start from one u give what each gives alone, to the bit, wherever u lies; and nothing moves where both
 * ends are saturated. */
START_TEST(differences_of_blocks)
{
    enum { ROWS = 5, COLS = 301, BLOCKS = 3, N = ROWS * COLS };
    real u[N], h[N], w[BLOCKS * N], together[BLOCKS * N];
    struct rng r = rng_stream(2385, "blocks");
    for (size_t reach = 4; reach < 5000; reach *= 10)
        for (size_t a = 0; a < N_ACTS; a++) {
            for (size_t i = 0; i < N; i++) {
                u[i] = (real)((double)reach * (2 * rng_uniform(&r) - 1));
                h[i] = apply(a, u[i]);
            }
            for (size_t i = 0; i < BLOCKS * N; i++)
                together[i] = w[i] = i % 7 ? (real)(exp2(-20 * rng_uniform(&r) + 4) * (2 * rng_uniform(&r) - 1)) : 0;
            act_difference_blocks((struct act){ acts[a].def, acts[a].opts }, mat_of(u, ROWS, COLS),
                                  mat_of(h, ROWS, COLS), mat_of(together, BLOCKS * ROWS, COLS));
            for (size_t i = 0; i < BLOCKS * N; i++) {
                real one;
                acts[a].def->difference(acts[a].opts, mat_of(&u[i % N], 1, 1), mat_of(&h[i % N], 1, 1),
                                        mat_of(&w[i], 1, 1), mat_of(&one, 1, 1));
                ck_assert_msg(one == together[i], "%s(%g + %g): %.9g, in a block %.9g", acts[a].def->part.name,
                              (double)u[i % N], (double)w[i], (double)one, (double)together[i]);
                ck_assert(w[i] != 0 || one == 0);
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
        acts[TANH].def->difference(acts[TANH].opts, mat_of(&u, 1, 1), mat_of(&h, 1, 1), mat_of(&w, 1, 1),
                                   mat_of(&out, 1, 1));
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
        for (size_t a = TANH; a <= SIGMOID; a++) { /* elu: below */
            const double centre = a == TANH ? 0 : 0.5, reach = a == TANH ? 1 : 0.5;
            real h = (real)(centre + reach * (2 * rng_uniform(&r) - 1));
            real d = (real)(exp2(-60 * rng_uniform(&r) + 1) * (2 * rng_uniform(&r) - 1)), out;
            const long double want = exact_inverse_difference(a, h, d, tol);
            acts[a].def->inverse_difference(acts[a].opts, mat_of(&h, 1, 1), mat_of(&d, 1, 1), tol, mat_of(&out, 1, 1));
            /* where one end is clipped, the distance from the clip is known to the spacing of h only */
            const long double absolute =
                (h < (a == TANH ? -1 + tol : tol) || h > 1 - tol || (long double)h + d > 1 - tol ||
                 (long double)h + d < (a == TANH ? -1 + tol : tol))
                    ? 2500 * REAL_ROUND
                    : 0;
            ck_assert_msg(
                fabsl((long double)out - want) <= 1e-5L / (sizeof(real) == 4 ? 1 : 1e8L) * fabsl(want) + absolute,
                "%s^-1(%.9g + %.9g): %.9g for %.9Lg", acts[a].def->part.name, (double)h, (double)d, (double)out, want);
        }
    }
}
END_TEST

/* elu's, whose pieces meet at 0, on both sides of it and across. */
START_TEST(inverse_differences_of_elu)
{
    struct rng r = rng_stream(2385, "inverse_difference");
    for (unsigned round = 0; round < 40000; round++)
        for (size_t a = ELU; a <= LOW_ELU; a += LOW_ELU - ELU) { /* both */
            const long double alpha = alpha_of(a);
            real h = (real)(-0.6 + 2 * rng_uniform(&r)),
                 d = (real)(exp2(-60 * rng_uniform(&r)) * (0.05 - rng_uniform(&r) * 0.1)), out;
            const long double b = h, t = b + d;
            const long double below = log1pl(((t < 0 ? t : 0) - (b < 0 ? b : 0)) / (alpha + (b < 0 ? b : 0)));
            const long double want = b > 0 && t > 0     ? d
                                     : b <= 0 && t <= 0 ? log1pl(d / (alpha + b))
                                                        : below + (t > 0 ? t : 0) - (b > 0 ? b : 0);
            acts[a].def->inverse_difference(acts[a].opts, mat_of(&h, 1, 1), mat_of(&d, 1, 1), (real)1e-6,
                                            mat_of(&out, 1, 1));
            ck_assert_msg(fabsl((long double)out - want) <= 200 * (long double)REAL_ROUND * fabsl(want),
                          "%g + %g: %.9g for %.9Lg", (double)h, (double)d, (double)out, want);
        }
}
END_TEST

/* gelu is no function of its output's slope and has no inverse; near displacements are accurate, far ones to the size
 * of their ends. */
START_TEST(gelu_is_accurate)
{
    struct rng r = rng_stream(2385, "gelu");
    const struct act_def *const f = acts[GELU].def;
    ck_assert(f->of_input && !f->inverse && !f->zeta && !f->times_slope_difference);
    ck_assert(apply(GELU, -INFINITY) == 0 && apply(GELU, INFINITY) == INFINITY && apply(GELU, 0) == 0 &&
              isnan(apply(GELU, NAN)));
    for (unsigned round = 0; round < 20000; round++) {
        real x = (real)(12 * (rng_uniform(&r) - 0.5)), h = apply(GELU, x), one = 1, slope, d, out;
        d = (real)(exp2(-60 * rng_uniform(&r) + 2) * (2 * rng_uniform(&r) - 1));
        const long double u = x, w = d, root = sqrtl(0.5L), end = u + w;
        const long double want = 0.5L * u * erfcl(-u * root), after = 0.5L * end * erfcl(-end * root);
        const long double steep = 0.5L * erfcl(-u * root) + u * expl(-u * u / 2) * root / sqrtl(acosl(-1));
        act_times_slope(acts[GELU], mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&one, 1, 1), mat_of(&slope, 1, 1));
        f->difference(NULL, mat_of(&x, 1, 1), mat_of(&h, 1, 1), mat_of(&d, 1, 1), mat_of(&out, 1, 1));
        ck_assert(fabsl((long double)h - want) <= 8 * (1 + u * u) * REAL_ROUND * fabsl(want) + 1e-300L);
        ck_assert(fabsl((long double)slope - steep) <= 20 * REAL_ROUND);
        ck_assert_msg(fabsl((long double)out - (after - want)) <=
                          REAL_ROUND * (20 * fabsl(w) + (fabsl(w) < 0.5L ? 0 : 4 * fabsl(u))) + 1e-18L,
                      "gelu(%g + %g): %g", (double)x, (double)d, (double)out);
    }
}
END_TEST

/* zeta(0) = 0, zeta'(a(u)) = a'(u), constant outside of the range; Bao 2024. */
START_TEST(zeta_has_the_slope)
{
    for (size_t a = 0; a < N_ACTS; a++) {
        if (!acts[a].def->zeta)
            continue;
        real zero = 0, out;
        acts[a].def->zeta(acts[a].opts, mat_of(&zero, 1, 1), mat_of(&out, 1, 1));
        ck_assert(out == 0);
        for (double u = -2.03; u < 2; u += 0.113) {
            const double step = sizeof(real) == 4 ? 1e-3 : 1e-5;
            const real h = apply(a, (real)u);
            if (a == RELU && h == 0)
                continue; /* the corner */
            real ends[2] = { h - (real)step, h + (real)step }, z[2], one = 1, slope, at = h;
            acts[a].def->zeta(acts[a].opts, mat_of(ends, 1, 2), mat_of(z, 1, 2));
            act_times_slope(acts[a], (struct mat){ 0 }, mat_of(&at, 1, 1), mat_of(&one, 1, 1), mat_of(&slope, 1, 1));
            const double found = (double)(z[1] - z[0]) / (double)(ends[1] - ends[0]);
            ck_assert_msg(fabs(found - (double)slope) < (sizeof(real) == 4 ? 2e-3 : 1e-8), "%s(%g): %g for %g",
                          acts[a].def->part.name, u, found, (double)slope);
        }
    }
    real far[2] = { -40, 40 }, out[2];
    acts[TANH].def->zeta(NULL, mat_of(far, 1, 2), mat_of(out, 1, 2));
    ck_assert(fabs((double)out[0] + 2.0 / 3) < 1e-6 && fabs((double)out[1] - 2.0 / 3) < 1e-6);
    acts[SIGMOID].def->zeta(NULL, mat_of(far, 1, 2), mat_of(out, 1, 2));
    ck_assert(out[0] == 0 && fabs((double)out[1] - 1.0 / 6) < 1e-6);
    acts[ELU].def->zeta(acts[ELU].opts, mat_of(far, 1, 2), mat_of(out, 1, 2));
    ck_assert(out[0] == (real)-0.5 && out[1] == 40);
}
END_TEST

/* Both ends beyond the clip: no difference. From end to end: twice the inverse of the limit. */
START_TEST(inverse_difference_is_clipped)
{
    const real tol = (real)1e-3;
    real h[6] = { (real)0.9995, (real)-0.9999, (real)0.3, -1, 1, (real)0.4 }, d[6] = { (real)0.0002, -3, 0, 2, -2, 7 },
         out[6];
    acts[TANH].def->inverse_difference(acts[TANH].opts, mat_of(h, 1, 6), mat_of(d, 1, 6), tol, mat_of(out, 1, 6));
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
    const double end = atanh((double)(1 - tol));
    ck_assert_double_eq_tol((double)out[3], 2 * end, 40 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[4], -2 * end, 40 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[5], end - atanh((double)h[5]), 40 * REAL_ROUND);
    real p[3] = { 0, 1, (real)0.2 }, e[3] = { 1, -1, (real)-0.4 };
    acts[SIGMOID].def->inverse_difference(acts[SIGMOID].opts, mat_of(p, 1, 3), mat_of(e, 1, 3), tol, mat_of(out, 1, 3));
    const double low = (double)tol, high = (double)(1 - tol), logit_low = log(low / (1 - low)),
                 logit_high = log(high / (1 - high));
    ck_assert_double_eq_tol((double)out[0], logit_high - logit_low, 80 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[1], logit_low - logit_high, 80 * REAL_ROUND);
    ck_assert_double_eq_tol((double)out[2], logit_low - log((double)p[2] / (1 - (double)p[2])), 80 * REAL_ROUND);
    real on[3] = { 2, 2, 0 }, by[3] = { (real)-0.5, -5, (real)-0.5 };
    acts[RELU].def->inverse_difference(acts[RELU].opts, mat_of(on, 1, 3), mat_of(by, 1, 3), tol, mat_of(out, 1, 3));
    ck_assert(out[0] == (real)-0.5 && out[1] == -2 && out[2] == 0);
    acts[LINEAR].def->inverse_difference(acts[LINEAR].opts, mat_of(on, 1, 3), mat_of(by, 1, 3), tol, mat_of(out, 1, 3));
    ck_assert(out[1] == -5);
    real from[4] = { 2, -2, 2, -1 }, moved[4] = { (real)-0.5, (real)-0.5, -4, 3 };
    acts[LEAKY].def->inverse_difference(acts[LEAKY].opts, mat_of(from, 1, 4), mat_of(moved, 1, 4), tol,
                                        mat_of(out, 1, 4));
    ck_assert(out[0] == (real)-0.5 && out[1] == (real)-2.5 && out[2] == -12 && out[3] == 7);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_unchecked_fixture(t, open_acts, close_acts);
    tcase_add_test(t, every_activation_is_tested);
    tcase_add_test(t, tanh_and_sigmoid_are_accurate);
    tcase_add_test(t, special_values);
    tcase_add_test(t, relu_hides_nothing);
    tcase_add_test(t, slopes);
    tcase_add_test(t, slope_differences);
    tcase_add_test(t, inverse_undoes);
    tcase_add_test(t, inverse_is_clipped_and_accurate);
    tcase_add_test(t, inverse_slope_is_bounded);
    tcase_add_test(t, differences_do_not_cancel);
    tcase_add_test(t, differences_of_blocks);
    tcase_add_test(t, differences_at_the_ends);
    tcase_add_test(t, inverse_differences_do_not_cancel);
    tcase_add_test(t, inverse_differences_of_elu);
    tcase_add_test(t, gelu_is_accurate);
    tcase_add_test(t, zeta_has_the_slope);
    tcase_add_test(t, inverse_difference_is_clipped);
}
CHECK_MAIN("act", add_tests)
