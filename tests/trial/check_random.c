/* Networks with random or discrete units, noise on the input, noise that decays: Lee et al. 2015, Sec. 3.2 and 3.3. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/fbloss.h"

#define STOCHASTIC                                                                                                     \
    "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6, activation: "  \
    "sigmoid, transmit: bernoulli}, dense: {units: 4}], input_noise: {std: 0.3}}, log: {samples: 7}}"
/* The four classes are the first outputs of six. */
#define STOCHASTIC_WIDER                                                                                               \
    "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6}]}, loss: "     \
    "{name: cross_entropy, outputs: 4}, log: {samples: 7}}"
#define DISCRETE(transmit)                                                                                             \
    "{network: {layers: [dense: {units: 5, activation: tanh, transmit: " transmit "}, dense: {units: 6, activation: "  \
    "tanh}, dense: {units: 4}]}, algorithm: {name: dtp, target_stepsize: 8, mapping: {transmit: sign}, "               \
    "feedback_loss: "                                                                                                  \
    "{noise: 0.5, noise_decay: 3}, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}, log: {metrics: "               \
    "[flip_fraction]}}"

/* Mean class probabilities over passes, sample by sample. */
static double by_samples(struct fixture *f, enum split split, size_t n, double *accuracy)
{
    struct trial *t = f->trial;
    struct pass p;
    struct err e = { 0 };
    double loss = 0, correct = 0;
    must(pass_init(&p, &t->chain, 1, 0, &f->arena, &e), &e);
    for (size_t i = 0; i < n; i++) {
        double mean[4] = { 0 };
        t->dataset->fill(f->config.dataset.opts, t->dataset_state, split, i, &p.batch);
        for (size_t m = 0; m < (size_t)f->config.log.samples; m++) {
            noise_draw_evaluation(t, &p, split, i, m);
            chain_forward(&p);
            const struct mat out = pass_output(&p);
            double z = 0;
            for (size_t j = 0; j < 4; j++)
                z += exp((double)out.p[j]);
            for (size_t j = 0; j < 4; j++)
                mean[j] += exp((double)out.p[j]) / z / (double)f->config.log.samples;
        }
        size_t best = 0;
        for (size_t j = 1; j < 4; j++)
            best = mean[j] > mean[best] ? j : best;
        correct += (size_t)p.batch.label[0] == best;
        loss -= log(mean[p.batch.label[0]]);
    }
    *accuracy = 100 * correct / (double)n;
    return loss / (double)n;
}

/* The batch that a sample is evaluated in does not matter, nor does the input's noise, which is for training. */
START_TEST(evaluations_average_probabilities)
{
    static const char *const networks[] = { STOCHASTIC, STOCHASTIC_WIDER };
    static const struct {
        enum split split;
        size_t n;
    } sets[] = { { SPLIT_EVAL, 37 }, { SPLIT_TEST, 53 } };
    for (size_t i = 0; i < 4; i++) {
        const enum split split = sets[i % 2].split;
        struct fixture f;
        struct err e = { 0 };
        const struct evaluation *v;
        double accuracy;
        fixture_open(&f, BLOBS, networks[i / 2]);
        fixture_steps(&f, 3);
        must(evaluate(f.trial, split, &v, &e), &e);
        ck_assert_double_eq_tol(v->loss, by_samples(&f, split, sets[i % 2].n, &accuracy), BOUND(1e-13, 1e-6));
        ck_assert_double_eq_tol(v->accuracy[0], accuracy, 1e-9);
        const double first = v->loss;
        evaluation_clear(f.trial);
        must(evaluate(f.trial, split, &v, &e), &e);
        ck_assert_double_eq(v->loss, first);
        fixture_close(&f);
    }
}
END_TEST

/* Each pass, sample, split and layer has draws of its own. */
START_TEST(draws_of_evaluations_differ)
{
    static const struct {
        enum split split;
        uint64_t sample;
        size_t number;
    } of[] = { { SPLIT_TEST, 0, 0 }, { SPLIT_TEST, 0, 1 }, { SPLIT_TEST, 1, 0 }, { SPLIT_EVAL, 0, 0 } };
    enum { CASES = sizeof of / sizeof *of };
    struct fixture f;
    struct pass p;
    struct err e = { 0 };
    real draws[2 * CASES][5];
    fixture_open(&f, BLOBS, STOCHASTIC);
    must(pass_init(&p, &f.trial->chain, 1, 0, &f.arena, &e), &e);
    for (size_t i = 0; i < CASES; i++) {
        noise_draw_evaluation(f.trial, &p, of[i].split, of[i].sample, of[i].number);
        for (size_t layer = 0; layer < 2; layer++)
            memcpy(draws[2 * i + layer], p.draws[layer].p, sizeof *draws);
    }
    for (size_t i = 0; i < 2 * CASES; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(memcmp(draws[i], draws[j], sizeof *draws) != 0, "draws %zu and %zu are the same", i, j);
    fixture_close(&f);
}
END_TEST

/* A layer that is trained with values and evaluated with signs. */
START_TEST(evaluations_discretize)
{
    struct fixture discrete, continuous, plain;
    struct err e = { 0 };
    const struct evaluation *a, *b, *c;
    fixture_open(&discrete, BLOBS, DISCRETE("sign"));
    fixture_open(&continuous, BLOBS, DISCRETE("{name: sign, training: continuous}"));
    fixture_open(&plain, BLOBS, DISCRETE("identity"));
    must(evaluate(discrete.trial, SPLIT_TEST, &a, &e), &e);
    must(evaluate(continuous.trial, SPLIT_TEST, &b, &e), &e);
    must(evaluate(plain.trial, SPLIT_TEST, &c, &e), &e);
    ck_assert_double_eq(a->loss, b->loss);
    ck_assert_double_ne(a->loss, c->loss);
    fixture_steps(&continuous, 1);
    fixture_steps(&plain, 1);
    fixture_steps(&discrete, 1);
    ck_assert_double_eq(continuous.trial->pass.loss, plain.trial->pass.loss);
    ck_assert_double_ne(continuous.trial->pass.loss, discrete.trial->pass.loss);
    fixture_close(&discrete);
    fixture_close(&continuous);
    fixture_close(&plain);
}
END_TEST

/* Variants of one seed see the same draws, each step others; uniform ones are below 1. */
START_TEST(draws_are_functions_of_seed_and_step)
{
    struct fixture a, b;
    fixture_open(&a, BLOBS, STOCHASTIC);
    fixture_open(
        &b, BLOBS,
        "{network: {layers: [dense: {units: 5, activation: sigmoid, transmit: bernoulli}, dense: {units: 6, "
        "activation: "
        "sigmoid, transmit: bernoulli}, dense: {units: 4}], input_noise: {std: 0.5}}, algorithm: {name: dfa}}");
    real last[15] = { 0 }, last_input[9] = { 0 };
    double sum = 0;
    for (int i = 0; i < 50; i++) {
        fixture_steps(&a, 1);
        fixture_steps(&b, 1);
        const struct mat u = a.trial->pass.draws[0], input = a.trial->pass.noise.draws;
        ck_assert_uint_eq(mat_n(u), 15);
        ck_assert_uint_eq(mat_n(input), 9);
        ck_assert(memcmp(u.p, b.trial->pass.draws[0].p, sizeof last) == 0);
        ck_assert(memcmp(input.p, b.trial->pass.noise.draws.p, sizeof last_input) == 0);
        ck_assert(memcmp(u.p, last, sizeof last) != 0);
        ck_assert(memcmp(input.p, last_input, sizeof last_input) != 0);
        ck_assert(memcmp(u.p, a.trial->pass.draws[1].p, sizeof last) != 0);
        memcpy(last, u.p, sizeof last);
        memcpy(last_input, input.p, sizeof last_input);
        for (size_t j = 0; j < 15; j++) {
            ck_assert(u.p[j] >= 0 && u.p[j] < 1);
            sum += (double)u.p[j];
        }
        for (size_t j = 0; j < 9; j++)
            ck_assert_double_eq_tol((double)a.trial->pass.noise.input.p[j],
                                    (double)a.trial->pass.batch.x[j] + 0.3 * (double)input.p[j], BOUND(1e-15, 1e-6));
    }
    ck_assert_double_eq_tol(sum / 750, 0.5, 0.05); /* 5 standard deviations */
    fixture_close(&a);
    fixture_close(&b);
}
END_TEST

/* 20 samples in batches of 3: 7 steps an epoch. */
START_TEST(noise_of_the_feedback_loss_decays)
{
    struct fixture f;
    fixture_open(&f, BLOBS, DISCRETE("sign"));
    for (int step = 0; step < 22; step++) {
        fixture_steps(&f, 1);
        ck_assert_double_eq(fbloss_noise(&f.trial->credit, &f.trial->credit.feedback[0]),
                            0.5 / (1 + (1 + step / 7) / 3.0));
    }
    fixture_close(&f);
}
END_TEST

START_TEST(flips_are_counted)
{
    struct fixture f;
    struct err e = { 0 };
    struct records r = records_new();
    double flips[2] = { 0 };
    fixture_open(&f, BLOBS, DISCRETE("sign"));
    fixture_steps(&f, 1);
    must(measure_all(f.trial, &r.sink, &e), &e);
    for (size_t i = 0; i < 2; i++) {
        const struct mat h = f.trial->pass.stacks[i].out, d = f.trial->credit.d[i];
        for (size_t j = 0; j < mat_n(h); j++)
            flips[i] += signbit(h.p[j]) != signbit(h.p[j] + d.p[j]); /* none is 0 */
    }
    ck_assert_double_gt(flips[1], 0);
    ck_assert_double_eq(records_value(&r, "flip_fraction.0", 1), flips[0] / 15);
    ck_assert_double_eq(records_value(&r, "flip_fraction.1", 1), flips[1] / 18);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, evaluations_average_probabilities);
    tcase_add_test(t, draws_of_evaluations_differ);
    tcase_add_test(t, evaluations_discretize);
    tcase_add_test(t, draws_are_functions_of_seed_and_step);
    tcase_add_test(t, noise_of_the_feedback_loss_decays);
    tcase_add_test(t, flips_are_counted);
}

CHECK_MAIN("random", add_tests)
