/* The rows of one quantity of one trial, in the order of the step (of the layer, where these run along the axis). */
#ifndef TPRUN_REPORT_SERIES_H
#define TPRUN_REPORT_SERIES_H

#include "report/quantity.h"

struct series {
    size_t n;
    double *at;    /* step or layer */
    double *value; /* NaN where it was not finite; held within +-1e150, whose square is finite */
    /* Zero-initialised by the caller; series_read fills them in. */
    struct arena *a;
    size_t capacity;
};

/* What is larger lies outside of every figure; its square is still finite. */
#define SERIES_HUGE 1e150
double series_hold(double value);
/* trial: the id as text. */
int series_read(struct series *s, struct query *q, struct arena *a, const char *trial, const struct quantity *what,
                struct err *e);
/* mean[i], sd[i] of the finite ones among the `rolling` values that end with i; fewer at the beginning. NaN where
 * value[i] is; sd is 0 of one value. Arrays of n. */
void series_roll(const struct series *s, size_t rolling, double *mean, double *sd);
/* mean[i] of the finite ones among all values up to i, the j-th before it with the weight smooth^j; 0 < smooth < 1. */
void series_smooth(const struct series *s, double smooth, double *mean);

#endif
