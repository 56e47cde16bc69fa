/* Bengio 2020: what its propositions say, numerically (sheet, section 9), and settling by another rule. Double
 * precision holds the bounds; single precision is compared with it by the golden cases. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/inverse_steps.h"

#define ACT "activation: {name: leaky_relu, slope: 0.5}"
#define LAYER(units) "dense: {units: " #units ", " ACT "}"
#define NET(batch)                                                                                                     \
    "{form: w_sigma, batch: " #batch ", features: 24, outputs: 24, labels: real, weights: orthogonal, loss: "          \
    "squared_error, layers: [" LAYER(24) ", " LAYER(24) ", " LAYER(24) ", " LAYER(24) ", " LAYER(24) "]}"

/* A rig whose feedback weights start at 1.6 W^T, after one step. */
static void open_step(struct rig *r, const char *net, const char *preset, const char *own)
{
    rig_open(r, net, preset, own);
    if (mapping_of(&r->credit)->start)
        mapping_of(&r->credit)->start(&r->credit);
    rig_step(r);
}

/* |f(h + d) - (h' + d')| / |d'| of the link above k. */
static double residual(struct rig *r, size_t k)
{
    const struct settling s = { .c = &r->credit, .p = &r->net.pass };
    const struct mat wanted = r->credit.d[k + 1], up = net_matrix(&r->net, wanted.rows, wanted.cols);
    inverse_up(&s, k, r->credit.d[k], up);
    mat_sub(up, wanted, up);
    return sqrt(mat_sum_squares(up) / mat_sum_squares(wanted));
}

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

/* V6: all layers change at once: the output moves by the sum of c times the displacement. */
START_TEST(influences_add_up)
{
    static const char *const rules[] = { "influence", "unit", "equal" };
    for (size_t i = 0; i < 3; i++) {
        struct rig r;
        char own[160];
        snprintf(own, sizeof own,
                 "{target_stepsize: 1e-4, mapping: {transpose_gain: 1.6}, propagate: {iterations: 60}, update: %s}",
                 rules[i]);
        open_step(&r, NET(1), "idtp", own);
        double sum = 0;
        for (size_t k = 0; k < r.credit.n; k++)
            sum += (double)r.credit.influence[k].p[0];
        const struct mat wanted = rig_scaled(&r, 1, r.credit.d[4]), moved = rig_scaled(&r, -1, r.net.pass.links[4].out);
        const double loss = chain_loss(&r.net.pass, r.net.spec.loss, true),
                     slope = mat_sum_squares(r.net.pass.gradient);
        mat_axpy(-1, mat_of(r.g, 1, r.net.chain.n_vector), mat_of(r.net.chain.weights, 1, r.net.chain.n_vector));
        const double after = net_loss(&r.net);
        mat_add(moved, r.net.pass.links[4].out, moved);
        const double size = sqrt(mat_sum_squares(moved)), want = sqrt(mat_sum_squares(wanted));
        ck_assert_double_ge(mat_dot(moved, wanted) / (size * want), 0.99999);
        ck_assert_double_eq_tol(size / want / sum, 1, 1e-3);
        ck_assert_double_eq_tol((loss - after) / (1e-4 * sum * slope), 1, 2e-3);
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

/* V3: where a layer narrows, targets from the states stay near them, and those from the decoders do not. */
START_TEST(a_start_from_the_states_stays_near_them)
{
    static const char net[] =
        "{form: w_sigma, batch: 1, features: 32, outputs: 10, weights: orthogonal, layers: [" LAYER(32) ", " LAYER(
            10) "]}";
    for (int decoder = 0; decoder < 2; decoder++) {
        struct rig r;
        char own[192];
        snprintf(own, sizeof own,
                 "{target_stepsize: 1e-2, mapping: {transpose_gain: 1.6}, propagate: {iterations: 400, start: %s}}",
                 decoder ? "decoder" : "state");
        open_step(&r, net, "idtp", own);
        ck_assert_double_le(residual(&r, 0), 1e-10);
        const double ratio = sqrt(mat_sum_squares(r.credit.d[0]) / mat_sum_squares(r.credit.d[1]));
        ck_assert_msg(decoder ? ratio > 50 : ratio < 5, "start %d: %g times the displacement above", decoder, ratio);
        rig_close(&r);
    }
}
END_TEST

/* V1: with g = W^T (1 + E), E symmetric of radius alpha, the input rule's changes shrink by alpha in every sweep. */
START_TEST(changes_shrink_by_the_error_of_the_inverse)
{
    static const double alphas[] = { 0.1, 0.3, 0.5, 0.7, 0.9 };
    for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++)
        for (int sweeps = 3; sweeps < 12; sweeps += 4) {
            struct rig r;
            char own[160];
            snprintf(own, sizeof own,
                     "{target_stepsize: 0.1, mapping: {transpose_gain: 1}, propagate: {iterations: %d}}", sweeps);
            rig_open(&r,
                     "{batch: 1, features: 32, outputs: 32, weights: orthogonal, layers: [dense: {units: 32}, dense: "
                     "{units: 32}]}",
                     "idtp_input", own);
            mapping_of(&r.credit)->start(&r.credit);
            /* V = W^T (1 + Q diag(e) Q^T), Q the first layer's orthogonal matrix */
            const struct mat q = unit_param(&r.net.chain.units[0], 0, r.net.chain.weights),
                             v = unit_param(&r.credit.feedback[0].unit, 0, r.credit.feedback_weights),
                             e = net_matrix(&r.net, 32, 32), qe = net_matrix(&r.net, 32, 32), v0 = rig_scaled(&r, 1, v);
            for (size_t a = 0; a < 32; a++)
                for (size_t b = 0; b < 32; b++)
                    qe.p[a * 32 + b] = (real)(q.p[a * 32 + b] * alphas[i] * (1 - 2 * (double)b / 31));
            blas_gemm(false, true, 1, qe, q, 0, e);
            blas_gemm(false, false, 1, v0, e, 1, v);
            rig_step(&r);
            const struct settled *s = &r.credit.settled[0];
            ck_assert_uint_eq(s->steps, (size_t)sweeps);
            ck_assert_msg(s->last / s->before <= alphas[i] * (1 + 1e-3) && s->last / s->before > 0.4 * alphas[i],
                          "alpha %g: %g in sweep %d", alphas[i], s->last / s->before, sweeps);
            rig_close(&r);
        }
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
    const struct mat own = coding_error(s, k, s->c->scratch[2]), above = coding_error(s, k + 1, s->c->scratch[3]);
    chain_vjp(s->p, k + 1, above, change);
    mat_sub(change, own, change);
    return 0;
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
    struct mat *value, *change, *stacks;
    must(credit_alloc_links(&r.credit, &value, &stacks, &r.net.arena, &e), &e);
    must(credit_alloc_links(&r.credit, &change, &stacks, &r.net.arena, &e), &e);
    struct settled of[3];
    struct settling s = { .c = &r.credit,
                          .p = &r.net.pass,
                          .hi = 2,
                          .value = value,
                          .change = change,
                          .of = of,
                          .sweep = SWEEP_PARALLEL,
                          .factor = 0.3,
                          .steps = 2000,
                          .precision = 1e-14,
                          .first_test = 10,
                          .step = coding_step };
    mat_copy(r.credit.d[2], value[2]);
    must(settle(&s, &e), &e);
    ck_assert_uint_lt(of[0].steps, 2000);
    for (size_t k = 0; k < 2; k++) /* d of back-propagation is W^T ... d of the output */
        check_near("share", value[k], rig_scaled(&r, (double)(k + 1) / 3, r.credit.d[k]), 1e-10);
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    if (!IS_DOUBLE)
        return; /* the bounds are of double precision */
    tcase_add_test(t, one_layer_reaches_its_target);
    tcase_add_test(t, influences_add_up);
    tcase_add_test(t, rules_come_to_rest_at_the_same_targets);
    tcase_add_test(t, a_start_from_the_states_stays_near_them);
    tcase_add_test(t, changes_shrink_by_the_error_of_the_inverse);
    tcase_add_test(t, scaled_targets_are_targets);
    tcase_add_test(t, settling_learns_reconstruction);
    tcase_add_test(t, predictive_coding_settles);
}

CHECK_MAIN("bengio", add_tests)
