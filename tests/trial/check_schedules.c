/* Stepsizes in the course of a trial: forward, by layer and of feedback weights, per epoch and per step. */
#include "../check_main.h"
#include "fixture.h"

#define DEEP "{network: {layers: [{dense: {units: 5}, repeat: 3}, dense: {units: 4}]}, " /* two feedback units */

/* The stepsizes that the last step took, of each group. */
static void expect(const struct optimizer *o, int step, size_t n, const double *expected)
{
    ck_assert_uint_eq(o->n_groups, n);
    for (size_t i = 0; i < n; i++) {
        const struct optim_common *c = o->groups[i].choice.opts;
        ck_assert_msg(fabs(c->stepsize - expected[i]) < 1e-15, "group %zu, step %d: %.17g, not %.17g", i, step,
                      c->stepsize, expected[i]);
    }
}

/* 20 samples in minibatches of 5: four steps an epoch. Layer 1 counts steps and layer 2 has no schedule. */
START_TEST(epochs_and_steps)
{
    struct fixture f;
    fixture_open(&f, BLOBS,
                 "{network: {layers: [dense: {units: 5}, dense: {units: 6, optimizer: {name: adam, stepsize: 0.5, "
                 "schedule: {name: linear, over: 5, per: step}}}, dense: {units: 4, optimizer: {name: momentum, "
                 "stepsize: 0.25}}]}, train: {batch_size: 5, optimizer: {name: sgd, stepsize: 0.5, schedule: {name: "
                 "cosine, over: 3, minimum: 0.1}}}}");
    for (int i = 0; i < 13; i++) {
        static const double cosine[] = { 0.5, 0.4, 0.2, 0.1 };
        fixture_steps(&f, 1);
        expect(&f.trial->forward, i, 3, (double[]){ cosine[i / 4], i < 5 ? 0.5 - 0.1 * i : 0, 0.25 });
    }
    ck_assert(((const struct optim_common *)f.config.train.optimizer.opts)->stepsize == 0.5); /* the file's stays */
    fixture_close(&f);
}
END_TEST

/* Feedback units with stepsizes of their own share a schedule; its time is that of training. */
START_TEST(feedback)
{
    struct fixture f;
    fixture_open(&f, BLOBS,
                 DEEP "algorithm: {name: dtp, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 1, "
                      "schedule: {name: step, every: 2, factor: 0.5, per: step}}, stepsize: [0.02, 0.04], steps: 3}}}");
    for (int i = 0; i < 5; i++) {
        static const double factor[] = { 1, 1, 0.5, 0.5, 0.25 };
        fixture_steps(&f, 1);
        expect(&f.trial->feedback, i, 2, (double[]){ 0.02 * factor[i], 0.04 * factor[i] });
        expect(&f.trial->forward, i, 4, (double[]){ 0.05, 0.05, 0.05, 0.05 });
    }
    fixture_close(&f);
}
END_TEST

/* One dense layer: what moves is the stepsize of the schedule times the direction, weight decay and all. */
START_TEST(weights_follow)
{
    struct fixture f;
    const double stepsizes[] = { 0.2, 0.15, 0.1 };
    double v[64] = { 0 };
    fixture_open(&f,
                 "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20}, network: {layers: [dense: "
                 "{units: 4}]}}",
                 "{train: {optimizer: {name: sgd, stepsize: 0.2, momentum: 0.9, weight_decay: 0.125, schedule: {name: "
                 "linear, over: 4, per: step}}}}");
    const size_t n = f.trial->forward.groups[0].n;
    ck_assert_uint_le(n, 64); /* weights and biases, which are not 0 */
    for (int step = 0; step < 3; step++) {
        real before[64];
        memcpy(before, f.trial->chain.weights, n * sizeof(real));
        fixture_steps(&f, 1);
        for (size_t i = 0; i < n; i++) {
            v[i] = 0.9 * v[i] + (double)f.trial->gradient[i] + 0.125 * (double)before[i];
            const double expected = (double)before[i] - stepsizes[step] * v[i];
            ck_assert_double_lt(fabs((double)f.trial->chain.weights[i] - expected), BOUND(1e-14, 1e-6));
        }
    }
    fixture_close(&f);
}
END_TEST

START_TEST(mistakes)
{
    static const struct {
        const char *data, *own, *words;
    } cases[] = {
        { ORDER, "{train: {optimizer: {name: sgd, stepsize: 0.1, schedule: constant}}}",
          "train.optimizer.schedule: schedule 'constant' counts epochs, but the dataset draws fresh samples without "
          "end; use per: step" },
        { BLOBS, "{train: {optimizer: {name: sgd, stepsize: 0.1, schedule: {name: linear, over: 3, minimum: 0.2}}}}",
          "train.optimizer.schedule: schedule 'linear' ends at 0.2, which is more than the stepsize 0.1" },
        { BLOBS,
          "{network: {layers: [{dense: {units: 3}, repeat: 2}, dense: {units: 4, optimizer: {name: sgd, stepsize: 0, "
          "schedule: {name: cosine, over: 3, minimum: 0.2}}}]}}",
          "network.layers.2.optimizer.schedule: schedule 'cosine' ends at 0.2" },
        { BLOBS,
          DEEP "algorithm: {name: dtp, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 1, schedule: "
               "{name: cosine, over: 3, minimum: 0.2}}, stepsize: [0.2, 0.1]}}}",
          "algorithm.feedback.optimizer: schedule 'cosine' ends at 0.2, which is more than the stepsize 0.1" },
        { BLOBS, "{train: {optimizer: {name: sgd, stepsize: 0.1, schedule: cosine}}}", "missing required key 'over'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        ck_assert_int_eq(config_lines(&c, &a, &e, TRIAL_BASE, cases[i].data, cases[i].own, NULL), ERR_SPEC);
        ck_assert_msg(strstr(err_first(&e), cases[i].words) != NULL, "'%s' does not say '%s'", err_first(&e),
                      cases[i].words);
        ck_assert_int_gt(e.messages[0].where.line, 0);
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, epochs_and_steps);
    tcase_add_test(tcase, feedback);
    tcase_add_test(tcase, weights_follow);
    tcase_add_test(tcase, mistakes);
}

CHECK_MAIN("schedules", add_tests)
