#include "stat/moments.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

void moments_add(struct moments *m, double x)
{
    m->min = m->n == 0 || x < m->min ? x : m->min;
    m->max = m->n == 0 || x > m->max ? x : m->max;
    m->n++;
    const double d = x - m->mean;
    m->mean += d / (double)m->n;
    m->squares += d * (x - m->mean);
}

double moments_sd(const struct moments *m)
{
    return m->n < 2 ? NAN : sqrt(m->squares / (double)(m->n - 1));
}

double moments_half_width(const struct moments *m)
{
    if (m->n < 2)
        return NAN;
    return gsl_cdf_tdist_Pinv(0.975, (double)(m->n - 1)) * moments_sd(m) / sqrt((double)m->n);
}

bool moments_are_equal(const struct moments *m)
{
    return m->n > 1 && m->max - m->min <= 1e-12 * fmax(fabs(m->min), fabs(m->max));
}

double moments_p(const struct moments *m)
{
    if (m->n < 2 || moments_are_equal(m))
        return NAN;
    const double t = m->mean / (moments_sd(m) / sqrt((double)m->n));
    return 2 * gsl_cdf_tdist_Q(fabs(t), (double)(m->n - 1));
}
