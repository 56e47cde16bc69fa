/* The multiply-adds that a plan tells are those of the products that a step calls, counted as they are called; and the
 * figures of Bao 2024's networks are those of the paper's sheet. */
#include "../check_main.h"
#include "../counted_products.h"
#include "fixture.h"

#define GIVEN(size) "{dataset: {name: given, features: " #size ", image: [3, 8, 8], outputs: 10}, network: {layers: ["
static const char *const nets[] = {
    GIVEN(192) "unit: [conv: {channels: 4, kernel: 5, padding: 2, activation: elu}, max_pool: {kernel: 3, stride: 2, "
               "padding: 1}], unit: [conv: {channels: 6, kernel: 5, padding: 2, activation: elu}, max_pool: {kernel: "
               "3, stride: 2, padding: 1}], unit: [flatten, dense: {units: 20, activation: elu}], dense: {units: "
               "10}]}}",
    GIVEN(192) "unit: [conv: {channels: 8, kernel: 3, padding: 1, activation: elu}, max_pool: {kernel: 1}], unit: "
               "[conv: {channels: 9, kernel: 5, padding: 2, activation: elu}, max_pool: {kernel: 2}], unit: [flatten, "
               "dense: {units: 10}]]}}", /* by taps */
    GIVEN(192) "patches: {channels: 6, size: 4}, spatial_mlp, channel_mlp: {hidden: 7}, global_average_pool, dense: "
               "{units: 10}]}}",
    GIVEN(192) "patches: {channels: 6, size: 4}, mixer: {hidden: 7}, global_average_pool, dense: {units: 10}]}}",
    ("{dataset: {name: given, features: 9, outputs: 10}, network: {layers: [dense: {units: 20, activation: tanh}, "
     "unit: "
     "[dense: {units: 15, activation: tanh}, dense: {units: 8, activation: tanh}], dense: {units: 10}]}}"),
};
static const char *const algorithms[] = {
    "bp",
    "tjml",
    "{name: tjml, mapping: {activation: jacobian}}",
    "{name: fwdtp, target_stepsize: 0.5}",
    "{name: fwdtp, target_stepsize: 0.5, mapping: {activation: linear}}",
    "{name: ldrl, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, stepsize: 0.01}, steps: 3}}",
    ("{name: ldrl, target_stepsize: 0.5, feedback_loss: {name: reconstruction, noise: 0.1}, feedback: {optimizer: "
     "{name: sgd, stepsize: 0.01}, steps: 2}}"),
};

static void compare(const char *net, const char *algorithm)
{
    char own[480];
    struct fixture f;
    struct err e = { 0 };
    struct trial_size size;
    snprintf(own, sizeof own, "{train: {batch_size: 6}, algorithm: %s}", algorithm);
    fixture_given(&f, net, own);
    must(trial_measure(&f.config, &size, &f.arena, &e), &e);
    counted = 0;
    must(step_train(f.trial, false, &e), &e);
    ck_assert_msg(fabs(2 * counted - size.flops_per_step) < 0.5,
                  "%s, %s: %.15g multiply-adds are called, %.15g planned", net, algorithm, counted,
                  size.flops_per_step / 2);
    fixture_close(&f);
}

START_TEST(a_plan_counts_the_products_of_a_step)
{
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++)
        for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
            compare(nets[n], algorithms[i]);
}
END_TEST

/* Rules that go up and down more than once (Bengio 2020). */
START_TEST(a_plan_counts_every_sweep)
{
    static const char net[] =
        "{dataset: {name: given, features: 9, outputs: 10}, network: {layers: [dense: {units: 20, "
        "activation: tanh}, dense: {units: 15, activation: tanh}, dense: {units: 8, activation: "
        "tanh}, dense: {units: 10}]}}";
    static const char learn[] = "feedback: {optimizer: {name: sgd, stepsize: 0.01}}";
    static const char *const rules[] = {
        "{name: dtp1, %s}",
        "{name: idtp, %s}",
        "{name: idtp, propagate: {sweep: top_down, iterations: 3}, %s}",
        "{name: idtp, propagate: {sweep: layer, iterations: 4}, %s}",
        "{name: idtp, propagate: {start: decoder, iterations: 2}, %s}",
        "{name: idtp_input, propagate: {iterations: 3}, %s}",
        "{name: idtp_input, propagate: {refinement: input_then_correct}, %s}",
        "{name: idtp_input, propagate: {refinement: output_from_input, output_iterations: 3}, %s}",
        ("{name: idtp, feedback_loss: {name: reverse_target, normalised: true}, feedback: {schedule: joint, optimizer: "
         "{name: sgd, stepsize: 0.01}}}"),
        "{name: cdtp, propagate: {ramp_steps: 2, feedback_steps: 4}, %s}",
        "{name: cdtp, propagate: {feedback_steps: 3, gamma_min: 0.2}, feedback_loss: {teacher: state}, %s}",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        char algorithm[400];
        snprintf(algorithm, sizeof algorithm, rules[i], learn);
        compare(net, algorithm);
    }
}
END_TEST

/* Feedback losses that send a block of rows up for every layer (Meulemans 2020). */
START_TEST(a_plan_counts_every_block)
{
    static const char net[] =
        "{dataset: {name: given, features: 9, outputs: 10}, network: {layers: [dense: {units: 20, "
        "activation: tanh}, dense: {units: 15, activation: tanh}, dense: {units: 8, activation: "
        "tanh}, dense: {units: 10}]}}";
    static const char *const learned[] = { "dtp_pretrained", "dtp_drl", "ddtp_linear", "ddtp_control" };
    for (size_t i = 0; i < sizeof learned / sizeof *learned; i++) {
        char algorithm[200];
        snprintf(algorithm, sizeof algorithm,
                 "{name: %s, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}", learned[i]);
        compare(net, algorithm);
    }
}
END_TEST

/* Layers that feed several others, and read several. */
START_TEST(a_plan_counts_every_way)
{
    static const char *const branches[] = {
        "{dataset: {name: given, features: 9, outputs: 10}, network: {layers: [dense: {units: 8, activation: tanh}, "
        "dense: {units: 8, activation: tanh}, {dense: {units: 8, activation: tanh}, from: [0, 1]}, {dense: {units: 5, "
        "activation: tanh}, from: [0]}, {dense: {units: 10}, from: [3, 2, 1], join: concat}]}}",
        "{dataset: {name: given, features: 9, outputs: 10}, network: {form: w_sigma, layers: [dense: {units: 8, "
        "activation: tanh}, {dense: {units: 6, activation: tanh}, from: [0], repeat: 3}, {dense: {units: 10, "
        "activation: tanh}, from: [1, 2, 3], join: concat}]}}",
    };
#define LEARN "feedback: {optimizer: {name: sgd, stepsize: 0.01}}"
    static const char *const rules[] = {
        "bp",
        "fa",
        "dfa",
        "{name: dtp1, " LEARN "}",
        "{name: idtp, " LEARN "}",
        "{name: idtp, propagate: {sweep: top_down, iterations: 3}, " LEARN "}",
        "{name: idtp, propagate: {sweep: layer, iterations: 4, start: decoder}, " LEARN "}",
        "{name: idtp_input, propagate: {iterations: 3}, " LEARN "}",
        "{name: dtp1, feedback_loss: {name: reconstruction, noise: 0.1}, " LEARN "}",
    };
    for (size_t n = 0; n < 2; n++)
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
            if (!(n == 1 &&
                  strcmp(rules[i], "fa") == 0)) /* its feedback is of layers with one activation behind them */
                compare(branches[n], rules[i]);
}
END_TEST

/* Millions of multiply-adds a sample, bao2024 sheet 12.1. m of the layers; a step of bp, of transposed feedback, of
 * fixed feedback. With K iterations LDRL takes 5 K m more than the latter, where the released code takes m + 8 K m. */
#define BLOCK(c, k, p, s)                                                                                              \
    "unit: [conv: {channels: " #c ", kernel: " #k ", padding: " #p ", activation: elu}, max_pool: " s "], "
#define POOL "{kernel: 3, stride: 2, padding: 1}"
#define IMAGE(c, n)                                                                                                    \
    "{dataset: {name: given, features: " #n ", image: [" #c ", 32, 32], outputs: 10}, network: {layers: ["
#define HEAD "unit: [flatten, dense: {units: 512, activation: elu}], dense: {units: 10}]}}"
static const struct {
    const char *net;
    size_t n_layers;
    double m[8], forward, bp, transposed, fixed, unfused, official, once, twice;
    double k[8]; /* steps of the released code; 0 of a layer that has none */
} figures[] = {
    { IMAGE(3, 3072) BLOCK(32, 5, 2, POOL) BLOCK(64, 5, 2, POOL) HEAD,
      4,
      { 2.458, 13.107, 2.097, 0.005 },
      17.67,
      50.5,
      50.5,
      50.5,
      65.8,
      5239,
      205,
      327,
      { 41, 51, 24 } },
    { IMAGE(1, 1024) BLOCK(32, 5, 2, POOL) BLOCK(64, 5, 2, POOL) HEAD,
      4,
      { 0.819, 13.107, 2.097, 0.005 },
      16.03,
      47.3,
      47.3,
      47.3,
      62.5,
      5234,
      200,
      322,
      { 41, 51, 24 } },
    { IMAGE(3, 3072) BLOCK(128, 3, 1, "{kernel: 2}") BLOCK(128, 3, 1, "{kernel: 2}") BLOCK(256, 3, 1, "{kernel: 2}")
          BLOCK(256, 3, 1, "{kernel: 2}") BLOCK(512, 3, 1, "{kernel: 2}") "dense: {units: 10}]}}",
      6,
      { 3.539, 37.749, 18.874, 9.437, 4.719, 0.005 },
      74.32,
      219.4,
      219.4,
      219.4,
      290.2,
      15654,
      931,
      1497,
      { 20, 30, 35, 55, 20 } },
    { IMAGE(3, 3072) BLOCK(32, 3, 1, "{kernel: 2}") BLOCK(32, 3, 1, "{kernel: 2}") BLOCK(64, 3, 1, "{kernel: 2}")
          BLOCK(64, 3, 1, "{kernel: 2}") BLOCK(128, 3, 1, "{kernel: 2}") "dense: {units: 10}]}}",
      6,
      { 0.885, 2.359, 1.180, 0.590, 0.295, 0.001 },
      5.31,
      15.0,
      15.0,
      15.0,
      19.5,
      980,
      60,
      96,
      { 20, 30, 35, 55, 20 } },
    /* transposed feedback takes W2^T h of a channel MLP beside its moves: between the sheet's 17.0 and 21.8 */
    { IMAGE(3, 3072) "patches: {channels: 128, size: 4}, spatial_mlp, channel_mlp: {hidden: 256}, "
                     "global_average_pool, dense: {units: 10}]}}",
      5,
      { 0.393, 0.524, 4.194, 0, 0.001 },
      5.11,
      14.9,
      19.1,
      21.8,
      21.8,
      0,
      65,
      102,
      { 0 } },
    { IMAGE(3, 3072) "patches: {channels: 128, size: 4}, spatial_mlp, channel_mlp: {hidden: 256}, spatial_mlp, "
                     "channel_mlp: {hidden: 256}, global_average_pool, dense: {units: 10}]}}",
      7,
      { 0.393, 0.524, 4.194, 0.524, 4.194, 0, 0.001 },
      9.83,
      29.1,
      37.5,
      42.7,
      42.7,
      0,
      128,
      204,
      { 0 } },
};

static struct trial_size planned(const char *net, const char *algorithm, struct arena *a)
{
    struct fixture f;
    struct err e = { 0 };
    struct trial_size size;
    char own[256];
    snprintf(own, sizeof own, "{train: {batch_size: 4}, algorithm: %s}", algorithm);
    fixture_bind(&f, net, own);
    must(trial_measure(&f.config, &size, a, &e), &e);
    arena_finish(&f.arena);
    return size;
}

/* bound: half of the last digit that the sheet gives. */
static void check_figure(size_t i, const char *what, double operations, double expected, double bound)
{
    const double value = operations * 1e-6;
    ck_assert_msg(fabs(value - expected) < 1.01 * bound, "network %zu: %s takes %g, not %g", i, what, value, expected);
}

START_TEST(the_figures_of_bao2024)
{
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        struct arena a;
        arena_init(&a, 0);
        const char *net = figures[i].net;
        struct trial_size size = planned(net, "bp", &a);
        double forward = 0, above = 0, official = 0;
        ck_assert_uint_eq(size.n_layers, figures[i].n_layers);
        for (size_t j = 0; j < size.n_layers; j++) {
            const double m = size.layers[j].multiply_adds;
            ck_assert_double_eq_tol(m * 1e-6, figures[i].m[j], 6e-4);
            forward += m;
            above += j ? m : 0;
            official += j ? figures[i].k[j - 1] * m : 0;
        }
        const double each = 8; /* of flops: 2 by 4 samples */
        check_figure(i, "a forward pass", forward, figures[i].forward, 0.05);
        check_figure(i, "bp", size.flops_per_step / each, figures[i].bp, 0.05);
        check_figure(i, "tjml", planned(net, "tjml", &a).flops_per_step / each, figures[i].transposed, 0.05);
        const double fixed = planned(net, "{name: fwdtp, target_stepsize: 0.5}", &a).flops_per_step / each;
        check_figure(i, "fwdtp", fixed, figures[i].fixed, 0.05);
        const double unfused = fixed + (figures[i].fixed < figures[i].unfused ? above : 0);
        check_figure(i, "fwdtp with two values", unfused, figures[i].unfused, 0.05);
        check_figure(i, "the released LDRL with K = 1", unfused + forward + 8 * above, figures[i].once, 0.5);
        check_figure(i, "the released LDRL with K = 2", unfused + forward + 16 * above, figures[i].twice, 0.5);
        if (figures[i].official > 0) {
            char own[256];
            const double *k = figures[i].k;
            check_figure(i, "the released LDRL", unfused + forward + 8 * official, figures[i].official, 0.5);
            snprintf(own, sizeof own,
                     size.n_layers == 4 ? "{name: ldrl, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, "
                                          "stepsize: 0.01}, steps: [%g, %g, %g]}}"
                                        : "{name: ldrl, target_stepsize: 0.5, feedback: {optimizer: {name: sgd, "
                                          "stepsize: 0.01}, steps: [%g, %g, %g, %g, %g]}}",
                     k[0], k[1], k[2], k[3], k[4]);
            const double learned = planned(net, own, &a).flops_per_step / each;
            ck_assert_double_eq_tol((learned - fixed) / official, 5, 1e-9);
        }
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_plan_counts_the_products_of_a_step);
    tcase_add_test(t, a_plan_counts_every_sweep);
    tcase_add_test(t, a_plan_counts_every_block);
    tcase_add_test(t, a_plan_counts_every_way);
    tcase_add_test(t, the_figures_of_bao2024);
}

CHECK_MAIN("products", add_tests)
