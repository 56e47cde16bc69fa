/* train.stop.metric: where a trial ends, by what it says; that logs, budgets and interruptions do not move it; and what
 * of a file is refused. */
#include "../check_main.h"
#include "fixture.h"

/* A regression that falls and stays: 10 steps are an epoch of the 30 training samples. */
#define TEACHER                                                                                                        \
    "{dataset: {name: student_teacher, units: 50, train_size: 30, validation_size: 40, test_size: 20}, network: "      \
    "{layers: [dense: {units: 6, activation: tanh}, dense: {units: 2}]}, loss: squared_error, train: {iterations: "    \
    "400, optimizer: {name: sgd, stepsize: 0.01}}, log: {every: 7, metrics: [train_loss, valid_loss]}}"

struct ran {
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
};

static void run(struct ran *x, const char *own)
{
    struct err e = { 0 };
    const struct trial_control control = { 0 };
    x->r = records_new();
    fixture_open(&x->f, TEACHER, own);
    must(trial_run(x->f.trial, &x->r.sink, &control, &x->outcome, &e), &e);
}

static void ran_free(struct ran *x)
{
    text_free(&x->r.text);
    fixture_close(&x->f);
}

/* The values that tests every n steps see: of a trial that logs these steps and ends by nothing. */
static size_t values(const char *metric, int64_t every, double *v, size_t most)
{
    struct ran x;
    char own[96];
    size_t n = 0;
    snprintf(own, sizeof own, "{log: {every: %lld}}", (long long)every);
    run(&x, own);
    for (int64_t step = every; step <= 400 && n < most; step += every)
        v[n++] = records_value(&x.r, metric, step);
    ran_free(&x);
    return n;
}

/* Where patience ends it, by the definition. Returns the number of the test, from 1; 0 for none. */
static size_t plateau(const double *v, size_t n, size_t patience, double min_delta, size_t *best)
{
    *best = 0;
    for (size_t i = 1; i < n; i++) {
        if (v[i] < v[*best] - min_delta)
            *best = i;
        else if (i - *best >= patience)
            return i + 1;
    }
    return 0;
}

START_TEST(a_plateau_ends_a_trial)
{
    static const struct {
        size_t patience;
        double min_delta;
    } cases[] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 2, 5 }, { 5, 20 } };
    double v[80];
    const size_t n = values("valid_loss", 5, v, 80);
    size_t ended = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ran x;
        char own[160], reason[128];
        size_t best;
        const size_t at = plateau(v, n, cases[i].patience, cases[i].min_delta, &best);
        snprintf(own, sizeof own, "{train: {stop: {metric: valid_loss, patience: %zu, min_delta: %g, every: 5}}}",
                 cases[i].patience, cases[i].min_delta);
        run(&x, own);
        ck_assert_int_eq(x.outcome.step, at ? (int64_t)at * 5 : 400);
        if (at) {
            snprintf(reason, sizeof reason, "plateau: valid_loss not better than %.4g of step %zu in %zu tests",
                     v[best], (best + 1) * 5, cases[i].patience);
            ck_assert_double_eq(records_value(&x.r, "valid_loss", (int64_t)at * 5), v[at - 1]); /* its last log */
            ck_assert_str_eq(x.outcome.reason, reason);
            ended++;
        } else {
            ck_assert_str_eq(x.outcome.reason, "");
        }
        ran_free(&x);
    }
    ck_assert_uint_ge(ended, 3);
}
END_TEST

START_TEST(a_target_ends_a_trial)
{
    double v[80];
    const size_t n = values("train_loss", 5, v, 80);
    const double target = (v[0] + v[1]) / 2;
    struct ran x;
    char own[160], reason[128];
    size_t at = 0;
    while (at < n && v[at] > target)
        at++;
    ck_assert_uint_lt(at, n);
    snprintf(own, sizeof own, "{train: {stop: {metric: train_loss, target: %.17g, every: 5}}}", target);
    run(&x, own);
    ck_assert_int_eq(x.outcome.step, (int64_t)(at + 1) * 5);
    snprintf(reason, sizeof reason, "target: train_loss %.4g, asked for %.4g", v[at], target);
    ck_assert_str_eq(x.outcome.reason, reason);
    ran_free(&x);
}
END_TEST

/* Of accuracies the largest is best. */
START_TEST(the_goal_is_the_metrics_own)
{
    struct fixture f;
    struct records r = records_new();
    struct trial_outcome end;
    const struct trial_control control = { 0 };
    struct err e = { 0 };
    fixture_open(&f, BLOBS,
                 "{train: {iterations: 500, optimizer: {stepsize: 0.2}, stop: {metric: train_accuracy, target: 60, "
                 "every: 1}}, log: {every: 1, metrics: [train_accuracy]}}");
    must(trial_run(f.trial, &r.sink, &control, &end, &e), &e);
    ck_assert_int_gt(end.step, 1);
    ck_assert_int_lt(end.step, 500);
    ck_assert_double_ge(records_value(&r, "train_accuracy", end.step), 60);
    ck_assert_double_lt(records_value(&r, "train_accuracy", end.step - 1), 60);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

#define STOPS "train.stop: {metric: valid_loss, patience: 2, every: 5}"

START_TEST(neither_logs_nor_budgets_move_the_end)
{
    static const char *const own[] = { "{" STOPS "}", "{" STOPS ", log: {every: 1000}}", "{" STOPS ", log: {every: 1}}",
                                       "{" STOPS ", train.iterations: 390}",
                                       ("{train.stop: {metric: valid_loss, patience: 2, every_epochs: 1}, "
                                        "train.batch_size: 3, log: {every: 10}}") };
    struct ran first;
    run(&first, own[0]);
    ck_assert_int_lt(first.outcome.step, 390);
    for (size_t i = 1; i < 4; i++) {
        struct ran x;
        run(&x, own[i]);
        ck_assert_int_eq(x.outcome.step, first.outcome.step);
        ck_assert_str_eq(x.outcome.weights_sha256, first.outcome.weights_sha256);
        ran_free(&x);
    }
    ran_free(&first);
    run(&first, own[4]); /* an epoch is 10 minibatches of 3 */
    ck_assert_int_lt(first.outcome.step, 400);
    ck_assert_int_eq(first.outcome.step % 10, 0);
    ran_free(&first);
}
END_TEST

struct stopper {
    const struct trial *trial;
    int64_t at;
};
static int stop_at(void *self)
{
    const struct stopper *s = self;
    return trial_step_number(s->trial) >= s->at ? TRIAL_STOP : TRIAL_CONTINUE;
}

START_TEST(interruptions_do_not_move_the_end)
{
    char folder[64];
    struct ran whole;
    scratch_make(folder);
    run(&whole, "{" STOPS "}");
    for (int64_t at = 1; at < whole.outcome.step; at++) {
        struct fixture first, second;
        struct records r = records_new();
        struct trial_outcome end;
        struct stopper s = { .at = at };
        struct err e = { 0 };
        struct trial_control control = {
            .poll = stop_at, .self = &s, .checkpoint_folder = folder, .checkpoint_key = KEY
        };
        fixture_open(&first, TEACHER, "{" STOPS "}");
        s.trial = first.trial;
        ck_assert_int_eq(trial_run(first.trial, &r.sink, &control, &end, &e), ERR_STOPPED);
        err_clear(&e);
        fixture_open(&second, TEACHER, "{" STOPS "}");
        must(restore_from(second.trial, folder, r.checkpoint, r.sha256, &e), &e);
        control = (struct trial_control){ 0 };
        must(trial_run(second.trial, &r.sink, &control, &end, &e), &e);
        ck_assert_msg(strcmp(r.text.s, whole.r.text.s) == 0, "stopped at step %lld:\n%s\ninstead of\n%s", (long long)at,
                      r.text.s, whole.r.text.s);
        ck_assert_str_eq(end.weights_sha256, whole.outcome.weights_sha256);
        ck_assert_str_eq(end.reason, whole.outcome.reason);
        text_free(&r.text);
        fixture_close(&first);
        fixture_close(&second);
    }
    ran_free(&whole);
    scratch_remove(folder);
}
END_TEST

/* From the checkpoint of its end, and with a larger budget, it has nothing more to do and says why again. */
START_TEST(an_ended_trial_stays_so)
{
    char folder[64];
    struct fixture f, again;
    struct records r = records_new(), none = records_new();
    const struct trial_control control = { .checkpoint_folder = folder, .checkpoint_key = KEY };
    struct trial_outcome a, b;
    struct err e = { 0 };
    scratch_make(folder);
    fixture_open(&f, TEACHER, "{" STOPS ", checkpoint: {keep: last}}");
    must(trial_run(f.trial, &r.sink, &control, &a, &e), &e);
    fixture_open(&again, TEACHER, "{" STOPS ", train.iterations: 4000}");
    must(restore_from(again.trial, folder, r.checkpoint, r.sha256, &e), &e);
    must(trial_run(again.trial, &none.sink, &control, &b, &e), &e);
    ck_assert_ptr_null(none.text.s);
    ck_assert_int_eq(a.step, b.step);
    ck_assert_str_eq(a.reason, b.reason);
    ck_assert_str_eq(a.weights_sha256, b.weights_sha256);
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&again);
    scratch_remove(folder);
}
END_TEST

/* A value that is not finite is no better one. */
START_TEST(what_is_not_finite)
{
    struct ran x;
    run(&x, "{network: {layers: [dense: {units: 6}, dense: {units: 2}]}, train: {optimizer: {stepsize: 1e6}, stop: "
            "{nonfinite: false, metric: valid_loss, patience: 4, every: 5}}}");
    ck_assert_int_eq(x.outcome.step, 20);
    ck_assert_str_eq(x.outcome.reason, "plateau: valid_loss was not finite in 4 tests");
    ran_free(&x);
}
END_TEST

/* What the price is made of: tests that share no log's evaluation, in evaluations of the evaluation set. */
START_TEST(tests_are_counted)
{
    static const struct {
        const char *data, *own;
        double n;
    } cases[] = {
        { ORDER, "{train.iterations: 100, log.every: 10}", 0 },
        { ORDER, "{train.iterations: 100, log.every: 10, train.stop: {loss_above_initial: 2, every: 10}}", 0 },
        { ORDER, "{train.iterations: 100, log.every: 10, train.stop: {loss_above_initial: 2, every: 25}}", 2 },
        { ORDER, "{train.iterations: 100, log.every: 10, train.stop: {loss_above_initial: 2, every: 1}}", 90 },
        { ORDER, "{train.iterations: 100, log.every: 10, train.stop: {metric: train_loss, patience: 3, every: 25}}",
          2 },
        { TEACHER, "{train.stop: {metric: train_loss, patience: 3, every_epochs: 1}}", 40 - 5 },
        { TEACHER, "{train.stop: {metric: valid_loss, patience: 3, every_epochs: 1}}", (40 - 5) * 40 / 30. },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct err e = { 0 };
        struct trial_size size;
        fixture_bind(&f, cases[i].data, cases[i].own);
        must(trial_measure(&f.config, &size, &f.arena, &e), &e);
        ck_assert_double_eq_tol(size.n_checks, cases[i].n, 1e-9);
        arena_finish(&f.arena);
    }
}
END_TEST

/* ---- what is refused ---- */

START_TEST(mistakes)
{
    static const struct {
        const char *data, *own, *expected;
    } cases[] = {
        { TEACHER, "{train.stop: {metric: valid_los, patience: 2}}",
          "train.stop.metric: unknown metric 'valid_los'; did you mean 'valid_loss'?" },
        { TEACHER, "{train.stop: {metric: test_loss, patience: 2}}",
          "train.stop.metric: 'test_loss' is of the test set, and to end a trial by it is to select on the test set; "
          "use a metric of validation or training data: valid_loss" },
        { ORDER, "{train.stop: {metric: test_accuracy, target: 99}}",
          "train.stop.metric: 'test_accuracy' is of the test set, and to end a trial by it is to select on the test "
          "set; use a metric of validation or training data" },
        { ORDER, "{train.stop: {metric: valid_loss, patience: 2}}",
          "train.stop.metric: 'valid_loss' is not defined for dataset 'temporal_order', which holds out no samples" },
        { TEACHER, "{train.stop: {metric: batch_loss, patience: 2}}",
          "train.stop.metric: 'batch_loss' is no loss or accuracy of training or validation data; known: train_loss, "
          "valid_loss, valid_loss_batches" },
        { TEACHER, "{train.stop: {metric: valid_accuracy, patience: 2}}",
          "train.stop.metric: 'valid_accuracy' is not defined for dataset 'student_teacher'" },
        { TEACHER, "{train.stop: {metric: valid_loss_batches, patience: 2}}",
          "train.stop.metric: 'valid_loss_batches' is not logged, so that nobody would see why a trial ended; add it "
          "to log.metrics" },
        { TEACHER, "{train.stop: {metric: valid_loss}}",
          "train.stop.metric: 'valid_loss' ends no trial without a patience or a target" },
        { TEACHER, "{train.stop: {metric: valid_loss, target: 3, min_delta: 1}}",
          "train.stop.min_delta: says what is better, which only patience asks" },
        { TEACHER, "{train.stop: {patience: 2}}",
          "train.stop.patience: of which metric? Name it: stop: {metric: valid_loss, ...}" },
        { TEACHER, "{train.stop: {target: 0}}", "train.stop.target: of which metric? Name it:" },
        { TEACHER, "{train.stop: {monitor: valid_loss}}",
          "unknown key 'monitor' in train.stop; did you mean 'metric'?" },
        { ORDER, "{train.stop: {metric: train_loss, patience: 2, every_epochs: 1}}",
          "train.stop.every_epochs: dataset 'temporal_order' draws fresh samples without end and has no epochs; use "
          "every" },
        { BLOBS, "{log: {metrics: [train_accuracy]}, train.stop: {metric: train_accuracy, target: 101}}",
          "train.stop.target: 101 is out of reach: 'train_accuracy' is in percent" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config c = { 0 };
        struct arena a;
        struct err e = { 0 };
        arena_init(&a, 0);
        ck_assert_int_lt(config_lines(&c, &a, &e, TRIAL_BASE, cases[i].data, cases[i].own, NULL), 0);
        ck_assert_msg(strstr(err_first(&e), cases[i].expected) != NULL, "%s: '%s'", cases[i].own, err_first(&e));
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_plateau_ends_a_trial);
    tcase_add_test(t, a_target_ends_a_trial);
    tcase_add_test(t, the_goal_is_the_metrics_own);
    tcase_add_test(t, neither_logs_nor_budgets_move_the_end);
    tcase_add_test(t, interruptions_do_not_move_the_end);
    tcase_add_test(t, an_ended_trial_stays_so);
    tcase_add_test(t, what_is_not_finite);
    tcase_add_test(t, tests_are_counted);
    tcase_add_test(t, mistakes);
}

CHECK_MAIN("stop", add_tests)
