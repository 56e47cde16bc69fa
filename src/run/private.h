/* The runner from the inside: runner.c (loop), queue.c (what to do), tuning.c (and then), stored.c (a trial's
 * configuration), attempt.c (one worker on one trial), ends.c (what is told of it), relog.c (one that only logs),
 * checkpoints.c (files), status.c (what is shown). */
#ifndef TPRUN_RUN_PRIVATE_H
#define TPRUN_RUN_PRIVATE_H

#include "base/text.h"
#include "run/data_files.h"
#include "run/limits.h"
#include "run/progress.h"
#include "run/runner.h"
#include "run/signals.h"
#include "run/starter.h"
#include "run/wire.h"
#include "run/worker_process.h"
#include "store/store.h"

enum { RETRIES = 2, METRICS_SHOWN = 2 };

/* A trial to be trained. */
struct pending {
    size_t study;          /* of the plan */
    int64_t trial, config; /* in the store */
    bool has_checkpoint;
    bool relog;                      /* it is finished, and only logs: relog.c */
    int deaths;                      /* of workers on it */
    double operations, memory_bytes; /* left to do, and taken by its worker, by the plan */
    int64_t threads;                 /* that it waits for; 0: not known yet */
};

/* What a finished trial logs again. */
struct relog {
    int checkpoint;  /* which of the two is of its last step: 0 the newest */
    bool begun;      /* MESSAGE_HELLO has come */
    char beside[64]; /* a metric whose row is there already, or empty */
    size_t n, capacity;
    struct row *rows; /* that have come, until all have */
};

/* A worker on a trial. A retry of a trial is a new attempt in the same slot. */
struct attempt {
    bool active;
    struct worker_process worker;
    struct pending pending;
    char key[65];
    char label[256]; /* "tp train.optimizer.stepsize=0.1 seed 2", behind the study's name where there are several */
    int64_t trial_id, run_id; /* in the store; run_id 0 before HELLO */
    double memory_bytes;      /* that its worker takes, by the plan */
    size_t threads;           /* that its worker has, each of them one of runner.n_slots */
    int keep;                 /* enum config_keep */
    int64_t from_step, step, budget;
    int64_t start_ns, end_ns; /* end_ns: when its end was known, before it was committed; 0: now */
    double loss;
    struct {
        char name[32];
        double value;
        int64_t step;
        bool seen;
    } shown[METRICS_SHOWN]; /* the last values of metrics that people follow */
    bool ended;             /* MESSAGE_END has come and is stored */
    bool stalled;           /* killed by us for silence */
    bool refused;           /* ended before it began: see store_check_origin */
    enum trial_state state; /* after the end */
    struct relog relog;     /* with pending.relog */
};

struct runner {
    struct plan *plan;
    const struct run_options *options;
    struct run_result *result;
    struct store *store;
    struct checkpoint_folder own, other; /* see checkpoints_open */
    uint64_t n_absent;                   /* queued trials whose checkpoints are absent */
    uint64_t n_not_raised;               /* trials of the specification that a one-off asks more steps of */
    struct data_files data_files;        /* that were checked */
    size_t n_pending, next;              /* trials to be trained; the first not yet started */
    struct pending *pending;
    double *loads; /* what was dealt to each shard */
    size_t n_slots, n_active;
    size_t n_allowed;          /* workers at once: n_slots, fewer when there is no room for more */
    double memory;             /* bytes that all workers together may take, by the plan */
    bool told_large;           /* that a trial takes more */
    struct limits_kills kills; /* counted before the first worker started */
    struct attempt *slots;
    struct ended *ended; /* trials that are told when they are committed: ends.c */
    size_t n_ended;
    struct starter starters[PRECISIONS]; /* of the workers of each precision */
    char host[512];                      /* what trials say of this machine; "" = not asked yet */
    int saves_heeded;                    /* see signals_saves */
    bool unpublished;                    /* something has happened since the last time */
    bool stopping;                       /* no new trial is started */
    bool killed;                         /* the second signal */
    int64_t stop_asked_ns;
    struct progress progress;
    int64_t start_ns, shown_ns, heartbeat_ns;
    double
        steps_left; /* of trials not yet ended, to their budgets; what active ones have done is not counted off yet */
    double steps_done; /* in this process, by attempts that have ended */
};

/* ---- runner.c ---- */
/* From now on at most n workers at once; why is told once for each time. */
void runner_narrow(struct runner *r, size_t n, const char *why);

/* ---- queue.c ---- */
/* Puts a study, its claims and, unless they are there already, all of its trials into the store, and queues those that
 * are asked for and not finished. */
int queue_put_study(struct runner *r, size_t study, struct err *e);
/* Once the trials of queue_put_study have ended: puts and queues those of the cells that are chosen now (tuning.c), in
 * place of what was queued before. */
int queue_put_tuned(struct runner *r, struct err *e);
/* Puts the longest trials first, by the plan: what begins last is short, and few workers wait at the end. */
void queue_order(struct runner *r);
/* Takes the next trial that is to be started out of those that wait, into r->pending[r->next - 1]: the first whose
 * memory there is beside those that run; it waits for its threads, and the others for it. Alone, every trial is
 * started. */
bool queue_take(struct runner *r);
/* How many threads a trial may have beside those that run, so that there are never more than runner.n_slots: as many as
 * it wants (train.threads), or all there can be; THREADS_AUTO: its share of those that are idle, if all that wait began
 * now. 0: not yet. The trial was taken. */
size_t queue_threads(const struct runner *r, int64_t wanted);
/* Checks the files that the queued trials need. Those whose files cannot be used have failed, and wait no longer. */
int queue_check_files(struct runner *r, struct err *e);

/* ---- tuning.c ---- */
/* Stores how the study's cells are chosen. */
int tuning_describe(struct runner *r, size_t study, struct err *e);
/* Whether the study chooses, and all trials of its sweep are in the store. */
bool tuning_is_due(const struct runner *r, size_t study);
/* Puts the trials of the cells that are chosen by what is stored now: the chosen configuration with each fresh seed.
 * The same choice puts the same trials, so it does no harm to do it again. */
int tuning_put(struct runner *r, size_t study, struct err *e);

/* ---- stored.c ---- */
/* A trial as it is stored: what it is trained from. */
struct stored_trial {
    struct store_described described;
    struct config config; /* in the plan's scratch: until the next trial */
    struct trial_size size;
};
/* Reads the stored configuration of a trial, and makes sure that it is the one that its key was made of. Give back with
 * store_free_described, also after an error. */
int stored_load(struct runner *r, int64_t trial, struct stored_trial *t, struct err *e);
/* What a stored description says, bound in a; its key is not looked at. */
int stored_bind(const struct store_described *d, struct config *config, struct arena *a, struct err *e);

/* ---- attempt.c ---- */
/* Starts the trial that was taken last in a free slot. ATTEMPT_NOTHING: a duplicate that is finished or running, or
 * with --relog one that has every row. ATTEMPT_ENDED: it was ended at once. ATTEMPT_NO_ROOM: the machine has no room
 * for another worker beside those that run. ATTEMPT_WAITS: they leave it too few threads. */
enum attempt_start { ATTEMPT_STARTED, ATTEMPT_NOTHING, ATTEMPT_ENDED, ATTEMPT_NO_ROOM, ATTEMPT_WAITS };
int attempt_start(struct runner *r, struct attempt *t, struct pending pending, enum attempt_start *outcome,
                  struct err *e);
/* Ends a trial as failed, without a worker: its input cannot be used. */
int attempt_refuse(struct runner *r, struct pending pending, const char *reason, struct err *e);
/* Reads and stores what the worker has sent. When it has closed its socket, reaps it, and ends the trial or puts it
 * back in front of those that wait. */
int attempt_receive(struct runner *r, struct attempt *t, struct err *e);
int attempt_request(struct attempt *t, enum message request, struct err *e);
int attempt_begin_run(struct runner *r, struct attempt *t, const char *kernel, int64_t from_step, struct err *e);

/* ---- ends.c ---- */
/* Ends the attempt in the store; it is told when that is committed. Its state is that of end. */
int ends_put(struct runner *r, const struct attempt *t, const struct store_end *end, struct err *e);
/* Tells those that are committed. */
void ends_tell(struct runner *r);
/* Commits and tells all. */
int ends_tell_all(struct runner *r, struct err *e);
void ends_free(struct runner *r);

/* ---- relog.c ---- */
bool relog_is_due(const struct store_place *p);
/* ERR_USAGE, before any trial logs, if a queued one lacks a metric that no checkpoint tells. */
int relog_check(struct runner *r, struct err *e);
/* Before a worker starts: leaves in config the metrics that have no row, and ends what cannot write them. */
int relog_prepare(struct runner *r, struct attempt *t, struct config *config, const struct store_trial_row *row,
                  enum attempt_start *outcome, struct err *e);
/* In place of what is done with the records of a worker that trains. */
int relog_record(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e);
/* The worker is gone without a word, or was not started: the trial is left as it is. */
int relog_mourn(struct runner *r, struct attempt *t, const char *how);
void relog_free(struct attempt *t);

/* ---- hello.c ---- */
/* Whether the trial's results are of the worker's bytes and numbers; else ends the attempt and leaves it as it is. */
int attempt_check_origin(struct runner *r, struct attempt *t, const struct wire_record *m, bool *same, struct err *e);
/* MESSAGE_HELLO: begins the run, or ends the attempt and leaves the trial as it is, if its results are of other bytes
 * or numbers. */
int attempt_hello(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e);
/* MESSAGE_FACTS */
int attempt_facts(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e);
/* The last value of a metric that people follow. */
void attempt_remember(struct attempt *t, const char *name, int64_t step, double value);

/* ---- checkpoints.c ---- */
/* Makes and opens the database's folder of checkpoints, and opens the one of --checkpoints. */
int checkpoints_open(struct runner *r, struct err *e);
void checkpoints_close(struct runner *r);
/* Whether the database names checkpoints of the trial, but the files are nowhere: it was copied or renamed. */
bool checkpoints_absent(const struct runner *r, const struct store_trial_row *row);
/* Whether neither folder has a file of this name. */
bool checkpoints_lack(const struct runner *r, const char *name);
/* Says how many of the queued trials these were. */
void checkpoints_tell_absent(struct runner *r);
/* Removes files of ours that the database does not name. Called under the lock, while no worker runs. */
int checkpoints_sweep(const struct runner *r, struct err *e);

/* ---- status.c ---- */
void status_draw(struct runner *r);
/* The permanent line of a trial that has ended and is committed. */
void status_ended(struct runner *r, const struct attempt *t, const char *reason);
/* The processor's name as the kernel tells it. */
const char *status_processor(char *name, size_t size);
/* Of this machine: kernel, processor, how many. Asked once: it reads files of /proc. */
const char *status_host(struct runner *r);

/* ---- changes.c ---- */
/* Notes on standard error which keys of trials that are in the database under another key have changed. Called before
 * the study is put. */
int changes_note(struct runner *r, size_t study, struct err *e);

#endif
