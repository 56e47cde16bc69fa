/* Makes the n-th call of a kind fail, in a program and its children.
 *
 *   LD_PRELOAD=libfault.so TPRUN_FAULT=KIND:N:ERRNO:MODE TPRUN_FAULT_FOLDER=/tmp/x TPRUN_FAULT_COUNT=/tmp/count program
 *
 * KIND: open, read, write, short, sync, syncdir (of a folder), rename, link, unlink, close, mkdir, truncate (of files
 * under the folder), or memory (any allocation of the program TPRUN_FAULT_PROGRAM once main may be near). ERRNO: a
 * number. MODE: once, or sticky: that call and every later one. N = 0 only counts. The count file holds two 64-bit
 * numbers, shared by all processes: calls of this kind, and how many of them failed. `short` writes half of what is
 * asked for, and is no error. */
#include "under.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct {
    char kind[16];
    unsigned long n;
    int error;
    bool sticky;
    const char *folder;
    _Atomic uint64_t *counts; /* calls, failures; NULL: nothing is to fail here */
} fault;

/* Whether this call fails. */
static bool strikes(const char *kind)
{
    if (!fault.counts || strcmp(kind, fault.kind) != 0)
        return false;
    const uint64_t call = atomic_fetch_add(&fault.counts[0], 1) + 1;
    if (fault.n == 0 || call < fault.n || (call > fault.n && !fault.sticky))
        return false;
    atomic_fetch_add(&fault.counts[1], 1);
    errno = fault.error;
    return true;
}

static bool strikes_path(const char *kind, int at, const char *path)
{
    char absolute[4096];
    if (!fault.counts || strcmp(kind, fault.kind) != 0)
        return false;
    path_absolute(at, path, absolute);
    return path_is_under(fault.folder, absolute) && strikes(kind);
}

static bool strikes_fd(const char *kind, int fd)
{
    char path[4096];
    if (!fault.counts || strcmp(kind, fault.kind) != 0)
        return false;
    const int reason = errno;
    path_of_fd(fd, path);
    errno = reason;
    return path_is_under(fault.folder, path) && strikes(kind);
}

__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("TPRUN_FAULT"), *count = getenv("TPRUN_FAULT_COUNT"),
               *program = getenv("TPRUN_FAULT_PROGRAM");
    char mode[8] = "";
    if (!text || !count || sscanf(text, "%15[^:]:%lu:%d:%7s", fault.kind, &fault.n, &fault.error, mode) != 4)
        return;
    if (program && strcmp(program, program_invocation_short_name) != 0)
        return;
    fault.sticky = !strcmp(mode, "sticky");
    fault.folder = getenv("TPRUN_FAULT_FOLDER");
    REAL(int, open, const char *, int, ...);
    const int fd = real_open(count, O_RDWR | O_CLOEXEC);
    void *counts = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REAL(int, close, int);
    real_close(fd);
    if (counts == MAP_FAILED)
        abort();
    fault.counts = counts;
}

/* ---- names ---- */

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    REAL(int, openat, int, const char *, int, ...);
    return strikes_path("open", at, path) ? -1 : real_openat(at, path, flags, mode);
}

OPEN_FUNCTIONS

DIR *opendir(const char *path)
{
    REAL(DIR *, opendir, const char *);
    return strikes_path("open", AT_FDCWD, path) ? NULL : real_opendir(path);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    REAL(int, mkdirat, int, const char *, mode_t);
    return strikes_path("mkdir", at, path) ? -1 : real_mkdirat(at, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int renameat(int from_at, const char *from, int at, const char *to)
{
    REAL(int, renameat, int, const char *, int, const char *);
    return strikes_path("rename", at, to) ? -1 : real_renameat(from_at, from, at, to);
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_at, const char *from, int at, const char *to, int flags)
{
    REAL(int, linkat, int, const char *, int, const char *, int);
    return strikes_path("link", at, to) ? -1 : real_linkat(from_at, from, at, to, flags);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    return strikes_path("unlink", AT_FDCWD, path) ? -1 : real_unlink(path);
}

int unlinkat(int at, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    return strikes_path("unlink", at, path) ? -1 : real_unlinkat(at, path, flags);
}

/* ---- contents ---- */

ssize_t read(int fd, void *bytes, size_t n)
{
    REAL(ssize_t, read, int, void *, size_t);
    return strikes_fd("read", fd) ? -1 : real_read(fd, bytes, n);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    return strikes_fd("read", fd) ? -1 : real_pread64(fd, bytes, n, offset);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    return pread64(fd, bytes, n, offset);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    REAL(ssize_t, write, int, const void *, size_t);
    if (strikes_fd("write", fd))
        return -1;
    return real_write(fd, bytes, n > 1 && strikes_fd("short", fd) ? n / 2 : n);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (strikes_fd("write", fd))
        return -1;
    return real_pwrite64(fd, bytes, n > 1 && strikes_fd("short", fd) ? n / 2 : n, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return pwrite64(fd, bytes, n, offset);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, ftruncate64, int, off64_t);
    return strikes_fd("truncate", fd) ? -1 : real_ftruncate64(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static const char *kind_of_sync(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? "syncdir" : "sync";
}

int fsync(int fd)
{
    REAL(int, fsync, int);
    return strikes_fd(kind_of_sync(fd), fd) ? -1 : real_fsync(fd);
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    return strikes_fd(kind_of_sync(fd), fd) ? -1 : real_fdatasync(fd);
}

/* The file is closed all the same, as it is on Linux. */
int close(int fd)
{
    REAL(int, close, int);
    const bool fails = strikes_fd("close", fd);
    const int code = real_close(fd);
    if (fails)
        errno = fault.error;
    return fails ? -1 : code;
}

/* ---- memory ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static bool no_memory(void)
{
    return fault.counts && strikes("memory") && (errno = ENOMEM);
}

void *malloc(size_t n)
{
    return no_memory() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return no_memory() ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return no_memory() ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    *p = no_memory() ? NULL : __libc_memalign(alignment, n);
    return *p ? 0 : ENOMEM;
}
