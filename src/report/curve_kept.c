/* A curve from the means that the database keeps, and the outlines of its trials from their summaries: the rows, which
 * may be millions, are not read. */
#include "report/curve_parts.h"

#include "report/series.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char sql_curve[] =
    "SELECT curve_id FROM kept_curves WHERE study = ?1 AND variant = ?2 AND cell = ?3 AND metric = ?4";
static const char sql_count[] = "SELECT count(*) FROM curve_stat WHERE curve_id = CAST(?1 AS INTEGER)";
static const char sql_points[] = "SELECT step, n, n_nonfinite, mean, sd, min, max FROM curve_stat WHERE curve_id = "
                                 "CAST(?1 AS INTEGER) ORDER BY step";
static const char sql_outline[] =
    "SELECT n, min, max, (SELECT m.value FROM metric m WHERE m.trial_id = u.trial_id AND m.key_id = u.key_id "
    "ORDER BY m.step LIMIT 1), last_step, last, end_step FROM summary u WHERE trial_id = CAST(?1 AS INTEGER) AND "
    "key_id = (SELECT id FROM metric_key WHERE name = ?2)";

struct reading {
    struct curve *c;
    const struct curve_options *o;
    size_t capacity;
    size_t n_trials, n_ended; /* those that count; how many of them ended before the present step */
    double *end_steps;        /* of the trials, rising */
};

struct outlining {
    struct curve_outline *outline;
    double end_step;
};

static int add_outline(void *self, int n, const double *v)
{
    enum { ROWS, LOW, HIGH, FIRST, LAST_STEP, LAST, END_STEP };
    struct outlining *o = self;
    (void)n;
    *o->outline = (struct curve_outline){ .n_rows = (size_t)v[ROWS],
                                          .any = isfinite(v[LOW]),
                                          .low = v[LOW],
                                          .high = v[HIGH],
                                          .first = v[FIRST],
                                          .ends_finite = v[LAST_STEP] == v[END_STEP],
                                          .end = { v[LAST_STEP], v[LAST] } };
    o->end_step = v[END_STEP];
    return 0;
}

/* As the merge of rows: a step is left out where a trial has no row although it has later ones. */
static int add_point(void *self, int n, const double *v)
{
    enum { STEP, FINITE, NONFINITE, MEAN, SD, MIN, MAX };
    struct reading *r = self;
    (void)n;
    while (r->n_ended < r->n_trials && r->end_steps[r->n_ended] < v[STEP])
        r->n_ended++;
    if (v[FINITE] == 0 || v[FINITE] + v[NONFINITE] + (double)r->n_ended != (double)r->n_trials ||
        r->c->n_points == r->capacity)
        return 0;
    const struct moments m = { .n = (size_t)v[FINITE],
                               .mean = v[MEAN],
                               .min = v[MIN],
                               .max = v[MAX],
                               .squares = v[SD] * v[SD] * (v[FINITE] - 1) };
    r->c->points[r->c->n_points++] = curve_point_of(v[STEP], &m, v[SD], r->o);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_huge(double value)
{
    return fabs(value) > SERIES_HUGE;
}

/* *huge: a value would be held back in a figure, but the mean is of what it is. */
static int read_outlines(struct reading *r, struct curve_outline *outlines, bool *huge, struct query *q,
                         const struct group_trial *trials, size_t n, const char *metric, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *const arguments[] = { trials[i].id, metric };
        struct outlining o = { &outlines[i], -1 };
        outlines[i] = (struct curve_outline){ 0 };
        if (trials[i].outdated)
            continue;
        TRY(query_doubles(q, sql_outline, arguments, 2, add_outline, &o, e));
        r->end_steps[r->n_trials++] = o.end_step;
        *huge = *huge || is_huge(o.outline->low) || is_huge(o.outline->high) || is_huge(o.outline->first) ||
                is_huge(o.outline->end.value);
    }
    qsort(r->end_steps, r->n_trials, sizeof *r->end_steps, by_value);
    return 0;
}

int curve_read_kept(struct curve *c, bool *found, const struct subject *s, struct query *q,
                    const struct group_trial *trials, size_t n, const struct quantity *what,
                    const struct curve_options *o, struct arena *a, struct err *e)
{
    const char *const names[] = { s->name, c->group->variant, c->group->cell, what->metric };
    struct reading r = { .c = c, .o = o, .end_steps = arena_need(a, n + 1, sizeof *r.end_steps) };
    struct curve_outline *outlines = arena_need(a, n + 1, sizeof *outlines);
    double id = 0, n_points = 0;
    bool huge = false;
    TRY(query_number(q, sql_curve, names, 4, found, &id, e));
    if (*found)
        TRY(read_outlines(&r, outlines, &huge, q, trials, n, what->metric, e));
    *found = *found && !huge;
    if (!*found)
        return 0;
    char curve[32];
    snprintf(curve, sizeof curve, "%" PRId64, (int64_t)id);
    const char *const argument = curve;
    bool counted;
    TRY(query_number(q, sql_count, &argument, 1, &counted, &n_points, e));
    r.capacity = (size_t)n_points;
    c->points = arena_need(a, r.capacity + 1, sizeof *c->points);
    curve_survey(c, outlines, trials, n, true, a);
    return query_doubles(q, sql_points, &argument, 1, add_point, &r, e);
}
