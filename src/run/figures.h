/* Figures that no trial of a study can be drawn in, as far as it is known before anything is trained: docs/spec.md. */
#ifndef TPRUN_RUN_FIGURES_H
#define TPRUN_RUN_FIGURES_H

#include "run/plan.h"

/* Checks that some trial logs the metric of each figure, has its layer, and is of a cell that it shows; mistakes are
 * added to e. A profile or the command line may train and log less than the file's figures show, which is no mistake:
 * the report says what it does not draw. */
void figures_check_trials(struct plan *p, struct plan_study *s, struct err *e);

#endif
