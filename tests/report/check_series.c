/* Rolling means. */
#include "check_main.h"
#include "report/series.h"
#include <math.h>

START_TEST(rolling_means_over_the_last_values)
{
    double at[] = { 0, 1, 2, 3, 4 }, value[] = { 1, 2, 6, 4, 5 }, mean[5], sd[5];
    const struct series s = { .n = 5, .at = at, .value = value };
    series_roll(&s, 3, mean, sd);
    static const double means[] = { 1, 1.5, 3, 4, 5 };
    for (size_t i = 0; i < 5; i++)
        ck_assert_double_eq_tol(mean[i], means[i], 1e-14);
    ck_assert(sd[0] == 0); /* of one value */
    ck_assert_double_eq_tol(sd[1], sqrt(0.5), 1e-14);
    ck_assert_double_eq_tol(sd[2], sqrt(7), 1e-14); /* 4 + 1 + 9 over 2 */
    ck_assert_double_eq_tol(sd[4], 1, 1e-14);
    series_roll(&s, 1, mean, sd);
    for (size_t i = 0; i < 5; i++)
        ck_assert(mean[i] == value[i] && sd[i] == 0);
    series_roll(&s, 100, mean, sd); /* all that there are */
    ck_assert_double_eq_tol(mean[4], 3.6, 1e-14);
}
END_TEST

/* A value that was not finite has no mean, and is in none. */
START_TEST(rolling_means_leave_out_what_is_not_finite)
{
    double at[] = { 0, 1, 2, 3 }, value[] = { 1, NAN, 3, NAN }, mean[4], sd[4];
    const struct series s = { .n = 4, .at = at, .value = value };
    series_roll(&s, 3, mean, sd);
    ck_assert(mean[0] == 1 && isnan(mean[1]) && isnan(sd[1]) && mean[2] == 2 && isnan(mean[3]));
    ck_assert_double_eq_tol(sd[2], sqrt(2), 1e-14);
}
END_TEST

START_TEST(older_values_fade)
{
    double at[] = { 0, 1, 2, 3 }, value[] = { 4, NAN, 2, 1 }, mean[4];
    const struct series s = { .n = 4, .at = at, .value = value };
    series_smooth(&s, 0.5, mean);
    ck_assert_double_eq_tol(mean[0], 4, 1e-14);
    ck_assert(isnan(mean[1]));
    ck_assert_double_eq_tol(mean[2], (0.25 * 4 + 2) / 1.25, 1e-14);
    ck_assert_double_eq_tol(mean[3], (0.125 * 4 + 0.5 * 2 + 1) / 1.625, 1e-14);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, older_values_fade);
    tcase_add_test(t, rolling_means_over_the_last_values);
    tcase_add_test(t, rolling_means_leave_out_what_is_not_finite);
}

CHECK_MAIN("series", add_tests)
