/* Records what a program and its children do to the files of one folder, to be replayed with power cuts by replay.c.
 *
 *   LD_PRELOAD=librecord.so TPRUN_RECORD_FOLDER=/tmp/x TPRUN_RECORD_LOG=/tmp/log program
 *
 * TPRUN_RECORD_NO_SYNC: fsync and fdatasync do nothing, and say that they did; the control that a test must fail with.
 * A call and its record happen under one lock of all processes, so that the order of the log is that of the effects. */
#include "record.h"
#include "under.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static pid_t log_owner;

static const char *root(void)
{
    return getenv("TPRUN_RECORD_FOLDER");
}

static ssize_t real_write_all(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, write, int, const void *, size_t);
    for (size_t done = 0; done < n;) {
        const ssize_t w = real_write(fd, (const char *)bytes + done, n - done);
        if (w < 0)
            abort();
        done += (size_t)w;
    }
    return (ssize_t)n;
}

/* Of this process and of all others: a lock of an open file, so each process opens its own. */
static void begin(void)
{
    REAL(int, open, const char *, int, ...);
    pthread_mutex_lock(&mutex);
    if (log_fd < 0 || log_owner != getpid()) {
        const int fd = real_open(getenv("TPRUN_RECORD_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900); /* out of the way of programs that close what they do not know */
        REAL(int, close, int);
        real_close(fd);
        log_owner = getpid();
    }
    if (log_fd < 0 || flock(log_fd, LOCK_EX) < 0)
        abort();
}

static void end(void)
{
    const int reason = errno;
    flock(log_fd, LOCK_UN);
    pthread_mutex_unlock(&mutex);
    errno = reason;
}

static void put(enum record_op op, uint64_t inode, uint64_t folder, const char *path, const char *other,
                uint64_t offset, const void *data, size_t n)
{
    const int reason = errno;
    const struct record r = { .op = op,
                              .n_path = path ? (uint32_t)strlen(path) : 0,
                              .n_other = other ? (uint32_t)strlen(other) : 0,
                              .inode = inode,
                              .folder = folder,
                              .offset = offset,
                              .n = n };
    real_write_all(log_fd, &r, sizeof r);
    real_write_all(log_fd, path, r.n_path);
    real_write_all(log_fd, other, r.n_other);
    real_write_all(log_fd, data, n);
    errno = reason;
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static uint64_t inode_of_fd(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* Splits an absolute path; the name points into it. */
static uint64_t folder_of(const char *path, const char **name)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    return inode_of(folder);
}

static bool wanted_path(int at, const char *path, char absolute[4096])
{
    path_absolute(at, path, absolute);
    return path_is_under(root(), absolute) && !is_shared_memory(absolute);
}

static bool wanted_fd(int fd)
{
    char path[4096];
    if (!root())
        return false;
    path_of_fd(fd, path);
    char *deleted = strstr(path, " (deleted)");
    if (deleted)
        *deleted = 0;
    return path_is_under(root(), path) && !is_shared_memory(path);
}

/* ---- names ---- */

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    REAL(int, openat, int, const char *, int, ...);
    char absolute[4096];
    if (!root() || !(flags & (O_CREAT | O_TRUNC)) || !wanted_path(at, path, absolute))
        return real_openat(at, path, flags, mode);
    begin();
    const char *name;
    const bool there = inode_of(absolute) != 0;
    const int fd = real_openat(at, path, flags, mode);
    if (fd >= 0 && !there)
        put(RECORD_CREATE, inode_of_fd(fd), folder_of(absolute, &name), strrchr(absolute, '/') + 1, NULL, 0, NULL, 0);
    else if (fd >= 0 && (flags & O_TRUNC))
        put(RECORD_TRUNCATE, inode_of_fd(fd), 0, NULL, NULL, 0, NULL, 0);
    end();
    return fd;
}

OPEN_FUNCTIONS

int mkdirat(int at, const char *path, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    char absolute[4096];
    if (!root() || !wanted_path(at, path, absolute))
        return real_mkdirat(at, path, mode);
    begin();
    const char *name;
    const int code = real_mkdirat(at, path, mode);
    if (code == 0) {
        const uint64_t folder = folder_of(absolute, &name);
        put(RECORD_MKDIR, inode_of(absolute), folder, name, NULL, 0, NULL, 0);
    }
    end();
    return code;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from_at, const char *from, int at, const char *to, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    char absolute[4096];
    if (!root() || !wanted_path(at, to, absolute))
        return real_linkat(from_at, from, at, to, flags);
    begin();
    const char *name;
    const int code = real_linkat(from_at, from, at, to, flags);
    if (code == 0) {
        const uint64_t folder = folder_of(absolute, &name);
        put(RECORD_LINK, inode_of(absolute), folder, name, NULL, 0, NULL, 0);
    }
    end();
    return code;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_at, const char *from, int at, const char *to)
{
    REAL(int, renameat, int, const char *, int, const char *);
    char old[4096], new[4096];
    if (!root() || !wanted_path(from_at, from, old) || !wanted_path(at, to, new))
        return real_renameat(from_at, from, at, to);
    begin();
    const char *name, *other;
    const int code = real_renameat(from_at, from, at, to);
    if (code == 0) {
        const uint64_t folder = folder_of(old, &name), target = folder_of(new, &other);
        put(RECORD_RENAME, target, folder, name, other, 0, NULL, 0);
    }
    end();
    return code;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int at, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    char absolute[4096];
    if (!root() || !wanted_path(at, path, absolute))
        return real_unlinkat(at, path, flags);
    begin();
    const char *name;
    const int code = real_unlinkat(at, path, flags);
    if (code == 0) {
        const uint64_t folder = folder_of(absolute, &name);
        put(RECORD_UNLINK, 0, folder, name, NULL, 0, NULL, 0);
    }
    end();
    return code;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

/* ---- contents ---- */

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (!wanted_fd(fd))
        return real_pwrite64(fd, bytes, n, offset);
    begin();
    const ssize_t done = real_pwrite64(fd, bytes, n, offset);
    if (done > 0)
        put(RECORD_WRITE, inode_of_fd(fd), 0, NULL, NULL, (uint64_t)offset, bytes, (size_t)done);
    end();
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return pwrite64(fd, bytes, n, offset);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, write, int, const void *, size_t);
    if (!wanted_fd(fd))
        return real_write(fd, bytes, n);
    begin();
    const ssize_t done = real_write(fd, bytes, n);
    const off_t after = lseek(fd, 0, SEEK_CUR);
    if (done > 0)
        put(RECORD_WRITE, inode_of_fd(fd), 0, NULL, NULL, (uint64_t)(after - done), bytes, (size_t)done);
    end();
    return done;
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, ftruncate64, int, off64_t);
    if (!wanted_fd(fd))
        return real_ftruncate64(fd, size);
    begin();
    const int code = real_ftruncate64(fd, size);
    if (code == 0)
        put(RECORD_TRUNCATE, inode_of_fd(fd), 0, NULL, NULL, (uint64_t)size, NULL, 0);
    end();
    return code;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int sync_file(int fd, int (*real)(int))
{
    if (!wanted_fd(fd))
        return real(fd);
    begin();
    const bool skipped = getenv("TPRUN_RECORD_NO_SYNC") != NULL;
    const int code = skipped ? 0 : real(fd);
    if (code == 0)
        put(RECORD_SYNC, inode_of_fd(fd), 0, NULL, NULL, skipped, NULL, 0);
    end();
    return code;
}

int fsync(int fd)
{
    REAL(int, fsync, int);
    return sync_file(fd, real_fsync);
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    return sync_file(fd, real_fdatasync);
}

/* The folder itself must exist when the program starts. */
__attribute__((constructor)) static void start(void)
{
    struct stat st;
    if (!root() || !getenv("TPRUN_RECORD_LOG"))
        return;
    begin();
    if (fstat(log_fd, &st) == 0 && st.st_size == 0)
        put(RECORD_BEGIN, inode_of(root()), 0, NULL, NULL, 0, NULL, 0);
    end();
}
