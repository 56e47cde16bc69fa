/* Parts that do not fit each other or the chain are refused with a message that names them; those that fit make a step
 * of finite numbers. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/update.h"

#include <float.h>

#define FLAT "{layers: [{dense: {units: 5, activation: tanh}, repeat: 2}, dense: {units: 4}]}"
#define RECURRENT "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4, activation: tanh}, dense: {units: 4}]}"
#define BLOCKS                                                                                                         \
    "{layers: [unit: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: elu}], unit: [dense: "        \
    "{units: 5, activation: tanh}, "                                                                                   \
    "dense: {units: 4}]]}"
#define GELU "{layers: [{dense: {units: 5, activation: gelu}, repeat: 2}, dense: {units: 4}]}"
#define GATED "{length: 4, layers: [gru: {units: 5}, dense: {units: 4}]}"

static const struct {
    const char *net, *preset, *own, *expected;
} misfits[] = {
    { FLAT, "bp", "{head: 3}", "algorithm.head: 3 is out of range; the network has 3 layers" },
    { FLAT, "bp", "{propagate: difference}",
      "'difference' needs a mapping that applies to targets; 'adjoint' does not" },
    { FLAT, "bp", "{propagate: plain}", "'plain' needs a mapping that applies to targets; 'adjoint' does not" },
    { FLAT, "bp", "{feedback_loss: reconstruction}",
      "'reconstruction' needs a mapping that has parameters to train; 'adjoint' does not" },
    { FLAT, "tp", "{feedback_loss: inversion}",
      "'inversion' needs a mapping that has parameters to train; 'inverse' does not" },
    { FLAT, "tp", "{route: direct}",
      "'direct' needs a mapping that reads the last target directly; 'inverse' does not" },
    { FLAT, "dtp", "{feedback_loss: none}", "mapping 'learned' learns" },
    { RECURRENT, "dtp", "{}", "algorithm.head: 1 leaves layers above the recurrent one under the head" },
    { GATED, "dtp", "{}", "'learned' needs a feedback layer for network.layers.0, but 'gru' has no mirror" },
    { GATED, "tp", "{propagate: difference}",
      "'difference' needs the inverse itself, but that of 'gru' is only linearized" },
    { GATED, "tp", "{propagate: plain}", "'plain' needs the inverse itself, but that of 'gru' is only linearized" },
    { FLAT, "tp", "{mapping: {matrix: two_eye_minus_w}}",
      "'two_eye_minus_w' is defined for propagate 'difference' and 'plain' only" },
    { "{layers: [dense: {units: 5}, dense: {units: 6}, dense: {units: 4}]}", "tp",
      "{propagate: difference, mapping: {matrix: two_eye_minus_w}}",
      "'two_eye_minus_w' needs square layers; network.layers.1" },
    { GELU, "tp", "{}", "'inverse' needs invertible layers; network.layers.1 (dense, gelu) is not" },
    { GELU, "dtp_drl", "{}",
      "needs units that have a gradient of its difference; network.layers.0 (dense, gelu) has none" },
    { "{layers: [dense: {units: 5}, unit: [dense: {units: 6, activation: gelu}, dense: {units: 5}], dense: {units: "
      "4}]}",
      "dtp_drl", "{}",
      "needs units that have a gradient of its difference; network.layers.0 (unit (dense, gelu; dense, linear)) has "
      "none" },
    { BLOCKS, "fa", "{}",
      "algorithm.mapping.source_slope needs units that have one activation at its output; network.layers.1 (unit "
      "(dense, tanh; dense, linear)) has none" },
    { "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: tanh}, dense: {units: 4}]}", "dtp",
      "{feedback_loss: {noise: [0.1, 0.2, "
      "0.3]}}",
      "algorithm.feedback_loss.noise: 3 numbers; give one, or one for each of the 1 feedback units" },
};

START_TEST(parts_that_do_not_fit)
{
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        struct rig r;
        struct err e = { 0 };
        ck_assert_msg(rig_try(&r, misfits[i].net, misfits[i].preset, misfits[i].own, &e) == ERR_SPEC,
                      "%s %s on %s was accepted", misfits[i].preset, misfits[i].own, misfits[i].net);
        ck_assert_msg(strstr(err_first(&e), misfits[i].expected) != NULL, "%s %s: '%s' instead of '%s'",
                      misfits[i].preset, misfits[i].own, err_first(&e), misfits[i].expected);
        err_clear(&e);
        rig_close(&r);
    }
}
END_TEST

/* Every combination of mapping, rule of propagation, update, route and head, on every kind of chain: refused with a
 * message, or a step that gives finite updates in all layers, and twice the same. */
static size_t combine(const char *net, const char *own)
{
    struct rig r;
    struct err e = { 0 };
    const int code = rig_try(&r, net, "bp", own, &e);
    rig_close(&r);
    ck_assert_msg(code == 0 || (code == ERR_SPEC && err_first(&e)[0]), "%s on %s: code %d", own, net, code);
    err_clear(&e);
    if (code < 0)
        return 0;
    rig_open(&r, net, "bp", own);
    rig_step(&r);
    const struct mat first = rig_all_updates(&r);
    ck_assert_msg(mat_all_finite(first) && mat_max_abs(first) > 0, "%s on %s: updates are not finite", own, net);
    struct err again = { 0 };
    must(credit_feedback(&r.credit, &r.net.pass, NULL, &again), &again);
    rig_step(&r);
    ck_assert_msg(mat_relative_error(rig_all_updates(&r), first) == 0, "%s on %s: a second step differs", own, net);
    rig_close(&r);
    return 1;
}

START_TEST(all_combinations)
{
    static const char *const nets[] = { FLAT,
                                        RECURRENT,
                                        GATED,
                                        BLOCKS,
                                        GELU,
                                        "{length: 1, layers: [rnn: {units: 5}, dense: {units: 4}]}",
                                        "{length: 4, layers: [rnn: {units: 4}]}",
                                        "{layers: [dense: {units: 4, activation: tanh}]}",
                                        NULL };
    size_t fit = 0, tried = 0;
    for (size_t net = 0; nets[net]; net++)
        for (size_t m = 0; m < mapping_registry.n_parts; m++)
            for (size_t f = 0; f < fbloss_registry.n_parts; f++)
                for (size_t p = 0; p < propagate_registry.n_parts; p++)
                    for (size_t u = 0; u < update_registry.n_parts; u++)
                        for (int route = 0; route_names[route]; route++)
                            for (int head = 0; head < 3; head++) {
                                char own[256];
                                const struct part *loss = fbloss_registry.parts[f];
                                snprintf(own, sizeof own,
                                         "{mapping: %s, feedback_loss: {name: %s%s}, propagate: %s, update: {name: "
                                         "%s%s}, route: %s, head: %d}",
                                         mapping_registry.parts[m]->name, loss->name,
                                         has_option(loss, "noise") ? ", noise: 0.1" : "",
                                         propagate_registry.parts[p]->name, update_registry.parts[u]->name,
                                         has_option(update_registry.parts[u], "reduction") ? ", reduction: mean" : "",
                                         route_names[route], head);
                                tried++;
                                fit += combine(nets[net], own);
                            }
    ck_assert_uint_gt(fit, tried / 40); /* most pairs of parts exclude each other */
}
END_TEST

/* Every preset runs as it stands. */
START_TEST(presets_run)
{
    for (const struct preset *p = presets; p->name; p++) {
        if (strcmp(p->name, "dtp_autoencoder") == 0) /* check_autoencoder.c: other networks do not fit */
            continue;
        static const char *const nets[] = { FLAT, "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", BLOCKS,
                                            GELU, NULL };
        static const char *const square[] = {
            "{outputs: 5, layers: [dense: {units: 5, activation: tanh}, dense: {units: 5}]}", FLAT, GELU, NULL
        };
        const bool inverts = strcmp(p->name, "ijml") == 0;
        const char *const *of = inverts ? square : nets;
        for (size_t i = 0; of[i]; i++) {
            struct rig r;
            struct err e = { 0 };
            if (i > 0 && rig_try(&r, of[i], p->name, "{}", &e) < 0) { /* it says why */
                ck_assert_msg(strstr(err_first(&e), "recurrent") || strstr(err_first(&e), "feed-forward") ||
                                  strstr(err_first(&e), "network.layers."),
                              "%s: %s", p->name, err_first(&e));
                err_clear(&e);
                rig_close(&r);
                continue;
            }
            if (i > 0)
                rig_close(&r);
            rig_open(&r, of[i], p->name, "{}");
            rig_step(&r);
            ck_assert_msg(mat_all_finite(rig_all_updates(&r)), "%s on %s", p->name, of[i]);
            rig_close(&r);
        }
    }
}
END_TEST

/* ---- numbers at the edge ---- */

/* No number between 0 and the smallest normal one. */
static bool has_denormal(struct mat a)
{
    const double least = BOUND(DBL_MIN, (double)FLT_MIN);
    for (size_t i = 0; i < mat_n(a); i++)
        if (a.p[i] != 0 && fabs((double)a.p[i]) < least)
            return true;
    return false;
}

/* Sheet 11.10: with r much larger than |W|^2 displacements shrink by 1/(1 + r) a step. They are cut to zero before they
 * are denormal; the updates are those of the recursion that goes on. */
static void underflow(const char *propagate, const char *update)
{
    static const char net[] =
        "{length: 200, batch: 4, features: 6, weights: orthogonal, layers: [rnn: {units: 20}, dense: {units: 4}]}";
    char own[192];
    struct rig r;
    snprintf(own, sizeof own, "{target_stepsize: 0.01, mapping: {regularization: 100}, propagate: %s, update: %s}",
             propagate, update);
    if (!rig_fits(net, "tp", own))
        return;
    rig_open(&r, net, "tp", own);
    rig_step(&r);
    const struct mat cut = rig_updates(&r, 0, 1);
    ck_assert_uint_gt(r.credit.first_nonzero, 0);
    ck_assert(mat_max_abs(r.credit.d[0]) == 0);
    const size_t first = r.credit.first_nonzero;
    for (size_t k = 0; k < r.credit.n; k++)
        ck_assert_msg((mat_max_abs(r.credit.d[k]) == 0) == (k < first), "%s: displacement %zu, the first is %zu", own,
                      k, first);
    for (size_t k = 0; k < r.credit.n; k++) {
        ck_assert_msg(!has_denormal(r.credit.d[k]), "%s: displacement %zu holds denormal numbers", own, k);
        ck_assert_msg(strcmp(r.credit.choice.update.part->name, "through_chain") != 0 ||
                          !has_denormal(through_chain_signal(&r.credit, k)),
                      "%s: signal %zu holds denormal numbers", own, k);
    }
    /* the same without the cut */
    struct err e = { 0 };
    const struct mapping_def *g = (const struct mapping_def *)r.credit.choice.mapping.part;
    const bool linear = strcmp(propagate, "linear") == 0;
    for (size_t k = r.credit.n - 1; k-- > 0;)
        rig_map(&r, linear ? g->jvp : g->difference, k, r.credit.d[k + 1], r.credit.d[k]);
    ck_assert_msg(mat_max_abs(r.credit.d[first]) >= REAL_TINY && mat_max_abs(r.credit.d[first - 1]) < REAL_TINY,
                  "%s: cut at %zu", own, first);
    r.credit.first_nonzero = 0;
    memset(r.g, 0, r.net.chain.n_vector * sizeof *r.g);
    must(credit_update(&r.credit, &r.net.pass, r.g, &e), &e);
    check_near(own, cut, rig_updates(&r, 0, 1), BOUND(1e-14, 1e-6));
    rig_close(&r);
}

START_TEST(underflow_is_cut)
{
    for (size_t i = 0; i < update_registry.n_parts; i++) {
        underflow("linear", update_registry.parts[i]->name);
        underflow("difference", update_registry.parts[i]->name);
    }
}
END_TEST

/* So are gradients that vanish on the way down: steps below have no part in the products, and the sums are the same. */
START_TEST(what_has_vanished_adds_nothing)
{
    static const char *const cells[] = { "rnn", "gru" };
    for (size_t i = 0; i < 2; i++) {
        char net[200];
        struct rig r;
        struct err e = { 0 };
        snprintf(net, sizeof net,
                 "{length: %d, batch: 4, features: 6, weights: {name: normal, std: 1e-4}, layers: [%s: {units: 20}, "
                 "dense: {units: 4}]}",
                 i ? 2500 : 200, cells[i]);
        rig_open(&r, net, "bp", "{}");
        rig_step(&r);
        const size_t first = r.credit.first_nonzero;
        const struct mat cut = rig_updates(&r, 0, 1);
        ck_assert_msg(first > 0 && r.credit.has_deltas && mat_max_abs(cut) > 0, "%s: cut at %zu of %zu, largest %g",
                      cells[i], first, r.credit.n, (double)mat_max_abs(cut));
        const struct mapping_def *g = (const struct mapping_def *)r.credit.choice.mapping.part;
        for (size_t k = r.credit.n - 1; k-- > 0;)
            rig_map(&r, g->jvp, k, r.credit.d[k + 1], r.credit.d[k]);
        r.credit.first_nonzero = 0;
        r.credit.has_deltas = false;
        memset(r.g, 0, r.net.chain.n_vector * sizeof *r.g);
        must(credit_update(&r.credit, &r.net.pass, r.g, &e), &e);
        check_near(cells[i], cut, rig_updates(&r, 0, 1), BOUND(1e-14, 1e-6));
        rig_close(&r);
    }
}
END_TEST

/* The displacement above a matrix of zeros, whose inverse carries nothing, is as large as any: it has its share of the
 * update. */
START_TEST(the_last_displacement_counts)
{
    struct rig r;
    struct err e = { 0 };
    rig_open(&r,
             "{layers: [dense: {units: 5, activation: tanh}, {dense: {units: 6, activation: tanh, weights_init: "
             "zeros}}, dense: {units: 5, activation: tanh}, "
             "dense: {units: 4}]}",
             "tp", "{head: 0, update: through_chain}");
    rig_step(&r);
    ck_assert_uint_eq(r.credit.first_nonzero, 1);
    ck_assert(mat_max_abs(r.credit.d[0]) == 0);
    ck_assert_double_gt((double)mat_max_abs(r.credit.d[1]), 1e-6);
    const struct mat cut = rig_all_updates(&r);
    r.credit.first_nonzero = 0;
    must(credit_head(&r.credit, &r.net.pass, r.net.spec.loss, r.g, &e), &e);
    must(credit_update(&r.credit, &r.net.pass, r.g, &e), &e);
    check_near("above a matrix of zeros", cut, rig_all_updates(&r), 0);
    rig_close(&r);
}
END_TEST

/* What was cut in one step is not cut in the next. */
START_TEST(a_cut_does_not_last)
{
    static const char net[] =
        "{length: 40, batch: 2, features: 6, weights: orthogonal, layers: [rnn: {units: 8}, dense: {units: 4}]}";
    struct rig cut, fresh;
    rig_open(&cut, net, "tp", "{mapping: {regularization: 1e8}, update: through_chain}");
    rig_open(&fresh, net, "tp", "{mapping: {regularization: 1}, update: through_chain}");
    rig_step(&cut);
    ck_assert_uint_gt(cut.credit.first_nonzero, 0);
    cut.credit.choice.mapping = fresh.credit.choice.mapping;
    rig_step(&cut);
    rig_step(&fresh);
    ck_assert_uint_eq(cut.credit.first_nonzero, 0);
    check_near("after a cut", rig_all_updates(&cut), rig_all_updates(&fresh), 0);
    rig_close(&cut);
    rig_close(&fresh);
}
END_TEST

/* Back-propagation through saturated states vanishes the same way. */
START_TEST(vanishing_gradients_are_cut)
{
    struct rig r;
    rig_open(&r,
             "{length: 450, batch: 4, features: 6, weights: {name: normal, std: 0.05}, layers: [rnn: {units: 10}, "
             "dense: {units: 4}]}",
             "bp", "{}");
    rig_step(&r);
    for (size_t k = 0; k < r.credit.n; k++)
        ck_assert(!has_denormal(r.credit.d[k]));
    ck_assert(mat_all_finite(rig_all_updates(&r)));
    ck_assert(mat_max_abs(r.credit.d[0]) == 0);
    rig_close(&r);
}
END_TEST

/* A NaN in a displacement is neither cut nor lost. */
START_TEST(nan_reaches_the_updates)
{
    struct rig r;
    rig_open(&r, "{length: 5, layers: [rnn: {units: 5}, dense: {units: 4}]}", "tp", "{}");
    rig_step(&r);
    for (int update = 0; update < 2; update++) {
        r.credit.d[4].p[3] = NAN;
        struct err e = { 0 };
        must(propagate_of(&r.credit)->back(&r.credit, &r.net.pass, 0, &e), &e);
        ck_assert(!mat_all_finite(r.credit.d[0]));
        must(credit_update(&r.credit, &r.net.pass, r.g, &e), &e);
        ck_assert(!mat_all_finite(rig_updates(&r, 0, 1)));
        rig_close(&r);
        rig_open(&r, "{length: 5, layers: [rnn: {units: 5}, dense: {units: 4}]}", "tp", "{update: through_chain}");
        rig_step(&r);
    }
    rig_close(&r);
}
END_TEST

START_TEST(a_singular_layer_says_so)
{
    struct rig r;
    struct err e = { 0 };
    rig_open(&r, "{length: 5, layers: [rnn: {units: 5}, dense: {units: 4}]}", "tp", "{mapping: {regularization: 0}}");
    rig_step(&r);
    const struct mat w = unit_param(&r.net.chain.units[0], 1, r.net.chain.weights);
    for (size_t j = 0; j < 5; j++)
        w.p[j] = 2 * w.p[5 + j];
    chain_refresh(&r.net.chain);
    ck_assert_int_eq(credit_refresh(&r.credit, &r.net.pass, &e), ERR_SINGULAR);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "and the regularization is 0"));
    err_clear(&e);
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, parts_that_do_not_fit);
    tcase_add_test(t, all_combinations);
    tcase_add_test(t, presets_run);
    tcase_add_test(t, underflow_is_cut);
    tcase_add_test(t, what_has_vanished_adds_nothing);
    tcase_add_test(t, the_last_displacement_counts);
    tcase_add_test(t, a_cut_does_not_last);
    tcase_add_test(t, vanishing_gradients_are_cut);
    tcase_add_test(t, nan_reaches_the_updates);
    tcase_add_test(t, a_singular_layer_says_so);
}

CHECK_MAIN("choice", add_tests)
