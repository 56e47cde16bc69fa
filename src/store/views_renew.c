/* Views hold no facts, so a database written by an earlier program gets those of this one. */
#include "store/writer.h"

#include "schema_sql.h"
#include <string.h>

/* An empty database in memory with the tables and views that this program makes. */
static int open_model(struct store *s, sqlite3 **model, struct err *e)
{
    if (sqlite3_open_v2(":memory:", model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_exec(*model, schema_sql, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(*model, views_sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return write_refuse(s, ERR_INTERNAL, e, "%s: cannot make the views in memory: %s", s->path, sqlite3_errmsg(*model));
}

/* Whether the database has this view with this text. */
static int compare(struct store *s, const char *view, const char *sql, bool *same, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_VIEW, &stmt, e, value_text(view)));
    *same = stmt && strcmp((const char *)sqlite3_column_text(stmt, 0), sql) == 0;
    write_reset(&stmt);
    return 0;
}

static int drop(struct store *s, const char *view, struct err *e)
{
    TRY(WRITE(s, SQL_DELETE_DOC, NULL, e, value_text(view)));
    char *sql = sqlite3_mprintf("DROP VIEW IF EXISTS \"%w\"", view);
    if (!sql)
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    const int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc == SQLITE_OK ? 0 : write_fail(s, "drop an old view", e);
}

/* Calls drop for all views, or finds out whether one differs. */
static int walk(struct store *s, sqlite3_stmt *views, bool dropping, bool *same, struct err *e)
{
    *same = true;
    sqlite3_reset(views);
    while (sqlite3_step(views) == SQLITE_ROW && *same) {
        const char *view = (const char *)sqlite3_column_text(views, 0),
                   *sql = (const char *)sqlite3_column_text(views, 1);
        TRY(dropping ? drop(s, view, e) : compare(s, view, sql, same, e));
    }
    return 0;
}

static int renew(struct store *s, sqlite3_stmt *views, struct err *e)
{
    bool same;
    TRY(walk(s, views, false, &same, e));
    if (same)
        return 0; /* a changed schema makes every reader prepare its statements again */
    TRY(write_begin(s, e));
    TRY(walk(s, views, true, &same, e));
    if (sqlite3_exec(s->db, views_sql, NULL, NULL, NULL) != SQLITE_OK)
        return write_fail(s, "create the views", e);
    TRY(write_end(s, 1, e));
    return store_flush(s, e);
}

int views_renew(struct store *s, struct err *e)
{
    sqlite3 *model = NULL;
    sqlite3_stmt *views = NULL;
    int code = open_model(s, &model, e);
    if (code == 0 && sqlite3_prepare_v2(model, "SELECT name, sql FROM sqlite_master WHERE type = 'view'", -1, &views,
                                        NULL) != SQLITE_OK)
        code = write_refuse(s, ERR_INTERNAL, e, "%s: %s", s->path, sqlite3_errmsg(model));
    if (code == 0)
        code = renew(s, views, e);
    sqlite3_finalize(views);
    sqlite3_close(model);
    return code;
}
