/* Bengio 2020: where its rules come to rest (sheet, section 9), and settling by another rule; rates are in
 * check_iterated_inverses.c, updates in check_smallest_changes.c, and more of Sec. 10 in check_running_network.c.
 * Double precision holds the bounds; single precision is compared with it by the golden cases. */
#include "../check_main.h"
#include "bengio.h"

/* V5: the smallest change of one layer brings its output to the target; in both forms, with and without a bias. */
START_TEST(one_layer_reaches_its_target)
{
    static const char *const nets[] = {
        NET(1), "{batch: 1, layers: [dense: {units: 5, activation: tanh, bias: false}, dense: {units: 4}]}"
    };
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        open_step(&r, nets[i], "dtp1", "{mapping: fixed, feedback_loss: none, target_stepsize: 1e-3}");
        for (size_t k = 0; k < r.credit.n; k++) {
            const struct unit *u = &r.net.chain.units[k];
            const bool bends = u->act.def != &act_linear; /* then to first order */
            const struct mat before = rig_scaled(&r, 1, r.net.pass.links[k].out);
            mat_axpy(-1, mat_of(r.g, 1, r.net.chain.n_vector), mat_of(r.net.chain.weights, 1, r.net.chain.n_vector));
            chain_refresh(&r.net.chain);
            struct at at = r.net.pass.links[k];
            at.in = rig_scaled(&r, 1, at.in);
            at_forward(u, at);
            mat_sub(at.out, before, before);
            check_near("change of the output", before, r.credit.d[k], bends ? 1e-2 : 1e-11);
            mat_axpy(1, mat_of(r.g, 1, r.net.chain.n_vector), mat_of(r.net.chain.weights, 1, r.net.chain.n_vector));
            chain_refresh(&r.net.chain);
            chain_forward(&r.net.pass);
        }
        rig_close(&r);
    }
}
END_TEST

/* V4, V8: whatever is iterated, from wherever and in whatever order, comes to rest at the same targets, which forward
 * links take to those above. */
START_TEST(rules_come_to_rest_at_the_same_targets)
{
    static const char *const rules[] = {
        "{name: iterate, sweep: layer, iterations: 200}",
        "{name: iterate, sweep: parallel, iterations: 300}",
        "{name: iterate, sweep: top_down, iterations: 300, start: decoder}",
        "{name: iterate, sweep: layer, refinement: input, iterations: 200}",
        "{name: iterate, sweep: layer, refinement: input_then_correct, iterations: 200}",
        "{name: iterate, sweep: layer, refinement: output_from_input, iterations: 100, output_iterations: 100}",
        "{name: iterate, sweep: parallel, iterations: 400, relaxation: 0.8}",
        "{name: relax, feedback_steps: 400}",
        "{name: relax, feedback_steps: 600, gamma_min: 0.4, ramp_steps: 7}",
    };
    struct rig first;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct rig r;
        char own[256];
        snprintf(own, sizeof own, "{target_stepsize: 1e-3, mapping: {transpose_gain: 1.6}, propagate: %s}", rules[i]);
        open_step(&r, NET(3), "idtp", own);
        for (size_t k = 0; k + 1 < r.credit.n; k++) {
            ck_assert_msg(residual(&r, k) <= 1e-9, "%s: link %zu: residual %g", rules[i], k, residual(&r, k));
            if (i > 0)
                check_near(rules[i], r.credit.d[k], first.credit.d[k], 1e-8);
        }
        if (i == 0)
            first = r;
        else
            rig_close(&r);
    }
    rig_close(&first);
}
END_TEST

/* V10: displacements of constant norm, to first order the same. */
START_TEST(scaled_targets_are_targets)
{
    struct rig plain, scaled;
    open_step(&plain, NET(3), "idtp",
              "{target_stepsize: 1e-6, mapping: {transpose_gain: 1.6}, propagate: {sweep: layer}}");
    open_step(
        &scaled, NET(3), "idtp",
        "{target_stepsize: 1e-6, mapping: {transpose_gain: 1.6}, propagate: {sweep: layer, scaled_targets: 1e-6}}");
    check_near("update", rig_all_updates(&scaled), rig_all_updates(&plain), 2e-4);
    rig_close(&plain);
    rig_close(&scaled);
}
END_TEST

/* V8, P6 and P7: at gamma = 1 the network that runs on learns to reconstruct, at gamma = 0 nothing from targets. */
START_TEST(settling_learns_reconstruction)
{
    struct rig runs, plain;
    struct err e = { 0 };
    open_step(&runs, NET(3), "cdtp", "{mapping: {transpose_gain: 1.3}, feedback_loss: {normalised: false}}");
    open_step(&plain, NET(3), "idtp", "{mapping: {transpose_gain: 1.3}, feedback_loss: {normalised: false}}");
    must(credit_feedback(&runs.credit, &runs.net.pass, NULL, &e), &e);
    must(credit_feedback(&plain.credit, &plain.net.pass, NULL, &e), &e);
    const size_t n = plain.credit.n_feedback_vector;
    check_near("gradient", mat_of(runs.credit.feedback_gradient, 1, n), mat_of(plain.credit.feedback_gradient, 1, n),
               1e-12);
    ck_assert_double_gt(mat_sum_squares(mat_of(plain.credit.feedback_gradient, 1, n)), 1e-6);
    rig_close(&runs);
    rig_close(&plain);
}
END_TEST

/* ---- another rule of settling: predictive coding, values descend sum |d[k] - D f(d[k-1])|^2 / 2, the last one clamped
 * ---- */

static struct mat coding_error(struct settling *s, size_t k, real *to)
{
    const struct mat error = mat_of(to, s->value[k].rows, s->value[k].cols);
    mat_zero(error);
    if (k > 0)
        inverse_up(s, k - 1, s->value[k - 1], error);
    mat_sub(s->value[k], error, error);
    return error;
}

static int coding_step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    (void)e;
    const struct mat own = coding_error(s, k, s->c->scratch[0]), above = coding_error(s, k + 1, s->c->scratch[1]);
    chain_vjp(s->p, k + 1, above, change);
    mat_sub(change, own, change);
    return 0;
}

/* All links of a network but the last, from values of 0. */
static struct settling settling_of(struct rig *r, struct settled *of, size_t steps)
{
    struct err e = { 0 };
    struct mat *value, *change, *stacks;
    must(credit_alloc_links(&r->credit, &value, &stacks, &r->net.arena, &e), &e);
    must(credit_alloc_links(&r->credit, &change, &stacks, &r->net.arena, &e), &e);
    return (struct settling){ .c = &r->credit,
                              .p = &r->net.pass,
                              .hi = r->credit.n - 1,
                              .value = value,
                              .change = change,
                              .of = of,
                              .sweep = SWEEP_PARALLEL,
                              .steps = steps };
}

/* Of linear orthogonal layers it rests where every layer has the same share of the error. */
START_TEST(predictive_coding_settles)
{
    struct rig r;
    struct err e = { 0 };
    rig_open(&r,
             "{features: 6, outputs: 6, weights: orthogonal, layers: [dense: {units: 6}, dense: {units: 6}, dense: "
             "{units: 6}]}",
             "bp", "{target_stepsize: 0.7}");
    rig_step(&r);
    struct settled of[3];
    struct settling s = settling_of(&r, of, 2000);
    s.factor = 0.3;
    s.precision = 1e-14;
    s.first_test = 10;
    s.step = coding_step;
    mat_copy(r.credit.d[2], s.value[2]);
    must(settle(&s, &e), &e);
    ck_assert_uint_lt(of[0].steps, 2000);
    for (size_t k = 0; k < 2; k++) /* d of back-propagation is W^T ... d of the output */
        check_near("share", s.value[k], rig_scaled(&r, (double)(k + 1) / 3, r.credit.d[k]), 1e-10);
    rig_close(&r);
}
END_TEST

/* A row that is not finite is not forgotten over a later one that rests. */
static int nan_step(struct settling *s, size_t k, struct mat change, struct err *e)
{
    (void)s, (void)k, (void)e;
    mat_zero(change);
    change.p[0] = (real)NAN;
    return 0;
}

START_TEST(nan_never_rests)
{
    struct rig r;
    struct err e = { 0 };
    rig_open(&r, "{batch: 4, features: 6, outputs: 6, layers: [dense: {units: 6}, dense: {units: 6}]}", "bp",
             "{target_stepsize: 0.7}");
    struct settled of[2];
    struct settling s = settling_of(&r, of, 20);
    s.factor = 1;
    s.precision = 1e-6;
    s.first_test = 1;
    s.step = nan_step;
    ck_assert_uint_gt(s.value[0].rows, 1);
    must(settle(&s, &e), &e);
    ck_assert_uint_eq(of[0].steps, 20);
    ck_assert(isnan(of[0].last));
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    if (!IS_DOUBLE)
        return; /* the bounds are of double precision */
    tcase_add_test(t, one_layer_reaches_its_target);
    tcase_add_test(t, rules_come_to_rest_at_the_same_targets);
    tcase_add_test(t, scaled_targets_are_targets);
    tcase_add_test(t, settling_learns_reconstruction);
    tcase_add_test(t, predictive_coding_settles);
    tcase_add_test(t, nan_never_rests);
}

CHECK_MAIN("bengio", add_tests)
