#include "store/copy.h"

#include "store/path.h"
#include "store/writer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_WAIT_MS = 75000 };

static int remove_file(const char *path, struct err *e)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
}

/* All pages in one step, so that the copy is of one instant. Its header then says rollback mode: a reader needs no
 * shared memory beside it. */
static int copy_pages(sqlite3 *from, const char *what, sqlite3 *to, const char *path, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    const int rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
    const int finished = b ? sqlite3_backup_finish(b) : rc;
    if (rc != SQLITE_DONE || finished != SQLITE_OK)
        return err_set(e, ERR_STORAGE, "%s: cannot copy it to %s: %s", what, path,
                       finished == SQLITE_OK ? sqlite3_errstr(rc) : sqlite3_errmsg(to));
    if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        return err_set(e, ERR_STORAGE, "%s: %s", path, sqlite3_errmsg(to));
    return 0;
}

static int copy(sqlite3 *from, const char *what, const char *path, struct err *e)
{
    sqlite3 *to = NULL;
    TRY(remove_file(path, e));
    int code =
        sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK
            ? 0
            : err_set(e, ERR_STORAGE, "%s: %s", path, to ? sqlite3_errmsg(to) : "out of memory");
    if (code == 0 && sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
        code = err_set(e, ERR_STORAGE, "%s: %s", path, sqlite3_errmsg(to));
    if (code == 0)
        code = copy_pages(from, what, to, path, e);
    if (sqlite3_close(to) != SQLITE_OK && code == 0)
        code = err_set(e, ERR_STORAGE, "%s: cannot close the copy", path);
    return code;
}

int store_copy(struct store *s, const char *path, struct err *e)
{
    TRY(store_flush(s, e));
    return copy(s->db, s->path, path, e);
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
        code = copy(db, real, path, e);
    }
    sqlite3_close(db); /* read only */
    free(real);
    return code;
}
