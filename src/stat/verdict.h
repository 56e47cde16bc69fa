/* Whether what was measured over seeds agrees with what was claimed: an interval against a region. */
#ifndef TPRUN_STAT_VERDICT_H
#define TPRUN_STAT_VERDICT_H

#include "stat/moments.h"

enum verdict { VERDICT_UNDECIDED, VERDICT_REPRODUCED, VERDICT_REFUTED };
extern const char *const verdict_names[]; /* "undecided", "reproduced", "refuted" */

/* Where a true value makes the claim true; infinities where it is open. */
struct region {
    double low, high;
};
struct interval {
    double low, high;
};
/* What a source reports of n runs: mean and standard deviation. n = 0: a number without either, taken as exact. */
struct reported {
    double mean, sd;
    size_t n;
};

/* The region of "a is better than b by more than margin" for differences a - b: the margin itself is outside. */
struct region region_above(double margin);

/* The interval that holds the true mean with probability 1 - alpha: Student's t. With what was reported of several
 * runs, the interval of the difference of the two true means (Welch), moved by the reported mean: so that it can be
 * held against a region around that number. NaN below two values. */
struct interval verdict_interval(const struct moments *m, const struct reported *reported, double alpha);

/* reproduced: the interval lies in the region; refuted: outside of it; undecided: neither, or fewer values than
 * min_seeds, or no interval. */
enum verdict verdict_of(struct interval i, struct region r, size_t n, size_t min_seeds);

#endif
