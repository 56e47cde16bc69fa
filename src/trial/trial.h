/* One trial: a network, its credit assignment, its optimizers and its data, trained from step 0 or from a checkpoint to
 * its budget.
 *
 * A trial runs in a process of its own with one BLAS thread. Everything it draws is a pure function of (seed, stream,
 * step), so a checkpoint is the weights, the optimizers' state, and a few numbers. Records go to a sink (base/sink.h).
 */
#ifndef TPRUN_TRIAL_TRIAL_H
#define TPRUN_TRIAL_TRIAL_H

#include "base/sink.h"
#include "base/text.h"
#include "trial/checkpoint_files.h"
#include "trial/config.h"

struct trial;

/* What the caller decides while a trial runs. All may be zero. */
struct trial_control {
    /* Asked between minibatches, feedback-only ones included: 0 go on, TRIAL_CHECKPOINT write one and go on, TRIAL_STOP
     * write one and return ERR_STOPPED. */
    int (*poll)(void *self);
    /* Called about ten times a second and at every log: the step reached and the last train loss (NAN before the
     * first). */
    void (*progress)(void *self, int64_t step, double loss);
    void *self;
    const char *checkpoint_folder; /* NULL: no checkpoints */
    const char *checkpoint_key;    /* what their names begin with: 16 hexadecimal digits, more are not read */
};
enum { TRIAL_CONTINUE, TRIAL_CHECKPOINT, TRIAL_STOP };

/* Where and why a trial diverged, or ended. */
struct trial_outcome {
    int64_t step, layer; /* layer -1 = not known */
    char tensor[64];     /* "" = not known: "train_loss", "layers.0.weight_hh" */
    char weights_sha256[65];
    char reason[160]; /* what ended it before its budget (train.stop.metric); "" = nothing */
};

/* Of a process that has called blas_start. */
int trial_open(struct trial **t, const struct config *c, struct err *e);
void trial_close(struct trial *t);
/* Restores a checkpoint (trial/checkpoint_files.h); sha256 and other may be NULL. Errors leave the trial as it was
 * before the call: ERR_FORMAT, ERR_IO. */
int trial_restore(struct trial *t, const struct checkpoint_folder *own, const struct checkpoint_folder *other,
                  const char *name, const char *sha256, struct err *e);
/* What was spent until the checkpoint that was restored. */
void trial_set_spent(struct trial *t, struct spent before);
int64_t trial_step_number(const struct trial *t);
/* Trains to the budget, or to what train.stop.metric ends it at. Returns 0, ERR_STOPPED after a checkpoint,
 * ERR_DIVERGED or ERR_SINGULAR (a result: outcome says where), or another error. Logs at step 0, every log.every steps
 * and at the end. A checkpoint is written at the end too, where config.checkpoint.keep says so. */
int trial_run(struct trial *t, struct sink *sink, const struct trial_control *control, struct trial_outcome *outcome,
              struct err *e);
/* One training step on the next minibatch, without logging: for tests and benchmarks. */
int trial_step(struct trial *t, struct err *e);

/* Of a trial whose last checkpoint was restored: logs its metrics again, all of them of_weights. ERR_CONFLICT if its
 * weights are not those of the hash. */
int trial_relog(struct trial *t, const char *weights_sha256, struct sink *sink, struct err *e);

/* What a trial takes and costs, from shapes alone. */
struct trial_layer_size {
    const char *kind;
    char shape[128];  /* "(20, 60, 6) -> (20, 100)"; of images "(20, 3, 32, 32) -> ..." */
    const char *from; /* the layers that it reads: "0, 2"; NULL where each layer reads the one below it */
    bool beside;      /* not their sum: one beside the other */
    size_t n_weights;
    double multiply_adds; /* of the products of one sample's forward pass */
};
struct trial_size {
    size_t n_layers, n_links; /* a recurrent layer has a link for each step */
    struct trial_layer_size *layers;
    size_t n_weights, n_feedback_weights;
    double memory_bytes;
    double flops_per_step;                 /* training */
    double flops_per_log;                  /* one evaluation */
    double flops_per_feedback, n_feedback; /* a feedback-only minibatch; how many in all */
    double n_checks;         /* tests of train.stop apart from logs, in evaluations of the training evaluation set */
    double checkpoint_bytes; /* of one file */
    int64_t iterations;      /* budget in steps, epochs converted */
};
int trial_measure(const struct config *c, struct trial_size *size, struct arena *a, struct err *e);

/* What it takes when it is done: processor seconds, and rows of a log. timing.c. */
struct trial_timing {
    double start;       /* from the start of the process to its first step */
    double step;        /* of training */
    double logged_step; /* beside `step`, in the one before a log: what metrics compare with */
    double look;        /* a log */
    double check;       /* a test of train.stop that is not on a log's evaluation */
    double feedback;    /* a feedback-only minibatch */
    double rows, layer_rows;
};
/* Times it for some tenths of a second. Data that is not there is stood in for; nothing is written. */
int trial_time(const struct config *c, struct trial_timing *out, struct err *e);

/* What a reader should know of a metric whose rows it gets. */
struct metric_facts {
    const char *name;  /* that the rows have */
    const char *goal;  /* which value is best: "min", "max", or NULL where neither is */
    const char *unit;  /* "%", "°", or "" for pure numbers */
    bool followed;     /* people follow it while it trains */
    const char *split; /* which data it is measured on: "train", "valid", "test", or "" for what is no evaluation */
    bool of_layers;    /* a value for each layer or link: rows of layer_metric */
};
/* Shows every name under which the trial logs, until visit returns an error, which is returned. */
int trial_visit_metrics(const struct config *c, int (*visit)(void *self, const struct metric_facts *f), void *self);
/* Whether the trial's data has what a metric of that name takes: held-out samples, classes. Whether log.metrics names
 * it is not asked. */
bool trial_can_log(const struct config *c, const char *metric);
/* Whether a metric that log.metrics may name follows from forward weights and data alone: a checkpoint has all that it
 * takes. Others are of a training step. */
bool trial_metric_is_of_weights(const char *name);
/* Adds the files that the trial reads, data and initial weights: canonical JSON, name to SHA-256; nothing for none. A
 * file of weights may be gone unless the trial begins. */
int trial_inputs(const struct config *c, bool begins, struct text *json, struct err *e);

/* network.init.from: whether the file can be read and holds every parameter that is asked for, in its shape. ERR_FORMAT
 * or ERR_IO. */
int trial_check_initial(const struct config *c, struct arena *a, struct err *e);

/* Registries that `tprun list` and the schema show, closed by NULL. */
extern const struct registry *const trial_registries[];

/* tprun probe (trial/probe.c): one step on given tensors; evaluate: an evaluation of the given batch instead. */
struct probe_options {
    bool metrics, evaluate;
};
int trial_probe(const struct config *c, const char *input, const char *output, struct probe_options options,
                struct err *e);
/* Metadata `format` of a step of a trial, with its input and its results; beside it `trial` (the key), `step`,
 * `precision`, and `config`, what the key is made of and more, as JSON. */
#define TRIAL_STEP_FORMAT "tprun step 1"
/* tprun probe --from (trial/probe_from.c): the step that a trial takes after `step` steps, with its input. Says on
 * standard error how many steps that takes. */
struct probe_from {
    int64_t step; /* below the budget */
    bool metrics;
    const char *folder, *other; /* with checkpoints; other: NULL or one to look into beside */
    size_t n;                   /* checkpoints at or before the step, newest first */
    const char *names[2], *sha256[2];
};
int trial_probe_from(const struct config *c, const struct probe_from *from, const char *output, struct err *e);

#endif
