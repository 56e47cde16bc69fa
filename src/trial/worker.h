/* The worker executables: trial/worker.c holds main, trial/worker_job.c a job of the runner. */
#ifndef TPRUN_TRIAL_WORKER_H
#define TPRUN_TRIAL_WORKER_H

#include "base/arena.h"
#include "trial/config.h"

enum { WORKER_EXIT_ORPHAN = 70 }; /* the runner is gone: nobody reads this status */

/* One job over WORKER_SOCKET. Returns the exit status; how the trial ended is in its last message. */
int worker_serve(void);
int worker_read_config(const char *name, const char *text, size_t n, struct config *c, struct arena *a, struct err *e);
/* A first matrix product: makes BLAS allocate its buffers. */
void worker_warm_up(void);
int64_t worker_now_ns(void);

#endif
