#include "check_main.h"
#include "fixture.h"

#include <math.h>

#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The published setting: 6 inputs in [-1, 1), 2 outputs, 400, 1000 and 200 samples. The standard deviation of the
 * labels that its authors' code gives lies between 3 and 4.5; a single seed and output may leave that by a little. */
START_TEST(published_setting)
{
    static const enum split splits[] = { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST };
    static const size_t sizes[] = { 400, 1000, 200 };
    double mean_deviation = 0;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct fixture f = fixture_open("student_teacher", PAIRS("features", "6"), seed);
        ck_assert(f.shape.features == 6 && f.shape.outputs == 2 && !f.shape.classes && f.shape.length == 1);
        ck_assert(f.shape.train_size == 400 && f.shape.eval_size == 400 && f.shape.valid_size == 1000 &&
                  f.shape.test_size == 200);
        for (int k = 0; k < 3; k++) {
            const struct batch b = fixture_fill(&f, splits[k], 0, sizes[k]);
            double x_squares = 0, x_largest = 0;
            for (size_t i = 0; i < 6 * sizes[k]; i++) {
                x_squares += (double)b.x[i] * (double)b.x[i];
                x_largest = fmax(x_largest, fabs((double)b.x[i]));
            }
            ck_assert_double_le(x_largest, 1);
            ck_assert_double_eq_tol(x_squares / (6 * (double)sizes[k]), 1.0 / 3, 0.05);
            for (size_t j = 0; j < 2; j++) {
                double sum = 0, squares = 0;
                for (size_t i = 0; i < sizes[k]; i++) {
                    sum += (double)b.y.p[2 * i + j];
                    squares += (double)b.y.p[2 * i + j] * (double)b.y.p[2 * i + j];
                }
                const double n = (double)sizes[k], deviation = sqrt(squares / n - sum / n * (sum / n));
                ck_assert_msg(deviation > 2 && deviation < 6, "standard deviation %g", deviation);
                mean_deviation += deviation / 12;
            }
        }
        fixture_close(&f);
    }
    ck_assert_msg(mean_deviation > 3 && mean_deviation < 4.5, "standard deviation %g", mean_deviation);
}
END_TEST

/* Samples that are equal are equal for ever: a training epoch is a permutation of the split, and the evaluation set its
 * beginning. */
START_TEST(finite_training_set)
{
    enum { N = 40 };
    struct fixture f = fixture_open("student_teacher", PAIRS("train_size", "40", "units", "20", "eval_size", "10"), 1);
    const struct batch first = fixture_fill(&f, SPLIT_TRAIN, 0, N), later = fixture_fill(&f, SPLIT_TRAIN, 3 * N, N),
                       eval = fixture_fill(&f, SPLIT_EVAL, 0, 10);
    size_t in_place = 0;
    for (size_t i = 0; i < N; i++) {
        size_t met = 0;
        for (size_t j = 0; j < N; j++)
            met += fixture_same(&f, &first, i, &later, j);
        ck_assert_uint_eq(met, 1);
        in_place += fixture_same(&f, &first, i, &later, i);
    }
    ck_assert_uint_lt(in_place, 10);
    for (size_t i = 0; i < 10; i++) {
        size_t met = 0;
        for (size_t j = 0; j < N; j++)
            met += fixture_same(&f, &eval, i, &first, j);
        ck_assert_uint_eq(met, 1);
    }
    fixture_close(&f);
}
END_TEST

/* A label is a function of its input: homogeneous of degree 1 as a whole (no biases), linear without hidden layers. */
START_TEST(linear_teacher_is_one_map)
{
    enum { N = 12 };
    struct fixture f = fixture_open("student_teacher", PAIRS("hidden", "0", "features", "2", "outputs", "1"), 3);
    const struct batch a = fixture_fill(&f, SPLIT_TRAIN, 0, N), b = fixture_fill(&f, SPLIT_TEST, 0, N);
    /* w from two training samples by Cramer's rule; it must explain the test samples. */
    const double d = (double)a.x[0] * (double)a.x[3] - (double)a.x[1] * (double)a.x[2];
    const double w0 = ((double)a.y.p[0] * (double)a.x[3] - (double)a.x[1] * (double)a.y.p[1]) / d;
    const double w1 = ((double)a.x[0] * (double)a.y.p[1] - (double)a.y.p[0] * (double)a.x[2]) / d;
    for (size_t i = 0; i < N; i++)
        ck_assert_double_eq_tol((double)b.y.p[i], w0 * (double)b.x[2 * i] + w1 * (double)b.x[2 * i + 1],
                                sizeof(real) == 8 ? 1e-12 : 1e-3);
    fixture_close(&f);
}
END_TEST

/* Doubling the gain of n layers multiplies the labels by 2^n. */
START_TEST(gain_scales_every_layer)
{
    struct fixture a = fixture_open("student_teacher", PAIRS("units", "10", "hidden", "2"), 5),
                   b = fixture_open("student_teacher", PAIRS("units", "10", "hidden", "2", "gain", "6"), 5);
    const struct batch p = fixture_fill(&a, SPLIT_TEST, 0, 20), q = fixture_fill(&b, SPLIT_TEST, 0, 20);
    for (size_t i = 0; i < 40; i++)
        ck_assert_double_eq_tol((double)q.y.p[i], 8 * (double)p.y.p[i], 1e-4);
    fixture_close(&a);
    fixture_close(&b);
}
END_TEST

/* data_seed fixes teacher and samples and leaves their order to the trial; without it the trial's seed decides on all.
 */
START_TEST(data_seed)
{
    struct fixture a = fixture_open("student_teacher", PAIRS("units", "10", "data_seed", "42"), 1),
                   b = fixture_open("student_teacher", PAIRS("units", "10", "data_seed", "42"), 2),
                   c = fixture_open("student_teacher", PAIRS("units", "10"), 42),
                   d = fixture_open("student_teacher", PAIRS("units", "10"), 1);
    const struct batch of_a = fixture_fill(&a, SPLIT_TEST, 0, 9), of_b = fixture_fill(&b, SPLIT_TEST, 0, 9),
                       of_c = fixture_fill(&c, SPLIT_TEST, 0, 9), of_d = fixture_fill(&d, SPLIT_TEST, 0, 9),
                       order_a = fixture_fill(&a, SPLIT_TRAIN, 0, 9), order_b = fixture_fill(&b, SPLIT_TRAIN, 0, 9);
    size_t equal = 0, in_place = 0;
    for (size_t i = 0; i < 9; i++) {
        ck_assert(fixture_same(&a, &of_a, i, &of_b, i) && fixture_same(&a, &of_a, i, &of_c, i));
        equal += fixture_same(&a, &of_a, i, &of_d, i);
        in_place += fixture_same(&a, &order_a, i, &order_b, i);
    }
    ck_assert_uint_eq(equal, 0);
    ck_assert_uint_lt(in_place, 9);
    fixture_close(&a);
    fixture_close(&b);
    fixture_close(&c);
    fixture_close(&d);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, published_setting);
    tcase_add_test(tcase, finite_training_set);
    tcase_add_test(tcase, linear_teacher_is_one_map);
    tcase_add_test(tcase, gain_scales_every_layer);
    tcase_add_test(tcase, data_seed);
}

CHECK_MAIN("student_teacher", add_tests)
