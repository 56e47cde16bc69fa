/* Matrix products. The only room that includes cblas.h and GSL headers.
 *
 * Two ways: blas_gemm for large or one-off products (OpenBLAS; thin ones by thin.h), and a `struct product`, planned
 * once for a fixed shape, for the small products of a recurrence, where packing would cost as much as the arithmetic
 * (by tiles.h; else by libxsmm where it was built in; else OpenBLAS). Which way a product goes follows from its shape,
 * the build and the processor alone: nothing is measured at run time. */
#ifndef TPRUN_MATH_BLAS_H
#define TPRUN_MATH_BLAS_H

#include "base/err.h"
#include "math/mat.h"

/* Checks what the numbers rest on, once per process: cblas comes from OpenBLAS (dladdr), one thread, no flush-to-zero,
 * rounding to nearest, isnan works, OPENBLAS_CORETYPE is not set; switches GSL's aborting handler off. ERR_INTERNAL
 * with the reason. */
int blas_start(struct err *e);
/* Whether there is address space for the buffer that OpenBLAS takes with its first product: without it, that waits for
 * ever. Part of blas_start; ERR_MEMORY, naming the limit that is in the way. */
int blas_check_room(struct err *e);
/* For products by n threads at once: lets OpenBLAS take the buffers of all of them, so that no product waits for one.
 * *bytes: of address space that the n - 1 take beside the first one. ERR_MEMORY as blas_check_room. */
int blas_take_room(size_t n, size_t *bytes, struct err *e);
/* "SkylakeX", with the library's version and, for planned products, the generator: recorded with each run. Static
 * storage. */
const char *blas_kernel(void);

/* c = alpha op(a) op(b) + beta c. beta = 0 overwrites, NaN included. Dimensions must agree (assert); none may alias c.
 * Zero sizes allowed. */
void blas_gemm(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c);

/* c (m, n) = a (m, k) b (k, n) [+ c], all row-major and dense. */
struct product {
    size_t m, n, k;
    bool accumulate;
    bool tiled;
    void (*kernel)(void); /* generated code; NULL by tiles and by OpenBLAS */
};
/* Whether it is so small that it repays to keep b packed for it, where b has to be transposed once a step: of the shape
 * and the build alone. */
bool product_is_small(size_t m, size_t n, size_t k);
struct product product_plan(size_t m, size_t n, size_t k, bool accumulate);
void product_run(const struct product *p, const real *a, const real *b, real *c);

#endif
