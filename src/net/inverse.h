/* The regularized inverse of a unit, Roulet & Harchaoui 2022, Sec. 2.1: its options, and what a kind that has one
 * provides (CAN_INVERT). */
#ifndef TPRUN_NET_INVERSE_H
#define TPRUN_NET_INVERSE_H

#include "net/unit.h"

enum gates { GATES_MATCHED, GATES_RELEASED };
/* The last one is what the mapping 'pinv' asks for: W^+, or W^T (W W^T + r I)^-1. */
enum inverted_matrix { INVERT_WEIGHTS, INVERT_TWO_EYE_MINUS_W, INVERT_PSEUDO };
struct inverse_options {
    double regularization, clamp;
    int matrix; /* W, or 2 I - W with r = 0, its inverse's first-order guess near the identity (released code's
                   optim_variant) */
    int gates;  /* gru: the rule of the forward cell, or the released code's with z and 1 - z exchanged */
};

struct inverse_def {
    /* Memory, in u->arena; may be called again. */
    int (*open)(struct unit *u, const struct inverse_options *o, struct err *e);
    /* Factorizes, once per minibatch. */
    int (*refresh)(struct unit *u, const struct inverse_options *o, struct err *e);
    /* out = finv(v), a value of h from a value v of h'. This and difference are NULL where only the linearized inverse
     * is defined (gru). */
    void (*apply)(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o, struct mat out);
    /* out = finv(h' + d) - finv(h'), without cancellation. */
    void (*difference)(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                       struct mat out);
    /* out = (derivative of finv at h') d. */
    void (*jvp)(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o, struct mat out);
    bool exact; /* the unit can be run backwards, whatever its weights; reads no options */
};

/* Of layers in a chain: theirs, from the last to the first, each at what the one above it gives of h'. */
extern const struct inverse_def inverse_of_block;

#endif
