/* Sums of small products, planned once for a fixed shape: c (m, n) += a_0 b_0 + a_1 b_1 + ..., the factors lying
 * anywhere in two arrays. c stays in registers over the whole sum and nothing is packed. By generated code (libxsmm),
 * where it was built in and the processor has AVX2: product_sums_exist; else there are none, and callers have
 * another way by blas_gemm. */
#ifndef TPRUN_MATH_PRODUCT_SUM_H
#define TPRUN_MATH_PRODUCT_SUM_H

#include "base/err.h"
#include "math/real.h"
#include <stdbool.h>
#include <stddef.h>

/* Rows of a and a' are `stride` numbers apart; b and c are dense. */
struct product_sum_shape {
    size_t m, n, k, stride;
    bool transposed; /* a is stored as (k, m) */
};
struct product_sum {
    struct product_sum_shape shape;
    void (*kernel)(void);
};
/* Where a factor begins, in bytes from the start of its array. */
typedef unsigned long long product_place;

bool product_sums_exist(void);
/* ERR_MEMORY when no code could be generated. */
int product_sum_plan(struct product_sum *p, struct product_sum_shape shape, struct err *e);
/* Adds the products of factor a_at[i] of a with factor b_at[i] of b, i < count, in this order. */
void product_sum_run(const struct product_sum *p, size_t count, const real *a, const product_place *a_at, const real *b,
                     const product_place *b_at, real *c);

#endif
