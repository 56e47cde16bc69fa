#include "store/backup.h"

#include "base/file.h"
#include "store/copy.h"
#include "store/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
        const int code =
            there ? err_set(e, ERR_IO, "%s: a database of that name is in use, or was left by a kill: %s is there",
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
        code = copy_database(from->db, from->path, &(struct copy){ temporary, copy, ERR_IO }, e);
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
