#include "report/curves.h"

#include "report/series.h"
#include "stat/moments.h"
#include <math.h>

/* One trial's rows as they are drawn. */
struct track {
    struct series rows;
    const double *value; /* rows.value, or the rolling means */
    const double *sd;    /* of the rolling window; NULL without one */
    size_t next;         /* the row to be merged */
};

/* The trials' next step: the smallest; whether all trials that go on have it. Infinity after the last. */
static double next_step(const struct track *s, size_t n, bool *common)
{
    double step = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (s[i].next < s[i].rows.n && s[i].rows.at[s[i].next] < step)
            step = s[i].rows.at[s[i].next];
    *common = true;
    for (size_t i = 0; i < n; i++)
        if (s[i].next < s[i].rows.n && s[i].rows.at[s[i].next] > step)
            *common = false;
    return step;
}

static void merge(struct curve *c, struct track *s, size_t n, struct arena *a)
{
    size_t most = 0;
    bool common;
    for (size_t i = 0; i < n; i++)
        most += s[i].rows.n;
    c->points = arena_need(a, most + 1, sizeof *c->points);
    for (double step; (step = next_step(s, n, &common)) < INFINITY;) {
        struct moments m = { 0 };
        double rolled = NAN;
        for (size_t i = 0; i < n; i++)
            if (s[i].next < s[i].rows.n && s[i].rows.at[s[i].next] == step) {
                const size_t row = s[i].next++;
                if (isfinite(s[i].value[row]))
                    moments_add(&m, s[i].value[row]);
                rolled = s[i].sd ? s[i].sd[row] : NAN;
            }
        if (!common || m.n == 0)
            continue;
        const double sd = n == 1 ? rolled : moments_sd(&m);
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
static void survey(struct curve *c, const struct track *s, const struct group_trial *trials, size_t n, bool over_steps,
                   struct arena *a)
{
    c->ends = arena_need(a, n + 1, sizeof *c->ends);
    for (size_t i = 0; i < n; i++) {
        const struct series *rows = &s[i].rows;
        if (rows->n == 0)
            continue;
        const bool bad = over_steps && (trials[i].diverged || isnan(rows->value[rows->n - 1]));
        for (size_t j = 0; j < rows->n && !bad; j++)
            widen(c, s[i].value[j]);
        if (!bad)
            continue;
        widen(c, s[i].value[0]);
        for (size_t j = rows->n; j-- > 0;)
            if (isfinite(rows->value[j])) {
                c->ends[c->n_ends++] = (struct curve_end){ rows->at[j], rows->value[j] };
                break;
            }
    }
}

static void roll(struct track *s, size_t rolling, struct arena *a)
{
    double *mean = arena_need(a, s->rows.n + 1, sizeof *mean), *sd = arena_need(a, s->rows.n + 1, sizeof *sd);
    series_roll(&s->rows, rolling, mean, sd);
    s->value = mean;
    s->sd = sd;
}

static int read_group(struct curve *c, struct query *q, const struct group_trial *trials, size_t n,
                      const struct quantity *what, size_t rolling, struct arena *a, struct err *e)
{
    struct track *s = arena_need(a, n + 1, sizeof *s);
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct track){ 0 };
        if (trials[i].outdated)
            continue;
        TRY(series_read(&s[i].rows, q, a, trials[i].id, what, e));
        s[i].value = s[i].rows.value;
        if (rolling > 1)
            roll(&s[i], rolling, a);
    }
    survey(c, s, trials, n, what->kind != QUANTITY_STEP, a);
    merge(c, s, n, a);
    return 0;
}

int curves_read(struct curve **curves, const struct subject *s, struct query *q, struct arena *a,
                const struct quantity *what, size_t rolling, struct err *e)
{
    *curves = arena_need(a, s->n_groups + 1, sizeof **curves);
    for (size_t i = 0, from = 0; i < s->n_groups; i++) {
        struct curve *c = &(*curves)[i];
        size_t to = from;
        while (to < s->n_trials && s->trials[to].group == i)
            to++;
        c->group = &s->groups[i];
        TRY(read_group(c, q, s->trials + from, to - from, what, rolling, a, e));
        from = to;
    }
    return 0;
}
