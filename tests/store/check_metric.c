/* Metric rows: grouping, summaries, what is no number, rows that are computed again. */
#include "fixture.h"
#include "store/writer.h"

START_TEST(summary_of_a_curve)
{
    struct summary s = { 0 };
    summary_add(&s, 0, 2.385, FINITE, GOAL_MIN);
    ck_assert(s.auc == 0);
    summary_add(&s, 10, 1.5, FINITE, GOAL_MIN);
    summary_add(&s, 30, 1.75, FINITE, GOAL_MIN);
    ck_assert_int_eq(s.n, 3);
    ck_assert(s.first == 2.385 && s.last == 1.75 && s.best == 1.5 && s.min == 1.5 && s.max == 2.385);
    ck_assert_int_eq(s.best_step, 10);
    ck_assert_int_eq(s.last_step, 30);
    ck_assert_double_eq_tol(s.auc, (2.385 + 1.5) / 2 * 10 + (1.5 + 1.75) / 2 * 20, 1e-13);
    summary_add(&s, 40, 0, NONFINITE_NAN, GOAL_MIN); /* the last finite value stays */
    ck_assert(s.last == 1.75);
    ck_assert_int_eq(s.end_step, 40);
    ck_assert_int_eq(s.n_nonfinite, 1);
}
END_TEST

START_TEST(best_follows_the_goal)
{
    struct summary s = { 0 };
    summary_add(&s, 0, 0, NONFINITE_PLUS_INF, GOAL_MAX);
    summary_add(&s, 1, 10, FINITE, GOAL_MAX);
    summary_add(&s, 2, 30, FINITE, GOAL_MAX);
    summary_add(&s, 3, 30, FINITE, GOAL_MAX);
    ck_assert(s.best == 30 && s.first == 10);
    ck_assert_int_eq(s.best_step, 2);
}
END_TEST

START_TEST(rows_and_summary_are_stored)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t a = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id,
                  b = put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL).id;
    for (int step = 0; step < 120; step++) { /* interleaved: more than one INSERT of 50, and a rest */
        OK(store_metric(f.s, a, 0, "train_loss", step, 1.0 / (step + 1), &e));
        OK(store_metric(f.s, b, 0, "train_loss", step, 2.0 / (step + 1), &e));
        OK(store_metric(f.s, a, 0, "test_accuracy", step, step * 0.1, &e));
    }
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) FROM metric", "360");
    check_text(f.path,
               "SELECT value = 1.0 / 101 FROM metrics WHERE variant = 'tp' AND metric = 'train_loss' AND step = 100",
               "1");
    check_text(f.path,
               "SELECT value = 2.0 / 101 FROM metrics WHERE variant = 'bp' AND metric = 'train_loss' AND step = 100",
               "1");
    check_text(f.path, "SELECT count(*) FROM metrics WHERE metric = 'test_accuracy' AND value <> step * 0.1", "0");
    check_text(
        f.path,
        "SELECT n || ' ' || first || ' ' || best_step || ' ' || last_step FROM summary s JOIN metric_key k ON k.id = "
        "s.key_id JOIN trial t ON t.id = s.trial_id WHERE k.name = 'train_loss' AND t.variant = 'bp'",
        "120 2.0 119 119");
    check_text(f.path, "SELECT step FROM trial WHERE variant = 'tp'", "119");
    check_text(f.path,
               "SELECT last_test_accuracy = 119 * 0.1 AND best_train_loss = 1.0 / 120 FROM trials WHERE variant = 'tp'",
               "1");
    fixture_close(&f);
}
END_TEST

START_TEST(what_is_no_number_is_null_with_a_code)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    const double values[] = { 2.385, -0.0, NAN, INFINITY, -INFINITY, -NAN, 1e308, 5e-324 };
    for (int i = 0; i < 8; i++) {
        OK(store_metric(f.s, t, 0, "train_loss", i, values[i], &e));
        OK(store_layer_metric(f.s, t, 0, "norm", i, 3, values[i], &e));
    }
    OK(store_flush(f.s, &e));
    static const char *const tables[] = { "metric", "layer_metric" };
    for (int i = 0; i < 2; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "SELECT group_concat(coalesce(nonfinite, '-'), ',') FROM (SELECT nonfinite FROM %s ORDER BY step)",
                 tables[i]);
        check_text(f.path, sql, "-,-,1,2,3,1,-,-");
        snprintf(sql, sizeof sql,
                 "SELECT group_concat(step) FROM (SELECT step FROM %s WHERE value < 0.1 ORDER BY step)", tables[i]);
        check_text(f.path, sql, "1,7"); /* never a NaN or -inf */
        snprintf(sql, sizeof sql, "SELECT min(value) = 0 AND max(value) > 9.9e307 AND count(value) = 4 FROM %s",
                 tables[i]);
        check_text(f.path, sql, "1");
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE (value IS NULL) <> (nonfinite IS NOT NULL)",
                 tables[i]);
        check_text(f.path, sql, "0");
    }
    check_text(f.path, "SELECT auc IS NULL AND n_nonfinite = 4 AND last_step = 7 FROM summary", "1");
    check_text(f.path, "SELECT group_concat(nonfinite) FROM metrics", "nan,inf,-inf,nan");
    /* -0.0 and 0.0 are one value; NaNs of either sign are too. */
    OK(store_metric(f.s, t, 0, "train_loss", 1, 0.0, &e));
    OK(store_metric(f.s, t, 0, "train_loss", 2, -NAN, &e));
    fixture_close(&f);
}
END_TEST

START_TEST(overflow_of_the_area_is_null_for_good)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    OK(store_metric(f.s, t, 0, "m", 0, 1e308, &e));
    OK(store_metric(f.s, t, 0, "m", 100, 1e308, &e));
    OK(store_close(f.s, &e));
    OK(store_open(&f.s, f.path, &e));
    OK(store_metric(f.s, t, 0, "m", 101, 1, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT auc IS NULL AND n = 3 AND n_nonfinite = 0 FROM summary", "1");
    fixture_close(&f);
}
END_TEST

START_TEST(equal_rows_again_change_nothing)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int step = 0; step < 20; step++)
        OK(store_metric(f.s, t, 0, "m", step, sin(step), &e));
    OK(store_layer_metric(f.s, t, 0, "m", 1, 2, 0.5, &e));
    OK(store_metric(f.s, t, 0, "m", 10, sin(10), &e)); /* still queued */
    OK(store_close(f.s, &e));
    char before[256], after[256];
    const char *sql = "SELECT n || ' ' || hex(auc) || ' ' || last_step || ' ' || best_step FROM summary";
    sqlite3 *db = plain_open(f.path);
    plain_text(db, sql, before);
    sqlite3_close(db);
    OK(store_open(&f.s, f.path, &e));
    for (int step = 5; step < 20; step++) /* resumed from a checkpoint at step 5 */
        OK(store_metric(f.s, t, 0, "m", step, sin(step), &e));
    OK(store_layer_metric(f.s, t, 0, "m", 1, 2, 0.5, &e));
    OK(store_flush(f.s, &e));
    db = plain_open(f.path);
    plain_text(db, sql, after);
    sqlite3_close(db);
    ck_assert_str_eq(before, after);
    check_text(f.path, "SELECT count(*) FROM metric", "20");
    fixture_close(&f);
}
END_TEST

/* value at step 3 is 0.1 in the database. */
static void check_conflict(double value, bool queued, const char *words)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int step = 0; step < 6; step++)
        OK(store_metric(f.s, t, 0, "train_loss", step, step == 3 ? 0.1 : step, &e));
    if (!queued)
        OK(store_flush(f.s, &e));
    FAILS(ERR_CONFLICT, words, store_metric(f.s, t, 0, "train_loss", 3, value, &e));
    FAILS(ERR_CONFLICT, "earlier error", store_metric(f.s, t, 0, "train_loss", 7, 1, &e));
    FAILS(ERR_CONFLICT, "earlier error", store_close(f.s, &e));
    if (!queued)
        check_text(f.path, "SELECT count(*) || ' ' || max(value) FROM metric", "6 5.0");
    fixture_remove(&f);
}

START_TEST(a_different_value_stops_the_run)
{
    check_conflict(nextafter(0.1, 1), false, "not deterministic at step 3: metric train_loss of trial ");
    check_conflict(nextafter(0.1, 1), false, "is 0.1 in the database and 0.10000000000000002 now");
    check_conflict(NAN, false, "is 0.1 in the database and nan now");
    check_conflict(-INFINITY, true, "is 0.1 in the database and -inf now");
}
END_TEST

/* Rows of layers are compared when their INSERT is full, or when the group is committed: not later. */
START_TEST(a_different_layer_value_stops_the_run)
{
    for (int more = 0; more <= BATCH_ROWS; more += BATCH_ROWS) {
        struct fixture f = fixture_open();
        struct err e = { 0 };
        put_usual_facts(f.s);
        const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
        OK(store_layer_metric(f.s, t, 0, "angle", 7, 2, NAN, &e));
        OK(store_layer_metric(f.s, t, 0, "angle", 7, 3, 1, &e));
        OK(store_layer_metric(f.s, t, 0, "angle", 7, 2, 0.0, &e));
        int code = 0, layer = 3;
        while (code == 0 && ++layer < 4 + more)
            code = store_layer_metric(f.s, t, 0, "angle", 7, layer, 1, &e);
        ck_assert_int_eq(layer, more ? BATCH_ROWS : 4);
        if (!more)
            code = store_flush(f.s, &e);
        ck_assert_int_eq(code, ERR_CONFLICT);
        ck_assert_ptr_nonnull(strstr(err_first(&e), "not deterministic at step 7: metric angle[2]"));
        err_clear(&e);
        FAILS(ERR_CONFLICT, "earlier error", store_close(f.s, &e));
        check_text(f.path, "SELECT count(*) FROM layer_metric", "0");
        fixture_remove(&f);
    }
}
END_TEST

/* Batches that are full and batches that are not; rows that are there already, and some that are not. */
START_TEST(equal_rows_of_layers_again_change_nothing)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int time = 0; time < 2; time++) {
        const int n = time ? 3 * BATCH_ROWS + 7 : 2 * BATCH_ROWS + 3;
        for (int layer = 0; layer < n; layer++)
            OK(store_layer_metric(f.s, t, 0, "angle", 7, layer, layer % 5 ? layer : INFINITY, &e));
        OK(store_flush(f.s, &e));
    }
    OK(store_close(f.s, &e));
    check_text(f.path,
               "SELECT count(*) || ' ' || max(layer) || ' ' || sum(value) || ' ' || sum(nonfinite) FROM layer_metric",
               "67 66 1756.0 28");
    fixture_remove(&f);
}
END_TEST

/* What a step has cost is that of its last computation, whichever INSERT its rows were in. */
START_TEST(progress_is_of_the_last_computation)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    for (int time = 1; time <= 2; time++) {
        for (int step = 0; step < 2 * BATCH_ROWS + 5; step++)
            OK(store_progress(f.s, t, &(struct reached){ step, 4 * step, NAN, { 100.4 * time, NAN } }, &e));
        if (time == 1)
            OK(store_progress(f.s, t, &(struct reached){ 3, 12, NAN, { 7, 8 } }, &e));
    }
    OK(store_close(f.s, &e));
    check_text(f.path,
               "SELECT count(*) || ' ' || sum(samples) || ' ' || min(cpu_ns) || ' ' || max(cpu_ns) || ' ' || "
               "count(flops) || ' ' "
               "|| count(epoch) FROM progress",
               "45 3960 201 201 0 0");
    fixture_remove(&f);
}
END_TEST

START_TEST(a_row_between_others_rebuilds_the_summary)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    OK(store_metric(f.s, t, 0, "m", 0, 4, &e));
    OK(store_metric(f.s, t, 0, "m", 20, 2, &e));
    OK(store_metric(f.s, t, 0, "m", 10, 1, &e)); /* now logged more often */
    OK(store_metric(f.s, t, 0, "m", 30, 3, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT n || ' ' || best_step || ' ' || auc || ' ' || last FROM summary", "4 10 65.0 3.0");
    fixture_close(&f);
}
END_TEST

START_TEST(rows_of_nobody_are_refused)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    FAILS(ERR_STORAGE, "no trial 77", store_metric(f.s, 77, 0, "m", 0, 1, &e));
    err_clear(&e);
    store_close(f.s, &e);
    OK((err_clear(&e), store_open(&f.s, f.path, &e)));
    const int64_t t = put_trial(f.s, put_study(f.s, "demo", "{}"), 1, "tp", "", 1, 0, NULL).id;
    FAILS(ERR_STORAGE, "name of a metric", store_metric(f.s, t, 0, "", 0, 1, &e));
    store_close(f.s, &e);
    err_clear(&e);
    fixture_remove(&f);
}
END_TEST

START_TEST(groups_are_committed_by_number_and_by_time)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    int due = 0;
    OK(store_flush(f.s, &e));
    const uint64_t base = store_acknowledged(f.s);
    OK(store_tick(f.s, &due, &e));
    ck_assert_int_eq(due, -1);
    for (int i = 0; i < GROUP_ROWS - 1; i++)
        OK(store_metric(f.s, t, 0, "m", i, i, &e));
    ck_assert_uint_eq(store_acknowledged(f.s), base);
    check_text(f.path, "SELECT count(*) FROM metric", "0");
    OK(store_metric(f.s, t, 0, "m", GROUP_ROWS, 0, &e));
    ck_assert_uint_eq(store_acknowledged(f.s), base + GROUP_ROWS);
    check_text(f.path, "SELECT count(*) FROM metric", "1000");

    OK(store_metric(f.s, t, 0, "m", 2000, 0, &e));
    OK(store_tick(f.s, &due, &e));
    while (due >= 0) { /* it tells how long to wait, until it has committed */
        ck_assert_int_gt(due, 0);
        ck_assert_int_le(due, GROUP_MS);
        ck_assert_uint_eq(store_acknowledged(f.s), base + GROUP_ROWS);
        usleep((useconds_t)due * 1000);
        OK(store_tick(f.s, &due, &e));
    }
    ck_assert_uint_eq(store_acknowledged(f.s), base + GROUP_ROWS + 1);
    check_text(f.path, "SELECT count(*) FROM metric", "1001");
    fixture_close(&f);
}
END_TEST

START_TEST(many_names_and_trials)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    enum { TRIALS = 40, NAMES = 150, STEPS = 3 };
    int64_t id[TRIALS];
    for (int i = 0; i < TRIALS; i++)
        id[i] = put_trial(f.s, f.study, i, "tp", "", i, 0, NULL).id;
    for (int step = 0; step < STEPS; step++)
        for (int i = 0; i < TRIALS; i++)
            for (int k = 0; k < NAMES; k++) {
                char name[32];
                snprintf(name, sizeof name, "metric %d", k);
                OK(store_metric(f.s, id[i], 0, name, step, i * 1000 + k, &e));
            }
    OK(store_flush(f.s, &e));
    check_text(f.path,
               "SELECT count(*) FROM metrics WHERE metric = 'metric ' || CAST(value % 1000 AS INTEGER) AND seed = "
               "CAST(value / 1000 "
               "AS INTEGER)",
               "18000");
    check_text(f.path, "SELECT count(*) FROM summary WHERE n = 3", "6000");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, summary_of_a_curve);
    tcase_add_test(t, best_follows_the_goal);
    tcase_add_test(t, rows_and_summary_are_stored);
    tcase_add_test(t, what_is_no_number_is_null_with_a_code);
    tcase_add_test(t, overflow_of_the_area_is_null_for_good);
    tcase_add_test(t, equal_rows_again_change_nothing);
    tcase_add_test(t, a_different_value_stops_the_run);
    tcase_add_test(t, a_different_layer_value_stops_the_run);
    tcase_add_test(t, equal_rows_of_layers_again_change_nothing);
    tcase_add_test(t, progress_is_of_the_last_computation);
    tcase_add_test(t, a_row_between_others_rebuilds_the_summary);
    tcase_add_test(t, rows_of_nobody_are_refused);
    tcase_add_test(t, groups_are_committed_by_number_and_by_time);
    tcase_add_test(t, many_names_and_trials);
}
CHECK_MAIN("metric", add_tests)
