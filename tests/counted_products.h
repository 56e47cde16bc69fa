/* Counts the multiply-adds of the products that rooms ask math for: the linker puts the functions here between them
 * (tests/meson.build). A factorization counts as plan has it. */
#ifndef TPRUN_TESTS_COUNTED_PRODUCTS_H
#define TPRUN_TESTS_COUNTED_PRODUCTS_H

#include "math/blas.h"
#include "math/product_sum.h"
#include "math/solve.h"

static double counted;

void __real_blas_gemm(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c);
void __real_product_run(const struct product *p, const real *a, const real *b, real *c);
void __real_product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at,
                            const real *b, const product_place *b_at, real *c);
int __real_ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e);
void __wrap_blas_gemm(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c);
void __wrap_product_run(const struct product *p, const real *a, const real *b, real *c);
void __wrap_product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at,
                            const real *b, const product_place *b_at, real *c);
int __wrap_ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e);

void __wrap_blas_gemm(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c)
{
    counted += (double)c.rows * (double)c.cols * (double)(ta ? a.rows : a.cols);
    __real_blas_gemm(ta, tb, alpha, a, b, beta, c);
}

void __wrap_product_run(const struct product *p, const real *a, const real *b, real *c)
{
    counted += (double)p->m * (double)p->n * (double)p->k;
    __real_product_run(p, a, b, c);
}

void __wrap_product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at,
                            const real *b, const product_place *b_at, real *c)
{
    counted += (double)count * (double)p->shape.m * (double)p->shape.n * (double)p->shape.k;
    __real_product_sum_run(p, count, a, a_at, b, b_at, c);
}

/* W^T W, its Cholesky factor, and two triangular solutions. */
int __wrap_ridge_inverse(struct ridge *s, struct mat w, double r, struct mat m, struct err *e)
{
    counted += (double)w.cols * (double)w.cols * (1.5 * (double)w.rows + (double)w.cols / 6);
    return __real_ridge_inverse(s, w, r, m, e);
}

#endif
