/* What trials of a cell come from: few are ever compared with each other. */
#include "fixture.h"
#include "store/writer.h"

static int64_t begin_with(struct fixture *f, int64_t trial, int64_t numerics)
{
    struct err e = { 0 };
    int64_t n;
    const int64_t run = begin_run(f->s, trial, 0);
    const struct store_origin origin = { trial, numerics, "{}" };
    OK(store_put_origin(f->s, &origin, &n, &e));
    return run;
}

/* Trials that wait have the numerics version of none. Were they compared, each start of one among n would take n * n.
 */
START_TEST(trials_of_one_origin_are_not_compared)
{
    enum { N = 20 };
    struct fixture f = fixture_open();
    int64_t trials[N];
    for (int i = 0; i < N; i++)
        trials[i] = put_trial(f.s, f.study, i, "bp", "", i, 0, NULL).id;
    for (int i = 0; i < N - 1; i++)
        end_run(f.s, trials[i], begin_with(&f, trials[i], 2), TRIAL_DONE, 1000);
    ck_assert(!f.s->statements[SQL_SET_OUTDATED]);
    ck_assert_int_eq(sqlite3_stmt_status(f.s->statements[SQL_CELL_DIFFERS], SQLITE_STMTSTATUS_RUN, 0), 1);
    end_run(f.s, trials[N - 1], begin_with(&f, trials[N - 1], 3), TRIAL_DONE, 1000); /* one of another is seen */
    check_text(f.path, "SELECT count(*) FROM trial WHERE outdated", "19");
    fixture_close(&f);
}
END_TEST

/* An attempt that ended before its worker said what its numbers come from is of no origin. */
START_TEST(what_died_at_once_outdates_nothing)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    int64_t trials[3], run;
    for (int i = 0; i < 3; i++)
        trials[i] = put_trial(f.s, f.study, i, "bp", "", i, 0, NULL).id;
    end_run(f.s, trials[0], begin_with(&f, trials[0], 2), TRIAL_DONE, 1000);
    const struct store_run dead = { .trial = trials[1], .host = "host", .code = "0.1.0", .kernel = "", .pid = 1 };
    OK(store_begin_run(f.s, &dead, &run, &e));
    end_run(f.s, trials[1], run, TRIAL_FAILED, 0);
    end_run(f.s, trials[2], begin_with(&f, trials[2], 2), TRIAL_DONE, 1000);
    check_text(f.path, "SELECT group_concat(outdated, '') FROM trial", "000");
    fixture_close(&f);
}
END_TEST

/* A trial that comes into a cell with another origin is seen, though the cell was known. */
START_TEST(a_cell_that_gets_another_trial_is_looked_at_again)
{
    struct fixture f = fixture_open();
    int64_t trials[4];
    for (int i = 0; i < 4; i++)
        trials[i] = put_trial(f.s, f.study, i, "bp", i < 3 ? "" : "x", i, 0, NULL).id;
    end_run(f.s, trials[3], begin_with(&f, trials[3], 1), TRIAL_DONE, 1000);
    end_run(f.s, trials[0], begin_with(&f, trials[0], 2), TRIAL_DONE, 1000);
    ck_assert_int_eq(put_trial(f.s, f.study, 3, "bp", "", 3, 0, NULL).id, trials[3]);
    end_run(f.s, trials[1], begin_with(&f, trials[1], 2), TRIAL_DONE, 1000);
    check_text(f.path, "SELECT group_concat(outdated, '') FROM trial", "0001");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, trials_of_one_origin_are_not_compared);
    tcase_add_test(t, what_died_at_once_outdates_nothing);
    tcase_add_test(t, a_cell_that_gets_another_trial_is_looked_at_again);
}
CHECK_MAIN("origin", add_tests)
