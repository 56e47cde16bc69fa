/* Optimizers and stepsizes of single layers, and stepsizes over the target stepsize. */
#include "../check_main.h"
#include "fixture.h"

#include <math.h>

#define LAYERS(first, second)                                                                                          \
    "{network: {layers: [dense: {units: 5, activation: tanh" first "}, dense: {units: 6, activation: tanh" second      \
    "}, dense: {units: 4}]}}"
#define DATA "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 37, test_size: 53}}"

static void open_lines(struct fixture *f, const char *layers, const char *own)
{
    struct err e = { 0 };
    *f = (struct fixture){ 0 };
    arena_init(&f->arena, 0);
    must(config_lines(&f->config, &f->arena, &e, TRIAL_BASE, DATA, layers, own, NULL), &e);
    must(trial_open(&f->trial, &f->config, &e), &e);
}

static bool same_layer(const struct fixture *a, const struct fixture *b, size_t layer)
{
    const struct group *g = &a->trial->forward.groups[layer];
    return memcmp(a->trial->chain.weights + g->offset, b->trial->chain.weights + g->offset, g->n * sizeof(real)) == 0;
}

/* An update longer than clip_norm is as long, in its own direction; a shorter one is what it was, bit for bit. */
START_TEST(long_updates_are_clipped)
{
    static const char *const own[] = { "{train: {optimizer: {name: sgd, stepsize: 0.5}}}",
                                       "{train: {clip_norm: 0.01, optimizer: {name: sgd, stepsize: 0.5}}}",
                                       "{train: {clip_norm: 1e6, optimizer: {name: sgd, stepsize: 0.5}}}" };
    struct fixture f[3];
    double length[2] = { 0 }, along = 0;
    for (size_t i = 0; i < 3; i++)
        open_lines(&f[i], LAYERS("", ""), own[i]);
    const size_t n = f[0].trial->chain.n_vector;
    real *start = calloc(n, sizeof *start);
    memcpy(start, f[0].trial->chain.weights, n * sizeof *start);
    for (size_t i = 0; i < 3; i++)
        fixture_steps(&f[i], 1);
    for (size_t j = 0; j < n; j++) {
        const double a = (double)(f[0].trial->chain.weights[j] - start[j]),
                     b = (double)(f[1].trial->chain.weights[j] - start[j]);
        length[0] += a * a;
        length[1] += b * b;
        along += a * b;
    }
    ck_assert(sqrt(length[0]) > 2 * 0.5 * 0.01);
    ck_assert_double_eq_tol(sqrt(length[1]), 0.5 * 0.01, 1e-5);
    ck_assert_double_eq_tol(along / sqrt(length[0] * length[1]), 1, 1e-4);
    for (size_t i = 0; i < 3; i++)
        ck_assert(same_layer(&f[0], &f[2], i));
    free(start);
    for (size_t i = 0; i < 3; i++)
        fixture_close(&f[i]);
}
END_TEST

/* After one step of back-propagation from the same weights, each layer is where its own optimizer takes it. */
START_TEST(a_layer_has_its_own_optimizer)
{
    struct fixture adam, sgd, mixed;
    const char *with_adam = "{train: {optimizer: {name: adam, stepsize: 0.01}}}";
    open_lines(&adam, LAYERS("", ""), with_adam);
    open_lines(&sgd, LAYERS("", ""), "{train: {optimizer: {name: sgd, stepsize: 0.3}}}");
    open_lines(&mixed, LAYERS("", ", optimizer: {name: sgd, stepsize: 0.3}"), with_adam);
    fixture_steps(&adam, 1);
    fixture_steps(&sgd, 1);
    fixture_steps(&mixed, 1);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(same_layer(&mixed, i == 1 ? &sgd : &adam, i));
        ck_assert(!same_layer(&mixed, i == 1 ? &adam : &sgd, i));
    }
    fixture_close(&adam);
    fixture_close(&sgd);
    fixture_close(&mixed);
}
END_TEST

/* After one feedback step from the same weights, each feedback unit is where its own optimizer takes it, whose state
 * goes on with the next minibatch. */
START_TEST(a_feedback_unit_has_its_own_optimizer)
{
    static const char form[] = "{algorithm: {name: dtp, target_stepsize: 0.5, head: 1, feedback: {optimizer: %s}}}",
                      layers[] = "{network: {layers: [{dense: {units: 5, activation: tanh}, repeat: 3}, dense: {units: "
                                 "4}]}, train: {optimizer: {name: sgd, stepsize: 0}}}";
    static const char *const choices[] = { "{name: adam, stepsize: 0.01}", "{name: momentum, stepsize: 0.3}",
                                           "[adam: {stepsize: 0.01}, momentum: {stepsize: 0.3}]" };
    struct fixture f[3];
    char own[256];
    for (size_t i = 0; i < 3; i++) {
        snprintf(own, sizeof own, form, choices[i]);
        open_lines(&f[i], layers, own);
        fixture_steps(&f[i], 3); /* the layers stand still: the units do not see each other */
    }
    for (size_t i = 0; i < 2; i++) {
        const struct group *g = &f[2].trial->feedback.groups[i];
        const size_t bytes = g->n * sizeof(real);
        const real *mixed = f[2].trial->credit.feedback_weights + g->offset;
        ck_assert(memcmp(mixed, f[i].trial->credit.feedback_weights + g->offset, bytes) == 0);
        ck_assert(memcmp(mixed, f[1 - i].trial->credit.feedback_weights + g->offset, bytes) != 0);
    }
    for (size_t i = 0; i < 3; i++)
        fixture_close(&f[i]);
}
END_TEST

START_TEST(factors_hold_for_it_too)
{
    struct fixture factor, stepsize;
    open_lines(&factor, LAYERS("", ", stepsize_factor: 4, optimizer: {name: sgd, stepsize: 0.25}"), "{}");
    open_lines(&stepsize, LAYERS("", ", optimizer: {name: sgd, stepsize: 1}"), "{}");
    fixture_steps(&factor, 3);
    fixture_steps(&stepsize, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert(same_layer(&factor, &stepsize, i));
    fixture_close(&factor);
    fixture_close(&stepsize);
}
END_TEST

/* Frozen parameters stay as drawn, bit for bit, and the others of their layer move. */
START_TEST(single_parameters_may_be_frozen)
{
    struct fixture start, frozen;
    open_lines(&start, LAYERS(", frozen: [bias]", ", frozen: [weight]"), "{}");
    open_lines(&frozen, LAYERS(", frozen: [bias]", ", frozen: [weight]"), "{}");
    fixture_steps(&frozen, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 2; j++) {
            const struct unit *l = &frozen.trial->chain.units[i];
            const struct mat a = unit_param(l, j, frozen.trial->chain.weights),
                             b = unit_param(l, j, start.trial->chain.weights);
            const bool same = memcmp(a.p, b.p, mat_n(a) * sizeof *a.p) == 0;
            ck_assert_msg(same == (i == 0 && j == 1 ? true : i == 1 && j == 0), "layer %zu, %s", i, l->params[j].name);
        }
    fixture_close(&start);
    fixture_close(&frozen);
}
END_TEST

/* Optimizers with 0, 1, 2 and 3 vectors of state beside each other go through a checkpoint. */
START_TEST(checkpoints_hold_every_state)
{
    static const char layers[] = LAYERS(", optimizer: {name: rmsprop, stepsize: 0.01, centered: true, momentum: 0.5}",
                                        ", optimizer: {name: sgd, stepsize: 0.01}");
    static const char own[] = "{train: {optimizer: {name: adam, stepsize: 0.01}}}";
    char folder[64];
    struct fixture whole, before, after;
    struct records r = records_new();
    struct err e = { 0 };
    scratch_make(folder);
    open_lines(&whole, layers, own);
    open_lines(&before, layers, own);
    open_lines(&after, layers, own);
    fixture_steps(&whole, 9);
    fixture_steps(&before, 4);
    must(checkpoint_write(before.trial, folder, KEY, &r.sink, &e), &e);
    must(restore_from(after.trial, folder, r.checkpoint, r.sha256, &e), &e);
    fixture_steps(&after, 5);
    for (size_t i = 0; i < 3; i++) {
        const struct group *a = &after.trial->forward.groups[i], *b = &whole.trial->forward.groups[i];
        const size_t n = ((const struct optim_def *)a->choice.part)->n_slots * a->n * sizeof(real);
        ck_assert(same_layer(&after, &whole, i));
        ck_assert(memcmp(a->slots, b->slots, n) == 0);
    }
    fixture_close(&whole);
    fixture_close(&before);
    fixture_close(&after);
    scratch_remove(folder);
}
END_TEST

/* ---- divide_stepsize ---- */

#define DTP                                                                                                            \
    "{algorithm: {name: dtp, target_stepsize: 0.25, head: 1, divide_stepsize: %s, feedback: {optimizer: {name: sgd, "  \
    "stepsize: 0.01}}}}"

/* 1 / 0.25 is exact: the layers under the head move as with 4 times the stepsize, the head as ever; frozen layers stay.
 */
START_TEST(stepsizes_over_the_target_stepsize)
{
    char yes[256], no[256];
    struct fixture divided, factors, start;
    snprintf(yes, sizeof yes, DTP, "true");
    snprintf(no, sizeof no, DTP, "false");
    static const char *const lines[][2] = {
        { LAYERS("", ", bias_stepsize_factor: 2"),
          LAYERS(", stepsize_factor: 4", ", stepsize_factor: 4, bias_stepsize_factor: 2") },
        { LAYERS("", ""),
          LAYERS(", stepsize_factor: 4", ", stepsize_factor: 4") }, /* no layer has a factor of its own */
    };
    for (size_t j = 0; j < 2; j++) {
        open_lines(&divided, lines[j][0], yes);
        open_lines(&factors, lines[j][1], no);
        fixture_steps(&divided, 3);
        fixture_steps(&factors, 3);
        for (size_t i = 0; i < 3; i++)
            ck_assert(same_layer(&divided, &factors, i));
        fixture_close(&divided);
        fixture_close(&factors);
    }
    open_lines(&divided, LAYERS(", trainable: false", ""), yes);
    open_lines(&start, LAYERS(", trainable: false", ""), yes);
    fixture_steps(&divided, 3);
    ck_assert(same_layer(&divided, &start, 0));
    ck_assert(!same_layer(&divided, &start, 1) && !same_layer(&divided, &start, 2));
    fixture_close(&divided);
    fixture_close(&start);
}
END_TEST

/* The identity of a trial that does not use them is what it was before there were such keys. */
START_TEST(identity)
{
    static const char *const same[] = {
        "{algorithm: {divide_stepsize: false}}",
        "{algorithm: {feedback: {pretrain_epochs: 0, extra_epochs: 0}}}",
    };
    static const char *const other[] = {
        "{algorithm: {divide_stepsize: true}}",
        "{algorithm: {feedback: {pretrain_epochs: 1}}}",
        "{algorithm: {feedback: {extra_epochs: 1}}}",
        "{algorithm: {feedback: {steps: 2}}}",
        "{network.layers.0.dense.optimizer: {name: sgd, stepsize: 0.05}}",
    };
    char own[256], key[65], of[65];
    struct fixture f;
    snprintf(own, sizeof own, DTP, "false");
    open_lines(&f, LAYERS("", ""), own);
    config_key(&f.config, key);
    for (size_t i = 0; i < 7; i++) {
        struct config c;
        struct err e = { 0 };
        const char *line = i < 2 ? same[i] : other[i - 2];
        must(config_lines(&c, &f.arena, &e, TRIAL_BASE, DATA, LAYERS("", ""), own, line, NULL), &e);
        config_key(&c, of);
        ck_assert_msg((strcmp(key, of) == 0) == (i < 2), "%s", line);
    }
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_layer_has_its_own_optimizer);
    tcase_add_test(t, long_updates_are_clipped);
    tcase_add_test(t, a_feedback_unit_has_its_own_optimizer);
    tcase_add_test(t, factors_hold_for_it_too);
    tcase_add_test(t, single_parameters_may_be_frozen);
    tcase_add_test(t, checkpoints_hold_every_state);
    tcase_add_test(t, stepsizes_over_the_target_stepsize);
    tcase_add_test(t, identity);
}

CHECK_MAIN("stepsizes", add_tests)
