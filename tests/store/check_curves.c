/* The curves that are kept: at every moment the view shows what the rows say, whether a curve is kept or not. */
#include "fixture.h"

#include <stdlib.h>

#define COLUMNS                                                                                                        \
    "study, variant, cell, metric, step, mean, min, max, n, n_asked, n_nonfinite, n_diverged, n_unfinished, "          \
    "n_failed, n_outdated, mean_finished, study_id"

/* A copy without kept curves answers from the rows alone. Values are multiples of 1/1024, so that sums are exact. */
static void check_rows(struct fixture *f, int kept)
{
    struct err e = { 0 };
    char copy[160], sql[1024], text[256];
    OK(store_flush(f->s, &e));
    snprintf(copy, sizeof copy, "%s/copy.db", f->folder);
    unlink(copy);
    sqlite3 *db = plain_open(f->path);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    plain_text(db, "SELECT count(*) FROM kept_curves", text);
    ck_assert_int_eq(atoi(text), kept);
    sqlite3_close(db);
    db = plain_open(copy);
    ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM curve_stat; DELETE FROM curve", NULL, NULL, NULL), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS kept", f->path);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    plain_text(db,
               "SELECT (SELECT count(*) FROM (SELECT " COLUMNS " FROM kept.curves EXCEPT SELECT " COLUMNS
               " FROM main.curves)) || ' ' || (SELECT count(*) FROM (SELECT " COLUMNS
               " FROM main.curves EXCEPT SELECT " COLUMNS " FROM kept.curves)) || ' ' || ((SELECT count(*) FROM "
               "kept.curves) = (SELECT count(*) FROM main.curves))",
               text);
    ck_assert_str_eq(text, "0 0 1");
    /* Squares of deviations, where an sd is shown; all of them are shown where all is kept. */
    plain_text(db,
               "SELECT count(*) FROM kept.curves c WHERE abs(c.sd_finished * c.sd_finished * (c.n - 1) - (SELECT "
               "sum((m.value - c.mean_finished) * (m.value - c.mean_finished)) FROM metrics m JOIN outcomes o ON "
               "o.trial_id = m.trial_id AND o.outcome <> 'outdated' WHERE m.variant = c.variant AND m.cell = c.cell "
               "AND m.metric = c.metric AND m.step = c.step)) > 1e-9",
               text);
    ck_assert_str_eq(text, "0");
    sqlite3_close(db);
}

static int64_t put(struct fixture *f, int n, const char *variant, int seed, int from, int to, int every)
{
    struct err e = { 0 };
    const int64_t t = put_trial(f->s, f->study, n, variant, "r=1", seed, 0, NULL).id;
    for (int step = from; step <= to; step += every) {
        OK(store_metric(f->s, t, 0, "train_loss", step, ((n + 7) * (step + 3) * 311 % 4096) / 1024.0, &e));
        OK(store_metric(f->s, t, 0, "test_loss", step, (n + step) % 5 == 4 ? (double)NAN : n - step / 8.0, &e));
    }
    return t;
}

static int64_t put_ended(struct fixture *f, int n, const char *variant, int seed, int to, int every,
                         enum trial_state end)
{
    const int64_t t = put(f, n, variant, seed, 0, to, every);
    end_run(f->s, t, begin_run(f->s, t, 0), end, to);
    return t;
}

static void refresh(struct fixture *f)
{
    struct err e = { 0 };
    OK(store_refresh(f->s, f->study, &e));
}

START_TEST(kept_curves_are_those_of_the_rows)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const enum trial_state ends[] = { TRIAL_DONE, TRIAL_DIVERGED, TRIAL_FAILED, TRIAL_DONE, TRIAL_INTERRUPTED };
    int64_t tp[5];
    for (int i = 0; i < 5; i++)
        tp[i] = put_ended(&f, i, "tp", i, i == 1 ? 6 : 12, i == 3 ? 2 : 1, ends[i]);
    for (int i = 0; i < 3; i++)
        put_ended(&f, 10 + i, "bp", i, 12, 1, TRIAL_DONE);
    put_ended(&f, 20, "alone", 0, 12, 1, TRIAL_DONE);
    check_rows(&f, 0);
    refresh(&f);
    check_rows(&f, 4); /* two variants, two metrics; a single trial is read from its rows */
    check_text(f.path, "SELECT min(sd_finished IS NOT NULL OR n < 2) FROM curves", "1");

    int64_t run = begin_run(f.s, tp[4], 12); /* an attempt begins: bp is still kept */
    check_rows(&f, 2);
    check_text(f.path, "SELECT sd_finished IS NOT NULL FROM curves WHERE variant = 'tp' AND step = 4", "1");
    OK(store_metric(f.s, tp[4], run, "train_loss", 13, 1.5, &e));
    check_rows(&f, 2);
    refresh(&f); /* in the middle of it */
    check_rows(&f, 4);
    OK(store_metric(f.s, tp[4], run, "train_loss", 14, 1.25, &e)); /* of one metric only */
    check_rows(&f, 3);
    refresh(&f);
    end_run(f.s, tp[4], run, TRIAL_FAILED, 14); /* no row, but another reason for those that are not there */
    check_rows(&f, 2);
    refresh(&f);
    check_rows(&f, 4);

    put_trial(f.s, f.study, 14, "bp", "r=1", 9, 0, NULL); /* one more is asked for */
    check_rows(&f, 2);
    refresh(&f);
    check_rows(&f, 4);
    OK(store_reset_trial(f.s, tp[1], &e)); /* rows are gone */
    check_rows(&f, 0);
    check_text(f.path, "SELECT count(sd_finished) FROM curves", "0");
    refresh(&f);
    put(&f, 1, "tp", 1, 0, 6, 1); /* as many rows as there were, without an attempt */
    check_rows(&f, 2);
    refresh(&f);
    check_rows(&f, 4);
    fixture_close(&f);
}
END_TEST

START_TEST(curves_of_trials_that_left_are_gone)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    for (int i = 0; i < 3; i++)
        put_ended(&f, i, "tp", i, 4, 1, TRIAL_DONE);
    refresh(&f);
    check_rows(&f, 2);
    for (int i = 0; i < 3; i++) /* of their names, by another program */
        put_ended(&f, 30 + i, "tp", i, 4, 1, TRIAL_DONE);
    check_rows(&f, 0);
    refresh(&f);
    check_rows(&f, 2);
    struct store_origin origin = { put_ended(&f, 40, "tp", 7, 4, 1, TRIAL_DONE), 2, "{\"x\":\"11\"}" };
    int64_t n;
    OK(store_put_origin(f.s, &origin, &n, &e)); /* the others are outdated */
    ck_assert_int_eq(n, 3);
    check_rows(&f, 0);
    refresh(&f);
    check_rows(&f, 0); /* one is left */
    put_study(f.s, "demo", "{\"x\":1}");
    check_rows(&f, 0);
    refresh(&f);
    check_text(
        f.path,
        "SELECT (SELECT count(*) FROM curves) || (SELECT count(*) FROM curve) || (SELECT count(*) FROM curve_stat)",
        "000");
    fixture_close(&f);
}
END_TEST

/* More steps than are held at a time, no two of which two of the trials share. */
START_TEST(long_curves_are_made_in_windows)
{
    enum { STEPS = 45000 };
    struct fixture f = fixture_open();
    struct err e = { 0 };
    for (int i = 0; i < 3; i++) {
        const int64_t t = put_trial(f.s, f.study, i, "tp", "", i, 0, NULL).id;
        for (int step = 0; step < STEPS; step++)
            OK(store_metric(f.s, t, 0, "m", i < 2 ? 2 * step + i : 4 * step, (step * 7 + i) % 1024 / 1024.0, &e));
    }
    refresh(&f);
    check_text(f.path, "SELECT n_rows FROM curve", "135000");
    check_text(f.path, "SELECT count(*) || ' ' || sum(n) || ' ' || min(step) || ' ' || max(step) FROM curve_stat",
               "112500 135000 0 179996");
    check_text(f.path,
               "SELECT count(*) FROM (SELECT step, count(*) AS n, avg(value) AS mean FROM metric GROUP BY step) r JOIN "
               "curves c ON c.step = r.step AND c.n = r.n AND c.mean_finished = r.mean",
               "112500");
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, kept_curves_are_those_of_the_rows);
    tcase_add_test(t, curves_of_trials_that_left_are_gone);
    tcase_add_test(t, long_curves_are_made_in_windows);
}
CHECK_MAIN("curves", add_tests)
