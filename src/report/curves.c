#include "report/curves.h"

#include "base/text.h"
#include "report/moments.h"
#include <math.h>
#include <string.h>

static const char sql_values[] = "SELECT step, value FROM metric WHERE trial_id = CAST(?1 AS INTEGER) AND key_id = "
                                 "(SELECT id FROM metric_key WHERE name = ?2) ORDER BY step";

/* What is larger lies outside of every figure; its square is still finite. */
#define HUGE_HELD 1e150

/* One metric of one trial; NaN where a value was not finite. */
struct series {
    struct arena *a;
    size_t n, capacity, at; /* at: the next row to be merged */
    double *step, *value;
};

static int add_value(void *self, int n, const char *const *values)
{
    struct series *s = self;
    if (s->n == s->capacity) {
        const size_t capacity = 2 * s->capacity + 256;
        double *step = arena_need(s->a, capacity, sizeof *step), *value = arena_need(s->a, capacity, sizeof *value);
        if (s->n) {
            memcpy(step, s->step, s->n * sizeof *step);
            memcpy(value, s->value, s->n * sizeof *value);
        }
        s->step = step;
        s->value = value;
        s->capacity = capacity;
    }
    double step;
    if (n < 2 || !values[0] || text_to_double(values[0], strlen(values[0]), &step) < 0)
        return 0;
    double value = NAN;
    if (values[1] && text_to_double(values[1], strlen(values[1]), &value) < 0)
        value = NAN;
    s->step[s->n] = step;
    s->value[s->n++] = value < -HUGE_HELD ? -HUGE_HELD : value > HUGE_HELD ? HUGE_HELD : value; /* NaN stays */
    return 0;
}

/* The trials' next step: the smallest; whether all trials that go on have it. Infinity after the last. */
static double next_step(const struct series *s, size_t n, bool *common)
{
    double step = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (s[i].at < s[i].n && s[i].step[s[i].at] < step)
            step = s[i].step[s[i].at];
    *common = true;
    for (size_t i = 0; i < n; i++)
        if (s[i].at < s[i].n && s[i].step[s[i].at] > step)
            *common = false;
    return step;
}

static void merge(struct curve *c, struct series *s, size_t n, struct arena *a)
{
    size_t most = 0;
    bool common;
    for (size_t i = 0; i < n; i++)
        most += s[i].n;
    c->points = arena_need(a, most + 1, sizeof *c->points);
    for (double step; (step = next_step(s, n, &common)) < INFINITY;) {
        struct moments m = { 0 };
        for (size_t i = 0; i < n; i++)
            if (s[i].at < s[i].n && s[i].step[s[i].at] == step) {
                const double value = s[i].value[s[i].at++];
                if (isfinite(value))
                    moments_add(&m, value);
            }
        if (!common || m.n == 0)
            continue;
        const double sd = moments_sd(&m);
        c->points[c->n_points++] = (struct curve_point){ .step = step,
                                                         .mean = m.mean,
                                                         .low = m.n == 2 ? m.min : m.mean - sd,
                                                         .high = m.n == 2 ? m.max : m.mean + sd,
                                                         .n = m.n };
    }
}

static void widen(struct curve *c, double value)
{
    if (!isfinite(value))
        return;
    c->low = !c->has_range || value < c->low ? value : c->low;
    c->high = !c->has_range || value > c->high ? value : c->high;
    c->has_range = true;
}

/* Ends, and the range of what went well. */
static void survey(struct curve *c, const struct series *s, const struct group_trial *trials, size_t n, struct arena *a)
{
    c->ends = arena_need(a, n + 1, sizeof *c->ends);
    for (size_t i = 0; i < n; i++) {
        if (s[i].n == 0)
            continue;
        const bool bad = trials[i].diverged || isnan(s[i].value[s[i].n - 1]);
        for (size_t j = 0; j < s[i].n && !bad; j++)
            widen(c, s[i].value[j]);
        if (!bad)
            continue;
        widen(c, s[i].value[0]);
        for (size_t j = s[i].n; j-- > 0;)
            if (isfinite(s[i].value[j])) {
                c->ends[c->n_ends++] = (struct curve_end){ s[i].step[j], s[i].value[j] };
                break;
            }
    }
}

static int read_group(struct curve *c, struct query *q, const struct group_trial *trials, size_t n, const char *metric,
                      struct arena *a, struct err *e)
{
    struct series *s = arena_need(a, n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++) {
        const char *const arguments[] = { trials[i].id, metric };
        s[i].a = a;
        TRY(query_rows(q, sql_values, arguments, 2, add_value, &s[i], e));
    }
    survey(c, s, trials, n, a);
    merge(c, s, n, a);
    return 0;
}

int curves_read(struct curve **curves, const struct subject *s, struct query *q, struct arena *a, const char *metric,
                struct err *e)
{
    *curves = arena_need(a, s->n_groups + 1, sizeof **curves);
    for (size_t i = 0, from = 0; i < s->n_groups; i++) {
        struct curve *c = &(*curves)[i];
        size_t to = from;
        while (to < s->n_trials && s->trials[to].group == i)
            to++;
        c->group = &s->groups[i];
        TRY(read_group(c, q, s->trials + from, to - from, metric, a, e));
        from = to;
    }
    return 0;
}
