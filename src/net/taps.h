/* The linear map of a convolution without its windows as rows: a row of the output is a sum over the pixels of the
 * kernel (the taps) of products of a row of the map with the part of the kernel there, kept in registers over all of
 * them. Of the map only a copy with its border of zeros is made. It wins where the kernel's parts are small, and moves
 * one pixel at a time. */
#ifndef TPRUN_NET_TAPS_H
#define TPRUN_NET_TAPS_H

#include "math/product_sum.h"
#include "net/window.h"

/* A map with zeros around it. */
struct framed {
    struct shape map;
    size_t border;
    real *room; /* NULL where there is no border */
};

struct taps {
    struct window window;
    size_t out; /* channels of the output */
    struct product_sum forward, back, gradient;
    struct framed below, above;               /* the map, and the output around which `back` reads */
    product_place *up, *down;                 /* of each tap, in the framed map and in the framed output */
    product_place *kernel;                    /* and in w and w_back */
    product_place *lines_below, *lines_above; /* of each row of the framed map, and of the output */
    struct mat w, w_back;                     /* (taps * in, out), (taps * out, in) */
    struct mat part, total;                   /* the gradient of some images and of all, as w */
};

/* Whether a convolution with these windows and `out` channels goes by taps: of the shapes and the build alone. */
bool taps_fit(const struct window *w, size_t out);
int taps_open(struct taps *t, const struct window *w, size_t out, struct arena *a, struct err *e);
/* The kernel as its parameter lies, (out, in * taps). */
void taps_refresh(struct taps *t, struct mat weight);
/* For n images: out += W * maps, and maps += W^T * signal. */
void taps_add(const struct taps *t, size_t n, const real *maps, real *out);
void taps_add_back(const struct taps *t, size_t n, const real *signal, real *maps);
/* g, as the parameter lies, += scale * the gradient of <signal, W * maps>. */
void taps_add_gradient(const struct taps *t, size_t n, const real *maps, const real *signal, real scale, struct mat g);

#endif
