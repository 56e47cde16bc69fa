#include "data/transform.h"

#include <assert.h>

enum { BACKGROUND = 0 };

struct view transform_view(const struct transform *t, uint64_t number)
{
    const uint32_t places = (uint32_t)(2 * t->crop + 1);
    struct rng r = t->stream;
    rng_seek(&r, number);
    const bool mirror = rng_below(&r, 2);
    const size_t row = rng_below(&r, places), col = rng_below(&r, places);
    return (struct view){ t->flip && mirror, row, col };
}

/* The place in the image as it is read that a window's place shows, along one axis of n pixels; n or more: background.
 */
static size_t source(const struct transform *t, size_t at, size_t offset, size_t n, bool mirror)
{
    const size_t padded = n + 2 * t->pad, wide = at + offset;
    size_t p = wide < t->crop ? 0 : wide - t->crop;
    p = p < padded ? p : padded - 1;
    p = mirror ? padded - 1 - p : p;
    return p - t->pad; /* wraps around left of the image */
}

void transform_apply(const struct transform *t, struct view view, const uint8_t *image, uint8_t *out)
{
    const size_t height = t->height + 2 * t->pad, width = t->width + 2 * t->pad;
    size_t col[TRANSFORM_MAX_SIDE];
    assert(width <= TRANSFORM_MAX_SIDE && view.row <= 2 * t->crop && view.col <= 2 * t->crop);
    for (size_t j = 0; j < width; j++)
        col[j] = source(t, j, view.col, t->width, view.flip);
    for (size_t c = 0; c < t->channels; c++, image += t->height * t->width)
        for (size_t i = 0; i < height; i++, out += width) {
            const size_t row = source(t, i, view.row, t->height, false);
            for (size_t j = 0; j < width; j++)
                out[j] = row < t->height && col[j] < t->width ? image[row * t->width + col[j]] : BACKGROUND;
        }
}
