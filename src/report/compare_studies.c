#include "report/compare_studies.h"

#include "report/sheet.h"
#include <math.h>

enum { PROFILE_POINTS = 21, SIDES = 2 };

/* A stratum is a cell of a study. */
struct strata {
    size_t n;
    struct stratum *of[SIDES];
    bool complete; /* every seed of every cell has finished */
    bool known;    /* every trial has a value, or is known to reach none: it diverged, or did not reach the target */
};

static bool reaches_none_or_has(enum compare_end end)
{
    return end == COMPARE_FINISHED || end == COMPARE_DIVERGED || end == COMPARE_UNREACHED;
}

/* missing: what stands for the value of a trial that reaches none; NaN leaves such pairs out. */
static struct strata strata_of(const struct compare_cells *cells, double missing)
{
    struct strata s = { .n = cells->n, .complete = true, .known = true };
    for (int side = 0; side < SIDES; side++)
        s.of[side] = arena_need(cells->arena, cells->n + 1, sizeof *s.of[side]);
    for (size_t i = 0; i < cells->n; i++) {
        const struct compare_cell *c = &cells->items[i];
        s.complete = s.complete && compare_complete(c);
        s.known = s.known && !c->n[COMPARE_MISMATCHED];
        for (int side = 0; side < SIDES; side++) {
            double *values = arena_need(cells->arena, c->n_asked, sizeof *values);
            size_t n = 0;
            for (size_t k = 0; k < c->n_asked; k++) {
                const struct compare_value *v = side ? c->pairs[k].b : c->pairs[k].a;
                s.known = s.known && reaches_none_or_has(v->end);
                if (c->pairs[k].end == COMPARE_FINISHED || !isnan(missing))
                    values[n++] = v->end == COMPARE_FINISHED ? v->value : missing;
            }
            s.of[side][i] = (struct stratum){ n, values };
        }
    }
    return s;
}

static void put_bootstrap(struct sheet *s, const struct bootstrap *x)
{
    sheet_number(s, x->value);
    sheet_number(s, x->low);
    sheet_number(s, x->high);
}

static void put_aggregate(struct sheet *s, const char *statistic, const char *of, const struct bootstrap *x)
{
    sheet_text(s, statistic);
    sheet_text(s, of);
    put_bootstrap(s, x);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "out of memory");
}

static int put_statistic(struct sheet *sheet, const struct strata *s, const char *name, aggregate *statistic,
                         struct err *e)
{
    static const char *const names[] = { "A", "B" };
    const struct difference difference = { statistic, NULL };
    struct bootstrap x = { NAN, NAN, NAN };
    for (int side = 0; side < SIDES; side++) {
        if (s->complete && aggregate_bootstrap(s->of[side], s->n, statistic, NULL, &x) < 0)
            return no_memory(e);
        put_aggregate(sheet, name, names[side], &x);
    }
    if (s->complete && aggregate_bootstrap_pairs(s->of[0], s->of[1], s->n, aggregate_difference, &difference, &x) < 0)
        return no_memory(e);
    put_aggregate(sheet, name, "A - B", &x);
    return 0;
}

static int put_aggregates(struct sheet *sheet, const struct compare_cells *cells, enum compare_goal goal, struct err *e)
{
    const struct strata s = strata_of(cells, NAN);
    struct bootstrap x = { NAN, NAN, NAN };
    const int better = goal == COMPARE_MIN; /* the side whose larger values count */
    TRY(put_statistic(sheet, &s, "interquartile mean", aggregate_iqm, e));
    TRY(put_statistic(sheet, &s, "mean", aggregate_mean, e));
    if (s.complete && goal != COMPARE_NO_GOAL &&
        aggregate_bootstrap_pairs(s.of[better], s.of[!better], s.n, aggregate_improvement, NULL, &x) < 0)
        return no_memory(e);
    put_aggregate(sheet, "probability of improvement", "A over B", &x);
    return 0;
}

/* Smallest and largest finite value of both sides; false without one. */
static bool range_of(const struct strata *s, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int side = 0; side < SIDES; side++)
        for (size_t i = 0; i < s->n; i++)
            for (size_t k = 0; k < s->of[side][i].n; k++) {
                const double x = s->of[side][i].values[k];
                *low = isfinite(x) ? fmin(*low, x) : *low;
                *high = isfinite(x) ? fmax(*high, x) : *high;
            }
    return *low <= *high;
}

/* A trial that diverged reaches no bound, nor does one that did not reach the target. */
static int put_profile(struct sheet *sheet, const struct compare_cells *cells, enum compare_goal goal, struct err *e)
{
    const struct strata s = strata_of(cells, goal == COMPARE_MIN ? INFINITY : -INFINITY);
    double low, high;
    if (goal == COMPARE_NO_GOAL || !s.known || !range_of(&s, &low, &high))
        return 0;
    for (int i = 0; i < PROFILE_POINTS; i++) {
        const double share = (double)i / (PROFILE_POINTS - 1);
        const struct bound bound = { (1 - share) * low + share * high, goal == COMPARE_MIN };
        sheet_number(sheet, bound.value);
        for (int side = 0; side < SIDES; side++) {
            struct bootstrap x;
            if (aggregate_bootstrap(s.of[side], s.n, aggregate_share, &bound, &x) < 0)
                return no_memory(e);
            put_bootstrap(sheet, &x);
        }
    }
    return 0;
}

static int print_part(struct sheet *s, const char *name, enum query_format format, FILE *out, struct err *e)
{
    section_heading(name, false, format, out);
    return sheet_print(s, out, name, e);
}

static int print_aggregates(const struct compare_cells *cells, enum compare_goal goal, enum query_format format,
                            FILE *out, struct err *e)
{
    static const char *const names[] = { "statistic", "of", "value", "low", "high" };
    struct sheet s = { .format = format };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sheet_column(&s, names[i], true);
    int code = put_aggregates(&s, cells, goal, e);
    if (code == 0)
        code = print_part(&s, "aggregates", format, out, e);
    sheet_free(&s);
    return code;
}

static int print_profile(const struct compare_cells *cells, enum compare_goal goal, enum query_format format, FILE *out,
                         struct err *e)
{
    static const char *const names[] = { "bound", "share_a", "low_a", "high_a", "share_b", "low_b", "high_b" };
    struct sheet s = { .format = format };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sheet_column(&s, names[i], true);
    int code = put_profile(&s, cells, goal, e);
    if (code == 0)
        code = print_part(&s, "profile", format, out, e);
    sheet_free(&s);
    return code;
}

int compare_print_studies(const struct compare_cells *cells, enum compare_goal goal, enum query_format format,
                          FILE *out, struct err *e)
{
    TRY(print_aggregates(cells, goal, format, out, e));
    return print_profile(cells, goal, format, out, e);
}
