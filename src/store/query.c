/* Reading results.db: one connection, one SELECT at a time. */
#include "store/reader.h"

#include "base/duration.h"
#include "store/meant.h"
#include "store/model.h"
#include "store/path.h"
#include "store/reason.h"
#include "store/writer.h" /* SCHEMA_VERSION, APPLICATION_ID */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_SECONDS = 3600, READER_BUSY_MS = 5000 };

const char *const query_format_names[] = { "table", "csv", "json", "ndjson", "md", NULL };

static int fail(struct query *q, struct err *e)
{
    const int rc = sqlite3_extended_errcode(q->db), reason = reason_of(q->db);
    char limit[DURATION_SIZE];
    const char *detail = sqlite3_errmsg(q->db);
    const bool denied = q->denied[0] && (rc & 0xff) == SQLITE_ERROR; /* inside of a table's module */
    switch (denied ? SQLITE_AUTH : rc & 0xff) {
    case SQLITE_AUTH:
        return err_set(e, ERR_USAGE, "not allowed: %s (one SELECT over the tables and views of the database%s)",
                       q->denied[0] ? q->denied : detail,
                       !strncmp(q->denied, "PRAGMA", 6) ? "; SELECT * FROM _doc tells their columns" : "");
    case SQLITE_INTERRUPT:
        return err_set(e, ERR_USAGE, q->temp ? QUERY_STOPPED_MORE : QUERY_STOPPED, duration_text(q->cpu_limit, limit));
    case SQLITE_FULL:
        if (q->temp && q->temp->full)
            return err_set(e, ERR_USAGE,
                           "the query needs more than %.4g MB of temporary files; --temp-size allows more",
                           (double)q->temp->limit / (1 << 20));
        return err_set(e, ERR_STORAGE, "%s: cannot write temporary files (in $TMPDIR): %s", q->path, detail);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        if (rc == SQLITE_READONLY_ROLLBACK)
            return err_set(e, ERR_STORAGE,
                           "%s has a journal that a writer left when it was killed; `tprun claims --db %s` takes it "
                           "back (nothing is lost), as does the next run",
                           q->path, q->path);
        if (reason && reason != EACCES && reason != EPERM && reason != EROFS && reason != ENOENT)
            return reason_set(e, q->path, "read", reason);
        return err_set(e, ERR_STORAGE,
                       "%s cannot be read here: it is in use or was not closed cleanly, so that only a writer can open "
                       "it, and its folder is not writable; copy the file (with -wal, if there is one) to a folder of "
                       "your own",
                       q->path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        if (reason == EIO) /* SQLite takes a disk that cannot be read for a damaged file */
            return reason_set(e, q->path, "read", reason);
        return err_set(e, ERR_STORAGE, "%s is damaged or not a database: %s", q->path, detail);
    case SQLITE_NOMEM:
        if (q->temp)
            return err_set(e, ERR_MEMORY, "the query needs more than %d MB of memory", (int)QUERY_HEAP_MB);
        return err_set(e, ERR_MEMORY, "%s: out of memory", q->path);
    case SQLITE_IOERR:
        return reason_set(e, q->path, "read", reason);
    case SQLITE_BUSY:
        return err_set(e, ERR_STORAGE, "%s: cannot read: %s", q->path, detail);
    default:
        return meant_in_query(q, detail, e);
    }
}

static int ask(struct query *q, const char *sql, int64_t *value, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = 0;
    if (sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
        code = fail(q, e);
    else
        *value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt); /* repeats the error that was reported */
    return code;
}

/* Ours, of this version and with the tables that we make: nothing else is read. *version is 0 for an empty file. */
static int check_identity(struct query *q, int64_t *version, bool *stale, struct err *e)
{
    int64_t application = 0, objects = 0;
    TRY(ask(q, "PRAGMA application_id", &application, e));
    TRY(ask(q, "PRAGMA user_version", version, e));
    TRY(ask(q, "SELECT count(*) FROM sqlite_master", &objects, e));
    if (application != APPLICATION_ID && (application != 0 || *version != 0 || objects != 0))
        return err_set(e, ERR_STORAGE, "%s is not a database of tprun", q->path);
    if (*version > SCHEMA_VERSION)
        return err_set(e, ERR_STORAGE, "%s has schema version %lld, and this tprun knows up to %d: use a newer tprun",
                       q->path, (long long)*version, (int)SCHEMA_VERSION);
    if (objects == 0)
        *version = 0;
    return *version < SCHEMA_OLDEST ? 0 : model_compare(q->db, q->path, (int)*version, stale, e);
}

static int check_version(const struct query *q, int64_t version, struct err *e)
{
    if (version == SCHEMA_VERSION)
        return 0;
    if (version == 0)
        return err_set(e, ERR_STORAGE, "%s holds nothing yet: no experiment has been run into it", q->path);
    return err_set(e, ERR_STORAGE,
                   "%s has schema version %lld, and this tprun reads %d; `tprun claims --db %s` brings it up to date "
                   "(in place, nothing is lost), as does the next run",
                   q->path, (long long)version, (int)SCHEMA_VERSION, q->path);
}

static int restrict_to(struct query *q, int64_t study, struct err *e)
{
    /* clang-format off */
    static const char *const views[] = {
        "trials", "metrics", "summaries", "params", "selected", "costs", "all_trials", "all_metrics", "all_summaries",
        "all_params", "all_selected", "all_costs", "curves", "finals", "selected_finals", "heatmap", "claims",
        "targets", "comparisons", "outcomes", "layer_metrics", "all_layer_metrics", "kept_curves", "tags", "notes"
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        char sql[128];
        const int n = snprintf(sql, sizeof sql, "CREATE TEMP VIEW %s AS SELECT * FROM main.%s WHERE study_id = %lld",
                               views[i], views[i], (long long)study);
        if (n < 0 || (size_t)n >= sizeof sql || sqlite3_exec(q->db, sql, NULL, NULL, NULL) != SQLITE_OK)
            return fail(q, e);
    }
    return 0;
}

static int open_connection(struct query *q, int64_t *version, bool *stale, struct err *e)
{
    const char *vfs;
    TRY(path_reader(q->path, &vfs, e));
    if (q->temp && vfs)
        q->temp->base = sqlite3_vfs_find(vfs);
    const int rc = sqlite3_open_v2(q->path, &q->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                                   q->temp ? q->temp->vfs.zName : vfs);
    if (!q->db)
        return err_set(e, ERR_MEMORY, "out of memory");
    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, READER_BUSY_MS);
    if (rc != SQLITE_OK || model_distrust(q->db) != SQLITE_OK || order_register(q->db) != SQLITE_OK)
        return fail(q, e);
    return check_identity(q, version, stale, e);
}

static int open_resolved(struct query *q, const char *path, int64_t *version, bool *stale, struct err *e)
{
    q->cpu_limit = CPU_SECONDS;
    TRY(path_resolve(path, PATH_READ, &q->path, e));
    return open_connection(q, version, stale, e);
}

int query_check(const char *path, bool *empty, struct err *e)
{
    int64_t version = 0;
    bool stale = false;
    struct query *q = calloc(1, sizeof *q);
    if (!q)
        return err_set(e, ERR_MEMORY, "out of memory");
    const int code = open_resolved(q, path, &version, &stale, e);
    *empty = version == 0;
    query_close(q);
    return code;
}

int query_open_study(struct query **query, const char *path, int64_t study, struct temp_files *temp, struct err *e)
{
    *query = NULL;
    struct query *q = calloc(1, sizeof *q);
    if (!q)
        return err_set(e, ERR_MEMORY, "out of memory");
    int64_t version = 0;
    bool stale = false;
    q->temp = temp;
    int code = open_resolved(q, path, &version, &stale, e);
    if (code == 0)
        code = check_version(q, version, e);
    if (code == 0 && stale) /* of another program: ours stand before them, and they are never run */
        code = model_lend_views(q->db, e);
    if (code == 0 && study > 0)
        code = restrict_to(q, study, e);
    if (code == 0)
        code = guard_set(q, e);
    if (code < 0) {
        query_close(q);
        return code;
    }
    *query = q;
    return 0;
}

int query_open_empty(struct query **query, const char *view, struct temp_files *temp, struct err *e)
{
    *query = NULL;
    struct query *q = calloc(1, sizeof *q);
    if (!q || !(q->path = strdup("an empty database"))) {
        free(q);
        return err_set(e, ERR_MEMORY, "out of memory");
    }
    q->temp = temp;
    q->cpu_limit = CPU_SECONDS;
    int code = model_open(SCHEMA_VERSION, &q->db, e);
    if (code == 0 && *view && sqlite3_exec(q->db, view, NULL, NULL, NULL) != SQLITE_OK)
        code = err_set(e, ERR_STORAGE, "the view of a study: %s", sqlite3_errmsg(q->db));
    if (code == 0 && model_distrust(q->db) != SQLITE_OK) /* so that what compiles here does there */
        code = err_set(e, ERR_INTERNAL, "SQLite cannot be made safe: %s", sqlite3_errmsg(q->db));
    if (code == 0)
        code = restrict_to(q, 1, e);
    if (code == 0)
        code = guard_set(q, e);
    if (code < 0) {
        query_close(q);
        return code;
    }
    *query = q;
    return 0;
}

int query_open(struct query **q, const char *path, struct err *e)
{
    return query_open_study(q, path, 0, NULL, e);
}

void query_close(struct query *q)
{
    if (!q)
        return;
    sqlite3_close_v2(q->db); /* read-only: nothing can be lost */
    free(q->path);
    free(q);
}

void query_set_digits(struct query *q, int digits)
{
    q->digits = digits;
}

const char *query_library(void)
{
    return sqlite3_libversion();
}

int query_version(struct query *q, int64_t *version, struct err *e)
{
    q->asks_version = true;
    const int code = ask(q, "PRAGMA data_version", version, e);
    q->asks_version = false;
    return code;
}

int query_check_place(struct query *q, struct err *e)
{
    int moved = 0;
    if (sqlite3_file_control(q->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
        return err_set(e, ERR_IO, "%s: the database was removed, or another one has its name now", q->path);
    return 0;
}

void query_set_cpu_limit(struct query *q, double seconds)
{
    q->cpu_limit = seconds;
}

/* What follows the first statement must be blank or comment: SQLite compiles that to nothing. */
static int check_tail(struct query *q, const char *tail, struct err *e)
{
    while (*tail) {
        sqlite3_stmt *more = NULL;
        const char *next = tail;
        const int rc = sqlite3_prepare_v2(q->db, tail, -1, &more, &next);
        sqlite3_finalize(more);
        if (rc != SQLITE_OK || more)
            return err_set(e, ERR_USAGE, "not allowed: more than one statement");
        if (next == tail)
            break;
        tail = next;
    }
    return 0;
}

static int compile(struct query *q, const char *sql, sqlite3_stmt **stmt, struct err *e)
{
    const char *tail = "";
    q->denied[0] = '\0';
    if (sqlite3_prepare_v2(q->db, sql, -1, stmt, &tail) != SQLITE_OK) {
        /* pragma_table_info() is refused as the table that SQLite declares for it */
        if (q->denied[0] && strncmp(q->denied, "PRAGMA", 6) != 0 && sqlite3_strlike("%pragma\\_%", sql, '\\') == 0)
            snprintf(q->denied, sizeof q->denied, "PRAGMA as a table");
        return fail(q, e);
    }
    if (!*stmt)
        return err_set(e, ERR_USAGE, "the query is empty");
    TRY(check_tail(q, tail, e));
    if (!sqlite3_stmt_readonly(*stmt) || sqlite3_column_count(*stmt) == 0) /* VACUUM INTO passes the authorizer */
        return err_set(e, ERR_USAGE, "not allowed: a statement that is not a SELECT");
    return 0;
}

static int bind(struct query *q, sqlite3_stmt *stmt, const char *const *arguments, size_t n, struct err *e)
{
    const int wanted = sqlite3_bind_parameter_count(stmt);
    if ((size_t)wanted != n)
        return err_set(e, ERR_USAGE, "the query has %d parameters, and %zu values are given", wanted, n);
    for (int i = 0; i < wanted; i++)
        if (sqlite3_bind_text(stmt, i + 1, arguments[i], -1, SQLITE_TRANSIENT) != SQLITE_OK)
            return fail(q, e);
    return 0;
}

int query_prepare(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                  sqlite3_stmt **stmt, struct err *e)
{
    *stmt = NULL;
    q->cpu_end = query_cpu_seconds() + q->cpu_limit;
    int code = compile(q, sql, stmt, e);
    if (code == 0)
        code = bind(q, *stmt, arguments, n_arguments, e);
    if (code < 0) {
        sqlite3_finalize(*stmt);
        *stmt = NULL;
    }
    return code;
}

int query_step(struct query *q, sqlite3_stmt *stmt, struct err *e)
{
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : fail(q, e);
}

int query_rows(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
               int (*row)(void *self, int n, const char *const *values), void *self, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(query_prepare(q, sql, arguments, n_arguments, &stmt, e));
    const int n = sqlite3_column_count(stmt);
    const char **values = calloc((size_t)n, sizeof *values);
    struct text *texts = calloc((size_t)n, sizeof *texts);
    int code = values && texts ? query_step(q, stmt, e) : err_set(e, ERR_MEMORY, "out of memory");
    while (code > 0) {
        for (int i = 0; i < n; i++) {
            text_clear(&texts[i]);
            format_value(&texts[i], stmt, i);
            values[i] = sqlite3_column_type(stmt, i) == SQLITE_NULL ? NULL : texts[i].s ? texts[i].s : "";
        }
        code = row(self, n, values);
        if (code == 0)
            code = query_step(q, stmt, e);
    }
    for (int i = 0; texts && i < n; i++)
        text_free(&texts[i]);
    free(texts);
    free(values);
    sqlite3_finalize(stmt);
    return code;
}
