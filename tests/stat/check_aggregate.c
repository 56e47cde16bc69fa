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

static void add_tests(TCase *t)
{
    tcase_add_test(t, middle_half);
    tcase_add_test(t, shares);
    tcase_add_test(t, strata_stay_apart);
    tcase_add_test(t, draws_are_counted);
    tcase_add_test(t, bootstrap_covers);
}
CHECK_MAIN("aggregate", add_tests)
