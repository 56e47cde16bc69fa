/* h' = a(W h + b) over the places of a map, the same for every channel: a sample is a matrix (pixels, channels), W
 * (pixels, pixels), b by pixel. The part of a mixer that mixes tokens; no layer of its own. */
#ifndef TPRUN_NET_TOKENS_H
#define TPRUN_NET_TOKENS_H

#include "net/layer.h"

struct tokens_options {
    struct layer_options common;
    struct chosen activation;
};
extern const struct unit_def net_tokens;

#endif
