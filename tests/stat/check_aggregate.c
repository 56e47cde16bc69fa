#include "check_main.h"

#include "base/rng.h"
#include "stat/aggregate.h"
#include <math.h>

START_TEST(middle_half)
{
    double x[] = { 100, 3, 1, 2, -50, 4, 5, 6 }; /* without -50, 1 and 6, 100 */
    ck_assert_double_eq_tol(aggregate_iqm(x, 8, NULL), 3.5, 1e-15);
    ck_assert_double_eq_tol(aggregate_iqm((double[]){ 1, 2, 6 }, 3, NULL), 3, 1e-15);
    ck_assert(isnan(aggregate_iqm(x, 0, NULL)) && isnan(aggregate_mean(x, 0, NULL)));
}
END_TEST

START_TEST(shares)
{
    double x[] = { 1, 2, 2, 3 };
    const struct bound larger = { 2, false }, smaller = { 2, true };
    ck_assert_double_eq(aggregate_share(x, 4, &larger), 0.75);
    ck_assert_double_eq(aggregate_share(x, 4, &smaller), 0.75);
}
END_TEST

/* Strata are drawn from separately: studies that differ widely but whose seeds agree have an interval of no width. */
START_TEST(strata_stay_apart)
{
    const double a[] = { 1, 1, 1 }, b[] = { 100, 100, 100 };
    const struct stratum strata[] = { { 3, a }, { 3, b }, { 0, NULL } };
    struct bootstrap x;
    ck_assert_int_eq(aggregate_bootstrap(strata, 3, aggregate_mean, NULL, &x), 0);
    ck_assert_double_eq(x.value, 50.5);
    ck_assert_double_eq(x.low, 50.5);
    ck_assert_double_eq(x.high, 50.5);
    ck_assert_int_eq(aggregate_bootstrap(strata + 2, 1, aggregate_mean, NULL, &x), 0);
    ck_assert(isnan(x.value) && isnan(x.low) && isnan(x.high));
}
END_TEST

static double count_calls(double *values, size_t n, const void *self)
{
    (void)values;
    ++**(size_t *const *)self;
    return (double)n;
}

/* The statistic is taken of the values themselves, and of each of the draws. */
START_TEST(draws_are_counted)
{
    size_t calls = 0, *counter = &calls;
    const double a[] = { 1, 2, 3 }, b[] = { 4 };
    const struct stratum strata[] = { { 3, a }, { 1, b } };
    struct bootstrap x;
    ck_assert_int_eq(aggregate_bootstrap(strata, 2, count_calls, &counter, &x), 0);
    ck_assert_uint_eq(calls, 1 + BOOTSTRAP_DRAWS);
    ck_assert(x.low == 4 && x.value == 4 && x.high == 4);
}
END_TEST

/* With 30 values the interval of a mean holds the true one about as often as it says. */
START_TEST(bootstrap_covers)
{
    enum { DRAWS = 400, N = 15 };
    struct rng r = rng_stream(2385, "values");
    int covered = 0;
    for (int i = 0; i < DRAWS; i++) {
        double values[2][N];
        for (int k = 0; k < 2 * N; k++)
            values[k / N][k % N] = rng_normal(&r) + 10 * (k / N);
        const struct stratum strata[] = { { N, values[0] }, { N, values[1] } };
        struct bootstrap x;
        ck_assert_int_eq(aggregate_bootstrap(strata, 2, aggregate_mean, NULL, &x), 0);
        ck_assert(x.low <= x.value && x.value <= x.high);
        covered += x.low <= 5 && 5 <= x.high;
    }
    ck_assert_int_ge(covered, (int)(0.89 * DRAWS));
    ck_assert_int_le(covered, (int)(0.98 * DRAWS));
}
END_TEST

/* Studies weigh the same, however many seeds they have: 1 of 1 and 3.5 of 6. */
START_TEST(improvement_is_averaged)
{
    const double a0[] = { 5 }, b0[] = { 4 }, a1[] = { 1, 3 }, b1[] = { 2, 3, 0 };
    const struct stratum a[] = { { 1, a0 }, { 2, a1 }, { 0, NULL } }, b[] = { { 1, b0 }, { 3, b1 }, { 0, NULL } };
    ck_assert_double_eq_tol(aggregate_improvement(a, b, 3, NULL), (1 + 3.5 / 6) / 2, 1e-15);
    ck_assert(isnan(aggregate_improvement(a + 2, b + 2, 1, NULL)));
}
END_TEST

/* Both values of a seed are drawn at once: what all seeds differ by has an interval of no width, though the values have
 * one. */
START_TEST(pairs_stay_together)
{
    const double a0[] = { 1, 7, 20 }, b0[] = { 0, 6, 19 }, a1[] = { 3, 4 }, b1[] = { 2, 3 };
    const struct stratum a[] = { { 3, a0 }, { 2, a1 } }, b[] = { { 3, b0 }, { 2, b1 } };
    const struct difference means = { aggregate_mean, NULL }, middles = { aggregate_iqm, NULL };
    struct bootstrap x;
    ck_assert_int_eq(aggregate_bootstrap_pairs(a, b, 2, aggregate_difference, &means, &x), 0);
    ck_assert_double_eq_tol(x.value, 1, 1e-15);
    ck_assert_double_eq_tol(x.low, 1, 1e-12);
    ck_assert_double_eq_tol(x.high, 1, 1e-12);
    /* of 1 3 4 7 20 and 0 2 3 6 19 the middle three */
    ck_assert_int_eq(aggregate_bootstrap_pairs(a, b, 2, aggregate_difference, &middles, &x), 0);
    ck_assert_double_eq_tol(x.value, 14 / 3.0 - 11 / 3.0, 1e-15);
    ck_assert_int_eq(aggregate_bootstrap(a, 2, aggregate_mean, NULL, &x), 0);
    ck_assert(x.low < 7 && 7 == x.value && 7 < x.high);
}
END_TEST

/* The interval of an average probability of improvement holds the true one about as often as it says: a and b are
 * normals 1 apart, so that it is P(N(1, 2) > 0) = 0.76. */
START_TEST(improvement_covers)
{
    enum { DRAWS = 150, STUDIES = 3, N = 12 };
    struct rng r = rng_stream(2385, "improvement");
    int covered = 0;
    for (int i = 0; i < DRAWS; i++) {
        double values[2 * STUDIES][N];
        struct stratum a[STUDIES], b[STUDIES];
        for (int j = 0; j < STUDIES; j++) {
            for (int k = 0; k < N; k++) {
                values[j][k] = 1 + 5 * j + rng_normal(&r);
                values[STUDIES + j][k] = 5 * j + rng_normal(&r);
            }
            a[j] = (struct stratum){ N, values[j] };
            b[j] = (struct stratum){ N, values[STUDIES + j] };
        }
        struct bootstrap x;
        ck_assert_int_eq(aggregate_bootstrap_pairs(a, b, STUDIES, aggregate_improvement, NULL, &x), 0);
        covered += x.low <= 0.7602499 && 0.7602499 <= x.high;
    }
    ck_assert_int_ge(covered, (int)(0.87 * DRAWS));
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, middle_half);
    tcase_add_test(t, shares);
    tcase_add_test(t, strata_stay_apart);
    tcase_add_test(t, draws_are_counted);
    tcase_add_test(t, bootstrap_covers);
    tcase_add_test(t, improvement_is_averaged);
    tcase_add_test(t, pairs_stay_together);
    tcase_add_test(t, improvement_covers);
}
CHECK_MAIN("aggregate", add_tests)
