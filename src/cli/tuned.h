/* The table of a study that tunes. */
#ifndef TPRUN_CLI_TUNED_H
#define TPRUN_CLI_TUNED_H

#include "base/err.h"
#include "store/query.h"
#include <stdbool.h>

/* Prints what was chosen by validation, and what it reaches on the test set with fresh seeds. tunes: whether the study
 * does at all; if not, nothing is printed. */
int tuned_print(struct query *q, const char *study, bool *tunes, struct err *e);

#endif
