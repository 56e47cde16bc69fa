/* A trial from the inside, for the files of this room. */
#ifndef TPRUN_TRIAL_PRIVATE_H
#define TPRUN_TRIAL_PRIVATE_H

#include "base/rng.h"
#include "credit/credit.h"
#include "optim/optim.h"
#include "trial/trial.h"

/* Weights of one layer and their optimizer state: slots of `n` reals each. */
struct group {
    size_t offset, n;
    real *slots;
};
struct optimizer {
    struct chosen choice;
    size_t n_groups;
    struct group *groups;
    real *weights, *gradient;
    const real *factors; /* or NULL */
};

struct measure_def;

/* Back-propagation beside the method under test: its gradient of the same minibatch at the same weights, taken before they move. */
struct reference {
    struct config_algorithm algorithm;
    struct credit credit;
    real *gradient;
    bool wanted; /* in the present step: the one before a log */
    bool taken;
};

enum cost_phase { COST_TRAIN, COST_EVALUATE, COST_CHECKPOINT, COST_PHASES };

struct trial {
    const struct config *config;
    char key[65];
    struct arena memory;  /* of the trial's life */
    struct arena scratch; /* evaluation passes; rewound after each */
    struct data_shape data;
    const struct dataset_def *dataset;
    void *dataset_state;
    struct chain chain;
    struct credit credit;
    struct pass pass;
    real *gradient;
    struct reference *reference; /* a second credit over the same pass, for metrics that compare with it; else NULL */
    real *kept_gradient; /* of layers already moved, when layers are updated in turn; else NULL */
    struct optimizer forward, feedback;
    struct rng *noise; /* one stream per feedback layer */
    struct rng input_noise; /* for credit.input_noise */
    int64_t step;      /* training steps done */
    int64_t budget;
    char initial_sha256[65]; /* of the file that initial weights were read from */
    /* carried over checkpoints */
    double initial_loss; /* train loss at step 0; NAN if unknown */
    double batch_loss_sum;
    double batch_loss_count;
    /* of the last evaluation */
    struct evaluation *evaluation;
    /* where it left its bounds */
    int64_t bad_layer;
    char bad_tensor[64];
    double cost_ns[COST_PHASES][2]; /* wall, cpu since open */
    int64_t steps_here;                                              /* steps since open */
};

/* ---- config_check.c ---- */
/* Reports parts that do not fit each other or the data; a file that names no metrics gets those that its dataset defines. */
void config_check(const struct node *tree, struct config *c, struct arena *a, struct err *e);

/* ---- setup.c ---- */
/* Everything a trial allocates for training, with initial weights but without data: what a probe needs. */
int trial_setup(struct trial *t, const struct config *c, bool initial_weights, struct err *e);
void trial_teardown(struct trial *t);
/* The choice of parts a configuration stands for. */
struct credit_choice config_credit(const struct config_algorithm *a);
/* Steps that a budget of iterations or epochs stands for. */
int64_t config_budget(const struct config *c, const struct data_shape *data);

/* ---- initial.c ---- */
/* Initial weights from a file, over those that were drawn; nothing if none is given. */
int initial_read(struct trial *t, struct err *e);
/* Records which bytes they were: the path alone does not say. */
int initial_tell(const struct trial *t, struct sink *sink, struct err *e);

/* ---- step.c ---- */
/* Forward, credit and updates on the minibatch in t->pass.batch, with the noise drawn (draw) or as it lies in the feedback layers. */
int step_train(struct trial *t, bool draw, struct err *e);
void optimizer_step(struct optimizer *o, size_t group, int64_t count);

/* ---- evaluate.c ---- */
#define EVALUATION_MAX_ACCURACIES 4
struct evaluation {
    bool done;
    double loss;
    double accuracy[EVALUATION_MAX_ACCURACIES]; /* percent, in the dataset's order */
};
/* Mean loss and accuracies over a whole split, in a fixed partition. Cached until evaluation_clear. */
int evaluate(struct trial *t, enum split split, const struct evaluation **result, struct err *e);
void evaluation_clear(struct trial *t);

/* ---- reference.c ---- */
int reference_open(struct trial *t, struct err *e);
int reference_take(struct trial *t, struct err *e);
void reference_close(struct trial *t);
/* Whether a metric of the trial's log asks for it. */
bool reference_asked(const struct config *c);

/* ---- lemma.c ---- */
int lemma_measure(struct trial *t, const struct measure_def *measure, struct sink *sink, struct err *e);

/* ---- size.c ---- */
double step_flops(const struct chain *chain, const struct credit *credit, size_t rows);

/* ---- measure.c ---- */
struct measure_def {
    struct part part;
    int (*measure)(struct trial *t, const struct measure_def *self, struct sink *sink, struct err *e);
    bool of_samples;      /* needs the dataset: an evaluation */
    bool of_reference;    /* compares with the reference credit */
    bool of_inverse;      /* of the mapping 'inverse' alone */
    bool of_recurrence;   /* and of a plain recurrent layer under a head, with one loss at the end */
    bool biases;          /* which parameters */
    enum split split;
    const char *accuracy; /* which accuracy; NULL = the loss */
};
extern const struct registry measure_registry;
int measure_all(struct trial *t, struct sink *sink, struct err *e);

/* ---- checkpoint.c ---- */
int checkpoint_write(struct trial *t, const char *folder, const char *name, struct sink *sink, struct err *e);
/* SHA-256 over all parameters by name. */
void checkpoint_weights_hash(const struct trial *t, char hex[65]);

/* ---- clock ---- */
/* Adds the time since `from` (wall, cpu; nanoseconds) to total and moves from to now. */
void clock_lap(double from[2], double total[2]);
void clock_now(double now[2]);

#endif
