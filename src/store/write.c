/* Statements and transactions of the one writing connection.
 *
 * Rows are committed in groups: after 100 ms (store_tick) or 1000 rows. A commit waits for the disk (synchronous =
 * FULL), and it writes every page that its rows touched once, so where rows come faster than 50,000 a second the group
 * may grow to what arrives in 20 ms, at most 16,384 rows; it shrinks back by itself. */
#include "store/reason.h"
#include "store/writer.h"

#include "base/clean.h"
#include "base/duration.h"
#include "base/killpoint.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t = { 0 };
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t write_utc_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static int64_t write_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

struct value value_int(int64_t i)
{
    return (struct value){ .type = 'i', .i = i };
}

struct value value_real(double d)
{
    return (struct value){ .type = isfinite(d) ? 'd' : 0, .d = d };
}

struct value value_text(const char *t)
{
    return (struct value){ .type = t ? 't' : 0, .t = t };
}

struct value value_null(void)
{
    return (struct value){ 0 };
}

struct value value_id(int64_t id)
{
    return id > 0 ? value_int(id) : value_null();
}

/* Ends the transaction, whatever state it is in: some errors of SQLite roll back by themselves. */
static void abandon(struct store *s)
{
    for (size_t i = 0; i < N_STATEMENTS; i++)
        sqlite3_reset(s->statements[i]); /* repeats the error that is being reported */
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->open_group = false;
}

int write_fail(struct store *s, const char *what, struct err *e)
{
    const int rc = sqlite3_extended_errcode(s->db), reason = reason_of(s->db);
    char detail[256], took[DURATION_SIZE];
    snprintf(detail, sizeof detail, "%s", sqlite3_errmsg(s->db));
    abandon(s);
    s->failed = ERR_STORAGE;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return reason_set(e, s->path, what, reason == EDQUOT ? EDQUOT : ENOSPC);
    case SQLITE_BUSY:
        return err_set(e, ERR_STORAGE,
                       "%s has been locked by another program for %s; close it and run the same command again", s->path,
                       duration_text(s->busy_limit_ms / 1e3, took));
    case SQLITE_READONLY:
        return err_set(e, ERR_STORAGE, "%s cannot be written (read-only file, folder or file system)", s->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        if (reason == EIO) /* SQLite takes a disk that cannot be read for a damaged file */
            return reason_set(e, s->path, what, reason);
        return err_set(e, ERR_STORAGE, "%s is damaged or not a database: %s (sqlite3 %s .recover may save its rows)",
                       s->path, detail, s->path);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: /* SQLite opens once more without O_CREAT, after which ENOENT hides what was wrong */
        return reason_set(e, s->path, what, reason == ENOENT ? 0 : reason);
    case SQLITE_NOMEM:
        s->failed = ERR_MEMORY;
        return err_set(e, ERR_MEMORY, "%s: out of memory", s->path);
    default:
        return err_set(e, ERR_STORAGE, "%s: cannot %s: %s", s->path, what, detail);
    }
}

int write_refuse(struct store *s, int code, struct err *e, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args); /* a long name is cut */
    va_end(args);
    abandon(s);
    s->failed = code;
    return err_set(e, code, "%s", message);
}

int write_check(struct store *s, struct err *e)
{
    if (s->failed)
        return err_set(e, s->failed, "%s: an earlier error stopped the writing", s->path);
    return 0;
}

sqlite3_stmt *write_statement(struct store *s, enum statement which, struct err *e)
{
    sqlite3_stmt **slot = &s->statements[which];
    if (!*slot &&
        sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK) {
        write_fail(s, "prepare a statement", e);
        return NULL;
    }
    return *slot;
}

static int bind(struct store *s, sqlite3_stmt *stmt, const struct value *values, size_t n, struct err *e)
{
    assert((size_t)sqlite3_bind_parameter_count(stmt) == n);
    for (size_t i = 0; i < n; i++) {
        const struct value *v = &values[i];
        const int at = (int)i + 1;
        int rc;
        if (v->type == 'i')
            rc = sqlite3_bind_int64(stmt, at, v->i);
        else if (v->type == 'd')
            rc = sqlite3_bind_double(stmt, at, v->d == 0 ? 0 : v->d); /* -0.0 */
        else if (v->type == 't')
            rc = sqlite3_bind_text(stmt, at, v->t, -1, SQLITE_STATIC); /* lives until the statement is reset */
        else
            rc = sqlite3_bind_null(stmt, at);
        if (rc != SQLITE_OK)
            return write_fail(s, "bind a value", e);
    }
    return 0;
}

void write_reset(sqlite3_stmt **stmt)
{
    if (!*stmt)
        return;
    sqlite3_reset(*stmt); /* repeats the result of the last step, which was read */
    sqlite3_clear_bindings(*stmt);
    *stmt = NULL;
}

int write_exec(struct store *s, enum statement which, const struct value *values, size_t n, int *changes, struct err *e)
{
    sqlite3_stmt *stmt = write_statement(s, which, e);
    if (!stmt)
        return s->failed;
    TRY(bind(s, stmt, values, n, e));
    if (sqlite3_step(stmt) != SQLITE_DONE)
        return write_fail(s, "write", e);
    if (changes)
        *changes = sqlite3_changes(s->db);
    write_reset(&stmt);
    return 0;
}

int write_query(struct store *s, enum statement which, const struct value *values, size_t n, sqlite3_stmt **stmt,
                struct err *e)
{
    *stmt = write_statement(s, which, e);
    if (!*stmt)
        return s->failed;
    TRY(bind(s, *stmt, values, n, e));
    return write_next(s, stmt, e);
}

int write_next(struct store *s, sqlite3_stmt **stmt, struct err *e)
{
    const int rc = sqlite3_step(*stmt);
    if (rc == SQLITE_ROW)
        return 0;
    if (rc != SQLITE_DONE) {
        *stmt = NULL;
        return write_fail(s, "read", e);
    }
    write_reset(stmt);
    return 0;
}

int write_busy(void *self, int count)
{
    struct store *s = self;
    const int64_t now = write_monotonic_ms();
    if (count == 0) {
        s->busy_since_ms = now;
        s->busy_warned = false;
    }
    const int64_t waited = now - s->busy_since_ms;
    if (waited >= s->busy_limit_ms)
        return 0;
    char limit[DURATION_SIZE];
    if (waited >= BUSY_WARN_MS && !s->busy_warned && !s->closing) {
        clean_print_line(stderr, "tprun: warning: %s is locked by another program; waiting up to %s", s->path,
                         duration_text(s->busy_limit_ms / 1e3, limit));
        s->busy_warned = true;
    }
    const struct timespec pause = { .tv_nsec = (count < 10 ? 1 : 20) * 1000000L };
    nanosleep(&pause, NULL);
    return 1;
}

int write_begin(struct store *s, struct err *e)
{
    TRY(write_check(s, e));
    if (s->open_group)
        return 0;
    assert(s->pid == getpid()); /* a connection does not survive fork */
    TRY(write_exec(s, SQL_BEGIN, NULL, 0, NULL, e));
    if (s->busy_warned) {
        char took[DURATION_SIZE];
        clean_print_line(stderr, "tprun: %s is free again after %s; nothing was lost", s->path,
                         duration_text((double)(write_monotonic_ms() - s->busy_since_ms) / 1e3, took));
        s->busy_warned = false;
    }
    s->open_group = true;
    return 0;
}

int write_end(struct store *s, size_t weight, struct err *e)
{
    if (s->weight == 0)
        s->since_ms = write_monotonic_ms();
    s->queued++;
    s->weight += weight;
    if (s->held || s->weight < s->weight_limit)
        return 0;
    const int64_t took = write_monotonic_ms() - s->since_ms;
    TRY(store_flush(s, e));
    if (took < 20 && s->weight_limit < GROUP_ROWS_MAX)
        s->weight_limit *= 2;
    else if (took > 40 && s->weight_limit > GROUP_ROWS)
        s->weight_limit /= 2;
    if (s->weight_limit > GROUP_ROWS_MAX)
        s->weight_limit = GROUP_ROWS_MAX;
    return 0;
}

int store_flush(struct store *s, struct err *e)
{
    TRY(write_check(s, e));
    if (s->weight == 0 && !s->open_group)
        return 0;
    TRY(write_begin(s, e));
    TRY(metric_put_summaries(s, e));
    if (s->held)
        return 0;
    KILL_POINT(STORE_COMMIT);
    TRY(write_exec(s, SQL_COMMIT, NULL, 0, NULL, e));
    KILL_POINT(STORE_COMMITTED);
    s->open_group = false;
    s->weight = 0;
    s->acknowledged = s->queued;
    return 0;
}

int store_hold(struct store *s, struct err *e)
{
    TRY(store_flush(s, e));
    TRY(write_begin(s, e));
    s->held = true;
    return 0;
}

int store_release(struct store *s, bool keep, struct err *e)
{
    s->held = false;
    if (keep)
        return store_flush(s, e);
    abandon(s);
    s->weight = 0;
    s->queued = s->acknowledged;
    s->forgotten = 0;
    return 0;
}

int store_tick(struct store *s, int *due_ms, struct err *e)
{
    TRY(write_check(s, e));
    *due_ms = -1;
    if (s->held || s->weight == 0)
        return 0;
    const int64_t left = s->since_ms + GROUP_MS - write_monotonic_ms();
    if (left > 0) {
        *due_ms = (int)left;
        return 0;
    }
    if (s->weight < GROUP_ROWS)
        s->weight_limit = GROUP_ROWS;
    return store_flush(s, e);
}

uint64_t store_queued(const struct store *s)
{
    return s->queued;
}

uint64_t store_acknowledged(const struct store *s)
{
    return s->acknowledged;
}
