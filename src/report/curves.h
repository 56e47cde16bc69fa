/* Means and bands over seeds, from the rows as they are now: also of a study that is still running. */
#ifndef TPRUN_REPORT_CURVES_H
#define TPRUN_REPORT_CURVES_H

#include "report/quantity.h"

enum curve_band { BAND_SD, BAND_CI95, BAND_QUARTILES, BAND_MINMAX, BAND_NONE };
extern const char *const curve_bands[]; /* their names, closed by NULL */
/* What a reader is told of it, of up to so many values at a point; "" for none. */
const char *curve_band_words(enum curve_band band, size_t most, bool geometric);

/* What runs along the axis. What a step took, and how many samples it had seen, is a mean over the group's trials. */
enum curve_along { ALONG_STEP, ALONG_EPOCH, ALONG_SAMPLES, ALONG_SECONDS, ALONG_FLOPS };
extern const char *const curve_alongs[];

struct curve_options {
    size_t rolling; /* > 1: every trial's values become means over its last so many first */
    double smooth;  /* > 0: or the exponential mean, in which each older value has `smooth` times the weight */
    enum curve_band band;
    bool geometric; /* means of logarithms, of the positive values; not of quartiles */
    enum curve_along along;
};

/* One step (or layer). low and high bound the band over the seeds:
 *   BAND_SD         mean -+ sd from three values on, min and max of two; of a group of one trial, mean -+ sd of its
 *                   rolling window
 *   BAND_CI95       the 95 % interval of the mean, Student's t
 *   BAND_QUARTILES  first and third quartile, interpolated, and the mean is the median
 *   BAND_MINMAX     the smallest and the largest
 * NaN where there is none. Geometric: all of this of the logarithms. */
struct curve_point {
    double step, mean, low, high; /* step: or what it has along the axis */
    size_t n;                     /* trials that have a finite value */
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
 * are over the same trials until one ends. ERR_USAGE where the study has nothing along the axis. */
int curves_read(struct curve **curves, const struct subject *s, struct query *q, struct arena *a,
                const struct quantity *what, const struct curve_options *o, struct err *e);

#endif
