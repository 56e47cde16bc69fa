/* Opening and closing results.db for writing. */
#include "store/store.h"

#include "base/clean.h"
#include "base/killpoint.h"
#include "store/model.h"
#include "store/path.h"
#include "store/writer.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAL_CHECKPOINT_PAGES = 4000, /* 16 MB: hot pages are copied into the database once, not once per commit */
    WAL_WARN_PAGES = 64 * 1024 * 1024 / 4096,
    CLOSE_WAIT_MS = 2000 /* for readers, when the write-ahead log is emptied at the end */
};

/* After each commit. Only this connection checkpoints: SQLite 3.7.0 to 3.51.2 may corrupt a database when one
 * connection commits while another resets the log. */
static int wal_hook(void *self, sqlite3 *db, const char *name, int pages)
{
    struct store *s = self;
    if (pages < WAL_CHECKPOINT_PAGES)
        return SQLITE_OK;
    const int rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (pages >= WAL_WARN_PAGES && !s->wal_warned) {
        clean_print_line(stderr,
                         "tprun: warning: a reader that does not end keeps %s-wal growing (%d MB); the run goes on",
                         s->path, pages / 256);
        s->wal_warned = true;
    }
    return rc == SQLITE_BUSY ? SQLITE_OK : rc;
}

static bool is_held(int rc)
{
    return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
}

static int execute(struct store *s, const char *sql, const char *what, struct err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : write_fail(s, what, e);
}

/* The first column of the first row: a number, or a text if `text` is given. */
static int ask(struct store *s, const char *sql, int64_t *number, char text[16], struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW) {
        const int code = write_fail(s, "read", e);
        sqlite3_finalize(stmt);
        return code;
    }
    if (number)
        *number = sqlite3_column_int64(stmt, 0);
    if (text)
        snprintf(text, 16, "%s", (const char *)sqlite3_column_text(stmt, 0));
    const int rc = sqlite3_step(stmt); /* what a pragma changes is committed only here */
    const int code = rc == SQLITE_DONE ? 0 : write_fail(s, "read", e);
    sqlite3_finalize(stmt);
    return code;
}

/* Refuses a file that is not ours or too new. *version is 0 for an empty one, with or without our mark. */
static int check_identity(struct store *s, int64_t *version, struct err *e)
{
    int64_t application = 0, objects = 0;
    TRY(ask(s, "PRAGMA application_id", &application, NULL, e));
    TRY(ask(s, "PRAGMA user_version", version, NULL, e));
    TRY(ask(s, "SELECT count(*) FROM sqlite_master", &objects, NULL, e));
    if (application != APPLICATION_ID && (application != 0 || *version != 0 || objects != 0))
        return write_refuse(s, ERR_STORAGE, e, "%s is a database of another program, not of tprun", s->path);
    if (*version > SCHEMA_VERSION)
        return write_refuse(s, ERR_STORAGE, e,
                            "%s has schema version %lld, and this tprun knows up to %d: use a newer tprun", s->path,
                            (long long)*version, (int)SCHEMA_VERSION);
    if (objects == 0)
        *version = 0;
    else if (*version < SCHEMA_OLDEST)
        return write_refuse(s, ERR_STORAGE, e,
                            "%s has schema version %lld, which was never released; this tprun migrates from %d on",
                            s->path, (long long)*version, (int)SCHEMA_OLDEST);
    return 0;
}

/* Another program that writes is waited for as in any transaction; SQLite itself waits for readers alone here. What
 * else goes wrong is told at once: the same PRAGMA again could succeed after a failed sync. */
static int begin_log(struct store *s, char mode[16], struct err *e)
{
    static const char sql[] = "PRAGMA journal_mode = WAL";
    int rc;
    for (int count = 0; is_held(rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL)) && write_busy(s, count); count++)
        ;
    return rc == SQLITE_OK ? ask(s, sql, NULL, mode, e) : write_fail(s, "begin the write-ahead log", e);
}

static int prepare_database(struct store *s, struct err *e)
{
    int64_t version = 0;
    char mode[16];
    bool stale = true;
    KILL_POINT(STORE_OPENED);
    TRY(check_identity(s, &version, e)); /* before anything is written to a file that may be somebody else's */
    if (version > 0 && (s->failed = model_compare(s->db, s->path, (int)version, &stale, e)) < 0)
        return s->failed;
    if (sqlite3_db_readonly(s->db, "main"))
        return write_refuse(s, ERR_STORAGE, e, "%s cannot be written (read-only file, folder or file system)", s->path);
    TRY(begin_log(s, mode, e));
    if (strcmp(mode, "wal") != 0)
        return write_refuse(
            s, ERR_STORAGE, e,
            "%s: the write-ahead log cannot be switched on (journal mode '%s'); the file system must allow "
            "shared memory",
            s->path, mode);
    TRY(execute(s, "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536", "configure the connection", e));
    sqlite3_wal_hook(s->db, wal_hook, s);  /* instead of wal_autocheckpoint */
    if (version < SCHEMA_VERSION || stale) /* a changed schema makes every reader prepare its statements again */
        TRY(migrate_to_model(s, version, e));
    return execute(s, "PRAGMA foreign_keys = ON", "configure the connection", e);
}

int store_open(struct store **store, const char *path, struct err *e)
{
    *store = NULL;
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_MEMORY, "out of memory");
    s->pid = getpid();
    s->busy_limit_ms = BUSY_LIMIT_MS;
    s->weight_limit = GROUP_ROWS;
    s->queue = malloc(GROUP_ROWS_MAX * sizeof *s->queue);
    int code = s->queue ? path_resolve(path, PATH_WRITE, &s->path, e) : err_set(e, ERR_MEMORY, "out of memory");
    if (code == 0)
        code = lock_take(&s->lock, s->path, e);
    if (code == 0) {
        KILL_POINT(STORE_LOCKED);
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
        const int rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);
        if (!s->db) {
            code = err_set(e, ERR_MEMORY, "out of memory");
        } else {
            sqlite3_extended_result_codes(s->db, 1);
            sqlite3_busy_handler(s->db, write_busy, s);
            if (rc != SQLITE_OK)
                code = write_fail(s, "open", e);
            else if (model_distrust(s->db) != SQLITE_OK ||
                     sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK)
                code = write_fail(s, "make the connection safe", e);
            else if (stats_register(s->db) != SQLITE_OK)
                code = write_fail(s, "register functions", e);
            else
                code = prepare_database(s, e);
        }
    }
    if (code < 0) {
        struct err ignored = { 0 };
        s->failed = code;
        store_close(s, &ignored);
        err_clear(&ignored);
        return code;
    }
    *store = s;
    return 0;
}

/* Empties the write-ahead log, so that a copy of the one file is whole. A reader may keep it; then it stays, and is
 * part of the database. */
static int truncate_log(struct store *s, struct err *e)
{
    s->closing = true;
    s->busy_limit_ms = CLOSE_WAIT_MS;
    const int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK || is_held(rc) ? 0 : write_fail(s, "empty the write-ahead log", e);
}

/* Leaves one file, which opens where nothing can be written: a file that is marked as having a log needs the log's
 * files beside it. A connection of a reader, even an idle one, keeps the mark; the next clean end takes it away. EXTRA
 * syncs the folder when the rollback journal of the mark has gone: one that a power cut brought back would be rolled
 * back into a later state. */
static int leave_one_file(struct store *s, struct err *e)
{
    const int rc = sqlite3_exec(s->db, "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return rc == SQLITE_OK || is_held(rc) ? 0 : write_fail(s, "leave the write-ahead log", e);
}

int store_close(struct store *s, struct err *e)
{
    if (!s)
        return 0;
    int code = 0;
    if (s->pid == getpid()) { /* a forked child must not touch the connection: its parent's transaction would be lost */
        if (s->db && !s->failed) {
            code = store_flush(s, e);
            KILL_POINT(STORE_CLOSE);
            if (code == 0)
                code = truncate_log(s, e);
            KILL_POINT(STORE_LOG_EMPTIED);
            if (code == 0)
                code = leave_one_file(s, e);
        } else if (s->failed) {
            code =
                err_set(e, s->failed, "%s: an earlier error stopped the writing", s->path ? s->path : "the database");
        }
        for (size_t i = 0; i < N_STATEMENTS; i++)
            sqlite3_finalize(s->statements[i]);
        if (s->db && sqlite3_close(s->db) != SQLITE_OK && code == 0)
            code = err_set(e, ERR_STORAGE, "%s: cannot close the database", s->path);
        KILL_POINT(STORE_CLOSED);
        lock_release(&s->lock);
    }
    series_finish(s);
    origin_forget(s);
    free(s->host.text);
    free(s->code.text);
    free(s->path);
    free(s);
    return code;
}
