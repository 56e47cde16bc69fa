/* Convolutions: h' = a(W * h + b), the kernel [out, in, height, width] slid over the map (a cross-correlation, zeros
 * around it). What the layers conv and patches share.
 *
 * W goes a chunk of images at a time: by taps (taps.h) where they fit, else windows become rows and the convolution a
 * product with the kernel as a matrix [out, height * width * in]. The way and the number of images in a chunk follow
 * from the shapes alone, since bits depend on them. */
#ifndef TPRUN_NET_CONV_H
#define TPRUN_NET_CONV_H

#include "base/team.h"
#include "net/mirror.h"
#include "net/taps.h"

struct conv_options {
    struct layer_options common;
    int64_t channels, kernel, padding;
    int64_t stride; /* 0: the kernel's size */
    struct chosen activation;
};

struct conv_state {
    struct window window;
    size_t chunk; /* images */
    size_t slots; /* chunks that are worked on at once; 1 where windows become rows, whose products are cut instead */
    bool direct;  /* a window is one pixel: the map is its own rows */
    bool by_taps; /* and not by what follows up to rows */
    struct taps taps;
    struct mat w;      /* (channels, window_n); of direct ones and single channels it is the parameter itself */
    struct mat packed; /* the memory of w, {NULL} if it has none of its own */
    struct mat dw;     /* the gradient in w's order; {NULL} with packed */
    real *rows;        /* of a chunk's windows; NULL if direct */
    const real *bias;  /* or NULL */
    real *scratch;     /* of a chunk's outputs, for each slot scratch_n */
    size_t scratch_n;
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
/* What a convolution and its mirror share (conv_kernel.c): the kernel as a parameter [out, in, kernel, kernel], and
 * their state, of which the window and `direct` are set; scratch_n numbers an image. */
void conv_add_weight(struct unit *u, size_t out, size_t in, size_t kernel);
int conv_open_state(struct unit *u, size_t scratch_n, size_t rows, struct arena *a, struct err *e);
/* Cuts so many images for a team; the part is the slot. */
void conv_run(const struct conv_state *s, size_t images, team_part *part, void *work);
/* For images [from, from + n) of all maps, at most a chunk: out += W * maps, and out += W^T * signal. out begins with
 * the first of them. */
void conv_add(const struct conv_state *s, size_t slot, struct mat maps, size_t from, size_t n, struct mat out);
void conv_add_back(const struct conv_state *s, size_t slot, struct mat signal, size_t from, size_t n, struct mat out);
typedef void conv_product(const struct conv_state *s, size_t slot, struct mat from, size_t first, size_t n,
                          struct mat out);
/* out = the product of all images of `in`: by conv_add or conv_add_back. */
void conv_apply(const struct conv_state *s, conv_product *product, struct mat in, struct mat out);
/* What is done with some of the images of a pass. */
struct conv_images {
    const struct unit *u;
    struct at at;
    struct mat a, b;
};
static inline size_t conv_chunk(const struct conv_state *s, size_t from, size_t to)
{
    return to - from < s->chunk ? to - from : s->chunk;
}
/* g += scale * the kernel's gradient of <signal, W * maps>, over all images. */
void conv_add_gradient(const struct unit *u, struct mat maps, struct mat signal, real scale, real *g);
extern const struct transpose_def conv_transpose;
double conv_flops(const struct unit *u, size_t rows, double *product);

#define CONV_PRODUCTS                                                                                                  \
    .open = conv_open, .refresh = conv_refresh, .forward = conv_forward, .vjp = conv_vjp, .grads = conv_grads,         \
    .flops = conv_flops, .jvp = conv_jvp, .difference = conv_difference, .difference_grads = conv_difference_grads,    \
    .transpose = &conv_transpose

#endif
