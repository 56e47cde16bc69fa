/* Metrics made of the Jacobians of a minibatch's B * C outputs, one layer of parameters at a time. Meulemans 2020,
 * Sec. 3.
 *
 * For a dense layer with input h and S = d output / d pre-activation, the Jacobian with respect to (W, b) has the row
 * S_bc (x) [h_b, 1] for output c of sample b. It is never formed: a step J^T alpha is the layer's gradient for the
 * delta sum_c alpha_bc S_bc, and the Gram matrix J J^T [bc, b'c'] = <S_bc, S_b'c'> (<h_b, h_b'> + 1),   (B C) x (B C),
 * without the 1 where there is no bias or it is left out. */
#include "trial/measures.h"

#include "credit/jacobian.h"
#include "credit/mapping_pinv.h"
#include "math/blas.h"
#include "math/pinv.h"
#include "math/solve.h"
#include <math.h>
#include <string.h>

struct gauss_newton {
    struct jacobian jacobian;
    real *along; /* (B, widest layer) */
    /* For steps and the null space. */
    struct semidefinite gram;
    double *inputs; /* (B, B): <h_b, h_b'> */
    double *alpha;  /* [C * B], in the Jacobian's order of rows */
    real *delta;    /* (B, widest layer) */
    /* NULL if not asked for. */
    real *step;      /* Gauss-Newton step of every layer */
    real *direction; /* of the largest layer: for the null space */
};

static struct mat delta_of(const struct gauss_newton *g, size_t layer)
{
    return mat_of(g->delta, g->jacobian.rows, g->jacobian.signal[layer].cols);
}

static void sizes(const struct chain *chain, size_t *widest, size_t *largest)
{
    *widest = *largest = 1;
    for (size_t i = 0; i < chain->n_units; i++) {
        const struct unit *l = &chain->units[i];
        *widest = l->n_delta > *widest ? l->n_delta : *widest;
        *largest = l->n_delta * l->in.n > *largest ? l->n_delta * l->in.n : *largest;
    }
}

static int no_memory(const struct gauss_newton *g, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for Gauss-Newton metrics of %zu outputs",
                   g->jacobian.outputs * g->jacobian.rows);
}

/* What solutions with the Gram matrix take. */
static int open_gram(struct gauss_newton *g, size_t widest, struct arena *a, struct err *e)
{
    const size_t rows = g->jacobian.rows, n = g->jacobian.outputs * rows;
    TRY(semidefinite_init(&g->gram, n, widest, a, e));
    g->inputs = arena_doubles(a, rows * rows);
    g->alpha = arena_doubles(a, n);
    g->delta = arena_alloc(a, rows * widest, sizeof *g->delta);
    return g->inputs && g->alpha && g->delta ? 0 : no_memory(g, e);
}

int gauss_newton_open(struct trial *t, unsigned asked, struct err *e)
{
    struct arena *a = &t->memory;
    const size_t rows = t->pass.rows, last = t->chain.n_links - 1;
    const bool step = asked & COMPARES_GN, projects = asked & COMPARES_NULLSPACE;
    size_t widest, largest;
    sizes(&t->chain, &widest, &largest);
    struct gauss_newton *g = arena_alloc(a, 1, sizeof *g);
    if (!g)
        return err_set(e, ERR_MEMORY, "not enough memory for Gauss-Newton metrics");
    t->references->gauss_newton = g;
    TRY(jacobian_open(&g->jacobian, &t->chain, last, rows, true, a, e));
    if (step || projects)
        TRY(open_gram(g, widest, a, e));
    g->along = arena_alloc(a, rows * widest, sizeof *g->along);
    if (projects)
        g->direction = arena_alloc(a, largest, sizeof *g->direction);
    if (step)
        g->step = arena_alloc(a, t->chain.n_vector, sizeof *g->step);
    return g->along && (g->direction || !projects) && (g->step || !step) ? 0 : no_memory(g, e);
}

/* J J^T + damping I of a layer, factorized. */
static int factor(struct gauss_newton *g, size_t layer, struct mat h, bool bias, double damping, struct err *e)
{
    const size_t rows = h.rows;
    for (size_t b = 0; b < rows; b++)
        for (size_t other = 0; other <= b; other++)
            g->inputs[b * rows + other] = g->inputs[other * rows + b] =
                mat_dot(mat_rows(h, b, 1), mat_rows(h, other, 1)) + bias;
    semidefinite_gram(&g->gram, g->jacobian.signal[layer], g->inputs, rows);
    return semidefinite_factor(&g->gram, damping, e);
}

/* delta_b = sum_c alpha_bc S_bc */
static struct mat combine(struct gauss_newton *g, size_t layer)
{
    const struct mat s = g->jacobian.signal[layer], delta = delta_of(g, layer);
    mat_zero(delta);
    for (size_t r = 0; r < s.rows; r++)
        mat_axpy((real)g->alpha[r], mat_rows(s, r, 1), mat_rows(delta, r % delta.rows, 1));
    return delta;
}

/* J^T (J J^T + damping I)^-1 e of every layer, e being the gradient of the mean loss at the outputs. */
static int steps(struct trial *t, struct gauss_newton *g, struct err *e)
{
    const size_t rows = t->pass.rows, outputs = g->jacobian.outputs;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        struct at at = t->pass.links[i];
        TRY(factor(g, i, at.in, l->n_params > 1, damping_of(&t->config->log.damping, i), e));
        for (size_t r = 0; r < rows * outputs; r++)
            g->alpha[r] = (double)t->pass.gradient.p[(r % rows) * outputs + r / rows];
        semidefinite_solve(&g->gram, g->alpha);
        at.delta = combine(g, i);
        l->def->grads(l, at, 1, g->step);
    }
    return 0;
}

int gauss_newton_take(struct trial *t, struct err *e)
{
    struct gauss_newton *g = t->references->gauss_newton;
    jacobian_take(&g->jacobian, &t->pass);
    if (!g->step)
        return 0;
    memset(g->step, 0, t->chain.n_vector * sizeof *g->step);
    return reference_failed(steps(t, g, e), g->step, t->chain.n_vector, e);
}

/* A reverse pass for each output. For a step, in every layer: products of inputs and of signals, the factor of the
 * (B C) x (B C) matrix by Cholesky, n^3 / 3, or without damping its eigenvectors, some 9 n^3, and the layer's gradient.
 */
double gauss_newton_flops(const struct trial *t)
{
    const struct gauss_newton *g = t->references->gauss_newton;
    const double rows = (double)t->pass.rows, outputs = (double)g->jacobian.outputs, n = rows * outputs;
    double sum = outputs * reverse_flops(&t->chain, g->jacobian.last, t->pass.rows), product;
    for (size_t i = 0; g->step && i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        const bool damped = damping_of(&t->config->log.damping, i) > 0;
        sum += rows * rows * (double)l->in.n + n * n * (double)l->n_delta + n * n * n * (damped ? 1.0 / 3 : 9) +
               l->def->flops(l, t->pass.rows, &product);
    }
    return sum;
}

real *gauss_newton_step(struct gauss_newton *g)
{
    return g->step;
}

/* |N^T vec(dW)| / |vec(dW)|, N an orthonormal basis of the null space of the weights' Jacobian: what is left of dW
 * after its projection on the row space, J^T (J J^T)^+ J dW, is subtracted. Subtracting it a second time takes out what
 * rounding left of it. */
static int ratio_of(struct trial *t, size_t layer, double *ratio, struct err *e)
{
    struct gauss_newton *g = t->references->gauss_newton;
    const struct unit *l = &t->chain.units[layer];
    const struct mat h = t->pass.links[layer].in, s = g->jacobian.signal[layer],
                     update = unit_param(l, 0, trial_direction(t));
    const struct mat left = mat_of(g->direction, update.rows, update.cols),
                     along = mat_of(g->along, h.rows, update.rows);
    TRY(factor(g, layer, h, false, 0, e));
    mat_copy(update, left);
    for (int round = 0; round < 2; round++) {
        blas_gemm(false, true, 1, h, left, 0, along); /* (J dW)_bc = <S_bc, dW h_b> */
        for (size_t r = 0; r < s.rows; r++)
            g->alpha[r] = mat_dot(mat_rows(s, r, 1), mat_rows(along, r % along.rows, 1));
        semidefinite_solve(&g->gram, g->alpha);
        blas_gemm(true, false, -1, combine(g, layer), h, 1, left);
    }
    *ratio = sqrt(mat_sum_squares(left) / mat_sum_squares(update));
    return 0;
}

int nullspace_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        double ratio = NAN;
        if (mat_sum_squares(unit_param(&t->chain.units[i], 0, trial_direction(t))) == 0)
            continue; /* no direction */
        const int code = ratio_of(t, i, &ratio, e);
        if (code == ERR_SINGULAR)
            err_clear(e);
        else
            TRY(code);
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, ratio, e));
    }
    return 0;
}

/* What a layer's update does to the outputs, to first order: (J dW)_bc = <S_bc, dW h_b + db>. */
static void moved_by(struct trial *t, size_t layer, struct mat moved)
{
    struct gauss_newton *g = t->references->gauss_newton;
    const struct unit *l = &t->chain.units[layer];
    const struct mat h = t->pass.links[layer].in, s = g->jacobian.signal[layer],
                     along = mat_of(g->along, h.rows, s.cols);
    blas_gemm(false, true, 1, h, unit_param(l, 0, trial_direction(t)), 0, along);
    if (l->n_params > 1)
        mat_add_row(unit_param(l, 1, trial_direction(t)).p, along);
    for (size_t r = 0; r < s.rows; r++)
        moved.p[(r % h.rows) * moved.cols + r / h.rows] =
            (real)mat_dot(mat_rows(s, r, 1), mat_rows(along, r % h.rows, 1));
}

/* The angle between what an update does to the minibatch's outputs and what the gradient step of the outputs themselves
 * would do, -dL/d output: for each layer, or for all of them moved by the same stepsize. */
int output_angle_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    const struct mat gradient = t->pass.gradient;
    const struct arena_mark mark = arena_mark(&t->scratch);
    const struct mat moved = mat_new(&t->scratch, gradient.rows, gradient.cols),
                     all = mat_new(&t->scratch, gradient.rows, gradient.cols);
    int code = moved.p && all.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the metric '%s'", m->part.name);
    double degrees;
    for (size_t i = 0; i < t->chain.n_units && code == 0; i++) {
        moved_by(t, i, moved);
        mat_add(all, moved, all);
        if (m->by_layer && angle_between(1, &moved, &gradient, &degrees)) /* no direction, no angle */
            code = sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, degrees, e);
    }
    if (code == 0 && !m->by_layer && angle_between(1, &all, &gradient, &degrees))
        code = sink->metric(sink, m->part.name, t->step, degrees, e);
    arena_rewind(&t->scratch, mark);
    return code;
}

/* (largest / smallest singular value of J_i)^2, the largest of the batch. */
int jacobian_condition_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    const struct jacobian *j = &t->references->gauss_newton->jacobian;
    for (size_t i = 0; i < j->last; i++) {
        const struct mat all = j->state[i];
        const struct arena_mark mark = arena_mark(&t->scratch);
        const struct mat one = mat_new(&t->scratch, j->outputs, all.cols);
        double worst = 0;
        int code = one.p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the metric '%s'", m->part.name);
        for (size_t b = 0; b < j->rows && code == 0; b++) {
            double largest, smallest;
            for (size_t c = 0; c < j->outputs; c++)
                mat_copy(mat_rows(all, c * j->rows + b, 1), mat_rows(one, c, 1));
            if (mat_all_finite(one))
                code = solve_condition(one, &largest, &smallest, e);
            else
                largest = smallest = NAN;
            const double condition =
                smallest > 0 || isnan(smallest) ? (largest / smallest) * (largest / smallest) : INFINITY;
            worst = condition > worst || isnan(condition) ? condition : worst;
        }
        arena_rewind(&t->scratch, mark);
        TRY(code);
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, worst, e));
    }
    return 0;
}
