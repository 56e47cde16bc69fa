#include "report/finals.h"

#include "report/curve_parts.h"
#include "report/series.h"
#include "store/partial.h"
#include <math.h>
#include <string.h>

#define VALUE(column, where)                                                                                           \
    "SELECT u." column                                                                                                 \
    ", t.step FROM summary u JOIN trial t ON t.id = u.trial_id WHERE u.trial_id = CAST(?1 AS INTEGER) AND "            \
    "u.key_id = (SELECT id FROM metric_key WHERE name = ?2) AND u.end_step = t.step" where
static const char *const sql_values[] = { [FINALS_LAST] = VALUE("last", " AND u.last_step = u.end_step"),
                                          [FINALS_AREA] = VALUE("auc", " AND NOT " PARTIAL_SUMMARY) };
static const char sql_goal[] = "SELECT goal = 'max' FROM metric_key WHERE name = ?1";

static int add_value(void *self, int n, const double *values)
{
    struct final *to = self;
    if (n < 2 || !isfinite(values[0]))
        return 0;
    to->shortest = to->n ? fmin(to->shortest, values[1]) : values[1];
    to->longest = to->n ? fmax(to->longest, values[1]) : values[1];
    to->values[to->n++] = series_hold(values[0]);
    return 0;
}

int finals_read(struct finals *f, const struct subject *s, struct query *q, struct arena *a, const char *metric,
                enum finals_kind kind, struct err *e)
{
    double goal = 0;
    TRY(subject_check_metric(s, metric, e));
    *f = (struct finals){ .metric = metric, .unit = subject_unit(s, metric), .shown = subject_metric(s, metric) };
    TRY(query_number(q, sql_goal, &metric, 1, &f->known_goal, &goal, e));
    f->largest = !f->known_goal || goal > 0;
    f->of = arena_need(a, s->n_groups + 1, sizeof *f->of);
    for (size_t i = 0; i < s->n_groups; i++)
        f->of[i].values = arena_need(a, s->groups[i].n_trials + 1, sizeof *f->of[i].values);
    for (size_t i = 0; i < s->n_trials; i++) {
        const char *const arguments[] = { s->trials[i].id, metric };
        if (s->trials[i].done)
            TRY(query_doubles(q, sql_values[kind], arguments, 2, add_value, &f->of[s->trials[i].group], e));
    }
    return 0;
}

struct curve_point finals_point(const struct finals *f, size_t group, const struct curve_options *o)
{
    struct final *of = &f->of[group];
    struct arena a;
    arena_init(&a, 0);
    double *values = arena_need(&a, of->n + 1, sizeof *values);
    memcpy(values, of->values, of->n * sizeof *values); /* finals are read again */
    const struct curve_point p = curve_point_of_values(0, values, of->n, o);
    arena_finish(&a);
    return p;
}

bool finals_whole(const struct finals *f, const struct subject *s, size_t group)
{
    return f->of[group].n == s->groups[group].n_trials;
}

size_t finals_rank(const struct finals *f, const struct subject *s, size_t *order, const struct curve_options *o,
                   struct arena *a)
{
    double *mean = arena_need(a, s->n_groups + 1, sizeof *mean);
    bool *whole = arena_need(a, s->n_groups + 1, sizeof *whole);
    size_t n = 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct curve_point p = finals_point(f, i, o);
        if (p.n == 0)
            continue;
        mean[i] = f->largest ? p.mean : -p.mean;
        whole[i] = finals_whole(f, s, i);
        size_t at = n++;
        for (; at > 0; at--) {
            const size_t other = order[at - 1];
            if (whole[other] == whole[i] ? mean[other] >= mean[i] : whole[other])
                break;
            order[at] = other;
        }
        order[at] = i;
    }
    return n;
}
