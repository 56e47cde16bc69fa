/* Trials that the command line makes beside those of the file. */
#ifndef TPRUN_RUN_ONE_OFF_H
#define TPRUN_RUN_ONE_OFF_H

#include "run/plan.h"

/* Sets s->one_off and s->makes_trials. Seeds and budgets choose among the trials of the file, unless another key of a
 * trial follows from them (${train.iterations}); any other key makes trials of their own, or is kept from the study. */
void one_off_find(struct plan *p, struct plan_study *s);

#endif
