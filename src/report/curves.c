#include "report/curve_parts.h"

#include "report/series.h"
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

struct curve_point curve_point_of(double step, const struct moments *m, double sd)
{
    return (struct curve_point){ .step = step,
                                 .mean = m->mean,
                                 .low = m->n == 2 ? m->min : m->mean - sd,
                                 .high = m->n == 2 ? m->max : m->mean + sd,
                                 .n = m->n };
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
        c->points[c->n_points++] = curve_point_of(step, &m, sd);
    }
}

/* What is to be known of a trial's rows for the range of a figure. */
static struct curve_outline outline_of(const struct track *s)
{
    const struct series *rows = &s->rows;
    struct curve_outline o = { .first = NAN, .end = { NAN, NAN } };
    o.n_rows = rows->n;
    for (size_t i = 0; i < rows->n; i++) {
        const double value = s->value[i];
        if (i == 0)
            o.first = value;
        if (isfinite(value)) {
            o.low = !o.any || value < o.low ? value : o.low;
            o.high = !o.any || value > o.high ? value : o.high;
            o.any = true;
        }
        if (isfinite(rows->value[i]))
            o.end = (struct curve_end){ rows->at[i], rows->value[i] };
    }
    o.ends_finite = rows->n > 0 && isfinite(rows->value[rows->n - 1]);
    return o;
}

static void widen(struct curve *c, double value)
{
    if (!isfinite(value))
        return;
    c->low = !c->has_range || value < c->low ? value : c->low;
    c->high = !c->has_range || value > c->high ? value : c->high;
    c->has_range = true;
}

void curve_survey(struct curve *c, const struct curve_outline *outlines, const struct group_trial *trials, size_t n,
                  bool over_steps, struct arena *a)
{
    c->ends = arena_need(a, n + 1, sizeof *c->ends);
    for (size_t i = 0; i < n; i++) {
        const struct curve_outline *o = &outlines[i];
        if (o->n_rows == 0)
            continue;
        const bool bad = over_steps && (trials[i].diverged || !o->ends_finite);
        if (bad) {
            widen(c, o->first);
        } else if (o->any) {
            widen(c, o->low);
            widen(c, o->high);
        }
        if (bad && isfinite(o->end.value))
            c->ends[c->n_ends++] = o->end;
    }
}

static void roll(struct track *s, size_t rolling, struct arena *a)
{
    double *mean = arena_need(a, s->rows.n + 1, sizeof *mean), *sd = arena_need(a, s->rows.n + 1, sizeof *sd);
    series_roll(&s->rows, rolling, mean, sd);
    s->value = mean;
    s->sd = sd;
}

static int read_rows(struct curve *c, struct query *q, const struct group_trial *trials, size_t n,
                     const struct quantity *what, size_t rolling, struct arena *a, struct err *e)
{
    struct track *s = arena_need(a, n + 1, sizeof *s);
    struct curve_outline *outlines = arena_need(a, n + 1, sizeof *outlines);
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct track){ 0 };
        outlines[i] = (struct curve_outline){ 0 };
        if (trials[i].outdated)
            continue;
        TRY(series_read(&s[i].rows, q, a, trials[i].id, what, e));
        s[i].value = s[i].rows.value;
        if (rolling > 1)
            roll(&s[i], rolling, a);
        outlines[i] = outline_of(&s[i]);
    }
    curve_survey(c, outlines, trials, n, what->kind != QUANTITY_STEP, a);
    merge(c, s, n, a);
    return 0;
}

static int read_group(struct curve *c, const struct subject *s, struct query *q, const struct group_trial *trials,
                      size_t n, const struct quantity *what, size_t rolling, struct arena *a, struct err *e)
{
    bool kept = false;
    if (what->kind == QUANTITY_TRIAL && rolling <= 1 && n > 1)
        TRY(curve_read_kept(c, &kept, s, q, trials, n, what, a, e));
    return kept ? 0 : read_rows(c, q, trials, n, what, rolling, a, e);
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
        TRY(read_group(c, s, q, s->trials + from, to - from, what, rolling, a, e));
        from = to;
    }
    return 0;
}
