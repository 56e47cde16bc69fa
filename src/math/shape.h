/* What flows between the units of a network, for one sample: n numbers, of a map channels x height x width of them.
 * A map lies row by row, in a row pixel by pixel, and of a pixel channel by channel: number c of pixel (y, x) is
 * [(y * width + x) * channels + c]. */
#ifndef TPRUN_MATH_SHAPE_H
#define TPRUN_MATH_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

struct shape {
    size_t n, channels, height, width; /* n = channels * height * width */
};
static inline struct shape shape_flat(size_t n)
{
    return (struct shape){ n, n, 1, 1 };
}

/* Whether the numbers are of more than one place. */
static inline bool shape_is_map(struct shape s)
{
    return s.height * s.width > 1;
}

#endif
