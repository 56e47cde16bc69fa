#include "stat/paired.h"

#include "base/err.h"
#include "base/rng.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { PERMUTATIONS = 100000, INTERVALS = 200 };

static double sum_of(const double *d, size_t n, double (*f)(double))
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += f ? f(d[i]) : d[i];
    return sum;
}

/* By Gray code: each way differs from the one before in one sign. Every 2^10 ways the sum is taken anew, so that
 * rounding does not grow. */
static size_t count_all(const double *d, size_t n, double seen)
{
    size_t count = 0, signs = 0;
    double sum = 0;
    for (size_t i = 0; i < (size_t)1 << n; i++) {
        const size_t gray = i ^ (i >> 1), changed = gray ^ signs;
        if (i % 1024 == 0) {
            sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += gray >> k & 1 ? -d[k] : d[k];
        } else {
            const size_t k = (size_t)__builtin_ctzll(changed);
            sum += gray >> k & 1 ? -2 * d[k] : 2 * d[k];
        }
        signs = gray;
        count += fabs(sum) >= seen;
    }
    return count;
}

static size_t count_drawn(const double *d, size_t n, double seen)
{
    struct rng r = rng_stream(0, "permutation");
    size_t count = 0;
    for (size_t i = 0; i < PERMUTATIONS; i++) {
        double sum = 0;
        uint32_t bits = 0;
        for (size_t k = 0; k < n; k++) {
            bits = k % 32 == 0 ? rng_u32(&r) : bits >> 1;
            sum += bits & 1 ? d[k] : -d[k];
        }
        count += fabs(sum) >= seen;
    }
    return count;
}

double paired_permutation_p(const double *d, size_t n)
{
    if (n == 0)
        return NAN;
    const double seen = fabs(sum_of(d, n, NULL)) - 1e-12 * sum_of(d, n, fabs);
    if (n <= PERMUTATION_EXACT)
        return (double)count_all(d, n, seen) / (double)((size_t)1 << n);
    return (double)(1 + count_drawn(d, n, seen)) / (1 + PERMUTATIONS);
}

double paired_effect(const struct moments *d)
{
    if (d->n < 2)
        return NAN;
    return d->mean == 0 ? 0 : d->mean / moments_sd(d);
}

double paired_improvement(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double sum = 0;
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++)
            sum += a[i] > b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
    return n_a && n_b ? sum / ((double)n_a * (double)n_b) : NAN;
}

/* ---- power ---- */

struct noncentral {
    double degrees, shift, critical;
};

/* T = (Z + shift) / s with s = sqrt(chi2 / degrees): P(|T| > critical | s) times the density of chi2. */
static double integrand(double chi2, void *parameters)
{
    const struct noncentral *p = parameters;
    const double bound = p->critical * sqrt(chi2 / p->degrees);
    return (gsl_cdf_ugaussian_Q(bound - p->shift) + gsl_cdf_ugaussian_P(-bound - p->shift)) *
           gsl_ran_chisq_pdf(chi2, p->degrees);
}

double paired_power(double effect, size_t n)
{
    if (n < 2 || isnan(effect))
        return NAN;
    const double degrees = (double)(n - 1), shift = fabs(effect) * sqrt((double)n);
    if (shift > 1e6)
        return 1;
    struct noncentral p = { degrees, shift, gsl_cdf_tdist_Pinv(0.975, degrees) };
    gsl_function f = { integrand, &p };
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(INTERVALS);
    double value = NAN, error;
    if (!w)
        return NAN;
    /* all but 1e-12 of the density; qags copes with its pole at 0 where there is one degree of freedom */
    const double low = degrees > 2 ? gsl_cdf_chisq_Pinv(1e-12, degrees) : 0;
    gsl_error_handler_t *handler = gsl_set_error_handler_off(); /* which would abort */
    const int code =
        gsl_integration_qags(&f, low, gsl_cdf_chisq_Qinv(1e-12, degrees), 1e-8, 1e-8, INTERVALS, w, &value, &error);
    gsl_set_error_handler(handler);
    gsl_integration_workspace_free(w);
    return code ? NAN : value;
}

size_t paired_seeds_needed(double effect)
{
    if (isnan(effect) || !(paired_power(effect, PAIRED_MOST) >= 0.8))
        return 0;
    size_t low = 1, high = PAIRED_MOST; /* the power grows with n */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (paired_power(effect, middle) >= 0.8)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* ---- Holm ---- */

static int by_value(const void *a, const void *b)
{
    const double x = **(double *const *)a, y = **(double *const *)b;
    return (x > y) - (x < y);
}

int paired_holm(double *p, size_t n)
{
    double **sorted = calloc(n + 1, sizeof *sorted);
    size_t m = 0;
    double largest = 0;
    if (!sorted)
        return ERR_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            sorted[m++] = &p[i];
    qsort(sorted, m, sizeof *sorted, by_value);
    for (size_t i = 0; i < m; i++) {
        const double value = fmin(1, *sorted[i] * (double)(m - i));
        largest = fmax(largest, value);
        *sorted[i] = largest;
    }
    free(sorted);
    return 0;
}
