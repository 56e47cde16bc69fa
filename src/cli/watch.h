/* A command's output, drawn again whenever somebody has committed to the database. */
#ifndef TPRUN_CLI_WATCH_H
#define TPRUN_CLI_WATCH_H

#include "store/query.h"

struct watch {
    struct query *q;
    int (*print)(void *self, struct err *e);              /* to stdout */
    int (*goes_on)(void *self, bool *yes, struct err *e); /* whether more is to come */
    void *self;
};

/* On a terminal in place, cut to its height; elsewhere, and with TERM=dumb, one block below the other. Ends when
 * nothing more is to come, or at SIGINT or SIGTERM. */
int watch_run(const struct watch *w, struct err *e);

#endif
