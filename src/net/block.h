/* Units of several layers. They are one link of the chain; between the layers only states, gradients and displacements
 * pass. What all kinds of them share: their layers lie in u->inner, and u->joined says how they go together. */
#ifndef TPRUN_NET_BLOCK_H
#define TPRUN_NET_BLOCK_H

#include "net/layer.h"

struct block_state {
    size_t rows;
    size_t widest;   /* of what passes between two layers */
    real *work[2];   /* (rows, widest): what passes there, one after the other; of two layers both are one */
    real *beside[2]; /* as work, for what goes beside it; NULL without block_open_beside */
};

/* Room for n layers, with the unit's place. */
int block_layers(struct unit *u, size_t n, struct arena *a, struct err *e);
/* Once they have their shapes: the unit's, its abilities, and their parameters one after the other, of which each layer
 * keeps its slice. Parameters are named by their layer's number, or by names[j], "fc1." or "". */
int block_gather(struct unit *u, const char *const *names, struct arena *a, struct err *e);
/* The application of layer j that belongs to `at`. */
struct at block_at(const struct unit *u, struct at at, size_t j);
/* Calls `part` for parts of a stack that the buffers hold. */
void block_in_parts(const struct unit *u, struct at at, struct mat from, struct mat to,
                    void (*part)(const struct unit *u, struct at at, struct mat from, struct mat to));

/* The products of a unit (unit.h) whose state begins with a struct block_state. */
int block_open(struct unit *u, size_t rows, struct arena *a, struct err *e);
/* For block_difference_grads and the like, of this block and those inside of it; no block: nothing. apart: work has two
 * matrices even of two layers. */
int block_open_beside(struct unit *u, bool apart, struct arena *a, struct err *e);
void block_refresh(struct unit *u);
void block_forward(const struct unit *u, struct at at);
void block_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh);
void block_jvp(const struct unit *u, struct at at, struct mat v, struct mat out);
void block_difference(const struct unit *u, struct at at, struct mat d, struct mat out);
void block_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                            real scale, real *g);
void block_grads(const struct unit *u, struct at at, real scale, real *g);
/* Those of the last layer, where it alone has parameters. */
void block_input_squares(const struct unit *u, struct at at, double *squares);
double block_flops(const struct unit *u, size_t rows, double *product);

#endif
