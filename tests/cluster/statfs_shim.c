/* A preloaded library that lets folders lie on a network file system: statfs(2) of a path at or below
 * $FAKE_STATFS_FOLDER says that its type is $FAKE_STATFS_TYPE, in hexadecimal. Whoever then takes a lock on a file
 * there (fcntl, flock) or makes a write-ahead log or shared memory is told on standard error, and ended.
 * $FAKE_ERROR=CALL:N:ERRNO:PART makes calls of access, read, write or renameat fail from the N-th on, of those in a
 * process whose path has that part. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool is_there(const char *path)
{
    char real[PATH_MAX];
    const char *folder = getenv("FAKE_STATFS_FOLDER");
    const size_t n = folder ? strlen(folder) : 0;
    if (!folder)
        return false;
    if (!realpath(path, real))
        snprintf(real, sizeof real, "%s", path);
    return strncmp(real, folder, n) == 0 && (real[n] == '/' || real[n] == 0);
}

static void refuse(const char *what, const char *path)
{
    fprintf(stderr, "statfs_shim: %s of %s on a network file system\n", what, path);
    abort();
}

static void lie(const char *path, __fsword_t *type)
{
    const char *fake = getenv("FAKE_STATFS_TYPE");
    if (fake && is_there(path))
        *type = (__fsword_t)strtoul(fake, NULL, 16);
}

int statfs(const char *path, struct statfs *out)
{
    int (*next)(const char *, struct statfs *) = (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs");
    const int code = next(path, out);
    if (code == 0)
        lie(path, &out->f_type);
    return code;
}

int statfs64(const char *path, struct statfs64 *out)
{
    int (*next)(const char *, struct statfs64 *) =
        (int (*)(const char *, struct statfs64 *))dlsym(RTLD_NEXT, "statfs64");
    const int code = next(path, out);
    if (code == 0)
        lie(path, &out->f_type);
    return code;
}

static int locked(int fd, int command, void *argument, const char *symbol)
{
    int (*next)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, symbol);
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const bool locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    const ssize_t n = locks ? readlink(link, path, sizeof path - 1) : -1;
    if (n > 0) {
        path[n] = 0;
        if (is_there(path))
            refuse("a lock", path);
    }
    return next(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return locked(fd, command, argument, "fcntl");
}

int fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return locked(fd, command, argument, "fcntl64");
}

/* ---- errors ---- */

static bool fails(const char *call, const char *path)
{
    static unsigned long n; /* the files of interest are of one thread */
    char wanted[16], part[256];
    unsigned long first;
    int reason;
    const char *text = getenv("FAKE_ERROR");
    if (!text || sscanf(text, "%15[^:]:%lu:%d:%255s", wanted, &first, &reason, part) != 4 ||
        strcmp(wanted, call) != 0 || !strstr(path, part) || ++n < first)
        return false;
    errno = reason;
    return true;
}

static bool fails_at(const char *call, int fd, const char *name)
{
    char link[64], path[PATH_MAX];
    const int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, PATH_MAX - NAME_MAX);
    snprintf(path + (n > 0 ? n : 0), NAME_MAX, "%s", name);
    errno = before;
    return fails(call, path);
}

int access(const char *path, int mode)
{
    int (*next)(const char *, int) = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
    return fails("access", path) ? -1 : next(path, mode);
}

ssize_t read(int fd, void *bytes, size_t n)
{
    ssize_t (*next)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    return fails_at("read", fd, "") ? -1 : next(fd, bytes, n);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return fails_at("write", fd, "") ? -1 : next(fd, bytes, n);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    int (*next)(int, const char *, int, const char *) =
        (int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat");
    char name[NAME_MAX]; /* the program renames in folders that it has opened */
    snprintf(name, sizeof name, "/%s", to);
    return fails_at("renameat", to_at, name) ? -1 : next(from_at, from, to_at, to);
}
