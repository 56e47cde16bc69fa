/* Files of checkpoints that the database does not name: garbage, of a worker that was killed or a trial that was removed.
 * Only what has the name of a checkpoint is touched. Called under the lock, while no worker runs. */
#ifndef TPRUN_RUN_SWEEP_H
#define TPRUN_RUN_SWEEP_H

#include "trial/checkpoint_files.h"

struct swept {
    uint64_t files, bytes;
};
#define SWEEP_NAMED "SELECT path FROM checkpoint"
/* Removes the files that `named`, a SELECT of names, does not give; with `count` they stay, and are only counted. */
int sweep_folder(const struct checkpoint_folder *own, const char *db, const char *named, bool count,
                 struct swept *swept, struct err *e);
/* The same in the folder of a database, which need not be there. */
int sweep_database(const char *db, const char *named, bool count, struct swept *swept, struct err *e);

#endif
