/* Windows that slide over a map: what convolutions and pools share. Their products see a window as a row of kernel *
 * kernel * channels numbers, in the order row, column, channel, so that a row of it is contiguous in the map. */
#ifndef TPRUN_NET_WINDOW_H
#define TPRUN_NET_WINDOW_H

#include "net/unit.h"

/* Of one sample: the map read, and the places where windows lie. */
struct window {
    struct shape in;
    size_t kernel, stride, padding;
    size_t height, width; /* windows: rows and columns of them */
};

static inline size_t window_positions(const struct window *w)
{
    return w->height * w->width;
}
/* Numbers of one window. */
static inline size_t window_n(const struct window *w)
{
    return w->kernel * w->kernel * w->in.channels;
}

/* Where the windows lie. ERR_SPEC at u's place for windows that do not fit. */
int window_place(struct window *w, const struct unit *u, struct shape in, int64_t kernel, int64_t stride,
                 int64_t padding, struct err *e);
/* The map that `channels` numbers for each window make up. ERR_SPEC at u's place above 2^31 - 1. */
int window_output(const struct window *w, const struct unit *u, size_t channels, struct shape *out, struct err *e);

/* The part of window (y, x) that lies on the map: rows [y0, y1) and columns [x0, x1) of it, never empty. */
struct span {
    size_t y0, y1, x0, x1;
};
static inline struct span window_span(const struct window *w, size_t y, size_t x)
{
    const size_t p = w->padding, top = y * w->stride, left = x * w->stride;
    const size_t bottom = top + w->kernel - p, right = left + w->kernel - p; /* padding < kernel */
    return (struct span){ top > p ? top - p : 0, bottom < w->in.height ? bottom : w->in.height, left > p ? left - p : 0,
                          right < w->in.width ? right : w->in.width };
}

/* All windows of `samples` maps, one below the other, with 0 where a window leaves its map. */
void window_gather(const struct window *w, size_t samples, const real *maps, real *rows);
/* The transpose: adds every number of the rows to where it came from. */
void window_scatter(const struct window *w, size_t samples, const real *rows, real *maps);

#endif
