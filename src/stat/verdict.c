#include "stat/verdict.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

const char *const verdict_names[] = { "undecided", "reproduced", "refuted", NULL };

struct region region_above(double margin)
{
    return (struct region){ nextafter(margin, (double)INFINITY), (double)INFINITY };
}

struct interval verdict_interval(const struct moments *m, const struct reported *reported, double alpha)
{
    if (m->n < 2)
        return (struct interval){ (double)NAN, (double)NAN };
    const double own = moments_sd(m) * moments_sd(m) / (double)m->n;
    const double theirs = reported && reported->n > 1 ? reported->sd * reported->sd / (double)reported->n : 0;
    double degrees = (double)(m->n - 1);
    if (theirs > 0) /* Welch and Satterthwaite */
        degrees = (own + theirs) * (own + theirs) /
                  (own * own / (double)(m->n - 1) + theirs * theirs / (double)(reported->n - 1));
    const double half = own + theirs > 0 ? gsl_cdf_tdist_Pinv(1 - alpha / 2, degrees) * sqrt(own + theirs) : 0;
    return (struct interval){ m->mean - half, m->mean + half };
}

enum verdict verdict_of(struct interval i, struct region r, size_t n, size_t min_seeds)
{
    if (n < min_seeds || isnan(i.low) || isnan(i.high))
        return VERDICT_UNDECIDED;
    if (i.low >= r.low && i.high <= r.high)
        return VERDICT_REPRODUCED;
    return i.high < r.low || i.low > r.high ? VERDICT_REFUTED : VERDICT_UNDECIDED;
}
