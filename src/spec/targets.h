/* Inside of the room: `targets:`, values of metrics whose cost is asked for. */
#ifndef TPRUN_SPEC_TARGETS_H
#define TPRUN_SPEC_TARGETS_H

#include "spec/study.h"

extern const struct option target_options[]; /* of one of them */

/* Reads the list (NULL = none) into s; mistakes are added to e. */
void targets_read(struct study *s, const struct node *list, struct err *e);
/* A metric that no trial of this form can log, or that cannot be reached, is a mistake. */
void targets_check_metrics(const struct study *s, const struct study_form *form, struct err *e);

#endif
