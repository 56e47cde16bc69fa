#include "../check_main.h"
#include "allocations.h"
#include "fixture.h"
#include "math/blas.h"
#include "math/pinv.h"
#include <string.h>

static struct arena workspace; /* of all solvers */

static void start(void)
{
    struct err e = { 0 };
    ck_assert_msg(blas_start(&e) == 0, "%s", err_first(&e));
}

static struct mat product(bool ta, bool tb, struct mat a, struct mat b)
{
    const size_t rows = ta ? a.cols : a.rows, cols = tb ? b.rows : b.cols;
    const struct mat c = mat_of(malloc(rows * cols * sizeof(real)), rows, cols);
    blas_gemm(ta, tb, 1, a, b, 0, c);
    return c;
}

/* Largest |a - a^T|. */
static double asymmetry(struct mat a)
{
    double most = 0;
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < i; j++)
            most = fmax(most, fabs((double)a.p[i * a.cols + j] - (double)a.p[j * a.cols + i]));
    return most;
}

static struct mat inverse_transposed(struct mat j, double damping)
{
    struct err e = { 0 };
    struct pinv p;
    const struct mat out = mat_of(malloc(mat_n(j) * sizeof(real)), j.rows, j.cols);
    ck_assert_int_eq(pinv_init(&p, j.rows, j.cols, &workspace, &e), 0);
    ck_assert_msg(pinv_transposed(&p, damping, j.p, j.cols, out.p, j.cols, &e) == 0, "%s", err_first(&e));
    return out;
}

/* Penrose's four conditions, for every shape and rank; M is the transposed inverse. */
START_TEST(pseudo_inverse_is_penroses)
{
    static const size_t cases[][3] = { { 1, 1, 1 },    { 5, 3, 3 },   { 3, 5, 3 },    { 1, 9, 1 },
                                       { 9, 1, 1 },    { 8, 8, 8 },   { 8, 6, 2 },    { 6, 8, 1 },
                                       { 10, 40, 10 }, { 40, 10, 7 }, { 10, 300, 10 } };
    start();
    struct rng r = rng_stream(2385, "pinv");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t rows = cases[i][0], cols = cases[i][1], rank = cases[i][2];
        const struct mat left = random_mat(&r, rows, rank, 1), right = random_mat(&r, rank, cols, 1);
        const struct mat j = product(false, false, left, right), m = inverse_transposed(j, 0);
        const struct mat seen = product(false, true, j, m), kept = product(true, false, m, j); /* J J^+, J^+ J */
        const struct mat again = product(false, false, seen, j), back = product(false, false, seen, m);
        const double scale = (double)mat_max_abs(j) * (double)mat_max_abs(m) * (double)(rows + cols),
                     bound = 100 * scale * REAL_ROUND;
        ck_assert_double_le(max_difference(again, j), bound * (double)mat_max_abs(j));
        ck_assert_double_le(max_difference(back, m), bound * (double)mat_max_abs(m));
        ck_assert_double_le(asymmetry(seen), bound);
        ck_assert_double_le(asymmetry(kept), bound);
        free(left.p), free(right.p), free(j.p), free(m.p), free(seen.p), free(kept.p), free(again.p), free(back.p);
    }
}
END_TEST

/* Nothing maps to nothing. */
START_TEST(pseudo_inverse_of_zero)
{
    start();
    real zeros[12] = { 0 };
    const struct mat m = inverse_transposed(mat_of(zeros, 3, 4), 0);
    ck_assert(mat_max_abs(m) == 0);
    free(m.p);
}
END_TEST

/* (J J^T + damping I) M = J on both sides of square; and in place, with rows apart. */
START_TEST(damped_inverse_solves_its_equation)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 5, 3 }, { 3, 5 }, { 8, 8 }, { 10, 300 } };
    static const double dampings[] = { 1e-2, 1, 10, 1e6 };
    start();
    struct rng r = rng_stream(2385, "damped");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t d = 0; d < 4; d++) {
            const size_t rows = shapes[i][0], cols = shapes[i][1];
            const struct mat j = random_mat(&r, rows, cols, 1), m = inverse_transposed(j, dampings[d]);
            const struct mat gram = product(false, true, j, j);
            for (size_t k = 0; k < rows; k++)
                gram.p[k * rows + k] += (real)dampings[d];
            const struct mat back = product(false, false, gram, m);
            ck_assert_double_le(max_difference(back, j),
                                100 * (double)mat_max_abs(gram) * (double)mat_max_abs(m) * (double)rows * REAL_ROUND +
                                    100 * REAL_ROUND);
            struct err e = { 0 };
            struct pinv p;
            const struct mat apart = random_mat(&r, rows, cols + 3, 1);
            for (size_t k = 0; k < rows; k++)
                memcpy(apart.p + k * (cols + 3), j.p + k * cols, cols * sizeof(real));
            ck_assert_int_eq(pinv_init(&p, rows, cols, &workspace, &e), 0);
            ck_assert_int_eq(pinv_transposed(&p, dampings[d], apart.p, cols + 3, apart.p, cols + 3, &e), 0);
            for (size_t k = 0; k < rows; k++)
                ck_assert_mem_eq(apart.p + k * (cols + 3), m.p + k * cols, cols * sizeof(real));
            free(j.p), free(m.p), free(gram.p), free(back.p), free(apart.p);
        }
}
END_TEST

START_TEST(what_cannot_be_inverted)
{
    start();
    real j[6] = { 1, 2, 3, 4, NAN, 6 }, same[4] = { 1e8f, 1e8f, 1e8f, 1e8f };
    struct err e = { 0 };
    struct pinv p;
    ck_assert_int_eq(pinv_init(&p, 2, 3, &workspace, &e), 0);
    ck_assert_int_eq(pinv_transposed(&p, 0, j, 3, j, 3, &e), ERR_SINGULAR);
    ck_assert(strstr(err_first(&e), "not finite") != NULL);
    err_clear(&e);
    ck_assert_int_eq(pinv_init(&p, 2, 2, &workspace, &e), 0);
    ck_assert_int_eq(pinv_transposed(&p, 1e-5, same, 2, same, 2, &e), ERR_SINGULAR);
    ck_assert(strstr(err_first(&e), "larger damping") != NULL);
    err_clear(&e);
}
END_TEST

/* A Gram matrix weighted by blocks: solved with, of full and of lower rank, and damped. */
START_TEST(gram_matrices)
{
    enum { N = 6, COLS = 4, BLOCK = 3 };
    start();
    struct rng r = rng_stream(2385, "gram");
    const struct mat rows = random_mat(&r, N, COLS, 1), h = random_mat(&r, BLOCK, 2, 1);
    double weight[BLOCK * BLOCK], full[N][N];
    for (size_t i = 0; i < BLOCK * BLOCK; i++)
        weight[i] = mat_dot(mat_rows(h, i / BLOCK, 1), mat_rows(h, i % BLOCK, 1)) + 1;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            full[i][j] = mat_dot(mat_rows(rows, i, 1), mat_rows(rows, j, 1)) * weight[i % BLOCK * BLOCK + j % BLOCK];
    struct err e = { 0 };
    struct semidefinite s;
    ck_assert_int_eq(semidefinite_init(&s, N, COLS + 2, &workspace, &e), 0);
    for (int lower = 0; lower < 2; lower++)
        for (int damped = 0; damped < 2; damped++) {
            double plain[BLOCK * BLOCK], x[N], b[N] = { 0 };
            for (size_t i = 0; i < BLOCK * BLOCK; i++)
                plain[i] = lower ? 1 : weight[i];
            const double damping = damped ? 0.3 : 0;
            double a[N][N], y[N] = { 0 };
            for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < N; j++)
                    a[i][j] = full[i][j] / (lower ? weight[i % BLOCK * BLOCK + j % BLOCK] : 1) + (i == j) * damping;
            for (size_t i = 0; i < N; i++) /* in the range of A, so that A A^+ b = b */
                for (size_t j = 0; j < N; j++)
                    b[i] += a[i][j] * (0.3 + (double)j);
            memcpy(x, b, sizeof x);
            semidefinite_gram(&s, rows, plain, BLOCK);
            const size_t before = allocations; /* an assertion allocates: none before the calls are over */
            const int code = semidefinite_factor(&s, damping, &e);
            semidefinite_solve(&s, x);
            const size_t after = allocations;
            ck_assert_int_eq(code, 0);
            ck_assert_uint_eq(after, before);
            for (size_t i = 0; i < N; i++) {
                for (size_t j = 0; j < N; j++)
                    y[i] += a[i][j] * x[j];
                ck_assert_double_eq_tol(y[i], b[i], 1e-4 / (sizeof(real) == 4 ? 1 : 1e6) * 50);
            }
        }
    rows.p[2] = NAN;
    semidefinite_gram(&s, rows, weight, BLOCK);
    ck_assert_int_eq(semidefinite_factor(&s, 0, &e), ERR_SINGULAR);
    err_clear(&e);
    free(rows.p), free(h.p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, pseudo_inverse_is_penroses);
    tcase_add_test(t, pseudo_inverse_of_zero);
    tcase_add_test(t, damped_inverse_solves_its_equation);
    tcase_add_test(t, what_cannot_be_inverted);
    tcase_add_test(t, gram_matrices);
}
CHECK_MAIN("pinv", add_tests)
