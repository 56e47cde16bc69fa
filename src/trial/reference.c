/* Another method beside the one under test: its credit on the pass of the training step, at the same weights. */
#include "trial/measures.h"

#include "credit/mapping_pinv.h"
#include <math.h>
#include <string.h>

/* The credit of a preset over the chain of the method under test. */
int reference_open(struct trial *t, struct reference **out, const char *preset, struct err *e)
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

double reference_flops(const struct trial *t, const struct reference *r)
{
    return r ? credit_flops(&t->chain, &r->credit, t->pass.rows) : 0;
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
