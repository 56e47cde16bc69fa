/* Figures of filters with known values. */
#include "../check_main.h"
#include "base/rng.h"
#include "report/filters.h"

#include <math.h>
#include <string.h>

static struct filter_figures figures_of(const double *weights, size_t n, size_t inputs, int code)
{
    struct tensor t = { .name = (char *)(uintptr_t) "layers.0.weight",
                        .dtype = DTYPE_F64,
                        .rank = 2,
                        .shape = { n, inputs },
                        .n = n * inputs,
                        .data = weights };
    struct filter_figures f;
    struct text png = { 0 };
    struct err e = { 0 };
    ck_assert_int_eq(filters_draw(&t, &png, &f, &e), code);
    ck_assert((png.n > 0) == (code == 0));
    text_free(&png);
    err_clear(&e);
    return f;
}

/* Independent uniform weights of 28 x 28: smoothness 0, localisation 0.18, kurtosis 9/5. An offset changes nothing. */
START_TEST(uniform_noise)
{
    enum { N = 101, INPUTS = 784 };
    static double w[N * INPUTS];
    struct rng r = rng_stream(7, "test");
    for (size_t i = 0; i < N * INPUTS; i++)
        w[i] = rng_uniform(&r) + 3;
    const struct filter_figures f = figures_of(w, N, INPUTS, 0);
    ck_assert(f.n == N && f.side == 28);
    ck_assert_double_eq_tol(f.smoothness, 0, 0.02);
    ck_assert_double_eq_tol(f.localisation, 0.18, 0.02);
    ck_assert_double_eq_tol(f.kurtosis, 1.8, 0.05);
}
END_TEST

/* A vertical stripe one pixel wide in an image of n x n, mean removed: the stripe is a = 1 - 1/n, the rest b = -1/n, E
 * = n a^2 + n (n-1) b^2 = n - 1. Neighbours above each other are equal, so smoothness is (n-1)/n; kurtosis is n^2 (n
 * a^4 + n (n-1) b^4) / E^2. */
START_TEST(stripe)
{
    enum { SIDE = 20 };
    static double w[3 * SIDE * SIDE];
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < SIDE; i++)
            w[k * SIDE * SIDE + i * SIDE + 4 + k] = 2.5;
    const double n = SIDE, a = 1 - 1 / n, b = -1 / n, energy = n - 1;
    const struct filter_figures f = figures_of(w, 3, SIDE * SIDE, 0);
    ck_assert_double_eq_tol(f.smoothness, (n - 1) / n, 1e-12);
    ck_assert_double_eq_tol(f.localisation, (11 * a * a + 110 * b * b) / energy, 1e-12);
    ck_assert_double_eq_tol(f.kurtosis, n * n * (n * pow(a, 4) + n * (n - 1) * pow(b, 4)) / (energy * energy), 1e-12);
}
END_TEST

START_TEST(medians)
{
    static const double w[4 * 4] = { 1, -1, 1, -1, 1, 1, -1, -1, 1, -1, 1, -1, 5, 5, 5, 5 };
    /* checks: up and down equal 2/4, stripes -2/4, 2/4, a blank filter 0 */
    const struct filter_figures f = figures_of(w, 4, 4, 0);
    ck_assert_double_eq_tol(f.smoothness, 0.25, 1e-15);
    ck_assert_double_eq_tol(f.localisation, 1, 1e-15);
    ck_assert_double_eq_tol(f.kurtosis, 1, 1e-15);
}
END_TEST

START_TEST(no_pictures)
{
    static double w[12];
    figures_of(w, 2, 6, ERR_USAGE);
    figures_of(w, 12, 1, ERR_USAGE);
    w[3] = NAN;
    figures_of(w, 3, 4, ERR_USAGE);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, uniform_noise);
    tcase_add_test(tcase, stripe);
    tcase_add_test(tcase, medians);
    tcase_add_test(tcase, no_pictures);
}

CHECK_MAIN("filters", add_tests)
