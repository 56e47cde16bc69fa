/* The table of a study that tunes. */
#ifndef TPRUN_CLI_TUNED_H
#define TPRUN_CLI_TUNED_H

#include "base/err.h"
#include "run/plan.h"
#include "store/query.h"
#include <stdbool.h>

/* Prints what was chosen by validation, and what it reaches on the test set with fresh seeds. tunes: whether the study
 * does at all; if not, nothing is printed. */
int tuned_print(struct query *q, const char *study, bool *tunes, struct err *e);
/* Notes on standard error of the studies (NULL: all) whose chosen cells are not trained with all fresh seeds: a shard,
 * or a database of merged shards, of which `run` has to do the rest. */
int tuned_tell_left(struct query *q, const char *db, const char *study, struct err *e);
/* Notes of studies that tune: what shards leave to a later run. */
void tuned_tell_of_shards(const struct plan *p);

#endif
