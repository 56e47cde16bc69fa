/* Targets that no trial of a study can reach, as far as it is known before anything is trained: docs/spec.md. */
#ifndef TPRUN_RUN_TARGETS_H
#define TPRUN_RUN_TARGETS_H

#include "run/plan.h"

/* Checks that some trial can log the metric of each target; mistakes are added to e. */
void targets_check(struct plan *p, struct plan_study *s, struct err *e);

#endif
