/* What a log hands on, and what is told of the time: rows in the order of their making, and phase `log` of the costs.
 */
#include "../check_main.h"
#include "fixture.h"

#include <time.h>

static int64_t processor_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A receiver that works for 2 ms over every row. */
struct slow {
    struct sink sink;
    int64_t worked_ns, cpu_ns[4], all_ns;
    int n_rows, n_reached, n_costs;
};

static const char *const phases[] = { "train", "evaluate", "checkpoint", "log" };

static int receive(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    (void)name, (void)step, (void)value, (void)e;
    struct slow *x = (struct slow *)s;
    const int64_t from = processor_ns();
    while (processor_ns() - from < 2000000) {
    }
    x->worked_ns += processor_ns() - from;
    x->n_rows++;
    return 0;
}

static int receive_cost(struct sink *s, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops, struct err *e)
{
    (void)wall_ns, (void)e;
    struct slow *x = (struct slow *)s;
    for (int i = 0; i < 4; i++)
        if (!strcmp(phase, phases[i])) {
            x->cpu_ns[i] = cpu_ns;
            x->n_costs++;
            ck_assert(flops == 0 || i < 2);
        }
    x->all_ns += cpu_ns;
    return 0;
}

static int receive_reached(struct sink *s, const struct reached *p, struct err *e)
{
    (void)p, (void)e;
    ((struct slow *)s)->n_reached++;
    return 0;
}

START_TEST(what_sending_takes_is_told_apart)
{
    struct fixture f;
    struct err e = { 0 };
    struct slow x = { .sink = { .metric = receive, .cost = receive_cost, .reached = receive_reached } };
    struct trial_outcome outcome;
    fixture_open(&f, BLOBS, "{log: {metrics: [train_loss, test_loss]}}");
    const int64_t from = processor_ns();
    must(trial_run(f.trial, &x.sink, &(struct trial_control){ 0 }, &outcome, &e), &e);
    const int64_t took = processor_ns() - from;
    ck_assert_int_eq(x.n_rows, 2 * 5);
    ck_assert_int_eq(x.n_reached, 5);
    ck_assert_int_eq(x.n_costs, 4);
    ck_assert_int_ge(x.cpu_ns[3], x.worked_ns);
    ck_assert_int_le(x.all_ns, took); /* so no other phase has it as well */
    fixture_close(&f);
}
END_TEST

/* Names that a metric makes on its stack, rows of layers, and a warning between them. */
START_TEST(rows_keep_their_order_and_names)
{
    static const char own[] =
        "{algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.01}}},"
        " log: {metrics: [train_loss, angle_gnt_search, inverse_residual, weight_norm]}}";
    static const char *const order[] = { "train_loss 20 ",         "angle_gnt_0.0 20 ",      "angle_gnt_1e-05.0 20 ",
                                         "angle_gnt_search.0 20 ", "inverse_residual.0 20 ", "weight_norm.0 20 ",
                                         "weight_norm.1 20 " };
    struct fixture f;
    struct err e = { 0 };
    struct records r = records_new();
    struct trial_outcome outcome;
    fixture_open(&f, BLOBS, own);
    must(trial_run(f.trial, &r.sink, &(struct trial_control){ 0 }, &outcome, &e), &e);
    const char *at = r.text.s;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *found = strstr(at, order[i]);
        ck_assert_msg(found != NULL, "no '%s' behind the one before in\n%s", order[i], r.text.s);
        at = found;
    }
    const char *warning = strstr(r.text.s, "warning 5: inverse_residual of layer ");
    ck_assert_ptr_nonnull(warning);
    ck_assert_ptr_nonnull(strstr(warning, "weight_norm.0 5 "));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* The rows of the step at which a trial diverges are its last ones. */
START_TEST(rows_of_a_trial_that_diverges_are_handed_on)
{
    struct fixture f;
    struct err e = { 0 };
    struct records r = records_new();
    struct trial_outcome outcome;
    fixture_open(
        &f, BLOBS,
        "{train: {optimizer: {stepsize: 100}, stop: {loss_above_initial: 1, every: 5}}, log: {metrics: [train_loss, "
        "weight_norm]}}");
    ck_assert_int_eq(trial_run(f.trial, &r.sink, &(struct trial_control){ 0 }, &outcome, &e), ERR_DIVERGED);
    ck_assert_int_eq(outcome.step, 5);
    const char *row = strstr(r.text.s, "weight_norm.2 5 ");
    ck_assert_ptr_nonnull(row);
    ck_assert_ptr_nonnull(strstr(row, "diverged 5: train_loss"));
    err_clear(&e);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, what_sending_takes_is_told_apart);
    tcase_add_test(t, rows_keep_their_order_and_names);
    tcase_add_test(t, rows_of_a_trial_that_diverges_are_handed_on);
}

CHECK_MAIN("log", add_tests)
