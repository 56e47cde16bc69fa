#include "check_main.h"
#include "fixture.h"

enum { N = 4000 };

/* Recomputes the label from x, and counts where the informative symbols stand: count[i][t]. */
static void read_samples(struct fixture *f, size_t n_symbols, int count[3][200], int symbols[6], int classes[8])
{
    const struct batch b = fixture_fill(f, SPLIT_TRAIN, 0, N);
    for (size_t row = 0; row < N; row++) {
        size_t met = 0;
        int64_t label = 0;
        for (size_t t = 0; t < f->shape.length; t++) {
            const size_t symbol = fixture_symbol(fixture_x(f, &b, t, row), 6);
            symbols[symbol]++;
            if (symbol < 2) { /* X or Y */
                ck_assert_uint_lt(met, n_symbols);
                label += (int64_t)symbol << met;
                count[met++][t]++;
            }
        }
        ck_assert_uint_eq(met, n_symbols);
        ck_assert_int_eq(b.label[row], label);
        classes[label]++;
    }
}

static const struct {
    const char *pairs[5];
    size_t length, outputs, n_symbols, first[3], k;
} cases[] = {
    { { NULL }, 60, 4, 2, { 6, 30 }, 6 }, /* as published: 6 .. 11 and 30 .. 35 */
    { { "length", "120", NULL }, 120, 4, 2, { 12, 60 }, 12 },
    { { "length", "60", "second_position", "text", NULL }, 60, 4, 2, { 6, 24 }, 6 },
    { { "length", "60", "bits", "3", NULL }, 60, 8, 3, { 6, 18, 36 }, 6 },
    { { "length", "29", "bits", "3", NULL }, 29, 8, 3, { 2, 8, 17 }, 2 }, /* floors */
    { { "length", "19", NULL }, 19, 4, 2, { 1, 9 }, 1 },
    { { "length", "10", "second_position", "text", NULL }, 10, 4, 2, { 1, 4 }, 1 },
};

START_TEST(places_labels_and_symbols)
{
    struct fixture f = fixture_open("temporal_order", cases[_i].pairs, 1);
    ck_assert_uint_eq(f.shape.length, cases[_i].length);
    ck_assert_uint_eq(f.shape.features, 6);
    ck_assert_uint_eq(f.shape.outputs, cases[_i].outputs);
    ck_assert(f.shape.classes && f.shape.sequence && f.shape.train_size == 0);
    int count[3][200] = { { 0 } }, symbols[6] = { 0 }, classes[8] = { 0 };
    read_samples(&f, cases[_i].n_symbols, count, symbols, classes);
    for (size_t i = 0; i < cases[_i].n_symbols; i++) {
        const size_t first = cases[_i].first[i], k = cases[_i].k;
        int inside = 0;
        for (size_t t = first; t < first + k; t++)
            inside += count[i][t];
        ck_assert_int_eq(inside, N);
        fixture_uniform(count[i] + first, k);
    }
    fixture_uniform(classes, f.shape.outputs);
    fixture_uniform(symbols, 2);
    fixture_uniform(symbols + 2, 4);
    fixture_close(&f);
}
END_TEST

/* Places are independent: every pair of places occurs equally often. */
START_TEST(places_are_independent)
{
    struct fixture f = fixture_open("temporal_order", cases[0].pairs, 2);
    int pair[36] = { 0 };
    const struct batch b = fixture_fill(&f, SPLIT_EVAL, 0, N);
    for (size_t row = 0; row < N; row++) {
        size_t place[2] = { 0 }, met = 0;
        for (size_t t = 0; t < 60; t++)
            if (fixture_symbol(fixture_x(&f, &b, t, row), 6) < 2)
                place[met++] = t;
        pair[(place[0] - 6) * 6 + place[1] - 30]++;
    }
    fixture_uniform(pair, 36);
    fixture_close(&f);
}
END_TEST

START_TEST(contradictions_are_refused)
{
    static const char *const bad[][2][2] = { { { "bits", "2" }, { "length", "60" } },
                                             { { "bits", "3" }, { "second_position", "text" } } };
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = fixture_open("temporal_order", cases[0].pairs, 1);
        struct err e = { 0 };
        for (size_t j = 0; j < 2; j++)
            options_set(&f.def->part, f.opts, bad[i][j][0], bad[i][j][1]);
        ck_assert_int_eq(f.def->shape(f.opts, &f.shape, &e), ERR_SPEC);
        ck_assert_ptr_nonnull(strstr(err_first(&e), bad[i][i][0]));
        err_clear(&e);
        fixture_close(&f);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, places_labels_and_symbols, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, places_are_independent);
    tcase_add_test(tcase, contradictions_are_refused);
}

CHECK_MAIN("temporal_order", add_tests)
