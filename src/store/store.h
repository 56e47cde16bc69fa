/* results.db: the only room that includes sqlite3.h. Contract: docs/store.md (store.md). Facts are written by one
 * connection in one process, the runner's; everybody else opens read-only (query.h). The schema is schema.sql, compiled
 * in.
 *
 * Rows are queued and committed in groups: every 100 ms (store_tick) or 1000 rows, whichever is first; where rows come
 * faster than 50,000 a second, the group grows to what arrives in 20 ms, 16,384 rows at most. store_flush forces it. A
 * function that returns 0 has queued its row; it is acknowledged when store_acknowledged() has passed it: every call
 * that writes counts one. Any error is sticky: the store refuses further writes and the caller stops cleanly. */
#ifndef TPRUN_STORE_STORE_H
#define TPRUN_STORE_STORE_H

#include "base/sink.h"
#include <stdbool.h>
#include <stdint.h>

struct store;

/* Opens or creates the database for writing and takes its lock (fcntl on PATH.lock). Errors: ERR_LOCKED naming pid,
 * host and start of the owner; ERR_STORAGE: not a tprun database, newer schema version, read-only, network file system
 * (WAL refused), disk full. */
int store_open(struct store **s, const char *path, struct err *e);
/* Flushes, checkpoints the WAL, closes, releases the lock. Accepts NULL. */
int store_close(struct store *s, struct err *e);

struct store_study {
    const char *name, *title, *paper, *locator, *path, *profile;
    const char *spec; /* canonical JSON */
};
/* Inserts or updates a study. Returns its id. Another spec than before begins a new generation. */
int store_put_study(struct store *s, const struct store_study *study, int64_t *id, struct err *e);

/* The state of the git repository that its file lies in, for the attempts that begin from now on; NULL: in none. */
struct store_repository {
    const char *root, *commit;
    int changed; /* 1, 0, or -1: not known */
};
int store_put_repository(struct store *s, int64_t study, const struct store_repository *r, struct err *e);

/* What a file claims. Columns of the table `claim`; those left out are as for a measure. */
struct store_claim {
    const char *id, *text, *measure;
    bool has_reported, has_low, has_high;
    double reported, low, high; /* low, high: where the number makes it true */
    const char *kind;           /* "measure" (NULL), "value", "compare" */
    const char *quantity;       /* canonical JSON (run/claims.h), or NULL */
    double reported_sd;
    int64_t reported_n; /* 0: without */
    bool has_tolerance, has_margin;
    double tolerance, margin; /* low is the margin of a comparison that has one, and itself not enough */
    int64_t min_seeds;        /* 0: 3 */
};
/* The id of the study of this name; 0 if there is none. */
int store_find_study(struct store *s, const char *name, int64_t *id, struct err *e);
/* Replaces the claims of a study. */
int store_put_claims(struct store *s, int64_t study, size_t n, const struct store_claim *claims, struct err *e);

/* Replaces the targets of a study: no two are the same. */
struct store_target {
    const char *metric;
    double value;
};
int store_put_targets(struct store *s, int64_t study, size_t n, const struct store_target *targets, struct err *e);

enum trial_state { TRIAL_QUEUED, TRIAL_RUNNING, TRIAL_DONE, TRIAL_DIVERGED, TRIAL_FAILED, TRIAL_INTERRUPTED };
extern const char *const trial_state_names[]; /* "queued", ... , NULL */

struct store_param {
    const char *key;  /* dotted path */
    const char *text; /* NULL for a pure number */
    double number;    /* NAN for a pure text */
    bool swept;
};
/* What trials have in common. */
struct store_config {
    const char *sha256; /* of the rest, 64 hex digits */
    const char *text;   /* canonical JSON, null where trials differ */
    size_t n_params;
    const struct store_param *params; /* without text and number: trials have their own */
};
int store_put_config(struct store *s, const struct store_config *config, int64_t *id, struct err *e);

struct store_trial {
    const char *key; /* 64 hex digits */
    int64_t study;
    int64_t position;           /* in the specification; see store_begin_queue */
    const char *variant, *cell; /* cell: the swept values as text, "" without a sweep */
    const char *tuning;         /* the cell for which this one may be chosen, or which it was chosen for; NULL: none */
    int64_t seed;
    int64_t config;                  /* of store_put_config */
    int64_t budget;                  /* iterations to reach */
    double operations, memory_bytes; /* that it takes by the plan */
    bool one_off;     /* beside the study's specification: one that is there keeps its name and generation */
    bool keep_budget; /* not asked for now: one that was started keeps its budget */
    bool anew;        /* it is reset after this: what it had finished is no bound of its budget */
    size_t n_params;  /* of what the configuration leaves out */
    const struct store_param *params;
};
struct store_trial_row {
    int64_t id;
    enum trial_state state;
    int64_t step;               /* last step reached and acknowledged */
    int64_t budget;             /* of the finished run */
    bool of_specification;      /* put as a one-off, it is a trial of the specification, and was left as it is */
    char checkpoint_path[4096]; /* newest, a name in the database's folder of checkpoints; "" = none */
    char checkpoint_sha256[65];
    int64_t checkpoint_step;
    struct spent checkpoint_spent; /* until it */
    char weights_sha256[65];       /* of the last weights; "" = not known */
    char previous_path[4096];      /* the one before */
    char previous_sha256[65];
    int64_t previous_step;
    struct spent previous_spent;
};
/* Whether the trials of a study were all put, and its places hold, for this hash of specification and program. Then
 * they need not be put again. */
int store_is_queued(struct store *s, int64_t study, const char *sha256, bool *queued, struct err *e);
/* Trials are put between these two: the first forgets the places of the study, the second says that they are complete
 * and drops configurations that no trial has. A runner that dies between them puts all again. */
int store_begin_queue(struct store *s, int64_t study, struct err *e);
int store_end_queue(struct store *s, int64_t study, const char *sha256, struct err *e);

/* A place of a study and the trial that stands there. */
struct store_place {
    int64_t position, trial;
    enum trial_state state;
    int64_t finished_budget; /* of the attempt that ended as done; it may have ended before (train.stop) */
    int64_t budget, config;
    double operations, memory_bytes;   /* 0: not known */
    const char *checkpoint, *previous; /* names of the newest and the one before, or NULL; for the time of the visit */
    int64_t checkpoint_step;
};
/* Calls visit for each place, in order. visit must not call the store. */
int store_visit_places(struct store *s, int64_t study, int (*visit)(void *self, const struct store_place *p),
                       void *self, struct err *e);

/* How one cell of a study's sweep is chosen for each variant, to be trained again with fresh seeds. */
struct store_tune {
    const char *metric;
    bool largest; /* is best */
    int64_t n_seeds;
    size_t n_keys; /* swept keys that are chosen */
    const char *const *keys;
    const bool *drawn; /* [n_keys] at random */
};
/* tune: NULL for a study that does not. */
int store_put_tune(struct store *s, int64_t study, const struct store_tune *tune, struct err *e);
/* A trial of the cell that is chosen for the cell `tuned` of a variant. */
struct store_choice {
    const char *variant, *tuned; /* for the time of the visit */
    int64_t trial, config;
};
/* Calls visit for every choice that can be made now, in order of variants and cells: where all trials of the sweep have
 * ended, and a cell is complete. visit must not call the store. */
int store_visit_choices(struct store *s, int64_t study, int (*visit)(void *self, const struct store_choice *c),
                        void *self, struct err *e);
/* Trials of chosen cells are put between these two, at positions from `first` on, which the first call empties. The
 * second takes those that were chosen before, and are not now, out of the study. */
int store_begin_tuned(struct store *s, int64_t study, int64_t first, struct err *e);
int store_end_tuned(struct store *s, int64_t study, int64_t first, struct err *e);

/* The stored description of a trial. */
struct store_described {
    char *key, *variant, *cell; /* free with store_free_described */
    char *config;               /* the text that trials have in common */
    int64_t seed, budget;
    size_t n_params;
    struct store_param *params; /* what stands in its nulls, and more */
};
int store_describe_trial(struct store *s, int64_t trial, struct store_described *d, struct err *e);
void store_free_described(struct store_described *d);

/* Inserts a trial as queued, or finds the one with this key and updates its budget. */
int store_put_trial(struct store *s, const struct store_trial *trial, struct store_trial_row *row, struct err *e);
int store_find_trial(struct store *s, const char *key, bool *found, struct store_trial_row *row, struct err *e);
/* --force: removes every row of a trial but the trial itself and its parameters. */
int store_reset_trial(struct store *s, int64_t trial, struct err *e);
/* One that was put `anew` and stays as it is after all: its budget is again what it has finished. */
int store_keep_trial(struct store *s, int64_t trial, struct err *e);

struct store_run {
    int64_t trial;
    const char *host, *code, *kernel; /* host description, version and build, BLAS kernel */
    int64_t pid;
    int64_t from_step;
};
/* What a trial's numbers come from beside its configuration. */
struct store_origin {
    int64_t trial;
    int64_t numerics_version;
    const char *inputs; /* canonical JSON, name of a file to its SHA-256; NULL: none */
};
/* ERR_CONFLICT with both values if the trial has results of another origin; the store goes on. */
int store_check_origin(struct store *s, const struct store_origin *origin, struct err *e);
/* Stores it, after store_begin_run. n_outdated: trials of its cell that are outdated from now on. */
int store_put_origin(struct store *s, const struct store_origin *origin, int64_t *n_outdated, struct err *e);
int store_begin_run(struct store *s, const struct store_run *run, int64_t *id, struct err *e);
int store_heartbeat(struct store *s, int64_t run, struct err *e);
/* Ends an attempt and sets the trial's state with it: acknowledged with its group. weights_sha256 (final weights) may
 * be NULL. reason may be NULL. step, layer (-1 = unknown) and tensor (or NULL) say where a diverged trial left its
 * bounds. */
struct store_end {
    int64_t run, trial;
    enum trial_state state;
    const char *reason;
    int64_t step, layer;
    const char *tensor, *weights_sha256;
    bool drops; /* of its checkpoints only the newest `keeps` stay, 0 or 1 */
    int64_t keeps;
};
int store_end_run(struct store *s, const struct store_end *end, struct err *e);

/* What is known of a metric. Rows of one that nothing was told of have no best value and no unit. */
struct store_facts {
    const char *name, *goal, *unit; /* goal: "min", "max", or NULL where neither is best */
    bool followed;
    const char *split; /* "train", "valid", "test": what it is measured on; "" for what is no evaluation */
};
int store_put_facts(struct store *s, const struct store_facts *facts, struct err *e);

/* Metric rows: natural key (trial, metric, step). A row that is there already is compared bit for bit: equal is a
 * no-op, different is ERR_CONFLICT "not deterministic at step ...". NaN and infinities are stored as NULL with a
 * nonfinite code; -0.0 as 0. The summary is kept up to date. */
int store_metric(struct store *s, int64_t trial, int64_t run, const char *name, int64_t step, double value,
                 struct err *e);
int store_layer_metric(struct store *s, int64_t trial, int64_t run, const char *name, int64_t step, int64_t layer,
                       double value, struct err *e);
/* Whether a metric, or one of its layers, has a row at this step. */
int store_has_row(struct store *s, int64_t trial, const char *name, int64_t step, bool *found, struct err *e);
/* Between these two a trial that has ended gets rows of a step that it has reached: what was made of its rows is
 * forgotten, and what was queued before is committed, so that up to 1000 of them are in one transaction. No attempt is
 * recorded, but an event `relogged`. */
int store_begin_relog(struct store *s, int64_t trial, struct err *e);
int store_end_relog(struct store *s, int64_t trial, int64_t step, struct err *e);
int store_cost(struct store *s, int64_t run, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops,
               struct err *e);
/* How far a trial is at a logged step: before the metrics of that step, so that none is without. A step that is
 * computed again has what its last computation took. */
int store_progress(struct store *s, int64_t trial, const struct reached *p, struct err *e);
int store_event(struct store *s, int64_t trial, int64_t run, int64_t step, const char *kind, const char *text,
                struct err *e);
/* The same, unless the trial has one of the kind: what a resumed trial would say again. first: whether it had none. */
int store_event_once(struct store *s, int64_t trial, int64_t run, int64_t step, const char *kind, const char *text,
                     bool *first, struct err *e);
/* What people say of a study (trial 0) or of one of its trials. A word is given or taken away, and changed tells
 * whether that changed anything; a note is replaced, or with NULL taken away. */
int store_tag(struct store *s, int64_t study, int64_t trial, const char *name, bool given, bool *changed,
              struct err *e);
int store_note(struct store *s, int64_t study, int64_t trial, const char *text, struct err *e);
/* Names a durable checkpoint file in the same transaction as all rows queued before, and forgets all but the newest
 * two, with old NULL none; `path` is a bare name, see schema.sql. The name that is no longer needed is returned in old
 * ("" if none) for the caller to remove after the commit. Commits. */
int store_checkpoint(struct store *s, int64_t trial, int64_t run, int64_t step, const char *path, const char *sha256,
                     struct spent spent, char old[4096], struct err *e);
struct store_dataset {
    const char *name, *path, *sha256;
};
int store_dataset(struct store *s, const struct store_dataset *d, struct err *e);

/* Marks trials left running by a dead runner as interrupted; returns how many. Called once after store_open, under the
 * lock. */
int store_recover(struct store *s, int64_t *n, struct err *e);
/* Makes the view study_<name> (one column per swept key), the statistics and the claims' verdicts. Called when a study
 * ends, and by `tprun claims`. */
int store_refresh(struct store *s, int64_t study, struct err *e);
/* Limits of the measures of claims, other than the usual ones: see bounded.h. */
struct query_limits;
void store_limit_measures(struct store *s, const struct query_limits *limits);
/* Whether nothing has changed since, so that it would make the same again. */
int store_is_refreshed(struct store *s, int64_t study, bool *refreshed, struct err *e);

/* Refuses a study of which rows were taken out (tools/campaign pack): what was made of all of them could not be made
 * again after a change. */
int store_need_all_rows(struct store *s, int64_t study, struct err *e);

/* What is queued from here on becomes visible as a whole by store_release, or with `keep` false, and after an error or
 * a crash, not at all. Other writers wait meanwhile. */
int store_hold(struct store *s, struct err *e);
int store_release(struct store *s, bool keep, struct err *e);

/* Commits what is queued. */
int store_flush(struct store *s, struct err *e);
/* Commits if 100 ms have passed since the first queued row; returns milliseconds until the next call is due, -1 =
 * nothing queued. */
int store_tick(struct store *s, int *due_ms, struct err *e);
/* Writing calls so far, and how many of them are committed. */
uint64_t store_queued(const struct store *s);
uint64_t store_acknowledged(const struct store *s);

#endif
