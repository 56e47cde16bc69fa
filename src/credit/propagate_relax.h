/* Between the rule `relax`, which runs through time, and the feedback loss `settle`, which learns at every moment of
 * it. */
#ifndef TPRUN_CREDIT_PROPAGATE_RELAX_H
#define TPRUN_CREDIT_PROPAGATE_RELAX_H

#include "credit/credit.h"

/* Steps at gamma < 1; and those of them at which it is not 0, so that targets are not what the mapping gives. */
size_t relax_steps(const struct credit *c);
size_t relax_steps_apart(const struct credit *c);
/* Whether the feedback loss is `settle`. */
bool fbloss_settles(const struct credit *c);
/* Gradients of one run: begin, any number of moments of any link, end. */
void fbloss_settle_begin(struct credit *c);
/* The unit that yields link k reads the state plus u and gives the state plus q; its target is the state plus d. As
 * often as `times` says. */
void fbloss_settle_add(struct credit *c, struct pass *p, size_t k, struct mat u, struct mat q, struct mat d,
                       double times);
void fbloss_settle_end(struct credit *c);

#endif
