#include "stat/aggregate.h"

#include "base/err.h"
#include "base/rng.h"
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double aggregate_mean(double *values, size_t n, const void *self)
{
    (void)self;
    return n ? gsl_stats_mean(values, 1, n) : NAN;
}

double aggregate_iqm(double *values, size_t n, const void *self)
{
    (void)self;
    if (n == 0)
        return NAN;
    gsl_sort(values, 1, n);
    return gsl_stats_mean(values + n / 4, 1, n - 2 * (n / 4));
}

double aggregate_share(double *values, size_t n, const void *self)
{
    const struct bound *bound = self;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += bound->smaller_is_better ? values[i] <= bound->value : values[i] >= bound->value;
    return n ? (double)count / (double)n : NAN;
}

static size_t total_of(const struct stratum *strata, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += strata[i].n;
    return total;
}

/* All strata, drawn anew with replacement, or as they are. */
static void fill(const struct stratum *strata, size_t n, struct rng *r, double *values)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < strata[i].n; k++)
            *values++ = strata[i].values[r ? rng_below(r, (uint32_t)strata[i].n) : k];
}

int aggregate_bootstrap(const struct stratum *strata, size_t n, aggregate *statistic, const void *self,
                        struct bootstrap *result)
{
    const size_t total = total_of(strata, n);
    struct rng r = rng_stream(0, "bootstrap");
    double *values = calloc(total + 1, sizeof *values), *drawn = calloc(BOOTSTRAP_DRAWS, sizeof *drawn);
    *result = (struct bootstrap){ NAN, NAN, NAN };
    const int code = values && drawn ? 0 : ERR_MEMORY;
    if (code == 0 && total) {
        fill(strata, n, NULL, values);
        result->value = statistic(values, total, self);
        for (size_t i = 0; i < BOOTSTRAP_DRAWS; i++) {
            fill(strata, n, &r, values);
            drawn[i] = statistic(values, total, self);
        }
        gsl_sort(drawn, 1, BOOTSTRAP_DRAWS);
        result->low = gsl_stats_quantile_from_sorted_data(drawn, 1, BOOTSTRAP_DRAWS, 0.025);
        result->high = gsl_stats_quantile_from_sorted_data(drawn, 1, BOOTSTRAP_DRAWS, 0.975);
    }
    free(values);
    free(drawn);
    return code;
}
