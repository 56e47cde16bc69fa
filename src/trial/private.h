/* A trial from the inside, for the files of this room. */
#ifndef TPRUN_TRIAL_PRIVATE_H
#define TPRUN_TRIAL_PRIVATE_H

#include "base/rng.h"
#include "credit/credit.h"
#include "data/dataset.h"
#include "optim/optim.h"
#include "trial/trial.h"

/* Weights of one layer, their optimizer and its state: slots of `n` reals each. */
struct group {
    struct chosen choice;
    size_t unit; /* whose parameters they are; units without any have no group */
    size_t offset, n;
    real *slots;
    double stepsize; /* where the choice has a schedule: the file's */
};
struct optimizer {
    size_t n_groups;
    struct group *groups;
    real *weights, *gradient;
    const real *factors; /* or NULL */
};

struct measure_def;

/* Where random numbers go, and the stream they come from. */
struct noise_source {
    struct rng rng;
    int kind; /* enum transmit_draws */
    struct mat to;
};
struct noise {
    size_t n;
    struct noise_source *sources;
};

struct references; /* trial/measures.h */

/* Minibatches that train the feedback weights alone: feedback_only.c. */
struct feedback_only {
    int64_t done;      /* carried over checkpoints, as is loss_sum */
    int64_t here;      /* since open */
    int64_t per_epoch; /* minibatches; 0 = the trial has no such epochs */
    double *loss_sum;  /* [n_feedback], of the present epoch */
    bool logged;       /* feedback_epoch_loss is asked for */
};

/* What the tests of train.stop.metric have seen: stop.c. */
enum stop_cause { STOP_NONE, STOP_TARGET, STOP_PLATEAU };
struct stop {
    int64_t every; /* steps between tests; 0 = the trial has none */
    const struct measure_def *metric;
    /* carried over checkpoints */
    double best, last;        /* NAN before the first test; last: of the test that ended the trial */
    int64_t best_step, tests; /* of best; tests after it */
    enum stop_cause cause;
};

enum cost_phase { COST_TRAIN, COST_EVALUATE, COST_CHECKPOINT, COST_LOG, COST_PHASES };

struct trial {
    const struct config *config;
    char key[65];
    struct arena memory;  /* of the trial's life */
    struct arena *shapes; /* of what describes it: memory, except when its size is measured */
    struct arena scratch; /* evaluation passes; rewound after each */
    struct data_shape data;
    const struct dataset_def *dataset;
    void *dataset_state;
    struct chain chain;
    struct credit credit;
    struct pass pass;
    real *gradient;
    struct references *references; /* for metrics that compare with something; else NULL */
    real **given_draws;       /* [credit.n_draws] a probe's, of each feedback step one after the other; else NULL */
    real *direction;          /* a probe's own update, to be judged in place of the step's; else NULL */
    real *kept_gradient;      /* of units already moved, when units are updated in turn; else NULL */
    struct mat *kept_targets; /* of the first pass, when they are kept meanwhile; else NULL */
    struct optimizer forward, feedback;
    bool *asked; /* [n_feedback]: who takes the present feedback step */
    struct feedback_only feedback_only;
    struct stop stop;
    struct noise pass_noise;     /* input and transmissions, once per step */
    struct noise feedback_noise; /* once per feedback step */
    int64_t step;                /* training steps done */
    int64_t budget;
    char initial_sha256[65]; /* of the file that initial weights were read from */
    /* carried over checkpoints */
    double initial_loss; /* train loss at step 0; NAN if unknown */
    double batch_loss_sum;
    double batch_loss_count;
    /* of the last evaluation */
    struct evaluation *evaluation; /* [2 * N_SPLITS]: over samples, then over minibatches */
    bool warned;                   /* a warning was given, since open */
    /* where it left its bounds */
    int64_t bad_layer;
    char bad_tensor[64];
    double cost_ns[COST_PHASES][2]; /* wall, cpu since open */
    int64_t steps_here;             /* steps since open */
    double evaluation_flops;        /* since open */
    struct spent before;            /* before open */
};

/* The update that metrics judge: the last step's, or the one given to a probe. */
static inline real *trial_direction(const struct trial *t)
{
    return t->direction ? t->direction : t->gradient;
}

/* ---- config_algorithm.c ---- */
extern const struct option algorithm_options[];
/* The tree with its algorithm laid over the preset that it names; cache may be NULL, and so
 * may tell, which hears of what a preset keeps. NULL after an error. */
struct node *config_whole(const struct node *tree, struct config_cache *cache, const struct kept_visitor *tell,
                          struct arena *a, struct err *e);
/* The choice of parts a configuration stands for. */
struct credit_choice config_credit(const struct config_algorithm *a);
/* Feedback steps that go with a training minibatch: of unit i, and the most of any. */
int64_t feedback_steps(const struct config_feedback *f, size_t i);
int64_t feedback_most_steps(const struct config_feedback *f);
/* The optimizer that the file chose for feedback unit i, and the stepsize that it has there. */
struct chosen feedback_choice(const struct config_feedback *f, size_t i);
double feedback_stepsize(const struct config_feedback *f, size_t i);

/* ---- config_cache.c ---- */
/* Sets c->data, asked of the dataset once for equal options. cache: or NULL. */
int config_find_shape(struct config *c, struct config_cache *cache, struct err *e);

/* ---- config_check.c ---- */
/* Reports parts that do not fit each other or the data; a file that names no metrics gets those that its dataset
 * defines. */
void config_check(const struct node *tree, struct config *c, struct config_cache *cache, struct arena *a,
                  struct err *e);

/* ---- setup.c ---- */
/* Everything a trial allocates for training, with initial weights but without data: what a probe needs. */
int trial_setup(struct trial *t, const struct config *c, bool initial_weights, struct err *e);
void trial_teardown(struct trial *t);
/* What of it takes memory, in t->memory, which may count only. Data, weights and streams of noise come after. */
int trial_open_parts(struct trial *t, const struct config *c, struct arena *shapes, struct err *e);
/* What moves the parameters of a layer: its own optimizer, or train.optimizer. */
struct chosen config_optimizer(const struct config *c, size_t layer);
/* Steps that a budget of iterations or epochs stands for. */
int64_t config_budget(const struct config *c, const struct data_shape *data);
/* Minibatches that make up an epoch: the training set over the batch size, rounded up; 0 for endless data. */
int64_t config_per_epoch(const struct config *c, const struct data_shape *data);

/* ---- initial.c ---- */
/* Initial weights from a file, over those that were drawn; nothing if none is given. */
int initial_read(struct trial *t, struct err *e);
/* Records which bytes they were: the path alone does not say. */
int initial_tell(const struct trial *t, struct sink *sink, struct err *e);

/* ---- step.c ---- */
/* Forward, credit and updates on the minibatch in t->pass.batch, with the noise drawn (draw) or as it lies in the
 * feedback layers. */
int step_train(struct trial *t, bool draw, struct err *e);
/* Its two parts: until feedback weights that move first have moved, and from the targets on. */
int step_lead(struct trial *t, bool draw, struct err *e);
int step_follow(struct trial *t, bool draw, struct err *e);
/* Before a minibatch of training or of feedback training: what depends on the epoch, and with draw the random numbers
 * of its pass, at `item` of their streams. */
void step_begin(struct trial *t, uint64_t item, bool draw);
enum { FEEDBACK_ALL = -1 }; /* in place of a number: every unit takes the step */
/* Step `number` (from 0) of the feedback weights on the pass as it stands, after credit_refresh. item: of the noise's
 * streams. */
int feedback_step(struct trial *t, uint64_t item, int64_t number, bool draw, struct err *e);

/* ---- schedules.c ---- */
/* Gives a group with a schedule options of its own, in which the stepsize may move. */
int schedule_open(struct group *g, struct arena *a, struct err *e);
/* The stepsizes of the coming training step, in `epoch` from 0. */
void schedules_set(struct trial *t, int64_t epoch);
/* Whether an optimizer's schedule makes sense from this stepsize on. endless: the data has no epochs. key: for the
 * message. */
int schedule_check(struct chosen optimizer, double stepsize, bool endless, const char *key, struct err *e);

/* ---- feedback_only.c ---- */
int feedback_only_open(struct trial *t, struct err *e);
/* Feedback-only minibatches to be done before the next training step; after the last one, before the trial ends. */
int64_t feedback_only_due(const struct trial *t);
/* How many a whole budget takes. */
double feedback_only_total(const struct config *c, const struct data_shape *data);
int feedback_only_minibatch(struct trial *t, struct sink *sink, struct err *e);

/* ---- stop.c ---- */
/* Steps between tests of train.stop.metric; 0 = it has none. */
int64_t stop_every(const struct config *c, const struct data_shape *data);
/* Whether what the file says of it makes sense; messages are of its keys. ERR_SPEC. */
int stop_check(const struct config *c, const struct data_shape *data, struct arena *a, struct err *late);
/* Tests of train.stop in a whole budget that are on no log's evaluation; one of validation data counts by its samples
 * beside those of the training evaluation set. */
double stop_work(const struct config *c, const struct data_shape *data);
void stop_open(struct trial *t);
/* A test at the present weights, whose evaluation the log shares: t->stop.cause says whether the trial ends here. */
int stop_test(struct trial *t, struct err *e);
/* What ended the trial, in words; "" = nothing. */
void stop_reason(const struct trial *t, char *reason, size_t size);
/* The state as numbers, for a checkpoint; stop_restore returns false for numbers that are none. */
enum { STOP_NUMBERS = 5 };
void stop_save(const struct trial *t, double numbers[STOP_NUMBERS]);
bool stop_restore(struct trial *t, const double numbers[STOP_NUMBERS], bool apply);

/* ---- noise.c ---- */
int noise_open(struct trial *t, uint64_t seed, struct err *e);
/* All draws of item `item` of the streams. */
void noise_draw(struct noise *n, uint64_t item);
/* Draws for pass `number` over samples first, first + 1, ... of a split. */
void noise_draw_evaluation(const struct trial *t, struct pass *p, enum split split, uint64_t first, size_t number);

/* ---- predict.c ---- */
/* Forward on p's batch; the output becomes the average over `samples` passes where units are random. draw: the random
 * numbers of pass `number`. */
void predict(struct trial *t, struct pass *p, size_t samples, void (*draw)(void *self, struct pass *p, size_t number),
             void *self);

/* ---- evaluate.c ---- */
/* Rows whose largest output among the first `classes` is that of their label. */
double evaluate_correct(struct mat out, size_t classes, const int64_t *label);
/* Rows of an evaluation's pass over a split of `size` samples, with reals of `width` bytes. */
size_t evaluation_rows(const struct chain *chain, size_t size, double width);
#define EVALUATION_MAX_ACCURACIES 4
struct evaluation {
    bool done;
    double loss;
    double accuracy[EVALUATION_MAX_ACCURACIES]; /* percent, in the dataset's order */
};
/* Mean loss and accuracies over a whole split, in a fixed partition. Cached until evaluation_clear. */
int evaluate(struct trial *t, enum split split, const struct evaluation **result, struct err *e);
/* The same as the mean over minibatches of train.batch_size, a smaller last one weighing as much as the others. */
int evaluate_batches(struct trial *t, enum split split, const struct evaluation **result, struct err *e);
void evaluation_clear(struct trial *t);

/* ---- size.c ---- */
double step_flops(const struct config *c, const struct chain *chain, const struct credit *credit);
/* What a method does with a pass: the head's way back, the mapping's own work, targets, signals, and one product per
 * parameter matrix for the gradients. */
double credit_flops(const struct chain *chain, const struct credit *credit, size_t rows);
/* One reverse pass from link `last` down to the output of link 0. */
double reverse_flops(const struct chain *chain, size_t last, size_t rows);
/* Of a feedback-only minibatch. */
double feedback_flops(const struct chain *chain, const struct credit *credit, size_t rows);

/* ---- checkpoint.c ---- */
int checkpoint_write(struct trial *t, const char *folder, const char *key, struct sink *sink, struct err *e);
/* SHA-256 over all parameters by name. */
void checkpoint_weights_hash(const struct trial *t, char hex[65]);

/* ---- trial.c ---- */
/* Up to the last look at the clock. */
struct spent trial_spent(const struct trial *t);

/* ---- clock ---- */
/* Adds the time since `from` (wall, cpu; nanoseconds) to total and moves from to now. */
void clock_lap(double from[2], double total[2]);
void clock_now(double now[2]);

#endif
