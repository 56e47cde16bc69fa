#include "check_main.h"

#include "base/rng.h"
#include "stat/moments.h"
#include <math.h>

static struct moments of(const double *x, size_t n)
{
    struct moments m = { 0 };
    for (size_t i = 0; i < n; i++)
        moments_add(&m, x[i]);
    return m;
}

START_TEST(mean_and_deviation)
{
    const struct moments m = of((const double[]){ 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16 }, 4),
                         one = of((const double[]){ 3 }, 1);
    ck_assert_double_eq_tol(m.mean, 1e9 + 10, 1e-6);
    ck_assert_double_eq_tol(moments_sd(&m), sqrt(30), 1e-9);
    ck_assert_double_eq(m.min, 1e9 + 4);
    ck_assert_double_eq(m.max, 1e9 + 16);
    ck_assert(isnan(moments_sd(&one)) && isnan(moments_half_width(&one)) && isnan(moments_p(&one)));
}
END_TEST

/* Abramowitz and Stegun, Table 26.10, and more digits from any statistics package. */
START_TEST(intervals_of_student)
{
    static const struct {
        size_t degrees;
        double t;
    } known[] = { { 1, 12.7062047364 }, { 2, 4.3026527297 }, { 3, 3.1824463053 },
                  { 4, 2.7764451052 },  { 9, 2.2621571628 }, { 30, 2.0422724563 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct moments m = { 0 };
        for (size_t k = 0; k <= known[i].degrees; k++)
            moments_add(&m, k % 2 ? 1.5 : -0.25 * (double)k);
        const double error = moments_sd(&m) / sqrt((double)m.n);
        ck_assert_double_eq_tol(moments_half_width(&m), known[i].t * error, 1e-8 * error);
        m.mean = known[i].t * error; /* a mean at the edge of its interval has p = 0.05 */
        ck_assert_double_eq_tol(moments_p(&m), 0.05, 1e-8);
        m.mean = -m.mean;
        ck_assert_double_eq_tol(moments_p(&m), 0.05, 1e-8);
    }
    const struct moments equal = of((const double[]){ 2, 2 }, 2), zero = of((const double[]){ 0, 0, 0 }, 3);
    const struct moments rounded = of((const double[]){ 0.1 + 0.2, 0.3, 0.3 }, 3),
                         apart = of((const double[]){ 1, 1 + 1e-9 }, 2);
    ck_assert(isnan(moments_p(&equal)) && isnan(moments_p(&zero)) && isnan(moments_p(&rounded)));
    ck_assert(moments_are_equal(&equal) && moments_are_equal(&zero) && moments_are_equal(&rounded));
    ck_assert(!moments_are_equal(&apart) && moments_p(&apart) < 1e-8);
    const struct moments one = of((const double[]){ 2 }, 1);
    ck_assert(!moments_are_equal(&one));
}
END_TEST

/* 95 % intervals hold the true mean of normal draws in 95 of 100 cases, however few draws there are. */
START_TEST(intervals_cover)
{
    static const size_t sizes[] = { 3, 5, 10 };
    enum { DRAWS = 4000 };
    struct rng r = rng_stream(2385, "coverage");
    const size_t n = sizes[_i];
    int covered = 0, significant = 0;
    for (int i = 0; i < DRAWS; i++) {
        struct moments m = { 0 };
        for (size_t k = 0; k < n; k++)
            moments_add(&m, 7 + 0.3 * rng_normal(&r));
        covered += fabs(m.mean - 7) <= moments_half_width(&m);
        m.mean -= 7;
        significant += moments_p(&m) < 0.05;
    }
    ck_assert_int_ge(covered, (int)(0.935 * DRAWS));
    ck_assert_int_le(covered, (int)(0.965 * DRAWS));
    ck_assert_int_eq(covered + significant, DRAWS); /* the test and the interval are one statement */
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, mean_and_deviation);
    tcase_add_test(t, intervals_of_student);
    tcase_add_loop_test(t, intervals_cover, 0, 3);
}
CHECK_MAIN("moments", add_tests)
