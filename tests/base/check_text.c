#include "base/text.h"
#include "check_main.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int to_double(const char *s, double *v)
{
    return text_to_double(s, strlen(s), v);
}

static int to_int(const char *s, int64_t *v)
{
    return text_to_int(s, strlen(s), v);
}

START_TEST(appends)
{
    struct text t = { 0 };
    text_add(&t, "%d and %s", 7, "eight");
    text_putc(&t, ';');
    text_put(&t, "a\0b", 3);
    ck_assert_uint_eq(t.n, 15);
    ck_assert_int_eq(memcmp(t.s, "7 and eight;a\0b", 16), 0);
    for (int i = 0; i < 1000; i++)
        text_puts(&t, "0123456789");
    ck_assert_uint_eq(t.n, 10015);
    ck_assert_uint_eq(strlen(t.s + 15), 10000);
    text_clear(&t);
    ck_assert_str_eq(t.s, "");
    text_free(&t);
    ck_assert_ptr_null(t.s);
}
END_TEST

START_TEST(json_strings)
{
    struct text t = { 0 };
    const char s[] = "a\"b\\c\n\t\x1b\x01\x7f\xc3\xa9";
    text_json_string(&t, s, sizeof s - 1);
    ck_assert_str_eq(t.s, "\"a\\\"b\\\\c\\n\\t\\u001b\\u0001\\u007f\xc3\xa9\"");
    text_clear(&t);
    const char yaml_breaks[] = "\xc2\x85 \xe2\x80\xa8 \xe2\x80\xa9 \xef\xbb\xbf \xef\xbf\xbf \xef\xbf\xbd \xc2\xa0 "
                               "\xe2\x80\xa7 \xf0\x9f\x8c\x8d";
    text_json_string(&t, yaml_breaks, sizeof yaml_breaks - 1);
    ck_assert_str_eq(t.s,
                     "\"\\u0085 \\u2028 \\u2029 \\ufeff \\uffff \xef\xbf\xbd \xc2\xa0 \xe2\x80\xa7 \xf0\x9f\x8c\x8d\"");
    text_free(&t);
}
END_TEST

static const struct {
    double value;
    const char *text;
} printed[] = {
    { 0.1, "0.1" },
    { 1e-5, "1e-5" },
    { 1e22, "1e22" },
    { 20000, "20000" },
    { -0.0, "0" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1.0 / 3, "0.3333333333333333" },
    { 5e-324, "4.94065645841247e-324" },
    { 1.7976931348623157e308, "1.7976931348623157e308" },
    { -2.385, "-2.385" },
};

START_TEST(numbers_print_shortest)
{
    struct text t = { 0 };
    text_json_number(&t, printed[_i].value);
    ck_assert_str_eq(t.s, printed[_i].text);
    double back;
    ck_assert_int_eq(to_double(t.s, &back), 0);
    ck_assert(back == printed[_i].value);
    text_free(&t);
}
END_TEST

START_TEST(numbers_round_trip)
{
    uint64_t state = 2385; /* any bits are a double: an LCG of Knuth's walks through exponents and mantissas */
    struct text t = { 0 };
    for (int i = 0; i < 20000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double v, back;
        memcpy(&v, &state, sizeof v);
        if (!isfinite(v))
            continue;
        text_clear(&t);
        text_json_number(&t, v);
        ck_assert_int_eq(to_double(t.s, &back), 0);
        ck_assert_msg(back == v, "%s", t.s);
    }
    text_free(&t);
}
END_TEST

START_TEST(nonfinite_is_null)
{
    struct text t = { 0 };
    text_json_number(&t, (double)NAN);
    text_json_number(&t, -(double)INFINITY);
    ck_assert_str_eq(t.s, "nullnull");
    text_free(&t);
}
END_TEST

static const struct {
    const char *text;
    double value;
} doubles[] = {
    { "0", 0 },
    { "-1.5", -1.5 },
    { "+.5", 0.5 },
    { "1.", 1 },
    { "1e-5", 1e-5 },
    { "1E+3", 1000 },
    { "0x1F", 31 },
    { "0o17", 15 },
    { "007", 7 },
    { "0.1", 0.1 },
    { "123456.789e-3", 123.456789 },
    { "1e308", 1e308 },
    { "5e-324", 5e-324 },
    { "0e999999999999999999999", 0 },
    { "9007199254740993", 9007199254740992.0 },
};

START_TEST(reads_doubles)
{
    double v;
    ck_assert_int_eq(to_double(doubles[_i].text, &v), 0);
    ck_assert_msg(v == doubles[_i].value, "%s gave %.17g", doubles[_i].text, v);
}
END_TEST

static const char *const no_doubles[] = {
    "",
    " 1",
    "1 ",
    "1e400",
    "-1e400",
    "1e-400",
    "0x1p9999",
    "0x",
    "0o8",
    "0x1G",
    "nan",
    "inf",
    "infinity",
    "1_000",
    "1,5",
    "12:30:45",
    "yes",
    "e5",
    ".",
    "-",
    "1e",
    "1e+",
    "--1",
    "+-1",
    "0b101",
    "1f",
    ".Infinity",
    "-0x10",
    "1.2.3",
    ".e5",
    "0xFFFFFFFFFFFFFFFFF",
};

START_TEST(refuses_what_is_no_double)
{
    double v;
    ck_assert_msg(to_double(no_doubles[_i], &v) < 0, "'%s' was read", no_doubles[_i]);
}
END_TEST

START_TEST(reads_nonfinite_words)
{
    double v;
    ck_assert(to_double(".inf", &v) == 0 && v > 0 && isinf(v));
    ck_assert(to_double("-.INF", &v) == 0 && v < 0 && isinf(v));
    ck_assert(to_double("+.Inf", &v) == 0 && v > 0 && isinf(v));
    ck_assert(to_double(".NaN", &v) == 0 && isnan(v));
    ck_assert_int_lt(to_double("-.nan", &v), 0);
}
END_TEST

static const struct {
    const char *text;
    int64_t value;
} integers[] = {
    { "0", 0 },
    { "-0", 0 },
    { "1e3", 1000 },
    { "60.0", 60 },
    { "12.5e1", 125 },
    { "0x10", 16 },
    { "0o10", 8 },
    { "+7", 7 },
    { "0.0e-9", 0 },
    { "9223372036854775807", INT64_MAX },
    { "-9223372036854775808", INT64_MIN },
    { "9007199254740993", 9007199254740993 },
    { "100e-2", 1 },
};

START_TEST(reads_integers)
{
    int64_t v;
    ck_assert_int_eq(to_int(integers[_i].text, &v), 0);
    ck_assert_int_eq(v, integers[_i].value);
}
END_TEST

static const char *const no_integers[] = { "1.5",
                                           "1e-1",
                                           "9223372036854775808",
                                           "-9223372036854775809",
                                           "1e19",
                                           "1e99999",
                                           ".inf",
                                           "",
                                           "many",
                                           "0x8000000000000000",
                                           "1e",
                                           "0x" };

START_TEST(refuses_what_is_no_integer)
{
    int64_t v;
    ck_assert_msg(to_int(no_integers[_i], &v) < 0, "'%s' was read", no_integers[_i]);
}
END_TEST

START_TEST(what_is_decimal)
{
    static const char *const yes[] = { "0", "12", "-3", "1e3", "1.5E-7", "+.5" };
    static const char *const no[] = { "0x50", "0o17", ".inf", ".nan", " 1", "1 ", "1_000" };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert(text_is_decimal(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert(!text_is_decimal(no[i], strlen(no[i])));
    ck_assert(text_is_decimal("12x", 2));
    ck_assert(!text_is_decimal("1\0", 2));
}
END_TEST

START_TEST(very_long_numbers_are_refused)
{
    char s[5000];
    memset(s, '7', sizeof s);
    double v;
    int64_t i;
    ck_assert_int_lt(text_to_double(s, sizeof s, &v), 0);
    ck_assert_int_lt(text_to_int(s, sizeof s, &i), 0);
    ck_assert_int_eq(text_to_double(s, 300, &v), 0); /* about 7.8e299 */
    ck_assert(v > 7.77e299 && v < 7.78e299);
}
END_TEST

/* Short decimals are read and whole numbers written without the C library, to the same bits and characters. */
START_TEST(short_numbers_are_those_of_the_library)
{
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        char s[64], whole[40];
        double value;
        struct text t = { 0 };
        random = random * 6364136223846793005u + 1442695040888963407u;
        const int64_t digits = (int64_t)(random >> 13) % 1000000000000000;
        snprintf(s, sizeof s, "%lldE%d", (long long)digits, (int)(random % 49) - 24);
        ck_assert_int_eq(to_double(s, &value), 0);
        ck_assert_msg(value == strtod(s, NULL), "%s", s);
        snprintf(s, sizeof s, "%.15g", (double)(i % 2 ? digits : -digits));
        text_json_number(&t, (double)(i % 2 ? digits : -digits));
        ck_assert_str_eq(t.s, s);
        text_clear(&t);
        text_json_int(&t, (int64_t)random);
        snprintf(whole, sizeof whole, "%lld", (long long)(int64_t)random);
        ck_assert_str_eq(t.s, whole);
        text_free(&t);
    }
    struct text t = { 0 };
    text_json_int(&t, INT64_MIN);
    text_json_int(&t, 0);
    ck_assert_str_eq(t.s, "-92233720368547758080");
    text_free(&t);
}
END_TEST

START_TEST(a_locale_changes_nothing)
{
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "de_DE.utf8") &&
        !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        return; /* none is installed here; CI has one */
    double v;
    struct text t = { 0 };
    ck_assert_int_eq(to_double("0.5", &v), 0);
    ck_assert(v == 0.5);
    ck_assert_int_lt(to_double("0,5", &v), 0);
    text_json_number(&t, -1234.5);
    ck_assert_str_eq(t.s, "-1234.5");
    text_free(&t);
    setlocale(LC_NUMERIC, "C");
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_test(c, appends);
    tcase_add_test(c, json_strings);
    tcase_add_loop_test(c, numbers_print_shortest, 0, COUNT(printed));
    tcase_add_test(c, numbers_round_trip);
    tcase_add_test(c, nonfinite_is_null);
    tcase_add_loop_test(c, reads_doubles, 0, COUNT(doubles));
    tcase_add_loop_test(c, refuses_what_is_no_double, 0, COUNT(no_doubles));
    tcase_add_test(c, reads_nonfinite_words);
    tcase_add_loop_test(c, reads_integers, 0, COUNT(integers));
    tcase_add_loop_test(c, refuses_what_is_no_integer, 0, COUNT(no_integers));
    tcase_add_test(c, what_is_decimal);
    tcase_add_test(c, very_long_numbers_are_refused);
    tcase_add_test(c, short_numbers_are_those_of_the_library);
    tcase_add_test(c, a_locale_changes_nothing);
}

CHECK_MAIN("text", add_tests)
