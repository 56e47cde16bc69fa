/* Means and bands over seeds, from the rows as they are now: also of a study that is still running. */
#ifndef TPRUN_REPORT_CURVES_H
#define TPRUN_REPORT_CURVES_H

#include "report/quantity.h"

/* One step (or layer). low and high bound the band: mean -+ sd from three values on, min and max of two; of a group of
 * one trial, mean -+ sd of its rolling window; else NaN. */
struct curve_point {
    double step, mean, low, high;
    size_t n; /* trials that have a finite value */
};

/* Where a trial left the finite or permitted range: its last finite point. */
struct curve_end {
    double step, value;
};

struct curve {
    const struct group *group;
    size_t n_points, n_ends;
    struct curve_point *points; /* by step */
    struct curve_end *ends;
    /* What an axis should show: the values of trials that went well, and what the others began with. */
    bool has_range;
    double low, high;
};

/* One curve for each group of the study. A step is left out where a trial has no row although it has later ones: means
 * are over the same trials until one ends. rolling > 1: every trial's values become means over its last `rolling` ones
 * first. */
int curves_read(struct curve **curves, const struct subject *s, struct query *q, struct arena *a,
                const struct quantity *what, size_t rolling, struct err *e);

#endif
