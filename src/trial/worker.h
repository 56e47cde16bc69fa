/* The worker executables: trial/worker.c holds main, trial/worker_starter.c how workers begin, trial/worker_job.c a job
 * of the runner. */
#ifndef TPRUN_TRIAL_WORKER_H
#define TPRUN_TRIAL_WORKER_H

#include "base/arena.h"
#include "trial/config.h"
#include <sys/types.h>

enum { WORKER_EXIT_ORPHAN = 70 }; /* the runner is gone: nobody reads this status */

/* Forks a worker for each socket that comes over WORKER_SOCKET, and answers each with its process (int32_t) or a
 * negative errno. option: "--starter" on the command line, which workers replace. Returns the exit status, when the
 * other end is closed. */
int worker_start_others(pid_t parent, char *option);
/* One job over WORKER_SOCKET, with the outcome of blas_start; ends the process. How the trial ended is in its last
 * message. */
_Noreturn void worker_serve(int started, struct err *e);
int worker_read_config(const char *name, const char *text, size_t n, struct config *c, struct arena *a, struct err *e);
/* A first matrix product: makes BLAS allocate its buffers. */
void worker_warm_up(void);
int64_t worker_now_ns(void);

#endif
