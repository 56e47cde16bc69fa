/* gelu: u Phi(u), Phi the distribution function of the standard normal. Hendrycks & Gimpel 2016. It falls before it
 * rises, so it has no inverse, and its slope needs u. In double precision whatever that of the trial: erfc of the C
 * library is no vector code anyway. */
#include "math/act_loop.h"
#include <math.h>

static double value(double u)
{
    return u < -40 ? 0 : 0.5 * u * erfc(-u * M_SQRT1_2); /* minus infinity too */
}

/* Phi(u) + u phi(u) */
static double slope(double u)
{
    if (fabs(u) > 40)
        return u > 0;
    return 0.5 * erfc(-u * M_SQRT1_2) + u * exp(-0.5 * u * u) * (M_2_SQRTPI * M_SQRT1_2 / 2);
}

/* Far ends subtract; near ones are the integral of the slope, by Gauss and Legendre's rule of eight points (error below
 * 1e-16 w). */
static double value_difference(double u, double w)
{
    static const double x[] = { 0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363 };
    static const double weight[] = { 0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763 };
    double sum = 0;
    if (!(fabs(w) < 0.5))
        return value(u + w) - value(u);
    for (int i = 0; i < 4; i++)
        sum += weight[i] * (slope(u + 0.5 * w * (1 + x[i])) + slope(u + 0.5 * w * (1 - x[i])));
    return 0.5 * w * sum;
}

static void gelu_apply(const void *o, struct mat u, struct mat h)
{
    (void)o;
    for (size_t i = 0, n = same_shape(u, h); i < n; i++)
        h.p[i] = (real)value((double)u.p[i]);
}

static void gelu_times_slope(const void *o, struct mat u, struct mat h, struct mat s, struct mat out)
{
    (void)o;
    same_shape(h, out);
    same_shape(u, s);
    for (size_t i = 0, n = same_shape(u, h); i < n; i++)
        out.p[i] = (real)((double)s.p[i] * slope((double)u.p[i]));
}

static void gelu_difference(const void *o, struct mat u, struct mat h, struct mat w, struct mat out)
{
    (void)o;
    same_shape(h, out);
    same_shape(u, w);
    for (size_t i = 0, n = same_shape(u, h); i < n; i++)
        out.p[i] = (real)value_difference((double)u.p[i], (double)w.p[i]);
}

const struct act_def act_gelu = {
    .part = { .name = "gelu",
              .help = "u times the normal distribution function of u",
              .ref = "Hendrycks & Gimpel 2016" },
    .of_input = true,
    .apply = gelu_apply,
    .times_slope = gelu_times_slope,
    .difference = gelu_difference,
};
