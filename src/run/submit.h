/* A study on Slurm: the scripts that its array and its merge job run, and their submission by sbatch(1). Nothing here
 * stays alive; where each task is, its database tells (cli/cmd_submit.c). */
#ifndef TPRUN_RUN_SUBMIT_H
#define TPRUN_RUN_SUBMIT_H

#include "base/err.h"
#include "base/text.h"
#include <stdint.h>

struct submission {
    const char *name;    /* of the job */
    const char *program; /* tprun, an absolute path */
    const char *db;      /* that the shards are merged into, absolute */
    const char *folder;  /* of the shards, their logs and the scripts, absolute */
    size_t n_arguments;  /* of `work`: files, absolute, overrides, options */
    const char *const *arguments;
    size_t shards, at_once;                       /* at_once: 0 = as many as there is room for */
    const char *partition, *account, *time, *mem; /* as sbatch takes them; NULL: the cluster's default */
    int64_t cpus;                                 /* for each task */
};

/* The script of the array's tasks: one that is signalled before its time is up stops at a checkpoint and is queued
 * again, and it can be started from its beginning at any time. */
void submit_array_script(struct text *t, const struct submission *s);
void submit_merge_script(struct text *t, const struct submission *s);
/* Shards are submitted as arrays of at most MaxArraySize tasks, the merge job waits until all have ended, however.
 * array, merge: job ids, "12" or "12 13". ERR_USAGE with what sbatch says. */
int submit_jobs(const struct submission *s, struct text *array, struct text *merge, struct err *e);

#endif
