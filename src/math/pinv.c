#include "math/pinv.h"
#include "math/workspace.h"

#include "math/elementary.h"
#include <assert.h>
#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

/* LAPACK, which OpenBLAS contains, by its Fortran name; the last two arguments are the lengths of the words. The
 * eigenvalues and eigenvectors of a symmetric matrix by divide and conquer, a tenth of the time of GSL's QR iterations.
 */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
                    double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t n_jobz,
                    size_t n_uplo);

static const double rounding = 2 * (double)REAL_ULP; /* from 1 to the next real */

/* Factorizes a symmetric A in place; true if every pivot exceeds `least` times the largest diagonal entry. */
static bool positive_definite(gsl_matrix *a, double least)
{
    const size_t n = a->size1;
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, gsl_matrix_get(a, i, i));
    bool holds = gsl_linalg_cholesky_decomp1(a) == GSL_SUCCESS;
    for (size_t i = 0; holds && i < n; i++) {
        const double pivot = gsl_matrix_get(a, i, i) * gsl_matrix_get(a, i, i);
        holds = pivot > least * largest && isfinite(pivot);
    }
    return holds;
}

/* A = A + damping I, factorized. A pivot carries a rounding error of about n DBL_EPSILON max_i A_ii: below it, it is
 * noise. */
static int cholesky(gsl_matrix *a, double damping, struct err *e)
{
    gsl_vector_view diagonal = gsl_matrix_diagonal(a);
    gsl_vector_add_constant(&diagonal.vector, damping);
    if (positive_definite(a, (double)a->size1 * DBL_EPSILON))
        return 0;
    return err_set(e, ERR_SINGULAR,
                   "J J^T + %g I is not positive definite to working precision; a larger damping would make it so",
                   damping);
}

/* --- one small matrix --- */

int pinv_init(struct pinv *p, size_t rows, size_t cols, struct arena *a, struct err *e)
{
    *p = (struct pinv){ .rows = rows, .cols = cols };
    const size_t longer = rows > cols ? rows : cols, shorter = rows > cols ? cols : rows;
    assert(shorter > 0);
    p->w = workspace_matrix(a, longer, shorter);
    p->a = workspace_matrix(a, shorter, shorter);
    p->v = workspace_matrix(a, shorter, shorter);
    p->s = workspace_vector(a, shorter);
    p->work = workspace_vector(a, shorter);
    return p->w && p->a && p->v && p->s && p->work
               ? 0
               : err_set(e, ERR_MEMORY, "no memory for the pseudo-inverse of a %zu x %zu matrix", rows, cols);
}

/* W = W (W^T W + damping I)^-1 */
static int damped(struct pinv *p, double damping, struct err *e)
{
    gsl_matrix *const w = p->w, *const a = p->a;
    int status = gsl_blas_dsyrk(CblasLower, CblasTrans, 1, w, 0, a);
    if (status == GSL_SUCCESS)
        TRY(cholesky(a, damping, e));
    if (status == GSL_SUCCESS)
        status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, a, w);
    if (status == GSL_SUCCESS)
        status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, a, w);
    return status == GSL_SUCCESS ? 0
                                 : err_set(e, ERR_INTERNAL, "inverse of W^T W + r I, W %zu x %zu: %s", p->rows, p->cols,
                                           gsl_strerror(status));
}

/* W = U S^+ V^T from W = U S V^T. */
static int undamped(struct pinv *p, struct err *e)
{
    gsl_matrix *const w = p->w, *const v = p->v;
    gsl_vector *const s = p->s;
    const int status =
        gsl_linalg_SV_decomp_jacobi(w, v, s); /* allocates nothing, and is exact to rounding in each value */
    if (status != GSL_SUCCESS)
        return err_set(e, ERR_SINGULAR, "singular values of a %zu x %zu matrix: %s", p->rows, p->cols,
                       gsl_strerror(status));
    const double cut = (double)w->size1 * rounding * gsl_vector_max(s);
    for (size_t k = 0; k < s->size; k++) {
        gsl_vector_view column = gsl_matrix_column(v, k);
        const double value = gsl_vector_get(s, k);
        gsl_vector_scale(&column.vector, value > cut ? 1 / value : 0);
    }
    for (size_t i = 0; i < w->size1; i++) { /* a row of U becomes a row of U S^+ V^T */
        gsl_vector_view row = gsl_matrix_row(w, i);
        gsl_blas_dgemv(CblasNoTrans, 1, v, &row.vector, 0, p->work);
        gsl_vector_memcpy(&row.vector, p->work);
    }
    return 0;
}

int pinv_transposed(struct pinv *p, double damping, const real *j, size_t stride, real *out, size_t out_stride,
                    struct err *e)
{
    gsl_matrix *const w = p->w;
    const bool wide = p->rows < p->cols; /* W is J^T */
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols; c++) {
            const double entry = (double)j[r * stride + c];
            if (!isfinite(entry))
                return err_set(e, ERR_SINGULAR, "a Jacobian holds values that are not finite");
            gsl_matrix_set(w, wide ? c : r, wide ? r : c, entry);
        }
    TRY(damping > 0 ? damped(p, damping, e) : undamped(p, e));
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols; c++)
            out[r * out_stride + c] = (real)gsl_matrix_get(w, wide ? c : r, wide ? r : c);
    return 0;
}

/* --- a Gram matrix --- */

enum { LARGEST_GRAM = 32000 }; /* n_work is an int to LAPACK; more would be 16 GB a matrix */

int semidefinite_init(struct semidefinite *s, size_t n, size_t max_cols, struct arena *a, struct err *e)
{
    *s = (struct semidefinite){ .n = n };
    assert(n > 0 && max_cols > 0);
    s->a = workspace_matrix(a, n, n);
    s->vectors = workspace_matrix(a, n, n);
    s->rows = workspace_matrix(a, n, max_cols);
    s->values = workspace_vector(a, n);
    s->half = workspace_vector(a, n);
    s->n_work = 1 + 6 * n + 2 * n * n; /* what dsyevd asks for */
    s->n_whole = 3 + 5 * n;
    s->work = n <= LARGEST_GRAM ? arena_doubles(a, s->n_work) : NULL;
    s->whole = arena_alloc(a, s->n_whole, sizeof *s->whole);
    return s->a && s->vectors && s->rows && s->values && s->half && s->work && s->whole
               ? 0
               : err_set(e, ERR_MEMORY, "no memory for a Gram matrix of %zu rows", n);
}

void semidefinite_gram(struct semidefinite *s, struct mat rows, const double *weight, size_t block)
{
    gsl_matrix *const a = s->a, *const all = s->rows;
    assert(rows.rows == s->n && rows.cols <= all->size2 && s->n % block == 0);
    for (size_t i = 0; i < rows.rows; i++)
        for (size_t j = 0; j < rows.cols; j++)
            gsl_matrix_set(all, i, j, (double)rows.p[i * rows.cols + j]);
    const gsl_matrix_const_view used = gsl_matrix_const_submatrix(all, 0, 0, rows.rows, rows.cols);
    gsl_blas_dsyrk(CblasLower, CblasNoTrans, 1, &used.matrix, 0, a);
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j <= i; j++)
            a->data[i * a->tda + j] *= weight[(i % block) * block + j % block];
}

/* Up to this share of the largest, eigenvalues count as 0. */
static double cut_off(size_t n)
{
    return fmax((double)n * DBL_EPSILON, pow((double)n * rounding, 2));
}

/* Eigenvectors scaled by the roots of the reciprocal eigenvalues, a row each, so that A^+ = V^T V. Fortran sees the
 * transpose of what lies here: the lower triangle is its upper one, its columns are rows. */
static int eigen(struct semidefinite *s, struct err *e)
{
    gsl_matrix *const v = s->vectors;
    gsl_vector *const values = s->values;
    const int n = (int)s->n, n_work = (int)s->n_work, n_whole = (int)s->n_whole;
    int status = 0;
    assert(v->tda == s->n && values->stride == 1);
    gsl_matrix_memcpy(v, s->a);
    dsyevd_("V", "U", &n, v->data, &n, values->data, s->work, &n_work, s->whole, &n_whole, &status, 1, 1);
    if (status != 0)
        return err_set(e, ERR_SINGULAR, "the eigenvalues of a Gram matrix of %zu rows do not converge", s->n);
    const double cut = cut_off(s->n) * gsl_vector_max(values);
    for (size_t k = 0; k < s->n; k++) {
        gsl_vector_view row = gsl_matrix_row(v, k);
        const double value = gsl_vector_get(values, k);
        gsl_vector_scale(&row.vector, value > cut ? 1 / sqrt(value) : 0);
    }
    return 0;
}

int semidefinite_factor(struct semidefinite *s, double damping, struct err *e)
{
    const gsl_matrix *const a = s->a;
    for (size_t i = 0; i < s->n; i++)
        if (!isfinite(gsl_matrix_get(a, i, i))) /* |A_ij|^2 <= A_ii A_jj */
            return err_set(e, ERR_SINGULAR, "a Jacobian holds values that are not finite");
    s->factor = s->a;
    s->cholesky = true;
    if (damping > 0)
        return cholesky(s->a, damping, e);
    /* Where A is invertible by a wide margin its pseudo-inverse is its inverse, for a hundredth of the time. */
    s->factor = s->vectors;
    gsl_matrix_memcpy(s->vectors, s->a);
    s->cholesky = positive_definite(s->vectors, (double)s->n * cut_off(s->n));
    return s->cholesky ? 0 : eigen(s, e);
}

void semidefinite_solve(const struct semidefinite *s, double *x)
{
    gsl_vector_view v = gsl_vector_view_array(x, s->n);
    if (s->cholesky) {
        gsl_linalg_cholesky_svx(s->factor, &v.vector);
        return;
    }
    gsl_blas_dgemv(CblasNoTrans, 1, s->vectors, &v.vector, 0, s->half);
    gsl_blas_dgemv(CblasTrans, 1, s->vectors, s->half, 0, &v.vector);
}
