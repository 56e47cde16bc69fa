/* Mean and standard deviation of few numbers, and the interval they give. */
#ifndef TPRUN_REPORT_MOMENTS_H
#define TPRUN_REPORT_MOMENTS_H

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
/* The 0.975 quantile of Student's t with `degrees` >= 1 degrees of freedom. */
double moments_student(size_t degrees);

#endif
