/* The files that a trial's dataset reads: the runner records them, `tprun plan` tells when they are missing. */
#ifndef TPRUN_RUN_DATA_FILES_H
#define TPRUN_RUN_DATA_FILES_H

#include "base/text.h"
#include "trial/trial.h"

/* Finds and checks the files of the trial's dataset and shows each to visit; nothing for data that is generated, and
 * for a dataset whose digest is in `seen` already (it is added). The messages of `found` are warnings if 0 is returned.
 */
int data_files_visit(struct text *seen, const struct config *c,
                     int (*visit)(void *self, const char *path, const char *sha256), void *self, struct err *found);

#endif
