/* The row `bp` is the gradient of the loss: against finite differences, on flat and on recurrent chains, with every
 * loss and layer. */
#include "../check_main.h"
#include "fixture.h"

/* Every loss on a chain of `layers`. */
static void by_differences(const char *name, int length, const char *network, const char *layers, const char *loss,
                           bool classes)
{
    char yaml[768];
    snprintf(yaml, sizeof yaml, "{length: %d, %s, labels: %s, loss: %s, layers: %s}", length, network,
             classes ? "classes" : "real", loss, layers);
    struct rig r;
    rig_open(&r, yaml, "bp", "{}");
    rig_step(&r);
    const double eps = BOUND(1e-5, 1e-2);
    for (size_t i = 0; i < r.net.chain.n_units; i++) {
        const struct unit *l = &r.net.chain.units[i];
        const size_t n = unit_n_weights(l);
        const struct mat fd = mat_new(&r.net.arena, 1, n);
        for (size_t j = 0; j < n; j++) {
            real *w = layer_entry(l, r.net.chain.weights, j);
            const real kept = *w;
            *w = (real)(kept + eps);
            const double up = net_loss(&r.net);
            *w = (real)(kept - eps);
            fd.p[j] = (real)((up - net_loss(&r.net)) / (2 * eps));
            *w = kept;
        }
        const double error = mat_relative_error(rig_updates(&r, i, i + 1), fd);
        ck_assert_msg(error < BOUND(1e-7, 1e-2), "%s, %s, layer %zu: relative error %.3g", name, loss, i, error);
    }
    rig_close(&r);
}

static void with_every_loss(const char *name, int length, const char *network, const char *layers)
{
    for (size_t i = 0; i < loss_registry.n_parts; i++)
        by_differences(name, length, network, layers, loss_registry.parts[i]->name,
                       ((const struct loss_def *)loss_registry.parts[i])->classes);
    by_differences(name, length, network, layers, "{name: squared_error, outputs: mean}", false);
}

START_TEST(bp_is_the_gradient)
{
    char layers[512];
    for (size_t i = 0; i < layer_registry.n_parts; i++) {
        const struct part *part = layer_registry.parts[i];
        const bool sequence = part->gives & GIVES_SEQUENCE;
        for (size_t j = 0; j < act_registry.n_parts && (j == 0 || has_option(part, "activation")); j++) {
            if (!IS_DOUBLE && act_has_corner(act_registry.parts[j]))
                continue; /* the finite step of single precision steps over it */
            char activation[64] = "", layer[192];
            if (has_option(part, "activation"))
                snprintf(activation, sizeof activation, ", activation: %s", act_registry.parts[j]->name);
            const char *network;
            for (size_t k = 0; (network = layer_yaml(part, k, 3, 5, activation, layer, sizeof layer)); k++) {
                snprintf(layers, sizeof layers, "[%s, dense: {units: 6, activation: tanh}, dense: {units: 4}]", layer);
                with_every_loss(layers, sequence ? 5 : 0, network, layers);
            }
        }
    }
}
END_TEST

/* A layer that feeds several gets the sum of what they send down; of one that stands beside others, its own columns. */
START_TEST(bp_is_the_gradient_of_branches)
{
    static const struct {
        const char *network, *layers;
    } branches[] = {
        { "features: 3", "[dense: {units: 5, activation: tanh}, dense: {units: 5, activation: sigmoid}, {dense: "
                         "{units: 5, activation: tanh}, from: [0]}, {dense: {units: 4}, from: [2, 1]}]" },
        { "features: 3", "[dense: {units: 5, activation: tanh}, dense: {units: 5, activation: sigmoid}, {dense: "
                         "{units: 5, activation: tanh}, from: [0, 1]}, {dense: {units: 4}, from: [0, 2, 1]}]" },
        { "features: 3", "[dense: {units: 5, activation: tanh}, dense: {units: 3, activation: tanh}, {dense: {units: "
                         "6, activation: sigmoid}, from: [0]}, {dense: {units: 4}, from: [2, 0, 1], join: concat}]" },
        { "features: 3, form: w_sigma",
          "[dense: {units: 5, activation: tanh}, dense: {units: 3, activation: tanh}, {dense: {units: 6, activation: "
          "sigmoid}, from: [0]}, {dense: {units: 4, activation: tanh}, from: [2, 1], join: concat}]" },
        { "features: 3", "[dense: {units: 5, activation: tanh}, {dense: {units: 5, activation: tanh}, from: [0], "
                         "repeat: 3}, {unit: [dense: {units: 6, activation: tanh}, dense: {units: 5}], from: [1, 2, "
                         "3]}, {residual: [dense: {units: 5, activation: tanh}], from: [0, 4]}, dense: {units: 4}]" },
        { "image: [2, 4, 4], features: 32",
          "[conv: {channels: 3, kernel: 3, padding: 1, activation: tanh}, conv: {channels: 2, kernel: 3, padding: 1, "
          "activation: tanh}, {conv: {channels: 3, kernel: 1, activation: sigmoid}, from: [1, 0], join: concat}, "
          "{avg_pool: {kernel: 2}, from: [0, 2]}, dense: {units: 4}]" },
    };
    for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
        with_every_loss(branches[i].layers, 0, branches[i].network, branches[i].layers);
}
END_TEST

static const char *const nets[] = {
    "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: sigmoid}, dense: {units: 5, "
    "activation: tanh}, dense: {units: 4}]}",
    "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: sigmoid}, dense: {units: 4}]}",
    "{length: 5, layers: [rnn: {units: 5}, dense: {units: 4}]}",
    "{length: 5, layers: [gru: {units: 5}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}",
    NULL,
};

START_TEST(bp_does_not_depend_on_the_target_stepsize)
{
    for (size_t i = 0; nets[i]; i++) {
        struct rig a, b;
        rig_open(&a, nets[i], "bp", "{}");
        rig_open(&b, nets[i], "bp", "{target_stepsize: 0.0037}");
        rig_step(&a);
        rig_step(&b);
        check_near(nets[i], rig_all_updates(&b), rig_all_updates(&a), BOUND(1e-13, 1e-5));
        rig_close(&a);
        rig_close(&b);
    }
}
END_TEST

/* Where the head ends does not matter to back-propagation, as long as a layer stays below it. */
START_TEST(bp_does_not_depend_on_the_head)
{
    for (size_t i = 0; nets[i]; i++) {
        struct rig a, b;
        rig_open(&a, nets[i], "bp", "{}");
        rig_step(&a);
        for (size_t head = 1; head < a.net.chain.n_units; head++) {
            char own[32];
            snprintf(own, sizeof own, "{head: %zu}", head);
            rig_open(&b, nets[i], "bp", own);
            rig_step(&b);
            check_near(nets[i], rig_all_updates(&b), rig_all_updates(&a), BOUND(1e-13, 1e-5));
            rig_close(&b);
        }
        rig_close(&a);
    }
}
END_TEST

/* Two steps on one pass are the same: nothing of the first is left in the second. */
START_TEST(a_second_step_is_the_same)
{
    for (size_t i = 0; nets[i]; i++) {
        struct rig r;
        rig_open(&r, nets[i], "bp", "{}");
        rig_step(&r);
        const struct mat first = rig_all_updates(&r);
        rig_step(&r);
        check_near(nets[i], rig_all_updates(&r), first, 0);
        rig_close(&r);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, bp_is_the_gradient);
    tcase_add_test(t, bp_is_the_gradient_of_branches);
    tcase_add_test(t, bp_does_not_depend_on_the_target_stepsize);
    tcase_add_test(t, bp_does_not_depend_on_the_head);
    tcase_add_test(t, a_second_step_is_the_same);
}

CHECK_MAIN("bp", add_tests)
