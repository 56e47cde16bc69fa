#include "check_main.h"

#include "base/rng.h"
#include "stat/verdict.h"
#include <math.h>

enum { MIN_SEEDS = 3, DRAWS = 1000 };

static struct moments of(const double *x, size_t n)
{
    struct moments m = { 0 };
    for (size_t i = 0; i < n; i++)
        moments_add(&m, x[i]);
    return m;
}

static enum verdict judge(const struct moments *m, const struct reported *reported, struct region r)
{
    return verdict_of(verdict_interval(m, reported, 0.05), r, m->n, MIN_SEEDS);
}

START_TEST(an_interval_against_a_region)
{
    static const struct {
        double low, high;
        enum verdict verdict;
    } known[] = { { 1, 2, VERDICT_REPRODUCED },  { 0, 3, VERDICT_REPRODUCED }, { 3.5, 4, VERDICT_REFUTED },
                  { -2, -0.1, VERDICT_REFUTED }, { -1, 1, VERDICT_UNDECIDED }, { 2, 4, VERDICT_UNDECIDED },
                  { -1, 4, VERDICT_UNDECIDED },  { 3, 3, VERDICT_REPRODUCED }, { NAN, NAN, VERDICT_UNDECIDED } };
    const struct region r = { 0, 3 };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct interval x = { known[i].low, known[i].high };
        ck_assert_int_eq(verdict_of(x, r, 3, MIN_SEEDS), known[i].verdict);
        ck_assert_int_eq(verdict_of(x, r, 2, MIN_SEEDS), VERDICT_UNDECIDED);
    }
}
END_TEST

/* Two variants that compute the same: none is better, and a difference of exactly the margin is not more than it. */
START_TEST(equal_values)
{
    const struct moments same = of((const double[]){ 0, 0, 0 }, 3), one = of((const double[]){ 1, 1, 1 }, 3);
    ck_assert_int_eq(judge(&same, NULL, region_above(0)), VERDICT_REFUTED);
    ck_assert_int_eq(judge(&one, NULL, region_above(1)), VERDICT_REFUTED);
    ck_assert_int_eq(judge(&one, NULL, region_above(0.5)), VERDICT_REPRODUCED);
    ck_assert_int_eq(judge(&one, NULL, (struct region){ 1, 1 }), VERDICT_REPRODUCED);
}
END_TEST

/* Two equal samples of five: the error of the difference is 1, the degrees of freedom 8. */
START_TEST(the_spread_of_the_source_counts)
{
    const struct moments m = of((const double[]){ 1, 2, 3, 4, 5 }, 5);
    const struct reported exact = { .mean = 3, .sd = 0, .n = 0 }, same = { .mean = 3, .sd = sqrt(2.5), .n = 5 };
    const struct interval alone = verdict_interval(&m, NULL, 0.05), beside = verdict_interval(&m, &same, 0.05);
    ck_assert_double_eq(alone.high, verdict_interval(&m, &exact, 0.05).high);
    ck_assert_double_eq_tol(alone.high - m.mean, moments_half_width(&m), 1e-12);
    ck_assert_double_eq_tol(beside.high - m.mean, 2.3060041 * 1.0, 1e-6);
    ck_assert(verdict_interval(&m, NULL, 0.01).high > alone.high);
}
END_TEST

/* n seeds of a known normal (mean 7, sd 0.3) against claims that are true and claims that are not. */
struct tally {
    int covered, covered_both, reproduced, refuted;
};

static struct tally simulate(size_t n, double claimed, double tolerance)
{
    struct rng r = rng_stream(901, "verdicts");
    struct tally t = { 0 };
    for (int i = 0; i < DRAWS; i++) {
        struct moments m = { 0 }, paper = { 0 };
        for (size_t k = 0; k < n; k++)
            moments_add(&m, 7 + 0.3 * rng_normal(&r));
        for (size_t k = 0; k < 10; k++)
            moments_add(&paper, 7 + 0.3 * rng_normal(&r));
        const struct reported reported = { paper.mean, moments_sd(&paper), paper.n };
        const struct interval own = verdict_interval(&m, NULL, 0.05), both = verdict_interval(&m, &reported, 0.05);
        t.covered += own.low <= 7 && 7 <= own.high;
        t.covered_both += both.low <= reported.mean && reported.mean <= both.high;
        const enum verdict v = judge(&m, NULL, (struct region){ claimed - tolerance, claimed + tolerance });
        t.reproduced += v == VERDICT_REPRODUCED;
        t.refuted += v == VERDICT_REFUTED;
    }
    return t;
}

START_TEST(verdicts_of_known_normals)
{
    static const size_t sizes[] = { 3, 5, 10 };
    const size_t n = sizes[_i];
    const struct tally exact = simulate(n, 7, 0.4), edge = simulate(n, 7.4, 0.4), wrong = simulate(n, 8.5, 0.4),
                       just = simulate(n, 7.4 + 1e-9, 0.4);
    ck_assert_int_ge(exact.covered, 930);
    ck_assert_int_le(exact.covered, 970);
    ck_assert_int_ge(exact.covered_both, 930);
    ck_assert_int_le(exact.covered_both, 970);
    ck_assert_int_le(exact.refuted, 30);
    ck_assert_int_le(edge.refuted, 30); /* true by nothing: the worst case, 2.5 % */
    ck_assert_int_le(just.reproduced, 30);
    ck_assert_int_eq(wrong.reproduced, 0);
    ck_assert_int_ge(wrong.refuted, n == 3 ? 800 : 990);
    if (n == 10)
        ck_assert_int_ge(exact.reproduced, 900); /* enough seeds decide */
}
END_TEST

START_TEST(two_seeds_decide_nothing)
{
    const struct tally t = simulate(2, 7, 1000);
    ck_assert_int_eq(t.reproduced, 0);
    ck_assert_int_eq(t.refuted, 0);
    ck_assert_int_eq(simulate(2, 1e6, 1).refuted, 0);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, an_interval_against_a_region);
    tcase_add_test(t, equal_values);
    tcase_add_test(t, the_spread_of_the_source_counts);
    tcase_add_loop_test(t, verdicts_of_known_normals, 0, 3);
    tcase_add_test(t, two_seeds_decide_nothing);
}
CHECK_MAIN("verdict", add_tests)
