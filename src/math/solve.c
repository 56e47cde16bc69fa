#include "math/solve.h"
#include "math/workspace.h"
#include <assert.h>
#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

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

int ridge_init(struct ridge *s, size_t out, size_t in, struct arena *a, struct err *e)
{
    *s = (struct ridge){ .out = out, .in = in };
    TRY(check_shape(out, in, e));
    s->w = workspace_matrix(a, out, in);
    s->a = workspace_matrix(a, in, in);
    s->tau = workspace_vector(a, in);
    return s->w && s->a && s->tau
               ? 0
               : err_set(e, ERR_MEMORY, "no memory for the regularized inverse of a %zu x %zu matrix", out, in);
}

/* Weights of ordinary size need a larger r; those that have grown so far that r is nothing beside them have been driven
 * there by the steps. */
static const char *not_definite(double largest)
{
    enum { GROWN = 1000 }; /* norm of a column of W */
    return largest > (double)GROWN * GROWN
               ? "it is not positive definite to working precision; the weights have grown too large beside r: the "
                 "stepsize is the likelier cause"
               : "it is not positive definite to working precision; a larger r would make it so";
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

static void fill(const struct ridge *s, struct mat w)
{
    gsl_matrix *const wd = s->w;
    const size_t n = mat_n(w);
    for (size_t i = 0; i < n; i++)
        wd->data[i] = w.p[i]; /* an allocated gsl_matrix is dense */
}

/* L in the lower triangle of s->a, L L^T = W^T W + r I. */
static int factorize_normal(const struct ridge *s, struct mat w, double r, struct err *e)
{
    gsl_matrix *const a = s->a;
    fill(s, w);
    int status = gsl_blas_dsyrk(CblasLower, CblasTrans, 1, s->w, 0, a);
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
        return singular(s, r, not_definite(largest), e);
    return 0;
}

/* The same for r = 0 and out >= in, as the transposed R of W = Q R. */
static int factorize_orthogonal(const struct ridge *s, struct mat w, struct err *e)
{
    gsl_matrix *const wd = s->w, *const a = s->a;
    fill(s, w);
    const int status = gsl_linalg_QR_decomp(wd, s->tau);
    if (status != GSL_SUCCESS)
        return err_set(e, ERR_INTERNAL, "QR factorization: %s", gsl_strerror(status));
    double largest = 0;
    for (size_t i = 0; i < s->in; i++) {
        double squares = 0; /* of column i of R, which is as long as that of W */
        for (size_t j = 0; j <= i; j++) {
            const double entry = gsl_matrix_get(wd, j, i);
            gsl_matrix_set(a, i, j, entry);
            squares += entry * entry;
        }
        largest = fmax(largest, sqrt(squares));
    }
    for (size_t i = 0; i < s->in; i++) /* below it a pivot is noise; NaN counts too */
        if (!(fabs(gsl_matrix_get(a, i, i)) > (double)s->in * DBL_EPSILON * largest) || isinf(largest))
            return err_set(e, ERR_SINGULAR,
                           "W of shape %zu x %zu has no inverse to working precision, and the regularization is 0",
                           s->out, s->in);
    return 0;
}

int ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e)
{
    gsl_matrix *const wd = s->w, *const a = s->a;
    assert(w.rows == s->out && w.cols == s->in && m.rows == s->out && m.cols == s->in);
    if (!mat_all_finite(w) || !isfinite(r))
        return singular(s, r, "it holds values that are not finite", e);
    TRY(r == 0 && s->out >= s->in ? factorize_orthogonal(s, w, e) : factorize_normal(s, w, r, e));
    /* M = W A^-1 = (W L^-T) L^-1, in the place of W. */
    fill(s, w);
    int status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, a, wd);
    if (status == GSL_SUCCESS)
        status = gsl_blas_dtrsm(CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, a, wd);
    if (status != GSL_SUCCESS)
        return err_set(e, ERR_INTERNAL, "triangular solve: %s", gsl_strerror(status));
    const size_t n = mat_n(w);
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

/* Up to this size the polar factor is that of the singular value decomposition. */
enum { POLAR_BY_SVD = 64 };

/* Of x (m, n), by power iteration on x^T x in `gram` (overwritten): at most a little too small, which the iteration
 * below bears up to a factor of 1.7. */
static double largest_singular_value(const gsl_matrix *x, gsl_matrix *gram)
{
    enum { STEPS = 30 };
    const size_t n = x->size2;
    gsl_blas_dgemm(CblasTrans, CblasNoTrans, 1, x, x, 0, gram);
    double *const v = calloc(2 * n, sizeof *v), *w = v ? v + n : NULL, norm = 0;
    if (!v) { /* the root of the trace is a bound too, a loose one */
        for (size_t i = 0; i < n; i++)
            norm += gsl_matrix_get(gram, i, i);
        return sqrt(norm);
    }
    for (size_t i = 0; i < n; i++)
        v[i] = 1 + (double)(i % 7) / 7;
    for (int step = 0; step < STEPS; step++) {
        double squares = 0;
        for (size_t i = 0; i < n; i++) {
            w[i] = 0;
            for (size_t j = 0; j < n; j++)
                w[i] += gram->data[i * gram->tda + j] * v[j];
            squares += w[i] * w[i];
        }
        norm = sqrt(squares);
        for (size_t i = 0; i < n; i++)
            v[i] = w[i] / norm;
    }
    free(v);
    return 1.1 * sqrt(norm);
}

/* The same by Newton and Schulz, X <- X (3 I - X^T X) / 2: products alone, where the singular values of a large matrix
 * would take minutes. X starts as a over an estimate of its largest singular value, and each singular value s goes to s
 * (3 - s^2) / 2, that is to 1: small ones by a factor of 1.5 a step. One that would take longer than a value of n eps
 * times the largest counts as 0. Higham, Functions of Matrices (2008), Sec. 8.3. */
static int polar_by_products(struct mat a, struct mat out, struct err *e)
{
    const bool wide = a.rows < a.cols;
    const size_t m = wide ? a.cols : a.rows, n = wide ? a.rows : a.cols;
    gsl_matrix *x = gsl_matrix_alloc(m, n), *next = gsl_matrix_alloc(m, n), *gram = gsl_matrix_alloc(n, n);
    int code = x && next && gram
                   ? 0
                   : err_set(e, ERR_MEMORY, "no memory for the polar factor of a %zu x %zu matrix", a.rows, a.cols);
    for (size_t i = 0; code == 0 && i < mat_n(a); i++)
        gsl_matrix_set(x, wide ? i % a.cols : i / a.cols, wide ? i / a.cols : i % a.cols, a.p[i]);
    const double bound = code == 0 ? largest_singular_value(x, gram) : 1;
    if (code == 0 && !(bound > 0))
        code = err_set(e, ERR_SINGULAR, "the %zu x %zu matrix has no polar factor: it is zero", a.rows, a.cols);
    const int most = 10 + (int)(log(1 / ((double)n * DBL_EPSILON)) / log(1.5));
    bool done = false;
    for (int step = 0; code == 0 && !done && step < most; step++) {
        if (step == 0)
            gsl_matrix_scale(x, 1 / bound);
        gsl_blas_dgemm(CblasTrans, CblasNoTrans, 1, x, x, 0, gram);
        double distance = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                distance = fmax(distance, fabs(gsl_matrix_get(gram, i, j) - (i == j)));
        done = distance < 16 * DBL_EPSILON * sqrt((double)n);
        if (!(distance < HUGE_VAL))
            break;
        gsl_matrix_scale(gram, -0.5);
        for (size_t i = 0; i < n; i++)
            gsl_matrix_set(gram, i, i, gsl_matrix_get(gram, i, i) + 1.5);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, x, gram, 0, next);
        gsl_matrix *const swap = x;
        x = next;
        next = swap;
    }
    if (code == 0 && !done)
        code = err_set(e, ERR_SINGULAR, "the %zu x %zu matrix has no polar factor: its rank is below %zu", a.rows,
                       a.cols, n);
    for (size_t i = 0; code == 0 && i < mat_n(a); i++)
        out.p[i] = (real)gsl_matrix_get(x, wide ? i % a.cols : i / a.cols, wide ? i / a.cols : i % a.cols);
    gsl_matrix_free(x);
    gsl_matrix_free(next);
    gsl_matrix_free(gram);
    return code;
}

int solve_polar(struct mat a, struct mat out, struct err *e)
{
    assert(a.rows == out.rows && a.cols == out.cols);
    if (a.rows > POLAR_BY_SVD && a.cols > POLAR_BY_SVD && mat_all_finite(a))
        return polar_by_products(a, out, e);
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
