/* Files that changed under their names. Finished trials are not trained again for that: they keep what they computed
 * from the bytes that they read, and whoever reads it as that of the file of now has to hear of it. */
#ifndef TPRUN_RUN_CHANGED_FILES_H
#define TPRUN_RUN_CHANGED_FILES_H

#include "store/query.h"
#include <stdint.h>

/* Looks at the files that finished trials of the study's present specification have read: warns in `found` of each
 * whose bytes are others now, and adds the number of such trials to *n. Each file is hashed once. Of a file that is not
 * there, or of a trial whose stored configuration this program cannot read, nothing is said: it cannot be known. */
int changed_files_find(struct query *q, const char *study, struct err *found, uint64_t *n, struct err *e);

#endif
