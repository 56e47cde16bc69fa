/* What belongs to a trial, an attempt, a curve or a study is told by the names of the columns: trial_id, run_id,
 * curve_id and study_id. So a table that is new to the schema is emptied with the others, and none is forgotten.
 * Foreign keys are off meanwhile: SQLite would look through whole tables for each row that goes
 * (tests/store/check_remove.c asks for all of them afterwards). */
#include "store/remove.h"

#include "base/text.h"
#include "store/model.h"
#include "store/writer.h"
#include <stdlib.h>
#include <string.h>

static const char unasked[] = "SELECT trial_id FROM temp.doomed WHERE NOT asked";

static int execute(struct store *s, const char *sql, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : write_fail(s, "remove rows", e);
}

/* Adds "DELETE FROM table WHERE column IN (of)" for every table of the model with this column; what says which trial it
 * is goes only with those that are asked for no more. */
static int add_deletes(struct store *s, sqlite3 *model, const char *column, const char *of, struct text *sql,
                       struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(model,
                           "SELECT m.name, m.name IN ('param', 'place') AND c.name = 'trial_id' "
                           "FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = ?1 "
                           "WHERE m.type = 'table' ORDER BY m.name",
                           -1, &stmt, NULL) != SQLITE_OK)
        return write_refuse(s, ERR_INTERNAL, e, "%s: %s", s->path, sqlite3_errmsg(model));
    sqlite3_bind_text(stmt, 1, column, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        text_add(sql, "DELETE FROM \"%s\" WHERE %s IN (%s);\n", (const char *)sqlite3_column_text(stmt, 0), column,
                 sqlite3_column_int(stmt, 1) ? unasked : of);
    const bool read = sqlite3_finalize(stmt) == SQLITE_OK && sql->n > 0;
    return read ? 0 : write_refuse(s, ERR_INTERNAL, e, "%s: %s", s->path, sqlite3_errmsg(model));
}

/* Deletes the trials of temp.doomed. Those that their study asks for wait to be trained again: without their rows the
 * others would be a mean of all. */
static int delete_trials(struct store *s, sqlite3 *model, int *n_waiting, struct err *e)
{
    struct text sql = { 0 };
    int code = add_deletes(s, model, "run_id",
                           "SELECT r.id FROM temp.doomed d CROSS JOIN run r ON r.trial_id = d.trial_id", &sql, e);
    if (code == 0)
        code = add_deletes(s, model, "trial_id", "SELECT trial_id FROM temp.doomed", &sql, e);
    text_add(&sql, "DELETE FROM trial WHERE id IN (%s);", unasked);
    if (code == 0)
        code = execute(s, sql.s, e);
    text_free(&sql);
    TRY(code);
    TRY(WRITE(s, SQL_RESET_DOOMED, n_waiting, e, value_int(write_utc_ms())));
    TRY(write_exec(s, SQL_DELETE_CONFIG_PARAMS, NULL, 0, NULL, e));
    return write_exec(s, SQL_DELETE_CONFIGS, NULL, 0, NULL, e);
}

static int doom(struct store *s, size_t n, const int64_t *trials, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    TRY(execute(s,
                "CREATE TEMP TABLE IF NOT EXISTS doomed (trial_id INTEGER PRIMARY KEY, asked INTEGER NOT NULL "
                "DEFAULT 0); DELETE FROM temp.doomed",
                e));
    if (n == 0)
        return 0;
    if (sqlite3_prepare_v2(s->db, "INSERT OR IGNORE INTO temp.doomed (trial_id) VALUES (?1)", -1, &stmt, NULL) !=
        SQLITE_OK)
        return write_fail(s, "remove rows", e);
    int rc = SQLITE_OK;
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        sqlite3_bind_int64(stmt, 1, trials[i]);
        sqlite3_step(stmt);
        rc = sqlite3_reset(stmt);
    }
    const int code = rc == SQLITE_OK ? 0 : write_fail(s, "remove rows", e);
    sqlite3_finalize(stmt);
    return code;
}

/* The studies of temp.doomed; *studies is to be freed. */
static int list_studies(struct store *s, int64_t **studies, size_t *n, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, "SELECT DISTINCT study_id FROM trial WHERE id IN (SELECT trial_id FROM temp.doomed)",
                           -1, &stmt, NULL) != SQLITE_OK)
        return write_fail(s, "remove rows", e);
    int code = 0;
    while (code == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
        int64_t *grown = realloc(*studies, (*n + 1) * sizeof *grown);
        if (!grown) {
            code = write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
            break;
        }
        *studies = grown;
        grown[(*n)++] = sqlite3_column_int64(stmt, 0);
    }
    return sqlite3_finalize(stmt) != SQLITE_OK && code == 0 ? write_fail(s, "remove rows", e) : code;
}

/* What was made of trials that go, with others. */
static int forget(struct store *s, int64_t study, struct err *e)
{
    s->forgotten = 0;
    TRY(study_forget_statistics(s, study, e));
    TRY(WRITE(s, SQL_SET_QUEUED, NULL, e, value_int(study), value_null()));
    return WRITE(s, SQL_FORGET_STUDY_CLAIMS, NULL, e, value_int(study));
}

/* whole: 0, or the study that goes with all its trials. */
static int remove_doomed(struct store *s, sqlite3 *model, int64_t whole, int *n_waiting, struct err *e)
{
    int64_t *studies = NULL;
    size_t n = 0;
    int code = list_studies(s, &studies, &n, e);
    for (size_t i = 0; i < n && code == 0; i++) {
        if (studies[i] != whole)
            code = store_need_all_rows(s, studies[i], e);
        if (code == 0)
            code = forget(s, studies[i], e);
    }
    if (code == 0)
        code = delete_trials(s, model, n_waiting, e);
    for (size_t i = 0; i < n && code == 0; i++) /* those that had to make way for one of them count again */
        code = WRITE(s, SQL_SET_ALL_OUTDATED, NULL, e, value_int(studies[i]));
    free(studies);
    return code;
}

/* The rows of the study itself; its trials are gone. */
static int delete_study(struct store *s, sqlite3 *model, int64_t study, struct err *e)
{
    sqlite3_stmt *stmt;
    struct text sql = { 0 };
    char of[96];
    TRY(QUERY(s, SQL_GET_STUDY, &stmt, e, value_null(), value_int(study)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no study %lld", s->path, (long long)study);
    char *view = sqlite3_mprintf("DROP VIEW IF EXISTS \"study_%w\"; DELETE FROM _doc WHERE \"table\" = 'study_%q';",
                                 sqlite3_column_text(stmt, 2), sqlite3_column_text(stmt, 2));
    write_reset(&stmt);
    if (!view)
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    text_puts(&sql, view);
    sqlite3_free(view);
    snprintf(of, sizeof of, "SELECT id FROM curve WHERE study_id = %lld", (long long)study);
    int code = add_deletes(s, model, "curve_id", of, &sql, e);
    snprintf(of, sizeof of, "%lld", (long long)study);
    if (code == 0)
        code = add_deletes(s, model, "study_id", of, &sql, e);
    text_add(&sql, "DELETE FROM study WHERE id = %lld;", (long long)study);
    if (code == 0)
        code = execute(s, sql.s, e);
    text_free(&sql);
    return code;
}

/* Rows that nothing names any more. */
static const char unnamed[] = "DELETE FROM host WHERE id NOT IN (SELECT host_id FROM run);"
                              "DELETE FROM code WHERE id NOT IN (SELECT code_id FROM run);"
                              "DELETE FROM repository WHERE id NOT IN (SELECT repository_id FROM run WHERE "
                              "repository_id NOT NULL UNION SELECT repository_id FROM study WHERE repository_id NOT "
                              "NULL);"
                              "DELETE FROM temp.doomed;";

static const char mark_asked[] = "UPDATE temp.doomed SET asked = 1 WHERE trial_id IN (SELECT t.id FROM trial t "
                                 "JOIN study s ON s.id = t.study_id WHERE t.generation = s.generation)";

/* study: 0, or one that goes as a whole. */
static int change(struct store *s, size_t n, const int64_t *trials, int64_t study, sqlite3 *model, int *n_waiting,
                  struct err *e)
{
    char sql[128];
    TRY(write_begin(s, e));
    TRY(doom(s, n, trials, e));
    if (study > 0) {
        snprintf(sql, sizeof sql,
                 "INSERT OR IGNORE INTO temp.doomed (trial_id) SELECT id FROM trial WHERE study_id = %lld",
                 (long long)study);
        TRY(execute(s, sql, e));
    } else {
        TRY(execute(s, mark_asked, e));
    }
    TRY(remove_doomed(s, model, study, n_waiting, e));
    if (study > 0)
        TRY(delete_study(s, model, study, e));
    TRY(execute(s, unnamed, e));
    return store_flush(s, e);
}

static int remove_rows(struct store *s, size_t n, const int64_t *trials, int64_t study, size_t *n_waiting,
                       struct err *e)
{
    int waiting = 0;
    sqlite3 *model = NULL;
    TRY(store_flush(s, e));
    for (size_t i = 0; i < n; i++)
        series_forget(s, trials[i]);
    TRY(execute(s, "PRAGMA foreign_keys = OFF", e));
    int code = model_open(SCHEMA_VERSION, &model, e);
    if (code == 0)
        code = change(s, n, trials, study, model, &waiting, e);
    sqlite3_close(model);
    *n_waiting = (size_t)waiting;
    return code < 0 ? code : execute(s, "PRAGMA foreign_keys = ON", e);
}

int store_remove_trials(struct store *s, size_t n, const int64_t *trials, size_t *n_waiting, struct err *e)
{
    return remove_rows(s, n, trials, 0, n_waiting, e);
}

int store_remove_study(struct store *s, int64_t study, struct err *e)
{
    size_t none;
    return remove_rows(s, 0, NULL, study, &none, e);
}

int store_remove_checkpoints(struct store *s, size_t n, const int64_t *trials, struct err *e)
{
    TRY(write_begin(s, e));
    for (size_t i = 0; i < n; i++)
        TRY(WRITE(s, SQL_DELETE_CHECKPOINTS, NULL, e, value_int(trials[i])));
    return store_flush(s, e);
}

int store_shrink(struct store *s, struct err *e)
{
    TRY(store_flush(s, e));
    return sqlite3_exec(s->db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK ? 0 : write_fail(s, "shrink", e);
}
