/* Mean and standard deviation of few numbers, and the interval they give. */
#ifndef TPRUN_STAT_MOMENTS_H
#define TPRUN_STAT_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise and add. Welford's recurrence: no cancellation. */
struct moments {
    size_t n;
    double mean, squares /* sum of (x - mean)^2 */, min, max;
};
void moments_add(struct moments *m, double x);
/* sqrt(squares / (n - 1)); NaN below two values. */
double moments_sd(const struct moments *m);
/* Half the 95 % confidence interval of the mean, Student's t with n - 1 degrees of freedom; NaN below two values. */
double moments_half_width(const struct moments *m);
/* Two values or more that differ by rounding at most: as of seeds that change nothing, or of a metric with few values.
 * Their standard deviation says nothing of how far another one may lie. */
bool moments_are_equal(const struct moments *m);
/* The probability of a mean at least so far from 0 where the true one is 0: the two-sided t test with n - 1 degrees of
 * freedom. NaN below two values, and of equal ones, whose scatter is not known. */
double moments_p(const struct moments *m);

#endif
