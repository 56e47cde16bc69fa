/* The view study_<name>: one row per trial, one column per swept key. And store_refresh, which makes all that is
 * derived. */
#include "store/reader.h"
#include "store/writer.h"

#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* Columns of the view `trials` that stand before and after the swept keys. */
static const char *const before[] = { "trial_id", "variant", "seed", "state", "step", NULL };
static const char *const after[] = { "wall_s",
                                     "last_train_loss",
                                     "best_train_loss",
                                     "last_train_accuracy",
                                     "best_train_accuracy",
                                     "last_test_loss",
                                     "best_test_loss",
                                     "last_test_accuracy",
                                     "best_test_accuracy",
                                     "diverged_step",
                                     "outdated",
                                     "key",
                                     NULL };

static bool is_usual(const char *name)
{
    for (size_t i = 0; before[i]; i++)
        if (sqlite3_stricmp(before[i], name) == 0)
            return true;
    for (size_t i = 0; after[i]; i++)
        if (sqlite3_stricmp(after[i], name) == 0)
            return true;
    return false;
}

/* Appends SQL with sqlite3_mprintf's %w (a name between double quotes) and %q (a string between quotes). */
static void add_sql(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    if (!sql)
        err_no_memory("a statement");
    text_puts(t, sql);
    sqlite3_free(sql);
}

static void add_columns(struct text *sql, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        add_sql(sql, "%st.%s", sql->n && sql->s[sql->n - 1] != ' ' ? ", " : "", names[i]);
}

static int document(struct store *s, const char *view, const char *const *columns, struct err *e)
{
    for (size_t i = 0; columns[i]; i++)
        TRY(WRITE(s, SQL_PUT_DOC, NULL, e, value_text(view), value_text(columns[i]), value_null()));
    return 0;
}

static void put_column(struct text *column, const char *key)
{
    text_add(column, "%s%s", is_usual(key) ? "param " : "", key); /* a key called "step" is not the step */
}

void views_begin(struct text *sql, const char *study)
{
    struct text view = { 0 };
    text_add(&view, "study_%s", study);
    add_sql(sql, "CREATE VIEW \"%w\" AS SELECT ", view.s);
    add_columns(sql, before);
    text_free(&view);
}

void views_add(struct text *sql, const char *key)
{
    struct text column = { 0 };
    put_column(&column, key);
    add_sql(sql,
            ", (SELECT coalesce(p.num, p.text) FROM param p WHERE p.trial_id = t.trial_id AND p.key = '%q') AS \"%w\"",
            key, column.s);
    text_free(&column);
}

void views_end(struct text *sql, const char *study)
{
    add_columns(sql, after);
    add_sql(sql, " FROM trials t WHERE t.study = '%q' AND t.current", study);
}

/* The text of the view, and the _doc rows of its columns. */
static int compose(struct store *s, int64_t study, const char *name, const char *view, struct text *sql, struct err *e)
{
    TRY(WRITE(s, SQL_DELETE_DOC, NULL, e, value_text(view)));
    TRY(document(s, view, before, e));
    TRY(document(s, view, after, e));
    views_begin(sql, name);
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_SWEPT, &stmt, e, value_int(study)));
    while (stmt) {
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        struct text column = { 0 };
        put_column(&column, key);
        views_add(sql, key);
        const int code = WRITE(s, SQL_PUT_DOC, NULL, e, value_text(view), value_text(column.s),
                               value_text("value of the swept key"));
        text_free(&column);
        TRY(code);
        TRY(write_next(s, &stmt, e));
    }
    views_end(sql, name);
    return 0;
}

/* Whether a view of this name has this SQL. A table in its place is refused. */
static int has_view(struct store *s, const char *view, const char *sql, bool *same, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_VIEW, &stmt, e, value_text(view)));
    const bool in_the_way = stmt && strcmp((const char *)sqlite3_column_text(stmt, 0), "view") != 0;
    *same = stmt && !in_the_way && strcmp((const char *)sqlite3_column_text(stmt, 1), sql) == 0;
    write_reset(&stmt);
    return in_the_way ? write_refuse(s, ERR_STORAGE, e,
                                     "%s: the table '%s' stands where tprun makes a view of its study; rename the "
                                     "table or the experiment",
                                     s->path, view)
                      : 0;
}

int views_reserve(struct store *s, const char *study, struct err *e)
{
    struct text view = { 0 };
    bool same;
    text_add(&view, "study_%s", study);
    const int code = has_view(s, view.s, "", &same, e);
    text_free(&view);
    return code;
}

/* Replaces the view if its text changed: a changed schema makes every reader prepare its statements again. */
static int replace_view(struct store *s, const char *view, const char *sql, struct err *e)
{
    bool same;
    TRY(has_view(s, view, sql, &same, e));
    if (same)
        return 0;
    struct text drop = { 0 };
    add_sql(&drop, "DROP VIEW IF EXISTS \"%w\"", view);
    const bool ok = sqlite3_exec(s->db, drop.s, NULL, NULL, NULL) == SQLITE_OK &&
                    sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
    text_free(&drop);
    return ok ? 0 : write_fail(s, "create the view of a study", e);
}

int views_pivot(struct store *s, int64_t study, const char *name, struct err *e)
{
    struct text view = { 0 }, sql = { 0 };
    text_add(&view, "study_%s", name);
    int code = compose(s, study, name, view.s, &sql, e);
    if (code == 0)
        code = replace_view(s, view.s, sql.s, e);
    text_free(&view);
    text_free(&sql);
    return code;
}

int store_refresh(struct store *s, int64_t study, struct err *e)
{
    bool thinned;
    TRY(study_is_thinned(s, study, &thinned, e));
    if (thinned) /* all that is derived stays as it was made of the whole rows */
        return 0;
    TRY(write_begin(s, e));
    TRY(metric_put_summaries(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_STUDY, &stmt, e, value_null(), value_int(study)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no study %lld", s->path, (long long)study);
    char *name = strdup((const char *)sqlite3_column_text(stmt, 2));
    write_reset(&stmt);
    if (!name)
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    int code = views_pivot(s, study, name, e);
    free(name);
    TRY(code);
    TRY(stats_refresh(s, study, e));
    TRY(write_end(s, 1, e));
    TRY(store_flush(s, e)); /* claims are measured by a reader */
    TRY(claims_refresh(s, study, e));
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_SET_REFRESHED, NULL, e, value_int(study), value_int(write_utc_ms())));
    TRY(write_end(s, 1, e));
    return store_flush(s, e); /* until then the verdicts are not shown */
}
