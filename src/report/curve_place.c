/* Curves against something else than the step: what a step took, from table progress. */
#include "report/curve_parts.h"

#include <math.h>

const char *const curve_alongs[] = { "step", "epoch", "samples", "seconds", "flops", NULL };

#define PLACES(column)                                                                                                 \
    "SELECT p.step, avg(" column ") FROM outcomes t JOIN progress p ON p.trial_id = t.trial_id WHERE t.study = ?1 "    \
    "AND t.variant = ?2 AND t.cell = ?3 AND t.outcome <> 'outdated' AND " column " IS NOT NULL "                       \
    "GROUP BY p.step ORDER BY p.step"
static const char *const sql_places[] = { [ALONG_EPOCH] = PLACES("p.epoch"),
                                          [ALONG_SAMPLES] = PLACES("p.samples"),
                                          [ALONG_SECONDS] = PLACES("p.cpu_ns / 1e9"),
                                          [ALONG_FLOPS] = PLACES("p.flops") };

struct placing {
    struct curve *c;
    size_t next, n; /* the point whose step is awaited; points that are placed */
    double *ends;   /* the place of each end, NaN until it is known */
};

/* Rows and points both come with rising steps. */
static int place(void *self, int n, const double *v)
{
    struct placing *p = self;
    struct curve *c = p->c;
    (void)n;
    while (p->next < c->n_points && c->points[p->next].step < v[0])
        p->next++;
    if (p->next < c->n_points && c->points[p->next].step == v[0]) {
        c->points[p->n] = c->points[p->next++];
        c->points[p->n++].step = v[1];
    }
    for (size_t i = 0; i < c->n_ends; i++)
        if (c->ends[i].step == v[0])
            p->ends[i] = v[1];
    return 0;
}

static void keep_ends(struct curve *c, const double *places)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_ends; i++)
        if (isfinite(places[i]))
            c->ends[n++] = (struct curve_end){ places[i], c->ends[i].value };
    c->n_ends = n;
}

int curves_place(struct curve *curves, const struct subject *s, struct query *q, enum curve_along along,
                 struct arena *a, struct err *e)
{
    bool any = false, some = false;
    for (size_t i = 0; i < s->n_groups; i++) {
        struct curve *c = &curves[i];
        const char *const arguments[] = { s->name, c->group->variant, c->group->cell };
        struct placing p = { .c = c, .ends = arena_need(a, c->n_ends + 1, sizeof *p.ends) };
        for (size_t k = 0; k < c->n_ends; k++)
            p.ends[k] = NAN;
        some = some || c->n_points;
        TRY(query_doubles(q, sql_places[along], arguments, 3, place, &p, e));
        c->n_points = p.n;
        keep_ends(c, p.ends);
        any = any || p.n;
    }
    return any || !some ? 0
                        : err_set(e, ERR_USAGE, "study '%s' has no '%s' of its steps: %s", s->name, curve_alongs[along],
                                  along == ALONG_EPOCH ? "its data are endless" : "an older program logged it");
}
