/* Workers are forked from a process that is ready to train: linked, with OpenBLAS started, checked and warmed up. Each
 * is a process of its own that begins in the same state as if it had been started alone, so that nothing of a trial is
 * left for the next, and a crash, a limit or a signal is its own. It is a child of the runner (CLONE_PARENT), which
 * reaps it and whose end ends it. */
#include "trial/worker.h"

#include "math/blas.h"
#include "trial/protocol.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A worker whose runner dies is killed by the kernel; the runner may have died before this line, so look once more. */
static void bind_to_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(WORKER_EXIT_ORPHAN);
}

/* It would rather be the one that an exhausted machine ends. */
static void offer_to_be_ended(void)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t ignored = write(fd, "500", 3);
        (void)ignored;
        close(fd);
    }
}

/* Like fork(2), but a sibling. No handler of fork runs: one thread is here, and what it has stays valid. */
static pid_t fork_sibling(void)
{
    const unsigned long flags = CLONE_PARENT | SIGCHLD, none = 0;
#if defined(__s390__)
    return (pid_t)syscall(SYS_clone, none, flags, none, none, none);
#else
    return (pid_t)syscall(SYS_clone, flags, none, none, none, none);
#endif
}

/* The socket of the next worker; -1: there is none, or the runner is gone. */
static int receive_socket(void)
{
    char byte;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec text = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr m = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t n;
    do
        n = recvmsg(WORKER_SOCKET, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    int fd = -1;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* option: of the command line, which ps(1) shows. */
static void become_worker(int socket, pid_t parent, char *option)
{
    static const char shown[] = "--worker";
    if (strlen(option) >= sizeof shown - 1)
        memcpy(option, shown, sizeof shown);
    bind_to_parent(parent);
    offer_to_be_ended();
    if (setpgid(0, 0) < 0 || dup2(socket, WORKER_SOCKET) < 0)
        _exit(EXIT_FAILURE);
    close(socket);
}

int worker_start_others(pid_t parent, char *option)
{
    struct err e = { 0 };
    bind_to_parent(parent);
    const int code = blas_start(&e);
    if (code == 0)
        worker_warm_up();
    for (int fd; (fd = receive_socket()) >= 0; close(fd)) {
        const pid_t pid = fork_sibling();
        if (pid == 0) {
            become_worker(fd, parent, option);
            worker_serve(code, &e);
        }
        const int32_t answer = pid > 0 ? pid : -errno;
        if (send(WORKER_SOCKET, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    err_clear(&e);
    return EXIT_SUCCESS; /* nobody asks for more */
}
