#include "stat/aggregate.h"

#include "base/err.h"
#include "base/rng.h"
#include "stat/paired.h"
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

double aggregate_improvement(const struct stratum *a, const struct stratum *b, size_t n, const void *self)
{
    (void)self;
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (a[i].n && b[i].n) {
            sum += paired_improvement(a[i].values, a[i].n, b[i].values, b[i].n);
            count++;
        }
    return count ? sum / (double)count : NAN;
}

/* All values of the strata in one vector, which the statistic may reorder. */
static double of_all(const struct stratum *strata, size_t n, double *values, const struct difference *d)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (strata[i].n)
            memcpy(values + total, strata[i].values, strata[i].n * sizeof *values);
        total += strata[i].n;
    }
    return d->statistic(values, total, d->self);
}

double aggregate_difference(const struct stratum *a, const struct stratum *b, size_t n, const void *self)
{
    const size_t n_a = total_of(a, n), n_b = total_of(b, n);
    double *values = calloc((n_a > n_b ? n_a : n_b) + 1, sizeof *values), difference = NAN;
    if (values)
        difference = of_all(a, n, values, self) - of_all(b, n, values, self);
    free(values);
    return difference;
}

/* One side alone: that of a. */
static double one_side(const struct stratum *a, const struct stratum *b, size_t n, const void *self)
{
    (void)b;
    double *values = calloc(total_of(a, n) + 1, sizeof *values);
    const double value = values ? of_all(a, n, values, self) : NAN;
    free(values);
    return value;
}

/* Room for resampled strata. */
struct resample {
    struct stratum *strata;
    double *values;
};

static int resample_init(struct resample *r, const struct stratum *from, size_t n)
{
    r->strata = calloc(n + 1, sizeof *r->strata);
    r->values = calloc(total_of(from, n) + 1, sizeof *r->values);
    return r->strata && r->values ? 0 : ERR_MEMORY;
}

/* As many values of each stratum as it has, with replacement. */
static void resample_draw(struct resample *r, const struct stratum *from, size_t n, struct rng *rng)
{
    double *at = r->values;
    for (size_t i = 0; i < n; i++) {
        r->strata[i] = (struct stratum){ from[i].n, at };
        for (size_t k = 0; k < from[i].n; k++)
            *at++ = from[i].values[rng_below(rng, (uint32_t)from[i].n)];
    }
}

int aggregate_bootstrap_pairs(const struct stratum *a, const struct stratum *b, size_t n, pair_aggregate *statistic,
                              const void *self, struct bootstrap *result)
{
    struct rng rng_a = rng_stream(0, "bootstrap"), rng_b = rng_a; /* sides of the same sizes: the same seeds */
    struct resample x = { 0 }, y = { 0 };
    double *drawn = calloc(BOOTSTRAP_DRAWS, sizeof *drawn);
    *result = (struct bootstrap){ NAN, NAN, NAN };
    int code = drawn ? 0 : ERR_MEMORY;
    if (code == 0)
        code = resample_init(&x, a, n);
    if (code == 0)
        code = resample_init(&y, b, n);
    if (code == 0 && total_of(a, n)) {
        result->value = statistic(a, b, n, self);
        for (size_t i = 0; i < BOOTSTRAP_DRAWS; i++) {
            resample_draw(&x, a, n, &rng_a);
            resample_draw(&y, b, n, &rng_b);
            drawn[i] = statistic(x.strata, y.strata, n, self);
        }
        gsl_sort(drawn, 1, BOOTSTRAP_DRAWS);
        result->low = gsl_stats_quantile_from_sorted_data(drawn, 1, BOOTSTRAP_DRAWS, 0.025);
        result->high = gsl_stats_quantile_from_sorted_data(drawn, 1, BOOTSTRAP_DRAWS, 0.975);
    }
    free(x.strata);
    free(x.values);
    free(y.strata);
    free(y.values);
    free(drawn);
    return code;
}

int aggregate_bootstrap(const struct stratum *strata, size_t n, aggregate *statistic, const void *self,
                        struct bootstrap *result)
{
    const struct difference of = { statistic, self };
    return aggregate_bootstrap_pairs(strata, strata, n, one_side, &of, result);
}
