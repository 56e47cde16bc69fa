/* OpenBLAS takes 140 MB of address space for each processor when it is loaded, before main, and waits for ever when a
 * limit does not allow that. tprun itself multiplies nothing, so where address space is limited it starts once more
 * with OPENBLAS_NUM_THREADS=1. Only a function of .preinit_array runs before the libraries' own initialisation. */
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* its own memory is beyond any limit */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED

static char one_thread[] = "OPENBLAS_NUM_THREADS=1";

static bool is_limited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* Nothing is initialised yet: system calls and what needs no state. If it cannot be done, all is as it was. */
static void start_with_one_thread(int argc, char **argv, char **environment)
{
    char path[4096];
    size_t n = 0, m = 0;
    (void)argc;
    if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA))
        return;
    for (; environment[n]; n++)
        if (strcmp(environment[n], one_thread) == 0)
            return;
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    char *with[4096];
    if (length < 0 || n + 2 > sizeof with / sizeof *with)
        return;
    path[length] = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environment[i], one_thread, strlen(one_thread) - 1) != 0)
            with[m++] = environment[i];
    with[m++] = one_thread;
    with[m] = NULL;
    execve(path, argv, with);
}

typedef void preinit(int argc, char **argv, char **environment);
static preinit *const first __attribute__((section(".preinit_array"), used)) = start_with_one_thread;

#endif
