/* Which trials are of one shape, and what timing one tells beside times. */
#include "../check_main.h"
#include "fixture.h"

#include <unistd.h>

static const char base[] =
    "{seed: 1, dataset: {name: gaussian, features: 9, eval_size: 50, test_size: 40, train_size: 30},"
    " network: {layers: [dense: {units: 12}, dense: {units: 3}]}, loss: cross_entropy,"
    " algorithm: {name: dtp, target_stepsize: 0.3, feedback_loss: {noise: 0.1},"
    "  feedback: {optimizer: {name: sgd, stepsize: 0.01}, steps: 3}},"
    " train: {optimizer: {name: sgd, stepsize: 0.1, momentum: 0.9}, batch_size: 10, iterations: 100},"
    " log: {every: 10, metrics: [train_loss, test_accuracy, weight_norm, batch_loss]}}";

static void shape_of(const char *over, char shape[65])
{
    struct config c;
    struct arena a;
    struct err e = { 0 };
    arena_init(&a, 0);
    must(config_lines(&c, &a, &e, base, over, NULL), &e);
    config_shape(&c, shape);
    arena_finish(&a);
}

START_TEST(one_shape)
{
    static const char *const same[] = {
        "{seed: 7}",
        "{experiment: other, variant: other}",
        "{train: {optimizer: {stepsize: 3e-4}}}",
        "{train: {optimizer: {momentum: 0.5}}}",
        "{train: {iterations: 7}}",
        "{train: {iterations: null, epochs: 3}}",
        "{checkpoint: {seconds: 1}}",
        "{algorithm: {target_stepsize: 0.7, feedback_loss: {noise: 0.2}, feedback: {optimizer: {stepsize: 1}}}}",
    };
    char expected[65], found[65];
    shape_of("{}", expected);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        shape_of(same[i], found);
        ck_assert_msg(!strcmp(found, expected), "%s", same[i]);
    }
}
END_TEST

START_TEST(other_shapes)
{
    static const char *const others[] = {
        "{}",
        "{precision: double}",
        "{train: {batch_size: 11}}",
        "{train: {optimizer: {momentum: 0}}}",
        "{train: {optimizer: {name: adam, stepsize: 0.1}}}",
        "{train: {stop: {loss_above_initial: 2}}}",
        "{network: {layers: [dense: {units: 13}, dense: {units: 3}]}}",
        "{network: {layers: [dense: {units: 12, activation: relu}, dense: {units: 3}]}}",
        "{dataset: {features: 10}}",
        "{dataset: {eval_size: 60}}",
        "{algorithm: {feedback_loss: {noise: 0}}}",
        "{algorithm: {feedback: {steps: 2}}}",
        "{algorithm: {feedback: {pretrain_epochs: 1}}}",
        "{log: {every: 20}}",
        "{log: {metrics: [train_loss]}}",
    };
    enum { N = sizeof others / sizeof *others };
    char shapes[N][65];
    for (size_t i = 0; i < N; i++) {
        shape_of(others[i], shapes[i]);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(strcmp(shapes[i], shapes[k]) != 0, "%s, %s", others[i], others[k]);
    }
}
END_TEST

static void check_times(const struct trial_timing *x)
{
    const double all[] = { x->start, x->step, x->logged_step, x->look, x->check, x->feedback };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ck_assert(isfinite(all[i]) && all[i] >= 0);
    ck_assert_double_gt(x->start, 0);
    ck_assert_double_gt(x->step, 0);
    ck_assert_double_gt(x->look, 0);
}

/* Rows are those of a log after some steps; weights that diverge at once, and data that is not there, hinder nothing.
 */
START_TEST(timing_counts_rows)
{
    static const struct {
        const char *over;
        double rows, layer_rows;
    } all[] = {
        { "{}", 3, 2 },
        { "{train: {optimizer: {stepsize: 1e30}}}", 3, 2 },
        { "{log: {metrics: [train_loss]}}", 1, 0 },
        { "{log: {metrics: [weight_norm, angle_bp]}}", 0, 4 },
        { "{log: {metrics: [train_loss, test_loss_batches]}, algorithm: {feedback: {pretrain_epochs: 1}}}", 2, 0 },
        { "{train: {iterations: 0}}", 3, 2 },
        { "{dataset: {name: mnist, path: /nonexistent, eval_size: 20, test_size: 20, train_size: 30}, network: "
          "{layers: "
          "[dense: {units: 12}, dense: {units: 10}]}}",
          3, 2 },
        { "{dataset: {name: adding, length: 10}, network: {layers: [rnn: {units: 5}, "
          "dense: {units: 1, activation: linear}]}, loss: squared_error, algorithm: bp}",
          3, 2 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct config c;
        struct arena a;
        struct err e = { 0 };
        struct trial_timing x;
        arena_init(&a, 0);
        must(config_lines(&c, &a, &e, base, all[i].over, NULL), &e);
        must(trial_time(&c, &x, &e), &e);
        check_times(&x);
        ck_assert_msg(x.rows == all[i].rows && x.layer_rows == all[i].layer_rows, "%s: %g and %g rows", all[i].over,
                      x.rows, x.layer_rows);
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, one_shape);
    tcase_add_test(t, other_shapes);
    tcase_add_test(t, timing_counts_rows);
}
CHECK_MAIN("shape", add_tests)
