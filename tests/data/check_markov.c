/* markov: the label of a step is the next symbol, and without noise two symbols determine it. */
#include "../check_main.h"
#include "fixture.h"

START_TEST(labels_are_the_next_symbols)
{
    struct fixture f =
        fixture_open("markov", (const char *const[]){ "length", "12", "symbols", "5", "noise", "0.3", NULL }, 7);
    const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 3, 40);
    for (size_t row = 0; row < b.rows; row++)
        for (size_t t = 0; t + 1 < f.shape.length; t++)
            ck_assert_uint_eq((size_t)b.label[t * b.rows + row], fixture_symbol(fixture_x(&f, &b, t + 1, row), 5));
    fixture_close(&f);
}
END_TEST

START_TEST(two_symbols_determine_the_next_without_noise)
{
    struct fixture f =
        fixture_open("markov", (const char *const[]){ "length", "12", "symbols", "5", "noise", "0", NULL }, 7);
    const struct batch b = fixture_fill(&f, SPLIT_TEST, 0, 200);
    int64_t next[25];
    for (size_t i = 0; i < 25; i++)
        next[i] = -1;
    for (size_t row = 0; row < b.rows; row++)
        for (size_t t = 1; t < f.shape.length; t++) {
            const size_t before = fixture_symbol(fixture_x(&f, &b, t - 1, row), 5),
                         now = fixture_symbol(fixture_x(&f, &b, t, row), 5);
            int64_t *entry = &next[before * 5 + now];
            if (*entry < 0)
                *entry = b.label[t * b.rows + row];
            ck_assert_int_eq(*entry, b.label[t * b.rows + row]);
        }
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, labels_are_the_next_symbols);
    tcase_add_test(t, two_symbols_determine_the_next_without_noise);
}
CHECK_MAIN("markov", add_tests)
