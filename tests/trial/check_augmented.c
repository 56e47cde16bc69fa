/* Trials on augmented images: interrupted in the middle of an epoch, they go on bit for bit. */
#include "../check_main.h"
#include "../data/images.h"
#include "fixture.h"

/* 20 images in minibatches of 3: a step across the seam of two epochs too. */
#define IMAGES                                                                                                         \
    "{dataset: {name: cifar10, train_size: 20, eval_size: 8, test_size: 8, scaling: standard}, network: {layers: "     \
    "[{dense: {units: 5, activation: tanh}, repeat: 3}, dense: {units: 10}]}, algorithm: {name: dtp, "                 \
    "target_stepsize: "                                                                                                \
    "0.5, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: {optimizer: {name: sgd, stepsize: 0.001, "      \
    "momentum: 0.9}, pretrain_epochs: 1}}, train: {optimizer: {name: sgd, stepsize: 0.01, momentum: 0.9, schedule: "   \
    "{name: cosine, over: 3}}}}"
#define AUGMENTED "{dataset: {flip: true, crop: 4, pad: 2}}"

static char folder[64];

static void setup(void)
{
    char path[128];
    files_folder(folder);
    snprintf(path, sizeof path, "%s/cifar10", folder);
    write_cifar(path, 20);
}

static void teardown(void)
{
    files_remove(folder);
}

static bool same_state(const struct trial *a, const struct trial *b)
{
    bool same =
        memcmp(a->chain.weights, b->chain.weights, a->chain.n_vector * sizeof(real)) == 0 &&
        memcmp(a->credit.feedback_weights, b->credit.feedback_weights, a->credit.n_feedback_vector * sizeof(real)) == 0;
    for (size_t i = 0; i < a->forward.n_groups; i++)
        same = same && memcmp(a->forward.groups[i].slots, b->forward.groups[i].slots,
                              a->forward.groups[i].n * sizeof(real)) == 0;
    return same;
}

START_TEST(resumed_anywhere)
{
    for (int at = 1; at < 9; at++) {
        struct fixture whole, before, after;
        struct records r = records_new();
        struct err e = { 0 };
        fixture_open(&whole, IMAGES, AUGMENTED);
        fixture_open(&before, IMAGES, AUGMENTED);
        fixture_open(&after, IMAGES, AUGMENTED);
        fixture_steps(&whole, 9);
        fixture_steps(&before, at);
        must(checkpoint_write(before.trial, folder, KEY, &r.sink, &e), &e);
        must(restore_from(after.trial, folder, r.checkpoint, r.sha256, &e), &e);
        ck_assert(same_state(before.trial, after.trial));
        fixture_steps(&after, 9 - at);
        ck_assert(same_state(whole.trial, after.trial));
        fixture_close(&whole);
        fixture_close(&before);
        fixture_close(&after);
    }
}
END_TEST

/* Feedback of convolutions that is trained before the first epoch and several times a step: an epoch of the one or the
 * other may be left anywhere. `done`: minibatches of both kinds. */
#define LDRL                                                                                                           \
    "{dataset: {flip: true, crop: 4}, network: {layers: [unit: [conv: {channels: 3, kernel: 5, stride: 4, "            \
    "activation: elu}, max_pool: {kernel: 3, stride: 2, padding: 1}], unit: [flatten, dense: {units: 6, activation: "  \
    "elu}], dense: {units: 10}]}, algorithm: {name: ldrl, target_stepsize: 0.5, feedback_loss: {name: "                \
    "local_difference_reconstruction, noise: [0.3, 0.2]}, feedback: {optimizer: {name: sgd, stepsize: 1, momentum: "   \
    "0.9}, pretrain_epochs: 1, steps: [3, 2], stepsize: [0.01, 0.02]}}}"

static void minibatches(struct fixture *f, int n)
{
    struct err e = { 0 };
    struct records r = records_new();
    for (int i = 0; i < n; i++)
        if (feedback_only_due(f->trial) > 0)
            must(feedback_only_minibatch(f->trial, &r.sink, &e), &e);
        else
            must(trial_step(f->trial, &e), &e);
    text_free(&r.text);
}

static bool same_momentum(const struct trial *a, const struct trial *b)
{
    bool same = a->feedback_only.done == b->feedback_only.done && a->step == b->step;
    for (size_t i = 0; i < a->feedback.n_groups; i++)
        same = same && memcmp(a->feedback.groups[i].slots, b->feedback.groups[i].slots,
                              a->feedback.groups[i].n * sizeof(real)) == 0;
    return same;
}

START_TEST(resumed_within_the_iterations_of_feedback)
{
    enum { ALL = 16 }; /* 7 of feedback alone, and 9 steps */
    struct fixture whole;
    fixture_open(&whole, IMAGES, LDRL);
    minibatches(&whole, ALL);
    ck_assert_int_eq(whole.trial->feedback_only.done, 7);
    for (int at = 1; at < ALL; at++) {
        struct fixture before, after;
        struct records r = records_new();
        struct err e = { 0 };
        char hash[2][65];
        fixture_open(&before, IMAGES, LDRL);
        fixture_open(&after, IMAGES, LDRL);
        minibatches(&before, at);
        must(checkpoint_write(before.trial, folder, KEY, &r.sink, &e), &e);
        must(restore_from(after.trial, folder, r.checkpoint, r.sha256, &e), &e);
        ck_assert(same_state(before.trial, after.trial) && same_momentum(before.trial, after.trial));
        minibatches(&after, ALL - at);
        ck_assert_msg(same_state(whole.trial, after.trial) && same_momentum(whole.trial, after.trial),
                      "left after %d minibatches", at);
        checkpoint_weights_hash(whole.trial, hash[0]);
        checkpoint_weights_hash(after.trial, hash[1]);
        ck_assert_str_eq(hash[0], hash[1]);
        fixture_close(&before);
        fixture_close(&after);
    }
    fixture_close(&whole);
}
END_TEST

/* It does make a difference, but to no evaluation. */
START_TEST(training_alone_is_augmented)
{
    struct fixture plain, augmented;
    const struct evaluation *a, *b;
    struct err e = { 0 };
    fixture_open(&plain, IMAGES, "{dataset: {pad: 2}}");
    fixture_open(&augmented, IMAGES, AUGMENTED);
    ck_assert(same_state(plain.trial, augmented.trial));
    const enum split splits[] = { SPLIT_EVAL, SPLIT_TEST };
    for (size_t i = 0; i < 2; i++) {
        must(evaluate(plain.trial, splits[i], &a, &e), &e);
        must(evaluate(augmented.trial, splits[i], &b, &e), &e);
        ck_assert(a->loss == b->loss);
    }
    fixture_steps(&plain, 1);
    fixture_steps(&augmented, 1);
    ck_assert(!same_state(plain.trial, augmented.trial));
    fixture_close(&plain);
    fixture_close(&augmented);
}
END_TEST

/* An option that is as its default says leaves a trial's identity as it was. */
START_TEST(keys)
{
    static const char *const own[] = { "{}",
                                       "{dataset: {pad: 0, flip: false, crop: 0}}",
                                       "{train: {optimizer: {weight_decay: 0}}}",
                                       "{dataset: {pad: 2}}",
                                       "{dataset: {flip: true}}",
                                       "{dataset: {crop: 4}}",
                                       "{dataset: {subset_seed: 0}}",
                                       "{dataset: {scaling: unit, mean: 0.5, deviation: 0.5}}",
                                       "{train: {optimizer: {weight_decay: 0.1}}}",
                                       "{train: {optimizer: {schedule: constant}}}" };
    enum { N = sizeof own / sizeof *own, SAME = 3 };
    char key[N][65];
    for (size_t i = 0; i < N; i++) {
        struct fixture f;
        fixture_bind(&f, IMAGES, own[i]);
        config_key(&f.config, key[i]);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg((strcmp(key[i], key[j]) == 0) == (i < SAME), "keys of %s and %s", own[j], own[i]);
        arena_finish(&f.arena);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, resumed_anywhere);
    tcase_add_test(tcase, resumed_within_the_iterations_of_feedback);
    tcase_add_test(tcase, training_alone_is_augmented);
    tcase_add_test(tcase, keys);
}

CHECK_MAIN("augmented", add_tests)
