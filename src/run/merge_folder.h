/* The temporary folder of a merge, on a disk of this machine (publication_folder). One that a killed merge left is
 * removed by the next. */
#ifndef TPRUN_RUN_MERGE_FOLDER_H
#define TPRUN_RUN_MERGE_FOLDER_H

#include "base/err.h"

struct merge_folder {
    char path[4096];
    int fd; /* holds its lock; -1 = there is none */
};

int merge_folder_open(struct merge_folder *f, struct err *e);
/* Removes it with its files. */
void merge_folder_close(struct merge_folder *f);

#endif
