#include "store/backup.h"

#include "base/file.h"
#include "store/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(sqlite3 *to, const char *copy, struct err *e)
{
    const int reason = sqlite3_system_errno(to);
    const bool full = (sqlite3_errcode(to) & 0xff) == SQLITE_FULL;
    return err_set(e, ERR_IO, "%s: cannot write: %s", copy,
                   full     ? "the disk is full"
                   : reason ? strerror(reason)
                            : sqlite3_errmsg(to));
}

/* All pages in one step, so that the source is read in one transaction. Pages are copied as they are: nothing of the
 * schema is run. Synced by the caller. */
static int copy_pages(struct query *from, sqlite3 *to, const char *copy, struct err *e)
{
    if (sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
        return fail(to, copy, e);
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from->db, "main");
    if (!b)
        return fail(to, copy, e);
    const int rc = sqlite3_backup_step(b, -1);
    sqlite3_backup_finish(b);
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return err_set(e, ERR_STORAGE, "%s is locked by another program", from->path);
    if (rc != SQLITE_DONE)
        return fail(to, copy, e);
    /* The mark of a write-ahead log has come along. */
    return sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(to, copy, e);
}

static int copy_to(struct query *from, const char *temporary, const char *copy, struct err *e)
{
    sqlite3 *to = NULL;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int code = sqlite3_open_v2(temporary, &to, flags, NULL) == SQLITE_OK ? 0 : fail(to, copy, e);
    if (code == 0)
        code = copy_pages(from, to, copy, e);
    if (sqlite3_close(to) != SQLITE_OK && code == 0)
        code = err_set(e, ERR_IO, "%s: cannot close", copy);
    return code;
}

/* A log or journal beside a file of that name would be played into the copy. */
static int check_place(const char *copy, bool replace, struct err *e)
{
    static const char *const besides[] = { "-wal", "-journal" };
    struct stat st;
    if (lstat(copy, &st) == 0 && (!replace || !S_ISREG(st.st_mode)))
        return err_set(e, ERR_IO, "%s: %s", copy,
                       S_ISREG(st.st_mode) ? "it is there already; --force replaces it" : "is not a regular file");
    for (size_t i = 0; i < sizeof besides / sizeof besides[0]; i++) {
        struct text beside = { 0 };
        text_add(&beside, "%s%s", copy, besides[i]);
        const bool there = lstat(beside.s, &st) == 0;
        const int code = there ? err_set(e, ERR_IO, "%s: a database of that name is in use, or was left by a kill: %s is there",
                                         copy, beside.s)
                               : 0;
        text_free(&beside);
        TRY(code);
    }
    return 0;
}

static int sync_and_name(const char *temporary, const char *copy, bool replace, struct err *e)
{
    const int fd = open(temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const int synced = fd < 0 ? -1 : fsync(fd), reason = errno;
    if (fd >= 0)
        close(fd);
    if (synced < 0)
        return err_set(e, ERR_IO, "%s: fsync: %s", copy, strerror(reason));
    if (replace ? rename(temporary, copy) : link(temporary, copy))
        return err_set(e, ERR_IO, "%s: %s", copy,
                       errno == EEXIST ? "it is there already; --force replaces it" : strerror(errno));
    return file_sync_folder(copy, e);
}

/* A connection of ours that closes the file may have a lock on it, and any close of it in this process would drop that:
 * the temporary name is new, so nobody has. */
static int back_up(struct query *from, const char *copy, bool replace, struct err *e)
{
    const size_t n = strlen(copy) + 32;
    TRY(check_place(copy, replace, e));
    char *temporary = malloc(n);
    if (!temporary)
        return err_set(e, ERR_MEMORY, "out of memory");
    snprintf(temporary, n, "%s.%ld.XXXXXX", copy, (long)getpid());
    const int fd = mkostemp(temporary, O_CLOEXEC);
    int code = fd < 0 ? err_set(e, ERR_IO, "%s: cannot write: %s", copy, strerror(errno)) : 0;
    if (fd >= 0) {
        const mode_t mask = umask(0);
        umask(mask);
        (void)fchmod(fd, 0666 & ~mask);
        close(fd);
        code = copy_to(from, temporary, copy, e);
        if (code == 0)
            code = sync_and_name(temporary, copy, replace, e);
        unlink(temporary); /* gone after a rename */
    }
    free(temporary);
    return code;
}

int backup_database(const char *path, const char *copy, bool replace, struct err *e)
{
    struct query *q;
    struct stat a, b;
    TRY(query_open(&q, path, e));
    int code = 0;
    if (stat(q->path, &a) == 0 && stat(copy, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        code = err_set(e, ERR_USAGE, "%s is the database itself", copy);
    if (code == 0)
        code = back_up(q, copy, replace, e);
    query_close(q);
    return code;
}
