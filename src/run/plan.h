/* What a command line asks for: studies, and their trials one at a time.
 *
 * Trials are never listed: plan_trial composes and binds one in an arena that the next call rewinds, so a sweep of any
 * size takes the memory of one trial. */
#ifndef TPRUN_RUN_PLAN_H
#define TPRUN_RUN_PLAN_H

#include "base/arena.h"
#include "base/text.h"
#include "spec/study.h"
#include "trial/trial.h"

struct plan_options {
    const char *profile;
    size_t n_overrides, n_variants;
    const char *const *overrides, *const *variants; /* variants: only these; none = all */
    bool yes;                                       /* counts above PLAN_LIMIT are fine */
    bool one_trial;                                 /* only the first that the file and the filters leave */
};
#define PLAN_LIMIT 100000

struct plan_study {
    struct arena arena; /* of the study */
    bool opened;        /* without mistakes */
    bool readable;      /* its trials can be composed, if only to hear their mistakes */
    struct study study;
    uint64_t n;       /* trials before exclusions and filters */
    bool *wanted;     /* [n_variants] */
    int64_t store_id; /* set by the runner */
};
struct plan {
    struct plan_options options;
    size_t n_studies;
    struct plan_study *studies;
    struct arena scratch; /* of the trial that was composed last */
    struct arena_mark start;
    uint64_t only; /* index of the one trial of the first study, with one_trial */
};

/* Opens and checks every file; a folder stands for its *.yaml and *.yml files in the order of their names. Binds every
 * trial (of one seed), so that every mistake is found before anything runs. ERR_SPEC, ERR_USAGE (no such variant) or
 * ERR_IO with every message in e. */
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
/* Composes trial i of a study; valid until the next call. */
int plan_trial(struct plan *p, size_t study, uint64_t i, struct plan_trial *t, struct err *e);
/* Whether trial i is not asked for (--variant): it belongs to the study but is not to be trained now. Costs nothing. */
bool plan_left_out(const struct plan *p, size_t study, uint64_t i);

#endif
