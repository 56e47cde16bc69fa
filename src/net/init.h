/* Initialisation of weights and biases: zeros orthogonal uniform xavier normal fan_in_uniform glorot_normal. Draws come
 * from the stream "init.<parameter>" of the trial's seed, so two variants with one seed start from the same weights. */
#ifndef TPRUN_NET_INIT_H
#define TPRUN_NET_INIT_H

#include "base/err.h"
#include "base/part.h"
#include "base/rng.h"
#include "math/mat.h"

struct init_def {
    struct part part;
    /* Fills w: fan_out rows and fan_in columns, of a kernel fan_out over its positions; a bias has one column, and
     * fan_in of the weights that go with it. */
    int (*fill)(const void *opts, struct rng *r, size_t fan_in, size_t fan_out, struct mat w, struct arena *scratch,
                struct err *e);
};
static inline const struct init_def *init_def_of(struct chosen c)
{
    return (const struct init_def *)c.part;
}
extern const struct registry init_registry;

#endif
