/* merge_names.sql and merge_rows.sql between checks: first what must not be merged, then what was computed twice. */
#include "store/merge.h"

#include "base/killpoint.h"
#include "base/text.h"
#include "schema_sql.h"
#include "store/fragments.h"
#include "store/writer.h"
#include <string.h>

enum { TOLD = 10 }; /* differences */

struct merge {
    struct store *store;
    const struct merge_source *source;
    struct merge_counts *counts;
    struct err *e;
};

static int execute(struct merge *m, const char *sql, const char *what)
{
    return sqlite3_exec(m->store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : write_fail(m->store, what, m->e);
}

/* Calls each for the rows of a SELECT without parameters. */
static int visit(struct merge *m, const char *sql, int (*each)(struct merge *m, sqlite3_stmt *row))
{
    sqlite3_stmt *stmt = NULL;
    int code = 0, rc = SQLITE_DONE;
    if (sqlite3_prepare_v2(m->store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return write_fail(m->store, "compare the databases", m->e);
    while (code == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        code = each(m, stmt);
    if (code == 0 && rc != SQLITE_DONE)
        code = write_fail(m->store, "compare the databases", m->e);
    sqlite3_finalize(stmt);
    return code;
}

static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "unknown";
}

/* ---- what cannot be in one database ---- */

static const char of_another_study[] = "SELECT t.key, s.name, g.name FROM src.trial t JOIN src.study s ON s.id = "
                                       "t.study_id JOIN main.trial m ON m.key = t.key "
                                       "JOIN main.study g ON g.id = m.study_id WHERE g.name <> s.name LIMIT 1";

static int refuse_study(struct merge *m, sqlite3_stmt *row)
{
    return err_set(m->e, ERR_CONFLICT, "%s: trial %.12s belongs to study '%s', and to '%s' in another of the databases",
                   m->source->name, text_of(row, 0), text_of(row, 1), text_of(row, 2));
}

/* Both have results of the trial, of other numerics or other bytes of a file. */
static const char of_another_origin[] =
    "SELECT t.key, t.numerics_version, m.numerics_version, t.inputs, m.inputs, t.numerics_version = m.numerics_version "
    "FROM src.trial t JOIN main.trial m ON m.key = t.key WHERE " HAS_RESULTS("src.", "t") " AND " HAS_RESULTS(
        "main.", "m") " AND (t.numerics_version <> m.numerics_version OR " OTHER_BYTES("t", "m") ") LIMIT 1";

static int refuse_origin(struct merge *m, sqlite3_stmt *row)
{
    if (sqlite3_column_int(row, 5))
        return err_set(
            m->e, ERR_CONFLICT,
            "%s: trial %.12s was trained on %s there, and on %s in another of the databases: results of other "
            "data are kept apart, merge them into databases of their own",
            m->source->name, text_of(row, 0), text_of(row, 3), text_of(row, 4));
    return err_set(
        m->e, ERR_CONFLICT,
        "%s: trial %.12s was computed by a tprun whose numbers have version %s there, and %s in another of the "
        "databases: these are kept apart, merge them into databases of their own",
        m->source->name, text_of(row, 0), text_of(row, 1), text_of(row, 2));
}

static const char of_which_rows_miss[] = "SELECT s.name FROM src.study s WHERE " THINNED(
    "src", "s.id") " UNION ALL SELECT s.name FROM main.study s WHERE "
                   "s.name IN (SELECT name FROM src.study) AND " THINNED("main", "s.id") " LIMIT 1";

static int refuse_thinned(struct merge *m, sqlite3_stmt *row)
{
    return err_set(
        m->e, ERR_CONFLICT,
        "%s: of study '%s' only some rows of each curve are there, or in what it is merged with (tools/campaign "
        "pack): it can be read, and not merged; merge the databases that it was made from",
        m->source->name, text_of(row, 0));
}

/* ---- what was computed twice ---- */

/* trial.id, key, what, layer, step; the values there and here, each as number, code and text. */
#define BOTH_HAVE(table)                                                                                               \
    "FROM temp.map_trial t CROSS JOIN src." table " x ON x.trial_id = t.src CROSS JOIN temp.map_key k ON k.src = "     \
    "x.key_id CROSS JOIN main." table " m ON m.trial_id = t.id AND m.key_id = k.id AND m.step = x.step "
#define DIFFERENT "(x.value IS NOT m.value OR x.nonfinite IS NOT m.nonfinite)"
#define NAMES "(SELECT key FROM main.trial o WHERE o.id = t.id), (SELECT name FROM main.metric_key n WHERE n.id = k.id)"
#define VALUES "x.value, x.nonfinite, NULL, m.value, m.nonfinite, NULL, k.id "
static const char different_metrics[] =
    "SELECT t.id, " NAMES ", -1, x.step, " VALUES BOTH_HAVE("metric") "WHERE NOT t.empty "
                                                                      "AND " DIFFERENT;
static const char different_layer_metrics[] =
    "SELECT t.id, " NAMES ", x.layer, x.step, " VALUES BOTH_HAVE("layer_metric") "AND m.layer = x.layer "
                                                                                 "WHERE NOT t.is_new AND " DIFFERENT;
/* Of trials that both have finished at the same step. Compared before one record is laid over the other. */
#define ENDS(column)                                                                                                   \
    "SELECT m.id, m.key, '" column "', -1, 0, NULL, NULL, t." column ", NULL, NULL, m." column ", NULL "               \
    "FROM src.trial t JOIN main.trial m ON m.key = t.key WHERE t.state IN ('done', 'diverged') AND m.state IN "        \
    "('done', "                                                                                                        \
    "'diverged') AND t.step = m.step AND t.finished_budget = m.finished_budget AND t." column " IS NOT m." column
static const char different_ends[] = ENDS("state") " UNION ALL " ENDS("weights_sha256") " UNION ALL " ENDS(
    "diverged_step") " UNION ALL " ENDS("diverged_layer") " UNION ALL " ENDS("diverged_tensor");

/* Three columns from `at` on as a text: the shortest that reads back the same. */
static void put_value(struct text *t, sqlite3_stmt *row, int at)
{
    static const char *const names[] = { "?", "nan", "inf", "-inf" };
    if (sqlite3_column_type(row, at) != SQLITE_NULL)
        text_json_number(t, sqlite3_column_double(row, at));
    else if (sqlite3_column_type(row, at + 1) != SQLITE_NULL)
        text_puts(t, names[sqlite3_column_int(row, at + 1) & 3]);
    else
        text_puts(t, text_of(row, at + 2));
}

/* Whether the value there is to stand in the tables: the smaller one, whichever database comes first. */
static bool comes_before(sqlite3_stmt *row, const struct text *there, const struct text *here)
{
    const bool numbers = sqlite3_column_type(row, 5) != SQLITE_NULL && sqlite3_column_type(row, 8) != SQLITE_NULL;
    const bool one = sqlite3_column_type(row, 5) != SQLITE_NULL || sqlite3_column_type(row, 8) != SQLITE_NULL;
    if (numbers)
        return sqlite3_column_double(row, 5) < sqlite3_column_double(row, 8);
    return one ? sqlite3_column_type(row, 5) != SQLITE_NULL : strcmp(there->s, here->s) < 0;
}

static int tell_difference(struct merge *m, sqlite3_stmt *row, const char *there, const char *here)
{
    const struct where nowhere = { 0 };
    char layer[32] = "";
    if (sqlite3_column_int(row, 3) >= 0)
        snprintf(layer, sizeof layer, "[%d]", sqlite3_column_int(row, 3));
    if (m->counts->different++ == 0)
        err_set(m->e, ERR_CONFLICT, "%s: what was computed twice came out in two ways, so nothing was merged",
                m->source->name);
    if (m->counts->different <= TOLD)
        err_note(m->e, nowhere, "trial %.12s: %s%s at step %lld is %s there, and %s in what it is merged with",
                 text_of(row, 1), text_of(row, 2), layer, (long long)sqlite3_column_int64(row, 4), there, here);
    return 0;
}

/* ?1 trial, ?2 what, ?3 layer, ?4 step, ?5 to ?7 the value there, ?8 metric_key.id, ?9 text, ?10 source, ?11 now. */
static int run_bound(struct merge *m, const char *sql, sqlite3_stmt *row, const char *text)
{
    static const int columns[] = { 0, 2, 3, 4, 5, 6, 7, 11 };
    enum { COLUMNS = sizeof columns / sizeof *columns };
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(m->store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return write_fail(m->store, "record a difference", m->e);
    const int n = sqlite3_bind_parameter_count(stmt);
    int rc = SQLITE_OK;
    for (int i = 0; i < n && i < COLUMNS && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_value(stmt, i + 1, sqlite3_column_value(row, columns[i]));
    if (n > COLUMNS && rc == SQLITE_OK) { /* without a copy: nothing can fail */
        sqlite3_bind_text(stmt, COLUMNS + 1, text, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, COLUMNS + 2, m->source->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, COLUMNS + 3, write_utc_ms());
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    const int code = rc == SQLITE_DONE ? 0 : write_fail(m->store, "record a difference", m->e);
    sqlite3_finalize(stmt);
    return code;
}

/* The value there takes the place of the one here. */
static int swap_values(struct merge *m, sqlite3_stmt *row)
{
    if (sqlite3_column_type(row, 11) == SQLITE_NULL) { /* a column of trial */
        char *sql = sqlite3_mprintf("UPDATE main.trial SET \"%w\" = ?7 WHERE id = ?1", text_of(row, 2));
        const int code = sql ? run_bound(m, sql, row, NULL) : write_refuse(m->store, ERR_MEMORY, m->e, "out of memory");
        sqlite3_free(sql);
        return code;
    }
    if (sqlite3_column_int(row, 3) >= 0)
        return run_bound(m,
                         "UPDATE main.layer_metric SET value = ?5, nonfinite = ?6 WHERE trial_id = ?1 AND key_id = ?8 "
                         "AND layer = ?3 AND step = ?4",
                         row, NULL);
    return run_bound(m,
                     "UPDATE main.metric SET value = ?5, nonfinite = ?6 WHERE trial_id = ?1 AND key_id = ?8 AND step = "
                     "?4",
                     row, NULL);
}

/* The larger value goes into the table of differences. */
static int record(struct merge *m, sqlite3_stmt *row, const char *there, const char *here, bool swap)
{
    m->counts->different++;
    TRY(run_bound(m,
                  "INSERT INTO main.nondeterminism (trial_id, what, layer, step, other, source, found_ms) "
                  "SELECT ?1, ?2, ?3, ?4, ?9, ?10, ?11 WHERE true ON CONFLICT DO NOTHING",
                  row, swap ? here : there));
    if (sqlite3_column_type(row, 11) != SQLITE_NULL && sqlite3_column_int(row, 3) < 0)
        TRY(run_bound(m, "INSERT INTO temp.stale_summary SELECT ?1, ?8 WHERE true ON CONFLICT DO NOTHING", row, NULL));
    return swap ? swap_values(m, row) : 0;
}

static int differ(struct merge *m, sqlite3_stmt *row)
{
    struct text there = { 0 }, here = { 0 };
    put_value(&there, row, 5);
    put_value(&here, row, 8);
    const int code = m->source->keep_both ? record(m, row, there.s, here.s, comes_before(row, &there, &here))
                                          : tell_difference(m, row, there.s, here.s);
    text_free(&there);
    text_free(&here);
    return code;
}

/* ---- files and sums ---- */

static int bring_checkpoint(struct merge *m, sqlite3_stmt *row)
{
    if (m->source->bring(m->source->self, text_of(row, 1), text_of(row, 2)) == 0)
        return 0;
    char *sql = sqlite3_mprintf("DELETE FROM temp.newest WHERE trial_id = %lld AND path = %Q",
                                (long long)sqlite3_column_int64(row, 0), text_of(row, 1));
    const int code =
        sql ? execute(m, sql, "leave a checkpoint out") : write_refuse(m->store, ERR_MEMORY, m->e, "out of memory");
    sqlite3_free(sql);
    return code;
}

static int mark_stale(struct merge *m, sqlite3_stmt *row)
{
    size_t index;
    struct open_trial *t;
    struct series *series;
    TRY(series_find_name(m->store, text_of(row, 1), &index, m->e));
    TRY(series_find(m->store, sqlite3_column_int64(row, 0), index, &t, &series, m->e));
    series->rebuild = series->dirty = true;
    return 0;
}

static int forget_trial(struct merge *m, sqlite3_stmt *row)
{
    const int64_t trial = sqlite3_column_int64(row, 0);
    series_forget(m->store, trial);
    return WRITE(m->store, SQL_DELETE_EMPTY_SUMMARIES, NULL, m->e, value_int(trial));
}

static int rebuild_summaries(struct merge *m)
{
    TRY(visit(m, "SELECT s.trial_id, k.name FROM temp.stale_summary s JOIN main.metric_key k ON k.id = s.key_id",
              mark_stale));
    TRY(metric_put_summaries(m->store, m->e));
    return visit(m, "SELECT DISTINCT trial_id FROM temp.stale_summary", forget_trial);
}

static int forget_study(struct merge *m, sqlite3_stmt *row)
{
    const int64_t study = sqlite3_column_int64(row, 0);
    TRY(WRITE(m->store, SQL_SET_ALL_OUTDATED, NULL, m->e, value_int(study)));
    m->store->forgotten = 0;
    return study_forget_statistics(m->store, study, m->e);
}

/* ---- the whole ---- */

static const char end[] =
    "DELETE FROM main.checkpoint WHERE trial_id IN (SELECT trial_id FROM temp.newest);"
    "INSERT INTO main.checkpoint (trial_id, run_id, step, path, sha256, time_ms, cpu_ns, flops) "
    "SELECT trial_id, run_id, step, path, sha256, time_ms, cpu_ns, flops FROM temp.newest ORDER BY trial_id, step, "
    "path;"
    "UPDATE main.study SET n_seeds = (SELECT count(DISTINCT t.seed) FROM main.trial t WHERE t.study_id = study.id AND "
    "t.generation = study.generation AND t.cell IS NOT t.tuning) WHERE n_seeds IS NOT NULL AND id IN (SELECT id FROM "
    "temp.map_study);";
static const char drop[] =
    "DROP TABLE temp.map_study; DROP TABLE temp.map_config; DROP TABLE temp.map_key; DROP TABLE "
    "temp.map_host; DROP TABLE temp.map_code; DROP TABLE temp.map_trial; DROP TABLE temp.map_run; "
    "DROP TABLE temp.map_repository; DROP "
    "TABLE temp.newest; DROP TABLE temp.beyond; DROP TABLE temp.stale_summary; DROP TABLE temp.different_end;";

static int count(struct merge *m, sqlite3_stmt *row)
{
    m->counts->trials += sqlite3_column_int64(row, 0);
    m->counts->rows += sqlite3_column_int64(row, 1);
    m->counts->notes += sqlite3_column_int64(row, 2);
    return 0;
}

/* Trials and rows that are new, and pairs of notes, of which the later one stays. */
static const char counted[] =
    "SELECT (SELECT count(*) FROM temp.map_trial WHERE is_new), (SELECT count(*) FROM temp.map_trial t CROSS JOIN "
    "src.metric x ON x.trial_id = t.src WHERE t.empty), (SELECT count(*) FROM (SELECT s.id AS study_id, 0 AS trial_id, "
    "x.text FROM temp.map_study s JOIN src.note x ON "
    "x.study_id = s.src AND x.trial_id = 0 UNION ALL SELECT s.id, t.id, x.text FROM temp.map_study s JOIN src.note x "
    "ON x.study_id = s.src JOIN temp.map_trial t ON t.src = x.trial_id) y JOIN main.note n ON n.study_id = y.study_id "
    "AND n.trial_id = y.trial_id WHERE n.text <> y.text)";

static int merge(struct merge *m)
{
    TRY(visit(m, of_another_study, refuse_study));
    TRY(visit(m, of_another_origin, refuse_origin));
    TRY(visit(m, of_which_rows_miss, refuse_thinned));
    TRY(execute(m, "CREATE TEMP TABLE stale_summary (trial_id INTEGER, key_id INTEGER, PRIMARY KEY (trial_id, key_id))",
                "merge"));
    struct text ends = { 0 };
    text_add(&ends, "CREATE TEMP TABLE different_end AS %s", different_ends); /* before one record covers the other */
    const int code = execute(m, ends.s, "merge");
    text_free(&ends);
    TRY(code);
    TRY(execute(m, merge_names_sql, "merge names"));
    TRY(write_exec(m->store, SQL_DELETE_CONFIG_PARAMS, NULL, 0, NULL, m->e)); /* of trials that are called otherwise */
    TRY(write_exec(m->store, SQL_DELETE_CONFIGS, NULL, 0, NULL, m->e));
    TRY(visit(m, "SELECT * FROM temp.different_end", differ));
    TRY(visit(m, different_metrics, differ));
    TRY(visit(m, different_layer_metrics, differ));
    if (m->e->code)
        return m->e->code;
    TRY(visit(m, counted, count));
    TRY(execute(m, merge_rows_sql, "merge rows"));
    TRY(visit(m, "SELECT trial_id, path, sha256 FROM temp.newest WHERE NOT ours", bring_checkpoint));
    TRY(execute(m, end, "merge checkpoints"));
    TRY(rebuild_summaries(m));
    TRY(visit(m, "SELECT id FROM temp.map_study", forget_study));
    return execute(m, drop, "merge");
}

static int attach(struct merge *m)
{
    char *sql = sqlite3_mprintf("ATTACH %Q AS src", m->source->copy);
    const int code =
        sql ? execute(m, sql, "read what is merged") : write_refuse(m->store, ERR_MEMORY, m->e, "out of memory");
    sqlite3_free(sql);
    return code;
}

int store_merge(struct store *s, const struct merge_source *source, struct merge_counts *counts, struct err *e)
{
    struct merge m = { s, source, counts, e };
    TRY(store_flush(s, e));
    TRY(attach(&m));
    int code = write_begin(s, e);
    if (code == 0)
        code = merge(&m);
    KILL_POINT(STORE_MERGED);
    if (code < 0) {
        struct err told = { 0 };
        if (!s->failed)
            (void)write_refuse(s, code, &told, "%s", err_first(e)); /* rolls back */
        err_clear(&told);
        return code;
    }
    TRY(write_end(s, 1, e));
    TRY(store_flush(s, e));
    return execute(&m, "DETACH src", "let go of what was merged");
}

int store_check(struct store *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = 0;
    if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        code = write_fail(s, "check", e);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        code = write_refuse(s, ERR_STORAGE, e, "%s is damaged: %.200s", s->path,
                            (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return code;
}

int store_visit_studies(struct store *s, int (*each)(void *self, int64_t id), void *self, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = 0;
    if (sqlite3_prepare_v2(s->db, "SELECT id FROM study ORDER BY id", -1, &stmt, NULL) != SQLITE_OK)
        return write_fail(s, "read the studies", e);
    while (code == 0 && sqlite3_step(stmt) == SQLITE_ROW)
        code = each(self, sqlite3_column_int64(stmt, 0));
    if (sqlite3_finalize(stmt) != SQLITE_OK && code == 0)
        return write_fail(s, "read the studies", e);
    return code < 0 && !e->code ? err_set(e, code, "out of memory") : code;
}
