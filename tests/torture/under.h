/* For libraries that are preloaded: which files lie under the folder that the test is about, and the functions behind
 * ours. */
#ifndef TPRUN_TORTURE_UNDER_H
#define TPRUN_TORTURE_UNDER_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The function of the C library that a preloaded one hides: REAL(int, open64, const char *, int, ...) declares
 * real_open64. */
#define REAL(type, name, ...)                                                                                          \
    static type (*real_##name)(__VA_ARGS__);                                                                           \
    if (!real_##name)                                                                                                  \
    *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

static inline bool path_is_under(const char *folder, const char *path)
{
    const size_t n = folder ? strlen(folder) : 0;
    return n > 0 && strncmp(folder, path, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* The path of an open file, "" for none. */
static inline void path_of_fd(int fd, char path[4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = 0;
}

/* An absolute path of what need not exist. */
static inline void path_absolute(int folder, const char *path, char out[4096])
{
    char base[4096] = "";
    if (*path != '/') {
        if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : (path_of_fd(folder, base), false))
            base[0] = 0;
    }
    if (snprintf(out, 4096, "%s%s%s", base, *base ? "/" : "", path) >= 4096)
        out[0] = 0;
}

/* SQLite's -shm is memory: it is made anew after a crash. */
static inline bool is_shared_memory(const char *path)
{
    const size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, "-shm") == 0;
}

/* All ways to open a file, by one function of the library's: open_at(folder, path, flags, mode). */
#define OPEN_AS(name, parameters, folder)                                                                              \
    int name parameters                                                                                                \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                                  \
        va_end(args);                                                                                                  \
        return open_at(folder, path, flags, mode);                                                                     \
    }
#define OPEN_FUNCTIONS                                                                                                 \
    OPEN_AS(open, (const char *path, int flags, ...), AT_FDCWD)                                                        \
    OPEN_AS(open64, (const char *path, int flags, ...), AT_FDCWD)                                                      \
    OPEN_AS(openat, (int at, const char *path, int flags, ...), at)                                                    \
    OPEN_AS(openat64, (int at, const char *path, int flags, ...), at)

#endif
