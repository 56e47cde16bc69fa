/* Images of bytes seen through a window: background around them, and the flips and crops of training.
 *
 * In this order: `pad` pixels of background on all four sides, a mirror from left to right, `crop` copies of the
 * nearest edge pixel on all four sides, and of that a window as large as the image was before them. Channel after
 * channel, row after row. */
#ifndef TPRUN_DATA_TRANSFORM_H
#define TPRUN_DATA_TRANSFORM_H

#include "base/rng.h"

#include <stdbool.h>

enum { TRANSFORM_MAX_MARGIN = 16, TRANSFORM_MAX_SIDE = 64 }; /* pixels; a side of the image with its background */

struct transform {
    size_t channels, height, width; /* of the image as it is read */
    size_t pad, crop;
    bool flip;
    struct rng stream; /* of the views */
};

/* What is drawn: offsets of the window in the larger image, 0 .. 2 crop. */
struct view {
    bool flip;
    size_t row, col;
};

static inline bool transform_augments(const struct transform *t)
{
    return t->flip || t->crop > 0;
}
/* Of evaluations: nothing drawn. */
static inline struct view transform_plain(const struct transform *t)
{
    return (struct view){ false, t->crop, t->crop };
}
/* Of training sample `number`, which counts on from epoch to epoch: a pure function of it. What is drawn for a crop
 * does not depend on `flip`. */
struct view transform_view(const struct transform *t, uint64_t number);
/* image: channels x height x width; out: the same with sides longer by 2 pad. */
void transform_apply(const struct transform *t, struct view view, const uint8_t *image, uint8_t *out);

#endif
