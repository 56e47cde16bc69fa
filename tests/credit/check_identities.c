/* Exact identities of target propagation: roulet2022 sheet 9.3 (1 to 6), direct feedback alignment, and inverses that
 * are exact. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/update.h"

/* A linear recurrent network whose W is orthogonal: its regularized inverse at r = 0 is its transpose. */
static const char linear_net[] =
    "{length: 5, features: 3, weights: orthogonal, layers: [rnn: {units: 6, activation: linear}, dense: {units: 4}]}";
static const char tanh_net[] =
    "{length: 5, features: 3, weights: {name: normal, std: 0.4}, layers: [rnn: {units: 6}, dense: {units: 4}]}";

static bool propagates(const struct part *p)
{
    return strcmp(p->name, "none") != 0 && strcmp(p->name, "label") != 0; /* which carries no displacement */
}

/* What bp gives on `net`, times `s`, for layers [from, to). */
static struct mat bp_times(struct rig *r, const char *net, double s, size_t from, size_t to)
{
    struct rig bp;
    rig_open(&bp, net, "bp", "{}");
    rig_step(&bp);
    const struct mat out = rig_scaled(r, s, rig_updates(&bp, from, to));
    rig_close(&bp);
    return out;
}

/* 9.3 (1): detached, every rule of propagation: target_stepsize times bp below the head, and bp in the head. */
START_TEST(orthogonal_linear_networks_do_bp)
{
    for (size_t i = 0; i < propagate_registry.n_parts; i++) {
        const struct part *rule = propagate_registry.parts[i];
        if (!propagates(rule))
            continue;
        char own[160];
        snprintf(own, sizeof own, "{target_stepsize: 0.3, mapping: {regularization: 0}, propagate: %s}", rule->name);
        if (!rig_fits(linear_net, "tp", own))
            continue;
        struct rig r;
        rig_open(&r, linear_net, "tp", own);
        rig_step(&r);
        check_near(rule->name, rig_updates(&r, 0, 1), bp_times(&r, linear_net, 0.3, 0, 1), BOUND(1e-12, 2e-5));
        check_near("head", rig_updates(&r, 1, 2), bp_times(&r, linear_net, 1, 1, 2), BOUND(1e-14, 1e-6));
        rig_close(&r);
    }
}
END_TEST

/* 9.3 (2): through the chain, step t of T contributes T - t + 1 times what it does in bp. */
START_TEST(through_chain_counts_the_steps_above)
{
    struct rig r, bp;
    rig_open(&r, linear_net, "tp", "{target_stepsize: 0.3, mapping: {regularization: 0}, update: through_chain}");
    rig_open(&bp, linear_net, "bp", "{head: 1, target_stepsize: 1}");
    rig_step(&r);
    rig_step(&bp);
    ck_assert_uint_eq(r.credit.n, 5);
    for (size_t k = 0; k < 5; k++)
        check_near("signal", through_chain_signal(&r.credit, k), rig_scaled(&r, -0.3 * (double)(5 - k), bp.credit.d[k]),
                   BOUND(1e-12, 2e-5));
    rig_close(&r);
    rig_close(&bp);
}
END_TEST

/* 9.3 (3): r = 0, W invertible, nothing clipped: plain = difference, and f_t(v_{t-1}) = v_t. */
START_TEST(exact_inverses_reach_the_target)
{
    static const char net[] =
        "{length: 5, features: 3, batch: 2, weights: orthogonal, layers: [rnn: {units: 6}, dense: {units: 4}]}";
    struct rig plain, difference;
    rig_open(&plain, net, "tp", "{target_stepsize: 0.01, mapping: {regularization: 0}, propagate: plain}");
    rig_open(&difference, net, "tp", "{target_stepsize: 0.01, mapping: {regularization: 0}, propagate: difference}");
    rig_step(&plain);
    rig_step(&difference);
    const struct unit *l = &difference.net.chain.units[0];
    for (size_t k = 0; k < 5; k++)
        check_near("displacement", plain.credit.d[k], difference.credit.d[k], BOUND(1e-10, 2e-1));
    for (size_t k = 1; k < 5; k++) {
        struct at at = difference.net.pass.links[k];
        struct mat from = net_matrix(&difference.net, 2, 6), to = net_matrix(&difference.net, 2, 6);
        mat_add(at.in, difference.credit.d[k - 1], from);
        mat_add(at.out, difference.credit.d[k], to);
        struct at step = { .in = from, .side = at.side, .out = net_matrix(&difference.net, 2, 6) };
        l->def->prepare(l, step);
        l->def->forward(l, step);
        check_near("f(v)", step.out, to, BOUND(1e-12, 1e-5));
    }
    rig_close(&plain);
    rig_close(&difference);
}
END_TEST

/* |d_difference - d_linear| over all links. */
static double second_order_part(double beta)
{
    char own[128];
    struct rig a, b;
    snprintf(own, sizeof own, "{target_stepsize: %g, mapping: {regularization: 0.5}, propagate: difference}", beta);
    rig_open(&a, tanh_net, "tp", own);
    snprintf(own, sizeof own, "{target_stepsize: %g, mapping: {regularization: 0.5}, propagate: linear}", beta);
    rig_open(&b, tanh_net, "tp", own);
    rig_step(&a);
    rig_step(&b);
    double sum = 0;
    for (size_t k = 0; k + 1 < a.credit.n; k++) {
        struct mat d = rig_scaled(&a, 1, a.credit.d[k]);
        mat_axpy(-1, b.credit.d[k], d);
        sum += mat_sum_squares(d);
    }
    rig_close(&a);
    rig_close(&b);
    return sqrt(sum);
}

/* 9.3 (4) */
START_TEST(difference_and_linear_differ_in_second_order)
{
    const double beta = BOUND(1e-4, 1e-2);
    ck_assert_double_eq_tol(second_order_part(beta) / second_order_part(beta / 2), 4, BOUND(0.01, 0.2));
}
END_TEST

/* 9.3 (5): linear propagation is linear in the target stepsize; the head does not know of it, of r, or of the rule. */
START_TEST(linear_rule_is_linear_in_the_stepsize)
{
    struct rig a, b;
    rig_open(&a, tanh_net, "tp", "{target_stepsize: 0.25, mapping: {regularization: 0.7}}");
    rig_open(&b, tanh_net, "tp", "{target_stepsize: 1, mapping: {regularization: 0.7}}");
    rig_step(&a);
    rig_step(&b);
    check_near("a quarter", rig_updates(&a, 0, 1), rig_scaled(&a, 0.25, rig_updates(&b, 0, 1)),
               0); /* a power of 2: bit for bit */
    for (size_t i = 0; i < propagate_registry.n_parts; i++)
        for (size_t j = 0; j < update_registry.n_parts; j++) {
            char own[192];
            struct rig c;
            snprintf(own, sizeof own, "{target_stepsize: 3, mapping: {regularization: 9}, propagate: %s, update: %s}",
                     propagate_registry.parts[i]->name, update_registry.parts[j]->name);
            if (!rig_fits(tanh_net, "tp", own))
                continue;
            rig_open(&c, tanh_net, "tp", own);
            rig_step(&c);
            check_near(own, rig_updates(&c, 1, 2), rig_updates(&a, 1, 2), 0);
            rig_close(&c);
        }
    rig_close(&a);
    rig_close(&b);
}
END_TEST

/* 9.3 (6): nothing propagated, or r so large that nothing arrives: target_stepsize times bp. On flat chains, too. */
START_TEST(without_propagation_through_chain_is_bp)
{
    static const char *const nets[] = {
        tanh_net, "{length: 4, layers: [gru: {units: 5}, dense: {units: 4}]}",
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}", NULL
    };
    static const char *const own[] = { "{target_stepsize: 0.3, update: through_chain, propagate: none}",
                                       "{target_stepsize: 0.3, update: through_chain, mapping: {regularization: 1e12}}",
                                       NULL };
    for (size_t i = 0; nets[i]; i++)
        for (size_t j = 0; own[j]; j++) {
            struct rig r;
            rig_open(&r, nets[i], "tp", own[j]);
            rig_step(&r);
            const size_t below = r.net.chain.n_units - 1;
            /* the gru keeps the share z of a displacement whatever r is */
            if (j == 0 || strstr(nets[i], "gru") == NULL)
                check_near(own[j], rig_updates(&r, 0, below), bp_times(&r, nets[i], 0.3, 0, below), BOUND(1e-11, 1e-5));
            rig_close(&r);
        }
}
END_TEST

/* A through_chain update of displacements that bp itself propagates counts the links above: on any chain, s_k = (n - k)
 * beta dL/dh_k. */
START_TEST(through_chain_of_adjoint_displacements)
{
    struct rig r;
    rig_open(
        &r,
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: sigmoid}, dense: {units: 4}]}",
        "bp", "{target_stepsize: 0.3, update: {name: through_chain, reduction: half_sum}}");
    rig_step(&r);
    for (size_t k = 0; k < 3; k++)
        check_near("signal", through_chain_signal(&r.credit, k), rig_scaled(&r, -(double)(3 - k), r.credit.d[k]),
                   BOUND(1e-12, 1e-5));
    rig_close(&r);
}
END_TEST

/* Every way of reducing the local loss: the update is its factor times that of half_sum. */
START_TEST(reductions_are_factors)
{
    const double beta = 0.3, rows = 3, units[2] = { 12, 6 };
    const double factor[][2] = { { 1 / beta, 1 / beta },
                                 { 1, 1 },
                                 { 1 / rows, 1 / rows },
                                 { 2 / rows, 2 / rows },
                                 { 2 / (rows * units[0]), 2 / (rows * units[1]) },
                                 { 2 / (rows * units[0]), 2 / rows },
                                 { 1 / (beta * rows), 1 / (beta * rows) } };
    static const char net[] = "{image: [2, 3, 3], features: 18, layers: [conv: {channels: 3, kernel: 2, activation: "
                              "tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}";
    struct rig one;
    rig_open(&one, net, "dfa", "{target_stepsize: 0.3, update: {reduction: half_sum}}");
    rig_step(&one);
    for (size_t i = 0; reduction_names[i]; i++) {
        char own[96];
        struct rig r;
        snprintf(own, sizeof own, "{target_stepsize: 0.3, update: {reduction: %s}}", reduction_names[i]);
        rig_open(&r, net, "dfa", own);
        rig_step(&r);
        for (size_t j = 0; j < 2; j++)
            check_near(reduction_names[i], rig_updates(&r, j, j + 1),
                       rig_scaled(&r, factor[i][j], rig_updates(&one, j, j + 1)), BOUND(1e-14, 1e-6));
        rig_close(&r);
    }
    rig_close(&one);
}
END_TEST

/* bao2024 sheet 5.5: by 1/(2 beta), what analytic feedback gives tends to bp as beta goes to 0; where slopes do not
 * change, it is bp for any beta. Of overlapping pools, with the sum after the activation's feedback. */
START_TEST(analytic_feedback_tends_to_bp)
{
    static const struct {
        const char *net;
        double beta, bound;
    } cases[] = {
        { "{features: 5, layers: [dense: {units: 6, activation: elu}, dense: {units: 5, activation: tanh}, dense: "
          "{units: 4}]}",
          BOUND(1e-8, 1e-4), BOUND(1e-7, 1e-3) },
        { "{features: 5, layers: [dense: {units: 6}, dense: {units: 5}, dense: {units: 4}]}", 0.7, BOUND(1e-13, 1e-5) },
        { "{image: [2, 6, 6], features: 72, layers: [unit: [conv: {channels: 3, kernel: 3, padding: 1, activation: "
          "elu}, max_pool: {kernel: 3, stride: 2, padding: 1}], unit: [conv: {channels: 4, kernel: 3, padding: 1, "
          "activation: elu}, max_pool: {kernel: 3, stride: 2, padding: 1, duplicates: sum_after}], dense: {units: 4}]}",
          BOUND(1e-8, 1e-4), BOUND(1e-7, 1e-3) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char own[96];
        struct rig r;
        snprintf(own, sizeof own, "{target_stepsize: %g, update: {reduction: mean_per_stepsize}}", cases[i].beta);
        rig_open(&r, cases[i].net, "tjml", own);
        rig_step(&r);
        const size_t n = r.net.chain.n_units;
        check_near(cases[i].net, rig_updates(&r, 0, n), bp_times(&r, cases[i].net, 1, 0, n), cases[i].bound);
        rig_close(&r);
    }
}
END_TEST

/* bao2024 sheet 5.5: of an orthogonal linear network the inverse, the pseudo-inverses and the transpose are one. */
START_TEST(orthogonal_linear_feedback_is_the_inverse)
{
    static const char net[] =
        "{features: 5, outputs: 5, weights: orthogonal, layers: [dense: {units: 5}, dense: {units: 5}, "
        "dense: {units: 5}]}";
    static const char *const others[][2] = { { "ijml", "{target_stepsize: 0.7}" },
                                             { "pjml", "{target_stepsize: 0.7}" },
                                             { "pjml", "{target_stepsize: 0.7, mapping: {of: jacobian}}" } };
    struct rig transposed;
    rig_open(&transposed, net, "tjml", "{target_stepsize: 0.7}");
    rig_step(&transposed);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct rig other;
        rig_open(&other, net, others[i][0], others[i][1]);
        rig_step(&other);
        check_near(others[i][1], rig_all_updates(&other), rig_all_updates(&transposed), BOUND(1e-12, 1e-4));
        rig_close(&other);
    }
    rig_close(&transposed);
}
END_TEST

/* bao2024 sheet 5.5: fixed or learned feedback of linear units with the forward weights transposed is the analytic one.
 */
START_TEST(feedback_with_the_forward_weights_is_analytic)
{
    static const char net[] = "{features: 5, layers: [dense: {units: 6}, dense: {units: 7}, dense: {units: 4}]}";
    static const char *const names[] = { "fwdtp", "ldrl" };
    struct rig analytic;
    rig_open(&analytic, net, "tjml", "{target_stepsize: 0.7}");
    rig_step(&analytic);
    for (size_t i = 0; i < 2; i++) {
        struct rig r;
        rig_open(&r, net, names[i], "{target_stepsize: 0.7}");
        for (size_t j = 0; j < r.credit.n_feedback; j++)
            mat_transpose(unit_param(&r.net.chain.units[j + 1], 0, r.net.chain.weights),
                          unit_param(&r.credit.feedback[j].unit, 0, r.credit.feedback_weights));
        rig_step(&r);
        check_near(names[i], rig_all_updates(&r), rig_all_updates(&analytic), BOUND(1e-13, 1e-5));
        rig_close(&r);
    }
    rig_close(&analytic);
}
END_TEST

/* mapping.scale is a factor on fixed weights as they are drawn. */
START_TEST(fixed_weights_are_scaled_once)
{
    static const char net[] = "{features: 5, layers: [dense: {units: 6}, dense: {units: 4}]}";
    struct rig one, quarter;
    rig_open(&one, net, "fwdtp", "{target_stepsize: 0.7, mapping: {scale: 1}}");
    rig_open(&quarter, net, "fwdtp", "{target_stepsize: 0.7, mapping: {scale: 0.25}}");
    mapping_of(&one.credit)->drawn(&one.credit);
    mapping_of(&quarter.credit)->drawn(&quarter.credit);
    rig_step(&one);
    rig_step(&quarter);
    check_near("targets of the lowest layer", quarter.credit.d[0], rig_scaled(&one, 0.25, one.credit.d[0]), 0);
    ck_assert(mat_sum_squares(one.credit.d[0]) > 0);
    rig_close(&one);
    rig_close(&quarter);
}
END_TEST

/* x (rows, cols) by column: less its mean, over the deviation with divisor rows - 1, plus 1e-12. */
static void normalise(size_t rows, size_t cols, double *x)
{
    for (size_t j = 0; j < cols; j++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < rows; i++)
            mean += x[i * cols + j] / (double)rows;
        for (size_t i = 0; i < rows; i++)
            squares += (x[i * cols + j] - mean) * (x[i * cols + j] - mean);
        for (size_t i = 0; i < rows; i++)
            x[i * cols + j] = (x[i * cols + j] - mean) / (sqrt(squares / (double)(rows - 1)) + 1e-12);
    }
}

/* Shibuya 2023, code: BN(tanh(V x)). */
static void normed_feedback(struct mat v, size_t rows, const double *x, double *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < v.rows; j++) {
            double sum = 0;
            for (size_t k = 0; k < v.cols; k++)
                sum += (double)v.p[j * v.cols + k] * x[i * v.cols + k];
            out[i * v.rows + j] = tanh(sum);
        }
    normalise(rows, v.rows, out);
}

/* t = BN(g(t') + h - g(h')), g(x) = BN(tanh(V x)), also where the layer itself has no batch_norm. */
START_TEST(normed_feedback_and_targets)
{
    static const char *const nets[] = {
        "{batch: 6, features: 5, layers: [unit: [dense: {units: 6, activation: tanh, bias: false}, batch_norm], unit: "
        "[dense: {units: 7, activation: tanh, bias: false}, batch_norm], unit: [dense: {units: 4, bias: false}, "
        "batch_norm]]}",
        "{batch: 3, features: 5, layers: [dense: {units: 6, activation: tanh}, unit: [dense: {units: 7, activation: "
        "tanh}, batch_norm], dense: {units: 4}]}"
    };
    for (size_t n = 0; n < 2; n++) {
        struct rig r;
        rig_open(&r, nets[n], "fwdtp_bn", "{target_stepsize: 0.3, mapping: {weights_init: {bound: 0.8}}}");
        rig_step(&r);
        for (size_t k = 0; k + 1 < r.credit.n; k++) {
            const struct mat v = unit_param(&r.credit.feedback[k].unit, 0, r.credit.feedback_weights),
                             h = r.net.pass.links[k].out, above = r.net.pass.links[k + 1].out, d = r.credit.d[k + 1],
                             expected = mat_new(&r.net.arena, h.rows, h.cols);
            double *from = arena_doubles(&r.net.arena, mat_n(above)), *to = arena_doubles(&r.net.arena, mat_n(above)),
                   *was = arena_doubles(&r.net.arena, mat_n(h)), *is = arena_doubles(&r.net.arena, mat_n(h));
            for (size_t i = 0; i < mat_n(above); i++) {
                from[i] = (double)above.p[i];
                to[i] = from[i] + (double)d.p[i];
            }
            normed_feedback(v, h.rows, from, was);
            normed_feedback(v, h.rows, to, is);
            for (size_t i = 0; i < mat_n(h); i++)
                is[i] += (double)h.p[i] - was[i];
            normalise(h.rows, h.cols, is);
            for (size_t i = 0; i < mat_n(h); i++)
                expected.p[i] = (real)(is[i] - (double)h.p[i]);
            check_near(nets[n], r.credit.d[k], expected, BOUND(1e-12, 1e-4));
            ck_assert(mat_max_abs(expected) > (real)1e-3);
        }
        rig_close(&r);
    }
}
END_TEST

/* Feedback that is normalised and options that do not go with that. */
START_TEST(normed_feedback_is_dense_and_feed_forward)
{
    static const char *const cases[][3] = {
        { "{layers: [dense: {units: 6}, dense: {units: 4}]}", "{mapping: {activation: argument}}",
          "algorithm.mapping.batch_norm: what feedback layers yield is normalised behind an activation of their own" },
        { "{length: 4, layers: [rnn: {units: 5}, dense: {units: 4}]}", "{head: 1}",
          "algorithm.mapping.batch_norm: is for feed-forward layers; network.layers.0 is recurrent" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        struct err e = { 0 };
        ck_assert_int_eq(rig_try(&r, cases[i][0], "fwdtp_bn", cases[i][1], &e), ERR_SPEC);
        ck_assert_ptr_nonnull(strstr(err_first(&e), cases[i][2]));
        err_clear(&e);
        rig_close(&r);
    }
}
END_TEST

/* Nokland 2016: t_k = h_k - beta B_k e, e = dL/dh at the output, B_k fixed. */
START_TEST(dfa_projects_the_output_error)
{
    static const char *const nets[] = {
        "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}",
        "{length: 4, layers: [rnn: {units: 5}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}", NULL
    };
    for (size_t i = 0; nets[i]; i++) {
        struct rig r;
        rig_open(&r, nets[i], "dfa", "{target_stepsize: 0.3}");
        rig_step(&r);
        const struct mat e = r.net.pass.gradient;
        for (size_t k = 0; k + 1 < r.credit.n; k++) {
            struct feedback *f = credit_feedback_of(&r.credit, k);
            const struct mat b = unit_param(&f->unit, 0, r.credit.feedback_weights),
                             expected = mat_new(&r.net.arena, e.rows, b.rows);
            for (size_t row = 0; row < e.rows; row++)
                for (size_t j = 0; j < b.rows; j++)
                    for (size_t c = 0; c < b.cols; c++)
                        expected.p[row * b.rows + j] -=
                            (real)(0.3 * (double)b.p[j * b.cols + c] * (double)e.p[row * e.cols + c]);
            check_near("B e", r.credit.d[k], expected, BOUND(1e-13, 1e-5));
        }
        rig_close(&r);
    }
}
END_TEST

/* With a linear network and an exact inverse, plain = difference = linear, on every chain. */
START_TEST(exact_inverses_make_the_rules_equal)
{
    static const char *const nets[] = { linear_net,
                                        "{features: 5, outputs: 5, weights: {name: normal, std: 0.6}, layers: [dense: "
                                        "{units: 5}, dense: {units: 5}, dense: {units: 5}]}",
                                        NULL };
    for (size_t i = 0; nets[i]; i++) {
        struct rig linear;
        rig_open(&linear, nets[i], "tp", "{mapping: {regularization: 0}}");
        rig_step(&linear);
        for (size_t j = 0; j < propagate_registry.n_parts; j++) {
            char own[96];
            struct rig r;
            if (!propagates(propagate_registry.parts[j]))
                continue;
            snprintf(own, sizeof own, "{mapping: {regularization: 0}, propagate: %s}",
                     propagate_registry.parts[j]->name);
            if (!rig_fits(nets[i], "tp", own))
                continue;
            rig_open(&r, nets[i], "tp", own);
            rig_step(&r);
            for (size_t k = 0; k < r.credit.n; k++)
                check_near(own, r.credit.d[k], linear.credit.d[k], BOUND(1e-10, 1e-3));
            rig_close(&r);
        }
        rig_close(&linear);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, orthogonal_linear_networks_do_bp);
    tcase_add_test(t, through_chain_counts_the_steps_above);
    tcase_add_test(t, exact_inverses_reach_the_target);
    tcase_add_test(t, difference_and_linear_differ_in_second_order);
    tcase_add_test(t, linear_rule_is_linear_in_the_stepsize);
    tcase_add_test(t, without_propagation_through_chain_is_bp);
    tcase_add_test(t, through_chain_of_adjoint_displacements);
    tcase_add_test(t, reductions_are_factors);
    tcase_add_test(t, analytic_feedback_tends_to_bp);
    tcase_add_test(t, orthogonal_linear_feedback_is_the_inverse);
    tcase_add_test(t, feedback_with_the_forward_weights_is_analytic);
    tcase_add_test(t, fixed_weights_are_scaled_once);
    tcase_add_test(t, normed_feedback_and_targets);
    tcase_add_test(t, normed_feedback_is_dense_and_feed_forward);
    tcase_add_test(t, dfa_projects_the_output_error);
    tcase_add_test(t, exact_inverses_make_the_rules_equal);
}

CHECK_MAIN("identities", add_tests)
