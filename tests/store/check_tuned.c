/* Choosing a cell by validation: views candidates, tuned and tuning_costs, and what the writer chooses. */
#include "fixture.h"

#include "base/rng.h"

static const char step[] = "train.optimizer.stepsize";

/* A study that tunes by valid_loss, with two fresh seeds. */
static struct fixture tuning_open(bool largest, bool drawn)
{
    struct err e = { 0 };
    struct fixture f = fixture_open();
    const char *const keys[] = { step };
    const struct store_tune tune = { "valid_loss", largest, 2, 1, keys, (const bool[]){ drawn } };
    OK(store_put_tune(f.s, f.study, &tune, &e));
    put_usual_facts(f.s);
    put_facts(f.s, "valid_loss", "min", "", false, "valid");
    return f;
}

/* A trial of the cell with this stepsize that has ended with these losses. */
static int64_t put_ended(struct fixture *f, int n, const char *variant, const char *cell, const char *tuning,
                         int64_t seed, double stepsize, enum trial_state state, double valid, double test)
{
    struct err e = { 0 };
    char key[65];
    struct store_trial_row row;
    const struct store_param params[] = { { .key = "seed", .number = (double)seed },
                                          { .key = step, .number = stepsize, .swept = strcmp(cell, tuning) != 0 } };
    const struct store_trial trial = { .key = key_of(n, key),
                                       .study = f->study,
                                       .position = n,
                                       .variant = variant,
                                       .cell = cell,
                                       .tuning = tuning,
                                       .seed = seed,
                                       .config = put_config(f->s, 2, params),
                                       .budget = 10,
                                       .n_params = 2,
                                       .params = params };
    OK(store_put_trial(f->s, &trial, &row, &e));
    if (state == TRIAL_QUEUED)
        return row.id;
    const int64_t run = begin_run(f->s, row.id, 0);
    OK(store_metric(f->s, row.id, run, "valid_loss", 10, valid, &e));
    OK(store_metric(f->s, row.id, run, "test_loss", 10, test, &e));
    OK(store_cost(f->s, run, "train", 2000000000, 1000000000, 5e6, &e));
    end_run(f->s, row.id, run, state, 10);
    return row.id;
}

static int64_t put(struct fixture *f, int n, const char *cell, int64_t seed, double stepsize, enum trial_state state,
                   double valid)
{
    return put_ended(f, n, "bp", cell, "tuned", seed, stepsize, state, valid, 100 + valid);
}

/* What the writer chooses, as "variant tuned trial; ..." */
struct list {
    char text[256];
    size_t n;
    int64_t trial;
};

static int note(void *self, const struct store_choice *c)
{
    struct list *l = self;
    const size_t used = strlen(l->text);
    snprintf(l->text + used, sizeof l->text - used, "%s %s %lld; ", c->variant, c->tuned, (long long)c->trial);
    l->n++;
    l->trial = c->trial;
    ck_assert_int_gt(c->config, 0);
    return 0;
}

static struct list choices(struct fixture *f)
{
    struct err e = { 0 };
    struct list l = { .n = 0 };
    OK(store_visit_choices(f->s, f->study, note, &l, &e));
    return l;
}

START_TEST(nothing_is_chosen_of_a_sweep_that_has_not_ended)
{
    struct fixture f = tuning_open(false, false);
    put(&f, 1, "a", 1, 0.1, TRIAL_DONE, 3);
    put(&f, 2, "a", 2, 0.1, TRIAL_DONE, 4);
    put(&f, 3, "b", 1, 1, TRIAL_DONE, 1);
    const int64_t last = put(&f, 4, "b", 2, 1, TRIAL_QUEUED, 0);
    ck_assert_uint_eq(choices(&f).n, 0);
    check_text(f.path, "SELECT chosen IS NULL AND border IS NULL FROM tuned", "1");
    check_text(f.path, "SELECT note FROM tuned", "1 of 4 trials of the sweep are not finished");
    struct err e = { 0 };
    const int64_t run = begin_run(f.s, last, 0);
    end_run(f.s, last, run, TRIAL_FAILED, 0);
    ck_assert_uint_eq(choices(&f).n, 0);
    check_text(f.path, "SELECT note FROM tuned", "1 of 4 trials of the sweep failed");
    OK(store_metric(f.s, last, run, "valid_loss", 10, 2, &e));
    end_run(f.s, last, begin_run(f.s, last, 0), TRIAL_DONE, 10);
    ck_assert_str_eq(choices(&f).text, "bp tuned 3; ");
    check_text(f.path, "SELECT chosen || ' ' || value || ' ' || coalesce(note, '-') || ' ' || n || n_asked FROM tuned",
               "b 1.5 - 02");
    check_text(f.path, "SELECT border FROM tuned", "train.optimizer.stepsize=1");
    fixture_close(&f);
}
END_TEST

START_TEST(cells_that_lack_a_seed_are_no_choice)
{
    struct fixture f = tuning_open(false, false);
    put(&f, 1, "a", 1, 0.1, TRIAL_DONE, 5);
    put(&f, 2, "a", 2, 0.1, TRIAL_DONE, 5);
    put(&f, 3, "b", 1, 1, TRIAL_DONE, 1);
    put(&f, 4, "b", 2, 1, TRIAL_DIVERGED, 1);
    put(&f, 5, "c", 1, 10, TRIAL_DONE, 0);
    put(&f, 6, "c", 2, 10, TRIAL_DONE, NAN);
    ck_assert_str_eq(choices(&f).text, "bp tuned 1; ");
    check_text(f.path, "SELECT chosen || ': ' || note FROM tuned",
               "a: left out: 2 of 3 cells, with trials that diverged or have no finite valid_loss");
    check_text(f.path,
               "SELECT group_concat(cell || n || n_asked || n_diverged || n_nonfinite || coalesce(mean, '-')) "
               "FROM candidates",
               "a22005.0,b1210-,c1201-");
    check_text(f.path,
               "SELECT n_cells || ' ' || n_trials || ' ' || steps || ' ' || wall_s || ' ' || cpu_s || ' ' || flops "
               "FROM tuning_costs",
               "3 6 60 12.0 6.0 30000000.0");
    fixture_close(&f);
}
END_TEST

START_TEST(every_cell_may_diverge)
{
    struct fixture f = tuning_open(false, false);
    put(&f, 1, "a", 1, 0.1, TRIAL_DIVERGED, 5);
    put(&f, 2, "b", 1, 1, TRIAL_DIVERGED, 5);
    ck_assert_uint_eq(choices(&f).n, 0);
    check_text(f.path, "SELECT coalesce(chosen, '-') || ': ' || note FROM tuned",
               "-: every cell has trials that diverged or have no finite valid_loss");
    fixture_close(&f);
}
END_TEST

/* The largest is best; of equal cells the first by name; a value drawn at random is no border. */
START_TEST(ends_ties_and_borders)
{
    struct fixture f = tuning_open(true, true);
    put(&f, 1, "c", 1, 0.1, TRIAL_DONE, 7);
    put(&f, 2, "b", 1, 1, TRIAL_DONE, 7);
    put(&f, 3, "a", 1, 10, TRIAL_DONE, 6);
    ck_assert_str_eq(choices(&f).text, "bp tuned 2; ");
    check_text(f.path, "SELECT chosen || value || coalesce(border, '-') FROM tuned", "b7.0-");
    fixture_close(&f);
    f = tuning_open(false, false);
    put(&f, 1, "a", 1, 0.1, TRIAL_DONE, 7);
    put(&f, 2, "b", 1, 1, TRIAL_DONE, 5);
    put(&f, 3, "c", 1, 10, TRIAL_DIVERGED, 6);
    check_text(f.path, "SELECT chosen || coalesce(border, '-') FROM tuned", "b-"); /* beyond it, training diverges */
    fixture_close(&f);
}
END_TEST

/* A choice for each value of what is not chosen. */
START_TEST(choices_beside_each_other)
{
    struct fixture f = tuning_open(false, false);
    put_ended(&f, 1, "bp", "s=1, u=5", "tuned, u=5", 1, 1, TRIAL_DONE, 3, 0);
    put_ended(&f, 2, "bp", "s=2, u=5", "tuned, u=5", 1, 2, TRIAL_DONE, 2, 0);
    put_ended(&f, 3, "bp", "s=1, u=9", "tuned, u=9", 1, 1, TRIAL_DONE, 1, 0);
    put_ended(&f, 4, "bp", "s=2, u=9", "tuned, u=9", 1, 2, TRIAL_DONE, 4, 0);
    put_ended(&f, 5, "tp", "s=1, u=5", "tuned, u=5", 1, 1, TRIAL_QUEUED, 1, 0);
    ck_assert_str_eq(choices(&f).text, "bp tuned, u=5 2; bp tuned, u=9 3; ");
    check_text(f.path, "SELECT group_concat(variant || ' ' || cell || ': ' || coalesce(chosen, '-'), '; ') FROM tuned",
               "bp tuned, u=5: s=2, u=5; bp tuned, u=9: s=1, u=9; tp tuned, u=5: -");
    fixture_close(&f);
}
END_TEST

static void put_tuned(struct fixture *f, int n, double stepsize, double test)
{
    struct err e = { 0 };
    OK(store_begin_tuned(f->s, f->study, 100, &e));
    put_ended(f, n, "bp", "tuned", "tuned", 11, stepsize, TRIAL_DONE, 0, test);
    put_ended(f, n + 1, "bp", "tuned", "tuned", 12, stepsize, TRIAL_DONE, 0, test + 2);
    OK(store_end_tuned(f->s, f->study, 100, &e));
    OK(store_refresh(f->s, f->study, &e));
}

/* Trials of fresh seeds are in no choice, and give way to those of another one. */
START_TEST(another_choice_replaces_the_trials)
{
    struct err e = { 0 };
    struct fixture f = tuning_open(false, false);
    put(&f, 1, "a", 1, 0.1, TRIAL_DONE, 3);
    put(&f, 2, "b", 1, 1, TRIAL_DONE, 4);
    put_tuned(&f, 100, 0.1, 7);
    const char *tuned = "SELECT chosen || ' ' || n || ' ' || test_loss || ' ' || round(test_loss_sd, 6) FROM tuned";
    check_text(f.path, tuned, "a 2 8.0 1.414214");
    ck_assert_str_eq(choices(&f).text, "bp tuned 1; ");
    check_text(f.path, "SELECT group_concat(n_cells || n_trials) FROM tuning_costs", "22");
    put(&f, 3, "c", 1, 0.5, TRIAL_DONE, 1); /* the sweep is extended */
    put_tuned(&f, 200, 0.5, 1);
    check_text(f.path, tuned, "c 2 2.0 1.414214");
    check_text(f.path, "SELECT count(*) FROM trials WHERE cell = 'tuned'", "2");
    check_text(f.path, "SELECT group_concat(generation) FROM all_trials WHERE cell = 'tuned'", "-1,-1,1,1");
    OK(store_begin_tuned(f.s, f.study, 100, &e)); /* and nothing is chosen any more */
    OK(store_end_tuned(f.s, f.study, 100, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) FROM trials WHERE cell = 'tuned'", "0");
    OK(store_put_tune(f.s, f.study, NULL, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT (SELECT count(*) FROM tuned) + (SELECT count(*) FROM candidates)", "0");
    fixture_close(&f);
}
END_TEST

/* Pure noise: every cell is worth 0. What validation chooses is worth 0 with fresh seeds; the cell that is best on the
 * test set is not worth what it has there, the smallest of N_CELLS normal draws. */
START_TEST(of_noise_the_tuned_value_is_unbiased)
{
    enum { N_VARIANTS = 200, N_CELLS = 8 };
    struct fixture f = tuning_open(false, false);
    struct err e = { 0 };
    struct rng r = rng_stream(1, "check.tuned");
    double by_test = 0;
    char variant[16], cell[16];
    int chosen[N_VARIANTS] = { 0 };
    for (int v = 0, n = 1; v < N_VARIANTS; v++) {
        double best = INFINITY, least = INFINITY;
        snprintf(variant, sizeof variant, "v%03d", v);
        for (int i = 0; i < N_CELLS; i++, n++) {
            const double valid = rng_normal(&r), test = rng_normal(&r);
            snprintf(cell, sizeof cell, "s=%d", i);
            put_ended(&f, n, variant, cell, "tuned", 1, i, TRIAL_DONE, valid, test);
            best = fmin(best, test);
            chosen[v] = valid < least ? i : chosen[v];
            least = fmin(least, valid);
        }
        by_test += best / N_VARIANTS;
    }
    ck_assert_uint_eq(choices(&f).n, N_VARIANTS);
    const int first = N_VARIANTS * N_CELLS + 1;
    OK(store_begin_tuned(f.s, f.study, first, &e));
    for (int v = 0; v < N_VARIANTS; v++) {
        snprintf(variant, sizeof variant, "v%03d", v);
        for (int k = 0; k < 2; k++)
            put_ended(&f, first + 2 * v + k, variant, "tuned", "tuned", 11 + k, chosen[v], TRIAL_DONE, 0,
                      rng_normal(&r));
    }
    OK(store_end_tuned(f.s, f.study, first, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(test_loss) FROM tuned", "200");
    const double tuned = plain_number(f.path, "SELECT avg(test_loss) FROM tuned");
    const double four_sd = 4 / sqrt(2.0 * N_VARIANTS);
    ck_assert_double_eq_tol(tuned, 0, four_sd);
    ck_assert_double_lt(by_test, -1); /* expected: -1.42 */
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, nothing_is_chosen_of_a_sweep_that_has_not_ended);
    tcase_add_test(t, cells_that_lack_a_seed_are_no_choice);
    tcase_add_test(t, every_cell_may_diverge);
    tcase_add_test(t, ends_ties_and_borders);
    tcase_add_test(t, choices_beside_each_other);
    tcase_add_test(t, another_choice_replaces_the_trials);
    tcase_add_test(t, of_noise_the_tuned_value_is_unbiased);
}

CHECK_MAIN("tuned", add_tests)
