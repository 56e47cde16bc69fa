/* The reference: back-propagation as a second credit over the pass of the method under test. */
#include "trial/private.h"

bool reference_asked(const struct config *c)
{
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, c->log.metrics.items[i]);
        if (m && m->of_reference)
            return true;
    }
    return false;
}

int reference_open(struct trial *t, struct err *e)
{
    struct arena *a = &t->memory;
    struct reference *r = arena_alloc(a, 1, sizeof *r);
    if (!r)
        return err_set(e, ERR_MEMORY, "not enough memory for the reference gradient");
    TRY(config_preset("bp", &r->algorithm, a, e));
    const struct credit_choice choice = config_credit(&r->algorithm);
    TRY(credit_shape(&r->credit, &choice, &t->chain, a, e));
    TRY(credit_open(&r->credit, t->pass.rows, a, e));
    r->gradient = arena_alloc(a, t->chain.n_vector, sizeof *r->gradient);
    if (!r->gradient)
        return err_set(e, ERR_MEMORY, "not enough memory for the reference gradient");
    t->reference = r;
    return 0;
}

int reference_take(struct trial *t, struct err *e)
{
    struct reference *r = t->reference;
    TRY(credit_head(&r->credit, &t->pass, t->config->loss, r->gradient, e));
    TRY(credit_targets(&r->credit, &t->pass, e));
    TRY(credit_update(&r->credit, &t->pass, r->gradient, e));
    r->taken = true;
    return 0;
}

void reference_close(struct trial *t)
{
    if (t->reference)
        credit_finish(&t->reference->credit);
}
