/* Two variants, paired by seed. Equal seeds see the same data, initial weights and noise, so their differences vary
 * less than either side. docs/compare.md says what each number is. */
#ifndef TPRUN_REPORT_COMPARE_H
#define TPRUN_REPORT_COMPARE_H

#include "store/query.h"
#include <stddef.h>

struct compare_side {
    const char *study, *variant;
};
/* The same two variants of each study. */
struct compare_study {
    struct compare_side a, b;
};

/* Which value of a trial. */
enum compare_at {
    COMPARE_LAST,
    COMPARE_BEST,
    COMPARE_SELECTED, /* at the step with the highest valid_accuracy */
    COMPARE_STEP
};

struct compare_options {
    const char *metric; /* NULL: the main one of A's first study */
    const char *cost;   /* to a target, a column of view `targets`, instead of a value; NULL: a value */
    const char *cell;   /* only cells that contain it; NULL: all */
    bool has_layer, quiet, pairs /* a row for each of them, not for each cell */;
    int64_t layer;
    enum compare_at at;
    int64_t step; /* of COMPARE_STEP */
    enum query_format format;
};

/* A row for each cell, and of several studies what they say together. Trials are paired that have the same cell and
 * seed; by seed alone if each side has one cell. Errors: ERR_USAGE for a name that is not there, or no common seed. */
int compare_write(FILE *out, struct query *q, const struct compare_study *studies, size_t n,
                  const struct compare_options *o, struct err *e);

#endif
