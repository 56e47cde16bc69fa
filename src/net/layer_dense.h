/* The dense layer's options and its linear half, for feedback layers: dense layers that share a recurrent layer's side input. Such a link's `side`
 * (B, n_out) is that input's share of the pre-activation, and forward adds it. */
#ifndef TPRUN_NET_LAYER_DENSE_H
#define TPRUN_NET_LAYER_DENSE_H

#include "net/layer.h"

struct dense_options {
    struct layer_options common;
    int64_t units;
    int64_t tied;   /* index of the layer whose transpose it is; -1 = none. Read by chain_shape alone. */
    struct chosen activation;
    struct chosen transmit;
};

extern const struct layer_def layer_dense;

/* out = in W^T. */
void dense_linear(const struct layer *l, struct mat in, struct mat out);
/* The bias, or NULL. */
const real *dense_bias(const struct layer *l);

#endif
