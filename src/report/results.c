#include "base/clean.h"
#include "report/section.h"
#include "report/selection.h"
#include "stat/moments.h"
#include "store/partial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char sql_values[] = "SELECT t.trial_id, k.name, u.last, u.best, " PARTIAL(
    "u") " FROM outcomes t JOIN summary u ON u.trial_id = t.trial_id "
         "JOIN metric_key k ON k.id = u.key_id WHERE t.study = ?1 AND t.outcome = 'done' AND u.end_step = t.step "
         "AND u.last_step = u.end_step ORDER BY t.trial_id, k.name";

/* Of the trials that are done and have a finite last value. */
struct results {
    const struct subject *s;
    struct moments *last, *best; /* n_groups x n_metrics, by row */
    size_t *partial;             /* likewise: how many have no best value, see store/partial.h */
    size_t at;                   /* the trial found last: the rows come trial by trial */
};

static size_t trial_of(struct results *r, const char *id)
{
    const size_t n = r->s->n_trials;
    for (size_t k = 0; k < n; k++) {
        const size_t i = (r->at + k) % n;
        if (!strcmp(r->s->trials[i].id, id))
            return r->at = i;
    }
    return n;
}

static void add(struct moments *m, const char *value)
{
    double x;
    if (value && text_to_double(value, strlen(value), &x) == 0)
        moments_add(m, x);
}

static int add_values(void *self, int n, const char *const *values)
{
    struct results *r = self;
    const struct subject *s = r->s;
    if (n < 5 || !values[0] || !values[1])
        return 0;
    const size_t trial = trial_of(r, values[0]);
    for (size_t m = 0; trial < s->n_trials && m < s->n_metrics; m++)
        if (!strcmp(s->metrics[m], values[1])) {
            const size_t at = s->trials[trial].group * s->n_metrics + m;
            add(&r->last[at], values[2]);
            add(&r->best[at], values[3]);
            r->partial[at] += values[4] && !strcmp(values[4], "1");
        }
    return 0;
}

/* A mean that lacks some of the n_asked seeds stands in parentheses. */
static void put_moments(struct text *out, const struct moments *m, size_t n_asked)
{
    const char *before = m->n < n_asked ? "(" : "", *after = m->n < n_asked ? ")" : "";
    if (m->n == 0)
        text_puts(out, "–");
    else if (m->n == 1 || !isfinite(moments_sd(m))) /* beyond what a double can square */
        text_add(out, "%s%.4g%s", before, m->mean, after);
    else
        text_add(out, "%s%.4g ± %.2g%s", before, m->mean, moments_sd(m), after);
}

static void put_unit(struct text *out, const char *unit)
{
    struct text t = { 0 };
    subject_put_unit(&t, unit);
    clean_markdown(out, t.s ? t.s : "");
    text_free(&t);
}

static void put_row(struct text *out, const struct results *r, size_t metric, size_t group)
{
    const size_t at = group * r->s->n_metrics + metric, n = r->last[at].n;
    const struct group *g = &r->s->groups[group];
    text_puts(out, "| ");
    clean_markdown(out, r->s->metrics[metric]);
    put_unit(out, subject_unit(r->s, r->s->metrics[metric]));
    text_puts(out, " | ");
    clean_code(out, g->label);
    text_puts(out, " | ");
    put_moments(out, &r->last[at], g->n_trials);
    text_puts(out, " | ");
    if (r->partial[at])
        text_puts(out, "–");
    else
        put_moments(out, &r->best[at], g->n_trials);
    text_add(out, n < g->n_trials ? " | %zu of %zu" : " | %zu", n, g->n_trials);
    if (g->n_diverged)
        text_add(out, " (%zu diverged)", g->n_diverged);
    if (g->n_shorter)
        text_add(out, " (%zu of fewer steps)", g->n_shorter);
    if (r->partial[at])
        text_add(out, " (%zu logged it in part)", r->partial[at]);
    text_puts(out, " |\n");
}

static void put_states(const struct section *s)
{
    static const char *const head[] = { "variant", "cells",    "trials",       "done", "diverged",
                                        "failed",  "outdated", "not finished", NULL };
    const struct subject *u = s->subject;
    section_head(s->out, head);
    for (size_t v = 0; v < u->n_variants; v++) {
        struct group sum = { 0 };
        size_t cells = 0;
        for (size_t i = 0; i < u->n_groups; i++)
            if (!strcmp(u->groups[i].variant, u->variants[v])) {
                cells++;
                sum.n_trials += u->groups[i].n_trials;
                sum.n_done += u->groups[i].n_done;
                sum.n_diverged += u->groups[i].n_diverged;
                sum.n_failed += u->groups[i].n_failed;
                sum.n_outdated += u->groups[i].n_outdated;
            }
        text_puts(s->out, "| ");
        clean_code(s->out, u->variants[v]);
        text_add(s->out, " | %zu | %zu | %zu | %zu | %zu | %zu | %zu |\n", cells, sum.n_trials, sum.n_done,
                 sum.n_diverged, sum.n_failed, sum.n_outdated, group_waiting(&sum));
    }
    text_putc(s->out, '\n');
}

static const char *const head[] = { "metric", "variant, cell", "last", "best", "n", NULL };

/* Of a large sweep: the main metric in the few cells of each variant that are best by the last value of metric `by`.
 * Not in the chosen one with fresh seeds, which is no cell of the sweep. */
static void put_best(const struct section *s, const struct results *r, size_t metric, size_t by, bool largest)
{
    enum { BEST = 3 };
    const struct subject *u = s->subject;
    for (size_t v = 0; v < u->n_variants; v++) {
        bool *taken = arena_need(s->a, u->n_groups, sizeof *taken);
        for (size_t k = 0; k < BEST; k++) {
            size_t best = u->n_groups;
            for (size_t i = 0; i < u->n_groups; i++) {
                const struct moments *m = &r->last[i * u->n_metrics + by];
                if (taken[i] || u->groups[i].retrained || m->n < u->groups[i].n_trials ||
                    strcmp(u->groups[i].variant, u->variants[v]) != 0)
                    continue;
                const double against = best < u->n_groups ? r->last[best * u->n_metrics + by].mean : 0;
                if (best == u->n_groups || (largest ? m->mean > against : m->mean < against))
                    best = i;
            }
            if (best < u->n_groups) {
                taken[best] = true;
                put_row(s->out, r, metric, best);
            }
        }
    }
}

static size_t metric_of(const struct subject *u, const char *name)
{
    size_t i = 0;
    while (i < u->n_metrics && strcmp(u->metrics[i], name) != 0)
        i++;
    return i;
}

static int put_chosen(const struct section *s, const struct results *r, struct err *e)
{
    const struct subject *u = s->subject;
    struct selection by;
    TRY(selection_find(&by, s->q, u->name, e));
    const size_t chosen_by = metric_of(u, by.metric);
    text_puts(s->out, "Last and best values of the three best complete cells of each variant");
    if (chosen_by < u->n_metrics) {
        text_puts(s->out, ", by the mean last ");
        clean_markdown(s->out, by.metric);
    }
    text_puts(s->out, by.of_test ? ", selected on the test set, mean ± sd:\n\n" : ", mean ± sd:\n\n");
    section_head(s->out, head);
    if (chosen_by < u->n_metrics)
        put_best(s, r, metric_of(u, subject_main_metric(u)), chosen_by, by.largest);
    return 0;
}

static int put_values(const struct section *s, const struct results *r, struct err *e)
{
    const struct subject *u = s->subject;
    const bool all = u->n_groups <= SECTION_MAX_ROWS;
    if (!all)
        TRY(put_chosen(s, r, e));
    if (all) {
        text_puts(s->out, "Last and best values, mean ± sd over the seeds; in parentheses where some of them diverged, "
                          "failed, are outdated or not finished, then of the others:\n\n");
        section_head(s->out, head);
    }
    for (size_t m = 0; all && m < u->n_metrics; m++)
        for (size_t i = 0; i < u->n_groups; i++)
            put_row(s->out, r, m, i);
    text_putc(s->out, '\n');
    return 0;
}

int section_results(const struct section *s, struct err *e)
{
    const struct subject *u = s->subject;
    size_t n;
    if (__builtin_mul_overflow(u->n_groups, u->n_metrics + 1, &n))
        return err_set(e, ERR_MEMORY, "out of memory");
    struct results r = { .s = u,
                         .last = arena_need(s->a, n, sizeof(struct moments)),
                         .best = arena_need(s->a, n, sizeof(struct moments)),
                         .partial = arena_need(s->a, n, sizeof(size_t)) };
    put_states(s);
    TRY(query_rows(s->q, sql_values, &u->name, 1, add_values, &r, e));
    return u->n_metrics ? put_values(s, &r, e) : 0;
}
