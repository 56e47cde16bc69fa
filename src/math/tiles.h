/* Products by tiles: a few rows by two vectors of c stay in registers over the sum, and nothing is packed. For shapes
 * where OpenBLAS' packing costs as much as the arithmetic: few rows, and outputs that are small beside a long sum.
 *
 * Every entry of c is summed in the order of k by fused multiply-adds, in blocks of it if the sum is long: its bits
 * depend on the shape of neither c nor the machine's load, nor on where c lies. Needs AVX2, and stands back where the
 * processor has AVX-512 and libxsmm generates code for it. */
#ifndef TPRUN_MATH_TILES_H
#define TPRUN_MATH_TILES_H

#include "math/mat.h"

#if defined(__AVX2__) && defined(__FMA__) && !(defined(__AVX512F__) && defined(TPRUN_XSMM))
#define TPRUN_TILES
#endif

/* Whether a product (m, k) by (k, n) is faster so: by the shape alone. False in builds without. */
bool tiles_suit(size_t m, size_t n, size_t k);
/* The same for a transposed left factor, stored as (k, m). */
bool tiles_suit_transposed(size_t m, size_t n, size_t k);
/* c (m, n) = alpha op(a) b + beta c; beta = 0 overwrites, NaN included. Only where tiles suit one shape or other; none
 * may alias c. */
void tiles_multiply(bool ta, real alpha, struct mat a, struct mat b, real beta, struct mat c);

#endif
