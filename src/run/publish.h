/* A database that is worked on in a copy on a local disk, and published: put whole into its place, which may be on a
 * network file system. There it is only ever replaced, by writing another file, fsync and rename; no lock is taken
 * and no log is written beside it. Its checkpoints go before it, so that what it names is there. What could not be
 * published, or was not when the program was killed, is published by the next one. */
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
    char sha256[65];           /* of the database that is published */
    bool begun;                /* what the folder holds is ours, and no earlier worker's */
    const char *note;          /* how the file ends that tells of publishing; NULL: none does */
    int64_t since_ns, took_ns; /* the last time */
};

/* The folder for local copies: $TPRUN_LOCAL, $SLURM_TMPDIR, $TMPDIR, or /tmp. */
const char *publication_folder(void);
/* Whether a database at `db` cannot be worked on in its place. */
bool publication_is_needed(const char *db);
/* Makes the working copy of what is published, or of nothing. What an earlier worker left unpublished is published
 * first; if somebody else has published meanwhile, it is thrown away, or refused if it was told that it stays. keeps:
 * what is not published at the end stays for the next. ERR_LOCKED: a worker of this machine has it. ERR_STORAGE:
 * `local` is on a network file system too, or something that is there cannot be read or written. */
int publication_open(struct publication *p, const char *db, const char *local, bool keeps, struct err *e);
/* Whether enough time has passed: at least a second, 20 times what it took; and, if nothing happened, a minute. */
bool publication_is_due(const struct publication *p, bool happened);
/* Publishes what is committed in s, the store of p->copy, with the checkpoints in `own`, its folder. */
int publication_put(struct publication *p, struct store *s, const struct checkpoint_folder *own, struct err *e);
/* Removes the working copy, but keeps one that was put and may have more than what is published, if the work ended with
 * an error `code`, and says so in a note to e. Also after an error of publication_open. */
void publication_close(struct publication *p, int code, struct err *e);

#endif
