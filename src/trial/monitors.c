/* Monitors of inverses: whether forward links reach the targets that were made for them, how fast an iteration comes to
 * rest, how much of a reconstruction the mapping is, and how far the outputs are to move in all. Bengio 2020, Sec.
 * 5, 8. What depends on weights is taken in the step before a log, once the feedback weights have moved and before the
 * others do. Of a layer that feeds several, the largest value of its ways. */
#include "trial/measures.h"

#include "credit/inverse_steps.h"
#include <math.h>
#include <stdio.h>

enum { NOTHING = -1 }; /* to be reached, or two changes to be compared */

struct monitors {
    double *residual, *reconstruction; /* [n_ways] to the link whose target or state it is; NaN of a state that is 0 */
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
        m->residual = arena_doubles(a, t->credit.n_ways + 1);
        m->reconstruction = arena_doubles(a, t->credit.n_ways + 1);
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
    for (size_t k = 0; k < c->n_ways; k++) {
        const size_t from = c->ways[k].from, to = c->ways[k].to;
        const struct mat up = mat_of(m->work, c->rows, c->d[to].cols), back = mat_of(m->work, c->rows, c->d[from].cols),
                         h = p->links[from].out;
        if (reaches) {
            inverse_up(&s, k, c->branch[k], up);
            m->residual[k] = mat_max_abs(c->d[to]) == 0 ? NOTHING : relative(up, c->d[to]);
        }
        if (reconstructs) {
            TRY(mapping_of(c)->apply(c, p, credit_ref(c, p, k), k, p->links[to].out, back, e));
            m->reconstruction[k] = relative(back, h);
        }
    }
    return 0;
}

double monitors_flops(const struct trial *t)
{
    double n = 0;
    for (size_t k = 0; k < t->credit.n_ways; k++)
        n += 2 * unit_product(&t->chain.units[t->chain.unit_of[t->credit.ways[k].to]], t->pass.rows);
    return n;
}

/* Over the ways to link k; one that is not a number, if there is one. */
static double largest_of(const struct credit *c, size_t k, const double *of_ways)
{
    double largest = NOTHING;
    for (size_t w = c->first_way[k]; w < c->first_way[k + 1]; w++)
        if (isnan(of_ways[w]) || of_ways[w] > largest)
            largest = of_ways[w];
    return largest;
}

int inverse_residual_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        const double residual = largest_of(&t->credit, k, t->references->monitors->residual);
        char remark[192];
        if (residual == NOTHING)
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
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k,
                               largest_of(&t->credit, k, t->references->monitors->reconstruction), e));
    return 0;
}

int convergence_rate_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t k = 0; k + 1 < t->credit.n; k++) {
        double rate = NOTHING;
        for (size_t w = t->credit.first_way[k]; w < t->credit.first_way[k + 1]; w++) {
            const struct settled *s = &t->credit.settled[w];
            const double ratio = s->last / s->before;
            if (s->before != 0 && (isnan(ratio) || ratio > rate))
                rate = ratio;
        }
        if (rate != NOTHING)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, rate, e));
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
