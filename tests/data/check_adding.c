#include "check_main.h"
#include "fixture.h"

#include <math.h>

enum { N = 4000, MARKER = 0, NUMBER = 1 };

static const struct {
    const char *pairs[3];
    size_t length, k, second; /* p0 in 0 .. k - 1, p1 in k .. k + second - 1 */
} cases[] = {
    { { NULL }, 30, 3, 12 }, /* as published: 0 .. 2 and 3 .. 14 */
    { { "length", "10", NULL }, 10, 1, 4 },
    { { "length", "57", NULL }, 57, 5, 22 },
};

START_TEST(places_numbers_and_targets)
{
    struct fixture f = fixture_open("adding", cases[_i].pairs, 1);
    const size_t T = cases[_i].length, k = cases[_i].k;
    ck_assert(f.shape.length == T && f.shape.features == 2 && f.shape.outputs == 1);
    ck_assert(!f.shape.classes && f.shape.sequence && f.shape.train_size == 0);
    int count[2][100] = { { 0 } }, tenth[10] = { 0 };
    const struct batch b = fixture_fill(&f, SPLIT_TEST, 0, N);
    for (size_t row = 0; row < N; row++) {
        size_t met = 0;
        double sum = 0;
        for (size_t t = 0; t < T; t++) {
            const real *x = fixture_x(&f, &b, t, row);
            if (!(x[NUMBER] >= 0 && x[NUMBER] <= 1) || (x[MARKER] != 0 && x[MARKER] != 1))
                ck_abort_msg("row %zu, step %zu", row, t);
            tenth[x[NUMBER] < 1 ? (int)(x[NUMBER] * 10) : 9]++;
            if (x[MARKER] == 1) {
                ck_assert_uint_lt(met, 2);
                count[met++][t]++;
                sum += (double)x[NUMBER];
            }
        }
        ck_assert_uint_eq(met, 2);
        ck_assert_double_eq_tol((double)b.y.p[row], sum / 2, sizeof(real) == 4 ? 1e-7 : 1e-15);
    }
    int inside[2] = { 0 };
    for (size_t t = 0; t < T; t++) {
        inside[0] += t < k ? count[0][t] : 0;
        inside[1] += t >= k && t < k + cases[_i].second ? count[1][t] : 0;
    }
    ck_assert_int_eq(inside[0], N);
    ck_assert_int_eq(inside[1], N);
    fixture_uniform(count[0], k);
    fixture_uniform(count[1] + k, cases[_i].second);
    fixture_uniform(tenth, 10);
    fixture_close(&f);
}
END_TEST

/* A sample computed elsewhere from the definition of the stream: two places, then a 53-bit number per step. Stored
 * results depend on it, and both precisions see it, rounded. */
START_TEST(pinned_sample)
{
    struct fixture f = fixture_open("adding", cases[0].pairs, 1);
    const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 12345, 1);
    static const double expected[4] = { 0.16503041349825542, 0.24314707445728601, 0.6809168806295719,
                                        0.7852034014097008 };
    for (size_t t = 0; t < 4; t++)
        ck_assert(fixture_x(&f, &b, t, 0)[NUMBER] == (real)expected[t]);
    fixture_close(&f);
}
END_TEST

START_TEST(accuracies)
{
    struct fixture f = fixture_open("adding", cases[0].pairs, 1);
    ck_assert_str_eq(f.def->accuracy_names[0], "accuracy");
    ck_assert_str_eq(f.def->accuracy_names[1], "accuracy_strict");
    ck_assert_ptr_null(f.def->accuracy_names[2]);
    /* errors 0, .039, -.041, -.19, .21, NaN, infinity: squares below .04 are 4, absolute values 2 */
    real y[7] = { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 };
    real out[7] = { 0.5, (real)0.539, (real)0.459, (real)0.31, (real)0.71, (real)NAN, (real)INFINITY };
    double n_correct[2] = { 10, 20 };
    f.def->accuracies(mat_of(out, 7, 1), mat_of(y, 7, 1), n_correct);
    ck_assert_double_eq(n_correct[0], 14);
    ck_assert_double_eq(n_correct[1], 22);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, places_numbers_and_targets, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, pinned_sample);
    tcase_add_test(tcase, accuracies);
}

CHECK_MAIN("adding", add_tests)
