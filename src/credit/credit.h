/* Credit assignment: from one forward pass to displacements of every layer's target and the parameters' update
 * directions.
 *
 * One driver and small choices (parts): target, route, mapping, feedback loss, propagate, update, head. A preset is a
 * row of choices (presets.c); a file may replace any of them.
 *
 * The chain's last `head` layers follow the exact gradient of the loss. Below it, link k = 0 .. n-1 (n = number of
 * links under the head) has the output h_k and the target t_k = h_k + d[k]. Displacements d are what is stored and
 * propagated: t - h of nearly equal numbers would cancel in single precision. The target part sets d[n-1]; the
 * propagate part derives d[n-2] .. d[0] through the feedback mapping g_k, which reads the place source(k): k+1 on route
 * "chain", n-1 on route "direct"; the update part turns displacements into gradients. Where links feed several others,
 * g and source are of ways (ways.h), numbered k too, and parts say TAKES_BRANCHES.
 *
 * Update directions are signed and scaled so that plain SGD is theta <- theta - stepsize * update.
 * Errors: ERR_SINGULAR and ERR_DIVERGED end the trial as diverged. No allocation after credit_open. */
#ifndef TPRUN_CREDIT_CREDIT_H
#define TPRUN_CREDIT_CREDIT_H

#include "credit/ways.h"

struct credit;
struct feedback;
struct settled;

enum route { ROUTE_CHAIN, ROUTE_DIRECT };
extern const char *const route_names[];
/* How a squared distance is reduced to a local or feedback loss; its derivative is the factor of reduction_factor. */
enum reduction {
    REDUCTION_PER_STEPSIZE,     /* (1/(2 beta)) sum over batch and units */
    REDUCTION_HALF_SUM,         /* (1/2) sum over batch and units; Roulet's released code */
    REDUCTION_HALF_MEAN,        /* (1/(2 B)) sum over batch and units */
    REDUCTION_MEAN,             /* (1/B) sum over batch and units; Lee 2015, Meulemans 2020 */
    REDUCTION_UNIT_MEAN,        /* mean over batch and units; Manchev & Spratling 2020 */
    REDUCTION_POSITION_MEAN,    /* of maps unit_mean, of others mean; convolutions of Meulemans 2020, code */
    REDUCTION_MEAN_PER_STEPSIZE /* (1/(2 beta B)) sum over batch and units; Bao 2024, Eq. (5) */
};
extern const char *const reduction_names[];
/* c such that d loss / d a = c (a - b) for the squared distance of a and b, of `rows` states each. */
double reduction_factor(int reduction, size_t rows, struct shape state, double target_stepsize);

/* Losses at every step: each link has a displacement of its own, own[k] = -beta dL_k/dh_k, beside the one carried back
 * to it. */
enum sequence_rule {
    SEQUENCE_NATURAL, /* d[k] = g(d[k+1]) + own[k] */
    SEQUENCE_RELEASED /* d[k] = g(d[k+1] + own[k+1]): Roulet's released code, whose local losses miss their own
                         displacement (sheet 3.7) */
};
enum target_gradient { TARGET_BATCH_MEAN, TARGET_PER_SAMPLE };
struct target_options {
    int gradient; /* enum target_gradient */
    int sequence; /* enum sequence_rule */
};
struct target_def {
    struct part part;
    int (*fits)(const struct credit *c, struct err *e); /* NULL: it fits any */
    /* Sets d[n-1] from top = dL/dh at the output of link n-1 (mean loss: contains 1/B). */
    void (*set)(struct credit *c, struct pass *p, struct mat top);
};

/* How a mapping is asked: for the target of link k, or for way k. ref: the application of the unit above, link k + 1 or
 * the way's upper end, whose cache a mapping reads: the one that produced the argument or is its reference, which is
 * the noisy pass for g(f(h + noise)) and the clean one for everything else. */
struct mapping_def {
    struct part part;
    bool leaves_deltas; /* jvp of d through link k+1 leaves that link's delta for d, so the gradient rule need not
                           compute it again */
    /* Shapes the feedback units, if the mapping has any (credit->feedback, n_feedback), and checks that it fits the
     * chain. NULL: it fits any. */
    int (*shape)(struct credit *c, struct arena *a, struct err *e);
    int (*open)(struct credit *c, struct arena *a, struct err *e);
    /* Once per step, after the forward pass and after every change of the feedback weights. */
    int (*refresh)(struct credit *c, struct pass *p, struct err *e);
    /* out = g_k(t): a value of h_k from a value t of h_source(k). */
    int (*apply)(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out,
                 struct err *e);
    /* out = g_k(h_s + d) - g_k(h_s), without cancellation; d and out may hold several blocks of rows. */
    int (*difference)(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
                      struct err *e);
    /* out = g_k'(h_s) d. */
    int (*jvp)(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out,
               struct err *e);
    /* Of it what belongs to one feedback unit. Its value at the true states is left out where no part reads it:
     * fbloss_def.reads_value, and a unit that `splits`. */
    void (*refresh_unit)(struct credit *c, const struct pass *p, struct feedback *f);
    /* Feedback units g(v) = A u(v) + b (net/split.h), if `splits` says so. front: u(v), overwritten by the next call;
     * of the true states where v is {NULL}, kept until refresh. back: out = A moved. train_back: adds the gradient of
     * <error, A moved> to feedback_gradient; error is used up. */
    bool (*splits)(const struct credit *c, const struct feedback *f);
    struct mat (*front)(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat v);
    void (*back)(struct credit *c, struct feedback *f, struct mat moved, struct mat out);
    void (*train_back)(struct credit *c, struct feedback *f, struct mat moved, struct mat error);
    /* For mappings that learn, all links of one feedback unit at once. value: g at other values v of what it reads
     * (memory that the next call overwrites). train: adds the gradient of the last value, which had the same ref, to
     * feedback_gradient, from error = d loss / d value, used up. */
    struct mat (*value)(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat v);
    void (*train)(struct credit *c, const struct at *ref, struct feedback *f, struct mat error);
    /* Divides each row of error by the squared length of what f's weights read for the last value
     * (unit_def.input_squares), where there is any. squares: work, one for each row. */
    void (*normalise)(struct credit *c, struct feedback *f, double *squares, struct mat error);
    /* The same of the value at the true states, which refresh took: f->ref.out. */
    void (*train_reference)(struct credit *c, struct feedback *f, struct mat error);
    /* The same for the difference `moved` that the displacement d of the source gives. */
    void (*train_difference)(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat d,
                             struct mat moved, struct mat error);
    /* Once d[n-2] .. d[0] are derived: what the mapping does to d[n-1] itself. NULL: nothing. */
    void (*own_target)(struct credit *c);
    /* Once the feedback weights are drawn. NULL: they stay as they are. */
    void (*drawn)(struct credit *c);
    /* Once the forward weights are there, drawn or read: feedback weights that start from them. NULL: none do. */
    void (*start)(struct credit *c);
    /* Floating-point operations of refresh; NULL if few. And of `difference` for link k; NULL: those of the feedback
     * unit, or a product with the weights of the layer above. */
    double (*flops)(const struct credit *c, size_t rows);
    double (*difference_flops)(const struct credit *c, size_t k, size_t rows);
};

/* Every feedback loss has these options: R = scale * reduce(|error|^2), noise of standard deviation `noise` added where
 * the loss says; inverse_variance divides by max(noise, noise_floor)^2. weight_decay * parameter is added to the
 * gradients. */
enum noise_scaling { NOISE_SCALING_NONE, NOISE_SCALING_INVERSE_VARIANCE };
struct fbloss_options {
    struct reals noise; /* one number, or one per feedback unit from the lowest */
    double scale, noise_floor, noise_decay, weight_decay;
    int reduction, noise_scaling;
    int corrupts;    /* reconstruction: enum fbloss_corrupts */
    int teacher;     /* settle: what g is to yield */
    bool normalised; /* each sample's gradient divided by the squared length of what the feedback weights read */
};
/* What the noise is added to, in front of a layer that sends something else than its state. */
enum fbloss_corrupts { CORRUPTS_STATE, CORRUPTS_SENT };
struct fbloss_def {
    struct part part;
    bool at_targets;   /* runs after propagate only */
    bool source_noise; /* has draws on what is read beside those on what is yielded */
    bool reads_value;  /* of feedback units at the true states: f->ref.out */
    bool refreshes;    /* its grads do the mapping's refresh of their unit themselves */
    bool goes_up;      /* by differences that start from the pass's states */
    /* Floating-point operations of grads beside the mapping's refresh, up and down being a product of the way up and of
     * the feedback unit; NULL: up and twice down. */
    double (*flops)(const struct credit *c, const struct feedback *f, double up, double down);
    int (*fits)(const struct credit *c, struct err *e); /* NULL: it fits any choice and chain */
    int (*open)(struct credit *c, struct arena *a, struct err *e);
    /* One feedback unit: adds to credit->feedback_gradient and sets f->loss. NULL for "none". */
    int (*grads)(struct credit *c, struct pass *p, struct feedback *f, struct err *e);
    /* All of them together, each on a block of rows of its own, written over what the gradient was; feed-forward
     * chains. NULL: one after the other. */
    int (*grads_of_all)(struct credit *c, struct pass *p, struct err *e);
};

struct trips {
    double down, up;
};
struct propagate_def {
    struct part part;
    int (*fits)(const struct credit *c, struct err *e);            /* NULL: it fits any */
    size_t (*min_rows)(const struct credit *c);                    /* samples of a minibatch at least; NULL: 1 */
    int (*open)(struct credit *c, struct arena *a, struct err *e); /* NULL: it needs nothing of its own */
    /* d[n-2] .. d[lo] from d[n-1]. May iterate, and may fail. */
    int (*back)(struct credit *c, struct pass *p, size_t lo, struct err *e);
    bool iterates; /* it fills credit->settled */
    /* How often `back` goes down the mapping of link k, and up the link above it, at most: for the estimate of work.
     * NULL: down once. */
    struct trips (*trips)(const struct credit *c, size_t k);
};

enum update_order {
    ORDER_SIMULTANEOUS,   /* all gradients at the same weights */
    ORDER_SEQUENTIAL,     /* bottom to top; passes and targets are computed anew after each layer's update */
    ORDER_SEQUENTIAL_KEPT /* bottom to top; the targets of the first pass are kept */
};
struct update_options {
    int reduction, order;
};
struct update_def {
    struct part part;
    int (*fits)(const struct credit *c, struct err *e);            /* NULL: it fits any */
    int (*open)(struct credit *c, struct arena *a, struct err *e); /* NULL: it needs nothing of its own */
    /* Whether the rule adds noise to the input; NULL: it does not. */
    bool (*corrupts_input)(const struct credit *c);
    bool weighs;       /* it fills credit->influence */
    bool goes_through; /* a way down through the chain, one product a link, for the estimate of work */
    /* The update directions of the links under the head into g, whose slices it clears (credit_clear). */
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

/* A feedback unit: yields the target of the output of unit `target` from the output of the place it reads; on route
 * chain that is the output of unit `through`, over all its links. */
struct feedback {
    size_t target, through;
    size_t way;            /* the first one, of a recurrent unit; on route chain its edge */
    struct unit unit;      /* from the source to the target; index = target */
    const struct unit *by; /* what it reads its source through, or NULL */
    struct at ref;         /* on what it reads of the source's true states: what differences start from */
    double loss;
};

/* Random numbers that a part takes, and their stream (or tensor): whoever runs a step fills them in. */
struct draw {
    char name[48];
    int kind; /* enum transmit_draws */
    struct mat to;
    struct shape shape; /* of maps; else {0} */
    bool of_feedback;   /* anew for every feedback step; else for every pass */
    bool steps;         /* as a tensor, with an axis for the steps of a sequence even if that has one */
};

/* Numbers of the last step that a part shows, under a name: a probe writes them. */
struct shown {
    char name[32];
    size_t rank; /* 0: one number, 1: one for each sample, 2: a matrix */
    struct mat values;
};

enum { SCRATCH_INSIDE = 4 };
struct credit {
    struct credit_choice choice;
    const struct chain *chain;
    size_t n;            /* links under the head */
    size_t rows;         /* B */
    struct mat *d;       /* [n] displacements t - h, contiguous per unit */
    struct mat *d_stack; /* [n_units]: those of a unit as one matrix; {NULL} for units of the head */
    size_t n_ways;
    struct way *ways;          /* [n_ways], by the links that they lead to */
    size_t *first_way;         /* [n + 1]: ways [first_way[k], first_way[k + 1]) lead to link k */
    struct mat *branch;        /* [n_ways] displacements of one way; d[k] where link k has no other */
    struct mat *branch_target; /* [n_ways] the targets, shown; {NULL} where a link has one way */
    struct mat *mixing;        /* [n] (B, ways of the link): their weights; {NULL} where it has one */
    struct mat *own; /* [n] direct displacements of losses at every step; NULL if there is one loss, at the end */
    struct mat *own_stack;
    struct mat top; /* (B, out.n of link n-1): dL/dh there; with losses at every step (T * B, out.n): at every link */
    void *target_state, *mapping_state, *fbloss_state, *propagate_state, *update_state; /* part.state_size bytes each */
    size_t n_feedback;
    struct feedback *feedback;
    struct unit *
        untrained; /* a feedback unit that no loss trains, its parameters after those of the others; NULL without one */
    size_t n_feedback_weights, n_feedback_vector; /* parameters; vector length, as in struct chain */
    real *feedback_weights, *feedback_gradient;
    size_t n_draws;
    struct draw *draws;
    size_t n_shown, most_shown;
    struct shown *shown;
    const struct settled *settled; /* [n_ways] how values came to rest, of rules that iterate; else NULL */
    struct mat *influence;         /* [n] (B, 1) factors of the samples' updates, of rules that have them; else NULL */
    real *scratch[6];              /* each fits any unit's stack, those from SCRATCH_INSIDE what is inside of a feedback
                                    * unit; for the current call only. The first two alone where neither feedback units
                                    * nor rules with trips are */
    int64_t epoch;                 /* of the coming steps, from 1 */
    bool ties;                     /* units share weights */
    bool has_deltas;               /* the links above the first, from first_nonzero on, hold the deltas of their
                                    * displacements */
    int64_t bad_layer;             /* whose inverse could not be factorized; -1 = none */
    size_t first_nonzero;          /* displacements below this link were cut to zero (REAL_TINY) */
};

/* Checks that the rules and the mapping fit each other, on whatever chain. */
int credit_check(const struct credit_choice *choice, struct err *e);
/* Checks that the parts fit this chain; names the parts in messages. Shapes only. */
int credit_shape(struct credit *c, const struct credit_choice *choice, const struct chain *chain, struct arena *a,
                 struct err *e);
int credit_open(struct credit *c, size_t rows, struct arena *a, struct err *e);
/* Samples that a minibatch has at least, for the feedback and the targets: 1 where none depends on the others. */
size_t credit_min_rows(const struct credit *c);
/* After chain_forward: the loss, the head's gradient into g, and dL/dh below the head into c->top. */
int credit_head(struct credit *c, struct pass *p, struct chosen loss, real *g, struct err *e);
/* The mapping's once-per-step work. */
int credit_refresh(struct credit *c, struct pass *p, struct err *e);
/* Gradients of the feedback units that are asked for into c->feedback_gradient (zeroed here). asked: [n_feedback], or
 * NULL for all. */
int credit_feedback(struct credit *c, struct pass *p, const bool *asked, struct err *e);
/* Displacements of all links. */
int credit_targets(struct credit *c, struct pass *p, struct err *e);
/* Zeros in a unit's slice of g, just before products add its gradient to it. Of a network with tied weights, where one
 * unit adds to another's slice, credit_head zeroes all of g instead, and this does nothing. */
void credit_clear(const struct credit *c, const struct unit *u, real *g);
/* Update directions of the links under the head, into g. */
int credit_update(struct credit *c, struct pass *p, real *g, struct err *e);

static inline const struct mapping_def *mapping_def_of(struct chosen c)
{
    return (const struct mapping_def *)c.part;
}
static inline const struct mapping_def *mapping_of(const struct credit *c)
{
    return mapping_def_of(c->choice.mapping);
}
static inline const struct fbloss_def *fbloss_def_of(struct chosen c)
{
    return (const struct fbloss_def *)c.part;
}
static inline const struct fbloss_def *fbloss_of(const struct credit *c)
{
    return fbloss_def_of(c->choice.feedback_loss);
}
static inline const struct propagate_def *propagate_def_of(struct chosen c)
{
    return (const struct propagate_def *)c.part;
}
static inline const struct propagate_def *propagate_of(const struct credit *c)
{
    return propagate_def_of(c->choice.propagate);
}
static inline const struct update_def *update_def_of(struct chosen c)
{
    return (const struct update_def *)c.part;
}
static inline const struct update_def *update_of(const struct credit *c)
{
    return update_def_of(c->choice.update);
}
static inline const struct update_options *update_options_of(struct chosen update)
{
    return update.opts; /* first in those of every rule */
}
static inline const struct target_def *target_def_of(struct chosen c)
{
    return (const struct target_def *)c.part;
}
static inline const struct target_def *target_of(const struct credit *c)
{
    return target_def_of(c->choice.target);
}
/* Where g_k reads: the link whose output it takes. */
static inline size_t credit_source(const struct credit *c, size_t k)
{
    return c->ways[k].to;
}
/* The application of the unit above the link that way k leads to: `ref` of a mapping. */
static inline const struct at *credit_ref(const struct credit *c, const struct pass *p, size_t k)
{
    return &p->links[c->choice.route == ROUTE_CHAIN ? c->ways[k].to : c->ways[k].from + 1];
}
/* The edge of a way on route chain. */
static inline const struct edge *credit_edge(const struct credit *c, size_t k)
{
    return &c->chain->edges[k];
}
/* True if d[k] is below REAL_TINY: then d[k] .. d[0] are set to zero, since the rest of the recursion would be denormal
 * (sheet 11.10). */
bool credit_vanished(struct credit *c, size_t k);
/* The displacement that link k's target is made from: d[source(k)], and own[source(k)] with it under the released rule.
 */
struct mat credit_incoming(struct credit *c, size_t k);
/* d[k] += own[k] under the natural rule. */
void credit_add_own(struct credit *c, size_t k);
/* The feedback unit that yields the target of link k, or way k's part of it. */
struct feedback *credit_feedback_of(const struct credit *c, size_t k);
/* All units with feedback parameters: the feedback units, and after them the untrained one. */
size_t credit_n_feedback_units(const struct credit *c);
struct unit *credit_feedback_unit(const struct credit *c, size_t i);
/* Matrices for every link under the head, one block of memory per unit. */
int credit_alloc_links(const struct credit *c, struct mat **links, struct mat **stacks, struct arena *a, struct err *e);
/* Shows values that stay where they are: a matrix, (rows, 1) as one number for each sample, (1, 1) as a number. */
void credit_show(struct credit *c, struct mat values, const char *name, ...) __attribute__((format(printf, 3, 4)));
void credit_show_each(struct credit *c, struct mat values, const char *name, ...) __attribute__((format(printf, 3, 4)));
void credit_show_number(struct credit *c, struct mat value, const char *name);
/* Asks for random numbers at every pass or feedback step. */
void credit_draws(struct credit *c, struct draw draw, const char *name, ...) __attribute__((format(printf, 3, 4)));

struct preset {
    const char *name, *help, *ref;
    const char *parts; /* a flow map laid under the file's `algorithm` */
};
extern const struct preset presets[];    /* closed by {NULL} */
extern const char *const preset_names[]; /* the same, closed by NULL */

#endif
