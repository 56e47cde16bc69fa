/* One side of a comparison: a value of each trial, or why it has none. */
#ifndef TPRUN_REPORT_COMPARE_VALUES_H
#define TPRUN_REPORT_COMPARE_VALUES_H

#include "base/arena.h"
#include "report/compare.h"

/* What is compared. */
struct compare_what {
    const char *metric, *unit;
    bool of_layer, of_target;
    int64_t layer;
    double target; /* what the metric is to reach */
};

enum compare_end {
    COMPARE_FINISHED, /* has a value */
    COMPARE_DIVERGED,
    COMPARE_FAILED,
    COMPARE_UNFINISHED,
    COMPARE_WITHOUT,    /* done, without a finite value */
    COMPARE_UNREACHED,  /* done, and the target was not reached */
    COMPARE_OUTDATED,   /* see view outcomes */
    COMPARE_MISMATCHED, /* of a pair: they read different bytes, or were computed by different numerics */
    COMPARE_ENDS
};

struct compare_value {
    const char *cell, *inputs; /* inputs: "" for none */
    int64_t seed, numerics;
    enum compare_end end;
    double value; /* of COMPARE_FINISHED */
    /* see shorter.h, and view outcomes; false and 0 of a value at a step, or of a cost: these do not follow from the
     * length */
    bool shorter;
    int64_t length;
    bool partial; /* its metric was logged in part, and has no such value: see store/partial.h */
};

struct compare_values {
    size_t n, capacity;
    struct compare_value *items; /* cell by cell, in the order of the file */
    bool one_cell;
    struct arena *a;
    const char *chosen; /* only cells that have this text; NULL: all */
    bool at_once;       /* see compare_values_read */
};

/* The current trials of one variant. A value at a step, and the cost to a target, count as soon as they are there, any
 * other when the trial is done. */
int compare_values_read(struct compare_values *v, struct query *q, struct arena *a, struct compare_side side,
                        const struct compare_what *what, const struct compare_options *o, struct err *e);

#endif
