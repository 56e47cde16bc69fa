/* Lemma 3.1 of Roulet & Harchaoui 2022 on the first sample of the last minibatch, at the present weights:
 *   |BP direction - TP direction| <= P |dL/dh_T| c eps,   c = sum_{t=1..T} sum_{s=0..t-1} alpha^s beta^{t-1-s},
 * alpha = max |J_t|, beta = max |K_t|, eps = max |J_t - K_t|, J_t and K_t the maps that carry gradients and
 * displacements from step t to t-1, target stepsize 1, local losses with their input held fixed. P and |dL/dh_T| are
 * missing from the text's statement, without which it is not true (sheet 9.2). */
#include "trial/measures.h"

#include "math/solve.h"
#include "net/inverse.h"

#include <math.h>

/* The recurrent layer under test, a pass of one sample, and workspaces for Jacobians. */
struct lemma {
    const struct unit *layer;
    const struct inverse_options *inverse;
    struct pass pass;
    struct at copies;     /* n equal rows */
    struct mat eye, j, k; /* (n, n) */
};

/* The right side bounds the left one, so no estimate from below will do. NaN of a matrix that is not finite. */
static int norm_of(struct mat a, double *norm, struct err *e)
{
    *norm = NAN;
    return mat_all_finite(a) ? solve_spectral_norm(a, norm, e) : 0;
}

/* J_t and K_t as matrices: what vjp and the inverse's derivative make of the unit vectors, with n copies of the
 * sample's state. */
static void jacobians(struct lemma *m, size_t t)
{
    const struct at *at = &m->pass.links[t];
    const size_t n = m->eye.rows;
    for (size_t i = 0; i < n; i++) {
        mat_copy(at->in, mat_rows(m->copies.in, i, 1));
        mat_copy(at->out, mat_rows(m->copies.out, i, 1));
        mat_copy(at->side, mat_rows(m->copies.side, i, 1));
        if (at->cache[0].p)
            mat_copy(at->cache[0], mat_rows(m->copies.cache[0], i, 1));
    }
    m->layer->def->vjp(m->layer, m->copies, m->eye, m->j);
    for (size_t i = 0; i < n; i++) /* one row at a time: the inverse's scratch is as long as a minibatch */
        m->layer->def->inverse->jvp(m->layer, at_rows(m->copies, i, 1), mat_rows(m->eye, i, 1), m->inverse,
                                    mat_rows(m->k, i, 1));
}

/* P, the norm of the map from a displacement at step t to that step's parameter gradient: max |a'| sqrt(|h|^2 + |x|^2 +
 * 1). */
static double gradient_norm(struct lemma *m, size_t t)
{
    const struct at *at = &m->pass.links[t];
    struct mat one = mat_rows(m->copies.delta, 0, 1);
    for (size_t i = 0; i < one.cols; i++)
        one.p[i] = 1;
    act_times_slope(m->layer->act, at->cache[0], at->out, one, one);
    return (double)mat_max_abs(one) * sqrt(mat_sum_squares(at->in) + mat_sum_squares(at->side) + 1);
}

/* NaN wins, where fmax would drop it. */
static double larger(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static int right_side(struct trial *t, struct lemma *m, struct mat top, double *right, struct err *e)
{
    const size_t steps = t->chain.links_of[0];
    double alpha = 0, beta = 0, eps = 0, p = 0, c = 0, norm;
    for (size_t k = 0; k < steps; k++) {
        p = larger(p, gradient_norm(m, k));
        if (k == 0)
            continue; /* nothing is carried to the initial state */
        jacobians(m, k);
        TRY(norm_of(m->j, &norm, e));
        alpha = larger(alpha, norm);
        TRY(norm_of(m->k, &norm, e));
        beta = larger(beta, norm);
        mat_sub(m->j, m->k, m->k);
        TRY(norm_of(m->k, &norm, e));
        eps = larger(eps, norm);
    }
    for (size_t a = 1; a <= steps; a++)
        for (size_t s = 0; s < a; s++)
            c += pow(alpha, (double)s) * pow(beta, (double)(a - 1 - s));
    *right = p * sqrt(mat_sum_squares(top)) * c * eps;
    return 0;
}

/* The direction of one credit rule on the sample, its target stepsize 1. */
static int direction(struct trial *t, const struct config_algorithm *a, struct pass *p, real *g, struct mat *top,
                     struct err *e)
{
    struct credit credit;
    const struct credit_choice choice = config_credit(a);
    TRY(credit_shape(&credit, &choice, &t->chain, &t->scratch, e));
    TRY(credit_open(&credit, 1, &t->scratch, e));
    TRY(credit_head(&credit, p, t->config->loss, g, e));
    if (top)
        *top = credit.top;
    TRY(credit_refresh(&credit, p, e));
    TRY(credit_targets(&credit, p, e));
    return credit_update(&credit, p, g, e);
}

static int sides(struct trial *t, double *left, double *right, struct err *e)
{
    struct arena *a = &t->scratch;
    const size_t n = t->chain.units[0].out.n, n_side = t->chain.units[0].n_side, length = t->chain.n_vector;
    struct lemma m = { .layer = &t->chain.units[0], .inverse = t->config->algorithm.mapping.opts };
    struct config_algorithm bp, tp = t->config->algorithm;
    TRY(config_preset("bp", &bp, a, e));
    const struct update_options local = { .reduction = REDUCTION_HALF_SUM };
    tp.update = (struct chosen){ registry_find(&update_registry, "gradient"), (void *)&local };
    tp.propagate = (struct chosen){ registry_find(&propagate_registry, "linear"), NULL };
    tp.target_stepsize = 1;
    bp.head = tp.head;
    TRY(pass_init(&m.pass, &t->chain, 1, AT_GRADIENTS, a, e));
    t->dataset->fill(t->config->dataset.opts, t->dataset_state, SPLIT_TRAIN,
                     (uint64_t)(t->step ? t->step - 1 : 0) * t->pass.rows, &m.pass.batch);
    chain_forward(&m.pass);
    real *g[2] = { arena_alloc(a, length, sizeof(real)), arena_alloc(a, length, sizeof(real)) };
    struct mat *square[] = { &m.eye, &m.j, &m.k };
    TRY(at_open(&m.copies, m.layer, n, 1, AT_INPUT | AT_GRADIENTS, a, e));
    for (size_t i = 0; i < sizeof square / sizeof *square; i++)
        *square[i] = mat_new(a, n, n);
    m.copies.side = mat_new(a, n, n_side);
    if (!g[0] || !g[1] || !m.eye.p || !m.j.p || !m.k.p || !m.copies.side.p)
        return err_set(e, ERR_MEMORY, "not enough memory for the metric 'lemma'");
    for (size_t i = 0; i < n; i++)
        m.eye.p[i * n + i] = 1;
    struct mat top;
    TRY(direction(t, &bp, &m.pass, g[0], &top, e));
    TRY(direction(t, &tp, &m.pass, g[1], NULL, e));
    double squares = 0;
    for (size_t j = 0; j < t->chain.units[0].n_params; j++) {
        const struct mat x = unit_param(&t->chain.units[0], j, g[0]), y = unit_param(&t->chain.units[0], j, g[1]);
        mat_sub(x, y, x);
        squares += mat_sum_squares(x);
    }
    *left = sqrt(squares);
    return right_side(t, &m, top, right, e);
}

const struct metric_facts lemma_emits[] = { { .name = "lemma_left", .unit = "", .split = "" },
                                            { .name = "lemma_right", .unit = "", .split = "" },
                                            { 0 } };

int lemma_measure(struct trial *t, const struct measure_def *measure, struct sink *sink, struct err *e)
{
    (void)measure;
    double left = NAN, right = NAN;
    const struct arena_mark mark = arena_mark(&t->scratch);
    const int code = sides(t, &left, &right, e);
    arena_rewind(&t->scratch, mark);
    TRY(code);
    TRY(sink->metric(sink, "lemma_left", t->step, left, e));
    return sink->metric(sink, "lemma_right", t->step, right, e);
}
