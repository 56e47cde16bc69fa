/* Identities that last for ever. A trial that was run by an older program must be found again by a newer one, so the
 * keys below never change: an option that is added later is nullable, or has a default that the canonical form leaves
 * out (base/part.h). */
#include "../check_main.h"
#include "fixture.h"

/* clang-format off */
static const struct {
    const char *file, *key;
} fixed[] = {
    {
      "{experiment: k, dataset: temporal_order, network: {layers: [rnn: {units: 100}, dense: {units: 4}]}, loss: "
      "cross_entropy, algorithm: bp, train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 20, iterations: 100}}",
      "80577278f435fb163cdb3e2e38f4102410e618255e72e4be7eccbbf0f99bd81a" },
    {
      "{experiment: k, seed: 7, precision: double, dataset: {name: temporal_order, length: 30}, network: {layers: [rnn:"
      " {units: 10, activation: relu, bias_stepsize_factor: 2}, dense: {units: 4}], init: {weights: orthogonal}}, loss:"
      " cross_entropy, algorithm: {name: tp, target_stepsize: 0.01, mapping: {regularization: 10, clamp: 1e-2, gates: "
      "released}}, train: {optimizer: {name: sgd, stepsize: 0.1, momentum: 0.9, nesterov: true}, batch_size: 20, "
      "iterations: 100, stop: {loss_above_initial: 2}}}",
      "31c7f1526056183ed866e86bd569db2e29e5aed30182d45430a07b9eb10a7e7e" },
    {
      "{experiment: k, dataset: adding, network: {layers: [gru: {units: 8, bias: false}, dense: {units: 1, "
      "weights_init: zeros}]}, loss: {name: squared_error, outputs: mean}, algorithm: {name: tp, target_stepsize: 0.1, "
      "head: 1, update: {name: through_chain, reduction: half_mean}}, train: {optimizer: {name: adam, stepsize: 0.001},"
      " batch_size: 5, iterations: 10}}",
      "08cc8571616b7df775d2f8390a0bbae5814d82a3c6cf6b9dbd2a0ff7d6f6cf26" },
    {
      "{experiment: k, dataset: markov, network: {layers: [rnn: {units: 8, sequence: true}, dense: {units: 8}]}, loss: "
      "cross_entropy, algorithm: {name: bp, head: 1, target: {name: gradient, sequence: released}}, train: {optimizer: "
      "{name: rmsprop, stepsize: 0.01}, batch_size: 5, iterations: 10}}",
      "3d032aa3dc0e11063d7a259ed756bcbd0aa07325bb7bcb656b71329af778549d" },
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [{dense: {units: 12, activation: "
      "leaky_relu}, repeat: 3}, dense: {units: 3, activation: linear, frozen: [bias]}]}, loss: cross_entropy, "
      "algorithm: {name: dtp, target_stepsize: 0.3, mapping: {activation: same, bias: false}, feedback_loss: {noise: "
      "0.1, noise_decay: 3}, feedback: {optimizer: {name: sgd, stepsize: 0.01}, steps: 3}}, train: {optimizer: {name: "
      "momentum, stepsize: 0.1}, batch_size: 10, iterations: 10}}",
      "f46b99d9a3c359c71004f24c56a0563e5e8eeaaaf7707c08f0bf2c589a1ee2d8" },
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [dense: {units: 12, activation: "
      "sigmoid, transmit: {name: bernoulli, straight_through: false}}, dense: {units: 3}], input_noise: {std: 0.3, "
      "gradient: clean}}, loss: cross_entropy, algorithm: {name: tp_vanilla, target_stepsize: 0.3, feedback: "
      "{optimizer: {name: sgd, stepsize: 0.01}, schedule: joint, pretrain_epochs: 2}}, train: {optimizer: {name: sgd, "
      "stepsize: 0.1}, batch_size: 10, epochs: 3}}",
      "bb06a604b84813357bc6ecc81c0052089a0bfff4ee6c7598a22eee1955a921b0" },
    {
      "{experiment: k, dataset: {name: student_teacher, features: 9}, network: {layers: [dense: {units: 12, activation:"
      " tanh}, dense: {units: 15, activation: tanh}, dense: {units: 2}]}, loss: squared_error, algorithm: {name: gnt, "
      "mapping: {damping: [0.1, 1]}, divide_stepsize: true}, train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size:"
      " 1, epochs: 3}}",
      "4971ab21788ad12f7a1da58135271aee304f65064f95f043bf2303f31aa4762a" },
    {
      "{experiment: k, dataset: {name: mnist, train_size: 100}, network: {layers: [{dense: {units: 12, activation: "
      "tanh}, repeat: 2}, dense: {units: 10}]}, loss: cross_entropy, algorithm: {name: ddtp_rhl, target_stepsize: 0.3, "
      "mapping: {hidden_units: 64, hidden_activation: relu, append_state: true}, feedback: {optimizer: {name: adam, "
      "stepsize: 0.001}, extra_epochs: 1, steps: 0}}, train: {optimizer: {name: adam, stepsize: 0.001}, batch_size: 10,"
      " epochs: 3}}",
      "c7b485c294aae068def028018d3a4ff76899fa6ebc767a065134521ffd95a099" },
    {
      "{experiment: k, dataset: {name: mnist, train_size: 100}, network: {layers: [{dense: {units: 12, activation: "
      "tanh}, repeat: 2}, dense: {units: 10}]}, loss: cross_entropy, algorithm: {name: dtp_drl, target_stepsize: 0.3, "
      "feedback: {optimizer: {name: adam, stepsize: 0.001}}}, train: {optimizer: {name: adam, stepsize: 0.001}, "
      "batch_size: 10, epochs: 3}}",
      "991acedcd5cc71feed401e43ec24c68c9525801022acf5c8e090aa4b264b1d01" },
    {
      "{experiment: k, dataset: {name: mnist, train_size: 100, labels: input}, network: {layers: [dense: {units: 12, "
      "activation: tanh}, dense: {units: 784, tied: 0, activation: sigmoid}]}, loss: squared_error, algorithm: {name: "
      "dtp_autoencoder, update: {input_noise: 0.3}}, train: {optimizer: {name: sgd, stepsize: 0.001}, batch_size: 10, "
      "epochs: 3}}",
      "7ce2098bb771c11099b037990f93ae0aa377b4a2d88177659c6b07c4d1bfbb09" },
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [{dense: {units: 12, activation: "
      "tanh}, repeat: 2}, dense: {units: 3}]}, loss: cross_entropy, algorithm: fa, train: {optimizer: {name: sgd, "
      "stepsize: 0.1}, batch_size: 10, iterations: 10}}",
      "f20b3325399c5fbebbcab77e405516f9f5db01f385b80e59db56138987901ee9" },
    {
      "{experiment: k, variant: deep, dataset: {name: gaussian, features: 9}, network: {layers: [{dense: {units: 12, "
      "activation: tanh, transmit: sign}, repeat: 2}, dense: {units: 3}]}, loss: cross_entropy, algorithm: {name: dtp, "
      "target_stepsize: 0.3, mapping: {transmit: sign, weights_init: {name: normal, std: 0.05}}, update: {order: "
      "sequential}, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}, train: {optimizer: {name: sgd, stepsize: 0.1},"
      " batch_size: 10, iterations: 10}}",
      "a740390e3274ca7d4776259981115f403c3d9fc7af8e9200028c04cc8ce06abe" },
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [{unit: [dense: {units: 9, activation: "
      "tanh}, dense: {units: 9, activation: tanh}], repeat: 2}, dense: {units: 3}]}, loss: cross_entropy, algorithm: "
      "{name: tp, target_stepsize: 0.1, mapping: {regularization: 1}}, train: {optimizer: {name: sgd, stepsize: 0.1}, "
      "batch_size: 10, iterations: 10}}", /* version 2 of the identity */
      "4d0cb348d439db0c59904175cfd40590d5492ec97a193c8a1b47fb843139d674" },
    /* inverted as it is: the third version of the identity; weights of fixed feedback beside a decay: the second */
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [{dense: {units: 3, activation: "
      "elu}, repeat: 2}, dense: {units: 3}]}, loss: cross_entropy, algorithm: {name: ijml, target_stepsize: 0.3}, "
      "train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 10, iterations: 10}}",
      "e85741fea20321804d10822bfe03945a047e73a3a55dadad92a692d9e43f4321" },
    {
      "{experiment: k, dataset: {name: gaussian, features: 9}, network: {layers: [{dense: {units: 12, activation: "
      "tanh}, repeat: 2}, dense: {units: 3}]}, loss: cross_entropy, algorithm: {name: dfa, feedback: {optimizer: "
      "{name: sgd, stepsize: 0.1, weight_decay: 0.1}}}, train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 10, "
      "iterations: 10}}",
      "acf6fddc97d396b35bde504dcea0f2c91de355ddd5a1c488d2767c639bc6936e" },
};
/* clang-format on */

START_TEST(keys_last)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        char hex[65];
        arena_init(&a, 0);
        must(config_lines(&c, &a, &e, fixed[i].file, NULL), &e);
        config_key(&c, hex);
        ck_assert_msg(strcmp(hex, fixed[i].key) == 0, "trial %zu has another key: %s", i, hex);
        arena_finish(&a);
    }
}
END_TEST

static void canonical(const char *own, struct text *out)
{
    struct fixture f;
    fixture_bind(&f, GIVEN_FLAT, own);
    config_json(&f.config, out);
    arena_finish(&f.arena);
}

/* An activation is its name, in the long form only with options that say something. */
START_TEST(the_short_form_is_canonical)
{
    static const char *const forms[][2] = {
        { "leaky_relu", "\"leaky_relu\"" },
        { "{name: leaky_relu}", "\"leaky_relu\"" },
        { "{name: leaky_relu, slope: 0.2}", "\"leaky_relu\"" },
        { "{name: leaky_relu, slope: 0.5}", "{\"name\":\"leaky_relu\",\"slope\":0.5}" },
        { "{name: elu, alpha: 1}", "\"elu\"" },
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char own[160], want[120];
        struct text t = { 0 };
        snprintf(own, sizeof own, "{network: {layers: [dense: {units: 5, activation: %s}, dense: {units: 4}]}}",
                 forms[i][0]);
        snprintf(want, sizeof want, "\"activation\":%s,", forms[i][1]);
        canonical(own, &t);
        ck_assert_msg(strstr(t.s, want) != NULL, "%s: no %s in %s", forms[i][0], want, t.s);
        text_free(&t);
    }
}
END_TEST

/* One value in a list is that value. */
#define SGD "{name: sgd, stepsize: 0.1}"
#define CANONICAL_SGD "\"optimizer\":{\"name\":\"sgd\",\"stepsize\":0.1,"
START_TEST(lists_of_one)
{
    static const char *const forms[][2] = { { "optimizer: " SGD ", steps: 3", "\"steps\":3}" },
                                            { "optimizer: " SGD ", steps: [3]", "\"steps\":3}" },
                                            { "optimizer: " SGD, CANONICAL_SGD },
                                            { "optimizer: [" SGD "]", CANONICAL_SGD },
                                            { "optimizer: [sgd: {stepsize: 0.1}]", CANONICAL_SGD },
                                            { "optimizer: " SGD ", steps: [3], stepsize: [0.5]",
                                              "\"stepsize\":0.5," } };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char own[256];
        struct text t = { 0 };
        snprintf(own, sizeof own, "{algorithm: {name: dtp, target_stepsize: 0.7, feedback: {%s}}}", forms[i][0]);
        canonical(own, &t);
        ck_assert_msg(strstr(t.s, forms[i][1]) != NULL, "%s: no %s in %s", forms[i][0], forms[i][1], t.s);
        text_free(&t);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, keys_last);
    tcase_add_test(t, the_short_form_is_canonical);
    tcase_add_test(t, lists_of_one);
}
CHECK_MAIN("key", add_tests)
