/* Names that an experiment file gives to variants, keys and metrics for its figures: its key `labels`, from the
 * specification that the database keeps. */
#ifndef TPRUN_REPORT_LABELS_H
#define TPRUN_REPORT_LABELS_H

#include "base/arena.h"
#include "store/query.h"

struct label {
    const char *kind; /* "variants", "keys" or "metrics" */
    const char *name, *shown;
};
struct labels {
    size_t n;
    struct label *items;
};

int labels_load(struct labels *l, struct query *q, struct arena *a, const char *study, struct err *e);
/* NULL if the file gives none. A key may be named by its end: "units" for "network.layers.0.rnn.units". */
const char *labels_find(const struct labels *l, const char *kind, const char *name);

#endif
