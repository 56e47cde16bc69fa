/* Bao 2024, Fig. 2: the time of the inverse, the pseudo-inverse and the transpose of a random n x n matrix, which the
 * analytic feedback of the paper's three methods needs at every step. Gaussian entries, double precision, medians of
 * 20; LAPACK's LU factorization and singular value decomposition, an out-of-place transpose. Prints `name median unit`
 * per line. Run with OPENBLAS_NUM_THREADS=1. */
#include "base/rng.h"
#include "math/blas.h"
#include "math/mat.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 20, SMALLEST = 100, LARGEST = 500, APART = 50 };

extern void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *status);
extern void dgetri_(const int *n, double *a, const int *lda, const int *pivots, double *work, const int *n_work,
                    int *status);
extern void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                    const int *ldu, double *vt, const int *ldvt, double *work, const int *n_work, int *whole,
                    int *status, size_t length);

struct fixture {
    int n, n_work;
    struct mat given, a, u, vt, out;
    double *s, *work;
    int *whole;
};

/* Of processor time: there is one thread, and the machine may be shared. */
static double seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        abort();
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void must_be_zero(int status)
{
    if (status == 0)
        return;
    fprintf(stderr, "LAPACK: status %d\n", status);
    exit(EXIT_FAILURE);
}

static void inverse(struct fixture *f)
{
    int status;
    dgetrf_(&f->n, &f->n, f->a.p, &f->n, f->whole, &status);
    must_be_zero(status);
    dgetri_(&f->n, f->a.p, &f->n, f->whole, f->work, &f->n_work, &status);
    must_be_zero(status);
}

/* V S^+ U^T, with columns of U scaled by the inverses of the singular values that count. */
static void pseudo_inverse(struct fixture *f)
{
    int status;
    dgesdd_("A", &f->n, &f->n, f->a.p, &f->n, f->s, f->u.p, &f->n, f->vt.p, &f->n, f->work, &f->n_work, f->whole,
            &status, 1);
    must_be_zero(status);
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j < f->n; j++)
            f->u.p[i * f->n + j] *= f->s[i] > f->n * DBL_EPSILON * f->s[0] ? 1 / f->s[i] : 0;
    blas_gemm(true, true, 1, f->u, f->vt, 0, f->out); /* LAPACK's matrices lie column by column */
}

static void transpose(struct fixture *f)
{
    mat_transpose(f->a, f->out);
}

static void report(const char *name, void (*run)(struct fixture *), struct fixture *f)
{
    double times[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        mat_copy(f->given, f->a);
        const double from = seconds();
        run(f);
        times[i] = 1e3 * (seconds() - from);
    }
    qsort(times, ROUNDS, sizeof *times, compare);
    printf("fig2_%s_%d %.4g ms\n", name, f->n, (times[ROUNDS / 2 - 1] + times[ROUNDS / 2]) / 2);
}

int main(void)
{
    struct err e = { 0 };
    if (blas_start(&e) < 0) {
        err_print(&e, stderr, false);
        return EXIT_FAILURE;
    }
    struct rng r = rng_stream(1, "bench");
    for (size_t n = SMALLEST; n <= LARGEST; n += APART) {
        struct arena a;
        arena_init(&a, 0);
        struct fixture f = { .n = (int)n, .n_work = (int)(8 * n * n + 64 * n), .given = mat_new(&a, n, n) };
        f.a = mat_new(&a, n, n);
        f.u = mat_new(&a, n, n);
        f.vt = mat_new(&a, n, n);
        f.out = mat_new(&a, n, n);
        f.s = arena_alloc(&a, n, sizeof *f.s);
        f.work = arena_alloc(&a, (size_t)f.n_work, sizeof *f.work);
        f.whole = arena_alloc(&a, 8 * n, sizeof *f.whole);
        if (!f.given.p || !f.a.p || !f.u.p || !f.vt.p || !f.out.p || !f.s || !f.work || !f.whole)
            return EXIT_FAILURE;
        for (size_t i = 0; i < n * n; i++)
            f.given.p[i] = rng_normal(&r);
        report("inverse", inverse, &f);
        report("pseudo_inverse", pseudo_inverse, &f);
        report("transpose", transpose, &f);
        arena_finish(&a);
    }
    return EXIT_SUCCESS;
}
