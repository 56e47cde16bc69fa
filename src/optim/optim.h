/* Optimizers: flat vectors of weights w, update directions g, and stepsize factors; they have never heard of layers.
 *
 * theta <- theta - stepsize * factor * direction(g). State is `part.state_size` bytes plus `n_slots` vectors of n
 * reals, zero at start; it is saved and restored as it is, so an optimizer holds nothing else. */
#ifndef TPRUN_OPTIM_OPTIM_H
#define TPRUN_OPTIM_OPTIM_H

#include "math/real.h"
#include "optim/schedule.h"

/* First in every optimizer's options. A step takes the stepsize as it stands there: who trains keeps a copy for each
 * schedule and sets it as time goes on. */
struct optim_common {
    double stepsize;
    struct chosen schedule; /* NULL part: constant */
};

struct optim_def {
    struct part part;
    size_t n_slots; /* vectors of state */
    /* One step on w[0..n). factor (n entries, or NULL for 1) multiplies the stepsize of each weight. slots: n_slots * n
     * reals, slot after slot. t counts steps from 1. No allocation. A weight whose direction is not finite becomes so
     * too, whatever the rule makes of a direction: a trial that diverges must show it. */
    void (*step)(const void *opts, int64_t t, size_t n, real *w, const real *g, const real *factor, real *slots);
};
static inline const struct optim_def *optim_def_of(struct chosen c)
{
    return (const struct optim_def *)c.part;
}

extern const struct registry optim_registry;

#endif
