/* Jacobians of a feed-forward chain's output, per sample: for every link i below link `last`,
 *   J_i = d h_last / d h_i  (C x n_i),   S_i = d h_last / d a_i  (C x n_i), a_i the pre-activation of link i,   C =
 * n_out of link `last`, by C reverse passes with the unit vectors as seeds. Meulemans 2020, Sec. 3. Memory comes from
 * the arena at open. */
#ifndef TPRUN_CREDIT_JACOBIAN_H
#define TPRUN_CREDIT_JACOBIAN_H

#include "net/chain.h"

struct jacobian {
    const struct chain *chain;
    size_t last, rows, outputs; /* B, C */
    struct mat seed;            /* (B, C) */
    /* (C * B, n_i), rows c * B .. c * B + B - 1 being row c of every sample's matrix: what one reverse pass writes. Row
     * c of sample b is row c * B + b. */
    struct mat *state;  /* [last]: J_i */
    struct mat *signal; /* [last + 1]: S_i; NULL if not asked for */
};
/* ERR_SPEC, at the layer's place, if a layer up to `last` is recurrent; `who` begins the message. */
int jacobian_check(const struct chain *chain, size_t last, const char *who, struct err *e);
int jacobian_open(struct jacobian *j, const struct chain *chain, size_t last, size_t rows, bool signals,
                  struct arena *a, struct err *e);
/* At the states of a forward pass; overwrites the deltas of its links. */
void jacobian_take(struct jacobian *j, struct pass *p);

#endif
