/* What the activations' loops share. They write out[i] from the entries i of their inputs alone, so out may be one of
 * them. */
#ifndef TPRUN_MATH_ACT_LOOP_H
#define TPRUN_MATH_ACT_LOOP_H

#include "math/act.h"
#include "math/elementary.h"
#include <assert.h>

static inline size_t same_shape(struct mat a, struct mat b)
{
    assert(a.rows == b.rows && a.cols == b.cols);
    (void)b;
    return mat_n(a);
}

#endif
