/* The checkpoints that a database names: what lies in its folder and is not among them is garbage. */
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

/* Of a database that exists. Names that are not of the form are left out. */
int checkpoint_set_read(struct checkpoint_set *s, const char *db, struct err *e);
/* NULL: it is not named. */
const struct checkpoint_entry *checkpoint_set_find(const struct checkpoint_set *s, const char *name);
void checkpoint_set_free(struct checkpoint_set *s);
/* Removes files of ours in a folder that the set does not name, and of anything else keeps off. */
int checkpoint_set_sweep(const struct checkpoint_set *s, const struct checkpoint_folder *folder, struct err *e);

#endif
