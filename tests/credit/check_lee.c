/* Numerical properties of difference target propagation: lee2015 sheet, section 11, P2 to P7. */
#include "../check_main.h"
#include "fixture.h"

#include "math/solve.h"

#define LINEAR                                                                                                         \
    "{features: 6, outputs: 4, weights: orthogonal, layers: [dense: {units: 6}, dense: {units: 6}, dense: {units: "    \
    "6}, dense: {units: 4}]}"
#define TANH                                                                                                           \
    "{features: 6, outputs: 4, weights: orthogonal, layers: [{dense: {units: 6, activation: tanh}, repeat: 3}, "       \
    "dense: {units: 4}]}"

static struct mat forward_weight(struct rig *r, size_t layer)
{
    return unit_param(&r->net.chain.units[layer], 0, r->net.chain.weights);
}
static struct mat feedback_weight(struct rig *r, size_t i)
{
    return unit_param(&r->credit.feedback[i].unit, 0, r->credit.feedback_weights);
}

/* V = W^T and c = -W^T b: the exact inverse of a linear layer with orthogonal W. */
static void set_exact_inverses(struct rig *r)
{
    for (size_t i = 0; i < r->credit.n_feedback; i++) {
        const struct feedback *f = &r->credit.feedback[i];
        const struct mat w = forward_weight(r, f->through), v = feedback_weight(r, i);
        mat_transpose(w, v);
        const real *b = unit_param(&r->net.chain.units[f->through], 1, r->net.chain.weights).p;
        real *c = unit_param(&f->unit, 1, r->credit.feedback_weights).p;
        for (size_t j = 0; j < v.rows; j++) {
            double sum = 0;
            for (size_t k = 0; k < v.cols; k++)
                sum -= (double)v.p[j * v.cols + k] * (double)b[k];
            c[j] = (real)sum;
        }
    }
}

START_TEST(p2_exact_inverses_do_bp)
{
    struct rig r, bp;
    rig_open(&r, LINEAR, "tp_vanilla", "{target_stepsize: 0.3, target: {gradient: per_sample}}");
    rig_open(&bp, LINEAR, "bp", "{}");
    set_exact_inverses(&r);
    rig_step(&r);
    rig_step(&bp);
    check_near("hidden update and 2 eta0 bp", rig_updates(&r, 0, 3), rig_scaled(&r, 2 * 0.3, rig_updates(&bp, 0, 3)),
               BOUND(1e-11, 2e-5));
    rig_close(&r);
    rig_close(&bp);
}
END_TEST

START_TEST(p3_exact_inverses_make_difference_and_vanilla_equal)
{
    struct rig a, b;
    rig_open(&a, LINEAR, "tp_vanilla", "{target_stepsize: 0.3}");
    rig_open(&b, LINEAR, "dtp", "{target_stepsize: 0.3}");
    set_exact_inverses(&a);
    set_exact_inverses(&b);
    rig_step(&a);
    rig_step(&b);
    for (size_t k = 0; k < 3; k++)
        check_near("displacement", a.credit.d[k], b.credit.d[k], BOUND(1e-12, 2e-5));
    rig_close(&a);
    rig_close(&b);
}
END_TEST

/* Feedback alignment by plain loops: e_k = e_{k+1} V^T, dW_k = e_k^T h_{k-1}. */
START_TEST(p4_random_feedback_is_feedback_alignment)
{
    struct rig r;
    rig_open(&r, LINEAR, "dtp", "{target_stepsize: 0.3, target: {gradient: per_sample}}");
    rig_step(&r);
    const size_t rows = r.net.pass.rows, n = 6;
    struct mat e = rig_scaled(&r, 1, r.credit.top);
    for (size_t k = 3; k-- > 0;) {
        const struct unit *l = &r.net.chain.units[k];
        if (k < 2) {
            const struct mat v = feedback_weight(&r, k), next = mat_new(&r.net.arena, rows, n);
            for (size_t b = 0; b < rows; b++)
                for (size_t i = 0; i < n; i++)
                    for (size_t j = 0; j < n; j++)
                        next.p[b * n + i] += e.p[b * n + j] * v.p[i * n + j];
            e = next;
        }
        const struct mat h = r.net.pass.links[k].in, dw = mat_new(&r.net.arena, n, n);
        for (size_t b = 0; b < rows; b++)
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    dw.p[i * n + j] += (real)(2 * 0.3) * e.p[b * n + i] * h.p[b * n + j];
        check_near("weight", unit_param(l, 0, r.g), dw, BOUND(1e-11, 1e-5));
    }
    rig_close(&r);
}
END_TEST

/* eta0 -> 0: displacements over eta0 tend to those of the derivatives of the feedback mappings. */
START_TEST(p5_small_steps_follow_the_feedback_jacobians)
{
    const double eta = BOUND(1e-6, 1e-4);
    char own[64];
    snprintf(own, sizeof own, "{target_stepsize: %g}", eta);
    struct rig r, jacobian;
    rig_open(&r, TANH, "dtp", own);
    rig_open(&jacobian, TANH, "dtp", "{target_stepsize: 1, propagate: linear}");
    rig_step(&r);
    rig_step(&jacobian);
    for (size_t k = 0; k < 3; k++)
        check_near("displacement", rig_scaled(&r, 1 / eta, r.credit.d[k]), jacobian.credit.d[k], BOUND(1e-4, 1e-3));
    /* by the chain rule from the mapping itself: d_k = g'(h_{k+1}) d_{k+1} */
    struct mat d = net_matrix(&r.net, 3, 6);
    const struct mapping_def *g = (const struct mapping_def *)r.credit.choice.mapping.part;
    rig_map(&r, g->jvp, 1, jacobian.credit.d[2], d);
    check_near("chain rule", jacobian.credit.d[1], d, BOUND(1e-14, 1e-6));
    rig_close(&r);
    rig_close(&jacobian);
}
END_TEST

/* Whether its activation is one of those that layers have. */
static bool has_activation(const struct part *p)
{
    for (const struct option *o = p->options; o && o->type != OPT_END; o++)
        if (strcmp(o->name, "activation") == 0)
            return o->type == OPT_PART;
    return false;
}

/* A displacement of 0 stays 0, bit for bit, through every mapping that applies to targets. */
START_TEST(p6_a_layer_on_its_target_moves_nothing)
{
    static const char *const nets[] = { TANH, "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", NULL };
    for (size_t i = 0; nets[i]; i++)
        for (size_t j = 0; j < mapping_registry.n_parts; j++) {
            const struct mapping_def *g = (const struct mapping_def *)mapping_registry.parts[j];
            if (!g->difference || strcmp(g->part.name, "encoder") == 0) /* that one fits auto-encoders alone */
                continue;
            char own[160];
            struct rig r;
            snprintf(own, sizeof own, "{mapping: {name: %s%s%s}, feedback_loss: %s, propagate: difference}",
                     g->part.name, has_activation(&g->part) ? ", activation: tanh" : "",
                     has_option(&g->part, "of") ? ", of: weights"
                                                : "", /* what has a value: a network's inverse has none */
                     g->part.gives & GIVES_TRAIN ? "reconstruction" : "none");
            rig_open(&r, nets[i], "dtp", own);
            rig_step(&r);
            for (size_t k = 0; k + 1 < r.credit.n; k++) {
                struct mat zero = mat_new(&r.net.arena, 3, r.net.pass.links[k + 1].out.cols),
                           out = net_matrix(&r.net, 3, r.net.pass.links[k].out.cols);
                rig_map(&r, g->difference, k, zero, out);
                ck_assert_msg(mat_max_abs(out) == 0, "%s on %s, link %zu", own, nets[i], k);
            }
            rig_close(&r);
        }
}
END_TEST

/* Jacobian of a map of n units at the first row, one column per call: columns[:, j] = map(e_j). */
enum { N = 8 };

struct p7 {
    struct rig r;
    struct mat h_below, h, t_below, t;
};

static void p7_draw(struct p7 *c)
{
    struct rig *r = &c->r;
    const struct mat w = forward_weight(r, 1), v = feedback_weight(r, 0);
    struct rng *rng = &r->net.rng;
    mat_transpose(w, v);
    for (size_t i = 0; i < mat_n(v); i++)
        v.p[i] += (real)(0.15 * rng_normal(rng) / sqrt(N));
    c->h_below = r->net.pass.links[0].out;
    for (size_t i = 0; i < N; i++)
        c->h_below.p[i] = (real)(1.2 * rng_uniform(rng) - 0.6);
    const struct unit *l = &r->net.chain.units[1];
    l->def->forward(l, r->net.pass.links[1]);
    c->h = r->net.pass.links[1].out;
}

START_TEST(p7_targets_bring_the_layer_nearer)
{
    if (!IS_DOUBLE)
        return; /* the offset is near single precision */
    struct p7 c = { 0 };
    struct rig *r = &c.r;
    rig_open(r,
             "{batch: 1, features: 8, biases: zeros, weights: orthogonal, layers: [{dense: {units: 8, activation: "
             "tanh}, repeat: 2}, dense: {units: 4}]}",
             "dtp", "{}");
    const struct mapping_def *g = (const struct mapping_def *)r->credit.choice.mapping.part;
    const struct unit *l = &r->net.chain.units[1];
    struct err e = { 0 };
    rig_step(r);
    for (int draw = 0; draw < 50; draw++) {
        p7_draw(&c);
        must(credit_refresh(&r->credit, &r->net.pass, &e), &e);
        /* E = I - f'(h_below) g'(h) */
        struct mat error = mat_new(&r->net.arena, N, N), unit = mat_new(&r->net.arena, 1, N),
                   down = mat_new(&r->net.arena, 1, N);
        struct mat up = mat_new(&r->net.arena, 1, N);
        for (size_t j = 0; j < N; j++) {
            mat_zero(unit);
            unit.p[j] = 1;
            rig_map(r, g->jvp, 0, unit, down);
            l->def->jvp(l, r->net.pass.links[1], down, up);
            for (size_t i = 0; i < N; i++)
                error.p[i * N + j] = (i == j) - up.p[i];
        }
        double norm;
        must(solve_spectral_norm(error, &norm, &e), &e);
        ck_assert_double_lt(norm, 1);
        struct mat offset = mat_new(&r->net.arena, 1, N), below = mat_new(&r->net.arena, 1, N),
                   reached = mat_new(&r->net.arena, 1, N);
        net_normal(&r->net.rng, 1e-4, offset);
        rig_map(r, g->difference, 0, offset, below);
        mat_add(below, c.h_below, below);
        struct at at = { .in = below, .out = reached };
        l->def->forward(l, at);
        mat_sub(reached, c.h, reached); /* f(t_below) - h */
        ck_assert_double_gt(mat_dot(offset, reached), 0);
        mat_sub(offset, reached, reached); /* t - f(t_below) */
        ck_assert_double_le(mat_sum_squares(reached) / mat_sum_squares(offset), norm * norm + 1e-4);
    }
    rig_close(r);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, p2_exact_inverses_do_bp);
    tcase_add_test(t, p3_exact_inverses_make_difference_and_vanilla_equal);
    tcase_add_test(t, p4_random_feedback_is_feedback_alignment);
    tcase_add_test(t, p5_small_steps_follow_the_feedback_jacobians);
    tcase_add_test(t, p6_a_layer_on_its_target_moves_nothing);
    tcase_add_test(t, p7_targets_bring_the_layer_nearer);
}

CHECK_MAIN("lee", add_tests)
