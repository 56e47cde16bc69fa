/* A trial of a database that is only read: what it is trained from, and where it can be taken up. */
#ifndef TPRUN_RUN_READ_TRIAL_H
#define TPRUN_RUN_READ_TRIAL_H

#include "store/query.h"
#include "store/store.h"
#include "trial/trial.h"

struct read_checkpoint {
    int64_t step;
    const char *name, *sha256;
};
struct read_trial {
    const char *key;
    int64_t budget; /* steps */
    struct config config;
    size_t n; /* kept checkpoints, newest first */
    struct read_checkpoint checkpoints[2];
};
/* In a; ERR_STORAGE if the stored configuration is not the one that the key was made of. */
int read_trial(struct query *q, int64_t trial, struct read_trial *t, struct arena *a, struct err *e);
/* ERR_CONFLICT, as when it is resumed, if what the trial has was computed by other numerics or from other bytes than it
 * would be now. begins: it is trained from step 0. */
int read_trial_origin(struct query *q, int64_t trial, const struct config *c, bool begins, struct err *e);
/* What stored_bind takes: the common text, and parameters. config stays NULL if there is no such trial. */
int read_described(struct query *q, int64_t trial, struct store_described *d, struct arena *a, struct err *e);

#endif
