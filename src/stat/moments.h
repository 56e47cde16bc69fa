/* Mean and standard deviation of few numbers, and the interval they give. */
#ifndef TPRUN_STAT_MOMENTS_H
#define TPRUN_STAT_MOMENTS_H

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
/* The probability of a mean at least so far from 0 where the true one is 0: the two-sided t test with n - 1 degrees of
 * freedom. NaN below two values; 0 or 1 where the values are all equal. */
double moments_p(const struct moments *m);

#endif
