/* Pseudo-inverses, plain and damped, of small matrices one after the other, and of large Gram matrices. In double
 * whatever `real` is; workspace lies in an arena (GSL). */
#ifndef TPRUN_MATH_PINV_H
#define TPRUN_MATH_PINV_H

#include "base/err.h"
#include "math/mat.h"

/* The damped inverse of J (rows x cols), J^T (J J^T + damping I)^-1; the pseudo-inverse where damping is 0. */
struct pinv {
    size_t rows, cols;
    void *w, *a, *v, *s, *work; /* gsl_matrix *, gsl_vector *: J or J^T, the longer side first; the rest is as short as
                                   the shorter side */
};
int pinv_init(struct pinv *p, size_t rows, size_t cols, struct arena *a, struct err *e);
/* out = ((J J^T + damping I)^-1 J): the inverse's transpose, of J's shape; out may be J itself. Rows lie stride and
 * out_stride reals apart. damping > 0: Cholesky of J J^T or J^T J, whichever is smaller. damping 0: singular values up
 * to max(rows, cols) epsilon times the largest count as 0, epsilon being the rounding unit of `real`, in which J was
 * computed. ERR_SINGULAR if J is not finite, or the damping too small for a Cholesky factor. No allocation. */
int pinv_transposed(struct pinv *p, double damping, const real *j, size_t stride, real *out, size_t out_stride,
                    struct err *e);

/* A symmetric positive semidefinite A (n x n), to be solved with: by Cholesky with damping, else by eigenvalues. */
struct semidefinite {
    size_t n;
    bool cholesky;
    void *factor; /* a or vectors */
    void *a, *vectors, *values, *rows,
        *half;    /* GSL; rows: (n x max_cols) in double; a row of vectors is an eigenvector */
    double *work; /* LAPACK's, as is the next one */
    int *whole;
    size_t n_work, n_whole;
};
/* For Gram matrices of n rows of at most max_cols entries. */
int semidefinite_init(struct semidefinite *s, size_t n, size_t max_cols, struct arena *a, struct err *e);
/* A[i][j] = <rows i, j of s> * weight[(i % block) * block + j % block]. */
void semidefinite_gram(struct semidefinite *s, struct mat rows, const double *weight, size_t block);
/* Factorizes A + damping I. With damping 0, eigenvalues up to max(n 2^-52, (n epsilon)^2) times the largest count as 0,
 * epsilon as above: a Gram matrix has the squares of its rows' singular values. ERR_SINGULAR as pinv_transposed. */
int semidefinite_factor(struct semidefinite *s, double damping, struct err *e);
/* x = (A + damping I)^-1 x, or A^+ x. */
void semidefinite_solve(const struct semidefinite *s, double *x);

#endif
