/* Numbers as a person reads them. */
#include "../check_main.h"

#include "run/progress.h"

/* Three digits; a unit begins at its first whole number. */
START_TEST(counts)
{
    static const struct {
        double n;
        const char *expected;
    } cases[] = { { 0, "0" },          { 9999, "9999" },       { 10000, "10 k" },      { 123456, "123 k" },
                  { 999000, "999 k" }, { 1e6, "1 M" },         { 123456789, "123 M" }, { 999000000, "999 M" },
                  { 1e9, "1 G" },      { 2.5e12, "2.5e+03 G" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        ck_assert_str_eq(progress_count(cases[i].n, text, sizeof text), cases[i].expected);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, counts);
}

CHECK_MAIN("progress", add_tests)
