/* Several studies as one: aggregates that resist an outlier, with intervals by a bootstrap inside each study (Agarwal
 * et al. 2021). */
#ifndef TPRUN_STAT_AGGREGATE_H
#define TPRUN_STAT_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>

/* Values of one study (a stratum), a value for each seed. */
struct stratum {
    size_t n;
    const double *values;
};

/* A statistic of all values together, which it may reorder; self: what else it needs. */
typedef double aggregate(double *values, size_t n, const void *self);
aggregate aggregate_mean;
/* Mean of the middle half: the smallest and the largest n / 4 values, rounded down, are left out. NaN for n = 0. */
aggregate aggregate_iqm;
/* A point of a performance profile: the share of values at least as large as the bound, or at most, where smaller is
 * better. */
struct bound {
    double value;
    bool smaller_is_better;
};
aggregate aggregate_share; /* self: const struct bound * */

/* The statistic of all strata together, and its 95 % interval: percentiles of BOOTSTRAP_DRAWS resamples, each of which
 * draws as many values with replacement from every stratum as it has. They are drawn from stream "bootstrap" of seed 0,
 * so that two statistics see the same resamples. Returns 0 or ERR_MEMORY. NaN without values. */
enum { BOOTSTRAP_DRAWS = 2000 };
struct bootstrap {
    double value, low, high;
};
int aggregate_bootstrap(const struct stratum *strata, size_t n, aggregate *statistic, const void *self,
                        struct bootstrap *result);

/* The same for what two sides differ in: a[i] and b[i] are one study, and their values number k belong to one seed, so
 * that the seeds are drawn, both of their values at once. a[i].n == b[i].n. */
typedef double pair_aggregate(const struct stratum *a, const struct stratum *b, size_t n, const void *self);
/* The probability that a value of a is larger than one of b, averaged over the studies, which weigh the same; studies
 * without values do not count. NaN without any. */
pair_aggregate aggregate_improvement;
/* A statistic of all of a less that of all of b. self: const struct difference * */
struct difference {
    aggregate *statistic;
    const void *self;
};
pair_aggregate aggregate_difference;
int aggregate_bootstrap_pairs(const struct stratum *a, const struct stratum *b, size_t n, pair_aggregate *statistic,
                              const void *self, struct bootstrap *result);

#endif
