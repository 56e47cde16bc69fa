/* Signals that ask something of a run: SIGINT, SIGTERM and SIGUSR1 to stop, SIGHUP to make checkpoints and go on.
 *
 * A process has one set of handlers, so this has no instance. A signal that was ignored when the program was started
 * stays ignored: shells start `command &` in a script with SIGINT ignored, nohup does so with SIGHUP.
 *
 * What a stop does depends on who listens. Before the first run begins, nothing has been written: the program ends at
 * once, exit status 75. While a run attends, it is counted and signals_fd() becomes readable. After it (results are
 * being printed), the first is only counted and the second ends the program as if there was no handler. */
#ifndef TPRUN_RUN_SIGNALS_H
#define TPRUN_RUN_SIGNALS_H

#include "base/err.h"
#include <signal.h>

/* Installs the handlers, once and until the end of the program; SIGPIPE and SIGXFSZ are ignored from now on, as writes
 * tell of both. */
int signals_open(struct err *e);

/* A run begins (true) or has ended to listen. */
void signals_attend(bool attend);
/* Readable when a signal has come since the last signals_take, -1 without signals_open. */
int signals_fd(void);
void signals_take(void);
/* How often a stop has been asked for since signals_open: 1 = stop at a checkpoint, more = at once. No system call. */
int signals_stops(void);
/* How often checkpoints have been asked for since signals_open. */
int signals_saves(void);

/* The signals above, as a mask: a worker starts with them blocked and then ignores them, as its runner alone tells it
 * what to do. Supervisors signal every process of a job; a worker must not die of what the runner stops for. */
void signals_mask(sigset_t *set);

#endif
