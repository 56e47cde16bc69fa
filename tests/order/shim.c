/* Preloaded by test_order.py: writes down, in their order over all processes, the calls that make files appear, last
 * and disappear. A line for each call that succeeded, in the file that TPRUN_ORDER_LOG names:
 *
 *     create PATH | sync PATH | rename FROM TO | link FROM TO | unlink PATH | mkdir PATH | names LOG NAME
 *
 * Paths are absolute. "names": a write into a database's write-ahead log holds the name of a checkpoint. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* <fcntl.h> declares with attributes and inline functions what is defined here. */
enum { AT_CWD = -100, CREATE = 0100, APPEND = 02000, CLOEXEC = 02000000 };
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat(int folder, const char *path, int flags, ...);
int openat64(int folder, const char *path, int flags, ...);
int renameat(int from_folder, const char *from, int to_folder, const char *to);
int rename(const char *from, const char *to);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at);

static void put(const char *a, const char *b, const char *c)
{
    char line[3 * PATH_MAX];
    const int error = errno;
    const char *log = getenv("TPRUN_ORDER_LOG");
    size_t n = 0;
    const char *const words[] = { a, b, c };
    for (size_t i = 0; i < 3 && words[i]; i++) {
        const size_t length = strlen(words[i]);
        if (n + length + 2 > sizeof line)
            return;
        if (i)
            line[n++] = ' ';
        memcpy(line + n, words[i], length);
        n += length;
    }
    line[n++] = '\n';
    const int fd = log ? (int)syscall(SYS_openat, AT_CWD, log, 1 | CREATE | APPEND | CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        (void)!syscall(SYS_write, fd, line, n);
        (void)syscall(SYS_close, fd);
    }
    errno = error;
}

static const char *of_descriptor(int fd, char path[PATH_MAX])
{
    char link[32] = "/proc/self/fd/";
    size_t n = strlen(link);
    char digits[12];
    size_t d = 0;
    for (int rest = fd; d == 0 || rest > 0; rest /= 10)
        digits[d++] = (char)('0' + rest % 10);
    while (d > 0)
        link[n++] = digits[--d];
    link[n] = 0;
    const ssize_t got = fd < 0 ? -1 : readlink(link, path, PATH_MAX - 1);
    path[got > 0 ? got : 0] = 0;
    return path;
}

/* As the caller names it, in its folder. */
static const char *absolute(int folder, const char *path, char full[PATH_MAX])
{
    if (path[0] == '/')
        return path;
    if (folder == AT_CWD) {
        if (!getcwd(full, PATH_MAX))
            full[0] = 0;
    } else {
        of_descriptor(folder, full);
    }
    const size_t n = strlen(full);
    if (n + strlen(path) + 2 > PATH_MAX)
        return path;
    full[n] = '/';
    strcpy(full + n + 1, path);
    return full;
}

static int opened(int folder, const char *path, int flags, int mode)
{
    char full[PATH_MAX];
    const int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && (flags & CREATE))
        put("create", absolute(folder, path, full), NULL);
    return fd;
}

#define OPEN(name, parameters, folder)                                                                                 \
    int name parameters                                                                                                \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        const int mode = flags & CREATE ? va_arg(args, int) : 0;                                                       \
        va_end(args);                                                                                                  \
        return opened(folder, path, flags, mode);                                                                      \
    }
OPEN(open, (const char *path, int flags, ...), AT_CWD)
OPEN(open64, (const char *path, int flags, ...), AT_CWD)
OPEN(openat, (int folder, const char *path, int flags, ...), folder)
OPEN(openat64, (int folder, const char *path, int flags, ...), folder)

static int synced(long number, int fd)
{
    char path[PATH_MAX];
    const int code = (int)syscall(number, fd);
    if (code == 0)
        put("sync", of_descriptor(fd, path), NULL);
    return code;
}

int fsync(int fd)
{
    return synced(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return synced(SYS_fdatasync, fd);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];
    const int code = (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
    if (code == 0)
        put("rename", absolute(from_folder, from, a), absolute(to_folder, to, b));
    return code;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_CWD, from, AT_CWD, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char a[PATH_MAX], b[PATH_MAX];
    const int code = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (code == 0)
        put("link", absolute(from_folder, from, a), absolute(to_folder, to, b));
    return code;
}

int link(const char *from, const char *to)
{
    return linkat(AT_CWD, from, AT_CWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    char full[PATH_MAX];
    const int code = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (code == 0)
        put("unlink", absolute(folder, path, full), NULL);
    return code;
}

int unlink(const char *path)
{
    return unlinkat(AT_CWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
    char full[PATH_MAX];
    const int code = (int)syscall(SYS_mkdirat, AT_CWD, path, mode);
    if (code == 0)
        put("mkdir", absolute(AT_CWD, path, full), NULL);
    return code;
}

/* "names": every 16 hexadecimal digits with ".<...>.safetensors" behind them. */
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    static const char ending[] = ".safetensors";
    char path[PATH_MAX], name[128];
    const ssize_t done = syscall(SYS_pwrite64, fd, bytes, n, at);
    const size_t length = strlen(of_descriptor(fd, path));
    if (done <= 0 || length < 4 || strcmp(path + length - 4, "-wal") != 0)
        return done;
    const char *const first = bytes, *const end = first + n;
    for (const char *s = first; (s = memmem(s, (size_t)(end - s), ending, strlen(ending))); s += strlen(ending)) {
        const char *from = s;
        while (from > first && (size_t)(s - from) < 80 &&
               (from[-1] == '.' || strchr("0123456789abcdef", from[-1] ? from[-1] : 'x')))
            from--;
        const char *dot = memchr(from, '.', (size_t)(s - from));
        if (dot && dot - from > 16) /* the number before the text in its row may look like a digit */
            from = dot - 16;
        const size_t size = (size_t)(s - from) + strlen(ending);
        if (size >= sizeof name)
            continue;
        memcpy(name, from, size);
        name[size] = 0;
        put("names", path, name);
    }
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return pwrite64(fd, bytes, n, at);
}
