/* What an update is compared with, taken from the pass of the method under test before its weights move:
 * back-propagation and Gauss-Newton targets as further credits over that pass, and what is made of its Jacobians
 * (gauss_newton.c). Only what a metric of the log asks for is opened, and it is taken in the step before a log alone.
 */
#include "trial/measures.h"

static unsigned references_asked(const struct config *c)
{
    unsigned asked = 0;
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(c->log.metrics.items[i]);
        asked |= m ? m->compares : 0;
    }
    return asked;
}

int references_open(struct trial *t, struct err *e)
{
    const unsigned asked = references_asked(t->config);
    if (!asked)
        return 0;
    struct references *r = t->references = arena_alloc(&t->memory, 1, sizeof *r);
    if (!r)
        return err_set(e, ERR_MEMORY, "not enough memory for the reference gradients");
    if (asked & COMPARES_BP)
        TRY(reference_open(t, &r->bp, "bp", e));
    if (asked & (COMPARES_GNT | COMPARES_SEARCH))
        TRY(reference_open(t, &r->gnt, "gnt", e));
    if (asked & COMPARES_SEARCH)
        TRY(gnt_search_open(t, e));
    if (asked & (COMPARES_GN | COMPARES_JACOBIAN | COMPARES_NULLSPACE))
        TRY(gauss_newton_open(t, asked, e));
    if (asked & (COMPARES_MATCH | COMPARES_INVERSE))
        TRY(match_open(t, asked & COMPARES_INVERSE, e));
    if (asked & COMPARES_WEIGHTS)
        TRY(feedback_weights_open(t, e));
    if (asked & (COMPARES_TARGETS | COMPARES_RECONSTRUCTION))
        TRY(monitors_open(t, e));
    return 0;
}

static int take(struct trial *t, struct references *r, struct err *e)
{
    if (r->bp)
        TRY(reference_take(t, r->bp, r->bp->gradient, e));
    if (r->gnt)
        TRY(reference_take(t, r->gnt, r->gnt->gradient, e));
    if (r->search)
        TRY(gnt_search_take(t, e));
    if (r->gauss_newton)
        TRY(gauss_newton_take(t, e));
    if (r->match)
        TRY(match_take(t, e));
    if (r->feedback_weights)
        feedback_weights_take(t);
    if (r->monitors)
        TRY(monitors_take(t, e));
    r->taken = true;
    return 0;
}

static double flops(const struct trial *t, const struct references *r)
{
    return reference_flops(t, r->bp) + reference_flops(t, r->gnt) + (r->search ? gnt_search_flops(t) : 0) +
           (r->gauss_newton ? gauss_newton_flops(t) : 0) + (r->match ? match_flops(t) : 0) +
           (r->monitors ? monitors_flops(t) : 0);
}

/* The step's time goes on, so what was spent here is taken from that of training. */
int references_take(struct trial *t, struct err *e)
{
    double from[2], spent[2] = { 0 };
    clock_now(from);
    const int code = take(t, t->references, e);
    clock_lap(from, spent);
    t->evaluation_flops += flops(t, t->references);
    for (int i = 0; i < 2; i++) {
        t->cost_ns[COST_EVALUATE][i] += spent[i];
        t->cost_ns[COST_TRAIN][i] -= spent[i];
    }
    return code;
}
