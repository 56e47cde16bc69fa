/* Products with a dimension of one or a few, which OpenBLAS packs as it does any other: sums of a few terms (outer
 * products), a matrix times a vector, a vector times a matrix; and long sums for a small output (tiles.h). In an order
 * that depends on the shape alone. */
#ifndef TPRUN_MATH_THIN_H
#define TPRUN_MATH_THIN_H

#include "math/mat.h"

/* c = alpha op(a) op(b) + beta c, of sizes that are not 0, as blas_gemm has it. Whether the product is one of these and
 * was taken: by its shape. */
bool thin_multiply(bool ta, bool tb, real alpha, struct mat a, struct mat b, real beta, struct mat c);

#endif
