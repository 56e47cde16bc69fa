/* Taking things out of a database again: trials and studies with all that is theirs, and checkpoints that nobody goes
 * on from. Each call is one transaction; a kill leaves all or nothing of it. Files of checkpoints that the database
 * names no more are garbage, which run/checkpoint_set.h removes after the commit. */
#ifndef TPRUN_STORE_REMOVE_H
#define TPRUN_STORE_REMOVE_H

#include "store/store.h"

/* Removes these trials. Their studies stay, with statistics and claims to be made again. n_waiting: trials that a study
 * asks for, which lose all that was logged and wait for the next run, so that the others are no mean of all. */
int store_remove_trials(struct store *s, size_t n, const int64_t *trials, size_t *n_waiting, struct err *e);
/* Removes a study with its trials, its claims and the view study_<name>. */
int store_remove_study(struct store *s, int64_t study, struct err *e);
/* Forgets the checkpoints of these trials, which stay as they are. */
int store_remove_checkpoints(struct store *s, size_t n, const int64_t *trials, struct err *e);
/* Gives unused pages back to the file system (VACUUM). Takes as much room again while it works, in $TMPDIR (else
 * /var/tmp) and beside the database. */
int store_shrink(struct store *s, struct err *e);

#endif
