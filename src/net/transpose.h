/* The analytic feedback G of a unit whose derivative is the transposed derivative of the unit: nothing of it is
 * trained. Bao 2024, TJML-DTP.
 *
 * Of a layer h' = a(A h + b) it is G(t) = A^T z(t), z the feedback of the activation; of a block the layers' own in
 * reversed order, with a skip t is added. Biases are in none: they cancel in differences. */
#ifndef TPRUN_NET_TRANSPOSE_H
#define TPRUN_NET_TRANSPOSE_H

#include "net/unit.h"

/* z(t): the function whose derivative at t = a(u) is a'(u); a(a'(u) t); or a'(u) t, u of the forward pass. */
enum transposed_activation { TRANSPOSE_ZETA, TRANSPOSE_HADAMARD, TRANSPOSE_JACOBIAN };

/* What a kind provides (CAN_TRANSPOSE). */
struct transpose_def {
    /* out = A^T t, with what the application kept of its forward pass. NULL: a block, whose layers have theirs. */
    void (*back)(const struct unit *u, struct at at, struct mat t, struct mat out);
    /* Whether the activation of the layer below, in the same block, comes before `back`. NULL: it does not. */
    bool (*after_activation)(const struct unit *u);
};
extern const struct transpose_def transpose_of_block;

/* ERR_SPEC at u's place where it has no such feedback. */
int transpose_check(const struct unit *u, int activation, const char *who, struct err *e);
/* Once the unit is open: room for what follows. */
int transpose_open(struct unit *u, struct arena *a, struct err *e);
/* out = G(t). at: opened with AT_GRADIENTS; at.delta is used up. */
void transpose_apply(const struct unit *u, struct at at, int activation, struct mat t, struct mat out);
/* out = G(t + d) - G(t) without cancellation. Where the rest of the way is linear it is gone once. */
void transpose_difference(const struct unit *u, struct at at, int activation, struct mat t, struct mat d,
                          struct mat out);

/* Floating-point operations of the latter: one product with every weight matrix, and another one with those of a block
 * above an activation that bends, where the value that it moves from is needed. */
double transpose_product(const struct unit *u, int activation, size_t rows);

#endif
