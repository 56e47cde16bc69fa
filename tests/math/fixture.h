/* Matrices of test values: no zeros, no ones, the same on every machine. */
#ifndef TPRUN_TESTS_MATH_FIXTURE_H
#define TPRUN_TESTS_MATH_FIXTURE_H

#include "base/rng.h"
#include "math/mat.h"
#include <math.h>
#include <stdlib.h>

#ifdef TPRUN_DOUBLE
#define REAL_ROUND 0x1p-53 /* half a unit in the last place of 1 */
#else
#define REAL_ROUND 0x1p-24
#endif

/* rows x cols uniform in (-scale, scale); freed with free(m.p). */
static inline struct mat random_mat(struct rng *r, size_t rows, size_t cols, double scale)
{
    const size_t n = rows * cols;
    real *p = malloc((n > 0 ? n : 1) * sizeof *p);
    if (p == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        p[i] = (real)(scale * (2 * rng_uniform(r) - 1));
    return mat_of(p, rows, cols);
}

static inline double max_difference(struct mat a, struct mat b)
{
    double most = 0;
    for (size_t i = 0; i < mat_n(a); i++) {
        const double d = fabs((double)a.p[i] - (double)b.p[i]);
        if (!(d <= most))
            most = d; /* NaN stays */
    }
    return most;
}

/* |got - want| in units of the last place of `want` as a real. */
static inline double ulps(real got, long double want)
{
    const real near = (real)want;
    if (isnan(near) || isinf(near) || isnan(got))
        return (isnan(near) && isnan(got)) || got == near ? 0 : INFINITY;
#ifdef TPRUN_DOUBLE
    const real spacing = nextafter(fabs(near), INFINITY) - fabs(near);
#else
    const real spacing = nextafterf(fabsf(near), INFINITY) - fabsf(near);
#endif
    return (double)(fabsl((long double)got - want) / (long double)spacing);
}

#endif
