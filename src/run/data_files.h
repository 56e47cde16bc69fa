/* The files that trials read beside their own: data, and initial weights. Each is looked at once; what is wrong with
 * one is the fault of the trials that need it, and of no others. */
#ifndef TPRUN_RUN_DATA_FILES_H
#define TPRUN_RUN_DATA_FILES_H

#include "data/dataset.h"
#include "trial/trial.h"

/* What was found, by digest of what was asked for. */
struct data_files {
    size_t n;
    struct data_verdict {
        char hex[65];
        char *fault; /* NULL: sound */
    } * items;
};
void data_files_free(struct data_files *known);

/* What the data is looked at for: the numbers and the seed of this trial. */
struct data_use data_use_of(const struct config *c);
/* Finds and checks the files of the trial's dataset, and shows each to visit, unless they are known. *fault is NULL, or
 * why they cannot be used; it lives as long as `known`. What is drawn is that of the first seed. found: what there is
 * to say the first time, warnings or errors. Returns an error of visit, or ERR_MEMORY. */
int data_files_check(struct data_files *known, const struct config *c,
                     int (*visit)(void *self, const char *path, const char *sha256), void *self, const char **fault,
                     struct err *found);
/* The same for the file of initial weights: once for all seeds. */
int initial_file_check(struct data_files *known, const struct config *c, const char **fault, struct err *found);

#endif
