#include "check_main.h"

#include "base/rng.h"
#include "stat/paired.h"
#include <math.h>

START_TEST(permutations_are_counted)
{
    /* of the 8 ways to sign 1, 2, 3 two have a sum of 6; of 1, 1, -1 two have 3, and all have at least 1 */
    ck_assert_double_eq(paired_permutation_p((const double[]){ 1, 2, 3 }, 3), 0.25);
    ck_assert_double_eq(paired_permutation_p((const double[]){ -1, -2, -3 }, 3), 0.25);
    ck_assert_double_eq(paired_permutation_p((const double[]){ 1, 1, -1 }, 3), 1);
    ck_assert_double_eq(paired_permutation_p((const double[]){ 0, 0 }, 2), 1);
    ck_assert(isnan(paired_permutation_p(NULL, 0)));
    /* 0.1 + 0.2 and 0.3 differ by rounding: the sums 0.6 and 0 of these each come twice, 0.4 and 0.2 twice */
    ck_assert_double_eq(paired_permutation_p((const double[]){ 0.1, 0.2, 0.3 }, 3), 0.25);
    ck_assert_double_eq(paired_permutation_p((const double[]){ 0.1, 0.2, -0.3 }, 3), 1);
    double many[14];
    for (int i = 0; i < 14; i++)
        many[i] = 0.1 * (i + 1); /* more ways than are counted without summing anew */
    ck_assert_double_eq(paired_permutation_p(many, 14), 2.0 / (1 << 14));
}
END_TEST

/* The unit does not matter, nor to what counts as rounding; and where no sign changes the sum, every way that is drawn
 * counts. */
START_TEST(permutations_have_no_unit)
{
    static const double scales[] = { 0x1p-60, 1, 0x1p60 }, zeros[PERMUTATION_EXACT + 1] = { 0 };
    for (size_t i = 0; i < 3; i++) {
        const double s = scales[i];
        ck_assert_double_eq(paired_permutation_p((const double[]){ 0.1 * s, 0.2 * s, -0.3 * s }, 3), 1);
        ck_assert_double_eq(paired_permutation_p((const double[]){ 0.1 * s, 0.2 * s, 0.3 * s }, 3), 0.25);
        /* all 16 sums are 0 or more: the one seen is 0 but for rounding */
        ck_assert_double_eq(paired_permutation_p((const double[]){ 0.1 * s, 0.2 * s, 0.4 * s, -0.7 * s }, 4), 1);
    }
    ck_assert_double_eq(paired_permutation_p(zeros, PERMUTATION_EXACT + 1), 1);
}
END_TEST

/* Where both can be had, drawing agrees with counting: 18 and 19 pairs of the same kind. */
START_TEST(drawn_permutations_agree)
{
    double d[19];
    struct rng r = rng_stream(2385, "pairs");
    for (int i = 0; i < 19; i++)
        d[i] = rng_normal(&r) + 0.45;
    d[18] = 0; /* changes no sum: the exact p of 18 is that of 19 */
    const double exact = paired_permutation_p(d, 18), drawn = paired_permutation_p(d, 19);
    ck_assert_double_gt(exact, 0.001);
    ck_assert_double_eq_tol(drawn, exact, 4 * sqrt(exact * (1 - exact) / 1e5));
}
END_TEST

START_TEST(improvement_counts_pairs)
{
    ck_assert_double_eq_tol(paired_improvement((const double[]){ 1, 3 }, 2, (const double[]){ 2, 3, 0 }, 3), 3.5 / 6,
                            1e-15);
    ck_assert(isnan(paired_improvement((const double[]){ 1 }, 1, NULL, 0)));
}
END_TEST

/* Values of G*Power (paired t test, two-sided, 0.05): 34 pairs for an effect of 0.5, 15 for 0.8, 10 for 1, 199 for 0.2.
 */
START_TEST(seeds_needed)
{
    ck_assert_uint_eq(paired_seeds_needed(0.5), 34);
    ck_assert_uint_eq(paired_seeds_needed(0.8), 15);
    ck_assert_uint_eq(paired_seeds_needed(-1), 10);
    ck_assert_uint_eq(paired_seeds_needed(0.2), 199);
    ck_assert_uint_eq(paired_seeds_needed(0.001), 0);
    ck_assert_uint_eq(paired_seeds_needed(0), 0);
    ck_assert_uint_eq(paired_seeds_needed(INFINITY), 2);
    ck_assert_uint_eq(paired_seeds_needed(NAN), 0);
    ck_assert_double_eq_tol(paired_power(0.5, 34), 0.8078, 2e-4);
    for (size_t n = 2; n < 40; n++)
        ck_assert_double_eq_tol(paired_power(0, n), 0.05, 1e-6); /* of no difference: the level of the test */
}
END_TEST

/* The power is how often the test finds a difference that is there. */
START_TEST(power_is_a_frequency)
{
    static const size_t sizes[] = { 2, 3, 5, 12 };
    enum { DRAWS = 4000 };
    struct rng r = rng_stream(2385, "power");
    for (size_t i = 0; i < 4; i++) {
        int found = 0;
        for (int k = 0; k < DRAWS; k++) {
            struct moments m = { 0 };
            for (size_t j = 0; j < sizes[i]; j++)
                moments_add(&m, 0.9 + rng_normal(&r));
            found += moments_p(&m) < 0.05;
        }
        const double power = paired_power(0.9, sizes[i]);
        ck_assert_double_eq_tol(found / (double)DRAWS, power, 4 * sqrt(power * (1 - power) / DRAWS));
    }
}
END_TEST

START_TEST(effects)
{
    struct moments d = { 0 }, equal = { 0 }, one = { 0 };
    moments_add(&d, 1);
    moments_add(&d, 3);
    moments_add(&equal, 2);
    moments_add(&equal, 2);
    moments_add(&one, 2);
    ck_assert_double_eq_tol(paired_effect(&d), 2 / sqrt(2), 1e-15);
    ck_assert(isinf(paired_effect(&equal)) && isnan(paired_effect(&one)));
}
END_TEST

START_TEST(holm)
{
    double p[] = { 0.01, 0.04, NAN, 0.03, 0.005 };
    ck_assert_int_eq(paired_holm(p, 5), 0);
    ck_assert_double_eq_tol(p[0], 0.03, 1e-15);
    ck_assert_double_eq_tol(p[1], 0.06, 1e-15);
    ck_assert(isnan(p[2]));
    ck_assert_double_eq_tol(p[3], 0.06, 1e-15);
    ck_assert_double_eq_tol(p[4], 0.02, 1e-15);
    double large[] = { 0.9, 0.8 };
    ck_assert_int_eq(paired_holm(large, 2), 0);
    ck_assert_double_eq(large[0], 1);
    ck_assert_double_eq(large[1], 1);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, permutations_are_counted);
    tcase_add_test(t, permutations_have_no_unit);
    tcase_add_test(t, drawn_permutations_agree);
    tcase_add_test(t, improvement_counts_pairs);
    tcase_add_test(t, seeds_needed);
    tcase_add_test(t, power_is_a_frequency);
    tcase_add_test(t, effects);
    tcase_add_test(t, holm);
}
CHECK_MAIN("paired", add_tests)
