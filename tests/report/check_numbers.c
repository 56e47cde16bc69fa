/* Moments, intervals and axes. */
#include "check_main.h"
#include "report/scale.h"
#include "stat/moments.h"
#include <math.h>
#include <string.h>

static void labels(struct scale s, size_t n, char *out)
{
    char buffer[48], power[48];
    const struct ticks t = scale_ticks(&s, n);
    *out = '\0';
    for (size_t i = 0; i < t.n; i++) {
        strcat(out, i ? " " : "");
        strcat(out, scale_label(&t, i, buffer));
    }
    strcat(out, scale_power(&t, power));
}

START_TEST(ticks_are_round)
{
    char out[512];
    labels(scale_make(false, 0, 40000, 0, 1), 6, out);
    ck_assert_str_eq(out, "0 5000 10000 15000 20000 25000 30000 35000 40000");
    labels(scale_make(false, 0.0004, 0.99, 0, 1), 5, out);
    ck_assert_str_eq(out, "0.2 0.4 0.6 0.8");
    labels(scale_make(false, -1, 1, 0, 1), 5, out);
    ck_assert_str_eq(out, "-1.0 -0.5 0.0 0.5 1.0");
    labels(scale_make(true, 3e-5, 2, 0, 1), 5, out);
    ck_assert_str_eq(out, "10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰");
    labels(scale_make(false, 0, 600000, 0, 1), 6, out); /* long numbers are told in thousands */
    ck_assert_str_eq(out, "0 100 200 300 400 500 600 (10³)");
    labels(scale_make(false, 0, 0.005, 0, 1), 5, out);
    ck_assert_str_eq(out, "0 1 2 3 4 5 (10⁻³)");
    labels(scale_make(false, 0, 0, 0, 1), 5, out); /* of zeros alone */
    ck_assert_str_eq(out, "0.0 0.2 0.4 0.6 0.8 1.0");
    labels(scale_make(true, 0.8, 6, 0, 1), 5, out);
    ck_assert_str_eq(out, "1 2 5");
    labels(scale_make(true, 1e-9, 1e9, 0, 1), 5, out); /* held to twelve decades */
    ck_assert_str_eq(out, "10⁻³ 10⁻¹ 10¹ 10³ 10⁵ 10⁷ 10⁹");
}
END_TEST

START_TEST(places_lie_on_the_axis)
{
    const struct scale s = scale_make(false, 2, 4, 300, 100);
    ck_assert(scale_at(&s, 2) == 300 && scale_at(&s, 3) == 200 && scale_at(&s, 4) == 100);
    ck_assert(scale_at(&s, 1e300) == 100 && scale_at(&s, -1e300) == 300); /* held at the border */
    const struct scale l = scale_make(true, 0.01, 100, 0, 80);
    ck_assert_double_eq_tol(scale_at(&l, 1), 40, 1e-12);
    ck_assert(scale_at(&l, -3) == 0);
    const struct scale flat = scale_make(false, 5, 5, 0, 10), nothing = scale_make(false, 0, 0, 0, 10);
    ck_assert(flat.low < 5 && flat.high > 5 && nothing.low < nothing.high);
    ck_assert(isfinite(scale_at(&flat, 5)));
}
END_TEST

static void written(const double *values, size_t n, char *out)
{
    char buffer[48];
    const struct scale_form form = scale_form_of(values, n);
    *out = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(out, i ? " " : "");
        strcat(out, scale_write(&form, values[i], buffer));
    }
}

START_TEST(one_notation_on_an_axis)
{
    char out[512], buffer[48];
    written((const double[]){ 1e-4, 1e-3, 0.01, 1 }, 4, out);
    ck_assert_str_eq(out, "10⁻⁴ 10⁻³ 10⁻² 10⁰");
    written((const double[]){ 0.01, 0.1, 1, 1000 }, 4, out);
    ck_assert_str_eq(out, "0.01 0.1 1 1000");
    written((const double[]){ 0.000125, 0.0125, 1.25 }, 3, out);
    ck_assert_str_eq(out, "1.25×10⁻⁴ 1.25×10⁻² 1.25×10⁰");
    written((const double[]){ 8, 16, 12345 }, 3, out);
    ck_assert_str_eq(out, "8 16 12345");
    written((const double[]){ 0.2371234, 0.51, 3.14159 }, 3, out);
    ck_assert_str_eq(out, "0.237 0.51 3.14");
    written((const double[]){ 0.12345, 0.12346 }, 2, out); /* neighbours are told apart */
    ck_assert_str_eq(out, "0.12345 0.12346");
    written((const double[]){ 0, 1e-9, 100000 }, 3, out);
    ck_assert_str_eq(out, "0 10⁻⁹ 10⁵");
    ck_assert_str_eq(scale_number(0.00138912, buffer), "0.001389"); /* of four digits */
    ck_assert_str_eq(scale_number(1e-6, buffer), "10⁻⁶");
    ck_assert_str_eq(scale_number(-2.5e7, buffer), "-2.5×10⁷");
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, one_notation_on_an_axis);
    tcase_add_test(t, ticks_are_round);
    tcase_add_test(t, places_lie_on_the_axis);
}

CHECK_MAIN("numbers", add_tests)
