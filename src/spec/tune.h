/* Inside of the room: `tune:`, how a cell of the sweep is chosen without a look at the test set. */
#ifndef TPRUN_SPEC_TUNE_H
#define TPRUN_SPEC_TUNE_H

#include "spec/study.h"

/* Reads the map (NULL = none) into s, which has its seeds and its sweep; mistakes are added to e. Whether trials log
 * the metric is known later: run/tuning.h. */
void tune_read(struct study *s, const struct node *map, struct err *e);

#endif
