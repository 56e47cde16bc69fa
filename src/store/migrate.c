/* From an empty file, from an older version or from older views to what the model is, in one transaction: killed at any
 * point, a database is what it was or what it should be.
 *
 * A table whose definition changed is renamed to old_<name>, the new one is made from the model, word for word, and
 * migrate_<version>.sql copies its rows: INSERT INTO name SELECT ... FROM old_name. So a migrated database has the
 * schema of a new one, and model_compare says so before the commit. */
#include "store/model.h"
#include "store/writer.h"

#include "base/killpoint.h"
#include "base/text.h"
#include "schema_sql.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int execute(struct store *s, const char *sql, const char *what, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : write_fail(s, what, e);
}

/* SQL with a name of the model in it: "%w". */
static int execute_named(struct store *s, const char *format, const char *name, const char *what, struct err *e)
{
    char *sql = sqlite3_mprintf(format, name, name);
    if (!sql)
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    const int code = execute(s, sql, what, e);
    sqlite3_free(sql);
    return code;
}

/* Calls `each` for the objects of a model, in the order in which they were made. */
static int walk(struct store *s, sqlite3 *model, const char *type,
                int (*each)(struct store *s, void *self, const char *name, const char *sql, struct err *e), void *self,
                struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(model,
                           "SELECT name, sql FROM sqlite_master WHERE type = ?1 AND sql IS NOT NULL ORDER BY rowid", -1,
                           &stmt, NULL) != SQLITE_OK)
        return write_refuse(s, ERR_INTERNAL, e, "%s: %s", s->path, sqlite3_errmsg(model));
    sqlite3_bind_text(stmt, 1, type, -1, SQLITE_STATIC);
    int code = 0;
    while (code == 0 && sqlite3_step(stmt) == SQLITE_ROW)
        code = each(s, self, (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1), e);
    return sqlite3_finalize(stmt) != SQLITE_OK && code == 0
               ? write_refuse(s, ERR_INTERNAL, e, "%s: %s", s->path, sqlite3_errmsg(model))
               : code;
}

/* Whether a database has this object; with this SQL, unless sql is NULL. */
static bool has(sqlite3 *db, const char *name, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(db, "SELECT sql FROM main.sqlite_master WHERE name = ?1", -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            found = !sql || strcmp(sql, (const char *)sqlite3_column_text(stmt, 0)) == 0;
    }
    sqlite3_finalize(stmt);
    return found;
}

static int drop_view(struct store *s, void *self, const char *name, const char *sql, struct err *e)
{
    (void)self;
    (void)sql;
    return execute_named(s, "DROP VIEW IF EXISTS \"%w\"", name, "drop an old view", e);
}

static int make(struct store *s, void *self, const char *name, const char *sql, struct err *e)
{
    (void)self;
    return has(s->db, name, NULL) ? 0 : execute(s, sql, "create the tables and views", e);
}

struct change {
    sqlite3 *model;    /* of the version that is made */
    struct text drops; /* what is set aside, to be dropped when it was copied */
};

/* A table of the old version that the new one has not, or not so. Its indexes go: their names are needed. */
static int set_aside(struct store *s, void *self, const char *name, const char *sql, struct err *e)
{
    struct change *c = self;
    if (has(c->model, name, sql))
        return 0;
    sqlite3_stmt *stmt = NULL;
    struct text sqls = { 0 };
    if (sqlite3_prepare_v2(
            s->db, "SELECT name FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?1", -1,
            &stmt, NULL) != SQLITE_OK)
        return write_fail(s, "read the schema", e);
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        char *drop = sqlite3_mprintf("DROP INDEX \"%w\";", (const char *)sqlite3_column_text(stmt, 0));
        text_puts(&sqls, drop ? drop : "no memory");
        sqlite3_free(drop);
    }
    int code = sqlite3_finalize(stmt) == SQLITE_OK ? 0 : write_fail(s, "read the schema", e);
    if (code == 0 && sqls.n)
        code = execute(s, sqls.s, "drop the indexes of an old table", e);
    text_free(&sqls);
    text_add(&c->drops, "DROP TABLE \"old_%s\";", name);
    if (code == 0)
        code = execute_named(s, "ALTER TABLE \"%w\" RENAME TO \"old_%w\"", name, "rename an old table", e);
    return code;
}

/* From `version` to the next one, whose model c has. */
static int migrate(struct store *s, int64_t version, struct change *c, struct err *e)
{
    const char *const copies[SCHEMA_VERSION] = { [2] = migrate_2_sql, [3] = migrate_3_sql, [4] = migrate_4_sql };
    sqlite3 *old = NULL;
    int code = model_open((int)version, &old, e);
    if (code == 0)
        code = walk(s, old, "table", set_aside, c, e);
    sqlite3_close(old);
    TRY(code);
    TRY(walk(s, c->model, "table", make, NULL, e));
    TRY(walk(s, c->model, "index", make, NULL, e));
    TRY(execute(s, copies[version], "migrate from an older version", e));
    return c->drops.n ? execute(s, c->drops.s, "drop old tables", e) : 0;
}

/* One version after the other, up to the newest. */
static int migrate_all(struct store *s, int64_t version, struct err *e)
{
    int code = 0;
    for (; code == 0 && version < SCHEMA_VERSION; version++) {
        struct change c = { 0 };
        code = model_open((int)version + 1, &c.model, e);
        if (code == 0)
            code = migrate(s, version, &c, e);
        sqlite3_close(c.model);
        text_free(&c.drops);
    }
    return code;
}

/* _doc is the model's; what explains the columns of a study's view is added with that view. */
static int document(struct store *s, sqlite3 *model, struct err *e)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    TRY(execute(s, "DELETE FROM _doc", "renew _doc", e));
    int rc = sqlite3_prepare_v2(model, "SELECT \"table\", \"column\", unit, class, text FROM _doc", -1, &from, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(s->db, "INSERT INTO _doc VALUES (?1, ?2, ?3, ?4, ?5)", -1, &to, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(from)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        for (int i = 0; i < 5 && rc == SQLITE_OK; i++)
            rc = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
        if (rc == SQLITE_OK) {
            sqlite3_step(to);
            rc = sqlite3_reset(to);
        }
    }
    sqlite3_finalize(from);
    const int code = rc == SQLITE_DONE    ? 0
                     : rc == SQLITE_NOMEM ? write_refuse(s, ERR_MEMORY, e, "out of memory")
                                          : write_fail(s, "renew _doc", e);
    sqlite3_finalize(to);
    return code;
}

static int make_pivots(struct store *s, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, "SELECT id, name FROM study ORDER BY id", -1, &stmt, NULL) != SQLITE_OK)
        return write_fail(s, "read the studies", e);
    int code = 0;
    while (code == 0 && sqlite3_step(stmt) == SQLITE_ROW)
        code = views_pivot(s, sqlite3_column_int64(stmt, 0), (const char *)sqlite3_column_text(stmt, 1), e);
    return sqlite3_finalize(stmt) != SQLITE_OK && code == 0 ? write_fail(s, "read the studies", e) : code;
}

static int change(struct store *s, int64_t version, sqlite3 *model, struct err *e)
{
    char identity[96];
    const int n = snprintf(identity, sizeof identity, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                           (int)APPLICATION_ID, (int)SCHEMA_VERSION);
    assert(n > 0 && (size_t)n < sizeof identity);
    TRY(write_begin(s, e));
    TRY(walk(s, model, "view", drop_view, NULL, e));
    if (version >= SCHEMA_OLDEST)
        TRY(migrate_all(s, version, e));
    TRY(walk(s, model, "table", make, NULL, e));
    TRY(walk(s, model, "index", make, NULL, e));
    TRY(walk(s, model, "view", make, NULL, e));
    TRY(document(s, model, e));
    TRY(make_pivots(s, e));
    TRY(execute(s, identity, "mark the database", e));
    bool stale = false;
    struct err differs = { 0 };
    int code = model_compare(s->db, s->path, SCHEMA_VERSION, &stale, &differs);
    if (code < 0 || stale)
        code = write_refuse(s, code == ERR_MEMORY ? ERR_MEMORY : ERR_INTERNAL, e,
                            "%s: bringing it up to date went wrong: %s", s->path,
                            code < 0 ? err_first(&differs) : "views");
    err_clear(&differs);
    TRY(code);
    KILL_POINT(STORE_SCHEMA);
    TRY(store_flush(s, e));
    KILL_POINT(STORE_SCHEMA_COMMITTED);
    return 0;
}

int migrate_to_model(struct store *s, int64_t version, struct err *e)
{
    sqlite3 *model = NULL;
    /* Tables are renamed without following their names into foreign keys: the new table takes the old name. */
    int code = execute(s, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON", "configure the connection", e);
    if (code == 0)
        code = model_open(SCHEMA_VERSION, &model, e);
    if (code == 0)
        code = change(s, version, model, e);
    sqlite3_close(model);
    return code < 0 ? code : execute(s, "PRAGMA legacy_alter_table = OFF", "configure the connection", e);
}
