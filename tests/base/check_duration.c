/* Durations: how they are printed, what is read, and that what is printed is read as what it says. */
#include "../check_main.h"

#include "base/duration.h"
#include <math.h>

START_TEST(printed)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = { { 0, "0.0 s" },         { -3, "0.0 s" },
                  { 0.00001, "0.01 ms" }, { 0.079, "79 ms" },
                  { 0.0994, "99 ms" },    { 0.0996, "0.1 s" },
                  { 6.43, "6.4 s" },      { 9.94, "9.9 s" },
                  { 9.96, "10 s" },       { 99.4, "99 s" },
                  { 99.6, "1 min 40 s" }, { 120, "2 min" },
                  { 725, "12 min 5 s" },  { 3599.4, "59 min 59 s" },
                  { 3599.6, "1 h" },      { 12000, "3 h 20 min" },
                  { 86399.9, "1 d" },     { 187200, "2 d 4 h" },
                  { 3e9, "34722 d 5 h" }, { 4e9, "?" },
                  { INFINITY, "?" },      { NAN, "?" } };
    char buffer[DURATION_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(duration_text(cases[i].seconds, buffer), cases[i].text);
}
END_TEST

START_TEST(read)
{
    static const struct {
        const char *text;
        double unit, seconds;
    } cases[] = { { "90", 1, 90 },        { "1.5", 3600, 5400 },     { "1e-9", 3600, 3.6e-6 }, { "90s", 3600, 90 },
                  { "90 s", 1, 90 },      { "15min", 1, 900 },       { "15m", 1, 900 },        { "1.5h", 1, 5400 },
                  { "1h30min", 1, 5400 }, { "1 h 30 min", 1, 5400 }, { "2d4h", 1, 187200 },    { "500ms", 1, 0.5 },
                  { "1s 500ms", 1, 1.5 }, { " 2 d ", 1, 172800 } };
    double seconds;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(duration_read(cases[i].text, cases[i].unit, &seconds), 0);
        ck_assert_double_eq_tol(seconds, cases[i].seconds, 1e-12 * cases[i].seconds);
    }
}
END_TEST

START_TEST(refused)
{
    static const char *const cases[] = { "",    " ",    "x",    "0",     "0s",   "-1",      "-1s",   "nan",
                                         "inf", ".inf", "5x",   "5 sec", "1:30", "30min1h", "1h 2h", "1min2m",
                                         "h",   "1h30", "0x10", "1..5s", ".",    "1,5h",    "1d d",  "2ds" };
    double seconds;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(duration_read(cases[i], 1, &seconds) == -1, "'%s' was read as %g s", cases[i], seconds);
}
END_TEST

START_TEST(too_long)
{
    static const char *const cases[] = { "999999999999h", "36501d", "1e13", "1e300", "36500d 1s" };
    double seconds;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(duration_read(cases[i], 1, &seconds), DURATION_TOO_LONG);
    ck_assert_int_eq(duration_read(DURATION_MOST, 1, &seconds), 0);
    ck_assert_double_eq(seconds, 36500 * 86400.0);
}
END_TEST

START_TEST(what_is_printed_is_read)
{
    for (double s = 1e-5; s < 3e9; s *= 1.0137) {
        char text[DURATION_SIZE], again[DURATION_SIZE];
        double seconds;
        duration_text(s, text);
        ck_assert_int_eq(duration_read(text, 7, &seconds), 0);
        ck_assert_str_eq(duration_text(seconds, again), text);
        ck_assert_double_eq_tol(seconds, s, 0.05 * s + 0.051);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, printed);
    tcase_add_test(t, read);
    tcase_add_test(t, refused);
    tcase_add_test(t, too_long);
    tcase_add_test(t, what_is_printed_is_read);
}

CHECK_MAIN("duration", add_tests)
