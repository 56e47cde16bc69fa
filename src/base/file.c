#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux moves at most 0x7ffff000 bytes per call; smaller pieces also keep a signal's delay short. */
#define PIECE ((size_t)1 << 30)

static int open_again(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* O_NONBLOCK: a FIFO must not make us wait */
    while (fd < 0 && errno == EINTR);
    return fd;
}

int file_open_regular(const char *path, uint64_t *size, struct err *e)
{
    const int fd = open_again(path, O_RDONLY);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0) {
        const int reason = errno;
        close(fd);
        return err_set(e, ERR_IO, "%s: %s", path, strerror(reason));
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_IO, "%s: %s", path, S_ISDIR(st.st_mode) ? "is a folder" : "is not a regular file");
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

int file_read(int fd, void *bytes, size_t n, size_t *got, const char *path, struct err *e)
{
    *got = 0;
    while (*got < n) {
        const size_t want = n - *got < PIECE ? n - *got : PIECE;
        const ssize_t r = read(fd, (char *)bytes + *got, want);
        if (r == 0)
            break;
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_set(e, ERR_IO, "%s: reading: %s", path, strerror(errno));
        *got += (size_t)r;
    }
    return 0;
}

int file_write(int fd, const void *bytes, size_t n, const char *path, struct err *e)
{
    for (size_t done = 0; done < n;) {
        const size_t want = n - done < PIECE ? n - done : PIECE;
        const ssize_t r = write(fd, (const char *)bytes + done, want);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return err_set(e, ERR_IO, "%s: writing %zu bytes: %s", path, n - done, strerror(r < 0 ? errno : ENOSPC));
        done += (size_t)r;
    }
    return 0;
}

int file_open_folder_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (!folder)
        return err_set(e, ERR_MEMORY, "%s: out of memory", path);
    const int fd = open_again(folder, O_RDONLY | O_DIRECTORY), reason = errno;
    free(folder);
    return fd >= 0 ? fd : err_set(e, ERR_IO, "folder of %s: %s", path, strerror(reason));
}

bool file_is_writable(const char *path)
{
    struct err e = { 0 };
    char *real = realpath(path, NULL);
    const int folder = real ? file_open_folder_of(real, &e) : -1;
    const bool writable = folder >= 0 && access(real, W_OK) == 0 && faccessat(folder, ".", W_OK, 0) == 0;
    if (folder >= 0)
        close(folder);
    free(real);
    err_clear(&e);
    return writable;
}

int file_sync_folder(const char *path, struct err *e)
{
    const int fd = file_open_folder_of(path, e);
    TRY(fd);
    const int synced = fsync(fd), reason = errno;
    close(fd); /* read only: nothing to lose */
    return synced == 0 ? 0 : err_set(e, ERR_IO, "folder of %s: fsync: %s", path, strerror(reason));
}

static int make_folder(const char *path, int code, struct err *e)
{
    struct stat st;
    if (mkdir(path, 0777) == 0)
        return file_sync_folder(path, e);
    const int reason = errno;
    if (reason == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return err_set(e, code, "cannot make the folder %s: %s", path,
                   reason == EEXIST ? "there is something else of that name" : strerror(reason));
}

int file_make_folders(const char *path, int code, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_set(e, ERR_MEMORY, "%s: out of memory", path);
    int result = 0;
    for (char *end = copy; *end && result == 0;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        const char after = *end;
        *end = 0;
        result = make_folder(copy, code, e);
        *end = after;
    }
    free(copy);
    return result;
}
