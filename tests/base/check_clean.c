/* Texts that steer a terminal, a spreadsheet or a browser. */
#include "base/clean.h"
#include "check_main.h"
#include <string.h>

static void expect(void (*clean)(struct text *, const char *, size_t), const char *s, size_t n, const char *wanted)
{
    struct text t = { 0 };
    clean(&t, s, n);
    ck_assert_str_eq(t.s, wanted);
    text_free(&t);
}
#define EXPECT(clean, s, wanted) expect(clean, s, sizeof s - 1, wanted)

START_TEST(terminals)
{
    EXPECT(clean_terminal, "", "");
    EXPECT(clean_terminal, "Größe β 𝄞 \\n", "Größe β 𝄞 \\n");
    EXPECT(clean_terminal, "a\nb\tc\rd\x1b[31m\x7f\0.", "a\\nb\\tc\\x0dd\\x1b[31m\\x7f\\x00.");
    EXPECT(clean_terminal, "\xc2\x85|\xc2\x9b|\xc2\xad", "\\x85|\\x9b|\\xad");
    EXPECT(clean_terminal, "\u061c\u180e\u200b\u200e\u200f\u2028", "\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028");
    EXPECT(clean_terminal, "\u202a\u202e\u2060\u2066\u2069\ufeff", "\\u202a\\u202e\\u2060\\u2066\\u2069\\ufeff");
    EXPECT(clean_terminal, "\U000e0041\ufffe", "\\U000e0041\\ufffe");
    EXPECT(clean_terminal, "\xff\xc3", "\\xff\\xc3");                            /* no UTF-8; cut */
    EXPECT(clean_terminal, "\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80"); /* overlong; a surrogate */
    EXPECT(clean_terminal, "\u2010\u2027\u202f\u205f\u2070", "\u2010\u2027\u202f\u205f\u2070"); /* beside the ranges */
}
END_TEST

START_TEST(spreadsheets)
{
    EXPECT(clean_csv, "", "");
    EXPECT(clean_csv, "a,\"b\"", "\"a,\"\"b\"\"\"");
    EXPECT(clean_csv, "two\nlines", "\"two\nlines\"");
    EXPECT(clean_csv, "=1+1", "'=1+1");
    EXPECT(clean_csv, "=cmd|' /C calc'!A0,", "\"'=cmd|' /C calc'!A0,\"");
    EXPECT(clean_csv, "@SUM(A1)", "'@SUM(A1)");
    EXPECT(clean_csv, "+x", "'+x");
    EXPECT(clean_csv, "-x", "'-x");
    EXPECT(clean_csv, "\n=1", "\"'\n=1\"");
    EXPECT(clean_csv, "\t=1", "\\t=1"); /* no tab is left */
    EXPECT(clean_csv, "\uff1d1", "'\uff1d1");
    EXPECT(clean_csv, "-1.5e-3", "-1.5e-3"); /* a number, not a formula */
    EXPECT(clean_csv, "+2", "+2");
    EXPECT(clean_csv, "-1+1", "'-1+1");
    EXPECT(clean_csv, "a=b\u202e", "a=b\\u202e");
}
END_TEST

START_TEST(json)
{
    EXPECT(clean_json, "", "\"\"");
    EXPECT(clean_json, "a\"\\\n\x1b\0", "\"a\\\"\\\\\\n\\u001b\\u0000\"");
    EXPECT(clean_json, "\xc2\x9b\u200f\u202e\u2028\ufeff", "\"\\u009b\\u200f\\u202e\\u2028\\ufeff\"");
    EXPECT(clean_json, "\U000e0041\U0001f600", "\"\\udb40\\udc41\U0001f600\"");
    EXPECT(clean_json, "\xff", "\"\uFFFD\"");
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, terminals);
    tcase_add_test(t, spreadsheets);
    tcase_add_test(t, json);
}

CHECK_MAIN("clean", add_tests)
