/* Transmission: what a layer sends to the layer above, s = q(h), while its state h and its target stay what they are.
 * Discrete and stochastic networks of Lee 2015, Sec. 3.2 and 3.3: signs or samples travel, values are trained.
 *
 * s, h and the draws are (rows, n). Random numbers are inputs: whoever runs a pass fills them in. */
#ifndef TPRUN_NET_TRANSMIT_H
#define TPRUN_NET_TRANSMIT_H

#include "base/part.h"
#include "math/mat.h"

/* Random numbers that a transmission takes, one for each value. */
enum transmit_draws { DRAWS_NONE, DRAWS_UNIFORM, DRAWS_NORMAL };
/* "uniform", "hidden": their streams and tensors are called noise.<name>.<layer>. */
extern const char *const transmit_draws_names[];

struct transmit_def {
    struct part part;
    int draws;          /* enum transmit_draws */
    bool training_only; /* draws in training passes only */
    /* sent (may be h) from h. training: a pass that weights are trained on, not an evaluation. */
    void (*send)(const void *opts, bool training, struct mat h, struct mat draws, struct mat sent);
    /* Whether ds/dh counts as 1 in training passes; else it is 0. */
    bool (*passes_gradient)(const void *opts);
};
extern const struct registry transmit_registry;
/* Costs nothing: layers that have it send their state's own memory. Such a layer's `transmit` is {NULL}. */
extern const struct transmit_def transmit_identity;

/* +1 or `low` for every value: +1 where it is above 0. in may be out. */
void transmit_signs(struct mat in, real low, struct mat out);

/* The same for a layer's `transmit`; {NULL} is the identity. */
static inline const struct transmit_def *transmit_def_of(struct chosen c)
{
    return (const struct transmit_def *)c.part;
}
static inline int transmit_draws_of(struct chosen c, bool training)
{
    const struct transmit_def *def = transmit_def_of(c);
    return def && (training || !def->training_only) ? def->draws : DRAWS_NONE;
}
static inline bool transmit_passes_gradient(struct chosen c)
{
    const struct transmit_def *def = transmit_def_of(c);
    return !def || def->passes_gradient(c.opts);
}

#endif
