#include "report/series.h"

#include "stat/moments.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OF_TRIAL "WHERE trial_id = CAST(?1 AS INTEGER) AND key_id = (SELECT id FROM metric_key WHERE name = ?2) "
static const char *const sql_values[] = {
    [QUANTITY_TRIAL] = "SELECT step, value FROM metric " OF_TRIAL "ORDER BY step",
    [QUANTITY_LAYER] = "SELECT step, value FROM layer_metric " OF_TRIAL "AND layer = CAST(?3 AS INTEGER) ORDER BY step",
    [QUANTITY_STEP] = "SELECT layer, value FROM layer_metric " OF_TRIAL "AND step = CAST(?3 AS INTEGER) ORDER BY layer"
};

double series_hold(double value)
{
    return value < -SERIES_HUGE ? -SERIES_HUGE : value > SERIES_HUGE ? SERIES_HUGE : value; /* NaN stays */
}

static int add_value(void *self, int n, const double *values)
{
    struct series *s = self;
    (void)n;
    if (s->n == s->capacity) {
        const size_t capacity = 2 * s->capacity + 256;
        double *at = arena_need(s->a, capacity, sizeof *at), *value = arena_need(s->a, capacity, sizeof *value);
        if (s->n) {
            memcpy(at, s->at, s->n * sizeof *at);
            memcpy(value, s->value, s->n * sizeof *value);
        }
        s->at = at;
        s->value = value;
        s->capacity = capacity;
    }
    s->at[s->n] = values[0];
    s->value[s->n++] = series_hold(values[1]);
    return 0;
}

int series_read(struct series *s, struct query *q, struct arena *a, const char *trial, const struct quantity *what,
                struct err *e)
{
    char third[32];
    snprintf(third, sizeof third, "%" PRId64, what->kind == QUANTITY_STEP ? what->step : what->layer);
    const char *const arguments[] = { trial, what->metric, third };
    *s = (struct series){ .a = a };
    return query_doubles(q, sql_values[what->kind], arguments, what->kind == QUANTITY_TRIAL ? 2 : 3, add_value, s, e);
}

void series_roll(const struct series *s, size_t rolling, double *mean, double *sd)
{
    for (size_t i = 0; i < s->n; i++) {
        struct moments m = { 0 };
        for (size_t j = i + 1 > rolling ? i + 1 - rolling : 0; j <= i; j++)
            if (isfinite(s->value[j]))
                moments_add(&m, s->value[j]);
        const bool known = isfinite(s->value[i]);
        mean[i] = known ? m.mean : NAN;
        sd[i] = !known ? NAN : m.n < 2 ? 0 : moments_sd(&m);
    }
}

void series_smooth(const struct series *s, double smooth, double *mean)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < s->n; i++) {
        const bool known = isfinite(s->value[i]);
        sum = smooth * sum + (known ? s->value[i] : 0);
        weight = smooth * weight + (known ? 1 : 0);
        mean[i] = known ? sum / weight : NAN;
    }
}
