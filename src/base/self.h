/* This very program once more, as a process that does a part of the work: what it opens, locks and allocates is its
 * own, and it can be bounded and ended. main() looks for the hidden option that it is started with. */
#ifndef TPRUN_BASE_SELF_H
#define TPRUN_BASE_SELF_H

#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

enum { SELF_SOCKET = 3 }; /* the descriptor by which it talks with the process that started it */

struct self {
    pid_t pid;
    int fd; /* the other end of its SELF_SOCKET; -1: none runs */
};

/* Starts it with `option`. to_stdout: it prints, and a signal of the terminal is for it too. Otherwise it is a matter
 * of this process alone: its handlers are not for it, nor is the terminal's SIGINT. */
int self_start(struct self *s, const char *option, bool to_stdout, struct err *e);
/* Closes the socket, upon which it ends, and waits for that; returns the signal that it died of, or 0. */
int self_finish(struct self *s);

/* In the other process. Whether this is one that was started with `option`; then self_begin, which is false when the
 * process that started it has gone, and after which it ends with that process. */
bool self_is(int argc, char **argv, const char *option);
bool self_begin(char **argv);

#endif
