/* Matrices: samples by row, row-major, contiguous. A struct mat is a view; whoever allocated the numbers owns them.
 * Rows of consecutive time steps lie one after another, so T matrices of B rows are also one of T * B rows (mat_stack).
 */
#ifndef TPRUN_MATH_MAT_H
#define TPRUN_MATH_MAT_H

#include "base/arena.h"
#include "math/real.h"
#include <stdbool.h>
#include <stddef.h>

struct mat {
    real *p;
    size_t rows, cols;
};

static inline struct mat mat_of(real *p, size_t rows, size_t cols)
{
    return (struct mat){ p, rows, cols };
}
static inline size_t mat_n(struct mat a)
{
    return a.rows * a.cols;
}
/* Rows [from, from + rows) of a. */
static inline struct mat mat_rows(struct mat a, size_t from, size_t rows)
{
    return (struct mat){ a.p + from * a.cols, rows, a.cols };
}
/* A zeroed matrix in an arena; {NULL} if memory is out. */
struct mat mat_new(struct arena *a, size_t rows, size_t cols);

/* Element-wise, whole matrices of equal shape; out may alias an input unless said otherwise. */
void mat_copy(struct mat from, struct mat to);
void mat_zero(struct mat a);
void mat_axpy(real s, struct mat x, struct mat y);                       /* y += s x */
void mat_add_scaled(struct mat x, real s, struct mat y, struct mat out); /* out = x + s y */
void mat_scale(real s, struct mat x, struct mat y);                      /* y = s x; NaN stays NaN also for s = 0 */
void mat_sub(struct mat a, struct mat b, struct mat out);                /* out = a - b */
void mat_add(struct mat a, struct mat b, struct mat out);                /* out = a + b */
void mat_mul_elements(struct mat a, struct mat b, struct mat out);
void mat_add_row(const real *row, struct mat a);    /* a[i][j] += row[j] */
void mat_set_rows(const real *row, struct mat a);   /* a[i][j] = row[j] */
void mat_sum_rows(struct mat a, real s, real *out); /* out[j] += s * sum_i a[i][j], fixed order */
void mat_transpose(struct mat a, struct mat out);   /* out (cols, rows), not aliased */
double mat_sum_squares(struct mat a);               /* double accumulator, fixed order */
double mat_dot(struct mat a, struct mat b);
real mat_max_abs(struct mat a); /* NaN if any entry is NaN */
bool mat_all_finite(struct mat a);

#endif
