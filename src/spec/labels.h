/* Inside of the room: `labels:`, what figures call variants, swept keys and metrics. */
#ifndef TPRUN_SPEC_LABELS_H
#define TPRUN_SPEC_LABELS_H

#include "spec/study.h"

/* Checks the map (NULL = none), once variants and sweep are known; mistakes are added to e. What it says stays in the
 * specification's text, where the figures find it. */
void labels_read(struct study *s, const struct node *map, struct err *e);
/* A metric that no trial of this form can log is a mistake. */
void labels_check_metrics(const struct study *s, const struct study_form *form, struct err *e);

#endif
