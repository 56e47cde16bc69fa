/* Metrics that compare with Gauss-Newton: against Jacobians by finite differences, and where theory gives the answer
 * (Meulemans 2020). */
#include "../check_main.h"
#include "fixture.h"
#include "math/blas.h"
#include "math/pinv.h"
#include "math/solve.h"

#define NARROW                                                                                                         \
    "{dataset: {name: given, features: 4, outputs: 2}, train: {batch_size: 3},"                                        \
    " network: {layers: [dense: {units: 4, activation: tanh}, dense: {units: 3, activation: tanh}, dense: {units: "    \
    "2}]}}"
#define CONTRACTING                                                                                                    \
    "{dataset: {name: given, features: 12, outputs: 3}, network: {layers: [dense: {units: 10}, dense: {units: 8}, "    \
    "dense: {units: 3}]}}"

/* One step with every reference taken, then one metric. */
static struct records measured(struct fixture *f, const char *data, const char *own)
{
    struct err e = { 0 };
    struct records r = records_new();
    fixture_given(f, data, own);
    ck_assert_ptr_nonnull(f->trial->references);
    f->trial->references->wanted = true;
    must(step_train(f->trial, false, &e), &e);
    f->trial->step = 1;
    must(measure_all(f->trial, &r.sink, &e), &e);
    return r;
}

static double layer_value(const struct records *r, const char *name, size_t layer)
{
    char line[64];
    snprintf(line, sizeof line, "%s.%zu", name, layer);
    return records_value(r, line, 1);
}

/* A method beside itself: whatever its stepsize. */
START_TEST(gauss_newton_targets_beside_themselves)
{
    struct fixture f;
    struct records r = measured(&f, GIVEN_FLAT,
                                "{algorithm: {name: gnt, target_stepsize: 0.37, mapping: {damping: [0.1, 0.01, 3]}}, "
                                "log: {metrics: [angle_gnt, "
                                "angle_gnt_bias, angle_gnt_search, angle_bp], damping: [0.1, 0.01]}}");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_double_lt(layer_value(&r, "angle_gnt", i), BOUND(1e-10, 1e-3));
        ck_assert_double_lt(layer_value(&r, "angle_gnt_bias", i), BOUND(1e-10, 1e-3));
        ck_assert_double_gt(layer_value(&r, "angle_bp", i), 0.5);
        ck_assert_double_eq(layer_value(&r, "angle_gnt_search", i), i == 0 ? 0.1 : 0.01);
    }
    ck_assert_double_lt(layer_value(&r, "angle_gnt_0.1", 0), BOUND(1e-10, 1e-3));
    ck_assert_double_gt(layer_value(&r, "angle_gnt_1e-05", 0), 0.5);
    ck_assert_double_gt(layer_value(&r, "angle_gnt_10", 0), 0.5);
    ck_assert_ptr_null(strstr(r.text.s, "angle_gnt.2")); /* hidden layers only */
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Theorem 5 and its corollaries: on a linear contracting network, one sample's update is a minimum-norm step; a batch's
 * is not. */
START_TEST(one_sample_of_a_linear_network)
{
    for (int batch = 1; batch <= 3; batch += 2) {
        char own[256];
        struct fixture f;
        snprintf(own, sizeof own,
                 "{train: {batch_size: %d}, algorithm: gnt, log: {metrics: [angle_gn, angle_gn_bias, nullspace_ratio, "
                 "angle_activation, angle_output, angle_output_layer]}}",
                 batch);
        struct records r = measured(&f, CONTRACTING, own);
        for (size_t i = 0; i < 3; i++) {
            const double apart = layer_value(&r, "angle_gn", i), ratio = layer_value(&r, "nullspace_ratio", i);
            if (batch == 1) {
                ck_assert_double_lt(apart, BOUND(1e-9, 1e-2));
                ck_assert_double_lt(layer_value(&r, "angle_gn_bias", i), BOUND(1e-9, 1e-2));
                ck_assert_double_lt(ratio, BOUND(1e-12, 1e-4));
                ck_assert_double_lt(layer_value(&r, "angle_output_layer", i), BOUND(1e-6, 1e-1));
            } else {
                ck_assert_double_gt(apart, 1);
            }
        }
        if (batch == 1)
            ck_assert_double_lt(records_value(&r, "angle_output", 1), BOUND(1e-6, 1e-1));
        ck_assert_double_gt(layer_value(&r, "angle_activation", 0), 1);
        ck_assert_double_lt(layer_value(&r, "angle_activation", 2), BOUND(1e-6, 1e-2));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* J of the batch's outputs with respect to a layer's parameters, by central differences: row b * C + c, the weight's
 * columns and then the bias's. */
static void jacobian(struct trial *t, size_t layer, struct mat j)
{
    const struct unit *l = &t->chain.units[layer];
    const struct mat out = pass_output(&t->pass);
    const real eps = (real)BOUND(1e-5, 2e-2);
    size_t column = 0;
    for (size_t p = 0; p < l->n_params; p++)
        for (size_t i = 0; i < mat_n(unit_param(l, p, t->chain.weights)); i++, column++) {
            real *w = &unit_param(l, p, t->chain.weights).p[i];
            const real kept = *w;
            for (int side = 1; side >= -1; side -= 2) {
                *w = kept + (real)side * eps;
                chain_refresh(&t->chain);
                chain_forward(&t->pass);
                for (size_t r = 0; r < mat_n(out); r++)
                    j.p[r * j.cols + column] += (real)side * out.p[r] / (2 * eps);
            }
            *w = kept;
        }
    chain_refresh(&t->chain);
    chain_forward(&t->pass);
}

/* J^T (J J^T + damping I)^-1 v as a row. */
static struct mat solved(struct arena *a, struct mat j, size_t cols, double damping, struct mat v)
{
    struct err e = { 0 };
    struct pinv pinv;
    const struct mat inverse = mat_new(a, j.rows, cols), out = mat_new(a, 1, cols);
    must(pinv_init(&pinv, j.rows, cols, a, &e), &e);
    must(pinv_transposed(&pinv, damping, j.p, j.cols, inverse.p, cols, &e), &e);
    blas_gemm(false, false, 1, v, inverse, 0, out);
    return out;
}

START_TEST(against_explicit_jacobians)
{
    static const char *const lines[] = {
        "{train: {optimizer: {name: sgd, stepsize: 0}}, algorithm: dfa, log: {metrics: [angle_gn, angle_gn_bias, "
        "nullspace_ratio], damping: [0.3, 0.05, 2]}}",
        "{train: {optimizer: {name: sgd, stepsize: 0}}, algorithm: dfa, log: {metrics: [angle_gn, angle_gn_bias, "
        "nullspace_ratio]}}"
    };
    for (size_t n = 0; n < 2; n++) {
        const double damping[] = { n ? 0 : 0.3, n ? 0 : 0.05, n ? 0 : 2 };
        struct fixture f;
        struct records r = measured(&f, NARROW, lines[n]);
        struct trial *t = f.trial;
        for (size_t i = 0; i < 3; i++) {
            if (!IS_DOUBLE && n == 1)
                continue; /* finite differences of single precision hide which singular values are 0 */
            const struct unit *l = &t->chain.units[i];
            struct mat update[2] = { unit_param(l, 0, t->gradient), unit_param(l, 1, t->gradient) };
            const size_t n_weights = mat_n(update[0]), n_all = n_weights + mat_n(update[1]);
            const struct mat j = mat_new(&f.arena, 6, n_all), error = mat_of(t->pass.gradient.p, 1, 6);
            jacobian(t, i, j);
            const struct mat step = solved(&f.arena, j, n_all, damping[i], error);
            const struct mat of_weights = mat_of(step.p, update[0].rows, update[0].cols),
                             of_bias = mat_of(step.p + n_weights, update[1].rows, 1);
            double expected;
            ck_assert(angle_between(1, &update[0], &of_weights, &expected));
            ck_assert_double_eq_tol(layer_value(&r, "angle_gn", i), expected, BOUND(1e-5, 0.5));
            ck_assert(angle_between(1, &update[1], &of_bias, &expected));
            ck_assert_double_eq_tol(layer_value(&r, "angle_gn_bias", i), expected, BOUND(1e-5, 0.5));
            const struct mat flat = mat_of(update[0].p, 1, n_weights), move = mat_new(&f.arena, 1, 6);
            for (size_t row = 0; row < 6; row++)
                move.p[row] = (real)mat_dot(mat_of(j.p + row * n_all, 1, n_weights), flat);
            struct mat left = solved(&f.arena, j, n_weights, 0, move);
            mat_sub(flat, left, left);
            if (IS_DOUBLE)
                ck_assert_double_eq_tol(layer_value(&r, "nullspace_ratio", i),
                                        sqrt(mat_sum_squares(left) / mat_sum_squares(flat)), 1e-6);
        }
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* Outputs before and after a small step: of all layers, and of one alone. */
START_TEST(outputs_move_as_the_angle_says)
{
    struct fixture f;
    struct records r = measured(&f, NARROW,
                                "{train: {optimizer: {name: sgd, stepsize: 0}}, algorithm: dfa, log: {metrics: "
                                "[angle_output, angle_output_layer]}}");
    struct trial *t = f.trial;
    const struct mat out = pass_output(&t->pass), error = t->pass.gradient;
    const struct mat before = mat_new(&f.arena, out.rows, out.cols), moved = mat_new(&f.arena, out.rows, out.cols);
    mat_copy(out, before);
    for (size_t layer = 0; layer <= 3; layer++) { /* 3: all */
        const double size = BOUND(1e-6, 1e-2);
        for (int undo = 0; undo < 2; undo++) {
            for (size_t i = 0; i < 3; i++)
                for (size_t p = 0; p < 2 && (layer == 3 || layer == i); p++)
                    mat_axpy((real)(undo ? size : -size), unit_param(&t->chain.units[i], p, t->gradient),
                             unit_param(&t->chain.units[i], p, t->chain.weights));
            chain_refresh(&t->chain);
            chain_forward(&t->pass);
            if (!undo)
                mat_sub(before, out, moved);
        }
        double expected;
        ck_assert(angle_between(1, &moved, &error, &expected));
        ck_assert_double_eq_tol(layer == 3 ? records_value(&r, "angle_output", 1)
                                           : layer_value(&r, "angle_output_layer", layer),
                                expected, BOUND(1e-3, 2));
    }
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* What is judged may be another direction than the step's: here each layer's gradient of bp. */
START_TEST(directions_are_judged_in_place_of_updates)
{
    struct fixture f, bp;
    struct err e = { 0 };
    struct records r = measured(&f, NARROW, "{algorithm: dfa, log: {metrics: [angle_bp, direction_norm]}}");
    ck_assert_double_gt(layer_value(&r, "angle_bp", 0), 1);
    fixture_given(&bp, NARROW, "{algorithm: bp}");
    must(step_train(bp.trial, false, &e), &e);
    f.trial->direction = bp.trial->gradient;
    text_free(&r.text);
    r = records_new();
    must(measure_all(f.trial, &r.sink, &e), &e);
    ck_assert_double_lt(layer_value(&r, "angle_bp", 0), BOUND(1e-9, 1e-2));
    double norm = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 2; j++)
            norm += sqrt(mat_sum_squares(unit_param(&bp.trial->chain.units[i], j, bp.trial->gradient)));
    ck_assert_double_eq_tol(records_value(&r, "direction_norm", 1), norm, 1e-6 * norm);
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&bp);
}
END_TEST

/* cond(J J^T) of the last hidden layer is that of W W^T, for every sample. */
START_TEST(condition_of_the_last_layer)
{
    struct fixture f;
    struct err e = { 0 };
    struct records r =
        measured(&f, NARROW, "{train: {optimizer: {name: sgd, stepsize: 0}}, log: {metrics: [condition_jacobian]}}");
    double largest, smallest;
    must(solve_condition(unit_param(&f.trial->chain.units[2], 0, f.trial->chain.weights), &largest, &smallest, &e), &e);
    const double expected = pow(largest / smallest, 2);
    ck_assert_double_eq_tol(layer_value(&r, "condition_jacobian", 1), expected, expected * BOUND(1e-10, 1e-4));
    ck_assert_double_ge(layer_value(&r, "condition_jacobian", 0), 1);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Likewise above a unit, which keeps no gradients at its pre-activations, and above the one layer that may normalise
 * over the minibatch. */
START_TEST(condition_above_a_unit)
{
    static const char *const below[] = { "dense: {units: 6, activation: tanh}, dense: {units: 5, activation: tanh}",
                                         "dense: {units: 5}, batch_norm" };
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char own[256];
        struct fixture f;
        struct err e = { 0 };
        snprintf(own, sizeof own,
                 "{network: {layers: [unit: [%s], dense: {units: 2}]}, train: {optimizer: {name: sgd, stepsize: 0}}, "
                 "log: {metrics: [condition_jacobian]}}",
                 below[i]);
        struct records r = measured(&f, NARROW, own);
        double largest, smallest;
        must(solve_condition(unit_param(&f.trial->chain.units[1], 0, f.trial->chain.weights), &largest, &smallest, &e),
             &e);
        const double expected = pow(largest / smallest, 2);
        ck_assert_double_eq_tol(layer_value(&r, "condition_jacobian", 0), expected, expected * BOUND(1e-10, 1e-4));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* What no metric asks for is not there, and what is asked for is taken before a log only. */
START_TEST(references_cost_nothing_unasked)
{
    struct fixture f;
    fixture_open(&f, BLOBS, "{log: {metrics: [train_loss, update_norm, direction_norm]}}");
    ck_assert_ptr_null(f.trial->references);
    fixture_close(&f);
    fixture_open(&f, BLOBS, "{log: {metrics: [angle_gnt]}}");
    ck_assert(f.trial->references->gnt && !f.trial->references->bp && !f.trial->references->search &&
              !f.trial->references->gauss_newton);
    fixture_steps(&f, 3);
    ck_assert(!f.trial->references->taken);
    fixture_close(&f);
}
END_TEST

/* 2 a b c for a product of (a, b) and (b, c), counted by hand: they are no part of the training. */
START_TEST(references_are_counted_as_evaluation)
{
    enum { B = 3, C = 2, N = B * C };
    const double products[] = { 4 * 4, 4 * 3, 3 * 2 }, inputs[] = { 4, 4, 3 }, outputs[] = { 4, 3, 2 };
    double bp = 2 * B * (products[1] + products[2]), gn = C * bp;
    for (int i = 0; i < 3; i++) {
        bp += 2 * B * products[i];
        gn += B * B * inputs[i] + N * N * outputs[i] + N * N * N * 9 + 2 * B * products[i];
    }
    struct fixture f;
    struct records r = measured(&f, NARROW, "{log: {metrics: [angle_bp, angle_gn]}}");
    ck_assert_double_eq(f.trial->evaluation_flops, bp + gn);
    ck_assert_double_eq(trial_spent(f.trial).flops, 0);
    ck_assert_double_gt(f.trial->cost_ns[COST_EVALUATE][0], 0);
    ck_assert_double_eq(f.trial->cost_ns[COST_EVALUATE][0], -f.trial->cost_ns[COST_TRAIN][0]);
    text_free(&r.text);
    fixture_close(&f);
    r = measured(&f, NARROW, "{log: {metrics: [angle_gn], damping: 0.1}}");
    ck_assert_double_eq_tol(f.trial->evaluation_flops, gn - 3 * N * N * N * (9 - 1.0 / 3), 1e-6);
    text_free(&r.text);
    fixture_close(&f);
    r = measured(&f, NARROW, "{log: {metrics: [angle_gnt_search]}}");
    const double nine = f.trial->evaluation_flops;
    text_free(&r.text);
    fixture_close(&f);
    r = measured(&f, NARROW, "{log: {metrics: [angle_gnt]}}");
    ck_assert_double_eq(nine, 9 * f.trial->evaluation_flops);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, references_are_counted_as_evaluation);
    tcase_add_test(t, gauss_newton_targets_beside_themselves);
    tcase_add_test(t, one_sample_of_a_linear_network);
    tcase_add_test(t, against_explicit_jacobians);
    tcase_add_test(t, outputs_move_as_the_angle_says);
    tcase_add_test(t, directions_are_judged_in_place_of_updates);
    tcase_add_test(t, condition_of_the_last_layer);
    tcase_add_test(t, condition_above_a_unit);
    tcase_add_test(t, references_cost_nothing_unasked);
}
CHECK_MAIN("gauss_newton", add_tests)
