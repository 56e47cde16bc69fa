/* The views, read by a plain connection; the statistics and the verdicts of store_refresh. */
#include "fixture.h"

static int64_t trial_with(struct fixture *f, int n, const char *variant, const char *cell, int64_t seed,
                          const double *losses, int n_losses)
{
    struct err e = { 0 };
    const int64_t t = put_trial(f->s, f->study, n, variant, cell, seed, 0, NULL).id;
    for (int i = 0; i < n_losses; i++)
        OK(store_metric(f->s, t, 0, "test_accuracy", i, losses[i], &e));
    return t;
}

/* The same of a trial that ends as done at its last row. */
static int64_t done_with(struct fixture *f, int n, const char *variant, const char *cell, int64_t seed,
                         const double *losses, int n_losses)
{
    const int64_t t = trial_with(f, n, variant, cell, seed, losses, n_losses);
    end_run(f->s, t, begin_run(f->s, t, 0), TRIAL_DONE, n_losses - 1);
    return t;
}

START_TEST(curves_over_seeds)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    trial_with(&f, 1, "tp", "", 1, (const double[]){ 1, 2 }, 2);
    trial_with(&f, 2, "tp", "", 2, (const double[]){ 2, 4 }, 2);
    trial_with(&f, 3, "tp", "", 3, (const double[]){ 6, NAN }, 2);
    trial_with(&f, 4, "bp", "", 1, (const double[]){ 7 }, 1);
    OK(store_flush(f.s, &e));
    const char *row =
        "SELECT coalesce(mean, '-') || ' ' || coalesce(round(sd, 9), '-') || ' ' || coalesce(min || ' ' || max, '-') "
        "|| "
        "' ' || n || ' ' || n_nonfinite || ' ' || mean_finished || ' ' || coalesce(round(sd_finished, 9), '-') FROM "
        "curves WHERE study = 'demo' AND variant = 'tp' AND cell = '' AND metric = 'test_accuracy' AND step = ";
    char at0[400], at1[400];
    snprintf(at0, sizeof at0, "%s0", row);
    snprintf(at1, sizeof at1, "%s1", row);
    check_text(f.path, at0, "3.0 - 1.0 6.0 3 0 3.0 -"); /* a sweep that runs: all but sd */
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, at0, "3.0 2.645751311 1.0 6.0 3 0 3.0 2.645751311"); /* sqrt(7) */
    check_text(f.path, at1, "- - - 2 1 3.0 1.414213562");
    check_text(f.path, "SELECT sd IS NULL AND n = 1 FROM curves WHERE variant = 'bp'", "1");
    trial_with(&f, 5, "tp", "", 4, (const double[]){ 100 }, 1);
    OK(store_flush(f.s, &e));
    check_text(f.path, at0, "27.25 - 1.0 100.0 4 0 27.25 -"); /* an sd of other rows is not shown */
    check_text(f.path, at1, "- - - 2 1 3.0 1.414213562");
    check_text(f.path, "SELECT n_asked || n_diverged || n_unfinished || n_failed FROM curves WHERE step = 1", "4010");
    OK(store_refresh(f.s, f.study, &e));
    ck_assert_double_eq_tol(plain_number(f.path, "SELECT sd FROM curves WHERE step = 0 AND variant = 'tp'"),
                            sqrt(7070.75 / 3), 1e-12);
    fixture_close(&f);
}
END_TEST

START_TEST(finals_and_comparison)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    const double last[2][4] = { { 90, 92, 94, 99 }, { 91, 95, 95, 103 } };
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 4; i++)
            done_with(&f, 10 * v + i, v ? "tp" : "bp", "", i, (const double[]){ 95, last[v][i] }, 2);
    const int64_t d = put_trial(f.s, f.study, 50, "tp", "", 9, 0, NULL).id;
    end_run(f.s, d, begin_run(f.s, d, 0), TRIAL_DIVERGED, 0);
    OK(store_flush(f.s, &e));
    check_text(
        f.path,
        "SELECT last_mean || coalesce(last_sd, '-') || n || n_asked || n_diverged FROM finals WHERE variant = 'bp'",
        "93.75-440");
    OK(store_refresh(f.s, f.study, &e));
    /* the seed that diverged is missing */
    check_text(
        f.path,
        "SELECT n || n_asked || n_diverged || ' ' || (last_mean IS NULL AND last_sd IS NULL AND last_max IS NULL AND "
        "best_mean IS NULL AND best_low IS NULL) || ' ' || last_mean_finished || ' ' || round(last_sd_finished, 6) "
        "|| ' ' || best_mean_finished FROM finals WHERE variant = 'tp'",
        "451 1 96.0 5.033223 97.0");
    /* last of bp: mean 93.75, sd 3.8622, t(3) = 3.18245 */
    ck_assert_double_eq_tol(plain_number(f.path, "SELECT last_sd FROM finals WHERE variant = 'bp'"), 3.8622100754188224,
                            1e-12);
    ck_assert(plain_number(f.path, "SELECT last_median FROM finals WHERE variant = 'bp'") == 93);
    ck_assert_double_eq_tol(plain_number(f.path, "SELECT last_low FROM finals WHERE variant = 'bp'"),
                            93.75 - 3.182446305 * 3.8622100754188224 / 2, 1e-8);
    ck_assert_double_eq_tol(plain_number(f.path, "SELECT last_high - last_mean FROM finals WHERE variant = 'bp'"),
                            3.182446305 * 3.8622100754188224 / 2, 1e-8);
    ck_assert(plain_number(f.path, "SELECT best_mean FROM finals WHERE variant = 'bp'") == (95 + 95 + 95 + 99) / 4.0);
    /* bp - tp: -1, -3, -1, -4: mean -2.25, sd 1.5 */
    check_text(f.path,
               "SELECT variant_a || variant_b || n || n_asked || ' ' || difference || ' ' || sd || ' ' || round(low, "
               "6) || ' ' || "
               "round(high, 6) "
               "FROM comparison",
               "bptp44 -2.25 1.5 -4.636835 0.136835");
    OK(store_metric(f.s, put_trial(f.s, f.study, 0, "bp", "", 0, 0, NULL).id, 0, "test_accuracy", 2, 1, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT last_sd IS NULL FROM finals WHERE variant = 'bp'", "1");
    fixture_close(&f);
}
END_TEST

/* Trials that newer ones of their name have superseded are in the database still, but in no pair. */
START_TEST(superseded_trials_are_not_compared)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    for (int seed = 0; seed < 3; seed++) {
        trial_with(&f, 10 + seed, "bp", "", seed, (const double[]){ 1000 * seed }, 1); /* superseded below */
        trial_with(&f, 20 + seed, "tp", "", seed, (const double[]){ -70 * seed }, 1);
    }
    for (int seed = 0; seed < 3; seed++) {
        done_with(&f, 30 + seed, "bp", "", seed, (const double[]){ 50 }, 1);
        done_with(&f, 40 + seed, "tp", "", seed, (const double[]){ 52 + seed }, 1);
    }
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT count(*) || ' ' || sum(current) FROM all_trials", "12 6");
    check_text(f.path,
               "SELECT group_concat(variant_a || variant_b || n || ' ' || difference || ' ' || sd) FROM comparison",
               "bptp3 -3.0 1.0");
    fixture_close(&f);
}
END_TEST

/* Three seeds with their validation and test accuracies at steps 0, 10, 20. */
static void put_selectable(struct fixture *f)
{
    struct err e = { 0 };
    const double valid[3][3] = { { 50, 80, 80 }, { 60, 70, 90 }, { 40, NAN, 30 } },
                 test[3][3] = { { 51, 82, 85 }, { 61, 71, 88 }, { 41, 72, 31 } };
    for (int seed = 0; seed < 3; seed++) {
        const int64_t t = put_trial(f->s, f->study, 20 + seed, "tp", "r=1", seed, 0, NULL).id;
        for (int i = 0; i < 3; i++) {
            OK(store_metric(f->s, t, 0, "valid_accuracy", 10 * i, valid[seed][i], &e));
            OK(store_metric(f->s, t, 0, "test_accuracy", 10 * i, test[seed][i], &e));
            OK(store_metric(f->s, t, 0, "test_loss", 10 * i, i == 1 ? NAN : i + seed, &e));
        }
        end_run(f->s, t, begin_run(f->s, t, 0), TRIAL_DONE, 20);
    }
    trial_with(f, 30, "bp", "r=1", 0, (const double[]){ 99 }, 1); /* held nothing out */
    OK(store_flush(f->s, &e));
}

START_TEST(selected_by_validation)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    put_selectable(&f);
    /* the first of two highest; NaN is not highest */
    check_text(f.path,
               "SELECT group_concat(seed || ':' || step || ':' || value) FROM (SELECT * FROM selected WHERE metric = "
               "'test_accuracy' ORDER BY seed)",
               "0:10:82.0,1:20:88.0,2:0:41.0");
    check_text(f.path,
               "SELECT study || variant || cell || ' ' || (trial_id > 0) FROM selected WHERE seed = 1 AND metric = "
               "'valid_accuracy'",
               "demotpr=1 1");
    check_text(f.path, "SELECT value IS NULL FROM selected WHERE seed = 0 AND metric = 'test_loss'", "1");
    check_text(f.path, "SELECT count(*) FROM selected WHERE variant = 'bp'", "0");
    const char *row = "SELECT study || variant || cell || ' ' || n || ' ' || round(mean, 9) || ' ' || min || ' ' || "
                      "max || ' ' || coalesce(round(sd, 9), "
                      "'-') FROM selected_finals WHERE metric = 'test_accuracy'";
    check_text(f.path, row, "demotpr=1 3 70.333333333 41.0 88.0 -");
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, row, "demotpr=1 3 70.333333333 41.0 88.0 25.579940057");
    check_text(
        f.path,
        "SELECT n || n_asked || n_nonfinite || ' ' || (mean IS NULL AND sd IS NULL) || ' ' || mean_finished || ' ' || "
        "round(sd_finished, 9) FROM selected_finals WHERE metric = 'test_loss'",
        "231 1 2.5 0.707106781");
    /* another step is selected: as many values as before, but others */
    const int64_t t = put_trial(f.s, f.study, 21, "tp", "r=1", 1, 0, NULL).id;
    OK(store_metric(f.s, t, 0, "valid_accuracy", 30, 95, &e));
    OK(store_metric(f.s, t, 0, "test_accuracy", 30, 87, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, row, "demotpr=1 3 70.0 41.0 87.0 -");
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, row, "demotpr=1 3 70.0 41.0 87.0 25.238858928");
    const struct store_claim claim = { .id = "a",
                                       .measure = "SELECT mean FROM selected_finals WHERE metric = 'test_accuracy'",
                                       .has_low = true,
                                       .low = 1 };
    OK(store_put_claims(f.s, f.study, 1, &claim, &e));
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT measured FROM claims", "70.0");
    fixture_close(&f);
}
END_TEST

START_TEST(layer_metrics_have_names)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "r=1", 4, 0, NULL).id;
    OK(store_layer_metric(f.s, t, 0, "angle_bp", 5, 2, 12.5, &e));
    OK(store_layer_metric(f.s, t, 0, "angle_bp", 5, 3, -(double)INFINITY, &e));
    OK(store_flush(f.s, &e));
    const char *rows =
        "SELECT group_concat(study || variant || cell || seed || metric || layer || step || coalesce(value, "
        "nonfinite) || trial_id || study_id) FROM ";
    char sql[300];
    snprintf(sql, sizeof sql, "%slayer_metrics", rows);
    check_text(f.path, sql, "demotpr=14angle_bp2512.511,demotpr=14angle_bp35-inf11");
    put_study(f.s, "demo", "{\"x\":1}"); /* the trial is no longer of the specification */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) FROM layer_metrics", "0");
    snprintf(sql, sizeof sql, "%sall_layer_metrics WHERE NOT current", rows);
    check_text(f.path, sql, "demotpr=14angle_bp2512.511,demotpr=14angle_bp35-inf11");
    fixture_close(&f);
}
END_TEST

/* What a metric is, is told, not read off its name. */
START_TEST(a_metric_has_the_facts_that_were_told)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    put_facts(f.s, "misses_of_accuracy", "min", "%", true, "test");
    put_facts(f.s, "gain", "max", "", false, "");
    static const char *const names[] = { "misses_of_accuracy", "gain", "spread_accuracy" };
    for (size_t i = 0; i < 3; i++)
        for (int step = 0; step < 3; step++)
            OK(store_metric(f.s, t, 0, names[i], step, step, &e));
    OK(store_flush(f.s, &e));
    check_text(
        f.path,
        "SELECT group_concat(name || ':' || coalesce(goal, '-') || unit || followed || split) FROM (SELECT * FROM "
        "metric_key ORDER BY name)",
        "gain:max0,misses_of_accuracy:min%1test,spread_accuracy:-0");
    check_text(f.path,
               "SELECT group_concat(metric || coalesce(best || '@' || best_step, '-')) FROM (SELECT * FROM summaries "
               "ORDER BY metric)",
               "gain2.0@2,misses_of_accuracy0.0@0,spread_accuracy-");
    OK(store_close(f.s, &e)); /* another run, of which no trial tells them again, goes on with them */
    OK(store_open(&f.s, f.path, &e));
    OK(store_metric(f.s, t, 0, "gain", 3, 7, &e));
    OK(store_metric(f.s, t, 0, "spread_accuracy", 3, 7, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT best FROM summaries WHERE metric = 'gain'", "7.0");
    check_text(f.path, "SELECT best IS NULL AND max = 7 FROM summaries WHERE metric = 'spread_accuracy'", "1");
    fixture_close(&f);
}
END_TEST

static void origin(struct fixture *f, int64_t trial, int64_t numerics, const char *inputs, int64_t expected)
{
    struct err e = { 0 };
    int64_t n;
    const struct store_origin o = { trial, numerics, inputs };
    OK(store_put_origin(f->s, &o, &n, &e));
    ck_assert_int_eq(n, expected);
}

/* A trial that began later with other bytes or numerics puts the ones before it out of the means, and no pair has both.
 */
START_TEST(other_bytes_and_numerics_are_in_no_mean)
{
    static const char a[] = "{\"labels\":\"aa\",\"x\":\"11\"}", b[] = "{\"labels\":\"bb\",\"x\":\"11\"}";
    struct fixture f = fixture_open();
    struct err e = { 0 };
    struct {
        int64_t numerics;
        const char *inputs;
    } trials[] = { { 1, a }, { 1, b }, { 2, b } };
    static const char *const means[] = { "1.0 1 1 0", "- 1 2 1", "- 1 3 2" };
    static const char row[] = "SELECT coalesce(last_mean, '-') || ' ' || n || ' ' || n_asked || ' ' || n_outdated FROM "
                              "finals WHERE variant = 'tp'";
    int64_t ids[3], bp = 0;
    for (int i = 0; i < 3; i++) {
        bp = done_with(&f, 10 + i, "bp", "", i, (const double[]){ 9 }, 1);
        ids[i] = trial_with(&f, i, "tp", "", i, (const double[]){ i + 1 }, 1);
        const int64_t run = begin_run(f.s, ids[i], 0);
        origin(&f, ids[i], trials[i].numerics, trials[i].inputs, i ? 1 : 0);
        end_run(f.s, ids[i], run, TRIAL_DONE, 0);
        OK(store_refresh(f.s, f.study, &e));
        check_text(f.path, row, means[i]);
        check_text(f.path, "SELECT n || ' ' || n_outdated || ' ' || mean_finished FROM curves WHERE variant = 'tp'",
                   (const char *const[]){ "1 0 1.0", "1 1 2.0", "1 2 3.0" }[i]);
    }
    check_text(f.path, "SELECT group_concat(outdated) FROM (SELECT * FROM trials WHERE variant = 'tp' ORDER BY seed)",
               "1,1,0");
    check_text(f.path, "SELECT count(*) FROM comparison", "0"); /* bp is of numerics 1 */
    OK(store_reset_trial(f.s, bp, &e));
    bp = trial_with(&f, 12, "bp", "", 2, (const double[]){ 9 }, 1);
    const int64_t run = begin_run(f.s, bp, 0);
    origin(&f, bp, 2, "{\"x\":\"11\"}", 2);
    end_run(f.s, bp, run, TRIAL_DONE, 0);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT n || n_asked || (difference IS NULL) || ' ' || difference_finished FROM comparison",
               "131 6.0");
    fixture_close(&f);
}
END_TEST

START_TEST(results_of_another_origin_are_not_continued)
{
    static const char a[] = "{\"labels\":\"aa\",\"x\":\"11\"}", b[] = "{\"labels\":\"bb\",\"x\":\"11\"}";
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t t = put_trial(f.s, f.study, 1, "tp", "", 1, 0, NULL).id;
    begin_run(f.s, t, 0);
    origin(&f, t, 1, a, 0);
    struct store_origin o = { t, 1, b };
    OK(store_check_origin(f.s, &o, &e)); /* nothing was trained yet */
    OK(store_metric(f.s, t, 0, "train_loss", 0, 1, &e));
    OK(store_flush(f.s, &e));
    FAILS(ERR_CONFLICT, "'labels' is not the file that the trial was begun with: SHA-256 aa then, bb now",
          store_check_origin(f.s, &o, &e));
    o.inputs = a;
    OK(store_check_origin(f.s, &o, &e));
    o.inputs = NULL; /* a file of weights that is gone, and not needed any more */
    OK(store_check_origin(f.s, &o, &e));
    origin(&f, t, 1, NULL, 0);
    check_text(f.path, "SELECT inputs FROM trials", a);
    o.numerics_version = 2;
    FAILS(ERR_CONFLICT, "whose numbers have version 1, and this one's have 2; `tprun run --force`",
          store_check_origin(f.s, &o, &e));
    sqlite3 *db = plain_open(f.path); /* another program has been there */
    OK(store_flush(f.s, &e));
    ck_assert_int_eq(sqlite3_exec(db, "UPDATE trial SET inputs = 'x'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    o = (struct store_origin){ t, 1, a };
    FAILS(ERR_CONFLICT, "are no JSON", store_check_origin(f.s, &o, &e));
    OK(store_reset_trial(f.s, t, &e));
    OK(store_check_origin(f.s, &o, &e));
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT inputs IS NULL AND NOT outdated FROM trials", "1");
    fixture_close(&f);
}
END_TEST

/* Views of another text are made again; version 1 was never released. */
START_TEST(views_are_renewed_and_version_1_is_refused)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    put_selectable(&f);
    OK(store_refresh(f.s, f.study, &e));
    OK(store_close(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, "DROP VIEW finals; CREATE VIEW finals AS SELECT 1 AS old", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    OK(store_open(&f.s, f.path, &e));
    check_text(f.path, "SELECT count(*) FROM finals WHERE metric = 'test_accuracy'", "2");
    check_text(f.path, "SELECT count(*) FROM study_demo", "4");
    OK(store_close(f.s, &e));
    db = plain_open(f.path);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    FAILS(ERR_STORAGE, "schema version 1, which was never released; this tprun migrates from 2 on",
          store_open(&f.s, f.path, &e));
    fixture_remove(&f);
}
END_TEST

START_TEST(a_reset_forgets_the_statistics)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const int64_t a = trial_with(&f, 1, "tp", "", 1, (const double[]){ 1 }, 1);
    trial_with(&f, 2, "tp", "", 2, (const double[]){ 2 }, 1);
    OK(store_refresh(f.s, f.study, &e));
    OK(store_reset_trial(f.s, a, &e));
    trial_with(&f, 1, "tp", "", 1, (const double[]){ 7 }, 1); /* as many rows as before, but others */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT sd IS NULL AND n = 2 AND mean = 4.5 FROM curves", "1");
    fixture_close(&f);
}
END_TEST

static void sweep(struct fixture *f)
{
    struct err e = { 0 };
    int n = 0;
    for (int x = 0; x < 2; x++)
        for (int y = 0; y < 3; y++)
            for (int seed = 1; seed <= 2; seed++) {
                char cell[64];
                snprintf(cell, sizeof cell, "r=%d,s=%d", y, x);
                const struct store_param params[] = { { .key = "train.stepsize", .number = x, .swept = true },
                                                      { .key = "algorithm.r", .number = y, .swept = true },
                                                      { .key = "fixed", .number = 3 } };
                const int64_t t = put_trial(f->s, f->study, n++, "tp", cell, seed, 3, params).id;
                const int64_t run = begin_run(f->s, t, 0);
                const bool diverges = x == 1 && y == 2 && seed == 2, early = x == 0 && y == 2 && seed == 2;
                const int last = diverges ? 3 : early ? 5 : 10;
                OK(store_metric(f->s, t, run, "train_loss", 0, 2, &e));
                if (!diverges)
                    OK(store_metric(f->s, t, run, "train_loss", last, x + y + seed, &e));
                end_run(f->s, t, run, diverges ? TRIAL_DIVERGED : TRIAL_DONE, last);
            }
}

START_TEST(heatmap_of_two_keys)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    sweep(&f);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT count(*) || x_key || y_key FROM heatmap", "6algorithm.rtrain.stepsize");
    /* seeds 1 and 2 at x = 1, y = 1: areas 10 (2 + 3) / 2 and 10 (2 + 4) / 2 */
    check_text(f.path,
               "SELECT auc || ' ' || n || ' ' || n_diverged || ' ' || diverged FROM heatmap WHERE x = 1 AND y = 1",
               "27.5 2 0 0");
    check_text(
        f.path,
        "SELECT (auc IS NULL) || ' ' || auc_finished || ' ' || n || n_asked || n_diverged || diverged FROM heatmap "
        "WHERE x = 2 AND y = 1",
        "1 30.0 1211");
    /* seed 2 ended before seed 1: a mean of these areas is of no length */
    check_text(f.path,
               "SELECT (auc IS NULL) || ' ' || n || n_asked || ' ' || shortest || ' ' || longest FROM heatmap "
               "WHERE x = 2 AND y = 0",
               "1 22 5 10");
    check_text(f.path, "SELECT count(*) FROM heatmap WHERE shortest = 10 AND longest = 10", "5");
    /* a study of three keys is no map */
    const int64_t other = put_study(f.s, "three", "{}");
    const struct store_param params[] = { { .key = "a", .number = 1, .swept = true },
                                          { .key = "b", .number = 1, .swept = true },
                                          { .key = "c", .number = NAN, .text = "x", .swept = true } };
    put_trial(f.s, other, 99, "tp", "c", 1, 3, params);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) FROM heatmap WHERE study = 'three'", "0");
    fixture_close(&f);
}
END_TEST

START_TEST(summaries_by_name)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    trial_with(&f, 1, "tp", "r=1", 7, (const double[]){ 10, 40, 30 }, 3);
    OK(store_flush(f.s, &e));
    /* area: (10 + 40) / 2 + (40 + 30) / 2; the best accuracy is the largest */
    check_text(f.path,
               "SELECT variant || cell || seed || metric || ' ' || first || ' ' || last || ' ' || best || ' ' || "
               "best_step || ' ' "
               "|| min || ' ' || max || ' ' || auc || ' ' || n FROM summaries WHERE study = 'demo'",
               "tpr=17test_accuracy 10.0 30.0 40.0 1 10.0 40.0 60.0 3");
    fixture_close(&f);
}
END_TEST

/* A database of an earlier program lacks a view, or has another one of this name. */
START_TEST(views_are_made_again)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    trial_with(&f, 1, "tp", "", 1, (const double[]){ 1, 2 }, 2);
    OK(store_refresh(f.s, f.study, &e));
    OK(store_close(f.s, &e));
    char before[256], after[256];
    static const char all[] =
        "SELECT count(*) || ' ' || sum(length(text)) || ' ' || sum(\"table\" = 'summaries') FROM _doc";
    sqlite3 *db = plain_open(f.path);
    plain_text(db, all, before);
    ck_assert_int_eq(sqlite3_exec(db,
                                  "DROP VIEW summaries; DELETE FROM _doc WHERE \"table\" = 'summaries';"
                                  "DROP VIEW params; CREATE VIEW params AS SELECT 1 AS one",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    OK(store_open(&f.s, f.path, &e));
    check_text(f.path, "SELECT count(*) || max(auc) FROM summaries", "11.5");
    check_text(f.path, "SELECT count(param) FROM params", "0");
    check_text(f.path, "SELECT count(*) FROM study_demo", "1");
    db = plain_open(f.path);
    ck_assert_str_eq(plain_text(db, all, after), before);
    sqlite3_close(db);
    fixture_close(&f);
}
END_TEST

START_TEST(pivot_of_a_study)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    sweep(&f);
    OK(store_refresh(f.s, f.study, &e));
    check_text(
        f.path,
        "SELECT last_train_loss FROM study_demo WHERE \"train.stepsize\" = 1 AND \"algorithm.r\" = 2 AND seed = 1",
        "4.0");
    check_text(f.path, "SELECT count(*) FROM study_demo WHERE state = 'diverged'", "1");
    sqlite3 *db = plain_open(f.path);
    char before[256], after[256];
    plain_text(db, "PRAGMA schema_version", before);
    OK(store_refresh(f.s, f.study, &e)); /* the same view is left alone */
    plain_text(db, "PRAGMA schema_version", after);
    ck_assert_str_eq(before, after);
    sqlite3_close(db);
    fixture_close(&f);
}
END_TEST

static void check_verdict(const char *path, const char *id, const char *expected)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT verdict FROM claims WHERE study = 'demo' AND id = '%s'", id);
    check_text(path, sql, expected);
}

START_TEST(verdicts)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    const char *best = "SELECT max(mean) FROM curves WHERE variant = 'tp' AND metric = 'test_accuracy'";
    const struct store_claim claims[] = {
        { .id = "yes",
          .measure = best,
          .has_low = true,
          .low = 99.5,
          .has_high = true,
          .high = 100,
          .has_reported = true,
          .reported = 100 },
        { .id = "no", .measure = best, .has_high = true, .high = 50 },
        { .id = "open", .measure = best },
        { .id = "nothing",
          .measure = "SELECT max(mean) FROM curves WHERE variant = 'none'",
          .has_low = true,
          .low = 0 },
        { .id = "broken", .measure = "SELECT maximum(mean) FROM curves", .has_low = true, .low = 0 },
        { .id = "evil", .measure = "DELETE FROM trial", .has_low = true, .low = 0 },
        { .id = "counts",
          .measure = "SELECT count(*) FROM trials",
          .has_low = true,
          .low = 2,
          .has_high = true,
          .high = 2 },
        { .id = "bare", .text = "no measure", .has_low = true },
    };
    OK(store_put_claims(f.s, f.study, 8, claims, &e));
    /* another study with better numbers, which no claim of this one may see */
    const int64_t mine = f.study;
    f.study = put_study(f.s, "other", "{}");
    trial_with(&f, 100, "tp", "", 1, (const double[]){ 1000 }, 1);
    f.study = mine;
    const int64_t a = trial_with(&f, 1, "tp", "", 1, (const double[]){ 50, 99.75 }, 2),
                  b = put_trial(f.s, f.study, 2, "bp", "", 1, 0, NULL).id;
    OK(store_refresh(f.s, f.study, &e));
    check_verdict(f.path, "yes", "not run");
    end_run(f.s, a, begin_run(f.s, a, 0), TRIAL_DONE, 1);
    OK(store_refresh(f.s, f.study, &e));
    check_verdict(f.path, "yes", "undecided"); /* bp is missing */
    check_text(f.path, "SELECT measured FROM claims WHERE id = 'yes'", "99.75");
    const int64_t run = begin_run(f.s, b, 0);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT measured IS NULL FROM claims WHERE id = 'yes'", "1");
    end_run(f.s, b, run, TRIAL_DIVERGED, 1);   /* a result */
    check_verdict(f.path, "yes", "undecided"); /* not measured yet */
    OK(store_refresh(f.s, f.study, &e));
    check_verdict(f.path, "yes", "reproduced");
    check_verdict(f.path, "no", "refuted");
    check_verdict(f.path, "open", "undecided");
    check_verdict(f.path, "nothing", "undecided");
    check_verdict(f.path, "broken", "undecided");
    check_verdict(f.path, "evil", "undecided");
    check_verdict(f.path, "counts", "reproduced");
    check_verdict(f.path, "bare", "undecided");
    check_text(f.path, "SELECT note FROM claims WHERE id = 'nothing'", "the measure gives no value");
    check_text(f.path, "SELECT instr(note, 'maximum') > 0 FROM claims WHERE id = 'broken'", "1");
    check_text(f.path, "SELECT instr(note, 'not allowed') > 0 FROM claims WHERE id = 'evil'", "1");
    check_text(f.path, "SELECT group_concat(id) FROM claims", "yes,no,open,nothing,broken,evil,counts,bare");
    check_text(f.path, "SELECT count(*) FROM trial", "3");
    OK(store_put_claims(f.s, f.study, 1, claims, &e)); /* replaced */
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT count(*) || verdict FROM claims", "1undecided");
    fixture_close(&f);
}
END_TEST

START_TEST(only_current_trials_enter_statistics)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    trial_with(&f, 1, "tp", "", 1, (const double[]){ 1 }, 1);
    trial_with(&f, 2, "tp", "", 2, (const double[]){ 3 }, 1);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT mean || ' ' || n || ' ' || (sd > 1.41) FROM curves", "2.0 2 1");
    put_study(f.s, "demo", "{\"edited\": true}");
    done_with(&f, 1, "tp", "", 1, (const double[]){ 1 }, 1); /* kept, its partner is not */
    done_with(&f, 3, "tp", "", 2, (const double[]){ 5 }, 1);
    OK(store_flush(f.s, &e));
    check_text(f.path, "SELECT mean || ' ' || n || ' ' || (sd IS NULL) FROM curves", "3.0 2 1");
    check_text(f.path, "SELECT last_mean || ' ' || n_asked FROM finals", "3.0 2");
    check_text(f.path, "SELECT count(*) FROM trials", "2");
    check_text(f.path, "SELECT count(*) FROM all_trials", "3");
    fixture_close(&f);
}
END_TEST

/* What became of each seed adds up to the seeds that were asked for, in each view that has means. */
START_TEST(every_seed_is_accounted_for)
{
    static const char *const views[] = { "curves", "finals", "selected_finals", "heatmap" };
    struct fixture f = fixture_open();
    struct err e = { 0 };
    put_usual_facts(f.s);
    sweep(&f);
    const enum trial_state ends[] = { TRIAL_DONE, TRIAL_DIVERGED, TRIAL_FAILED, TRIAL_INTERRUPTED, TRIAL_DONE };
    for (int seed = 0; seed < 6; seed++) {
        const int64_t t = put_trial(f.s, f.study, 50 + seed, "bp", "r=1", seed, 0, NULL).id;
        if (seed == 5)
            break;
        const int64_t run = begin_run(f.s, t, 0);
        for (int step = 0; step < 3 - (ends[seed] == TRIAL_DIVERGED); step++) {
            OK(store_metric(f.s, t, run, "train_loss", step, seed == 4 && step == 2 ? NAN : seed + step, &e));
            OK(store_metric(f.s, t, run, "valid_accuracy", step, seed + step, &e));
        }
        end_run(f.s, t, run, ends[seed], 2);
    }
    OK(store_refresh(f.s, f.study, &e));
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char sql[300];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) > 0 AND min(n_asked = n + n_nonfinite + n_diverged + n_unfinished + n_failed + "
                 "n_outdated) FROM %s",
                 views[i]);
        check_text(f.path, sql, "1");
    }
    check_text(
        f.path,
        "SELECT n || n_asked || n_nonfinite || n_diverged || n_unfinished || n_failed || (last_mean IS NULL) || ' ' || "
        "last_mean_finished FROM finals WHERE variant = 'bp' AND metric = 'train_loss'",
        "1611211 2.0");
    fixture_close(&f);
}
END_TEST

/* A trial whose budget was raised is not finished: its values are of another step than those of the others. */
START_TEST(a_raised_budget_is_not_finished)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    char key[65];
    const int64_t a = done_with(&f, 1, "tp", "", 1, (const double[]){ 1, 2 }, 2);
    done_with(&f, 2, "tp", "", 2, (const double[]){ 3, 4 }, 2);
    OK(store_refresh(f.s, f.study, &e));
    check_text(f.path, "SELECT last_mean || ' ' || n || ' ' || (last_sd > 1) FROM finals", "3.0 2 1");
    struct store_trial_row row;
    const struct store_trial more = { .key = key_of(1, key),
                                      .study = f.study,
                                      .position = 1,
                                      .variant = "tp",
                                      .cell = "",
                                      .seed = 1,
                                      .config = put_config(f.s, 0, NULL),
                                      .budget = 2000 };
    OK(store_put_trial(f.s, &more, &row, &e));
    ck_assert_int_eq(row.id, a);
    OK(store_flush(f.s, &e));
    check_text(
        f.path,
        "SELECT (last_mean IS NULL) || last_mean_finished || n || n_asked || n_unfinished || (last_sd_finished IS "
        "NULL) FROM finals",
        "14.01211");
    check_text(f.path, "SELECT count(*) FROM comparison", "0");
    fixture_close(&f);
}
END_TEST

START_TEST(filters_reach_the_rows)
{
    struct fixture f = fixture_open();
    struct err e = { 0 };
    OK(store_flush(f.s, &e));
    sqlite3 *db = plain_open(f.path);
    static const char *const queries[] = {
        "EXPLAIN QUERY PLAN SELECT step, value FROM metrics WHERE trial_id = 5 AND metric = 'm'",
        ("EXPLAIN QUERY PLAN SELECT step, mean FROM curves"
         " WHERE study = 's' AND variant = 'v' AND cell = '' AND metric = 'm'"),
        "EXPLAIN QUERY PLAN SELECT value FROM selected WHERE study = 's' AND metric = 'm'",
        "EXPLAIN QUERY PLAN SELECT mean FROM selected_finals WHERE study = 's' AND variant = 'v' AND metric = 'm'",
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) { /* no scan of the table of metrics */
        sqlite3_stmt *stmt;
        ck_assert_int_eq(sqlite3_prepare_v2(db, queries[i], -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(stmt, 3);
            ck_assert_msg(strncmp(plan, "SCAN m", 6) != 0 && strcmp(plan, "SCAN t") != 0, "%s: %s", queries[i], plan);
            const bool whole_trial = strstr(plan, "SEARCH m ") && !strstr(plan, "key_id=?");
            ck_assert_msg(!strstr(queries[i], "selected") || !whole_trial, "%s: %s", queries[i], plan);
        }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, curves_over_seeds);
    tcase_add_test(t, layer_metrics_have_names);
    tcase_add_test(t, finals_and_comparison);
    tcase_add_test(t, superseded_trials_are_not_compared);
    tcase_add_test(t, selected_by_validation);
    tcase_add_test(t, a_metric_has_the_facts_that_were_told);
    tcase_add_test(t, other_bytes_and_numerics_are_in_no_mean);
    tcase_add_test(t, results_of_another_origin_are_not_continued);
    tcase_add_test(t, views_are_renewed_and_version_1_is_refused);
    tcase_add_test(t, a_reset_forgets_the_statistics);
    tcase_add_test(t, heatmap_of_two_keys);
    tcase_add_test(t, summaries_by_name);
    tcase_add_test(t, views_are_made_again);
    tcase_add_test(t, pivot_of_a_study);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, only_current_trials_enter_statistics);
    tcase_add_test(t, every_seed_is_accounted_for);
    tcase_add_test(t, a_raised_budget_is_not_finished);
    tcase_add_test(t, filters_reach_the_rows);
}
CHECK_MAIN("views", add_tests)
