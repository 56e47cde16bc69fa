/* The checkpoints that a database names. What lies in its folder and is not among them is garbage, of a worker that was
 * killed or a trial that was removed. */
#ifndef TPRUN_RUN_CHECKPOINT_SET_H
#define TPRUN_RUN_CHECKPOINT_SET_H

#include "trial/checkpoint_files.h"

struct checkpoint_entry {
    char name[CHECKPOINT_NAME_SIZE], sha256[65];
};
struct checkpoint_set {
    size_t n, capacity;
    struct checkpoint_entry *items; /* in the order of their names */
};

/* What a sweep removes. */
struct swept {
    uint64_t files, bytes;
};
#define CHECKPOINTS_NAMED "SELECT path, sha256 FROM checkpoint"

/* Of a database that exists; sql: CHECKPOINTS_NAMED, or one that gives fewer. Names that are not of the form are left
 * out. Free it also after an error. */
int checkpoint_set_read(struct checkpoint_set *s, const char *db, const char *sql, struct err *e);
/* NULL: it is not named. */
const struct checkpoint_entry *checkpoint_set_find(const struct checkpoint_set *s, const char *name);
void checkpoint_set_free(struct checkpoint_set *s);
/* Removes files of ours in a folder that the set does not name, and of anything else keeps off; with `count` they stay,
 * and are only counted. Called under the lock, while no worker runs. */
int checkpoint_set_sweep(const struct checkpoint_set *s, const struct checkpoint_folder *folder, bool count,
                         struct swept *swept, struct err *e);
/* The same with what `sql` names in the folder of a database, which need not be there. */
int checkpoint_sweep_database(const char *db, const char *sql, bool count, struct swept *swept, struct err *e);

#endif
