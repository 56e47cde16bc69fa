#include "run/limits.h"

#include "math/blas.h"
#include "run/cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of a run with one worker: database, log, shared memory, lock, two folders, two sockets, the starter's, and the
 * reserve. */
enum { FILES_NEEDED = 9 + LIMITS_RESERVE };

static uintmax_t limit_of(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? UINTMAX_MAX : limit.rlim_cur;
}

static int check_files(struct err *e)
{
    int fds[FILES_NEEDED], n = 0, reason = 0;
    for (; n < FILES_NEEDED && !reason; n++) {
        fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fds[n] < 0) {
            reason = errno;
            n--;
        }
    }
    for (int i = 0; i < n; i++)
        close(fds[i]);
    char text[128];
    if (reason)
        return err_set(e, ERR_MEMORY, "a run needs %d more open files at once, and only %d can be had: %s",
                       FILES_NEEDED, n, limits_text(reason, text, sizeof text));
    return 0;
}

int limits_open(struct err *e)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* if not, there are fewer */
    }
    TRY(check_files(e));
    return blas_check_room(e);
}

size_t limits_workers(size_t wanted)
{
    const uintmax_t most = limit_of(RLIMIT_NOFILE) - LIMITS_RESERVE;
    return wanted < most ? wanted : (size_t)most;
}

bool limits_leave_room(int fd)
{
    const uintmax_t files = limit_of(RLIMIT_NOFILE);
    return files == UINTMAX_MAX ||
           (uintmax_t)fd + LIMITS_RESERVE < files; /* the lowest free number is given away first */
}

const char *limits_text(int reason, char *buffer, size_t size)
{
    if (reason == EMFILE)
        snprintf(buffer, size, "too many open files (`ulimit -n` is %ju)", limit_of(RLIMIT_NOFILE));
    else if (reason == EAGAIN)
        snprintf(buffer, size, "too many processes (`ulimit -u`, or a limit of the control group)");
    else
        snprintf(buffer, size, "%s", strerror(reason));
    return buffer;
}

struct limits_kills limits_count_kills(void)
{
    struct cgroup g;
    int64_t of_group = -1;
    if (cgroup_find("", "memory", &g))
        of_group = cgroup_counter(&g, g.unified ? "memory.events" : "memory.oom_control", "oom_kill");
    return (struct limits_kills){ of_group, counter_of("/proc/vmstat", "oom_kill") };
}

enum limits_death limits_explain_kill(struct limits_kills *before, struct limits_kills now, double bytes,
                                      struct text *how)
{
    const bool of_group = before->group >= 0 && now.group > before->group;
    const bool of_machine = before->machine >= 0 && now.machine > before->machine;
    const bool unknown = now.group < 0 && now.machine < 0;
    if (!of_group && !of_machine && !unknown)
        return DEATH_OTHER;
    before->group += of_group;
    before->machine += of_machine;
    text_add(how, of_group     ? " by the kernel, as the memory of its control group was used up"
                  : of_machine ? ", most likely by the kernel for want of memory"
                               : ", by somebody or for want of memory");
    text_add(how, " (by its plan a worker takes %.3g MB)", bytes / (1024 * 1024));
    return unknown ? DEATH_PERHAPS_MEMORY : DEATH_MEMORY;
}
