/* Losses at every step of a sequence (Roulet 2022, text experiment; sheet 3.7). */
#include "../check_main.h"
#include "fixture.h"

#define NET(cell)                                                                                                      \
    "{length: 5, per_step: true, layers: [" cell                                                                       \
    ": {units: 5, sequence: true}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}"
#define SQUARES                                                                                                        \
    "{length: 4, per_step: true, labels: real, loss: squared_error, layers: [rnn: {units: 5, sequence: true}, dense: " \
    "{units: 4}]}"

/* Back-propagation is the gradient of the mean loss over all steps, also with real targets. */
static void by_differences(const char *net, const char *own)
{
    struct rig r;
    rig_open(&r, net, "bp", own);
    rig_step(&r);
    const double eps = BOUND(1e-5, 1e-2);
    for (size_t i = 0; i < r.net.chain.n_units; i++) {
        const struct unit *l = &r.net.chain.units[i];
        const struct mat fd = mat_new(&r.net.arena, 1, unit_n_weights(l));
        for (size_t j = 0; j < fd.cols; j++) {
            real *w = layer_entry(l, r.net.chain.weights, j);
            const real kept = *w;
            *w = (real)(kept + eps);
            const double up = net_loss(&r.net);
            *w = (real)(kept - eps);
            fd.p[j] = (real)((up - net_loss(&r.net)) / (2 * eps));
            *w = kept;
        }
        check_near("bp against finite differences", rig_updates(&r, i, i + 1), fd, BOUND(1e-7, 1e-2));
    }
    rig_close(&r);
}

START_TEST(bp_is_the_gradient_of_the_loss_of_all_steps)
{
    by_differences(NET("rnn"), "{head: 2}");
    by_differences(NET("gru"), "{head: 2}");
    by_differences(SQUARES, "{head: 1}");
}
END_TEST

/* Without propagation every step keeps its own displacement, and the update through the chain is beta times the
 * gradient. */
START_TEST(no_propagation_through_the_chain_is_beta_bp)
{
    struct rig bp, off;
    rig_open(&bp, NET("rnn"), "bp", "{head: 2}");
    rig_open(&off, NET("rnn"), "tp", "{head: 2, target_stepsize: 0.37, propagate: none, update: through_chain}");
    rig_step(&bp);
    rig_step(&off);
    check_near("recurrent layer", rig_updates(&off, 0, 1), rig_scaled(&bp, 0.37, rig_updates(&bp, 0, 1)),
               BOUND(1e-12, 1e-5));
    check_near("head", rig_updates(&off, 1, 3), rig_updates(&bp, 1, 3), 0);
    rig_close(&bp);
    rig_close(&off);
}
END_TEST

/* With an orthogonal linear layer and r = 0 the inverse is the transpose, so targets carry exactly the gradient. */
START_TEST(natural_rule_carries_the_gradient_where_the_inverse_is_the_transpose)
{
    static const char net[] = "{length: 5, per_step: true, weights: orthogonal, layers: [rnn: {units: 5, sequence: "
                              "true, activation: linear}, dense: {units: 4}]}";
    static const char *const rules[] = { "linear", "difference", "plain" };
    for (size_t i = 0; i < 3; i++) {
        char own[160];
        struct rig bp, tp;
        snprintf(own, sizeof own,
                 "{target_stepsize: 0.2, mapping: {regularization: 0}, propagate: %s, update: gradient}", rules[i]);
        rig_open(&bp, net, "bp", "{head: 1}");
        rig_open(&tp, net, "tp", own);
        rig_step(&bp);
        rig_step(&tp);
        check_near(rules[i], rig_updates(&tp, 0, 1), rig_scaled(&bp, 0.2, rig_updates(&bp, 0, 1)), BOUND(1e-11, 1e-3));
        rig_close(&bp);
        rig_close(&tp);
    }
}
END_TEST

/* The released rule, written out: d[T-1] = own[T-1]; d[k] = g'(d[k+1] + own[k+1]). */
START_TEST(released_rule_as_the_sheet_has_it)
{
    struct rig r;
    rig_open(&r, NET("rnn"), "tp", "{head: 2, target_stepsize: 0.2, target: {sequence: released}}");
    rig_step(&r);
    struct credit *c = &r.credit;
    struct arena *a = &r.net.arena;
    const struct mapping_def *g = (const struct mapping_def *)c->choice.mapping.part;
    check_near("last", c->d[c->n - 1], c->own[c->n - 1], 0);
    for (size_t k = c->n - 1; k-- > 0;) {
        struct mat sum = mat_new(a, c->d[k].rows, c->d[k].cols), expected = mat_new(a, c->d[k].rows, c->d[k].cols);
        mat_add(c->d[k + 1], c->own[k + 1], sum);
        rig_map(&r, g->jvp, k, sum, expected);
        check_near("step", c->d[k], expected, BOUND(1e-14, 1e-6));
    }
    rig_close(&r);
}
END_TEST

START_TEST(layers_above_belong_to_the_head)
{
    struct rig r;
    struct err e = { 0 };
    ck_assert_int_eq(rig_try(&r, NET("rnn"), "bp", "{}", &e), ERR_SPEC);
    ck_assert_msg(strstr(err_first(&e), "head: 2"), "%s", err_first(&e));
    err_clear(&e);
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, bp_is_the_gradient_of_the_loss_of_all_steps);
    tcase_add_test(t, no_propagation_through_the_chain_is_beta_bp);
    tcase_add_test(t, natural_rule_carries_the_gradient_where_the_inverse_is_the_transpose);
    tcase_add_test(t, released_rule_as_the_sheet_has_it);
    tcase_add_test(t, layers_above_belong_to_the_head);
}
CHECK_MAIN("sequence", add_tests)
