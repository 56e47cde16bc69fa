/* How far feedback weights V are from the weights W of the layer that they lead back through (Ernoult 2022, code): the
 * angle between the two as vectors, and |W - V| / |W|, V brought to the shape of W: a matrix transposed, a kernel as it
 * is. All weights of a layer together, in reversed order of its layers on the way back; biases are left out. Taken in
 * the step before a log, once the feedback weights have moved and before the others do. */
#include "trial/measures.h"

#include <math.h>
#include <string.h>

struct feedback_weights { /* an array, [n_feedback] */
    bool defined;
    double degrees, distance; /* NaN where one of the two is 0 */
};

/* The j-th matrix or kernel from the first or from the last; NULL if there are fewer. */
static const struct param *weight_at(const struct unit *u, size_t j, bool from_last)
{
    for (size_t i = 0; i < u->n_params; i++) {
        const struct param *p = &u->params[from_last ? u->n_params - 1 - i : i];
        if (!p->is_bias && j-- == 0)
            return p;
    }
    return NULL;
}

static bool fits(const struct param *w, const struct param *v)
{
    if (w->rank != v->rank)
        return false;
    if (w->rank == 2)
        return w->shape[0] == v->shape[1] && w->shape[1] == v->shape[0];
    return memcmp(w->shape, v->shape, w->rank * sizeof *w->shape) == 0;
}

/* Entry i of a weight at the place of W's entry i. */
static double mirrored_entry(const struct param *v, const real *vector, size_t i)
{
    const size_t cols = v->rows; /* of W, if that is a matrix */
    return (double)vector[v->offset + (v->rank == 2 ? i % cols * v->cols + i / cols : i)];
}

static struct feedback_weights compare(const struct unit *u, const struct unit *g)
{
    struct feedback_weights a = { .defined = weight_at(u, 0, false) != NULL };
    double of_w = 0, of_v = 0, difference = 0;
    for (size_t j = 0; a.defined; j++) {
        const struct param *w = weight_at(u, j, false), *v = weight_at(g, j, true);
        if (!w && !v)
            break;
        if (!w || !v || !fits(w, v))
            return (struct feedback_weights){ 0 };
        for (size_t i = 0; i < w->rows * w->cols; i++) {
            const double x = (double)u->weights[w->offset + i], y = mirrored_entry(v, g->weights, i);
            of_w += x * x;
            of_v += y * y;
            difference += (x - y) * (x - y);
        }
    }
    a.degrees = degrees_between(difference, of_w, of_v);
    a.distance = sqrt(difference / of_w);
    return a;
}

int feedback_weights_open(struct trial *t, struct err *e)
{
    struct feedback_weights *f = arena_alloc(&t->memory, t->credit.n_feedback, sizeof *f);
    t->references->feedback_weights = f;
    return f ? 0 : err_set(e, ERR_MEMORY, "not enough memory for metrics of feedback weights");
}

void feedback_weights_take(struct trial *t)
{
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        const struct feedback *f = &t->credit.feedback[i];
        t->references->feedback_weights[i] = compare(&t->chain.units[f->through], &f->unit);
    }
}

int feedback_weights_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        const struct feedback_weights a = t->references->feedback_weights[i];
        const double value = m->match == MATCH_WEIGHT_ANGLE ? a.degrees : a.distance;
        if (a.defined)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)t->credit.feedback[i].through, value, e));
    }
    return 0;
}
