#include "report/curve_parts.h"

#include "report/series.h"
#include <math.h>
#include <stdlib.h>

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

const char *const curve_bands[] = { "sd", "ci95", "quartiles", "minmax", "none", NULL };

struct curve_point curve_point_of(double step, const struct moments *m, double sd, const struct curve_options *o)
{
    struct curve_point at = { .step = step, .mean = m->mean, .low = NAN, .high = NAN, .n = m->n };
    if (o->band == BAND_MINMAX || (o->band == BAND_SD && m->n == 2)) {
        at.low = m->n > 1 ? m->min : NAN;
        at.high = m->n > 1 ? m->max : NAN;
    } else if (o->band == BAND_SD || o->band == BAND_CI95) {
        const double reach = o->band == BAND_SD ? sd : moments_half_width(m);
        at.low = isfinite(reach) ? m->mean - reach : NAN;
        at.high = isfinite(reach) ? m->mean + reach : NAN;
    }
    if (o->geometric) {
        at.mean = exp(at.mean);
        at.low = exp(at.low);
        at.high = exp(at.high);
    }
    return at;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n > 0 sorted values, with straight lines between them. */
static double quantile(const double *sorted, size_t n, double part)
{
    const double at = part * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static struct curve_point quartiles(double step, double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return (struct curve_point){ .step = step,
                                 .mean = quantile(values, n, 0.5),
                                 .low = n > 1 ? quantile(values, n, 0.25) : NAN,
                                 .high = n > 1 ? quantile(values, n, 0.75) : NAN,
                                 .n = n };
}

const char *curve_band_words(enum curve_band band, size_t most, bool geometric)
{
    switch (band) {
    case BAND_SD:
        return most == 2   ? "the range of two"
               : geometric ? "mean times or divided by the geometric sd, or the range of two"
                           : "mean ± sd, or the range of two";
    case BAND_CI95:
        return "95 % interval of the mean";
    case BAND_QUARTILES:
        return "quartiles";
    case BAND_MINMAX:
        return "smallest to largest";
    default:
        return "";
    }
}

/* Fills m and moves what counts to the front. */
static void gather(struct moments *m, double *values, size_t n, bool geometric)
{
    for (size_t i = 0; i < n; i++) {
        const double value = geometric ? log(values[i]) : values[i]; /* of 0: not finite */
        if (isfinite(value)) {
            values[m->n] = value;
            moments_add(m, value);
        }
    }
}

struct curve_point curve_point_of_values(double step, double *values, size_t n, const struct curve_options *o)
{
    struct moments m = { 0 };
    gather(&m, values, n, o->geometric && o->band != BAND_QUARTILES);
    if (m.n == 0)
        return (struct curve_point){ .step = step, .mean = NAN, .low = NAN, .high = NAN };
    return o->band == BAND_QUARTILES ? quartiles(step, values, m.n) : curve_point_of(step, &m, moments_sd(&m), o);
}

static void merge(struct curve *c, struct track *s, size_t n, const struct curve_options *o, struct arena *a)
{
    size_t most = 0;
    bool common;
    double *values = arena_need(a, n + 1, sizeof *values);
    for (size_t i = 0; i < n; i++)
        most += s[i].rows.n;
    c->points = arena_need(a, most + 1, sizeof *c->points);
    for (double step; (step = next_step(s, n, &common)) < INFINITY;) {
        struct moments m = { 0 };
        size_t n_values = 0;
        double rolled = NAN;
        for (size_t i = 0; i < n; i++)
            if (s[i].next < s[i].rows.n && s[i].rows.at[s[i].next] == step) {
                const size_t row = s[i].next++;
                values[n_values++] = s[i].value[row];
                rolled = s[i].sd && !o->geometric ? s[i].sd[row] : NAN;
            }
        struct curve_point point = { 0 };
        if (n == 1 && o->band == BAND_SD) {
            gather(&m, values, n_values, o->geometric);
            point = curve_point_of(step, &m, rolled, o);
        } else {
            point = curve_point_of_values(step, values, n_values, o);
        }
        if (common && point.n)
            c->points[c->n_points++] = point;
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

static void roll(struct track *s, const struct curve_options *o, struct arena *a)
{
    double *mean = arena_need(a, s->rows.n + 1, sizeof *mean), *sd = arena_need(a, s->rows.n + 1, sizeof *sd);
    s->value = mean;
    if (o->smooth > 0) {
        series_smooth(&s->rows, o->smooth, mean);
        return;
    }
    series_roll(&s->rows, o->rolling, mean, sd);
    s->sd = sd;
}

static int read_rows(struct curve *c, struct query *q, const struct group_trial *trials, size_t n,
                     const struct quantity *what, const struct curve_options *o, struct arena *a, struct err *e)
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
        if (o->rolling > 1 || o->smooth > 0)
            roll(&s[i], o, a);
        outlines[i] = outline_of(&s[i]);
    }
    curve_survey(c, outlines, trials, n, what->kind != QUANTITY_STEP, a);
    merge(c, s, n, o, a);
    return 0;
}

static int read_group(struct curve *c, const struct subject *s, struct query *q, const struct group_trial *trials,
                      size_t n, const struct quantity *what, const struct curve_options *o, struct arena *a,
                      struct err *e)
{
    bool kept = false;
    const bool of_means = !o->geometric && o->band != BAND_QUARTILES && o->rolling <= 1 && !(o->smooth > 0);
    if (what->kind == QUANTITY_TRIAL && of_means && n > 1)
        TRY(curve_read_kept(c, &kept, s, q, trials, n, what, o, a, e));
    return kept ? 0 : read_rows(c, q, trials, n, what, o, a, e);
}

int curves_read(struct curve **curves, const struct subject *s, struct query *q, struct arena *a,
                const struct quantity *what, const struct curve_options *o, struct err *e)
{
    *curves = arena_need(a, s->n_groups + 1, sizeof **curves);
    for (size_t i = 0, from = 0; i < s->n_groups; i++) {
        struct curve *c = &(*curves)[i];
        size_t to = from;
        while (to < s->n_trials && s->trials[to].group == i)
            to++;
        c->group = &s->groups[i];
        TRY(read_group(c, s, q, s->trials + from, to - from, what, o, a, e));
        from = to;
    }
    return o->along == ALONG_STEP ? 0 : curves_place(*curves, s, q, o->along, a, e);
}
