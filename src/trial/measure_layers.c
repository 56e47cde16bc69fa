/* Metrics of each layer's weights, update, states and targets as they stand. */
#include "trial/measures.h"

#include "math/solve.h"
#include "net/affine.h"
#include <math.h>

int weight_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(unit_param(l, j, t->chain.weights));
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, sqrt(squares), e));
    }
    return 0;
}

int update_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(unit_param(l, j, t->gradient));
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, sqrt(squares), e));
    }
    return 0;
}

int displacement_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t k = 0; k < t->credit.n; k++)
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, sqrt(mat_sum_squares(t->credit.d[k])), e));
    return 0;
}

/* Share of the units whose sign differs between state and target. What a sign transmits downward is nothing where none
 * does (Lee 2015, Sec. 3.2). */
int flip_fraction_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units && t->chain.first_link[i] < t->credit.n; i++) {
        const struct mat h = t->pass.stacks[i].out, d = t->credit.d_stack[i];
        double n = 0;
        for (size_t j = 0; j < mat_n(h); j++)
            n += (h.p[j] > 0) != (h.p[j] + d.p[j] > 0);
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, n / (double)mat_n(h), e));
    }
    return 0;
}

/* Sum of the Frobenius norms of the update directions of the layers under the head: the code's "oracle direction norm"
 * (sheet roulet2022, 7). */
int direction_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    double sum = 0;
    for (size_t i = 0; i < t->chain.n_units && t->chain.first_link[i] < t->credit.n; i++)
        for (size_t j = 0; j < t->chain.units[i].n_params; j++)
            sum += sqrt(mat_sum_squares(unit_param(&t->chain.units[i], j, trial_direction(t))));
    return sink->metric(sink, m->part.name, t->step, sum, e);
}

/* The matrix that multiplies the chain's state: the last weight matrix of a layer's parameters; {NULL} where there is
 * none, as in a layer whose weights are vectors. */
static struct mat state_weight(const struct unit *l)
{
    for (size_t j = l->n_inner ? 0 : l->n_params; j-- > 0;)
        if (!l->params[j].is_bias && l->params[j].rank >= 2)
            return unit_param(l, j, l->weights);
    return (struct mat){ 0 };
}

int spectral_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct mat w = state_weight(&t->chain.units[i]);
        double norm;
        if (!w.p)
            continue;
        if (mat_all_finite(w))
            TRY(solve_spectral_norm(w, &norm, e));
        else
            norm = NAN;
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, norm, e));
    }
    return 0;
}

/* Whether a layer has a link whose inverse is asked for. */
static bool is_inverted(const struct trial *t, size_t i)
{
    const size_t last = t->chain.first_link[i] + t->chain.links_of[i] - 1;
    return last >= 1 && last < t->credit.n;
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for the metric 'condition_number'");
}

/* W^T W + r I, the matrix that the regularized inverse factorizes; of 2 I - W in place of W it has no r. */
static int condition_of(struct mat w, const struct inverse_options *o, struct arena *a, double *condition,
                        struct err *e)
{
    double largest, smallest, r = o->regularization;
    if (o->matrix == INVERT_TWO_EYE_MINUS_W) {
        const struct mat variant = mat_new(a, w.rows, w.cols);
        if (!variant.p)
            return no_memory(e);
        affine_two_eye_minus(w, variant);
        w = variant;
        r = 0;
    }
    TRY(solve_condition(w, &largest, &smallest, e));
    if (w.rows < w.cols)
        smallest = 0; /* W^T W has a null space */
    *condition = (largest * largest + r) / (smallest * smallest + r);
    return 0;
}

/* Of a tied layer the transpose of the other one's. */
static int inverted_weight(const struct unit *u, struct arena *a, struct mat *w, struct err *e)
{
    *w = state_weight(u->tied ? u->tied : u);
    if (!u->tied)
        return 0;
    const struct mat own = *w;
    *w = mat_new(a, own.cols, own.rows);
    if (!w->p)
        return no_memory(e);
    mat_transpose(own, *w);
    return 0;
}

/* The largest of a unit's matrices: those of its inner layers, and of the gates of a cell (sheet roulet2022, 3.6). It
 * stays as it is where none is factorized. As deep as the file. */
static int largest_condition(const struct unit *u, const struct inverse_options *o, struct arena *a, double *largest,
                             struct err *e)
{
    struct mat w;
    if (u->def->inverse->exact)
        return 0;
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(largest_condition(&u->inner[j], o, a, largest, e));
    TRY(inverted_weight(u, a, &w, e));
    const size_t n_gates = w.p && w.rows > u->out.n && w.rows % u->out.n == 0 ? w.rows / u->out.n : 1;
    for (size_t k = 0; w.p && k < n_gates; k++) {
        double condition = NAN;
        TRY(condition_of(mat_rows(w, k * (w.rows / n_gates), w.rows / n_gates), o, a, &condition, e));
        *largest = condition > *largest || isnan(condition) ? condition : *largest;
    }
    return 0;
}

int condition_number_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++) {
        double condition = 0;
        if (!is_inverted(t, i))
            continue;
        const struct arena_mark mark = arena_mark(&t->scratch);
        const int code =
            largest_condition(&t->chain.units[i], t->config->algorithm.mapping.opts, &t->scratch, &condition, e);
        arena_rewind(&t->scratch, mark);
        TRY(code);
        if (condition != 0)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, condition, e));
    }
    return 0;
}

/* Share of the states of each inverted layer that the inverse's clamp would move. */
int clip_fraction_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    const struct inverse_options *o = t->config->algorithm.mapping.opts;
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct act act = t->chain.units[i].act;
        const struct mat h = t->pass.stacks[i].out;
        double low = -INFINITY, high = INFINITY, n = 0;
        if (!is_inverted(t, i))
            continue;
        if (act.def && act.def->range)
            act.def->range(act.opts, &low, &high);
        for (size_t j = 0; j < mat_n(h); j++)
            n += h.p[j] < low + o->clamp || h.p[j] > high - o->clamp;
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, n / (double)mat_n(h), e));
    }
    return 0;
}
