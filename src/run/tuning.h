/* Choosing without a look at the test set, as far as it is known before anything is trained: docs/spec.md. */
#ifndef TPRUN_RUN_TUNING_H
#define TPRUN_RUN_TUNING_H

#include "run/plan.h"

/* Checks that the trials of every variant log the metric that the study chooses by, and which end of it is best.
 * Mistakes are added to e. */
void tuning_check(struct plan *p, struct plan_study *s, struct err *e);

#endif
