/* Inside of the room: `claims:`, what the source reports and how it is measured. */
#ifndef TPRUN_SPEC_CLAIMS_H
#define TPRUN_SPEC_CLAIMS_H

#include "spec/study.h"

/* Reads the list (NULL = none) into s; mistakes are added to e. What variants, metrics and cells there are is known
 * later: run/claims.h. */
void claims_read(struct study *s, const struct node *list, struct err *e);

#endif
