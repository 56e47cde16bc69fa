#include "run/worker_process.h"

#include "base/file.h"
#include "run/limits.h"
#include "run/signals.h"
#include "run/starter.h"
#include "trial/protocol.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int worker_executable(const char *precision, char path[4096], struct err *e)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;
    if (n > 0) {
        self[n] = 0;
        slash = strrchr(self, '/');
    }
    if (slash) {
        *slash = 0;
        if (snprintf(path, 4096, "%s/tprun-worker-%s", self, precision) < 4096 && access(path, X_OK) == 0)
            return 0;
    }
    const char *folder = getenv("TPRUN_LIBEXEC");
    if (!folder)
        folder = TPRUN_LIBEXEC;
    if (snprintf(path, 4096, "%s/tprun-worker-%s", folder, precision) >= 4096 || access(path, X_OK) < 0)
        return err_set(e, ERR_IO, "cannot find tprun-worker-%s beside tprun or in %s (TPRUN_LIBEXEC)", precision,
                       folder);
    return 0;
}

char **worker_environment(void)
{
    static const char *const removed[] = { "OPENBLAS_", "GOTO_", "BLIS_",    "MKL_",    "OMP_",
                                           "GOMP_",     "KMP_",  "GSL_RNG_", "LIBXSMM_" };
    static char blas_threads[] = "OPENBLAS_NUM_THREADS=1", omp_threads[] = "OMP_NUM_THREADS=1";
    size_t n = 0;
    while (environ && environ[n])
        n++;
    char **kept = calloc(n + 3, sizeof *kept);
    if (!kept)
        return NULL;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        bool keep = true;
        for (size_t k = 0; k < sizeof removed / sizeof *removed; k++)
            keep = keep && strncmp(environ[i], removed[k], strlen(removed[k])) != 0;
        if (keep)
            kept[m++] = environ[i];
    }
    kept[m++] = blas_threads;
    kept[m] = omp_threads;
    return kept;
}

int worker_spawn(const char *executable, char *const argv[], int input, int fd, int fd_in_child, pid_t *pid)
{
    char **environment = worker_environment();
    if (!environment)
        return ENOMEM;
    sigset_t all, blocked;
    sigfillset(&all);
    signals_mask(&blocked);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setpgroup(&attributes, 0);
    int code = input >= 0 ? posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
                          : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0 && fd_in_child != STDOUT_FILENO)
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, fd, fd_in_child);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_SOCKET + (fd_in_child == WORKER_SOCKET));
    if (code == 0)
        code = posix_spawn(pid, executable, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    return code;
}

int worker_sockets(int type, int pair[2])
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
        return errno;
    if (limits_leave_room(pair[0]) && limits_leave_room(pair[1]))
        return 0;
    close(pair[0]);
    close(pair[1]);
    return EMFILE;
}

/* One try. Returns an errno; ESRCH: the starter ended, and said how. */
static int try_start(struct worker_process *w, struct starter *starter, const char *executable, struct text *how)
{
    int pair[2];
    int reason =
        starter_start(starter, executable); /* first: it stays, so the worker's socket has to leave less room */
    if (reason == 0)
        reason = worker_sockets(SOCK_STREAM, pair);
    if (reason)
        return reason;
    *w = (struct worker_process){ .fd = pair[0], .heard_ns = now_ns() };
    reason = starter_ask(starter, pair[1], &w->pid, how);
    close(pair[1]);
    const int flags = fcntl(pair[0], F_GETFL);
    if (reason == 0 && (flags < 0 || fcntl(pair[0], F_SETFL, flags | O_NONBLOCK) < 0))
        reason = errno;
    if (reason)
        worker_reap(w, NULL);
    return reason;
}

int worker_start(struct worker_process *w, struct starter *starter, const char *executable, int *reason, struct err *e)
{
    enum { TRIES = 3 }; /* of starters that end before they have answered */
    char text[128];
    struct text how = { 0 };
    *reason = ESRCH;
    for (int i = 0; i < TRIES && *reason == ESRCH; i++)
        *reason = try_start(w, starter, executable, &how);
    if (*reason == ESRCH)
        err_set(e, ERR_INTERNAL, "%s starts no worker: %s", executable, how.n ? how.s : "it left without a word");
    else if (*reason)
        err_set(e, err_is_shortage(*reason) ? ERR_MEMORY : ERR_INTERNAL, "cannot start %s: %s", executable,
                limits_text(*reason, text, sizeof text));
    text_free(&how);
    return *reason ? e->code : 0;
}

int worker_send(struct worker_process *w, const struct frame_buffer *out, struct err *e)
{
    for (size_t sent = out->read; sent < out->n;) {
        const ssize_t n = send(w->fd, out->bytes + sent, out->n - sent, MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return 0;
        struct pollfd room = { .fd = w->fd, .events = POLLOUT };
        if (errno != EAGAIN || poll(&room, 1, 10 * 1000) == 0)
            return err_set(e, ERR_INTERNAL, "cannot write to worker %ld: %s", (long)w->pid, strerror(errno));
    }
    return 0;
}

int worker_receive(struct worker_process *w, bool *closed, struct err *e)
{
    unsigned char bytes[64 * 1024];
    *closed = false;
    const ssize_t n = recv(w->fd, bytes, sizeof bytes, 0);
    if (n > 0) {
        frame_append(&w->in, bytes, (size_t)n);
        w->heard_ns = now_ns();
        return 0;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    *closed = true; /* half a frame may be left: a worker that was killed; it is dropped with the buffer */
    if (n < 0 && errno != ECONNRESET)
        return err_set(e, ERR_INTERNAL, "cannot read from worker %ld: %s", (long)w->pid, strerror(errno));
    return 0;
}

void worker_kill(const struct worker_process *w)
{
    if (w->pid > 0)
        kill(w->pid, SIGKILL);
}

/* A process that has closed its socket is on its way out: its status is settled before the kernel closes its files, so
 * the signal changes nothing but guards against one that closed its socket and stays. */
int worker_wait(pid_t pid, struct text *how)
{
    int status = 0;
    pid_t got;
    kill(pid, SIGKILL);
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got != pid)
        return 0;
    if (how && WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        text_add(how, "killed by SIG%s", name ? name : "?");
    } else if (how && WIFEXITED(status) && WEXITSTATUS(status)) {
        text_add(how, "exited with status %d", WEXITSTATUS(status));
    }
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int worker_reap(struct worker_process *w, struct text *how)
{
    const int number = w->pid > 0 ? worker_wait(w->pid, how) : 0;
    close(w->fd);
    frame_free(&w->in);
    *w = (struct worker_process){ .fd = -1 };
    return number;
}

/* A file without a name that holds the text, at its beginning. Returns a descriptor or a negative code. */
static int file_of(const char *text, struct err *e)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return err_set(e, err_is_shortage(errno) ? ERR_MEMORY : ERR_INTERNAL, "cannot make a file in memory: %s",
                       strerror(errno));
    int code = file_write(fd, text, strlen(text), "a file in memory", e);
    if (code == 0 && lseek(fd, 0, SEEK_SET) < 0)
        code = err_set(e, ERR_INTERNAL, "cannot go back in a file in memory: %s", strerror(errno));
    if (code == 0)
        return fd;
    close(fd);
    return code;
}

int worker_ask(const char *executable, const char *argument, const char *input, char *line, size_t size, struct err *e)
{
    int ends[2], in = -1;
    if (input) {
        in = file_of(input, e);
        TRY(in);
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        if (in >= 0)
            close(in);
        return err_set(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    }
    char name[] = "tprun-worker", option[32];
    snprintf(option, sizeof option, "%s", argument);
    char *argv[] = { name, option, NULL };
    pid_t pid;
    const int code = worker_spawn(executable, argv, in, ends[1], STDOUT_FILENO, &pid);
    if (in >= 0)
        close(in);
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got = 1; code == 0 && got != 0 && n + 1 < size;) {
        got = read(ends[0], line + n, size - 1 - n);
        if (got < 0 && errno != EINTR)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    line[n] = 0;
    line[strcspn(line, "\n")] = 0;
    int status = -1;
    if (code == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    if (code || status != 0)
        return err_set(e, ERR_INTERNAL, "%s %s failed%s%s", executable, argument, code ? ": " : "",
                       code ? strerror(code) : "");
    return 0;
}
