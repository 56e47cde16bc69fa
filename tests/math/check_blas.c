#include "../check_main.h"
#include "allocations.h"
#include "fixture.h"
#include "math/blas.h"
#include <cblas.h>
#include <dlfcn.h>
#include <string.h>

static void naive(bool ta, bool tb, double alpha, struct mat a, struct mat b, double beta, const real *c, double *out)
{
    const size_t m = ta ? a.cols : a.rows, k = ta ? a.rows : a.cols, n = tb ? b.rows : b.cols;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a.p[ta ? p * a.cols + i : i * a.cols + p] *
                       (double)b.p[tb ? j * b.cols + p : p * b.cols + j];
            out[i * n + j] = alpha * sum + (beta != 0 ? beta * (double)c[i * n + j] : 0);
        }
    }
}

static void assert_near(const real *got, const double *want, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= 4 * (double)(k + 2) * REAL_ROUND,
                      "entry %zu of %zu, k = %zu: %.17g for %.17g", i, n, k, (double)got[i], want[i]);
}

static void fill(struct mat a, real value)
{
    for (size_t i = 0; i < mat_n(a); i++)
        a.p[i] = value;
}

START_TEST(starts_and_names_its_kernel)
{
    struct err e = { 0 };
    ck_assert_msg(blas_start(&e) == 0, "%s", err_first(&e));
    ck_assert_ptr_nonnull(strstr(blas_kernel(), "OpenBLAS"));
    err_clear(&e);
}
END_TEST

START_TEST(refuses_another_kernel_than_the_machines)
{
    struct err e = { 0 };
    ck_assert_int_eq(setenv("OPENBLAS_CORETYPE", "", 1), 0);
    ck_assert_int_eq(blas_start(&e), ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "OPENBLAS_CORETYPE"));
    ck_assert_int_eq(unsetenv("OPENBLAS_CORETYPE"), 0);
    err_clear(&e);
}
END_TEST

START_TEST(refuses_two_threads)
{
    struct err e = { 0 };
    openblas_set_num_threads(2);
    if (openblas_get_num_threads() == 2) { /* not on a machine with one processor */
        ck_assert_int_eq(blas_start(&e), ERR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(err_first(&e), "2 threads"));
    }
    openblas_set_num_threads(1);
    err_clear(&e);
}
END_TEST

/* What GSL calls is OpenBLAS too. */
START_TEST(cblas_is_openblas)
{
    Dl_info info;
    ck_assert(dladdr(dlsym(RTLD_DEFAULT, "cblas_dtrsm"), &info) != 0);
    ck_assert_msg(strstr(info.dli_fname, "openblas") != NULL, "cblas_dtrsm is bound to %s", info.dli_fname);
}
END_TEST

START_TEST(gemm_agrees_with_loops)
{
    struct rng r = rng_stream(2385, "gemm");
    for (unsigned round = 0; round < 300; round++) {
        const bool ta = round & 1, tb = round & 2;
        const size_t m = 1 + rng_below(&r, 37), n = 1 + rng_below(&r, 37), k = 1 + rng_below(&r, 70);
        const real alpha = round % 3 == 0 ? 1 : (real)-0.7, beta = (real)(round % 5 == 0 ? 0 : 0.4);
        struct mat a = random_mat(&r, ta ? k : m, ta ? m : k, 1), b = random_mat(&r, tb ? n : k, tb ? k : n, 1);
        struct mat c = random_mat(&r, m, n, 1);
        if (beta == 0)
            fill(c, NAN);
        double *want = malloc(m * n * sizeof *want);
        naive(ta, tb, (double)alpha, a, b, (double)beta, c.p, want);
        blas_gemm(ta, tb, alpha, a, b, beta, c);
        assert_near(c.p, want, m * n, k);
        free(a.p), free(b.p), free(c.p), free(want);
    }
}
END_TEST

/* Sizes of one and of a few, sums of a few terms, and long sums for a small output, each way round. */
START_TEST(thin_products_agree_with_loops)
{
    static const size_t shapes[][3] = { { 1, 1, 1 },      { 1, 1, 40 },     { 1, 37, 1 },     { 37, 1, 1 },
                                        { 23, 1, 70 },    { 1, 23, 70 },    { 30, 600, 1 },   { 30, 521, 5 },
                                        { 9, 33, 8 },     { 1, 100, 1500 }, { 100, 1, 1500 }, { 6, 100, 1200 },
                                        { 100, 6, 1200 }, { 45, 37, 1025 }, { 2, 2, 1024 },   { 100, 100, 1408 } };
    struct rng r = rng_stream(2385, "thin");
    for (size_t s = 0; s < 8 * (sizeof shapes / sizeof *shapes); s++) {
        const bool ta = s & 1, tb = s & 2;
        const size_t m = shapes[s / 8][0], n = shapes[s / 8][1], k = shapes[s / 8][2];
        const real alpha = (real)(s & 4 ? -0.7 : 1), beta = (real)(s & 4 ? 0 : 0.4), beyond = (real)2.385;
        struct mat a = random_mat(&r, ta ? k : m, ta ? m : k, 1), b = random_mat(&r, tb ? n : k, tb ? k : n, 1);
        struct mat c = random_mat(&r, m, n + 1, 1);
        if (beta == 0)
            fill(c, NAN);
        double *want = malloc(m * n * sizeof *want);
        naive(ta, tb, (double)alpha, a, b, (double)beta, c.p, want);
        c.p[m * n] = beyond;
        blas_gemm(ta, tb, alpha, a, b, beta, mat_of(c.p, m, n));
        assert_near(c.p, want, m * n, k);
        ck_assert(c.p[m * n] == beyond);
        free(a.p), free(b.p), free(c.p), free(want);
    }
}
END_TEST

START_TEST(gemm_takes_zero_sizes)
{
    real three[3] = { NAN, NAN, NAN }, none[1] = { 0 };
    blas_gemm(false, false, 1, mat_of(none, 3, 0), mat_of(none, 0, 1), 0, mat_of(three, 3, 1));
    ck_assert(three[0] == 0 && three[1] == 0 && three[2] == 0);
    three[1] = 2;
    blas_gemm(true, true, 1, mat_of(none, 0, 3), mat_of(none, 1, 0), (real)0.5, mat_of(three, 3, 1));
    ck_assert(three[1] == 1);
    blas_gemm(false, false, 1, mat_of(none, 0, 3), mat_of(three, 3, 1), 0, mat_of(none, 0, 1));
    ck_assert(none[0] == 0);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        three[1] = 2;
        const struct product p = product_plan(3, 1, 0, accumulate);
        product_run(&p, none, none, three);
        ck_assert(three[1] == (accumulate ? 2 : 0));
        const struct product q = product_plan(0, 1, 3, accumulate);
        product_run(&q, none, three, none);
    }
}
END_TEST

START_TEST(planned_product_agrees_with_loops)
{
    static const size_t shapes[][3] = { { 20, 100, 100 }, { 16, 100, 100 }, { 1, 100, 100 }, { 20, 100, 6 },
                                        { 20, 6, 100 },   { 1, 1, 1 },      { 3, 1, 7 },     { 7, 16, 1 },
                                        { 7, 17, 5 },     { 5, 23, 31 },    { 13, 33, 9 },   { 20, 101, 99 },
                                        { 2, 255, 130 },  { 16, 256, 256 }, { 3, 300, 300 }, { 128, 31, 64 } };
    struct rng r = rng_stream(2385, "product");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            struct mat a = random_mat(&r, m, k, 1), b = random_mat(&r, k, n, 1), c = random_mat(&r, m, n + 1, 1);
            double *want = malloc(m * n * sizeof *want);
            if (!accumulate)
                fill(c, NAN);
            naive(false, false, 1, a, b, accumulate, c.p, want);
            const real beyond = (real)2.385;
            c.p[m * n] = beyond;
            const struct product p = product_plan(m, n, k, accumulate);
            product_run(&p, a.p, b.p, c.p);
            assert_near(c.p, want, m * n, k);
            ck_assert(c.p[m * n] == beyond);
            free(a.p), free(b.p), free(c.p), free(want);
        }
    }
}
END_TEST

/* NaN and infinity in an operand reach the result, also through a zero. */
START_TEST(planned_product_keeps_nan)
{
    struct rng r = rng_stream(2385, "nan");
    const size_t m = 5, n = 35, k = 9;
    struct mat a = random_mat(&r, m, k, 1), b = random_mat(&r, k, n, 1), c = random_mat(&r, m, n, 1);
    const struct product p = product_plan(m, n, k, false);
    a.p[2 * k + 3] = NAN;
    product_run(&p, a.p, b.p, c.p);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++)
            ck_assert(isnan(c.p[i * n + j]) == (i == 2));
    }
    a.p[2 * k + 3] = 0;
    b.p[3 * n + 34] = INFINITY;
    product_run(&p, a.p, b.p, c.p);
    ck_assert(isnan(c.p[2 * n + 34]) && !isnan(c.p[2 * n + 33]) && isinf(c.p[34]));
    free(a.p), free(b.p), free(c.p);
}
END_TEST

/* The same bits wherever the operands lie: R1 of docs/reliability.md rests on it. */
START_TEST(products_do_not_depend_on_alignment)
{
    enum { M = 20, N = 100, K = 99, ROOM = 64 };
    struct rng r = rng_stream(2385, "alignment");
    struct mat a = random_mat(&r, M, K, 1), b = random_mat(&r, K, N, 1);
    struct mat a_room = random_mat(&r, 1, M * K + ROOM, 1), b_room = random_mat(&r, 1, K * N + ROOM, 1);
    struct mat c_room = random_mat(&r, 1, M * N + ROOM, 1), first = random_mat(&r, M, N, 1),
               first_gemm = random_mat(&r, M, N, 1);
    const struct product p = product_plan(M, N, K, false);
    for (size_t shift = 0; shift < 40; shift++) {
        real *const sa = a_room.p + shift, *const sb = b_room.p + (shift * 7) % ROOM,
                    *const sc = c_room.p + (shift * 3) % ROOM;
        memcpy(sa, a.p, M * K * sizeof *sa);
        memcpy(sb, b.p, K * N * sizeof *sb);
        product_run(&p, sa, sb, sc);
        if (shift == 0)
            memcpy(first.p, sc, M * N * sizeof *sc);
        ck_assert_mem_eq(first.p, sc, M * N * sizeof *sc);
        blas_gemm(false, false, 1, mat_of(sa, M, K), mat_of(sb, K, N), 0, mat_of(sc, M, N));
        if (shift == 0)
            memcpy(first_gemm.p, sc, M * N * sizeof *sc);
        ck_assert_mem_eq(first_gemm.p, sc, M * N * sizeof *sc);
    }
    free(a.p), free(b.p), free(a_room.p), free(b_room.p), free(c_room.p), free(first.p), free(first_gemm.p);
}
END_TEST

START_TEST(products_allocate_nothing)
{
    struct rng r = rng_stream(2385, "allocations");
    struct mat a = random_mat(&r, 20, 100, 1), b = random_mat(&r, 100, 100, 1), c = random_mat(&r, 20, 100, 1);
    const struct product p = product_plan(20, 100, 100, false);
    blas_gemm(false, true, 1, a, b, 0, c);
    const size_t before = allocations;
    for (unsigned i = 0; i < 100; i++) {
        product_run(&p, a.p, b.p, c.p);
        blas_gemm(false, true, 1, a, b, 0, c);
    }
    ck_assert_uint_eq(allocations, before);
    ck_assert(before > 0 || !COUNTS_ALLOCATIONS);
    free(a.p), free(b.p), free(c.p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, starts_and_names_its_kernel);
    tcase_add_test(t, refuses_another_kernel_than_the_machines);
    tcase_add_test(t, refuses_two_threads);
    tcase_add_test(t, cblas_is_openblas);
    tcase_add_test(t, gemm_agrees_with_loops);
    tcase_add_test(t, thin_products_agree_with_loops);
    tcase_add_test(t, gemm_takes_zero_sizes);
    tcase_add_test(t, planned_product_agrees_with_loops);
    tcase_add_test(t, planned_product_keeps_nan);
    tcase_add_test(t, products_do_not_depend_on_alignment);
    tcase_add_test(t, products_allocate_nothing);
}
CHECK_MAIN("blas", add_tests)
