/* Credit assignment: from one forward pass to displacements of every layer's target and the parameters' update directions.
 *
 * One driver and small choices (parts): target, route, mapping, feedback loss, propagate, update, head. A preset is a row of choices
 * (presets.c); a file may replace any of them.
 *
 * The chain's last `head` layers follow the exact gradient of the loss. Below it, link k = 0 .. n-1 (n = number of links under the head) has the output
 * h_k and the target t_k = h_k + d[k]. Displacements d are what is stored and propagated: t - h of nearly equal numbers would cancel in single
 * precision. The target part sets d[n-1]; the propagate part derives d[n-2] .. d[0] through the feedback mapping g_k, which reads the place
 * source(k): k+1 on route "chain", n-1 on route "direct"; the update part turns displacements into gradients.
 *
 * Update directions are signed and scaled so that plain SGD is theta <- theta - stepsize * update.
 * Errors: ERR_SINGULAR and ERR_DIVERGED end the trial as diverged. No allocation after credit_open. */
#ifndef TPRUN_CREDIT_CREDIT_H
#define TPRUN_CREDIT_CREDIT_H

#include "net/chain.h"

struct credit;

enum route { ROUTE_CHAIN, ROUTE_DIRECT };
extern const char *const route_names[];
/* How a squared distance is reduced to a local or feedback loss; its derivative is the factor of reduction_factor. */
enum reduction {
    REDUCTION_PER_STEPSIZE, /* (1/(2 beta)) sum over batch and units */
    REDUCTION_HALF_SUM,     /* (1/2) sum over batch and units; Roulet's released code */
    REDUCTION_HALF_MEAN,    /* (1/(2 B)) sum over batch and units */
    REDUCTION_MEAN,         /* (1/B) sum over batch and units; Lee 2015, Meulemans 2020 */
    REDUCTION_UNIT_MEAN     /* mean over batch and units; Manchev & Spratling 2020 */
};
extern const char *const reduction_names[];
/* c such that d loss / d a = c (a - b) for the squared distance of a and b (rows, units). */
double reduction_factor(int reduction, size_t rows, size_t units, double target_stepsize);
/* loss / sum of squares. */
double reduction_value(int reduction, size_t rows, size_t units, double target_stepsize);

/* Losses at every step: each link has a displacement of its own, own[k] = -beta dL_k/dh_k, beside the one carried back to it. */
enum sequence_rule {
    SEQUENCE_NATURAL, /* d[k] = g(d[k+1]) + own[k] */
    SEQUENCE_RELEASED /* d[k] = g(d[k+1] + own[k+1]): Roulet's released code, whose local losses miss their own displacement (sheet 3.7) */
};
struct target_options {
    int gradient; /* enum: batch_mean, per_sample */
    int sequence; /* enum sequence_rule */
};
struct target_def {
    struct part part;
    /* Sets d[n-1] from top = dL/dh at the output of link n-1 (mean loss: contains 1/B). */
    void (*set)(struct credit *c, struct pass *p, struct mat top);
};

struct mapping_def {
    struct part part;
    bool leaves_deltas; /* jvp of d through link k+1 leaves that link's delta for d, so the gradient rule need not compute it again */
    /* Shapes the feedback layers, if the mapping has any (credit->feedback, n_feedback). NULL otherwise. */
    int (*shape)(struct credit *c, struct arena *a, struct err *e);
    int (*open)(struct credit *c, struct arena *a, struct err *e);
    void (*finish)(struct credit *c);
    /* Once per step, after the forward pass and after every change of the feedback weights. */
    int (*refresh)(struct credit *c, struct pass *p, struct err *e);
    /* out = g_k(t): a value of h_k from a value t of h_source(k). */
    void (*apply)(struct credit *c, struct pass *p, size_t k, struct mat t, struct mat out);
    /* out = g_k(h_s + d) - g_k(h_s), without cancellation. */
    void (*difference)(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out);
    /* out = g_k'(h_s) d. */
    void (*jvp)(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out);
    /* Once d[n-2] .. d[0] are derived: what the mapping does to d[n-1] itself. NULL: nothing. */
    void (*own_target)(struct credit *c);
    /* Reals that open and refresh allocate for batches of `rows` samples, feedback weights included; NULL if none. */
    double (*reals)(const struct credit *c, size_t rows);
    /* Floating-point operations of refresh; NULL if few. */
    double (*flops)(const struct credit *c, size_t rows);
};

/* Every feedback loss has these options: R = scale * reduce(|error|^2), noise of standard deviation `noise` added where the loss says;
 * inverse_variance divides by max(noise, noise_floor)^2. weight_decay * parameter is added to the gradients. */
enum noise_scaling { NOISE_SCALING_NONE, NOISE_SCALING_INVERSE_VARIANCE };
struct fbloss_options {
    double noise, scale, noise_floor, noise_decay, weight_decay;
    int reduction, noise_scaling;
    int corrupts; /* reconstruction: enum fbloss_corrupts */
};
/* What the noise is added to, in front of a layer that sends something else than its state. */
enum fbloss_corrupts { CORRUPTS_STATE, CORRUPTS_SENT };
struct fbloss_def {
    struct part part;
    bool needs_targets; /* runs after propagate only */
    bool chain_only;    /* on route "chain" only */
    bool feed_forward;  /* on feed-forward chains only; works on a block of rows for every layer under the head */
    /* Adds to credit->feedback_gradient and sets credit->feedback[i].loss for every feedback layer. NULL for "none". */
    int (*grads)(struct credit *c, struct pass *p, struct err *e);
};

struct propagate_def {
    struct part part;
    /* d[n-2] .. d[0] from d[n-1]. */
    void (*back)(struct credit *c, struct pass *p);
};

enum update_order {
    ORDER_SIMULTANEOUS,     /* all gradients at the same weights */
    ORDER_SEQUENTIAL,       /* bottom to top; passes and targets are computed anew after each layer's update */
    ORDER_SEQUENTIAL_KEPT   /* bottom to top; the targets of the first pass are kept */
};
struct update_options {
    int reduction, order;
};
struct update_def {
    struct part part;
    bool needs_signals; /* credit->s */
    /* Standard deviation of the noise that the rule itself adds to the input; NULL: it adds none. */
    double (*input_noise)(const struct credit *c);
    /* Checks that the rule fits the chain; NULL: it fits any. */
    int (*shape)(const struct credit *c, struct err *e);
    /* Reals that open allocates; NULL: none. */
    double (*reals)(const struct credit *c, size_t rows);
    /* Allocates what the rule needs of its own; NULL: nothing. */
    int (*open)(struct credit *c, struct arena *a, struct err *e);
    /* Adds the update directions of the links under the head to g. */
    void (*grads)(struct credit *c, struct pass *p, real *g);
};

extern const struct registry target_registry, mapping_registry, fbloss_registry, propagate_registry, update_registry;

/* What a file chose, with every part filled in. */
struct credit_choice {
    struct chosen target, mapping, feedback_loss, propagate, update;
    int route;
    size_t head;
    double target_stepsize;
};

/* A feedback layer: yields the target of the output of layer `target` from the output of the place it reads; on route chain that is the output
 * of layer `through`, over all its links. */
struct feedback {
    size_t target, through;
    bool through_hidden; /* reads the source's value by way of credit->hidden */
    bool source_slope;   /* displacements are multiplied by the derivative of the source's activation first */
    struct layer layer; /* (n of source) -> (n of target); index = target */
    struct link stack;  /* forward on what it reads of the source's true states: in is shared where it can be, the rest is its own */
    struct mat u;       /* pre-activation of stack.out */
    struct mat side;    /* (links * B, n): side input's share of the pre-activation, {NULL} without one */
    struct mat signs;   /* work: what the layer reads, where that is signs; {NULL} where it is the value itself */
    real sign_low;      /* what stands for a value that is not above 0 */
    struct mat resend;  /* draws of this step with which the feedback loss sends a corrupted state anew; {NULL} if not asked for */
    struct mat noise;   /* draws of this step, standard normal, rows as the feedback loss uses them; {NULL} if not asked for */
    double loss;
};

struct credit {
    struct credit_choice choice;
    const struct chain *chain;
    size_t n;       /* links under the head */
    size_t rows;    /* B */
    struct mat *d;  /* [n] displacements t - h, contiguous per layer */
    struct mat *own; /* [n] direct displacements of losses at every step; NULL if there is one loss, at the end */
    struct mat *own_stack;
    struct mat *d_stack; /* [n_layers]: those of a layer as one matrix; {NULL} for layers of the head */
    struct mat *s;  /* [n] signals dL/dh of the update rule; NULL if it asks for none */
    struct mat *s_stack;
    struct mat *kept; /* [n] targets of the first pass, for sequential updates that keep them; else NULL */
    struct mat *kept_stack;
    struct mat top; /* (B, n_out of link n-1): dL/dh there; with losses at every step (T * B, n_out): at every link */
    void *mapping_state;
    void *update_state;
    struct mat input_noise; /* (B, inputs), standard normal draws of this step for an update rule that corrupts the input; {NULL}: not asked for */
    size_t n_feedback;
    struct feedback *feedback;
    struct hidden *hidden; /* between the source and the feedback layers (credit/feedback.h); NULL without one */
    size_t n_feedback_weights, n_feedback_vector; /* parameters; vector length, as in struct chain */
    real *feedback_weights, *feedback_gradient, *feedback_factors;
    real *scratch[6];        /* each fits any layer's stack; for the current call only */
    double noise;            /* standard deviation of the feedback loss's noise in the present epoch */
    bool has_deltas;         /* the links above the first hold the deltas of their displacements */
    int64_t bad_layer;       /* whose inverse could not be factorized; -1 = none */
    size_t first_nonzero;    /* displacements below this link were cut to zero (REAL_TINY) */
};

/* Checks that the rules and the mapping fit each other, on whatever chain. */
int credit_check(const struct credit_choice *choice, struct err *e);
/* Checks that the parts fit this chain; names the parts in messages. Shapes only. */
int credit_shape(struct credit *c, const struct credit_choice *choice, const struct chain *chain, struct arena *a, struct err *e);
int credit_open(struct credit *c, size_t rows, struct arena *a, struct err *e);
void credit_finish(struct credit *c);
/* Reals that credit_open allocates, from shapes alone. */
double credit_reals(const struct credit *c, size_t rows);

/* After chain_forward: the loss, the head's gradient into g (zeroed here), and dL/dh below the head into c->top. */
int credit_head(struct credit *c, struct pass *p, struct chosen loss, real *g, struct err *e);
/* Tells in which epoch, counted from 1, the coming steps are: the noise of a feedback loss may decay. Opened in epoch 1. */
void credit_set_epoch(struct credit *c, int64_t epoch);
/* The mapping's once-per-step work. */
int credit_refresh(struct credit *c, struct pass *p, struct err *e);
/* Feedback gradients into c->feedback_gradient (zeroed here). */
int credit_feedback(struct credit *c, struct pass *p, struct err *e);
/* Displacements of all links. */
int credit_targets(struct credit *c, struct pass *p, struct err *e);
/* Update directions of the links under the head, added to g. */
int credit_update(struct credit *c, struct pass *p, real *g, struct err *e);

/* Where g_k reads: the link whose output it takes. */
static inline size_t credit_source(const struct credit *c, size_t k)
{
    return c->choice.route == ROUTE_CHAIN ? k + 1 : c->n - 1;
}
/* True if d[k] is below REAL_TINY: then d[k] .. d[0] are set to zero, since the rest of the recursion would be denormal (sheet 11.10). */
bool credit_vanished(struct credit *c, size_t k);
/* The displacement that link k's target is made from: d[source(k)], and own[source(k)] with it under the released rule. */
struct mat credit_incoming(struct credit *c, size_t k);
/* d[k] += own[k] under the natural rule. */
void credit_add_own(struct credit *c, size_t k);
/* The feedback layer that yields the target of link k. */
struct feedback *credit_feedback_of(const struct credit *c, size_t k);
/* All layers with feedback parameters: the feedback layers, and after them the hidden one, which no loss trains. */
size_t credit_n_feedback_layers(const struct credit *c);
struct layer *credit_feedback_layer(const struct credit *c, size_t i);
/* Gives the parameters of a feedback layer their place in the vectors of feedback weights and gradients. */
void credit_place_feedback(struct credit *c, struct layer *l);

struct preset {
    const char *name, *help, *ref;
    const char *parts; /* a flow map laid under the file's `algorithm` */
};
extern const struct preset presets[]; /* closed by {NULL} */
extern const char *const preset_names[]; /* the same, closed by NULL */

#endif
