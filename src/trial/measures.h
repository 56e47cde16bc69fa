/* The metrics of a trial: what each is, when it fits, and the other methods and Jacobians that some compare with. */
#ifndef TPRUN_TRIAL_MEASURES_H
#define TPRUN_TRIAL_MEASURES_H

#include "trial/private.h"

/* ---- measure.c ---- */
/* What a metric is asked to fit. */
struct measured {
    const struct config *config;
    const struct chain *chain;   /* NULL where the layers do not fit each other */
    const struct credit *credit; /* NULL where the algorithm's parts do not fit the chain */
    struct where where;          /* of the metric in the file */
};
struct measure_def {
    struct part part;
    int (*measure)(struct trial *t, const struct measure_def *self, struct sink *sink, struct err *e);
    int (*fits)(const struct measure_def *self, const struct measured *on, struct err *e); /* NULL: it fits any */
    bool of_samples;         /* needs the dataset: an evaluation */
    bool of_weights;         /* follows from forward weights and data: a checkpoint has all that it takes */
    unsigned compares;       /* enum compares: what is opened for it */
    bool biases;             /* which parameters */
    int match;               /* enum match_value */
    bool by_layer;           /* a value for each layer, where there is one of all as well */
    bool of_batches;         /* mean over minibatches instead of samples */
    bool of_feedback_epochs; /* emitted at the end of each feedback-only epoch, not with the log */
    enum split split;        /* of an evaluation; else SPLIT_TRAIN */
    const char *accuracy;    /* which accuracy; NULL = the loss */
    /* As struct metric_facts; unit may be NULL. */
    const char *goal, *unit;
    bool followed, of_layers;
    const struct metric_facts *emits; /* where the rows have other names than the metric: these, closed by {0} */
};
extern const struct registry measure_registry;
/* The metric of this name, or NULL. */
const struct measure_def *measure_find(const char *name);
/* facts.c: what is known of rows of this name, which a metric may emit under another than its own. Returns false where
 * none does. */
bool measure_facts(const char *name, struct metric_facts *f);
/* Whether the dataset has the samples and the accuracy that it asks for. */
bool measure_is_defined(const struct measure_def *m, const struct dataset_def *dataset, const struct data_shape *data);
/* A loss or an accuracy of a whole split. */
bool measure_is_evaluation(const struct measure_def *m);
/* Its value at the present weights, which a log at the same step shares. */
int measure_evaluate(struct trial *t, const struct measure_def *m, double *value, struct err *e);
/* A loss or an accuracy of the whole trial. */
bool measure_is_reached(const struct measure_def *m);
int measure_all(struct trial *t, struct sink *sink, struct err *e);

/* ---- kept_rows.c ---- */
/* A sink of a log's rows and remarks, which are kept in their order until they are handed on: what measuring takes is
 * then told apart from what it takes to send them. */
struct kept_rows {
    struct sink sink; /* first: the sink's functions cast back */
    size_t n, capacity;
    struct kept_row *items;
    struct text texts; /* names and words, each with its 0 */
};
struct kept_rows kept_rows_new(void);
/* Sends all to another sink, which may fail, and keeps none. */
int kept_rows_hand_on(struct kept_rows *k, struct sink *to, struct err *e);
void kept_rows_free(struct kept_rows *k);

/* ---- measure_layers.c ---- */
int weight_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int update_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int displacement_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int flip_fraction_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int direction_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int spectral_norm_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int condition_number_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int clip_fraction_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- measure_fits.c ---- */
typedef int measure_fits(const struct measure_def *self, const struct measured *on, struct err *e);
/* feed-forward networks, with gradients through what layers send, whose samples do not depend on each other */
measure_fits fits_gauss_newton_targets; /* in any layer */
measure_fits fits_output_jacobians;     /* above the first one */
measure_fits fits_dense;                /* of dense layers only */
measure_fits fits_update;               /* sees the update and the states of one moment: update.order simultaneous */
measure_fits fits_dense_update;         /* both */
measure_fits fits_feedback;             /* of feedback weights along the chain, of feed-forward layers */
measure_fits fits_match;                /* of feedback along the chain that has a derivative for each sample */
measure_fits fits_inverse;              /* of the mapping 'inverse' alone */
measure_fits fits_clamp;                /* of it, where it clamps states alone */
measure_fits fits_targets;              /* of targets that a layer's difference may be held against, along the chain */
measure_fits fits_values;               /* of mappings that give values, along the chain of feed-forward layers */
measure_fits fits_iterated;             /* of propagate rules that iterate */
measure_fits fits_influence;            /* of update rules that weigh the samples */
measure_fits fits_recurrence;           /* and of a plain recurrent layer under a head, with one loss at the end */

/* ==== what some metrics compare with ==== */

/* Another method beside the one under test: its update of the same minibatch at the same weights, taken before they
 * move. */
struct reference {
    struct config_algorithm algorithm;
    struct credit credit;
    real *gradient;
};
struct gauss_newton;
struct gnt_search;
struct match;
struct feedback_weights;
struct monitors;
/* Those that a metric asks for; the others are NULL. */
struct references {
    struct reference *bp, *gnt; /* gnt: with target stepsize 1 and the damping of log.damping */
    struct gnt_search *search;
    struct gauss_newton *gauss_newton;
    struct match *match;
    struct feedback_weights *feedback_weights; /* [n_feedback] */
    struct monitors *monitors;
    bool wanted; /* in the present step: the one before a log */
    bool taken;
};

/* ---- reference.c ---- */
/* The credit of a preset over the chain of the method under test. */
int reference_open(struct trial *t, struct reference **out, const char *preset, struct err *e);
/* The update of one reference at the present pass. */
int reference_take(struct trial *t, struct reference *r, real *gradient, struct err *e);
/* Operations of it. */
double reference_flops(const struct trial *t, const struct reference *r);
/* Turns ERR_SINGULAR into a gradient of NaN; other codes pass. */
int reference_failed(int code, real *gradient, size_t n, struct err *e);

/* ---- references.c ---- */
/* What a metric compares with: bits of measure_def.compares. */
enum compares {
    COMPARES_BP = 1u << 0,             /* back-propagation */
    COMPARES_GNT = 1u << 1,            /* Gauss-Newton targets */
    COMPARES_SEARCH = 1u << 2,         /* the same for a list of dampings */
    COMPARES_GN = 1u << 3,             /* Gauss-Newton steps of the parameters */
    COMPARES_JACOBIAN = 1u << 4,       /* the Jacobians of the outputs */
    COMPARES_MATCH = 1u << 5,          /* those of each layer and of its feedback */
    COMPARES_INVERSE = 1u << 6,        /* with their inverses */
    COMPARES_WEIGHTS = 1u << 7,        /* feedback weights */
    COMPARES_TARGETS = 1u << 8,        /* what forward links make of targets */
    COMPARES_RECONSTRUCTION = 1u << 9, /* what the mapping makes of states */
    COMPARES_NULLSPACE = 1u << 10      /* the null space of each layer's Jacobian of the outputs */
};
int references_open(struct trial *t, struct err *e);
/* Costs of evaluation, not of training. */
int references_take(struct trial *t, struct err *e);

/* ---- angle.c ---- */
/* Degrees between two vectors, each given as n matrices; false if one of them is zero. NaN if an entry is. */
bool angle_between(size_t n, const struct mat *a, const struct mat *b, double *degrees);
/* The same from the squares |a - b|^2, |a|^2 and |b|^2: of unit vectors x and y, |x - y|^2 is (|a - b|^2 - (|a| -
 * |b|)^2) / (|a| |b|), 0 where a = b. NaN if one of them is zero. */
double degrees_between(double apart, double a, double b);
/* Between the update under test and another one, for a layer's weights or its biases. */
bool angle_of_layer(struct trial *t, size_t layer, bool biases, real *other, double *degrees);

/* ---- gauss_newton.c ---- */
/* What the metrics of these bits of enum compares take. */
int gauss_newton_open(struct trial *t, unsigned asked, struct err *e);
int gauss_newton_take(struct trial *t, struct err *e);
/* Operations of gauss_newton_take. */
double gauss_newton_flops(const struct trial *t);
/* The Gauss-Newton step of every layer. */
real *gauss_newton_step(struct gauss_newton *g);
int nullspace_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int output_angle_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int jacobian_condition_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- feedback_match.c ---- */
/* What a metric shows of it: measure_def.match. */
enum match_value { MATCH_TRANSPOSE, MATCH_PINV, MATCH_INVERSE, MATCH_ANGLE, MATCH_VALUES, MATCH_WEIGHT_ANGLE };
enum {
    MATCH_MOST_OUTPUTS = 1024,
    MATCH_MOST_INVERTED = 256
}; /* numbers of a layer that is measured, or inverted too */
int match_open(struct trial *t, bool inverses, struct err *e);
int match_take(struct trial *t, struct err *e);
/* Operations of it: a product with each layer and one with its feedback for every output. */
double match_flops(const struct trial *t);
int match_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- feedback_weights.c ---- */
int feedback_weights_open(struct trial *t, struct err *e);
void feedback_weights_take(struct trial *t);
int feedback_weights_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- monitors.c ---- */
#define MONITORS_BAD_RESIDUAL 0.9 /* above it a warning is given, once */
int monitors_open(struct trial *t, struct err *e);
int monitors_take(struct trial *t, struct err *e);
/* Operations of it, at most. */
double monitors_flops(const struct trial *t);
int inverse_residual_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int reconstruction_error_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int convergence_rate_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);
int influence_sum_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- gnt_search.c ---- */
int gnt_search_open(struct trial *t, struct err *e);
int gnt_search_take(struct trial *t, struct err *e);
double gnt_search_flops(const struct trial *t);
extern const struct metric_facts gnt_search_emits[];
int gnt_search_measure(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e);

/* ---- lemma.c ---- */
extern const struct metric_facts lemma_emits[];
int lemma_measure(struct trial *t, const struct measure_def *measure, struct sink *sink, struct err *e);

#endif
