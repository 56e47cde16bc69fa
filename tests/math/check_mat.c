#include "../check_main.h"
#include "fixture.h"
#include <float.h>
#include <string.h>

START_TEST(new_is_zeroed_and_checked)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct mat m = mat_new(&a, 7, 9);
    ck_assert_uint_eq(mat_n(m), 63);
    ck_assert(mat_max_abs(m) == 0);
    ck_assert_ptr_null(mat_new(&a, SIZE_MAX / 2, 3).p);
    ck_assert_ptr_null(mat_new(&a, 1 << 20, 1).p); /* beyond the limit */
    arena_finish(&a);
}
END_TEST

/* Each element-wise function against its formula, in place and not, at lengths around the widths of vectors. */
START_TEST(elementwise)
{
    struct rng r = rng_stream(2385, "elementwise");
    for (size_t cols = 0; cols < 40; cols++) {
        struct mat a = random_mat(&r, 3, cols, 2), b = random_mat(&r, 3, cols, 2), out = random_mat(&r, 3, cols, 2);
        struct mat y = random_mat(&r, 3, cols, 2), row = random_mat(&r, 1, cols, 2);
        const real s = (real)-0.37;
        mat_add(a, b, out);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(out.p[i] == a.p[i] + b.p[i]);
        mat_sub(a, b, out);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(out.p[i] == a.p[i] - b.p[i]);
        mat_mul_elements(a, b, out);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(out.p[i] == a.p[i] * b.p[i]);
        mat_copy(b, y);
        mat_axpy(s, a, y);
        mat_scale(s, a, out);
        for (size_t i = 0; i < mat_n(a); i++) {
            ck_assert(out.p[i] == s * a.p[i]);
            ck_assert(y.p[i] == b.p[i] + s * a.p[i]);
        }
        mat_copy(a, y);
        mat_add_row(row.p, y);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(y.p[i] == a.p[i] + row.p[i % cols]);
        mat_set_rows(row.p, y);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(y.p[i] == row.p[i % cols]);
        mat_copy(a, y);
        mat_mul_elements(y, y, y);
        mat_sub(y, b, y);
        mat_add(b, y, y);
        for (size_t i = 0; i < mat_n(a); i++)
            ck_assert(y.p[i] == b.p[i] + (a.p[i] * a.p[i] - b.p[i]));
        mat_zero(y);
        ck_assert(mat_max_abs(y) == 0);
        free(a.p), free(b.p), free(out.p), free(y.p), free(row.p);
    }
}
END_TEST

START_TEST(nan_passes)
{
    enum { N = 37 };
    for (size_t at = 0; at < N; at++) {
        real a[N], b[N], out[N];
        for (size_t i = 0; i < N; i++)
            a[i] = b[i] = (real)0.7;
        a[at] = NAN;
        struct mat x = mat_of(a, 1, N), y = mat_of(b, 1, N), z = mat_of(out, 1, N);
        mat_scale(0, x, z);
        ck_assert(isnan(out[at]));
        mat_add(x, y, z);
        ck_assert(isnan(out[at]));
        mat_sub(y, x, z);
        ck_assert(isnan(out[at]));
        mat_mul_elements(y, x, z);
        ck_assert(isnan(out[at]));
        ck_assert(isnan(mat_max_abs(x)));
        ck_assert(!mat_all_finite(x));
        ck_assert(mat_all_finite(y));
        ck_assert(isnan(mat_sum_squares(x)));
        ck_assert(isnan(mat_dot(y, x)));
        mat_axpy(0, x, y);
        ck_assert(isnan(b[at]));
        a[at] = -INFINITY;
        ck_assert(isinf(mat_max_abs(x)) && mat_max_abs(x) > 0);
        ck_assert(!mat_all_finite(x));
        a[at] = (real)-0.9;
        ck_assert(mat_max_abs(x) == (real)0.9);
        ck_assert(mat_all_finite(x));
        real sum[1] = { 0 };
        a[at] = NAN;
        mat_sum_rows(mat_of(a, N, 1), 0, sum);
        ck_assert(isnan(sum[0]));
    }
    real largest[2] = { sizeof(real) == 4 ? (real)FLT_MAX : (real)DBL_MAX, 0 };
    ck_assert(mat_all_finite(mat_of(largest, 1, 2)));
    ck_assert(mat_all_finite(mat_of(largest, 0, 2)) && mat_max_abs(mat_of(largest, 0, 2)) == 0);
}
END_TEST

START_TEST(sums)
{
    struct rng r = rng_stream(2385, "sums");
    for (size_t n = 0; n < 70; n++) {
        struct mat a = random_mat(&r, 1, n, 1), b = random_mat(&r, 1, n, 1);
        double squares = 0, dot = 0;
        for (size_t i = 0; i < n; i++) {
            squares += (double)a.p[i] * (double)a.p[i];
            dot += (double)a.p[i] * (double)b.p[i];
        }
        ck_assert_double_le(fabs(mat_sum_squares(a) - squares), 1e-13);
        ck_assert_double_le(fabs(mat_dot(a, b) - dot), 1e-13);
        free(a.p), free(b.p);
    }
    /* A double accumulator: 1e8 + 1 - 1e8 in single would be 0. */
    real p[3] = { 10000, 1, 10000 }, q[3] = { 10000, 1, -10000 };
    ck_assert(mat_dot(mat_of(p, 1, 3), mat_of(q, 1, 3)) == 1);
}
END_TEST

START_TEST(sums_do_not_depend_on_alignment)
{
    enum { N = 1237, ROOM = 64 };
    struct rng r = rng_stream(2385, "alignment");
    struct mat a = random_mat(&r, 1, N, 1), b = random_mat(&r, 1, N, 1), ra = random_mat(&r, 1, N + ROOM, 1);
    struct mat rb = random_mat(&r, 1, N + ROOM, 1);
    const double dot = mat_dot(a, b), squares = mat_sum_squares(a);
    for (size_t shift = 0; shift < ROOM; shift++) {
        const struct mat sa = mat_of(ra.p + shift, 1, N), sb = mat_of(rb.p + (5 * shift) % ROOM, 1, N);
        mat_copy(a, sa);
        mat_copy(b, sb);
        ck_assert(mat_dot(sa, sb) == dot);
        ck_assert(mat_sum_squares(sa) == squares);
        ck_assert(mat_max_abs(sa) == mat_max_abs(a));
    }
    free(a.p), free(b.p), free(ra.p), free(rb.p);
}
END_TEST

START_TEST(sum_rows)
{
    static const size_t shapes[][2] = { { 0, 3 },    { 1, 1 },   { 63, 64 },  { 64, 65 },
                                        { 65, 130 }, { 200, 7 }, { 15680, 3 } };
    struct rng r = rng_stream(2385, "sum_rows");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t rows = shapes[s][0], cols = shapes[s][1];
        struct mat a = random_mat(&r, rows, cols, 1), out = random_mat(&r, 1, cols, 1);
        double *want = malloc(cols * sizeof *want);
        for (size_t j = 0; j < cols; j++) {
            double sum = 0;
            for (size_t i = 0; i < rows; i++)
                sum += (double)a.p[i * cols + j];
            want[j] = (double)out.p[j] - 0.5 * sum;
        }
        mat_sum_rows(a, (real)-0.5, out.p);
        for (size_t j = 0; j < cols; j++)
            ck_assert_double_le(fabs((double)out.p[j] - want[j]), 64 * (1 + sqrt((double)rows)) * REAL_ROUND);
        free(a.p), free(out.p), free(want);
    }
}
END_TEST

START_TEST(transpose)
{
    static const size_t shapes[][2] = {
        { 0, 5 }, { 1, 1 }, { 1, 40 }, { 16, 16 }, { 17, 33 }, { 100, 100 }, { 3, 65 }
    };
    struct rng r = rng_stream(2385, "transpose");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t rows = shapes[s][0], cols = shapes[s][1];
        struct mat a = random_mat(&r, rows, cols, 1), t = random_mat(&r, cols, rows, 1);
        mat_transpose(a, t);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < cols; j++)
                ck_assert(t.p[j * rows + i] == a.p[i * cols + j]);
        }
        free(a.p), free(t.p);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, new_is_zeroed_and_checked);
    tcase_add_test(t, elementwise);
    tcase_add_test(t, nan_passes);
    tcase_add_test(t, sums);
    tcase_add_test(t, sums_do_not_depend_on_alignment);
    tcase_add_test(t, sum_rows);
    tcase_add_test(t, transpose);
}
CHECK_MAIN("mat", add_tests)
