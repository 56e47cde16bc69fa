/* What `tprun plan` says of the options that stay, or do not, when a part of the algorithm is replaced. */
#ifndef TPRUN_CLI_KEPT_H
#define TPRUN_CLI_KEPT_H

#include "base/text.h"
#include "run/plan.h"

/* Adds a line for each option of a replaced part in this trial, unless `lines` has it. */
void kept_add(struct text *lines, struct plan *p, const struct plan_trial *t);

#endif
