#include "store/model.h"

#include "base/text.h"
#include "schema_sql.h"
#include "store/writer.h"
#include <assert.h>
#include <string.h>

enum { SQL_LENGTH = 1000000, SHOWN = 64 };

int model_distrust(sqlite3 *db)
{
    static const struct {
        int option, value;
    } options[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
        { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
        { SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 },
        { SQLITE_DBCONFIG_DQS_DML, 0 }, /* "stepsze" is no such column, not a text */
        { SQLITE_DBCONFIG_DQS_DDL, 0 },
    };
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_LENGTH);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (sqlite3_db_config(db, options[i].option, options[i].value, NULL) != SQLITE_OK)
            return SQLITE_ERROR;
    return sqlite3_exec(db, "PRAGMA cell_size_check = ON", NULL, NULL, NULL); /* a damaged page is told, not followed */
}

int model_open(int version, sqlite3 **model, struct err *e)
{
    *model = NULL;
    const char *const tables[] = {
        [2] = schema_2_sql, [3] = schema_3_sql, [4] = schema_4_sql, [SCHEMA_VERSION] = schema_sql
    };
    const bool newest = version == SCHEMA_VERSION;
    assert(version >= SCHEMA_OLDEST && version <= SCHEMA_VERSION);
    if (sqlite3_open_v2(":memory:", model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_exec(*model, tables[version], NULL, NULL, NULL) == SQLITE_OK &&
        (!newest || sqlite3_exec(*model, views_sql, NULL, NULL, NULL) == SQLITE_OK))
        return 0;
    const bool memory = sqlite3_errcode(*model) == SQLITE_NOMEM; /* also of no connection */
    return err_set(e, memory ? ERR_MEMORY : ERR_INTERNAL, "cannot make the tables in memory: %s",
                   sqlite3_errmsg(*model));
}

/* A file that is compared. */
struct comparison {
    sqlite3 *db, *model;
    const char *path;
    sqlite3_stmt *ours, *plain, *links; /* see below */
    int met, views_met;                 /* tables and indexes of ours, and views */
    bool stale;
};

/* One of ours by its name: type and sql. */
static const char sql_ours[] = "SELECT type, sql FROM sqlite_master WHERE name = ?1 COLLATE NOCASE";
/* Whether an index runs nothing and forbids nothing: columns only, sorted as SQLite itself does, of every row. */
static const char sql_plain[] = "SELECT NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(?1, 'main') WHERE cid < -1 OR "
                                "coll NOT IN ('BINARY', 'NOCASE', "
                                "'RTRIM')) AND EXISTS (SELECT 1 FROM pragma_index_list(?2, 'main') WHERE name = ?1 AND "
                                "\"unique\" = 0 AND partial = 0)";
static const char sql_links[] = "SELECT \"table\" FROM pragma_foreign_key_list(?1, 'main')";

static const char *column(sqlite3_stmt *stmt, int i)
{
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    return text ? text : "";
}

/* Another reading of the file went wrong: damage, a lock, no memory. */
static int unreadable(struct comparison *c, struct err *e)
{
    return err_set(e, sqlite3_errcode(c->db) == SQLITE_NOMEM ? ERR_MEMORY : ERR_STORAGE,
                   "%s: its schema cannot be read: %.*s", c->path, SHOWN, sqlite3_errmsg(c->db));
}

/* Names out of the file are cut, and cleaned where they are printed. */
static int refuse(struct comparison *c, const char *type, const char *name, const char *table, const char *why,
                  struct err *e)
{
    return err_set(
        e, ERR_STORAGE,
        "%s: the %s '%.*s'%s%.*s%s %s; another program made or changed the database, and nothing was read or written",
        c->path, type, SHOWN, name, table ? " of '" : "", SHOWN, table ? table : "", table ? "'" : "", why);
}

/* Begins a statement about one name. */
static int ask(sqlite3_stmt *stmt, const char *name)
{
    sqlite3_reset(stmt);
    return sqlite3_bind_text(stmt, 1, name, -1, SQLITE_TRANSIENT);
}

/* Looks a name up among ours; its type ("" = not ours) and SQL hold until the next call. */
static int find(struct comparison *c, const char *name, const char **type, const char **sql, struct err *e)
{
    int rc = ask(c->ours, name);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(c->ours);
    *type = rc == SQLITE_ROW ? column(c->ours, 0) : "";
    *sql = rc == SQLITE_ROW ? column(c->ours, 1) : "";
    if (rc == SQLITE_DONE || (*type)[0])
        return 0;
    return err_set(e, ERR_MEMORY, "%s: out of memory", c->path); /* all that can fail in a database in memory */
}

/* An index that is not ours, on a table of ours: SQLite keeps it up to date, whatever that runs. */
static int compare_index(struct comparison *c, const char *name, const char *table, struct err *e)
{
    if (ask(c->plain, name) != SQLITE_OK || sqlite3_bind_text(c->plain, 2, table, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
        sqlite3_step(c->plain) != SQLITE_ROW)
        return unreadable(c, e);
    return sqlite3_column_int(c->plain, 0)
               ? 0
               : refuse(c, "index", name, table, "is not tprun's and is more than columns", e);
}

/* A table that is not ours, but whose foreign key would be followed when a row of ours is deleted. */
static int compare_links(struct comparison *c, const char *name, struct err *e)
{
    int rc = ask(c->links, name);
    const char *type, *sql;
    if (rc != SQLITE_OK)
        return unreadable(c, e);
    while ((rc = sqlite3_step(c->links)) == SQLITE_ROW) {
        TRY(find(c, column(c->links, 0), &type, &sql, e));
        if (type[0])
            return refuse(c, "table", name, NULL, "is not tprun's and has a foreign key to one that is", e);
    }
    return rc == SQLITE_DONE ? 0 : unreadable(c, e);
}

static int compare_object(struct comparison *c, const char *type, const char *name, const char *table, const char *sql,
                          struct err *e)
{
    const char *ours, *wanted, *ignored;
    TRY(find(c, name, &ours, &wanted, e));
    if (strcmp(ours, "view") == 0 && strcmp(type, "view") == 0) {
        c->views_met++;
        c->stale |= strcmp(sql, wanted) != 0;
        return 0;
    }
    if (ours[0]) {
        if (strcmp(ours, type) != 0 || strcmp(sql, wanted) != 0)
            return refuse(c, type, name, NULL, "is not defined as tprun defines it", e);
        c->met++;
        return 0;
    }
    if (strcmp(type, "table") == 0)
        return compare_links(c, name, e);
    TRY(find(c, table, &ours, &ignored, e));
    if (!ours[0])
        return 0;
    if (strcmp(type, "trigger") == 0)
        return refuse(c, type, name, table, "is not tprun's", e);
    return strcmp(type, "index") == 0 ? compare_index(c, name, table, e) : 0;
}

static int prepare(struct comparison *c, sqlite3 *db, const char *sql, sqlite3_stmt **stmt, struct err *e)
{
    return sqlite3_prepare_v2(db, sql, -1, stmt, NULL) == SQLITE_OK ? 0 : unreadable(c, e);
}

/* Names the first of ours that the file lacks. */
static int compare_missing(struct comparison *c, struct err *e)
{
    sqlite3_stmt *all = NULL, *there = NULL;
    int code = prepare(
        c, c->model, "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'index') ORDER BY type DESC, rowid",
        &all, e);
    if (code == 0)
        code = prepare(c, c->db, "SELECT 1 FROM main.sqlite_master WHERE type = ?1 AND name = ?2 COLLATE NOCASE",
                       &there, e);
    while (code == 0 && sqlite3_step(all) == SQLITE_ROW) {
        sqlite3_reset(there);
        sqlite3_bind_text(there, 1, column(all, 0), -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(there, 2, column(all, 1), -1, SQLITE_TRANSIENT);
        if (sqlite3_step(there) != SQLITE_ROW)
            code = refuse(c, column(all, 0), column(all, 1), NULL, "is missing", e);
    }
    sqlite3_finalize(all);
    sqlite3_finalize(there);
    return code;
}

static int count(sqlite3 *model, const char *types)
{
    char sql[96];
    sqlite3_stmt *stmt = NULL;
    int n = -1;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM sqlite_master WHERE type IN (%s)", types);
    if (sqlite3_prepare_v2(model, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static int compare_all(struct comparison *c, struct err *e)
{
    sqlite3_stmt *all = NULL;
    TRY(prepare(c, c->model, sql_ours, &c->ours, e));
    TRY(prepare(c, c->db, sql_plain, &c->plain, e));
    TRY(prepare(c, c->db, sql_links, &c->links, e));
    TRY(prepare(c, c->db, "SELECT type, name, tbl_name, sql FROM main.sqlite_master", &all, e));
    int code = 0, rc = SQLITE_DONE;
    while (code == 0 && (rc = sqlite3_step(all)) == SQLITE_ROW)
        code = sqlite3_column_text(all, 0) && sqlite3_column_text(all, 1) && sqlite3_column_text(all, 2)
                   ? compare_object(c, column(all, 0), column(all, 1), column(all, 2), column(all, 3), e)
                   : unreadable(c, e);
    if (code == 0 && rc != SQLITE_DONE)
        code = unreadable(c, e);
    sqlite3_finalize(all);
    if (code == 0 && c->met != count(c->model, "'table', 'index'"))
        code = compare_missing(c, e);
    c->stale |= c->views_met != count(c->model, "'view'");
    return code;
}

int model_compare(sqlite3 *db, const char *path, int version, bool *stale, struct err *e)
{
    struct comparison c = { .db = db, .path = path };
    int code = model_open(version, &c.model, e);
    if (code == 0)
        code = compare_all(&c, e);
    sqlite3_finalize(c.ours);
    sqlite3_finalize(c.plain);
    sqlite3_finalize(c.links);
    sqlite3_close(c.model);
    *stale = c.stale;
    return code;
}

int model_lend_views(sqlite3 *db, struct err *e)
{
    static const char create[] = "CREATE ";
    sqlite3 *model;
    sqlite3_stmt *views = NULL;
    int code = model_open(SCHEMA_VERSION, &model, e);
    if (code == 0 &&
        sqlite3_prepare_v2(model, "SELECT sql FROM sqlite_master WHERE type = 'view'", -1, &views, NULL) != SQLITE_OK)
        code = err_set(e, ERR_INTERNAL, "cannot read the views in memory: %s", sqlite3_errmsg(model));
    while (code == 0 && sqlite3_step(views) == SQLITE_ROW) {
        struct text sql = { 0 };
        text_add(&sql, "CREATE TEMP %s", column(views, 0) + sizeof create - 1);
        if (sqlite3_exec(db, sql.s, NULL, NULL, NULL) != SQLITE_OK)
            code = err_set(e, ERR_STORAGE, "cannot make temporary views: %s", sqlite3_errmsg(db));
        text_free(&sql);
    }
    sqlite3_finalize(views);
    sqlite3_close(model);
    return code;
}
