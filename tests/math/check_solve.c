#include "../check_main.h"
#include "allocations.h"
#include "fixture.h"
#include "math/blas.h"
#include "math/solve.h"
#include <string.h>

static struct arena workspace; /* of all solvers */

static void start(void)
{
    struct err e = { 0 };
    ck_assert_msg(blas_start(&e) == 0, "%s", err_first(&e));
}

/* M (W^T W + r I) - W, largest entry. */
static double ridge_residual(struct mat w, double r, struct mat m)
{
    double most = 0;
    for (size_t i = 0; i < w.rows; i++) {
        for (size_t j = 0; j < w.cols; j++) {
            double sum = r * (double)m.p[i * w.cols + j] - (double)w.p[i * w.cols + j];
            for (size_t q = 0; q < w.cols; q++) {
                double a = 0;
                for (size_t p = 0; p < w.rows; p++)
                    a += (double)w.p[p * w.cols + q] * (double)w.p[p * w.cols + j];
                sum += (double)m.p[i * w.cols + q] * a;
            }
            if (!(fabs(sum) <= most))
                most = fabs(sum);
        }
    }
    return most;
}

START_TEST(ridge_solves_its_equation)
{
    static const size_t shapes[][2] = { { 1, 1 },   { 5, 3 },   { 3, 5 },   { 1, 7 },    { 7, 1 },
                                        { 20, 20 }, { 33, 17 }, { 17, 33 }, { 100, 100 } };
    static const double regularizations[] = { 1e-2, 1, 10 };
    start();
    struct rng r = rng_stream(2385, "ridge");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t out = shapes[s][0], in = shapes[s][1];
        struct err e = { 0 };
        struct ridge ridge;
        struct mat w = random_mat(&r, out, in, 1 / sqrt((double)in)), m = random_mat(&r, out, in, 1);
        ck_assert_int_eq(ridge_init(&ridge, out, in, &workspace, &e), 0);
        for (size_t q = 0; q < 3; q++) {
            ck_assert_msg(ridge_inverse(&ridge, w, regularizations[q], m, &e) == 0, "%s", err_first(&e));
            ck_assert_double_le(ridge_residual(w, regularizations[q], m), 40 * sqrt((double)in) * REAL_ROUND);
        }
        free(w.p), free(m.p);
    }
}
END_TEST

/* The factor is that of W^T W + r I. */
START_TEST(ridge_factor_is_cholesky)
{
    start();
    struct rng r = rng_stream(2385, "factor");
    struct err e = { 0 };
    struct ridge ridge;
    const size_t out = 6, in = 9;
    struct mat w = random_mat(&r, out, in, 1), m = random_mat(&r, out, in, 1);
    ck_assert_int_eq(ridge_init(&ridge, out, in, &workspace, &e), 0);
    ck_assert_int_eq(ridge_inverse(&ridge, w, 0.3, m, &e), 0);
    for (size_t i = 0; i < in; i++) {
        for (size_t j = 0; j <= i; j++) {
            double a = i == j ? 0.3 : 0, llt = 0;
            for (size_t p = 0; p < out; p++)
                a += (double)w.p[p * in + i] * (double)w.p[p * in + j];
            for (size_t k = 0; k <= j; k++)
                llt += ridge_factor(&ridge, i, k) * ridge_factor(&ridge, j, k);
            ck_assert_double_le(fabs(a - llt), 1e-13);
        }
    }
    free(w.p), free(m.p);
}
END_TEST

/* r = 0 and W square and regular: M W^T = I. W orthogonal: M = W / (1 + r). r large: M = W / r. */
START_TEST(ridge_limits)
{
    enum { H = 24 };
    start();
    struct rng r = rng_stream(2385, "limits");
    struct err e = { 0 };
    struct ridge ridge;
    ck_assert_int_eq(ridge_init(&ridge, H, H, &workspace, &e), 0);
    struct mat w = random_mat(&r, H, H, 1), m = random_mat(&r, H, H, 1), q = random_mat(&r, H, H, 1);
    for (size_t i = 0; i < H; i++)
        w.p[i * H + i] += 4;
    ck_assert_int_eq(ridge_inverse(&ridge, w, 0, m, &e), 0);
    blas_gemm(false, true, 1, m, w, 0, q);
    for (size_t i = 0; i < H; i++) {
        for (size_t j = 0; j < H; j++)
            ck_assert_double_le(fabs((double)q.p[i * H + j] - (i == j)), 500 * REAL_ROUND);
    }
    ck_assert_int_eq(ridge_inverse(&ridge, w, 1e12, m, &e), 0);
    for (size_t i = 0; i < H * H; i++)
        ck_assert_double_le(fabs((double)m.p[i] * 1e12 - (double)w.p[i]), 1e-6);
    ck_assert_int_eq(solve_polar(w, q, &e), 0);
    ck_assert_int_eq(ridge_inverse(&ridge, q, 3, m, &e), 0);
    for (size_t i = 0; i < H * H; i++)
        ck_assert_double_le(fabs(4 * (double)m.p[i] - (double)q.p[i]), 8 * REAL_ROUND);
    free(w.p), free(m.p), free(q.p);
}
END_TEST

/* W = P S Q of known singular values: without r the inverse P S^-1 Q is good to W's condition, not to its square. */
START_TEST(inverses_without_ridge_are_as_good_as_their_condition)
{
    enum { OUT = 8, IN = 6 };
    const double condition = sizeof(real) == sizeof(double) ? 1e6 : 1e2;
    start();
    struct rng r = rng_stream(2385, "condition");
    struct err e = { 0 };
    struct ridge ridge;
    struct mat p = random_mat(&r, OUT, IN, 1), q = random_mat(&r, IN, IN, 1), w = random_mat(&r, OUT, IN, 1),
               m = random_mat(&r, OUT, IN, 1), want = random_mat(&r, OUT, IN, 1);
    ck_assert_int_eq(ridge_init(&ridge, OUT, IN, &workspace, &e), 0);
    ck_assert_int_eq(solve_polar(p, w, &e), 0);
    mat_copy(w, p);
    struct mat square = random_mat(&r, IN, IN, 1);
    ck_assert_int_eq(solve_polar(q, square, &e), 0);
    mat_copy(square, q);
    for (int inverse = 0; inverse < 2; inverse++) {
        struct mat scaled = random_mat(&r, OUT, IN, 1);
        for (size_t j = 0; j < IN; j++) {
            const double s = pow(condition, -(double)j / (IN - 1));
            for (size_t i = 0; i < OUT; i++)
                scaled.p[i * IN + j] = (real)((double)p.p[i * IN + j] * (inverse ? 1 / s : s));
        }
        blas_gemm(false, false, 1, scaled, q, 0, inverse ? want : w);
        free(scaled.p);
    }
    ck_assert_int_eq(ridge_inverse(&ridge, w, 0, m, &e), 0);
    for (size_t i = 0; i < OUT * IN; i++)
        ck_assert_double_le(fabs((double)m.p[i] - (double)want.p[i]), 100 * condition * REAL_ROUND * condition);
    for (size_t i = 0; i < OUT; i++) /* a column twice */
        w.p[i * IN] = w.p[i * IN + 1];
    ck_assert_int_eq(ridge_inverse(&ridge, w, 0, m, &e), ERR_SINGULAR);
    ck_assert_str_eq(err_first(&e),
                     "W of shape 8 x 6 has no inverse to working precision, and the regularization is 0");
    err_clear(&e);
    free(p.p), free(q.p), free(w.p), free(m.p), free(want.p), free(square.p);
}
END_TEST

static void assert_singular(struct ridge *ridge, struct mat w, double r, struct mat m)
{
    struct err e = { 0 };
    ck_assert_int_eq(ridge_inverse(ridge, w, r, m, &e), ERR_SINGULAR);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "r = "));
    ck_assert_ptr_nonnull(strstr(err_first(&e), "4 x 6"));
    err_clear(&e);
}

START_TEST(ridge_reports_singular)
{
    start();
    struct rng r = rng_stream(2385, "singular");
    struct err e = { 0 };
    struct ridge ridge;
    ck_assert_int_eq(ridge_init(&ridge, 4, 6, &workspace, &e), 0);
    struct mat w = random_mat(&r, 4, 6, 1), m = random_mat(&r, 4, 6, 1);
    assert_singular(&ridge, w, 0, m);     /* rank 4 of 6; rounding leaves tiny positive pivots */
    assert_singular(&ridge, w, 1e-17, m); /* r is lost beside W^T W */
    assert_singular(&ridge, w, -5, m);
    assert_singular(&ridge, w, NAN, m);
    ck_assert_int_eq(ridge_inverse(&ridge, w, 1e-6, m, &e), 0);
    const real bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t b = 0; b < 3; b++) {
        for (size_t at = 0; at < 24; at++) {
            const real kept = w.p[at];
            w.p[at] = bad[b];
            assert_singular(&ridge, w, 1, m);
            w.p[at] = kept;
        }
    }
    mat_zero(w);
    assert_singular(&ridge, w, 0, m);
    ck_assert_int_eq(ridge_inverse(&ridge, w, 1, m, &e), 0);
    ck_assert(mat_max_abs(m) == 0);
    free(w.p), free(m.p);
}
END_TEST

START_TEST(zero_sizes_are_refused)
{
    start();
    struct ridge ridge;
    real none[1];
    double a, b;
    for (size_t i = 0; i < 2; i++) {
        struct err e = { 0 };
        ck_assert_int_lt(ridge_init(&ridge, i, 1 - i, &workspace, &e), 0);
        ck_assert_int_lt(solve_polar(mat_of(none, i, 1 - i), mat_of(none, i, 1 - i), &e), 0);
        ck_assert_int_lt(solve_spectral_norm(mat_of(none, i, 1 - i), &a, &e), 0);
        ck_assert_int_lt(solve_condition(mat_of(none, i, 1 - i), &a, &b, &e), 0);
        err_clear(&e);
    }
}
END_TEST

/* Rows or columns orthonormal, whichever are fewer; and Q^T A is symmetric positive definite, which singles out the
 * polar factor. */
START_TEST(polar_is_orthonormal)
{
    static const size_t shapes[][2] = { { 1, 1 },  { 6, 6 },     { 9, 4 },    { 4, 9 },   { 30, 1 },
                                        { 1, 30 }, { 100, 100 }, { 200, 70 }, { 70, 200 } };
    start();
    struct rng r = rng_stream(2385, "polar");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t rows = shapes[s][0], cols = shapes[s][1], n = rows < cols ? rows : cols;
        struct err e = { 0 };
        struct mat a = random_mat(&r, rows, cols, 1), q = random_mat(&r, rows, cols, 1);
        struct mat g = random_mat(&r, n, n, 1), h = random_mat(&r, n, n, 1);
        ck_assert_msg(solve_polar(a, q, &e) == 0, "%s", err_first(&e));
        const bool tall = rows >= cols;
        blas_gemm(tall, !tall, 1, q, q, 0, g);
        blas_gemm(tall, !tall, 1, q, a, 0, h);
        for (size_t i = 0; i < n; i++) {
            ck_assert(h.p[i * n + i] > 0);
            for (size_t j = 0; j < n; j++) {
                ck_assert_double_le(fabs((double)g.p[i * n + j] - (i == j)), 200 * REAL_ROUND);
                ck_assert_double_le(fabs((double)h.p[i * n + j] - (double)h.p[j * n + i]), 400 * REAL_ROUND);
            }
        }
        double largest, smallest;
        ck_assert_int_eq(solve_condition(q, &largest, &smallest, &e), 0);
        ck_assert_double_le(fabs(largest - 1), 200 * REAL_ROUND);
        ck_assert_double_le(fabs(smallest - 1), 200 * REAL_ROUND);
        free(a.p), free(q.p), free(g.p), free(h.p);
    }
}
END_TEST

START_TEST(singular_values_of_a_diagonal)
{
    start();
    struct err e = { 0 };
    real a[3 * 5] = { 0 };
    a[0 * 5 + 1] = -2;
    a[1 * 5 + 4] = (real)0.25;
    a[2 * 5 + 0] = 7;
    double largest, smallest;
    ck_assert_int_eq(solve_condition(mat_of(a, 3, 5), &largest, &smallest, &e), 0);
    ck_assert_double_eq_tol(largest, 7, 1e-14);
    ck_assert_double_eq_tol(smallest, 0.25, 1e-14);
    ck_assert_int_eq(solve_spectral_norm(mat_of(a, 5, 3), &largest, &e), 0);
    real zero[4] = { 0 };
    ck_assert_int_eq(solve_condition(mat_of(zero, 2, 2), &largest, &smallest, &e), 0);
    ck_assert(largest == 0 && smallest == 0);
    ck_assert_int_eq(solve_polar(mat_of(zero, 2, 2), mat_of(zero, 2, 2), &e), ERR_SINGULAR);
    err_clear(&e);
    struct rng r = rng_stream(2385, "rank");
    struct mat low = random_mat(&r, 100, 90, 1), q = random_mat(&r, 100, 90, 1); /* too large for singular values */
    for (size_t i = 0; i < 100; i++) /* a column that is another's double, and then nothing but zeros */
        low.p[i * 90 + 3] = 2 * low.p[i * 90 + 5];
    ck_assert_int_eq(solve_polar(low, q, &e), ERR_SINGULAR);
    err_clear(&e);
    mat_zero(low);
    ck_assert_int_eq(solve_polar(low, q, &e), ERR_SINGULAR);
    free(low.p), free(q.p);
    err_clear(&e);
    a[7] = NAN;
    ck_assert_int_eq(solve_spectral_norm(mat_of(a, 3, 5), &largest, &e), ERR_SINGULAR);
    err_clear(&e);
}
END_TEST

START_TEST(ridge_inverse_allocates_nothing)
{
    start();
    struct rng r = rng_stream(2385, "allocations");
    struct err e = { 0 };
    struct ridge ridge;
    struct mat w = random_mat(&r, 100, 100, 0.2), m = random_mat(&r, 100, 100, 1);
    ck_assert_int_eq(ridge_init(&ridge, 100, 100, &workspace, &e), 0);
    const size_t before = allocations; /* an assertion allocates: none before the calls are over */
    const int first = ridge_inverse(&ridge, w, 1, m, &e), second = ridge_inverse(&ridge, w, 0.1, m, &e),
              third = ridge_inverse(&ridge, w, 0, m, &e);
    const size_t after = allocations;
    ck_assert_uint_eq(after, before);
    ck_assert(before > 0 || !COUNTS_ALLOCATIONS);
    ck_assert(first == 0 && second == 0 && third == 0);
    free(w.p), free(m.p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, ridge_solves_its_equation);
    tcase_add_test(t, ridge_factor_is_cholesky);
    tcase_add_test(t, ridge_limits);
    tcase_add_test(t, inverses_without_ridge_are_as_good_as_their_condition);
    tcase_add_test(t, ridge_reports_singular);
    tcase_add_test(t, ridge_inverse_allocates_nothing);
    tcase_add_test(t, zero_sizes_are_refused);
    tcase_add_test(t, polar_is_orthonormal);
    tcase_add_test(t, singular_values_of_a_diagonal);
}
CHECK_MAIN("solve", add_tests)
