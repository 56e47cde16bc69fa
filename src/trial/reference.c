/* What an update is compared with, taken from the pass of the method under test before its weights move:
 * back-propagation and Gauss-Newton targets as further credits over that pass, and what is made of its Jacobians
 * (gauss_newton.c). Only what a metric of the log asks for is opened, and it is taken in the step before a log alone.
 */
#include "trial/private.h"

#include "credit/mapping_pinv.h"
#include <math.h>
#include <string.h>

unsigned references_asked(const struct config *c)
{
    unsigned asked = 0;
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(c->log.metrics.items[i]);
        asked |= m ? m->compares : 0;
    }
    return asked;
}

/* The credit of a preset over the chain of the method under test. */
static int reference_open(struct trial *t, struct reference **out, const char *preset, struct err *e)
{
    struct arena *a = &t->memory;
    struct reference *r = *out = arena_alloc(a, 1, sizeof *r);
    if (!r)
        return err_set(e, ERR_MEMORY, "not enough memory for the reference gradient");
    TRY(config_preset(preset, &r->algorithm, t->shapes, e));
    if (strcmp(preset, "gnt") == 0)
        pinv_options_of(r->algorithm.mapping)->damping = t->config->log.damping;
    struct credit_choice choice = config_credit(&r->algorithm);
    if (t->chain.per_step > 1) /* the units above the recurrent one follow the exact gradient, whatever the method */
        choice.head = t->credit.choice.head;
    TRY(credit_shape(&r->credit, &choice, &t->chain, t->shapes, e));
    TRY(credit_open(&r->credit, t->pass.rows, a, e));
    r->gradient = arena_alloc(a, t->chain.n_vector, sizeof *r->gradient);
    return r->gradient ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the reference gradient");
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
    if (asked & (COMPARES_GN | COMPARES_JACOBIAN))
        TRY(gauss_newton_open(t, asked & COMPARES_GN, e));
    return 0;
}

/* A matrix that cannot be factorized makes the metric NaN; it says nothing against the training. */
int reference_failed(int code, real *gradient, size_t n, struct err *e)
{
    if (code != ERR_SINGULAR)
        return code;
    err_clear(e);
    for (size_t i = 0; i < n; i++)
        gradient[i] = NAN;
    return 0;
}

int reference_take(struct trial *t, struct reference *r, real *gradient, struct err *e)
{
    TRY(credit_head(&r->credit, &t->pass, t->config->loss, gradient, e));
    int code = credit_refresh(&r->credit, &t->pass, e);
    if (code == 0)
        code = credit_targets(&r->credit, &t->pass, e);
    if (code == 0)
        code = credit_update(&r->credit, &t->pass, gradient, e);
    return reference_failed(code, gradient, t->chain.n_vector, e);
}

int references_take(struct trial *t, struct err *e)
{
    struct references *r = t->references;
    if (r->bp)
        TRY(reference_take(t, r->bp, r->bp->gradient, e));
    if (r->gnt)
        TRY(reference_take(t, r->gnt, r->gnt->gradient, e));
    if (r->search)
        TRY(gnt_search_take(t, e));
    if (r->gauss_newton)
        TRY(gauss_newton_take(t, e));
    r->taken = true;
    return 0;
}
