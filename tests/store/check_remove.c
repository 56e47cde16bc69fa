/* What is removed goes whole, and nothing else goes. */
#include "fixture.h"
#include "store/backup.h"
#include "store/remove.h"
#include "store/writer.h"

/* A trial with a row in every table that a run writes. */
static int64_t put_whole_trial(struct store *s, int64_t study, int n, const char *variant)
{
    struct err e = { 0 };
    char name[64], sha[65], old[4096];
    const struct store_param swept = { .key = "x", .number = n, .swept = true };
    const int64_t trial = put_trial(s, study, n, variant, "x", 1, 1, &swept).id, run = begin_run(s, trial, 0);
    const struct reached reached = { .step = 1, .samples = 8, .epoch = 1 };
    OK(store_progress(s, trial, &reached, &e));
    OK(store_metric(s, trial, run, "m", 1, n, &e));
    OK(store_layer_metric(s, trial, run, "layer_m", 1, 0, n, &e));
    OK(store_cost(s, run, "train", 1, 1, 1, &e));
    OK(store_event(s, trial, run, 1, "remark", "text", &e));
    snprintf(name, sizeof name, "%016x.1.safetensors", (unsigned)n);
    OK(store_checkpoint(s, trial, run, 1, name, key_of(n, sha), (struct spent){ 0 }, old, &e));
    end_run(s, trial, run, TRIAL_DONE, 1000);
    return trial;
}

static void check_whole(const char *path)
{
    check_text(path, "PRAGMA integrity_check", "ok");
    check_text(path, "PRAGMA foreign_key_check", "(none)");
}

/* Rows of all tables that belong to a trial. */
static double count_rows(const char *path, int64_t trial)
{
    static const char *const tables[] = { "metric", "layer_metric", "progress",   "summary", "event",
                                          "param",  "run",          "checkpoint", "place" };
    double n = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE trial_id = %lld", tables[i], (long long)trial);
        const double rows = plain_number(path, sql);
        ck_assert_msg(n > 0 || i == 0 || rows == 0, "%s", tables[i]); /* all or none */
        n += rows;
    }
    return n;
}

START_TEST(trials_go_with_all_that_is_theirs)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    size_t n_waiting;
    const int64_t a = put_whole_trial(f.s, f.study, 1, "bp"), b = put_whole_trial(f.s, f.study, 2, "tp");
    OK(store_end_queue(f.s, f.study, "one", &e));
    OK(store_refresh(f.s, f.study, &e));
    ck_assert(count_rows(f.path, a) > 0);
    OK(store_remove_trials(f.s, 1, &a, &n_waiting, &e));
    ck_assert_uint_eq(n_waiting, 1); /* the study asks for it: what says which it is stays */
    check_text(f.path, "SELECT group_concat(state || step) FROM (SELECT state, step FROM trial ORDER BY id)",
               "queued0,done1000");
    check_text(f.path,
               "SELECT count(*) || (SELECT count(*) FROM place WHERE trial_id = p.trial_id) FROM param p "
               "WHERE trial_id = 1",
               "11");
    /* one that nobody asks for goes */
    ck_assert_int_eq(sqlite3_exec(f.s->db, "UPDATE trial SET generation = 0 WHERE id = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    OK(store_remove_trials(f.s, 1, &a, &n_waiting, &e));
    ck_assert_uint_eq(n_waiting, 0);
    ck_assert_double_eq(count_rows(f.path, a), 0);
    ck_assert_double_eq(count_rows(f.path, b), 9);
    check_text(f.path, "SELECT count(*) || (SELECT count(*) FROM cost) || (SELECT count(*) FROM config) FROM trial",
               "111");
    check_text(f.path, "SELECT queued_sha256 IS NULL AND refreshed_ms IS NULL FROM study", "1"); /* it is put again */
    check_whole(f.path);
    ck_assert_int_gt(put_whole_trial(f.s, f.study, 1, "bp"), 0); /* and may come back */
    OK(store_refresh(f.s, f.study, &e));
    check_whole(f.path);
    fixture_close(&f);
}
END_TEST

START_TEST(a_study_goes_whole)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t other = put_study(f.s, "other", "{}");
    const struct store_claim claim = { .id = "c", .measure = "SELECT 1" };
    const struct store_target target = { "m", 1 };
    for (int i = 0; i < 2; i++) {
        const int64_t study = i ? other : f.study;
        put_whole_trial(f.s, study, 10 * i + 1, "bp");
        put_whole_trial(f.s, study, 10 * i + 2, "tp");
        OK(store_put_claims(f.s, study, 1, &claim, &e));
        OK(store_put_targets(f.s, study, 1, &target, &e));
        OK(store_refresh(f.s, study, &e));
    }
    OK(store_remove_study(f.s, f.study, &e));
    check_whole(f.path);
    check_text(f.path, "SELECT group_concat(name) FROM study", "other");
    check_text(f.path,
               "SELECT count(*) || (SELECT count(*) FROM metric) || (SELECT count(*) FROM claim) || "
               "(SELECT count(*) FROM target) FROM trial",
               "2211");
    check_text(f.path, "SELECT count(*) FROM sqlite_master WHERE name = 'study_demo'", "0");
    check_text(f.path, "SELECT count(*) FROM _doc WHERE \"table\" = 'study_demo'", "0");
    check_text(f.path, "SELECT count(*) FROM study_other", "2");
    FAILS(ERR_STORAGE, "there is no study", store_remove_study(f.s, 77, &e));
    (void)store_close(f.s, &e); /* which says it again */
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

START_TEST(a_trial_that_made_others_outdated_goes)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    int64_t trials[2], n;
    size_t n_waiting;
    for (int i = 0; i < 2; i++) {
        const struct store_param swept = { .key = "x", .number = i, .swept = true };
        trials[i] = put_trial(f.s, f.study, 1 + i, "bp", "x", 1 + i, 1, &swept).id;
        const int64_t run = begin_run(f.s, trials[i], 0);
        const struct store_origin origin = { trials[i], 1 + i, NULL };
        OK(store_put_origin(f.s, &origin, &n, &e));
        OK(store_metric(f.s, trials[i], run, "m", 1, i, &e));
        end_run(f.s, trials[i], run, TRIAL_DONE, 1000);
    }
    check_text(f.path, "SELECT group_concat(outdated, '') FROM trial", "10");
    OK(store_remove_trials(f.s, 1, &trials[1], &n_waiting, &e));
    check_text(f.path, "SELECT group_concat(outdated, '') FROM trial", "00");
    fixture_close(&f);
}
END_TEST

START_TEST(checkpoints_are_forgotten_and_space_comes_back)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    int64_t trials[60];
    size_t n_waiting;
    for (int i = 0; i < 60; i++) {
        trials[i] = put_whole_trial(f.s, f.study, 1 + i, "bp");
        for (int k = 0; k < 200; k++)
            OK(store_metric(f.s, trials[i], 0, "m", 2 + k, k, &e));
    }
    OK(store_flush(f.s, &e));
    OK(store_remove_checkpoints(f.s, 59, trials, &e));
    check_text(f.path, "SELECT count(*) || (SELECT count(*) FROM trial) FROM checkpoint", "160");
    OK(store_remove_trials(f.s, 59, trials, &n_waiting, &e));
    const double pages = plain_number(f.path, "PRAGMA page_count");
    OK(store_shrink(f.s, &e));
    ck_assert_double_lt(plain_number(f.path, "PRAGMA page_count"), pages);
    check_whole(f.path);
    fixture_close(&f);
}
END_TEST

START_TEST(a_copy_is_of_one_instant)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char copy[160], beside[200];
    struct stat st;
    snprintf(copy, sizeof copy, "%s/copy.db", f.folder);
    put_whole_trial(f.s, f.study, 1, "bp");
    OK(store_flush(f.s, &e));
    put_whole_trial(f.s, f.study, 2, "bp"); /* partly in a group that is not committed, at the end in the log */
    OK(store_metric(f.s, 1, 0, "m", 5, 5, &e));
    OK(backup_database(f.path, copy, false, &e));
    check_text(copy, "PRAGMA journal_mode", "delete");
    check_text(copy, "SELECT count(*) || (SELECT count(*) FROM metric) FROM trial", "22");
    check_whole(copy);
    FAILS(ERR_IO, "--force replaces it", backup_database(f.path, copy, false, &e));
    OK(store_flush(f.s, &e));
    OK(backup_database(f.path, copy, true, &e));
    check_text(copy, "SELECT count(*) FROM metric", "3");
    FAILS(ERR_USAGE, "the database itself", backup_database(f.path, f.path, true, &e));
    FAILS(ERR_IO, "No such file", backup_database(f.path, "/nowhere/at/all.db", false, &e));
    snprintf(beside, sizeof beside, "%s-wal", copy);
    fclose(fopen(beside, "w"));
    FAILS(ERR_IO, "in use", backup_database(f.path, copy, true, &e));
    ck_assert_int_eq(unlink(beside), 0);
    snprintf(beside, sizeof beside, "ls %s/copy.db.* 2>&1 | grep -q cannot", f.folder);
    ck_assert_int_eq(system(beside), 0);
    ck_assert_int_eq(stat(copy, &st), 0);
    ck_assert(!(st.st_mode & 0111));
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, trials_go_with_all_that_is_theirs);
    tcase_add_test(t, a_study_goes_whole);
    tcase_add_test(t, a_trial_that_made_others_outdated_goes);
    tcase_add_test(t, checkpoints_are_forgotten_and_space_comes_back);
    tcase_add_test(t, a_copy_is_of_one_instant);
}
CHECK_MAIN("remove", add_tests)
