/* A unit: what carries one target. It maps the chain's state h and a side input x (the input of a recurrent step) to h'
 * = f(h; x); its parameters are a slice of the network's one weight vector. A layer is one, and so is a block of layers
 * (layer_block.c).
 *
 * Shapes: B samples by row. h (B, in.n), x (B, n_side), h' (B, out.n), row-major and contiguous. A recurrent unit is
 * applied T times; its applications lie one after another in memory, so T of them are also one of T * B rows ("the
 * stack"): everything that does not need the recursion, and every parameter gradient, is one product over the stack. */
#ifndef TPRUN_NET_UNIT_H
#define TPRUN_NET_UNIT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/part.h"
#include "math/act.h"
#include "math/mat.h"
#include "math/shape.h"

enum { UNIT_CACHES = 2 };

struct unit;

/* ONE application of a unit, or a stack of them. Made by at_open alone, and taken apart by at_rows; in and side are set
 * by whoever opened it. */
struct at {
    struct mat in, side, out;
    struct mat delta;              /* the loss gradient at the pre-activations, written by vjp and used up by grads */
    struct mat cache[UNIT_CACHES]; /* what the kind keeps of a forward pass for the products after it; [0] also what
                                      differences start from */
    const struct at *inner;        /* of a block: the applications of its layers, [n_inner], of which this is rows
                                      [from, from + in.rows); with AT_MOVED as many more, at the layers' moved inputs */
    size_t from;
    const struct at *of; /* of a feedback unit: the application, from row of_from, of the unit that it mirrors, whose
                            cache it may read: the one that produced its argument, or that this is the reference of */
    size_t of_from;
    struct mat moved; /* AT_MOVED, of a layer inside: how far out has moved */
};

/* A weight matrix [rows, cols], a kernel [rows, channels, height, width] of cols = channels * height * width, or a bias
 * [rows] (cols = 1, rank 1). */
enum { PARAM_MAX_RANK = 4 };
struct param {
    const char *name;  /* "weight", "weight_hh", "bias" */
    const char *inner; /* "" or, in a block, the index or name of its layer with a dot: "1." */
    size_t rank, shape[PARAM_MAX_RANK], rows, cols;
    size_t fan_in, fan_out; /* what initialisations scale by: numbers that one entry of an output is made of, and the
                               outputs that one input goes to; of a bias, those of the weights that go with it */
    bool is_bias;
    size_t offset;   /* of its first entry in the vector of all weights */
    double stepsize; /* factor on the optimizer's stepsize; 0 = frozen */
};

/* What a unit may lack. A part that asks for one is refused when the file is read (unit_check), so no function that is
 * missing is called. */
enum ability {
    CAN_JVP = 1u << 0,              /* jvp */
    CAN_DIFFERENCE = 1u << 1,       /* difference */
    CAN_LEARN_DIFFERENCE = 1u << 2, /* difference_grads */
    CAN_MIRROR = 1u << 3,           /* mirror */
    CAN_INVERT = 1u << 4,           /* inverse: linearized */
    CAN_INVERT_VALUES = 1u << 5,    /* inverse: of values and their differences too */
    CAN_SLOPE = 1u << 6,            /* delta is a signal times the slope of one activation: as many as outputs */
    CAN_TRANSPOSE = 1u << 7,        /* transpose */
    CAN_INPUT_SQUARES = 1u << 8     /* input_squares */
};

/* How a feedback unit is made: the options of the mappings that have weights. */
struct mirror;
struct inverse_def;
struct transpose_def;

struct unit_def {
    struct part part;
    /* From what flows in (into the chain's state, or the input of a recurrent unit) to u->in, n_side, out, n_cache,
     * n_kept, n_delta, cannot and params (without offsets). ERR_SPEC with a message that needs no place. */
    int (*shape)(struct unit *u, struct shape in, struct arena *a, struct err *e);
    /* The index of the unit whose weights this one uses transposed, or -1: chain_shape puts that unit into u->tied
     * before `shape`. NULL: no unit of this kind is tied. */
    int64_t (*tied)(const struct unit *u);
    /* Run-time state (packed weights, workspaces) for applications of `rows` rows. */
    int (*open)(struct unit *u, size_t rows, struct arena *a, struct err *e);
    /* Once after every change of the weights: packs them for the products. */
    void (*refresh)(struct unit *u);
    /* Before forward, on some links of the stack at once: what depends on the side input alone. NULL if nothing does.
     */
    void (*prepare)(const struct unit *u, struct at at);
    /* at.out and at.cache from at.in; what prepare left is in them. */
    void (*forward)(const struct unit *u, struct at at);
    /* at.delta from s = dL/dh'; and dh = J^T s where dh.p is not NULL. */
    void (*vjp)(const struct unit *u, struct at at, struct mat s, struct mat dh);
    /* g += scale * dL/dtheta for this unit's slice of the gradient vector, from at.in, at.side and at.delta. */
    void (*grads)(const struct unit *u, struct at at, real scale, real *g);
    /* Floating-point operations of a forward pass of `rows` rows; one product with the state matrix in *product. */
    double (*flops)(const struct unit *u, size_t rows, double *product);

    /* Abilities. */
    /* out = J v, the derivative of h' along v. */
    void (*jvp)(const struct unit *u, struct at at, struct mat v, struct mat out);
    /* out = f(h + d) - f(h) without cancellation; d and out may hold several blocks of rows, one below the other, that
     * start from the same h. */
    void (*difference)(const struct unit *u, struct at at, struct mat d, struct mat out);
    /* g += scale * d<s, f(h + d) - f(h)>/dtheta, moved = f(h + d) - f(h), all of at.in's rows; s and at.delta are used
     * up. */
    void (*difference_grads)(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                             real scale, real *g);
    /* squares[row] = squared length of what moves an output, per unit of its pre-activation's slope: what the weights
     * read, and 1 for a bias; parameters that are frozen count nothing. Of units whose every output has parameters of
     * its own, (J J^T) = slope^2 squares in each row for J = dh'/dtheta. */
    void (*input_squares)(const struct unit *u, struct at at, double *squares);
    /* out = the side input's share of the pre-activation, without the bias; NULL without a side input. For feedback
     * units that share it. */
    void (*side_product)(const struct unit *u, struct at at, struct mat out);
    /* Shapes g as u's feedback unit, with weights of its own: from u's output to its input (mirror.h). */
    int (*mirror)(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e);
    const struct inverse_def *inverse;     /* inverse.h */
    const struct transpose_def *transpose; /* transpose.h */
};

static inline const struct unit_def *unit_def_of(struct chosen c)
{
    return (const struct unit_def *)c.part;
}

/* How the layers of a block go together. */
enum joined {
    INNER_CHAIN,  /* each reads the one below */
    INNER_SKIP,   /* the same, and the block's input is added to the last output */
    INNER_COUPLED /* each reads an input of its own, which the block writes */
};

struct unit {
    const struct unit_def *def;
    const void *opts; /* begins with struct layer_options */
    void *state;
    size_t index;       /* in the network, from 0 */
    const char *label;  /* stands for the index in names of parameters: "feedback.hidden.weight"; NULL = the index */
    struct where where; /* in the file, for messages; line 0 = none */
    struct shape in, out;
    size_t n_side, n_delta;
    size_t n_cache[UNIT_CACHES]; /* reals a row of every application */
    size_t n_kept;               /* of cache[0] in an application that differences start from; 0: n_cache[0] */
    unsigned cannot;             /* abilities that the kind has and this unit has not, for the options it was given */
    bool all_states; /* a recurrent unit that gives every state instead of the last: the units above see T * B rows */
    const struct unit *tied; /* whose weights it uses transposed, adding its gradients there; NULL: it has its own */
    size_t n_params;
    struct param *params;
    real *weights;          /* the network's vector; this unit's parameters start at params[i].offset */
    struct act act;         /* of the output, for feedback units that take the same; {NULL} if it has none */
    struct chosen transmit; /* what the unit above gets of the output (transmit.h); {NULL}: the output itself */
    struct arena *arena;    /* of the state */
    size_t min_rows; /* that an application has at least: of a kind whose rows depend on each other; 0: they do not */
    size_t n_inner;
    struct unit *inner; /* a block's layers; their params are slices of its own */
    int joined;         /* enum joined: how they go together */
};

enum at_flags {
    AT_GRADIENTS = 1u << 0, /* with delta: for vjp and grads */
    AT_KEPT = 1u << 1,      /* with what differences start from */
    AT_INPUT = 1u << 2,     /* with an input of its own */
    AT_STEPS = 1u << 3,     /* each state of a recurrent unit is the next one's input */
    AT_MOVED = 1u << 4      /* with what difference_grads takes: a block keeps its layers at moved inputs too */
};
/* An application of `rows` rows, or a stack of `steps` of them. With AT_STEPS a recurrent unit's states lie in one
 * buffer of steps + 1 blocks, the first of them the initial state 0, so that the inputs and the outputs of all steps
 * are both stacked matrices. */
int at_open(struct at *at, const struct unit *u, size_t rows, size_t steps, unsigned flags, struct arena *a,
            struct err *e);
/* Rows [from, from + rows) of a stack. */
struct at at_rows(struct at at, size_t from, size_t rows);
/* Reals that at_open takes for each row, without an input. */
double unit_reals_per_row(const struct unit *u, bool gradients);
/* Forward on inputs that are all given, in one go. */
void at_forward(const struct unit *u, struct at at);

/* Whether a unit is applied once for each step of a sequence, with a state of its own: the one place that says so. */
static inline bool unit_is_recurrent(const struct unit *u)
{
    return u->def->part.gives & GIVES_SEQUENCE;
}
unsigned unit_abilities(const struct unit *u);
/* ERR_SPEC at u's place if u lacks one of the abilities; who: "algorithm.feedback_loss: 'difference_reconstruction'".
 */
int unit_check(const struct unit *u, unsigned needs, const char *who, struct err *e);
/* "dense, gelu", "w_sigma (activation, gelu; dense, linear)" */
const char *unit_text(const struct unit *u, char *buffer, size_t size);

/* Shapes u as the kind `choice`: u->index and where are set by the caller. */
int unit_shape(struct unit *u, struct chosen choice, struct shape in, struct arena *a, struct err *e);
/* Gives each parameter its place at the end of a vector of *length, on boundaries of 64 bytes. Returns their number. */
size_t unit_place(struct unit *u, size_t *length);
/* Zeros in the unit's slice of a gradient. */
void unit_clear(const struct unit *u, real *g);
/* Run-time state over `weights`, for applications of `rows` rows. */
int unit_open(struct unit *u, real *weights, size_t rows, struct arena *a, struct err *e);
void unit_refresh(struct unit *u);

/* Parameter i as a matrix over `vector` (the weights or a gradient). */
static inline struct mat unit_param(const struct unit *u, size_t i, real *vector)
{
    return mat_of(vector + u->params[i].offset, u->params[i].rows, u->params[i].cols);
}
/* "layers.0.weight_hh", "layers.2.1.weight" into buffer. prefix: "layers" or "feedback". */
const char *unit_param_name(const struct unit *u, size_t i, const char *prefix, char *buffer, size_t size);
size_t unit_n_weights(const struct unit *u);
/* Of a block the first layer with parameters; the last layer if there is none. */
size_t unit_lowest_weights(const struct unit *u);
/* Floating-point operations of one product with every weight matrix of a unit; and of vjp where no dh is asked for:
 * those on the way through a block to the lowest of its layers with parameters. */
double unit_product(const struct unit *u, size_t rows);
double unit_delta_product(const struct unit *u, size_t rows);

#endif
