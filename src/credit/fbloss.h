/* What the feedback losses share. */
#ifndef TPRUN_CREDIT_FBLOSS_H
#define TPRUN_CREDIT_FBLOSS_H

#include "credit/credit.h"
#include "credit/feedback_signs.h"

extern const struct option fbloss_options_table[];

/* The forward layer that feedback f leads back through, on inputs of its own: out from in, over the whole stack. */
struct link fbloss_forward(const struct credit *c, const struct pass *p, const struct feedback *f, struct mat in, real *out, real *delta);
/* to += noise * draws of this step, if there is any. */
void fbloss_add_noise(const struct credit *c, const struct feedback *f, struct mat to);
/* error -> loss of f, and error becomes its gradient. */
void fbloss_reduce(const struct credit *c, struct feedback *f, struct mat error);

#endif
