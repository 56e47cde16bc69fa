/* The process that workers are forked from. It has loaded and warmed up what each needs (dynamic linking, OpenBLAS), so
 * that a worker costs a fraction of a millisecond instead of 20, and is still a process of its own, and a child of the
 * runner: trial/worker_starter.c. */
#ifndef TPRUN_RUN_STARTER_H
#define TPRUN_RUN_STARTER_H

#include "base/text.h"
#include <sys/types.h>

/* Zero-initialise. */
struct starter {
    pid_t pid; /* 0 = none is running */
    int fd;
};

/* Starts it unless it is there. Returns an errno. */
int starter_start(struct starter *s, const char *executable);
/* A new worker with `fd` as WORKER_SOCKET. Returns an errno. ESRCH: the starter ended, and is gone; how: "killed by
 * SIGSEGV", or "". It may have forked before, so that a worker nobody knows has the descriptor: close the other end,
 * and that worker leaves. */
int starter_ask(struct starter *s, int fd, pid_t *pid, struct text *how);
void starter_end(struct starter *s);

#endif
