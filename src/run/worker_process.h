/* A worker seen from the runner: a process of its own with a clean environment and one socket. */
#ifndef TPRUN_RUN_WORKER_PROCESS_H
#define TPRUN_RUN_WORKER_PROCESS_H

#include "base/frame.h"
#include "base/text.h"
#include <sys/types.h>

struct starter;

struct worker_process {
    pid_t pid; /* 0 = none */
    int fd;    /* our end of the socket, non-blocking */
    struct frame_buffer in;
    int64_t heard_ns; /* CLOCK_MONOTONIC of the last bytes received */
};

/* The executable for a precision ("single", "double"): beside this program, else in TPRUN_LIBEXEC. */
int worker_executable(const char *precision, char path[4096], struct err *e);
/* An environment for it: this one without variables that change what OpenBLAS, OpenMP, libxsmm or GSL compute, and one
 * thread. The array is closed by NULL; free it (its strings belong to the program). */
char **worker_environment(void);

/* After an error *reason is its errno. */
int worker_start(struct worker_process *w, struct starter *starter, const char *executable, int *reason, struct err *e);
/* Runs a program with default signals, those of signals_mask blocked until it ignores them, in a process group of its
 * own (the terminal's SIGINT is for the runner alone), and with no descriptor but 0 to 2 and `fd` as WORKER_SOCKET (or
 * as its standard output). input: its standard input, -1 for nothing to read. Returns an errno. */
int worker_spawn(const char *executable, char *const argv[], int input, int fd, int fd_in_child, pid_t *pid);
/* A pair of sockets that leaves room for the files of the runner. Returns an errno. */
int worker_sockets(int type, int pair[2]);
/* Sends whole frames, waiting up to ten seconds for room in the socket. A worker that is gone is not an error: its end
 * will be read. */
int worker_send(struct worker_process *w, const struct frame_buffer *out, struct err *e);
/* Reads what has come, at most 64 KB. Sets *closed when the worker has closed its end. */
int worker_receive(struct worker_process *w, bool *closed, struct err *e);
/* Ends and reaps the process; how: "killed by SIGSEGV" or "exited with status 1", or "" for status 0. May be called
 * with pid 0. Returns the signal that ended it, or 0. */
int worker_reap(struct worker_process *w, struct text *how);
int worker_wait(pid_t pid, struct text *how); /* the same for a process */
void worker_kill(const struct worker_process *w);

/* Runs the executable with an argument that makes it print one line ("--time", "--kernel") and reads that. input: what
 * it reads from its standard input; NULL: nothing. */
int worker_ask(const char *executable, const char *argument, const char *input, char *line, size_t size, struct err *e);
int64_t now_ns(void); /* CLOCK_MONOTONIC */

#endif
