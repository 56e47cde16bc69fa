/* `tprun serve`: one page, to browsers of this machine. Everything it sends is compiled in or an answer of the process
 * that reads (reader.h); no URL names a file. One thread; nothing in it waits for a visitor or for the database. */
#ifndef TPRUN_SERVE_SERVER_H
#define TPRUN_SERVE_SERVER_H

#include "base/err.h"
#include <stdbool.h>

struct server_options {
    const char *db;
    int port;                                                 /* 0: a free one */
    int stop_fd;                                              /* readable when it should end */
    bool (*stopped)(void);                                    /* whether it should, or was woken for nothing */
    int (*ready)(void *self, const char *url, struct err *e); /* it listens */
    void *self;
};

/* Serves until it is stopped. ERR_USAGE: it was built without libmicrohttpd, or the port is taken. */
int server_run(const struct server_options *o, struct err *e);

#endif
