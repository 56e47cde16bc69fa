/* What the trials of a plan take: time, memory, disk.
 *
 * Trials are priced by shape: what the work of a step and of a log follows from (config_shape). Where trials of that
 * shape have run on this machine, their rows of `cost` tell (price_rows.c), else some steps that are timed once and
 * kept (calibration.c); a shape of which neither is known is scaled by operations from the nearest one that is, steps
 * by those of a step and evaluations by those of an evaluation. All times are seconds of processor time and come with a
 * range. */
#ifndef TPRUN_RUN_PRICE_H
#define TPRUN_RUN_PRICE_H

#include "base/arena.h"
#include "run/data_files.h"
#include "run/plan.h"
#include "store/query.h"

/* In rising order of trust. */
enum price_source { PRICE_UNKNOWN, PRICE_SCALED, PRICE_TIMED, PRICE_STORED };
/* "unknown", "scaled", "timed", "database" */
extern const char *const price_source_names[];

/* A time as it is expected, and between which bounds it should be. */
struct price_range {
    double low, expected, high;
};

struct price_shape {
    char shape[65];
    size_t study; /* of a trial that has it, and which */
    uint64_t trial;
    int precision;
    double flops_per_step, flops_per_log, memory_bytes, checkpoint_bytes;
    double feedback_steps; /* a feedback-only minibatch, by operations, in steps */
    enum price_source source;
    size_t n; /* runs that the price comes from, if PRICE_STORED */
    struct trial_timing each;
    double low, high; /* factors on it */
    size_t classes;   /* the first of its classes: 1 + index */
};

/* How often a whole trial does what is timed. */
struct price_work {
    double steps, logs, checks, feedback;
};

/* Trials of one shape, variant and length. */
struct price_class {
    size_t shape, study, variant;
    int64_t budget;
    struct price_work work;
    uint64_t trial;   /* the first one */
    const char *cell; /* its */
    uint64_t n, n_finished;
    double left;             /* of the n, those that are to be trained; one that has come half way counts half */
    double checkpoint_every; /* s */
    int64_t threads;         /* train.threads */
    size_t next;             /* of the same shape: 1 + index; 0 = none */
};

/* A cell that will be chosen (study_tune): its trials are taken to be of the class of the first cell that it may be. */
struct price_choice {
    const char *name; /* of the cell */
    size_t of_class;
    uint64_t n_finished;
};

/* What is known of a variant as a whole. */
struct price_variant {
    size_t study, variant;
    uint64_t n, n_finished;
    uint64_t n_tuned, n_tuned_finished; /* of the cells that will be chosen, with fresh seeds */
    size_t n_choices;
    struct price_choice *choices;
    struct trial_size first; /* of its first trial */
};

struct price_ended;
struct price_list {
    struct arena arena;
    size_t n_shapes, n_classes, n_variants;
    struct price_shape *shapes;
    struct price_class *classes;
    struct price_variant *variants;
    size_t n_slots, *slots;    /* a hash table of shapes by name: 1 + index, 0 = empty */
    struct query *q;           /* of the database, or NULL */
    bool anew;                 /* trials that have ended, or begun, are trained from the start */
    struct price_ended *ended; /* how far the trials of the variant at hand have come */
    struct data_files files;   /* those that were looked for */
    struct err warnings;       /* of data that a run would miss */
    struct err error;          /* of the database, met while trials were counted */
};

struct price {
    uint64_t n, n_finished;
    uint64_t n_unknown; /* trials to be trained of which nothing can be said: they are in no sum */
    struct price_range processor, wall;
    double memory_bytes; /* of the largest trials that can run together, data beside */
    double rows, database_bytes, checkpoint_bytes;
};

/* What a worker takes beside its trial, what its start takes at least, what the database takes for a trial and for a
 * row of a metric, and what the runner takes to write one. Measured: docs/benchmarks.md. */
#define PRICE_WORKER_BYTES (12.0 * 1024 * 1024)
#define PRICE_START_SECONDS 0.02
#define PRICE_TRIAL_BYTES 2000.0
#define PRICE_ROW_BYTES 30.0
#define PRICE_ROW_SECONDS 5e-6
/* Operations that the start of a worker is worth. */
#define PRICE_START_OPERATIONS 2e7

/* ---- price.c: no clock, no database ---- */
struct price_work price_work_of(const struct config *c, const struct trial_size *size);
/* What one whole trial takes in operations, its start among them: a price that is the same on every machine. */
double price_operations(const struct config *c, const struct trial_size *size);
/* Processor seconds of one whole trial. */
struct price_range price_trial(const struct price_list *l, const struct price_class *c);
/* A number for the study and variant of the shape's first trial: those of one algorithm are alike. */
size_t price_variant_of(const struct price_list *l, const struct price_shape *s);
/* Gives every shape without a price that of the nearest one that has one, by operations of a step. */
void price_scale(struct price_list *l);
/* All classes of a study, or of all studies for SIZE_MAX, with `jobs` trials at once on `processors`. */
void price_sum(const struct price_list *l, size_t study, size_t jobs, size_t processors, struct price *p);

/* ---- price_survey.c: the classes of a plan ---- */
/* q: the database where trials may have ended, or NULL. */
void price_open(struct price_list *l, struct query *q);
void price_close(struct price_list *l);
/* The index of a shape of this name, or SIZE_MAX. */
size_t price_find(const struct price_list *l, const char *shape);
/* plan_options.visit */
void price_visit(void *self, const struct plan *p, size_t study, size_t variant, uint64_t cell,
                 const struct study_trial *t, struct config *c, const struct trial_size *size);

/* The step that a trial of the variant at hand has reached, -1 for one that is new. */
int64_t price_reached(const struct price_list *l, const struct config *c);

/* ---- price_tuned.c ---- */
/* Counts the trials with fresh seeds that one of the cells will have of which t is one, of class x. */
void price_visit_tuned(struct price_list *l, const struct study *s, const struct study_trial *t, struct config *c,
                       size_t x, struct price_variant *v);

/* ---- price_rows.c ---- */
/* What one finished attempt took: the work it did, and the processor seconds of it. */
struct price_sample {
    size_t shape;
    struct price_work work;
    double train, evaluate, start;
    double rows, layer_rows; /* of the whole attempt */
};
/* Prices the shapes that samples are of: medians, and a range that holds all of them and 10 % either way. */
void price_by_samples(struct price_list *l, const struct price_sample *samples, size_t n, struct arena *a);
/* Reads samples from the database: of the newest finished attempts on this machine. */
int price_by_rows(struct price_list *l, struct err *e);

/* ---- price_timing.c ---- */
/* Prices shapes that have no price yet by timing them: all but the last 5 % of the operations, and of more shapes than
 * PRICE_TIMED_MAX so many that are spread over variants and sizes. code: program and version. Timings are kept:
 * calibration.h. */
enum { PRICE_TIMED_MAX = 16 };
int price_by_timing(struct price_list *l, struct plan *p, const char *code, struct err *e);

/* All of the above, after the plan was opened with price_visit. */
int price_all(struct price_list *l, struct plan *p, const char *code, struct err *e);

#endif
