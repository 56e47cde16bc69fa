/* What every activation of the registry promises, at its defaults and with each option at the ends of its range and
 * between: functions, slopes, differences and inverses belong together. Accuracy and exact values: check_act.c. */
#include "../base/part_options.h"
#include "../check_main.h"
#include "fixture.h"
#include "math/act.h"
#include "spec/bind.h"
#include <assert.h>

enum { MOST_CASES = 128 };
static struct act_case {
    char text[80]; /* "{name: elu, alpha: 1000}" */
    struct act act;
} cases[MOST_CASES];
static int n_cases;
static struct arena arena;

static void add_case(const char *name, const char *option, const char *value)
{
    assert(n_cases < MOST_CASES);
    char *text = cases[n_cases++].text;
    if (option)
        snprintf(text, sizeof cases->text, "{name: %s, %s: %s}", name, option, value);
    else
        snprintf(text, sizeof cases->text, "{name: %s}", name);
}

static void find_cases(void)
{
    for (size_t i = 0; i < act_registry.n_parts; i++) {
        const struct part *part = act_registry.parts[i];
        char value[32];
        add_case(part->name, NULL, NULL);
        for (const struct option *o = part->options; o && o->name; o++)
            for (size_t k = 0; option_example(o, k, value, sizeof value); k++)
                add_case(part->name, o->name, value);
    }
}

static void open_cases(void)
{
    arena_init(&arena, 0);
    for (int i = 0; i < n_cases; i++) {
        struct err e = { 0 };
        struct chosen c = { 0 };
        const struct option row = { "activation", OPT_PART, .dflt = cases[i].text, .registry = &act_registry };
        ck_assert_msg(bind_default_value(&row, &c, &arena, &e) == 0, "%s: %s", cases[i].text, err_first(&e));
        cases[i].act = act_of(c);
    }
}

static void close_cases(void)
{
    arena_finish(&arena);
}

/* (An assertion of Check costs a system call.) */
#define HOLD(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

/* ---- one number through each function ---- */

enum call {
    APPLY,
    SLOPE,
    DIFFERENCE,
    SLOPE_DIFFERENCE,
    INVERSE,
    INVERSE_SLOPE,
    INVERSE_DIFFERENCE,
    ZETA,
    ZETA_DIFFERENCE,
    N_CALLS
};
static const char *const call_names[N_CALLS] = {
    "apply",          "times_slope",         "difference",         "times_slope_difference",
    "inverse",        "times_inverse_slope", "inverse_difference", "zeta",
    "zeta_difference"
};
static bool takes_two(enum call call)
{
    return call != APPLY && call != INVERSE && call != ZETA;
}

static bool has(struct act a, enum call call)
{
    const struct act_def *f = a.def;
    const bool there[N_CALLS] = { true,
                                  true,
                                  true,
                                  f->times_slope_difference,
                                  f->inverse,
                                  f->times_inverse_slope,
                                  f->inverse_difference,
                                  f->zeta,
                                  f->zeta_difference };
    return there[call];
}

/* out of x, an input or an output as the function has it, and d, a displacement or a signal; n numbers of each. */
static void run(struct act a, enum call call, real *x, real *d, real clamp, real *out, size_t n)
{
    const struct act_def *f = a.def;
    real one[64];
    const struct mat xm = mat_of(x, 1, n), dm = mat_of(d, 1, n), om = mat_of(out, 1, n), ones = mat_of(one, 1, n);
    assert(n <= 64);
    for (size_t i = 0; i < n; i++)
        one[i] = 1;
    switch (call) {
    case APPLY:
        f->apply(a.opts, xm, om);
        break;
    case SLOPE: /* at the input x with of_input, else at the output x */
        f->times_slope(a.opts, f->of_input ? xm : (struct mat){ 0 }, xm, dm, om);
        break;
    case DIFFERENCE: {
        real h[64];
        f->apply(a.opts, xm, mat_of(h, 1, n));
        f->difference(a.opts, xm, mat_of(h, 1, n), dm, om);
        break;
    }
    case SLOPE_DIFFERENCE:
        f->times_slope_difference(a.opts, xm, dm, ones, om);
        break;
    case INVERSE:
        f->inverse(a.opts, xm, clamp, om);
        break;
    case INVERSE_SLOPE:
        f->times_inverse_slope(a.opts, xm, dm, clamp, om);
        break;
    case INVERSE_DIFFERENCE:
        f->inverse_difference(a.opts, xm, dm, clamp, om);
        break;
    case ZETA:
        f->zeta(a.opts, xm, om);
        break;
    default:
        f->zeta_difference(a.opts, xm, dm, om);
    }
}

#define CLAMP ((real)1e-6)
static double of(struct act a, enum call call, double x, double d)
{
    real rx = (real)x, rd = (real)d, out;
    run(a, call, &rx, &rd, CLAMP, &out, 1);
    return (double)out;
}

/* The slope at the input u. */
static double slope_at(struct act a, double u)
{
    return of(a, SLOPE, a.def->of_input ? u : of(a, APPLY, u, 0), 1);
}

static void range_of(struct act a, double *low, double *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (a.def->range)
        a.def->range(a.opts, low, high);
}

/* ---- */

START_TEST(descriptions)
{
    registry_check(&act_registry);
    for (int i = 0; i < n_cases; i++) {
        const struct act_def *f = cases[i].act.def;
        ck_assert(f->apply && f->times_slope && f->difference);
        ck_assert_msg(!f->of_input || !f->times_slope_difference, "%s: the slope is one of the input", f->part.name);
        ck_assert_msg(!f->inverse == !f->times_inverse_slope && !f->inverse == !f->inverse_difference &&
                          !f->zeta == !f->zeta_difference,
                      "%s: an inverse has a slope and differences, zeta has differences", f->part.name);
        ck_assert_msg(f->inverse || !f->zeta, "%s: zeta without an inverse", f->part.name);
    }
}
END_TEST

/* Whether out changes with x, d being what it is: a linear slope does not ask where. */
static bool depends_on_x(struct act a, enum call call)
{
    const double first = of(a, call, 0.3, 0.1);
    return of(a, call, -0.02, 0.1) != first || of(a, call, 0.9, 0.1) != first;
}

/* One NaN at each place of a row, in each argument of each function: it comes out there and nowhere else. (The change
 * of a slope of steps asks only on which side of a corner an output lies.) */
START_TEST(nan_passes)
{
    enum { N = 21 };
    static const double values[] = { 0.3, -0.02, 0.7 };
    for (int c = 0; c < n_cases; c++)
        for (enum call call = 0; call < N_CALLS; call++)
            for (size_t try = 0; try < N * 2 * 3 && has(cases[c].act, call) && call != SLOPE_DIFFERENCE; try++) {
                const size_t at = try % N, which = try / N % 2;
                real x[N], d[N], out[N];
                if (which ? !takes_two(call) : !depends_on_x(cases[c].act, call))
                    continue;
                for (size_t i = 0; i < N; i++)
                    x[i] = (real)values[try / N / 2], d[i] = (real)0.1;
                (which ? d : x)[at] = (real)NAN;
                run(cases[c].act, call, x, d, (real)1e-3, out, N);
                for (size_t i = 0; i < N; i++)
                    HOLD(isnan(out[i]) == (i == at), "%s, %s, argument %zu, %g, NaN at %zu, entry %zu: %g",
                         cases[c].text, call_names[call], which, values[try / N / 2], at, i, (double)out[i]);
            }
}
END_TEST

/* In place and apart, at every length and offset: the same bits, so a result does not depend on where a row lies. */
START_TEST(results_do_not_depend_on_place)
{
    enum { N = 37 };
    struct rng r = rng_stream(2385, "place");
    struct mat x = random_mat(&r, 1, N, 3), d = random_mat(&r, 1, N, (real)0.3);
    for (int c = 0; c < n_cases; c++)
        for (enum call call = 0; call < N_CALLS; call++)
            for (size_t n = N; n >= 1 && has(cases[c].act, call); n--) {
                static real whole[N];
                real part[N], in_place[N];
                const struct act a = cases[c].act;
                memcpy(in_place, takes_two(call) ? d.p + N - n : x.p + N - n, n * sizeof *in_place);
                run(a, call, x.p + N - n, d.p + N - n, (real)1e-3, n == N ? whole : part, n);
                run(a, call, takes_two(call) ? x.p + N - n : in_place, in_place, (real)1e-3, in_place, n);
                HOLD(n == N || memcmp(part, whole + N - n, n * sizeof *part) == 0, "%s, %s: %zu numbers", cases[c].text,
                     call_names[call], n);
                HOLD(memcmp(in_place, whole + N - n, n * sizeof *part) == 0, "%s, %s: in place", cases[c].text,
                     call_names[call]);
            }
    free(x.p), free(d.p);
}
END_TEST

#define STEP (1.0 / 256)
/* What rounding leaves of a difference of two values. */
static double rounding(double a, double b)
{
    return 16 * REAL_ROUND * (1 + fabs(a) + fabs(b));
}

/* Over [-8, 8] without a gap: what the function rises between two points lies between its least and its greatest slope
 * there. A slope of another function is found so, and a jump. */
START_TEST(the_slope_is_that_of_the_function)
{
    for (int c = 0; c < n_cases; c++) {
        const struct act a = cases[c].act;
        for (double u = -8; u < 8; u += STEP) {
            const double from = of(a, APPLY, u, 0), to = of(a, APPLY, u + STEP, 0), rise = (to - from) / STEP;
            const double s[] = { slope_at(a, u), slope_at(a, u + STEP / 2), slope_at(a, u + STEP) };
            const double least = fmin(s[0], fmin(s[1], s[2])), most = fmax(s[0], fmax(s[1], s[2]));
            const double slack = (most - least) / 2 + 1e-5 + rounding(from, to) / STEP;
            HOLD(rise >= least - slack && rise <= most + slack,
                 "%s rises from %.9g to %.9g between %g and %g, at a slope of %g to %g", cases[c].text, from, to, u,
                 u + STEP, least, most);
        }
    }
}
END_TEST

/* Differences of the function, its slope, its inverse and zeta are those of their values; nothing moves by nothing. */
START_TEST(differences_are_those_of_values)
{
    static const enum call pairs[][2] = {
        { APPLY, DIFFERENCE }, { INVERSE, INVERSE_DIFFERENCE }, { ZETA, ZETA_DIFFERENCE }, { SLOPE, SLOPE_DIFFERENCE }
    };
    static const double moves[] = { 0.01, -0.01, 0.7, -0.7, 3.3, -3.3, 12, -12 };
    for (int c = 0; c < n_cases; c++)
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
            for (double u = -8; u < 8 && has(cases[c].act, pairs[p][1]); u += 3 * STEP)
                for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
                    const struct act a = cases[c].act;
                    /* at outputs, wherever the function does not reach too */
                    const real x = (real)(p == 0 || i % 2 ? u : of(a, APPLY, u, 0)), d = (real)moves[i];
                    const double from = of(a, pairs[p][0], (double)x, 1), to = of(a, pairs[p][0], (double)(x + d), 1);
                    const double got = of(a, pairs[p][1], (double)x, (double)d);
                    const double round = 16 * REAL_ROUND * (1 + fabs((double)x) + fabs((double)d)); /* of x + d */
                    const double moved = fmax(fabs(of(a, pairs[p][1], (double)(x + d), round)),
                                              fabs(of(a, pairs[p][1], (double)(x + d), -round)));
                    HOLD(fabs(got - (to - from)) <= 4 * rounding(from, to) + 2 * moved,
                         "%s, %s(%.9g + %.9g): %.9g for %.9g", cases[c].text, call_names[pairs[p][1]], (double)x,
                         (double)d, got, to - from);
                    HOLD(of(a, pairs[p][1], (double)x, 0) == 0, "%s, %s(%.9g + 0)", cases[c].text,
                         call_names[pairs[p][1]], (double)x);
                }
}
END_TEST

/* The inverse leads back to the output where the clamp does not act, its slope is the reciprocal. */
START_TEST(the_inverse_undoes)
{
    for (int c = 0; c < n_cases; c++) {
        const struct act a = cases[c].act;
        double low, high;
        range_of(a, &low, &high);
        for (double u = -8; u < 8 && a.def->inverse; u += STEP) {
            const double h = of(a, APPLY, u, 0), slope = slope_at(a, u);
            HOLD(h >= low && h <= high, "%s(%g) = %g lies outside of its range", cases[c].text, u, h);
            if (h <= low + 2e-6 || h >= high - 2e-6)
                continue;
            const double back = of(a, INVERSE, h, 0), again = of(a, APPLY, back, 0);
            HOLD(fabs(again - h) <= 4 * rounding(again, h) * (1 + slope), "%s: %.9g comes back as %.9g", cases[c].text,
                 h, again);
            if (slope > 0)
                HOLD(fabs(slope * of(a, INVERSE_SLOPE, h, 1) - 1) <= 64 * REAL_ROUND * (1 + 1 / slope),
                     "%s: at %.9g the slope is %.9g and the inverse's %.9g", cases[c].text, h, slope,
                     of(a, INVERSE_SLOPE, h, 1));
        }
    }
}
END_TEST

/* The clamp moves what lies nearer than it to an end of `range`, or beyond, and nothing else: an inverse that is
 * clipped has a range. */
START_TEST(the_range_is_where_the_clamp_acts)
{
    const real wide = (real)1e-2, narrow = (real)1e-3;
    for (int c = 0; c < n_cases; c++) {
        const struct act a = cases[c].act;
        double low, high;
        range_of(a, &low, &high);
        HOLD(low < high && (!a.def->range || isfinite(low) || isfinite(high)), "%s: no range", cases[c].text);
        HOLD(!a.def->range || a.def->inverse, "%s: a range without an inverse", cases[c].text);
        for (double v = -8 + 0.3 * STEP; v < 8 && a.def->inverse; v += STEP) {
            real at = (real)v, d = 0, with[2];
            run(a, INVERSE, &at, &d, wide, &with[0], 1);
            run(a, INVERSE, &at, &d, narrow, &with[1], 1);
            if ((double)at > low + 1.01e-2 && (double)at < high - 1.01e-2)
                HOLD(with[0] == with[1],
                     "%s: the clamp moves the inverse at %g; `range` has to say so: it ends at %g and %g",
                     cases[c].text, v, low, high);
        }
        for (int end = 0; end < 2 && a.def->inverse; end++) {
            const double limit = end ? high : low, inside = limit + (end ? -2e-3 : 2e-3);
            real at = (real)inside, d = 0, with[2];
            if (!isfinite(limit))
                continue;
            run(a, INVERSE, &at, &d, wide, &with[0], 1);
            run(a, INVERSE, &at, &d, narrow, &with[1], 1);
            HOLD(with[0] != with[1], "%s: the clamp does not act at %g, the end of its range", cases[c].text, limit);
        }
    }
}
END_TEST

/* zeta(0) = 0, zeta' at an output is the slope there, and outside of the range zeta is constant. */
START_TEST(zeta_has_the_slope)
{
    for (int c = 0; c < n_cases; c++) {
        const struct act a = cases[c].act;
        double low, high;
        range_of(a, &low, &high);
        if (!a.def->zeta)
            continue;
        HOLD(of(a, ZETA, 0, 0) == 0, "%s", cases[c].text);
        for (double u = -4; u < 4; u += STEP) {
            const double h = of(a, APPLY, u, 0), next = of(a, APPLY, u + STEP, 0),
                         slope[] = { slope_at(a, u), slope_at(a, u + STEP) };
            const double least = fmin(slope[0], slope[1]), most = fmax(slope[0], slope[1]);
            const double rise = of(a, ZETA_DIFFERENCE, h, next - h),
                         slack = ((most - least) / 4 + 1e-4 * most + 32 * REAL_ROUND) * fabs(next - h) +
                                 rounding(h * most, next * most);
            HOLD(rise >= least * (next - h) - slack && rise <= most * (next - h) + slack,
                 "%s: zeta rises by %.9g between the outputs %.9g and %.9g, at a slope of %g to %g", cases[c].text,
                 rise, h, next, least, most);
        }
        if (isfinite(low))
            HOLD(of(a, ZETA, low - 3, 0) == of(a, ZETA, low, 0), "%s", cases[c].text);
        if (isfinite(high))
            HOLD(of(a, ZETA, high + 3, 0) == of(a, ZETA, high, 0), "%s", cases[c].text);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    find_cases();
    tcase_add_unchecked_fixture(t, open_cases, close_cases);
    tcase_add_test(t, descriptions);
    tcase_add_test(t, nan_passes);
    tcase_add_test(t, results_do_not_depend_on_place);
    tcase_add_test(t, the_slope_is_that_of_the_function);
    tcase_add_test(t, differences_are_those_of_values);
    tcase_add_test(t, the_inverse_undoes);
    tcase_add_test(t, the_range_is_where_the_clamp_acts);
    tcase_add_test(t, zeta_has_the_slope);
}
CHECK_MAIN("every_act", add_tests)
