/* Inside of the room: `figures:`, what a report draws of the study. */
#ifndef TPRUN_SPEC_FIGURES_H
#define TPRUN_SPEC_FIGURES_H

#include "spec/study.h"

enum { FIGURE_MAX_WINNERS = 7 }; /* variants in one map of winners: as many as there are colours */

extern const struct option figure_options[]; /* of one of them */

/* Reads the list (NULL = none) into s, after its variants; mistakes are added to e. */
void figures_read(struct study *s, const struct node *list, struct err *e);
/* A metric that no trial of this form can log is a mistake, and so are layers of one that has none, and axes that are
 * not swept, once the sweep is known. */
void figures_check(const struct study *s, const struct study_form *form, struct err *e);

#endif
