/* The configuration of one trial: what a file says, bound to C structs. Option tables are in config.c. */
#ifndef TPRUN_TRIAL_CONFIG_H
#define TPRUN_TRIAL_CONFIG_H

#include "base/part.h"
#include "math/batch.h"
#include "spec/bind.h"
#include "spec/study.h"

enum precision { PRECISION_SINGLE, PRECISION_DOUBLE, PRECISIONS };

enum input_gradient { INPUT_GRADIENT_NOISY, INPUT_GRADIENT_CLEAN };
struct config_input_noise {
    double std;
    int gradient; /* enum input_gradient */
};
/* Initial weights that are read instead of drawn. */
struct config_from {
    const char *file;    /* NULL: none */
    struct reals layers; /* indices; NULL items: all */
    bool feedback;       /* the feedback weights too */
};

struct config_network {
    struct chosen_list layers;
    int form; /* enum form */
    struct config_input_noise input_noise;
    struct {
        struct chosen weights, biases;
        struct config_from from;
    } init;
};

struct config_stop {
    bool nonfinite;
    double loss_above_initial; /* factor on the train loss at step 0; 0 = off */
    int64_t every;             /* steps between tests of it and of metric */
    const char *metric;        /* that ends the trial before its budget; NULL: none does */
    int64_t patience;          /* tests without a better value after which it ends; 0 = off */
    double min_delta;          /* by more than which a value is better */
    double target;             /* that it ends at; -1 = off */
    int64_t every_epochs;      /* between tests of metric, instead of `every`; 0 = not given */
};

enum { THREADS_AUTO = 0, THREADS_MOST = 64 };
struct config_train {
    struct chosen optimizer;
    int64_t batch_size;
    int64_t iterations; /* minibatches; -1 when epochs are given */
    int64_t epochs;     /* -1 when iterations are */
    double clip_norm;   /* largest norm of an update direction; 0: none */
    int64_t threads;    /* of a trial; THREADS_AUTO */
    struct config_stop stop;
};

enum feedback_schedule {
    FEEDBACK_JOINT, /* feedback and forward gradients at the same weights, both optimizers step after them */
    FEEDBACK_FIRST  /* the feedback weights move first, on the same minibatch; the targets use the new ones */
};
struct config_feedback {
    struct chosen_list optimizer; /* one, or one per feedback unit; none for mappings that do not learn */
    int schedule;                 /* enum feedback_schedule */
    struct reals steps; /* feedback steps per training minibatch, one number or one per feedback unit; 0 = none */
    struct reals
        stepsize; /* instead of the optimizer's, one number or one per feedback unit; NULL items: the optimizer's */
    int64_t pretrain_epochs, extra_epochs; /* feedback-only: before the first update; after each epoch of training */
};

/* One choice of each part: see credit/credit.h. NULL parts are filled from the preset. */
struct config_algorithm {
    const char *name; /* the preset */
    struct chosen target, mapping, feedback_loss, propagate, update;
    int route;
    int64_t head;
    double target_stepsize;
    bool divide_stepsize; /* by target_stepsize, under the head */
    struct config_feedback feedback;
};

struct config_log {
    int64_t every, samples;
    struct names metrics;
    struct reals damping; /* of Gauss-Newton references: one number, or one per layer from the first; the last may be
                             left out and is 0 then */
};

/* Of a trial that is done: KEEP_LONG: the newest two, unless it was over before the first was due; KEEP_NONE;
 * KEEP_LAST: that of the last step alone; KEEP_ALL: every one that was written. One that is to go on keeps two in any
 * case. */
enum config_keep { KEEP_LONG, KEEP_NONE, KEEP_LAST, KEEP_ALL };
struct config_checkpoint {
    double seconds; /* between checkpoints */
    int keep;       /* enum config_keep */
};

struct config {
    const char *experiment, *variant;
    int64_t seed;
    int precision;
    struct chosen dataset;
    struct config_network network;
    struct chosen loss;
    struct config_train train;
    struct config_algorithm algorithm;
    struct config_log log;
    struct config_checkpoint checkpoint;
    struct data_shape data; /* no option: what the dataset says of its samples */
};

extern const struct option config_options[];
/* What a sweep may name: study_fit. */
extern const struct study_form config_form;
/* Whether rows of this name are of layers: a value for each. */
bool config_metric_of_layers(const char *metric);

/* Binds a trial's tree and checks that its parts fit (needs meet gives, shapes chain up, the batch fits the data).
 * Every mistake goes to e with its place. The result lives in a. */
int config_bind(const struct node *tree, struct config *c, struct arena *a, struct err *e);
/* The same for one of many trials: the cache keeps the presets that were parsed and the shapes of datasets, for which
 * files may have to be read. */
struct config_cache {
    struct arena *arena;        /* outlives the cache */
    struct node **presets;      /* NULL at first */
    struct config_known *known; /* shapes of the datasets met so far, the newest first; NULL at first */
    struct idle_keys *idle;     /* where keys without effect are noted (spec/idle.h), or NULL */
};
int config_bind_next(const struct node *tree, struct config_cache *cache, struct config *c, struct arena *a,
                     struct err *e);
/* The same without the check of parts against each other and against the data: keys, types and values alone. *c is of
 * no use after a mistake. */
int config_bind_values(const struct node *tree, struct config_cache *cache, struct config *c, struct arena *a,
                       struct err *e);
/* Binds what config_json wrote, which leaves nothing to a preset: an option that it does not name is absent, whatever
 * the preset says. */
int config_bind_whole(const struct node *tree, struct config *c, struct arena *a, struct err *e);
/* Shows which options of replaced parts of the algorithm stay in a trial's tree, and which do not: trial/parts.h. */
struct kept_visitor;
void config_visit_kept(const struct node *tree, struct config_cache *cache, const struct kept_visitor *tell,
                       struct arena *a);
/* Binds a preset as it is, without changes of a file. */
int config_preset(const char *name, struct config_algorithm *algorithm, struct arena *a, struct err *e);
/* SHA-256 of the canonical form without budget keys. */
void config_key(const struct config *c, char hex[65]);
/* SHA-256 of what the work of a step and of a log follows from: the canonical form, where a real number (a stepsize, a
 * damping, a standard deviation) counts as zero or not, without names, seed, budget and time between checkpoints. Two
 * trials of one shape take the same time for a step and for a log. shape.c. */
void config_shape(const struct config *c, char hex[65]);
/* Whether a dotted path, which may be followed by '=', leads through an option that is no part of that identity: of the
 * parts that c has; c = NULL: of any part. */
bool config_is_budget(const char *path, const struct config *c);
void config_json(const struct config *c, struct text *out);

#endif
