#include "report/moments.h"

#include <assert.h>
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

/* P(|T| < t): Abramowitz and Stegun (26.7.3) for odd and (26.7.4) for even degrees of freedom, finite sums. */
static double two_sided(double t, size_t degrees)
{
    const double pi = 3.14159265358979323846, theta = atan(t / sqrt((double)degrees));
    const double c = cos(theta), c2 = c * c;
    const size_t odd = degrees % 2;
    double term = odd ? c : 1, sum = degrees > 1 ? term : 0;
    for (size_t j = 2 + odd; j + 2 <= degrees; j += 2) {
        term *= c2 * (double)(j - 1) / (double)j;
        sum += term;
    }
    return odd ? 2 / pi * (theta + sin(theta) * sum) : sin(theta) * sum;
}

double moments_student(size_t degrees)
{
    assert(degrees >= 1);
    double low = 1.9, high = 12.8; /* 1.96 with many degrees, 12.706 with one */
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (two_sided(middle, degrees) < 0.95)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double moments_half_width(const struct moments *m)
{
    return m->n < 2 ? NAN : moments_student(m->n - 1) * moments_sd(m) / sqrt((double)m->n);
}
