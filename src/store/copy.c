#include "store/copy.h"

#include "base/new_file.h"
#include "store/path.h"
#include "store/writer.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_WAIT_MS = 75000 };

static int fail(sqlite3 *to, const struct copy *c, struct err *e)
{
    const int reason = to ? sqlite3_system_errno(to) : 0;
    const bool full = to && (sqlite3_errcode(to) & 0xff) == SQLITE_FULL;
    return err_set(e, c->code, "%s: cannot write: %s", c->shown,
                   full     ? "the disk is full"
                   : reason ? strerror(reason)
                   : to     ? sqlite3_errmsg(to)
                            : "out of memory");
}

/* All pages in one step, so that the copy is of one instant. Pages are copied as they are: nothing of the schema is
 * run. The header then says rollback mode: a reader needs no shared memory beside the copy. */
static int copy_pages(sqlite3 *from, const char *what, sqlite3 *to, const struct copy *c, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return fail(to, c, e);
    const int rc = sqlite3_backup_step(b, -1), finished = sqlite3_backup_finish(b);
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return err_set(e, ERR_STORAGE, "%s is locked by another program", what);
    if (rc == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT) /* the copy was made a moment ago */
        return err_set(e, ERR_STORAGE, "%s: cannot read: %s", what, sqlite3_errstr(rc));
    if (rc != SQLITE_DONE || finished != SQLITE_OK)
        return fail(to, c, e);
    return sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(to, c, e);
}

int copy_database(sqlite3 *from, const char *what, const struct copy *c, struct err *e)
{
    sqlite3 *to = NULL;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int code = sqlite3_open_v2(c->path, &to, flags, NULL) == SQLITE_OK ? 0 : fail(to, c, e);
    if (code == 0 && sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
        code = fail(to, c, e);
    if (code == 0)
        code = copy_pages(from, what, to, c, e);
    if (sqlite3_close(to) != SQLITE_OK && code == 0)
        code = err_set(e, c->code, "%s: cannot close the copy", c->shown);
    return code;
}

/* In place of what lies there. */
static int replace(sqlite3 *from, const char *what, const char *path, struct err *e)
{
    const struct copy c = { path, path, ERR_STORAGE };
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
    return copy_database(from, what, &c, e);
}

int store_copy(struct store *s, const char *path, struct err *e)
{
    TRY(store_flush(s, e));
    return replace(s->db, s->path, path, e);
}

/* ---- a database that no writer closed ---- */

/* A writer in rollback mode was killed; in ours one that was creating the database. A reader cannot take that back. */
static bool has_hot_journal(sqlite3 *db)
{
    return sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL) != SQLITE_OK &&
           sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK;
}

static int copy_bytes(const char *from, const char *to, struct err *e)
{
    struct new_file f;
    int code = new_file_begin_copy(&f, to, from, NULL, e);
    if (code == 0)
        code = new_file_replace(&f, e);
    new_file_end(&f);
    return code < 0 && e->code == ERR_IO ? (e->code = ERR_STORAGE) : code;
}

static bool is_as_before(const char *path, const struct stat *before)
{
    struct stat now;
    return stat(path, &now) == 0 && now.st_ino == before->st_ino && now.st_size == before->st_size &&
           now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* Copies the bytes of both, and lets SQLite take back in the copy what was not committed. */
static int copy_with_journal(const char *from, const char *path, struct err *e)
{
    sqlite3 *db = NULL;
    struct stat before[2];
    char journal[2][PATH_MAX + 16];
    const struct copy c = { path, path, ERR_STORAGE };
    snprintf(journal[0], sizeof journal[0], "%s-journal", from);
    snprintf(journal[1], sizeof journal[1], "%s-journal", path);
    if (stat(from, &before[0]) < 0 || stat(journal[0], &before[1]) < 0)
        return err_set(e, ERR_STORAGE, "cannot open %s: %s", from, strerror(errno));
    TRY(copy_bytes(from, path, e));
    TRY(copy_bytes(journal[0], journal[1], e));
    if (!is_as_before(from, &before[0]) || !is_as_before(journal[0], &before[1]))
        return err_set(e, ERR_STORAGE, "%s is locked by another program", from);
    int code =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK ||
                sqlite3_exec(db, "PRAGMA schema_version; PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK
            ? fail(db, &c, e)
            : 0;
    if (sqlite3_close(db) != SQLITE_OK && code == 0)
        code = err_set(e, ERR_STORAGE, "%s: cannot close the copy", path);
    return code;
}

int database_copy(const char *from, const char *path, struct err *e)
{
    char *real = NULL;
    sqlite3 *db = NULL;
    const char *vfs;
    TRY(path_resolve(from, PATH_READ, &real, e));
    int code = path_reader(real, &vfs, e);
    if (code == 0 &&
        sqlite3_open_v2(real, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, vfs) != SQLITE_OK)
        code = err_set(e, ERR_STORAGE, "%s: %s", real, db ? sqlite3_errmsg(db) : "out of memory");
    if (code == 0) {
        sqlite3_busy_timeout(db, COPY_WAIT_MS);
        code = has_hot_journal(db) ? copy_with_journal(real, path, e) : replace(db, real, path, e);
    }
    sqlite3_close(db); /* read only */
    free(real);
    return code;
}
