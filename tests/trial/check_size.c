/* What a step costs, counted by hand: 2 a b c for a product of (a, b) and (b, c). */
#include "../check_main.h"
#include "fixture.h"

#define DEEP                                                                                                           \
    "{dataset: {name: given, features: 3, outputs: 4}, network: {layers: [dense: {units: 5, activation: tanh}, "       \
    "dense: "                                                                                                          \
    "{units: 6, activation: tanh}, dense: {units: 7, activation: tanh}, dense: {units: 4}]}}"
enum { B = 3 };

static struct trial_size measured(const char *data, const char *own)
{
    struct fixture f;
    struct trial_size size;
    struct err e = { 0 };
    fixture_bind(&f, data, own);
    must(trial_measure(&f.config, &size, &f.arena, &e), &e);
    arena_finish(&f.arena);
    return size;
}

/* Forward and the gradients are a product with every matrix; the head's way back one with its own, the displacement of
 * the first layer one with the second's. */
START_TEST(a_flat_network)
{
    const double forward = 2 * B * (3 * 5 + 5 * 6 + 6 * 4);
    const struct trial_size size = measured(GIVEN_FLAT, "{algorithm: bp}");
    ck_assert_double_eq(size.flops_per_step, 2 * forward + 2 * B * (6 * 4) + 2 * B * (5 * 6));
    ck_assert_uint_eq(size.n_layers, 3);
    ck_assert_uint_eq(size.n_weights, 3 * 5 + 5 + 5 * 6 + 6 + 6 * 4 + 4);
    ck_assert_uint_eq(size.n_feedback_weights, 0);
}
END_TEST

/* The recurrent layer is applied five times, the readout once. */
START_TEST(a_recurrent_network)
{
    const double forward = 5 * 2 * B * (6 * 6 + 3 * 6) + 2 * B * (6 * 4);
    const struct trial_size size = measured(GIVEN_RECURRENT, "{algorithm: bp}");
    ck_assert_double_eq(size.flops_per_step, 2 * forward + 2 * B * (6 * 4) + 4 * 2 * B * (6 * 6));
}
END_TEST

/* Each of the two mappings is applied to a state before it learns and before it carries a displacement; it learns from
 * the way up through its layer, the way back and its gradient. The way up of one does not go on through the layers
 * above. */
START_TEST(learned_feedback)
{
    const double forward = 2 * B * (3 * 5 + 5 * 6 + 6 * 7 + 7 * 4), back = 2 * B * (5 * 6 + 6 * 7),
                 learns = back + 3 * back;
    const struct trial_size size = measured(
        DEEP, "{algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.1}}}}");
    ck_assert_double_eq(size.flops_per_feedback, forward + learns);
    ck_assert_double_eq(size.flops_per_step, 2 * forward + 2 * B * (7 * 4) + 2 * back + learns);
}
END_TEST

static double step_of(const char *hidden, const char *algorithm)
{
    char own[512];
    snprintf(own, sizeof own, "{network: {layers: [dense: {units: 5, activation: tanh}, %s, dense: {units: 4}]}, %s}",
             hidden, algorithm);
    return measured(DEEP, own).flops_per_step;
}

/* Every layer of a unit is factorized, as when each carries a target of its own; the inverse goes down through the
 * unit's last layer once more, to where it passes. */
START_TEST(inverses_of_units)
{
    static const char two[] = "dense: {units: 6}, dense: {units: 7}",
                      unit[] = "unit: [dense: {units: 6}, dense: {units: 7}]",
                      inverse[] = "algorithm: {name: tp, target_stepsize: 0.1}", adjoint[] = "algorithm: bp";
    const double factors = 3 * 6 * 25 + 125 / 3.0 + 3 * 7 * 36 + 216 / 3.0;
    ck_assert_double_eq_tol(step_of(two, inverse) - step_of(two, adjoint), factors, 1e-9);
    ck_assert_double_eq_tol(step_of(unit, inverse) - step_of(unit, adjoint), factors + 2 * B * (6 * 7), 1e-9);
}
END_TEST

/* Between two convolutions a direction of a dense layer's weights would take 2048 x 2048 numbers; a condition number
 * needs none. */
START_TEST(a_condition_number_of_convolutions)
{
    static const char images[] =
        "{dataset: {name: given, features: 256, image: [1, 16, 16], outputs: 4}, network: {layers: [conv: {channels: "
        "8, kernel: 3, padding: 1}, conv: {channels: 8, kernel: 3, padding: 1}, global_average_pool, dense: {units: "
        "4}]}}";
    const double without = measured(images, "{log: {metrics: [train_loss]}}").memory_bytes,
                 with = measured(images, "{log: {metrics: [condition_jacobian]}}").memory_bytes;
    ck_assert_double_gt(with, without);
    ck_assert_double_lt(with - without, 2048 * 2048 * sizeof(real) / 4.0);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_flat_network);
    tcase_add_test(t, a_recurrent_network);
    tcase_add_test(t, learned_feedback);
    tcase_add_test(t, inverses_of_units);
    tcase_add_test(t, a_condition_number_of_convolutions);
}

CHECK_MAIN("size", add_tests)
