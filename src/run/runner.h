/* The runner: puts studies into the database and trains their unfinished trials in worker processes.
 *
 * One thread, one loop over poll(2), one connection to the database. Workers send records; the runner alone writes
 * them. A worker's checkpoint file is durable before the transaction that names it, and files no longer named are
 * removed after it (docs/reliability.md, R1-R4). */
#ifndef TPRUN_RUN_RUNNER_H
#define TPRUN_RUN_RUNNER_H

#include "run/plan.h"
#include "run/publish.h"
#include "run/shard.h"
#include "store/query.h"

struct run_options {
    const char *db;
    const char *code; /* program and version, recorded with each attempt */
    int64_t jobs;     /* workers at once; 0 = one for each processor that this process may use */
    bool fail_fast;   /* stop at the first failed trial */
    bool force;       /* forget what was recorded of the trials asked for, and train them again */
    bool relog;       /* train nothing: finished trials write what they did not log of their last step */
    bool quiet, progress, color;
    int verbose;
    int64_t memory_limit;       /* bytes per worker, 0 = none */
    int64_t memory;             /* bytes that all workers may take by the plan; 0 = what the machine has left */
    struct query_limits limits; /* of the measures of claims */
    double stall_seconds;       /* a worker that says nothing for so long is ended and its trial retried; 0 = 300 */
    double time_limit;          /* seconds after which it stops as a signal stops it; 0 = none */
    const char *checkpoints;    /* a folder to read checkpoints from that the database's own lacks; NULL = none */
    const struct shard *shard; /* train its trials alone; NULL = all. Choosing cells and statistics are left to merge */
    struct publication *publication; /* where the database, which is its copy, is put from time to time; or NULL */
    bool queue_only;                 /* put all trials, train none: `submit` */
    int64_t stop_at;                 /* stop every trial at this step, 0 = never: `tprun verify` */
};

struct run_result {
    uint64_t total, skipped; /* trials asked for; of these already finished */
    uint64_t done, diverged, failed, interrupted;
    uint64_t changed; /* finished before, of files that have other bytes now */
    bool queued;      /* every trial is in the database: `total` is all of them */
    bool stopped;     /* by a signal */
};

/* Heeds signals that the caller has opened (run/signals.h). Returns 0 when every trial has ended (failed ones are
 * counted in the result), ERR_STOPPED when a signal ended it (run again to resume), or ERR_LOCKED, ERR_CONFLICT,
 * ERR_STORAGE, ERR_SPEC, ... */
int runner_run(struct plan *p, const struct run_options *o, struct run_result *result, struct err *e);

#endif
