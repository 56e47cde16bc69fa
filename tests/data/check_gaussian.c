#include "check_main.h"
#include "fixture.h"

#include <math.h>

#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* An epoch meets each of the train_size samples once, every epoch the same ones in another order, and batches run
 * across the seam. */
START_TEST(epochs_are_permutations_of_one_set)
{
    enum { N = 50 };
    struct fixture f = fixture_open("gaussian", PAIRS("train_size", "50"), 1);
    ck_assert(f.shape.train_size == N && f.shape.length == 1 && !f.shape.sequence);
    const struct batch first = fixture_fill(&f, SPLIT_TRAIN, 0, N), later = fixture_fill(&f, SPLIT_TRAIN, 7 * N, N),
                       seam = fixture_fill(&f, SPLIT_TRAIN, 8 * N - 1, 2),
                       next = fixture_fill(&f, SPLIT_TRAIN, 8 * N, 1);
    size_t in_place = 0;
    for (size_t i = 0; i < N; i++) {
        size_t met = 0;
        for (size_t j = 0; j < N; j++)
            met += fixture_same(&f, &first, i, &later, j);
        ck_assert_uint_eq(met, 1);
        in_place += fixture_same(&f, &first, i, &later, i);
    }
    ck_assert_uint_lt(in_place, 10);
    ck_assert(fixture_same(&f, &seam, 0, &later, N - 1));
    ck_assert(fixture_same(&f, &seam, 1, &next, 0));
    fixture_close(&f);
}
END_TEST

/* Classes are uniform; a class has mean separation * (unit vector) and variance 1 in every feature. */
START_TEST(blobs)
{
    enum { N = 20000, D = 4, C = 3 };
    struct fixture f = fixture_open("gaussian", PAIRS("features", "4", "separation", "2.5"), 6);
    ck_assert(f.shape.features == D && f.shape.outputs == C && f.shape.classes);
    int count[C] = { 0 };
    double sum[C][D] = { { 0 } }, squares[C][D] = { { 0 } };
    const struct batch b = fixture_fill(&f, SPLIT_TEST, 0, N);
    for (size_t row = 0; row < N; row++) {
        const int64_t c = b.label[row];
        ck_assert(c >= 0 && c < C);
        count[c]++;
        for (size_t j = 0; j < D; j++) {
            const double x = (double)fixture_x(&f, &b, 0, row)[j];
            sum[c][j] += x;
            squares[c][j] += x * x;
        }
    }
    fixture_uniform(count, C);
    for (size_t c = 0; c < C; c++) {
        double norm = 0;
        for (size_t j = 0; j < D; j++) {
            const double mean = sum[c][j] / count[c], variance = squares[c][j] / count[c] - mean * mean;
            norm += mean * mean;
            ck_assert_double_eq_tol(variance, 1, 5 * sqrt(2.0 / count[c]));
        }
        ck_assert_double_eq_tol(sqrt(norm), 2.5, 5 / sqrt(count[c]));
    }
    fixture_close(&f);
}
END_TEST

START_TEST(one_hot_targets)
{
    struct fixture f = fixture_open("gaussian", PAIRS("target", "one_hot"), 6),
                   labels = fixture_open("gaussian", PAIRS("target", "class"), 6);
    ck_assert(!f.shape.classes && f.shape.outputs == 3);
    const struct batch b = fixture_fill(&f, SPLIT_EVAL, 0, 40), l = fixture_fill(&labels, SPLIT_EVAL, 0, 40);
    ck_assert_mem_eq(b.x, l.x, 40 * 10 * sizeof(real)); /* the same samples */
    for (size_t row = 0; row < 40; row++)
        ck_assert_int_eq((int64_t)fixture_symbol(b.y.p + row * 3, 3), l.label[row]);
    fixture_close(&f);
    fixture_close(&labels);
}
END_TEST

START_TEST(no_memory_is_an_error)
{
    struct fixture f = fixture_open("gaussian", PAIRS("features", "1000"), 1);
    struct arena small;
    struct err e = { 0 };
    arena_init(&small, 1000);
    ck_assert_int_eq(f.def->open(f.opts, 1, f.state, &small, &e), ERR_MEMORY);
    err_clear(&e);
    arena_finish(&small);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, epochs_are_permutations_of_one_set);
    tcase_add_test(tcase, blobs);
    tcase_add_test(tcase, one_hot_targets);
    tcase_add_test(tcase, no_memory_is_an_error);
}

CHECK_MAIN("gaussian", add_tests)
