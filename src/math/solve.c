#include "math/solve.h"
#include <assert.h>
#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <limits.h>
#include <math.h>

/* GSL refuses sizes of 0, and BLAS counts in int. */
static int check_shape(size_t rows, size_t cols, struct err *e)
{
    if (rows == 0 || cols == 0)
        return err_set(e, ERR_SINGULAR, "a %zu x %zu matrix has no factorization", rows, cols);
    if (rows > INT_MAX || cols > INT_MAX)
        return err_set(e, ERR_MEMORY, "a %zu x %zu matrix is too large to be factorized", rows, cols);
    return 0;
}

/* --- ridge --- */

int ridge_init(struct ridge *s, size_t out, size_t in, struct err *e)
{
    *s = (struct ridge){ .out = out, .in = in };
    TRY(check_shape(out, in, e));
    s->w = gsl_matrix_alloc(out, in);
    s->a = gsl_matrix_alloc(in, in);
    if (s->w == NULL || s->a == NULL) {
        ridge_finish(s);
        return err_set(e, ERR_MEMORY, "no memory for the regularized inverse of a %zu x %zu matrix", out, in);
    }
    return 0;
}

void ridge_finish(struct ridge *s)
{
    if (s == NULL)
        return;
    gsl_matrix_free(s->w);
    gsl_matrix_free(s->a);
    *s = (struct ridge){ 0 };
}

static int singular(const struct ridge *s, double r, const char *why, struct err *e)
{
    return err_set(e, ERR_SINGULAR, "W^T W + r I cannot be inverted for W of shape %zu x %zu and r = %g: %s", s->out,
                   s->in, r, why);
}

/* A pivot L_jj^2 carries a rounding error of about in * DBL_EPSILON * max_i A_ii. Below it a pivot is noise, and so
 * would be the inverse: A counts as singular. NaN counts too. */
static bool pivots_hold(const struct ridge *s, double largest)
{
    const double noise = (double)s->in * DBL_EPSILON * largest;
    for (size_t j = 0; j < s->in; j++) {
        const double pivot = ridge_factor(s, j, j) * ridge_factor(s, j, j);
        if (!(pivot > noise) || isinf(pivot))
            return false;
    }
    return true;
}

int ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e)
{
    gsl_matrix *const wd = s->w, *const a = s->a;
    assert(w.rows == s->out && w.cols == s->in && m.rows == s->out && m.cols == s->in);
    if (!mat_all_finite(w) || !isfinite(r))
        return singular(s, r, "it holds values that are not finite", e);
    const size_t n = mat_n(w);
    for (size_t i = 0; i < n; i++)
        wd->data[i] = w.p[i]; /* an allocated gsl_matrix is dense */
    /* A = W^T W + r I, lower triangle; L L^T = A; M = W A^-1 = (W L^-T) L^-1, in the place of W. */
    int status = gsl_blas_dsyrk(CblasLower, CblasTrans, 1, wd, 0, a);
    if (status != GSL_SUCCESS)
        return err_set(e, ERR_INTERNAL, "W^T W: %s", gsl_strerror(status));
    double largest = 0;
    for (size_t j = 0; j < s->in; j++) {
        a->data[j * a->tda + j] += r;
        largest = fmax(largest, a->data[j * a->tda + j]); /* a NaN shows in its pivot */
    }
    status = gsl_linalg_cholesky_decomp1(a);
    if (status != GSL_SUCCESS && status != GSL_EDOM)
        return err_set(e, ERR_INTERNAL, "Cholesky factorization: %s", gsl_strerror(status));
    if (status == GSL_EDOM || !pivots_hold(s, largest))
        return singular(s, r, "it is not positive definite to working precision; a larger r would make it so", e);
    status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, a, wd);
    if (status == GSL_SUCCESS)
        status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, a, wd);
    if (status != GSL_SUCCESS)
        return err_set(e, ERR_INTERNAL, "triangular solve: %s", gsl_strerror(status));
    for (size_t i = 0; i < n; i++)
        m.p[i] = (real)wd->data[i];
    if (!mat_all_finite(m))
        return singular(s, r, "the inverse overflows", e);
    return 0;
}

double ridge_factor(const struct ridge *s, size_t i, size_t j)
{
    const gsl_matrix *const a = s->a;
    assert(i < s->in && j <= i);
    return a->data[i * a->tda + j];
}

/* --- singular values --- */

/* a = U S V^T with a's rows and columns exchanged if it is wide: U (long, short), S descending (short), V (short,
 * short). */
struct svd {
    bool transposed;
    gsl_matrix *u, *v;
    gsl_vector *s, *work;
};

static void svd_finish(struct svd *d)
{
    gsl_matrix_free(d->u);
    gsl_matrix_free(d->v);
    gsl_vector_free(d->s);
    gsl_vector_free(d->work);
}

static int svd_init(struct svd *d, struct mat a, struct err *e)
{
    *d = (struct svd){ .transposed = a.rows < a.cols };
    TRY(check_shape(a.rows, a.cols, e));
    if (!mat_all_finite(a)) /* the iteration would not end well */
        return err_set(e, ERR_SINGULAR, "no singular values: the %zu x %zu matrix holds values that are not finite",
                       a.rows, a.cols);
    const size_t longer = d->transposed ? a.cols : a.rows, shorter = d->transposed ? a.rows : a.cols;
    d->u = gsl_matrix_alloc(longer, shorter);
    d->v = gsl_matrix_alloc(shorter, shorter);
    d->s = gsl_vector_alloc(shorter);
    d->work = gsl_vector_alloc(shorter);
    if (d->u == NULL || d->v == NULL || d->s == NULL || d->work == NULL) {
        svd_finish(d);
        return err_set(e, ERR_MEMORY, "no memory for the singular values of a %zu x %zu matrix", a.rows, a.cols);
    }
    for (size_t i = 0; i < a.rows; i++) {
        for (size_t j = 0; j < a.cols; j++)
            gsl_matrix_set(d->u, d->transposed ? j : i, d->transposed ? i : j, a.p[i * a.cols + j]);
    }
    const int status = gsl_linalg_SV_decomp(d->u, d->v, d->s, d->work);
    if (status != GSL_SUCCESS) {
        svd_finish(d);
        return err_set(e, ERR_SINGULAR, "singular values of a %zu x %zu matrix: %s", a.rows, a.cols,
                       gsl_strerror(status));
    }
    return 0;
}

int solve_polar(struct mat a, struct mat out, struct err *e)
{
    assert(a.rows == out.rows && a.cols == out.cols);
    struct svd d;
    TRY(svd_init(&d, a, e));
    int code = 0;
    const size_t n = d.s->size;
    const double largest = gsl_vector_get(d.s, 0), smallest = gsl_vector_get(d.s, n - 1);
    if (!(smallest > (double)n * DBL_EPSILON * largest)) {
        code = err_set(e, ERR_SINGULAR, "the %zu x %zu matrix has no polar factor: its rank is below %zu", a.rows,
                       a.cols, n);
    } else {
        for (size_t i = 0; i < a.rows; i++) {
            for (size_t j = 0; j < a.cols; j++) {
                const gsl_vector_const_view u = gsl_matrix_const_row(d.u, d.transposed ? j : i);
                const gsl_vector_const_view v = gsl_matrix_const_row(d.v, d.transposed ? i : j);
                double entry = 0;
                for (size_t k = 0; k < n; k++)
                    entry += gsl_vector_get(&u.vector, k) * gsl_vector_get(&v.vector, k);
                out.p[i * a.cols + j] = (real)entry;
            }
        }
    }
    svd_finish(&d);
    return code;
}

int solve_condition(struct mat a, double *largest, double *smallest, struct err *e)
{
    struct svd d;
    TRY(svd_init(&d, a, e));
    *largest = gsl_vector_get(d.s, 0);
    *smallest = gsl_vector_get(d.s, d.s->size - 1);
    svd_finish(&d);
    return 0;
}

int solve_spectral_norm(struct mat a, double *norm, struct err *e)
{
    double smallest;
    return solve_condition(a, norm, &smallest, e);
}
