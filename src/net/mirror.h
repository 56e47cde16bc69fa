/* Feedback units: maps back with weights of their own. */
#ifndef TPRUN_NET_MIRROR_H
#define TPRUN_NET_MIRROR_H

#include "net/layer.h"

struct mirror {
    struct layer_options common; /* of every unit made */
    struct chosen activation;    /* {NULL}: that of the unit whose target it yields */
    const struct unit *target;   /* the unit below, whose output it yields; a bias only if that has one for each output */
};
/* An affine map and an activation from any place to any other: what a feedback unit is where it leads past units in
 * between. */
int mirror_affine(struct unit *g, struct shape from, size_t to, const struct mirror *m, struct arena *a, struct err *e);

#endif
