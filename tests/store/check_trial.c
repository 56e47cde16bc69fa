/* Studies, trials, attempts, checkpoints. */
#include "fixture.h"

static struct store_trial_row put_budget(struct fixture *f, int n, int64_t budget)
{
    struct err e = { 0 };
    char key[65];
    struct store_trial_row row;
    const struct store_trial trial = { .key = key_of(n, key),
                                       .study = f->study,
                                       .variant = "tp",
                                       .cell = "",
                                       .seed = 1,
                                       .config = put_config(f->s, 0, NULL),
                                       .budget = budget };
    OK(store_put_trial(f->s, &trial, &row, &e));
    return row;
}

START_TEST(a_trial_is_queued_once)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char key[65];
    bool found = true;
    struct store_trial_row row;
    OK(store_find_trial(f.s, key_of(1, key), &found, &row, &e));
    ck_assert(!found);
    const struct store_trial_row new = put_budget(&f, 1, 1000);
    ck_assert_int_eq(new.state, TRIAL_QUEUED);
    ck_assert_int_eq(new.step, 0);
    ck_assert_int_eq(new.budget, 0); /* no finished run */
    ck_assert_str_eq(new.checkpoint_path, "");
    ck_assert_int_eq(put_budget(&f, 1, 1000).id, new.id);
    OK(store_find_trial(f.s, key, &found, &row, &e));
    ck_assert(found);
    ck_assert_int_eq(row.id, new.id);
    fixture_close(&f);
}
END_TEST

START_TEST(a_larger_budget_asks_for_more)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_budget(&f, 1, 1000).id;
    end_run(f.s, t, begin_run(f.s, t, 0), TRIAL_DONE, 1000);
    struct store_trial_row row = put_budget(&f, 1, 1000);
    ck_assert_int_eq(row.state, TRIAL_DONE);
    ck_assert_int_eq(row.budget, 1000);
    ck_assert_int_eq(row.step, 1000);
    row = put_budget(&f, 1, 3000);
    ck_assert_int_eq(row.budget, 1000); /* what was finished: less than 3000 */
    OK(store_close(f.s, &e));           /* killed before it goes on: it must not look finished */
    OK(store_open(&f.s, f.path, &e));
    ck_assert_int_eq(put_budget(&f, 1, 3000).budget, 1000);
    end_run(f.s, t, begin_run(f.s, t, 1000), TRIAL_DONE, 3000);
    ck_assert_int_eq(put_budget(&f, 1, 200).budget,
                     3000); /* less is asked: it is finished, and its budget stays true */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT budget FROM trial", "3000");
    fixture_close(&f);
}
END_TEST

/* A trial that diverged is finished, with the budget of the attempt that did: a larger one asks for no other attempt by
 * itself, and what was finished stays what it was. One that was stopped has finished nothing. */
START_TEST(a_diverged_trial_has_finished_its_budget)
{
    struct fixture f = fixture_open();
    const int64_t t = put_budget(&f, 1, 1000).id;
    end_run(f.s, t, begin_run(f.s, t, 0), TRIAL_INTERRUPTED, 4);
    ck_assert_int_eq(put_budget(&f, 1, 1000).budget, 0);
    end_run(f.s, t, begin_run(f.s, t, 4), TRIAL_DIVERGED, 7);
    ck_assert_int_eq(put_budget(&f, 1, 1000).budget, 1000);
    const struct store_trial_row row = put_budget(&f, 1, 3000);
    ck_assert_int_eq(row.state, TRIAL_DIVERGED);
    ck_assert_int_eq(row.budget, 1000);
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT state || ' ' || finished_budget || ' ' || budget || ' ' || diverged_step FROM trial",
               "diverged 1000 3000 7");
    ck_assert_int_eq(put_budget(&f, 1, 200).budget, 1000); /* less is asked: what was finished stays true */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT budget FROM trial", "1000");
    fixture_close(&f);
}
END_TEST

START_TEST(attempts_and_ends)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_budget(&f, 1, 1000).id;
    const int64_t run = begin_run(f.s, t, 0);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT state FROM trials", "running");
    OK(store_heartbeat(f.s, run, &e));
    OK(store_cost(f.s, run, "train", 1000, 900, 1e9, &e));
    OK(store_cost(f.s, run, "train", 1500000000, 1400000000, 2e9, &e)); /* the newest total */
    OK(store_event(f.s, t, run, 5, "diverged", "loss is nan", &e));
    OK(store_event(f.s, 0, 0, 0, "note", NULL, &e));
    const struct store_end end = { .run = run,
                                   .trial = t,
                                   .state = TRIAL_DIVERGED,
                                   .reason = "loss is nan",
                                   .step = 5,
                                   .layer = 2,
                                   .tensor = "h",
                                   .weights_sha256 = "abc" };
    OK(store_end_run(f.s, &end, &e));
    OK(store_flush(f.s, &e));
    /* committed: it is reported to the user */
    check_text(f.path,
               "SELECT state || ' ' || diverged_step || ' ' || diverged_layer || ' ' || diverged_tensor || ' ' || "
               "reason || ' ' || "
               "wall_s FROM trials",
               "diverged 5 2 h loss is nan 1.5");
    check_text(f.path, "SELECT host || ' ' || code || ' ' || kernel || ' ' || flops FROM costs",
               "host 0.1.0 SkylakeX 2000000000.0");
    check_text(f.path, "SELECT state || ' ' || (ended_ms >= started_ms) FROM run", "diverged 1");
    check_text(f.path, "SELECT length(started) || substr(ended, 24) FROM trials", "24Z");
    FAILS(ERR_STORAGE, "is not running", store_end_run(f.s, &end, &e)); /* twice */
    store_close(f.s, &e);
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

/* How far a trial is waits for its group, as its rows do: it does not cost a write of its own. */
START_TEST(progress_waits_for_its_group)
{
    static const char count[] = "SELECT count(*) FROM progress";
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const struct reached reached = { .step = 7 };
    const int64_t t = put_budget(&f, 1, 1000).id;
    OK(store_flush(f.s, &e));
    OK(store_progress(f.s, t, &reached, &e));
    check_text(f.path, count, "0"); /* another reader, before the group is written */
    OK(store_flush(f.s, &e));
    check_text(f.path, count, "1");
    fixture_close(&f);
}
END_TEST

START_TEST(an_event_of_a_kind_is_put_once)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    bool first = false;
    const int64_t t = put_budget(&f, 1, 1000).id, run = begin_run(f.s, t, 0);
    OK(store_event_once(f.s, t, run, 5, "slow", "a remark", &first, &e));
    ck_assert(first);
    OK(store_event_once(f.s, t, run, 9, "slow", "the same again", &first, &e));
    ck_assert(!first);
    OK(store_event_once(f.s, t, run, 9, "stuck", "another", &first, &e));
    ck_assert(first);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT group_concat(kind || ' ' || step || ' ' || text, '; ') FROM event",
               "slow 5 a remark; stuck 9 another");
    fixture_close(&f);
}
END_TEST

START_TEST(an_attempt_ends_in_an_end)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_budget(&f, 1, 1000).id;
    const struct store_end end = { .run = begin_run(f.s, t, 0), .trial = t, .state = TRIAL_RUNNING };
    FAILS(ERR_INTERNAL, "cannot end as 'running'", store_end_run(f.s, &end, &e));
    store_close(f.s, &e);
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

START_TEST(the_dead_are_recovered)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    int64_t n = -1;
    const int64_t a = put_budget(&f, 1, 10).id, b = put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL).id;
    begin_run(f.s, a, 0);
    end_run(f.s, b, begin_run(f.s, b, 0), TRIAL_DONE, 10);
    OK(store_close(f.s, &e));
    OK(store_open(&f.s, f.path, &e));
    OK(store_recover(f.s, &n, &e));
    ck_assert_int_eq(n, 1);
    OK(store_recover(f.s, &n, &e));
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(put_budget(&f, 1, 10).state, TRIAL_INTERRUPTED);
    check_text(f.path, "SELECT group_concat(state) FROM (SELECT state FROM run ORDER BY id)", "interrupted,done");
    fixture_close(&f);
}
END_TEST

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

START_TEST(the_newest_two_checkpoints_are_kept)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_budget(&f, 1, 1000).id;
    const int64_t run = begin_run(f.s, t, 0);
    char old[4096];
    OK(store_metric(f.s, t, run, "m", 90, 1, &e));
    OK(store_checkpoint(f.s, t, run, 100, "c.100", sha, (struct spent){ 0 }, old, &e));
    ck_assert_str_eq(old, "");
    check_text(f.path, "SELECT count(*) || ' ' || (SELECT path FROM checkpoint) FROM metric",
               "1 c.100"); /* one transaction, committed */
    OK(store_checkpoint(f.s, t, run, 200, "c.200", sha, (struct spent){ 0 }, old, &e));
    ck_assert_str_eq(old, "");
    OK(store_checkpoint(f.s, t, run, 300, "c.300", sha, (struct spent){ 0 }, old, &e));
    ck_assert_str_eq(old, "c.100");
    struct store_trial_row row = put_budget(&f, 1, 1000);
    ck_assert_str_eq(row.checkpoint_path, "c.300");
    ck_assert_str_eq(row.checkpoint_sha256, sha);
    ck_assert_int_eq(row.checkpoint_step, 300);
    ck_assert_str_eq(row.previous_path, "c.200");
    ck_assert_int_eq(row.previous_step, 200);
    ck_assert_int_eq(row.step, 300);

    /* 300 was damaged: the run goes on from 200, and what it writes is newer, whatever its step. */
    OK(store_checkpoint(f.s, t, run, 250, "c.250", sha, (struct spent){ 0 }, old, &e));
    ck_assert_str_eq(old, "c.200");
    row = put_budget(&f, 1, 1000);
    ck_assert_str_eq(row.checkpoint_path, "c.250");
    OK(store_checkpoint(f.s, t, run, 300, "c.300-again", sha, (struct spent){ 0 }, old, &e));
    ck_assert_str_eq(old, "c.300");
    OK(store_checkpoint(f.s, t, run, 300, "c.300-again", sha, (struct spent){ 0 }, old, &e)); /* in place */
    ck_assert_str_eq(old, "");
    check_text(f.path, "SELECT group_concat(path) FROM (SELECT path FROM checkpoint ORDER BY id)", "c.250,c.300-again");
    fixture_close(&f);
}
END_TEST

START_TEST(a_reset_trial_is_as_new)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char old[4096];
    const struct store_param params[] = { { .key = "a.b", .number = 2, .swept = true } };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 1, params).id,
                  other = put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL).id;
    const int64_t run = begin_run(f.s, t, 0);
    for (int step = 0; step < 10; step++) {
        OK(store_metric(f.s, t, run, "m", step, step, &e));
        OK(store_metric(f.s, other, 0, "m", step, step, &e));
        OK(store_layer_metric(f.s, t, run, "l", step, 1, step, &e));
    }
    OK(store_event(f.s, t, run, 1, "k", "t", &e));
    OK(store_cost(f.s, run, "train", 1, 1, 1, &e));
    OK(store_checkpoint(f.s, t, run, 9, "c", sha, (struct spent){ 0 }, old, &e));
    end_run(f.s, t, run, TRIAL_DONE, 9);
    OK(store_metric(f.s, t, run, "m", 10, 10, &e)); /* queued */
    OK(store_reset_trial(f.s, t, &e));
    OK(store_metric(f.s, t, run, "m", 0, 99, &e)); /* another value than before: no conflict */
    OK(store_flush(f.s, &e));
    check_text(f.path,
               "SELECT (SELECT count(*) FROM metric) || (SELECT count(*) FROM layer_metric) || (SELECT count(*) FROM "
               "event) || "
               "(SELECT count(*) FROM cost) || (SELECT count(*) FROM checkpoint) || (SELECT count(*) FROM run) || "
               "(SELECT count(*) FROM param)",
               "11000001");
    check_text(f.path, "SELECT state || step || finished_budget FROM trial WHERE variant = 'tp'", "queued00");
    check_text(f.path, "SELECT group_concat(n) FROM summary", "1,10");
    fixture_close(&f);
}
END_TEST

/* The budget was lowered behind rows of an earlier attempt: one that begins before them ends before them. */
START_TEST(rows_behind_what_an_attempt_can_reach_go)
{
    static const struct {
        int64_t from, last; /* where the attempt begins, and the last row that stays */
    } cases[] = { { 0, 4 }, { 4, 4 }, { 7, 7 }, { 9, 9 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_open();
        struct err e = { 0 };
        char expected[64];
        const int64_t t = put_budget(&f, 1, 10).id, other = put_budget(&f, 2, 10).id;
        int64_t run = begin_run(f.s, t, 0);
        for (int64_t step = 0; step < 10; step++) {
            OK(store_progress(f.s, t, &(struct reached){ .step = step }, &e));
            OK(store_metric(f.s, t, run, "m", step, (double)step, &e));
            OK(store_metric(f.s, other, 0, "m", step, (double)step, &e));
            OK(store_layer_metric(f.s, t, run, "l", step, 1, (double)step, &e));
        }
        OK(store_metric(f.s, t, run, "late", 9, 1, &e));
        end_run(f.s, t, run, TRIAL_INTERRUPTED, 9);
        put_budget(&f, 1, 4);
        run = begin_run(f.s, t, cases[i].from);
        end_run(f.s, t, run, TRIAL_DONE, cases[i].last);
        snprintf(expected, sizeof expected, "%1$d %1$d %1$d %1$d %1$d %1$d.0 %2$d %3$d", (int)cases[i].last,
                 (int)cases[i].last + 11, cases[i].last == 9);
        check_text(f.path,
                   "SELECT step || ' ' || finished_budget || ' ' || (SELECT max(step) FROM layer_metric) || ' ' || "
                   "(SELECT max(step) FROM progress) "
                   "|| ' ' || u.end_step || ' ' || u.last || ' ' || (SELECT count(*) FROM metric m WHERE m.key_id = "
                   "u.key_id) || ' ' || (SELECT count(*) FROM summary WHERE key_id <> u.key_id) "
                   "FROM trial t JOIN summary u ON u.trial_id = t.id WHERE t.id = 1 AND u.n > 1",
                   expected);
        fixture_close(&f);
    }
}
END_TEST

START_TEST(params_keep_numbers_and_texts)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const struct store_param params[] = { { .key = "n", .number = 1e-5 },
                                          { .key = "t", .text = "tanh", .number = NAN },
                                          { .key = "both", .text = "0x10", .number = 16, .swept = true },
                                          { .key = "inf", .number = INFINITY },
                                          { .key = "algorithm.name", .text = "tp", .number = NAN },
                                          { .key = "dataset.name", .text = "adding", .number = NAN } };
    put_trial(f.s, f.study, 1, "tp", "cell", 1, 6, params);
    OK(store_flush(f.s, &e));
    check_text(f.path,
               "SELECT group_concat(param || '=' || coalesce(num, '?') || '/' || coalesce(text, '?') || '/' || swept, "
               "' ') FROM "
               "(SELECT * FROM params WHERE param NOT LIKE '%name' ORDER BY param)",
               "both=16.0/0x10/1 inf=?/inf/0 n=1.0e-05/?/0 t=?/tanh/0");
    check_text(f.path, "SELECT algorithm || dataset || cell FROM trials", "tpaddingcell");
    fixture_close(&f);
}
END_TEST

START_TEST(an_edited_study_shows_its_new_trials_only)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL);
    put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL);
    ck_assert_int_eq(put_study(f.s, "demo", "{}"), f.study); /* unchanged */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT sum(current) FROM trials", "2");
    ck_assert_int_eq(put_study(f.s, "demo", "{\"a\": 1}"), f.study);
    put_trial(f.s, f.study, 3, "tp", "", 1, 0, NULL); /* another configuration */
    put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL); /* the same */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT group_concat(variant) || count(*) FROM trials WHERE current", "bp,tp2");
    /* The same specification, other values from the command line: the older trial of the same name gives way. */
    put_trial(f.s, f.study, 4, "tp", "", 1, 0, NULL);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT sum(current) || ' ' || count(*) FROM all_trials", "2 4");
    check_text(f.path, "SELECT count(*) FROM trials", "2");
    fixture_close(&f);
}
END_TEST

START_TEST(a_trial_keeps_its_study)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char key[65];
    struct store_trial_row row;
    put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL);
    const int64_t other = put_study(f.s, "other", "{}");
    const struct store_trial trial = {
        .key = key_of(1, key), .study = other, .variant = "tp", .cell = "", .config = put_config(f.s, 0, NULL)
    };
    FAILS(ERR_CONFLICT, "belongs to study 'demo'", store_put_trial(f.s, &trial, &row, &e));
    store_close(f.s, &e);
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

START_TEST(datasets_are_kept_by_content)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const struct store_dataset a = { "mnist", "/a", "1" }, moved = { "mnist", "/b", "1" },
                               changed = { "mnist", "/b", "2" };
    OK(store_dataset(f.s, &a, &e));
    OK(store_dataset(f.s, &moved, &e));
    OK(store_dataset(f.s, &changed, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT group_concat(path || sha256) FROM dataset", "/b1,/b2");
    fixture_close(&f);
}
END_TEST

START_TEST(names_may_hold_anything)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const char *evil = "x'; DROP TABLE trial; --\" \n\x01";
    const int64_t study = put_study(f.s, evil, "{}");
    const struct store_param params[] = { { .key = evil, .text = evil, .number = NAN, .swept = true } };
    const int64_t t = put_trial(f.s, study, 1, evil, evil, 1, 1, params).id;
    OK(store_metric(f.s, t, 0, evil, 0, 1, &e));
    OK(store_event(f.s, t, 0, 0, evil, evil, &e));
    OK(store_refresh(f.s, study, &e));
    check_text(f.path, "SELECT count(*) FROM trials", "1");
    check_text(f.path, "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name LIKE 'study_x%'", "1");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_trial_is_queued_once);
    tcase_add_test(t, a_larger_budget_asks_for_more);
    tcase_add_test(t, a_diverged_trial_has_finished_its_budget);
    tcase_add_test(t, attempts_and_ends);
    tcase_add_test(t, progress_waits_for_its_group);
    tcase_add_test(t, an_event_of_a_kind_is_put_once);
    tcase_add_test(t, an_attempt_ends_in_an_end);
    tcase_add_test(t, the_dead_are_recovered);
    tcase_add_test(t, the_newest_two_checkpoints_are_kept);
    tcase_add_test(t, a_reset_trial_is_as_new);
    tcase_add_test(t, rows_behind_what_an_attempt_can_reach_go);
    tcase_add_test(t, params_keep_numbers_and_texts);
    tcase_add_test(t, an_edited_study_shows_its_new_trials_only);
    tcase_add_test(t, a_trial_keeps_its_study);
    tcase_add_test(t, datasets_are_kept_by_content);
    tcase_add_test(t, names_may_hold_anything);
}
CHECK_MAIN("trial", add_tests)
