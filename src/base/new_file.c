#include "base/new_file.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/killpoint.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const struct new_file *f, const char *what, int reason, struct err *e)
{
    return err_set(e, ERR_IO, "%s: %s: %s", f->path, what, strerror(reason));
}

static int open_temporary(struct new_file *f, struct err *e)
{
    struct stat st;
    if (fstatat(f->folder, f->name, &st, 0) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_IO, "%s: %s", f->path, S_ISDIR(st.st_mode) ? "is a folder" : "is not a regular file");
    for (int attempt = 0; attempt < 100; attempt++) {
        uint64_t chance;
        struct text name = { 0 };
        if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
            return fail(f, "getrandom", errno, e);
        text_add(&name, "%s.%ld.%016" PRIx64 ".tmp", f->name, (long)getpid(), chance);
        free(f->temporary);
        f->temporary = name.s;
        f->fd = openat(f->folder, f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (f->fd >= 0) {
            KILL_POINT(FILE_CREATED);
            return 0;
        }
        if (errno != EEXIST && errno != EINTR)
            return fail(f, "cannot write", errno, e);
    }
    return err_set(e, ERR_IO, "%s: no free name for a temporary file", f->path);
}

static int begin(struct new_file *f, const char *path, struct err *e)
{
    *f = (struct new_file){ .path = strdup(path), .folder = -1, .fd = -1 };
    if (!f->path)
        return err_set(e, ERR_MEMORY, "%s: out of memory", path);
    const char *slash = strrchr(f->path, '/');
    f->name = slash ? slash + 1 : f->path;
    return 0;
}

int new_file_begin_at(struct new_file *f, int folder, const char *path, struct err *e)
{
    TRY(begin(f, path, e));
    f->folder = folder;
    return open_temporary(f, e);
}

int new_file_begin(struct new_file *f, const char *path, struct err *e)
{
    TRY(begin(f, path, e));
    f->folder = file_open_folder_of(path, e);
    TRY(f->folder);
    f->owns_folder = true;
    return open_temporary(f, e);
}

int new_file_write(struct new_file *f, const void *bytes, size_t n, struct err *e)
{
    return file_write(f->fd, bytes, n, f->path, e);
}

int new_file_copy(struct new_file *f, int fd, const char *source, struct hash *h, struct err *e)
{
    enum { CHUNK = 1 << 18 };
    unsigned char *bytes = malloc(CHUNK);
    size_t got = 1;
    int code = bytes ? 0 : err_set(e, ERR_MEMORY, "%s: out of memory", f->path);
    while (code == 0 && got > 0) {
        code = file_read(fd, bytes, CHUNK, &got, source, e);
        if (code == 0 && h)
            hash_add(h, bytes, got);
        if (code == 0)
            code = new_file_write(f, bytes, got, e);
    }
    free(bytes);
    return code;
}

int new_file_begin_copy(struct new_file *f, const char *path, const char *source, struct hash *h, struct err *e)
{
    uint64_t size;
    TRY(new_file_begin(f, path, e));
    const int fd = file_open_regular(source, &size, e);
    TRY(fd);
    const int code = new_file_copy(f, fd, source, h, e);
    close(fd); /* read only */
    return code;
}

int new_file_sync(struct new_file *f, struct err *e)
{
    KILL_POINT(FILE_WRITTEN);
    /* Never tried again: a second fsync may succeed although pages were dropped. */
    const int synced = fsync(f->fd), reason = errno;
    const int closed = close(f->fd);
    f->fd = -1;
    if (synced < 0)
        return fail(f, "fsync", reason, e);
    if (closed < 0 && errno != EINTR)
        return fail(f, "close", errno, e);
    f->synced = true;
    KILL_POINT(FILE_SYNCED);
    return 0;
}

static int sync_folder(struct new_file *f, struct err *e)
{
    if (fsync(f->folder) < 0)
        return fail(f, "fsync of its folder", errno, e);
    KILL_POINT(FILE_FOLDER_SYNCED);
    return 0;
}

int new_file_replace(struct new_file *f, struct err *e)
{
    if (!f->synced)
        TRY(new_file_sync(f, e));
    if (renameat(f->folder, f->temporary, f->folder, f->name) < 0)
        return fail(f, "cannot write", errno, e);
    f->renamed = true;
    KILL_POINT(FILE_RENAMED);
    return sync_folder(f, e);
}

/* link never replaces what has come into being meanwhile, as rename would. Where a file system has no links, the look
 * just before has to do. */
int new_file_link(struct new_file *f, bool *there, struct err *e)
{
    *there = false;
    if (!f->synced)
        TRY(new_file_sync(f, e));
    if (linkat(f->folder, f->temporary, f->folder, f->name, 0) == 0) {
        KILL_POINT(FILE_LINKED);
        return sync_folder(f, e); /* the temporary name goes at the end */
    }
    if (errno != EEXIST && faccessat(f->folder, f->name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return new_file_replace(f, e);
    *there = true;
    return 0;
}

void new_file_end(struct new_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->temporary && !f->renamed)
        (void)unlinkat(f->folder, f->temporary, 0); /* what was wrong is told already */
    if (f->owns_folder)
        close(f->folder);
    free(f->path);
    free(f->temporary);
    *f = (struct new_file){ .folder = -1, .fd = -1 };
}
