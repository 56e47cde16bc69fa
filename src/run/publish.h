/* A database that is worked on in a copy on a local disk, and published: put whole into its place, which may be on a
 * network file system. There it is only ever replaced, by writing another file, fsync and rename; no lock is taken
 * and no log is written beside it. Its checkpoints go before it, so that what it names is there. */
#ifndef TPRUN_RUN_PUBLISH_H
#define TPRUN_RUN_PUBLISH_H

#include "run/checkpoint_set.h"
#include "store/lock.h"
#include "store/store.h"

struct publication {
    char *target;                   /* where it is published: a real path; malloc'ed */
    char folder[4096], copy[4096];  /* on the local disk: of this user and this target alone; the database in it */
    struct lock lock;               /* of the folder */
    struct checkpoint_folder there; /* the target's checkpoints */
    struct checkpoint_set published;
    int64_t since_ns, took_ns; /* the last time */
};

/* The folder for local copies: $TPRUN_LOCAL, $SLURM_TMPDIR, $TMPDIR, or /tmp. */
const char *publication_folder(void);
/* Whether a database at `db` cannot be worked on in its place. */
bool publication_is_needed(const char *db);
/* Makes the working copy of what is published, or of nothing; what an earlier worker left is thrown away. ERR_LOCKED: a
 * worker of this machine has it. ERR_STORAGE: `local` is on a network file system too, or cannot be written. */
int publication_open(struct publication *p, const char *db, const char *local, struct err *e);
/* Whether enough time has passed: at least a second, 20 times what it took; and, if nothing happened, a minute. */
bool publication_is_due(const struct publication *p, bool happened);
/* Publishes what is committed in s, the store of p->copy, with the checkpoints in `own`, its folder. */
int publication_put(struct publication *p, struct store *s, const struct checkpoint_folder *own, struct err *e);
/* Removes the working copy. Also after an error. */
void publication_close(struct publication *p);

#endif
