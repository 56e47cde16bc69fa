/* What flows between the units of a network, for one sample: n numbers, of an image channels x height x width of them.
 */
#ifndef TPRUN_MATH_SHAPE_H
#define TPRUN_MATH_SHAPE_H

#include <stddef.h>

struct shape {
    size_t n, channels, height, width; /* n = channels * height * width */
};
static inline struct shape shape_flat(size_t n)
{
    return (struct shape){ n, n, 1, 1 };
}

#endif
