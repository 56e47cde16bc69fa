/* Feedback units: maps back with weights of their own. They take the activation of the unit whose target they yield, on
 * what they yield (Lee 2015), or that of the unit which they lead back through, on what they read (Ernoult 2022; Bao
 * 2024).
 */
#ifndef TPRUN_NET_MIRROR_H
#define TPRUN_NET_MIRROR_H

#include "net/layer.h"

struct mirror {
    struct layer_options common; /* of every unit made */
    struct chosen activation;    /* {NULL}: that of the unit whose target it yields */
    const struct unit *target;   /* the unit below, whose output it yields; a bias only if that has one for each output;
                                    {NULL}: of none, without an activation and with a bias as common says */
    bool argument;               /* the mirrored unit's activation on the argument; target is NULL then */
};
/* An affine map and an activation from any place to any other: what a feedback unit is where it leads past units in
 * between. */
int mirror_affine(struct unit *g, struct shape from, size_t to, const struct mirror *m, struct arena *a, struct err *e);

/* The same, and its values normalised over the minibatch as those of `like` are laid out. Shibuya 2023, code. */
int mirror_normed(struct unit *g, struct shape from, struct shape like, const struct mirror *m, struct arena *a,
                  struct err *e);

/* Whether a feedback unit is a linear map without weights that is the same in every pass. */
bool mirror_is_constant(const struct unit *g);

/* Whether it reads what the pass through the mirrored unit has kept, and so needs that unit's own applications. */
bool mirror_reads_pass(const struct unit *g);

/* ---- for the kinds that have a mirror ---- */

struct layer_options mirror_common(const struct mirror *m);
/* Of what a feedback unit yields. */
struct act mirror_act(const struct mirror *m);
/* The application of the mirrored unit that belongs to one of its mirror. */
struct at mirrored(struct at at);

typedef int mirror_shape(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e);
/* Shapes g by `shape`, behind an activation. */
int mirror_behind(const struct unit *u, struct act act, struct unit *g, const struct mirror *m, mirror_shape *shape,
                  struct arena *a, struct err *e);
/* The same behind u's activation if it is to be on the argument. */
int mirror_behind_act(const struct unit *u, struct unit *g, const struct mirror *m, mirror_shape *shape,
                      struct arena *a, struct err *e);
/* An activation as a unit, on what u gives. */
int mirror_activation(const struct unit *u, struct act act, struct unit *g, const struct mirror *m, struct arena *a,
                      struct err *e);
/* The transpose of a linear u without weights. */
int mirror_transpose(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e);
/* The mirrors of a block's layers, in reversed order; names as in block_gather. */
int mirror_layers(const struct unit *u, struct unit *g, const struct mirror *m, const char *const *names,
                  struct arena *a, struct err *e);

#endif
