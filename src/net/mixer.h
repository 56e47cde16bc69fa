/* The two halves of a mixer without their skip, as blocks: what the mixer's layers and the coupling are made of. */
#ifndef TPRUN_NET_MIXER_H
#define TPRUN_NET_MIXER_H

#include "net/block.h"

struct mixer_options {
    struct layer_options common;
    int64_t hidden;
    struct chosen activation;
};
/* clang-format off */
#define MIXER_ACTIVATION                                                                                               \
    { "activation", OPT_PART, offsetof(struct mixer_options, activation), "leaky_relu", .flags = OPTION_PLAIN,         \
      .registry = &act_registry, .help = "activation behind the (first) affine map", .elsewhere = layer_no_activations }
#define MIXER_HIDDEN                                                                                                   \
    { "hidden", OPT_INT, offsetof(struct mixer_options, hidden), NULL, 1, 1e6, OPTION_REQUIRED,                        \
      "numbers for a pixel between the two affine maps over channels" }
/* clang-format on */

/* Shapes g as a(W N(h) + b) over the pixels, or as W2 a(W1 N(h) + b1) + b2 over the channels, N layer_norm;
 * skip: with h added. */
int mixer_spatial(struct unit *g, const struct mixer_options *o, bool skip, struct shape in, struct arena *a,
                  struct err *e);
int mixer_channel(struct unit *g, const struct mixer_options *o, bool skip, struct shape in, struct arena *a,
                  struct err *e);

#endif
