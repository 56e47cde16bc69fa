/* Sockets of the loopback interface alone. */
#ifndef TPRUN_SERVE_LISTEN_H
#define TPRUN_SERVE_LISTEN_H

#include "base/err.h"

enum { SERVER_SOCKETS = 2 };
/* Listens at 127.0.0.1, and at ::1 where the machine has it and the port is free there too. *port 0 becomes a free
 * one. ERR_USAGE: the port is taken, or not for this user. */
int listen_loopback(int fds[SERVER_SOCKETS], int *n, int *port, struct err *e);

#endif
