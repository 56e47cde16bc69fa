/* The process that workers are forked from. It has loaded and warmed up what each needs (dynamic linking, OpenBLAS), so
 * that a worker costs a fraction of a millisecond instead of 20, and is still a process of its own, and a child of the
 * runner: trial/worker_starter.c. */
#ifndef TPRUN_RUN_STARTER_H
#define TPRUN_RUN_STARTER_H

#include "base/err.h"
#include <sys/types.h>

/* Zero-initialise. */
struct starter {
    pid_t pid; /* 0 = none is running */
    int fd;
};

/* Starts it unless it is there. Returns an errno. */
int starter_start(struct starter *s, const char *executable);
/* A new worker with the other end of `fd` as WORKER_SOCKET. A starter that is not there is started, and one that was
 * killed is replaced. After an error *reason is its errno. */
int starter_ask(struct starter *s, const char *executable, int fd, pid_t *pid, int *reason, struct err *e);
void starter_end(struct starter *s);

#endif
