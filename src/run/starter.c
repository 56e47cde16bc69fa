#include "run/starter.h"

#include "run/worker_process.h"
#include "trial/protocol.h"
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long an answer may take, the start of OpenBLAS on a busy machine with it. */
enum { ANSWER_SECONDS = 120 };

int starter_start(struct starter *s, const char *executable)
{
    int pair[2];
    if (s->pid)
        return 0;
    const int reason = worker_sockets(SOCK_SEQPACKET, pair);
    if (reason)
        return reason;
    char parent[32], name[] = "tprun-worker", option[] = "--starter";
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char *argv[] = { name, option, parent, NULL };
    const int code = worker_spawn(executable, argv, -1, pair[1], WORKER_SOCKET, &s->pid);
    close(pair[1]);
    if (code) {
        close(pair[0]);
        s->pid = 0;
        return code;
    }
    s->fd = pair[0];
    return 0;
}

/* Sends the descriptor. Returns whether there is still somebody who may take it. */
static bool send_descriptor(const struct starter *s, int fd)
{
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    struct iovec text = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr m = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    ssize_t n;
    do
        n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

/* Its answer: a process, or a negative errno. Returns whether there was one. */
static bool receive_answer(const struct starter *s, int32_t *answer)
{
    struct pollfd ready = { .fd = s->fd, .events = POLLIN };
    const int64_t end_ns = now_ns() + (int64_t)ANSWER_SECONDS * 1000000000;
    for (;;) {
        const int64_t left_ms = (end_ns - now_ns()) / 1000000;
        const int n = poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        const ssize_t got = recv(s->fd, answer, sizeof *answer, 0);
        if (got < 0 && errno == EINTR)
            continue;
        return got == (ssize_t)sizeof *answer;
    }
}

int starter_ask(struct starter *s, int fd, pid_t *pid, struct text *how)
{
    int32_t answer = 0;
    *pid = 0;
    if (!send_descriptor(s, fd) || !receive_answer(s, &answer) || !answer) {
        text_clear(how);
        worker_wait(s->pid, how);
        close(s->fd);
        *s = (struct starter){ 0 };
        return ESRCH;
    }
    if (answer < 0)
        return -answer;
    *pid = answer;
    return 0;
}

void starter_end(struct starter *s)
{
    if (!s->pid)
        return;
    worker_wait(s->pid, NULL);
    close(s->fd);
    *s = (struct starter){ 0 };
}
