/* Standard normal numbers in bulk: what a noisy step draws is otherwise a third of its time. */
#ifndef TPRUN_MATH_NORMAL_H
#define TPRUN_MATH_NORMAL_H

#include "base/rng.h"
#include "math/mat.h"

/* Fills out from position 0 of r's present item (rng_seek): Box & Muller 1958 on 31-bit uniforms, so |value| <= 6.7. An
 * entry depends on its index in the matrix alone, and single and double draw the same numbers up to rounding. r itself
 * does not move. */
void normal_fill(const struct rng *r, struct mat out);

#endif
