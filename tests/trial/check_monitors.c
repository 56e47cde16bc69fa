/* Monitors of inverses: each against its definition, and the warning. */
#include "../check_main.h"
#include "fixture.h"

#include "credit/inverse_steps.h"

#define ALL "log: {every: 1, metrics: [inverse_residual, reconstruction_error, convergence_rate, influence_sum]}"
#define IDTP(own)                                                                                                      \
    "{train: {iterations: 1}, " ALL ", algorithm: {name: idtp, target_stepsize: 0.1, feedback: {optimizer: {name: "    \
    "sgd, stepsize: 0.01}}, " own "}}"

static struct records run(struct fixture *f, const char *data, const char *own)
{
    const struct trial_control control = { 0 };
    struct trial_outcome outcome;
    struct records r = records_new();
    struct err e = { 0 };
    fixture_open(f, data, own);
    must(trial_run(f->trial, &r.sink, &control, &outcome, &e), &e);
    return r;
}

static double layer_value(const struct records *r, const char *metric, size_t layer)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%zu", metric, layer);
    return records_value(r, name, 1);
}

static double norm_apart(struct mat a, struct mat b)
{
    double sum = 0;
    for (size_t i = 0; i < mat_n(a); i++)
        sum += pow((double)a.p[i] - (double)b.p[i], 2);
    return sqrt(sum);
}

/* The step again, by hand: a twin whose forward weights stay, so that all can be computed after it. */
START_TEST(monitors_are_what_they_say)
{
    static const char own[] = "mapping: {transpose_gain: 0.7}, propagate: {iterations: 4}";
    for (int form = 0; form < 2; form++) {
        struct fixture f;
        char data[512];
        struct err e = { 0 };
        snprintf(data, sizeof data,
                 "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 37, test_size: 53}, "
                 "network: {form: %s, layers: [{dense: {units: 5, activation: tanh}, repeat: 2}, dense: {units: 4}]}, "
                 "train: {optimizer: {name: sgd, stepsize: 0}}}",
                 form ? "w_sigma" : "sigma_w");
        char lines[512];
        snprintf(lines, sizeof lines, IDTP("%s"), own);
        struct records r = run(&f, data, lines);
        struct trial *t = f.trial;
        struct credit *c = &t->credit;
        double influence = 0;
        for (size_t k = 0; k + 1 < c->n; k++) {
            const struct unit *above = &t->chain.units[k + 1];
            const struct mat h = t->pass.links[k].out, up = t->pass.links[k + 1].out,
                             moved = mat_new(&f.arena, h.rows, h.cols), target = mat_new(&f.arena, up.rows, up.cols),
                             zero = mat_new(&f.arena, up.rows, up.cols), origin = mat_new(&f.arena, h.rows, h.cols);
            struct at at;
            must(at_open(&at, above, h.rows, 1, 0, &f.arena, &e), &e);
            mat_add(h, c->d[k], moved);
            mat_add(up, c->d[k + 1], target);
            at.in = moved;
            at_forward(above, at);
            ck_assert_double_eq_tol(layer_value(&r, "inverse_residual", k),
                                    norm_apart(at.out, target) / norm_apart(c->d[k + 1], zero), BOUND(1e-9, 1e-3));
            const struct unit *back = &c->feedback[k].unit;
            struct at down;
            must(at_open(&down, back, up.rows, 1, 0, &f.arena, &e), &e);
            down.in = up;
            at_forward(back, down);
            ck_assert_double_eq_tol(layer_value(&r, "reconstruction_error", k),
                                    norm_apart(down.out, h) / norm_apart(h, origin), BOUND(1e-12, 1e-5));
            ck_assert_double_eq_tol(layer_value(&r, "convergence_rate", k), c->settled[k].last / c->settled[k].before,
                                    1e-15);
        }
        for (size_t i = 0; i < c->n; i++)
            for (size_t b = 0; b < 3; b++)
                influence += (double)c->influence[i].p[b] / 3;
        ck_assert_double_eq_tol(records_value(&r, "influence_sum", 1), influence, 1e-12);
        ck_assert_double_gt(influence, 1); /* the last layer's c is 1 */
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

static int count(const char *in, const char *what)
{
    int n = 0;
    for (; (in = strstr(in, what)); in += strlen(what))
        n++;
    return n;
}

/* Of a layer that feeds several there is one row, of the way with the largest value. */
START_TEST(the_largest_of_several_ways_is_told)
{
    static const char data[] =
        "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 37, test_size: 53}, network: "
        "{layers: [dense: {units: 5, activation: tanh}, {dense: {units: 6, activation: tanh}, from: [0], repeat: 3}, "
        "{dense: {units: 4}, from: [1, 2, 3], join: concat}]}, train: {optimizer: {name: sgd, stepsize: 0}}}";
    struct fixture f;
    struct records r = run(&f, data, IDTP("mapping: {transpose_gain: 0.7}, propagate: {sweep: layer, iterations: 4}"));
    struct trial *t = f.trial;
    struct credit *c = &t->credit;
    const struct settling s = { .c = c, .p = &t->pass };
    double rate = 0, residual = 0;
    ck_assert_uint_eq(c->first_way[1] - c->first_way[0], 3);
    for (size_t w = 0; w < 3; w++) {
        const struct mat wanted = c->d[c->ways[w].to], up = mat_new(&f.arena, wanted.rows, wanted.cols),
                         zero = mat_new(&f.arena, wanted.rows, wanted.cols);
        inverse_up(&s, w, c->branch[w], up);
        residual = fmax(residual, norm_apart(up, wanted) / norm_apart(wanted, zero));
        rate = fmax(rate, c->settled[w].last / c->settled[w].before);
    }
    ck_assert_double_eq_tol(layer_value(&r, "inverse_residual", 0), residual, BOUND(1e-12, 1e-4));
    ck_assert_double_eq_tol(layer_value(&r, "convergence_rate", 0), rate, 1e-15);
    ck_assert_int_eq(count(r.text.s, "inverse_residual.0 1 "), 1);
    ck_assert_int_eq(count(r.text.s, "reconstruction_error.0 1 "), 1);
    ck_assert_int_eq(count(r.text.s, "inverse_residual.3 1 "), 1);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Feedback that leads the wrong way is told, once. */
START_TEST(unreached_targets_are_told_once)
{
    static const struct {
        const char *algorithm;
        int n;
    } cases[] = {
        { "{name: idtp, target_stepsize: 0.1, mapping: {transpose_gain: 1e-3}, feedback: {optimizer: {name: sgd, "
          "stepsize: 0}}}",
          1 },
        { "{name: tp, mapping: {regularization: 0}, target_stepsize: 1e-3, propagate: linear, head: 0}", 0 },
    };
    static const char square[] =
        "{dataset: {name: gaussian, features: 4, classes: 4, train_size: 20, eval_size: 37, test_size: 53}, network: "
        "{layers: [{dense: {units: 4, activation: {name: leaky_relu, slope: 0.5}}, repeat: 2}, dense: {units: 4}]}}";
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        char own[320];
        snprintf(own, sizeof own,
                 "{train: {iterations: 5}, log: {every: 1, metrics: [inverse_residual]}, algorithm: %s}",
                 cases[i].algorithm);
        struct records r = run(&f, square, own);
        ck_assert_int_eq(count(r.text.s, "warning "), cases[i].n);
        if (cases[i].n) {
            ck_assert_double_gt(layer_value(&r, "inverse_residual", 0), 0.9);
            ck_assert_ptr_nonnull(strstr(r.text.s, "warning 1: inverse_residual of layer 0 is "));
        } else {
            ck_assert_double_lt(layer_value(&r, "inverse_residual", 0), 0.1);
        }
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

START_TEST(other_algorithms_are_refused)
{
    static const struct {
        const char *data, *own, *message;
    } cases[] = {
        { GIVEN_FLAT, "{log: {metrics: [convergence_rate]}}",
          "is about propagate rules that iterate; 'linear' does not" },
        { GIVEN_FLAT, "{log: {metrics: [influence_sum]}}",
          "with a factor for each sample (unit, influence, equal); "
          "'gradient' has none" },
        { GIVEN_FLAT, "{log: {metrics: [reconstruction_error]}}", "needs a mapping that applies to targets" },
        { GIVEN_FLAT, "{algorithm: {name: tp, target_stepsize: 1}, log: {metrics: [reconstruction_error]}}",
          "propagate 'linear' asks for its derivative alone" },
        { GIVEN_FLAT, "{algorithm: dfa, log: {metrics: [inverse_residual]}}", "it needs route: chain" },
        { GIVEN_RECURRENT, "{log: {metrics: [inverse_residual]}}", "is defined for feed-forward networks" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        ck_assert_int_lt(config_lines(&c, &a, &e, TRIAL_BASE, cases[i].data, cases[i].own, NULL), 0);
        bool found = false;
        for (size_t j = 0; j < e.n_messages; j++)
            found |= strstr(e.messages[j].text, cases[i].message) != NULL;
        ck_assert_msg(found, "%s: %s", cases[i].own, err_first(&e));
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, monitors_are_what_they_say);
    tcase_add_test(t, the_largest_of_several_ways_is_told);
    tcase_add_test(t, unreached_targets_are_told_once);
    tcase_add_test(t, other_algorithms_are_refused);
}

CHECK_MAIN("monitors", add_tests)
