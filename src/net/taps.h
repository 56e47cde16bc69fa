/* The linear map of a convolution without its windows as rows: a row of the output is a sum over the pixels of the
 * kernel (the taps) of products of a row of the map with the part of the kernel there, kept in registers over all of
 * them. Of the map only a copy with its border of zeros is made. It wins where the kernel's parts are small, and moves
 * one pixel at a time. */
#ifndef TPRUN_NET_TAPS_H
#define TPRUN_NET_TAPS_H

#include "math/product_sum.h"
#include "net/window.h"

/* Maps with zeros around them, one for each slot. */
struct framed {
    struct shape map;
    size_t border;
    real *room; /* NULL where there is no border */
};

/* Images that are worked on at once: by as many threads at most. */
enum { TAPS_MOST_SLOTS = 16 };

struct taps {
    struct window window;
    size_t out;   /* channels of the output */
    size_t slots; /* images at once: of the shapes alone */
    struct product_sum forward, back, gradient;
    struct framed below, above;               /* the map, and the output around which `back` reads */
    product_place *up, *down;                 /* of each tap, in the framed map and in the framed output */
    product_place *kernel;                    /* and in w and w_back */
    product_place *lines_below, *lines_above; /* of each row of the framed map, and of the output */
    struct mat w, w_back;                     /* (taps * in, out), (taps * out, in) */
    struct mat parts, total; /* the gradient of some images for each slot, one below the other, and of all, as w */
};

/* Whether a convolution with these windows and `out` channels goes by taps: of the shapes and the build alone. */
bool taps_fit(const struct window *w, size_t out);
/* For passes over `images` images. */
int taps_open(struct taps *t, const struct window *w, size_t out, size_t images, struct arena *a, struct err *e);
/* The kernel as its parameter lies, (out, in * taps). */
void taps_refresh(struct taps *t, struct mat weight);
/* For n images: out += W * maps, and maps += W^T * signal. In a slot that nobody else uses at the time. */
void taps_add(const struct taps *t, size_t slot, size_t n, const real *maps, real *out);
void taps_add_back(const struct taps *t, size_t slot, size_t n, const real *signal, real *maps);
/* g, as the parameter lies, += scale * the gradient of <signal, W * maps>. In all slots, by the team. */
void taps_add_gradient(const struct taps *t, size_t n, const real *maps, const real *signal, real scale, struct mat g);

#endif
