/* Convolutions: h' = a(W * h + b), the kernel [out, in, height, width] slid over the map (a cross-correlation, zeros
 * around it). What the layers conv and patches share.
 *
 * A chunk of images at a time, windows become rows and the convolution a product with the kernel as a matrix [out,
 * height * width * in]. The number of images in a chunk follows from the shapes alone, since the bits of the kernel's
 * gradient depend on it. */
#ifndef TPRUN_NET_CONV_H
#define TPRUN_NET_CONV_H

#include "net/mirror.h"
#include "net/window.h"

struct conv_options {
    struct layer_options common;
    int64_t channels, kernel, padding;
    int64_t stride; /* 0: the kernel's size */
    struct chosen activation;
};

struct conv_state {
    struct window window;
    size_t chunk;      /* images */
    bool direct;       /* a window is one pixel: the map is its own rows */
    struct mat w;      /* (channels, window_n); of direct ones and single channels it is the parameter itself */
    struct mat packed; /* the memory of w, {NULL} if it has none of its own */
    struct mat dw;     /* the gradient in w's order; {NULL} with packed */
    const real *bias;  /* or NULL */
    real *rows;        /* of a chunk's windows; NULL if direct */
    real *scratch;     /* of a chunk's outputs */
};

/* The products of a unit (unit.h) with opts struct conv_options and state struct conv_state. */
int conv_shape(struct unit *u, struct shape in, struct arena *a, struct err *e);
int conv_open(struct unit *u, size_t rows, struct arena *a, struct err *e);
void conv_refresh(struct unit *u);
void conv_forward(const struct unit *u, struct at at);
void conv_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh);
void conv_jvp(const struct unit *u, struct at at, struct mat v, struct mat out);
void conv_difference(const struct unit *u, struct at at, struct mat d, struct mat out);
void conv_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s, real scale,
                           real *g);
void conv_grads(const struct unit *u, struct at at, real scale, real *g);
int conv_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e);
/* What a convolution and its mirror share: the kernel as a parameter [out, in, kernel, kernel], and their state, of
 * which the window and `direct` are set; scratch_n numbers an image. */
void conv_add_weight(struct unit *u, size_t out, size_t in, size_t kernel);
int conv_open_state(struct unit *u, size_t scratch_n, size_t rows, struct arena *a, struct err *e);
/* Where a gradient of the kernel is added up, in the order of struct conv_state's w: dw, or g itself; and into g. */
struct mat conv_gradient_begin(const struct unit *u, real *g);
void conv_gradient_end(const struct unit *u, real *g);
extern const struct transpose_def conv_transpose;
double conv_flops(const struct unit *u, size_t rows, double *product);

#define CONV_PRODUCTS                                                                                                  \
    .open = conv_open, .refresh = conv_refresh, .forward = conv_forward, .vjp = conv_vjp, .grads = conv_grads,         \
    .flops = conv_flops, .jvp = conv_jvp, .difference = conv_difference, .difference_grads = conv_difference_grads,    \
    .transpose = &conv_transpose

#endif
