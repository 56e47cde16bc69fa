/* Prints `name median unit` per line: products, activations, the regularized inverse. Run with OPENBLAS_NUM_THREADS=1.
 */
#include "base/rng.h"
#include "math/act.h"
#include "math/blas.h"
#include "math/solve.h"
#include <stdlib.h>
#include <time.h>

static struct arena workspace; /* of all solvers */

enum { ROUNDS = 101 };

static double seconds(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        abort();
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct fixture {
    struct mat a, b, c;
    struct product planned, plain;
    struct ridge ridge;
    size_t n;
};

static void gemm(struct fixture *f)
{
    blas_gemm(false, false, 1, f->a, f->b, 0, f->c);
}
static void planned(struct fixture *f)
{
    product_run(&f->planned, f->a.p, f->b.p, f->c.p);
}
static void plain(struct fixture *f)
{
    product_run(&f->plain, f->a.p, f->b.p, f->c.p);
}
static void tanh_apply(struct fixture *f)
{
    act_tanh.apply(NULL, f->a, f->c);
}
static void tanh_difference(struct fixture *f)
{
    act_tanh.difference(NULL, f->a, f->a, f->b, f->c);
}
static void tanh_inverse_difference(struct fixture *f)
{
    act_tanh.inverse_difference(NULL, f->a, f->b, (real)1e-3, f->c);
}
static void max_abs(struct fixture *f)
{
    f->c.p[0] = mat_max_abs(f->a);
}
static void inverse(struct fixture *f)
{
    struct err e = { 0 };
    if (ridge_inverse(&f->ridge, f->a, 1, f->c, &e) < 0) {
        err_print(&e, stderr, false);
        exit(EXIT_FAILURE);
    }
}

/* Median seconds of one call, each round long enough for the clock. */
static double median(void (*run)(struct fixture *), struct fixture *f, unsigned calls)
{
    double t[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        const double start = seconds();
        for (unsigned c = 0; c < calls; c++)
            run(f);
        t[i] = (seconds() - start) / calls;
    }
    qsort(t, ROUNDS, sizeof *t, compare);
    return t[ROUNDS / 2];
}

static struct mat random_in(struct arena *a, size_t rows, size_t cols)
{
    struct rng r = rng_stream(rows, "bench");
    struct mat m = mat_of(arena_need(a, rows * cols, sizeof(real)), rows, cols);
    for (size_t i = 0; i < rows * cols; i++)
        m.p[i] = (real)(0.2 * (2 * rng_uniform(&r) - 1));
    return m;
}

static struct fixture fixture(struct arena *a, size_t m, size_t n, size_t k)
{
    struct fixture f = { .a = random_in(a, m, k), .b = random_in(a, k, n), .c = random_in(a, m, n), .n = m * k };
    f.planned = product_plan(m, n, k, false);
    f.plain = f.planned;
    f.plain.kernel = NULL;
    f.plain.tiled = false;
    return f;
}

int main(void)
{
    struct err e = { 0 };
    struct arena a;
    arena_init(&a, 0);
    if (blas_start(&e) < 0) {
        err_print(&e, stderr, false);
        return EXIT_FAILURE;
    }
    printf("# %s, %s\n", REAL_NAME, blas_kernel());

    struct fixture tall = fixture(&a, 128, 256, 784);
    printf("gemm_128x256x784 %.1f GFLOP/s\n", 2e-9 * 128 * 256 * 784 / median(gemm, &tall, 2));

    struct fixture small = fixture(&a, 20, 100, 100);
    const double flops = 2e-9 * 20 * 100 * 100;
    printf("product_20x100x100_openblas %.1f GFLOP/s\n", flops / median(plain, &small, 50));
    printf("product_20x100x100_planned %.1f GFLOP/s\n", flops / median(planned, &small, 50));

    struct fixture elements = fixture(&a, 20, 100, 100);
    elements.b = random_in(&a, 20, 100);
    const double n = (double)elements.n;
    printf("tanh %.2f ns/element\n", 1e9 / n * median(tanh_apply, &elements, 50));
    printf("tanh_difference %.2f ns/element\n", 1e9 / n * median(tanh_difference, &elements, 50));
    printf("tanh_inverse_difference %.2f ns/element\n", 1e9 / n * median(tanh_inverse_difference, &elements, 50));
    printf("max_abs %.3f ns/element\n", 1e9 / n * median(max_abs, &elements, 50));

    static const size_t widths[] = { 50, 100, 200, 400 }; /* ~ H^3 */
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        const size_t h = widths[i];
        struct fixture square = fixture(&a, h, h, h);
        if (ridge_init(&square.ridge, h, h, &workspace, &e) < 0) {
            err_print(&e, stderr, false);
            return EXIT_FAILURE;
        }
        printf("ridge_inverse_%zu %.0f us\n", h, 1e6 * median(inverse, &square, h < 200 ? 4 : 1));
    }
    arena_finish(&a);
    return EXIT_SUCCESS;
}
