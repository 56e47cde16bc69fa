/* Monitors of inverses: whether forward links reach the targets that were made for them, how fast an iteration comes to
 * rest, how much of a reconstruction the mapping is, and how far the outputs are to move in all. Bengio 2020, Sec.
 * 5, 8. What depends on weights is taken in the step before a log, once the feedback weights have moved and before the
 * others do. */
#include "trial/measures.h"

#include "credit/inverse_steps.h"
#include <math.h>
#include <stdio.h>

struct monitors {
    double *residual, *reconstruction; /* [n] of the link whose target or state it is; NaN where there is none */
    real *work;                        /* fits any link */
};

int monitors_open(struct trial *t, struct err *e)
{
    struct arena *a = &t->memory;
    struct monitors *m = t->references->monitors = arena_alloc(a, 1, sizeof *m);
    size_t widest = 1;
    for (size_t k = 0; k < t->credit.n; k++)
        widest = t->credit.d[k].cols > widest ? t->credit.d[k].cols : widest;
    if (m) {
        m->residual = arena_doubles(a, t->credit.n);
        m->reconstruction = arena_doubles(a, t->credit.n);
        m->work = arena_alloc(a, t->pass.rows * widest, sizeof *m->work);
    }
    return m && m->residual && m->reconstruction && m->work ? 0
                                                            : err_set(e, ERR_MEMORY, "not enough memory for monitors");
}

/* |a - b| / |b|; NaN where b is 0. a is used up. */
static double relative(struct mat a, struct mat b)
{
    mat_sub(a, b, a);
    const double size = mat_sum_squares(b);
    return size == 0 ? NAN : sqrt(mat_sum_squares(a) / size);
}

static bool asks(const struct trial *t, enum compares what)
{
    for (size_t i = 0; i < t->config->log.metrics.n; i++)
        if (measure_find(t->config->log.metrics.items[i])->compares & what)
            return true;
    return false;
}

int monitors_take(struct trial *t, struct err *e)
{
    struct monitors *m = t->references->monitors;
    struct credit *c = &t->credit;
    struct pass *p = &t->pass;
    const bool reconstructs = asks(t, COMPARES_RECONSTRUCTION), reaches = asks(t, COMPARES_TARGETS);
    const struct settling s = { .c = c, .p = p };
    if (reconstructs)
        TRY(credit_refresh(c, p, e));
    for (size_t k = 0; k + 1 < c->n; k++) {
        const struct mat up = mat_of(m->work, c->rows, c->d[k + 1].cols), back = mat_of(m->work, c->rows, c->d[k].cols),
                         h = p->links[k].out;
        if (reaches) {
            inverse_up(&s, k, c->d[k], up);
            m->residual[k] = relative(up, c->d[k + 1]);
        }
        if (reconstructs) {
            TRY(mapping_of(c)->apply(c, p, &p->links[k + 1], k, p->links[k + 1].out, back, e));
            m->reconstruction[k] = relative(back, h);
        }
    }
    return 0;
}

double monitors_flops(const struct trial *t)
{
    double n = 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++)
        n += 2 * unit_product(&t->chain.units[t->chain.unit_of[k + 1]], t->pass.rows);
    return n;
}

int inverse_residual_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const double residual = t->references->monitors->residual[k];
        char remark[192];
        if (isnan(residual) && mat_all_finite(t->credit.d[k + 1])) /* nothing to be reached */
            continue;
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, residual, e));
        if (!(residual > MONITORS_BAD_RESIDUAL) || t->warned || !sink->event)
            continue;
        snprintf(
            remark, sizeof remark,
            "%s of layer %zu is %.3g, above %g: its target hardly leads to the one above; feedback weights may have "
            "fallen behind",
            m->part.name, k, residual, MONITORS_BAD_RESIDUAL);
        TRY(sink->event(sink, t->step, "warning", remark, e));
        t->warned = true;
    }
    return 0;
}

int reconstruction_error_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++)
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, t->references->monitors->reconstruction[k], e));
    return 0;
}

int convergence_rate_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const struct settled *s = &t->credit.settled[k];
        if (s->before != 0) /* two changes at least */
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, s->last / s->before, e));
    }
    return 0;
}

int influence_sum_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    double sum = 0;
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->credit.n; i++)
        for (size_t b = 0; b < t->credit.rows; b++)
            sum += (double)t->credit.influence[i].p[b];
    return sink->metric(sink, m->part.name, t->step, sum / (double)t->credit.rows, e);
}
