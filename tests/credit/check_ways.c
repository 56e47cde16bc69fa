/* Layers that feed several others: targets of each way, and of the layer by eq. (44) of Bengio 2020 (sheet, section 6;
 * V9); which presets take such networks. Gradients: check_bp.c, check_feedback.c. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/inverse_steps.h"

#define SUMS                                                                                                           \
    "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: sigmoid}, {dense: {units: 5, "       \
    "activation: tanh}, from: [0, 1]}, dense: {units: 4}]}"
#define BESIDE                                                                                                         \
    "{form: w_sigma, layers: [dense: {units: 5, activation: tanh}, {dense: {units: 6, activation: tanh}, from: [0], "  \
    "repeat: 3}, {dense: {units: 4, activation: tanh}, from: [1, 2, 3], join: concat}]}"

/* `from` that says what is so without it changes no bit. */
START_TEST(a_chain_in_other_words)
{
    static const char *const presets_of[] = { "bp", "dtp1", "idtp", "idtp_input", "cdtp" };
    for (size_t i = 0; i < sizeof presets_of / sizeof *presets_of; i++) {
        struct rig plain, worded;
        rig_open(
            &plain,
            "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}",
            presets_of[i], "{}");
        rig_open(&worded,
                 "{layers: [dense: {units: 5, activation: tanh}, {dense: {units: 6, activation: tanh}, from: [0]}, "
                 "{dense: {units: 4}, from: [1]}]}",
                 presets_of[i], "{}");
        rig_step(&plain);
        rig_step(&worded);
        check_near(presets_of[i], rig_all_updates(&worded), rig_all_updates(&plain), 0);
        rig_close(&plain);
        rig_close(&worded);
    }
}
END_TEST

/* Every preset either takes a step or says what it does not take, and where. */
START_TEST(presets_take_branches_or_refuse_them)
{
    static const char takes[] = " bp dfa fa tp_vanilla dtp dtp_pretrained fwdtp fwdtp_bn dtp1 idtp idtp_input ";
    for (const struct preset *p = presets; p->name; p++) {
        struct rig r;
        struct err e = { 0 };
        char word[64];
        snprintf(word, sizeof word, " %s ", p->name);
        const int code = rig_try(&r, SUMS, p->name, "{}", &e);
        if (!strstr(takes, word)) {
            ck_assert_int_eq(code, ERR_SPEC);
            ck_assert_msg(strstr(err_first(&e), "network.layers.2.from"), "%s: %s", p->name, err_first(&e));
            err_clear(&e);
            rig_close(&r);
            continue;
        }
        must(code, &e);
        rig_close(&r);
        rig_open(&r, SUMS, p->name, "{}");
        rig_step(&r);
        const struct mat updates = rig_all_updates(&r);
        ck_assert_msg(mat_all_finite(updates) && mat_sum_squares(rig_updates(&r, 0, 1)) > 0, "%s", p->name);
        rig_close(&r);
    }
}
END_TEST

/* Each way has a feedback unit of its own, named by the layer that it yields and, where there are several, the one that
 * it comes from. */
START_TEST(feedback_is_named_by_its_way)
{
    static const char *const expected[] = { "feedback.0.1.weight", "feedback.0.2.weight", "feedback.1.weight",
                                            "feedback.2.weight" };
    struct rig r;
    rig_open(&r, SUMS, "idtp", "{mapping: {bias: false}}");
    ck_assert_uint_eq(r.credit.n_feedback, 4);
    for (size_t i = 0; i < 4; i++) {
        char name[64];
        ck_assert_str_eq(unit_param_name(&r.credit.feedback[i].unit, 0, "feedback", name, sizeof name), expected[i]);
    }
    rig_close(&r);
}
END_TEST

/* 1/|d|^2 of each way over the sum of them, sample by sample. */
static void check_mixing(const struct credit *c, size_t k)
{
    const size_t first = c->first_way[k], n = c->first_way[k + 1] - first;
    for (size_t row = 0; row < c->rows; row++) {
        double sum = 0, of_mixing = 0;
        for (size_t j = 0; j < n; j++)
            sum += 1 / mat_sum_squares(mat_rows(c->branch[first + j], row, 1));
        for (size_t i = 0; i < c->d[k].cols; i++) {
            double target = 0;
            for (size_t j = 0; j < n; j++)
                target += (double)c->branch[first + j].p[row * c->d[k].cols + i] /
                          mat_sum_squares(mat_rows(c->branch[first + j], row, 1)) / sum;
            ck_assert_double_eq_tol((double)c->d[k].p[row * c->d[k].cols + i], target,
                                    BOUND(1e-14, 1e-6) * (1 + fabs(target)));
        }
        for (size_t j = 0; j < n; j++)
            of_mixing += (double)c->mixing[k].p[row * n + j];
        ck_assert_double_eq_tol(of_mixing, 1, BOUND(1e-14, 1e-6));
    }
}

START_TEST(targets_are_mixed)
{
    static const char *const rules[] = { "plain",
                                         "difference",
                                         "iterate",
                                         "{name: iterate, sweep: parallel, iterations: 4}",
                                         "{name: iterate, sweep: top_down, start: decoder}",
                                         "{name: iterate, refinement: input}",
                                         "{name: iterate, refinement: output_from_input}" };
    static const char *const nets[] = { SUMS, BESIDE };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (size_t net = 0; net < 2; net++) {
            struct rig r;
            char own[128];
            snprintf(own, sizeof own, "{propagate: %s}", rules[i]);
            rig_open(&r, nets[net], "dtp1", own);
            rig_step(&r);
            check_mixing(&r.credit, 0);
            rig_close(&r);
        }
}
END_TEST

static void silence(struct credit *c, size_t way)
{
    const struct unit *g = &credit_feedback_of(c, way)->unit;
    for (size_t j = 0; j < g->n_params; j++)
        mat_zero(unit_param(g, j, c->feedback_weights));
}

/* A way that brings nothing has no weight; where none brings anything the target is the state, and c is 0. */
START_TEST(ways_that_bring_nothing)
{
    struct rig r;
    rig_open(&r, BESIDE, "idtp", "{propagate: {sweep: layer}}");
    silence(&r.credit, 1);
    rig_step(&r);
    const struct credit *c = &r.credit;
    for (size_t row = 0; row < c->rows; row++) {
        ck_assert(c->mixing[0].p[row * 3 + 1] == 0);
        ck_assert_double_eq_tol((double)(c->mixing[0].p[row * 3] + c->mixing[0].p[row * 3 + 2]), 1, BOUND(1e-14, 1e-6));
    }
    ck_assert(mat_sum_squares(c->d[0]) > 0);
    silence(&r.credit, 0);
    silence(&r.credit, 2);
    rig_step(&r);
    ck_assert(mat_sum_squares(c->d[0]) == 0);
    ck_assert(mat_sum_squares(c->mixing[0]) == 0);
    ck_assert(mat_sum_squares(c->influence[0]) == 0);
    ck_assert(mat_sum_squares(rig_updates(&r, 0, 1)) == 0);
    ck_assert(mat_sum_squares(rig_updates(&r, 1, 2)) > 0);
    rig_close(&r);
}
END_TEST

/* Lengths whose squares lie at the ends of the range. */
START_TEST(long_and_short_ways)
{
    struct rig r;
    rig_open(&r, BESIDE, "dtp1", "{}");
    rig_step(&r);
    const struct credit *c = &r.credit;
    const double sizes[] = { BOUND(1e-140, 1e-30), BOUND(1e140, 1e15), BOUND(2e-140, 2e-30) };
    for (size_t j = 0; j < 3; j++) {
        mat_zero(c->branch[j]);
        for (size_t row = 0; row < c->rows; row++)
            c->branch[j].p[row * c->d[0].cols] = (real)sizes[j];
    }
    ways_mix(&r.credit, 0);
    for (size_t row = 0; row < c->rows; row++) {
        ck_assert_double_eq_tol((double)c->mixing[0].p[row * 3], 0.8, 1e-5);
        ck_assert_double_eq_tol((double)c->mixing[0].p[row * 3 + 2], 0.2, 1e-5);
        ck_assert(isfinite(c->d[0].p[row * c->d[0].cols]));
    }
    c->branch[1].p[0] = (real)NAN; /* is not lost */
    ways_mix(&r.credit, 0);
    ck_assert(isnan(c->d[0].p[0]));
    rig_close(&r);
}
END_TEST

/* All layers at once or one after the other, from states or decoders, by either rule: the targets are the same. */
START_TEST(rules_come_to_rest_at_the_same_targets)
{
    static const char net[] =
        "{form: w_sigma, features: 6, outputs: 6, labels: real, loss: squared_error, weights: orthogonal, layers: "
        "[dense: {units: 6, activation: {name: leaky_relu, slope: 0.6}}, {dense: {units: 6, activation: {name: "
        "leaky_relu, slope: 0.6}}, from: [0], repeat: 2}, {dense: {units: 6, activation: {name: leaky_relu, slope: "
        "0.6}}, from: [1, 2]}]}";
    static const char *const rules[] = { "{sweep: layer, iterations: 200}", "{sweep: parallel, iterations: 400}",
                                         "{sweep: top_down, iterations: 400, start: decoder}",
                                         "{sweep: layer, refinement: input, iterations: 200}" };
    struct mat first[3];
    struct rig all[4];
    for (size_t i = 0; i < 4; i++) {
        char own[192];
        snprintf(own, sizeof own,
                 "{target_stepsize: 1e-3, mapping: {transpose_gain: 1.4}, propagate: {name: iterate, %s", rules[i] + 1);
        strcat(own, "}");
        rig_open(&all[i], net, "idtp", own);
        mapping_of(&all[i].credit)->start(&all[i].credit);
        rig_step(&all[i]);
        for (size_t k = 0; k < 3; k++) {
            if (i == 0)
                first[k] = all[i].credit.d[k];
            else
                check_near(rules[i], all[i].credit.d[k], first[k], BOUND(1e-9, 5e-2));
        }
    }
    for (size_t i = 0; i < 4; i++)
        rig_close(&all[i]);
}
END_TEST

/* How far link l moves when link k alone does: on way w. */
static struct mat moved_up(struct rig *r, size_t w, struct mat d)
{
    const struct settling s = { .c = &r->credit, .p = &r->net.pass };
    const struct mat out = net_matrix(&r->net, d.rows, r->credit.d[r->credit.ways[w].to].cols);
    inverse_up(&s, w, d, out);
    return out;
}

/* V9: with the other branches as they were, A at the target of one branch brings the output to its target. */
static void path_by_path(int branches, int seed)
{
    char net[512];
    struct rig r;
    snprintf(
        net, sizeof net,
        "{form: w_sigma, batch: 1, seed: %d, features: 16, outputs: 16, labels: real, loss: squared_error, weights: "
        "orthogonal, layers: [dense: {units: 16, activation: {name: leaky_relu, slope: 0.5}}, {dense: {units: 16, "
        "activation: {name: leaky_relu, slope: 0.5}}, from: [0], repeat: %d}, {dense: {units: 16, activation: "
        "{name: leaky_relu, slope: 0.5}}, from: [1%s%s], join: %s}]}",
        seed, branches, branches > 1 ? ", 2" : "", branches > 2 ? ", 3" : "", branches > 1 ? "concat" : "add");
    rig_open(&r, net, "idtp",
             "{target_stepsize: 1e-5, mapping: {transpose_gain: 1.6}, propagate: {sweep: layer, iterations: 200}}");
    /* The output's weights from each branch: an orthogonal matrix, those of the layers multiplied. */
    const struct chain *c = &r.net.chain;
    const size_t top = c->n_units - 1;
    const struct mat a = unit_param(&c->units[0], 0, c->weights), w = unit_param(&c->units[top], 0, c->weights),
                     product = net_matrix(&r.net, 16, 16);
    for (size_t j = 0; j < (size_t)branches; j++) {
        blas_gemm(false, true, 1, a, unit_param(&c->units[1 + j], 0, c->weights), 0, product);
        for (size_t i = 0; i < 256; i++)
            w.p[i / 16 * w.cols + j * 16 + i % 16] = product.p[i];
    }
    mapping_of(&r.credit)->start(&r.credit);
    rig_step(&r);
    for (size_t j = 0; j < (size_t)branches; j++) {
        const size_t upper = r.credit.first_way[1 + j];
        const struct mat out = moved_up(&r, upper, moved_up(&r, j, r.credit.branch[j])), wanted = r.credit.d[top];
        const double size = sqrt(mat_sum_squares(out)), want = sqrt(mat_sum_squares(wanted));
        ck_assert_msg(mat_dot(out, wanted) / (size * want) >= 0.9999, "cosine of branch %zu of %d", j, branches);
        ck_assert_msg(fabs(size / want - 1) <= BOUND(1e-6, 1e-3), "gain of branch %zu of %d: %.10g", j, branches,
                      size / want);
    }
    rig_close(&r);
}

START_TEST(every_path_reaches_the_target)
{
    for (int branches = 1; branches <= 3; branches++)
        for (int seed = 1; seed <= 10; seed++)
            path_by_path(branches, seed);
}
END_TEST

/* Layers above a head of one, which reads the layer below it alone. */
START_TEST(a_head_above_branches)
{
    struct rig a, b;
    rig_open(&a, SUMS, "bp", "{}");
    rig_open(&b, SUMS, "bp", "{head: 1}");
    rig_step(&a);
    rig_step(&b);
    check_near("head 1", rig_all_updates(&b), rig_all_updates(&a), BOUND(1e-13, 1e-5));
    rig_close(&a);
    rig_close(&b);
}
END_TEST

/* A pool has no weights that learned feedback could invert; its transpose is of all that it reads. */
START_TEST(a_transpose_of_a_part_is_refused)
{
    struct rig r;
    struct err e = { 0 };
    const int code = rig_try(
        &r,
        "{image: [1, 4, 4], features: 16, layers: [conv: {channels: 2, kernel: 3, padding: 1}, conv: {channels: "
        "2, kernel: 1}, {avg_pool: {kernel: 2}, from: [0, 1], join: concat}, dense: {units: 4}]}",
        "dtp1", "{}", &e);
    ck_assert_int_eq(code, ERR_SPEC);
    ck_assert_msg(strstr(err_first(&e), "the feedback past network.layers.2 ('avg_pool')"), "%s", err_first(&e));
    err_clear(&e);
    rig_close(&r);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_chain_in_other_words);
    tcase_add_test(t, presets_take_branches_or_refuse_them);
    tcase_add_test(t, feedback_is_named_by_its_way);
    tcase_add_test(t, targets_are_mixed);
    tcase_add_test(t, ways_that_bring_nothing);
    tcase_add_test(t, long_and_short_ways);
    tcase_add_test(t, rules_come_to_rest_at_the_same_targets);
    tcase_add_test(t, every_path_reaches_the_target);
    tcase_add_test(t, a_head_above_branches);
    tcase_add_test(t, a_transpose_of_a_part_is_refused);
}

CHECK_MAIN("ways", add_tests)
