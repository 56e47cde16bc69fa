/* What a command line asks for: studies, their cells, and their trials one at a time.
 *
 * plan_trial composes and binds a trial in an arena that the next call rewinds, so a sweep of any size takes the memory
 * of one trial. A run, which writes a row for each trial, keeps a small record of each cell: each is composed once. */
#ifndef TPRUN_RUN_PLAN_H
#define TPRUN_RUN_PLAN_H

#include "base/arena.h"
#include "base/text.h"
#include "spec/study.h"
#include "trial/trial.h"

struct cells;
struct plan;
struct plan_study;
struct plan_trial;
struct plan_options {
    const char *profile;
    size_t n_overrides, n_variants;
    const char *const *overrides, *const *variants; /* variants: only these; none = all */
    bool yes;                                       /* counts above PLAN_LIMIT are fine */
    bool one_trial;                                 /* only the first that the file and the filters leave */
    bool keep;                                      /* cells: what the check learns is kept for the queue */
    const char *code;                               /* program and version: part of plan_study.sha256 */
    /* Whether trials with this plan_study.sha256 were checked before, so that checking them again would tell nothing
     * new; and, every 64 cells, how many were checked. Both may be NULL. */
    bool (*known)(void *self, const struct plan_study *s);
    void (*tick)(void *self, const struct plan_study *s, uint64_t done);
    void *self;
    /* Shown each cell of each variant once that is sound and not excluded, in order, if `known` does not pass over the
     * study; may change the seed. NULL: none. */
    void (*visit)(void *self, const struct plan *p, size_t study, size_t variant, uint64_t cell,
                  const struct study_trial *t, struct config *c, const struct trial_size *size);
    void *visitor;
};
#define PLAN_LIMIT 100000

struct plan_study {
    struct arena *arena; /* of the study; it stays where it is when the list of studies grows */
    bool opened;         /* without mistakes */
    bool readable;       /* its trials can be composed, if only to hear their mistakes */
    const char *one_off; /* the first assignment of the command line that the stored study does not have, or NULL */
    bool makes_trials;   /* it makes others than the file's */
    struct study study;
    uint64_t n;      /* trials before exclusions and filters */
    bool *wanted;    /* [n_variants] */
    char sha256[65]; /* of all that its trials follow from, this program included */
    /* The same with which of them are asked for, since the others keep the budgets they have; sha256 where all are. */
    char asked_sha256[65];
    struct cells
        *cells; /* what the check kept of its cells: cells.h; NULL without `keep`, and where the trials are known */
    const char **claims;   /* [study.n_claims] what each is about, canonical JSON: claims.h; NULL after mistakes */
    bool tunes_by_largest; /* what the largest value of study.tune->metric is: best; set by tuning_check */
    int64_t store_id;      /* set by the runner */
};
struct plan {
    struct plan_options options;
    size_t n_studies;
    struct plan_study *studies;
    struct arena scratch; /* of the trial that was composed last */
    struct arena_mark start;
    struct arena presets;
    struct config_cache cache;
    struct plan_trial *last; /* in scratch: of the cell that was composed last, for its other seeds; NULL: none */
    size_t last_study;
    uint64_t last_cell;
    uint64_t only; /* index of the one trial of the first study, with one_trial */
};

/* Opens and checks every file; a folder stands for its *.yaml and *.yml files in the order of their names. Binds every
 * cell of every study that is not known, so that every mistake is found before anything runs. ERR_SPEC, ERR_USAGE (no
 * such variant) or ERR_IO with every message in e. */
int plan_open(struct plan *p, const char *const *paths, size_t n_paths, const struct plan_options *options,
              struct err *e);
void plan_close(struct plan *p);

struct plan_trial {
    bool excluded; /* by the file; nothing else is set */
    struct study_trial spec;
    struct config config;
    char key[65];
    const char *cell; /* "train.optimizer.stepsize=0.1, train.batch_size=16", "" without a sweep */
    int64_t budget;   /* steps */
    double memory_bytes;
};
/* Memory for one trial; what was composed before is gone. */
struct arena *plan_scratch(struct plan *p);
/* Composes trial i of a study; valid until the next call. Seeds of one cell after each other cost little. */
int plan_trial(struct plan *p, size_t study, uint64_t i, struct plan_trial *t, struct err *e);
/* Checks the cells of a sound study and keeps them, where plan_open did not. */
int plan_check(struct plan *p, size_t study, struct err *e);
/* Whether trial i is not asked for (--variant, seeds): it belongs to the study but is not to be trained now. From n on
 * they are those of chosen cells: variants x cells x fresh seeds. Costs nothing. */
bool plan_left_out(const struct plan *p, size_t study, uint64_t i);

#endif
