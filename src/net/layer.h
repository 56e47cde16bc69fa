/* A layer: one kind of link of a chain, h' = f(h; x), with h the chain's state, x a side input (the input of a recurrent step) and its
 * parameters a slice of the network's one weight vector.
 *
 * Shapes: B samples by row. h (B, n_in), x (B, n_side), h' (B, n_out), delta (B, n_delta), all row-major and contiguous. A recurrent layer is applied
 * T times; its links lie one after another in memory, so T links are also one link of T * B rows ("the stack"): everything that does not need
 * the recursion, and every parameter gradient, is one product over the stack. */
#ifndef TPRUN_NET_LAYER_H
#define TPRUN_NET_LAYER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/part.h"
#include "math/act.h"
#include "math/mat.h"
#include "optim/optim.h"

#define LAYER_MAX_PARAMS 4

/* A weight matrix [rows, cols] or a bias [rows] (cols = 1, rank 1) of a layer. */
struct param {
    const char *name; /* "weight", "weight_hh", "bias" */
    size_t rank, rows, cols;
    bool is_bias;
    size_t offset;   /* of its first entry in the vector of all weights */
    double stepsize; /* factor on the optimizer's stepsize; 0 = frozen */
};

/* Options that every layer with parameters has: LAYER_OPTIONS in its table, struct layer_options first in its opts. */
struct layer_options {
    bool bias, trainable;
    double stepsize_factor, bias_stepsize_factor;
    struct names frozen; /* parameters that stay as drawn */
    struct chosen weights_init, biases_init; /* NULL part: the network's */
    struct chosen optimizer;                 /* NULL part: train.optimizer */
};
extern const struct registry init_registry; /* init.h */
/* clang-format off */
#define LAYER_OPTIONS(type)                                                                                                                   \
    { "bias", OPT_BOOL, offsetof(type, common.bias), "true", .help = "whether the layer adds a bias" },                                       \
    { "trainable", OPT_BOOL, offsetof(type, common.trainable), "true", .help = "false keeps the layer's parameters at their initial values" }, \
    { "frozen", OPT_NAMES, offsetof(type, common.frozen), "[]",                                                                                \
      .help = "parameters of the layer that keep their initial values, by name: weight, bias; weight_ih, weight_hh in recurrent layers" },    \
    { "stepsize_factor", OPT_REAL, offsetof(type, common.stepsize_factor), "1", 0, 1e12,                                                      \
      .help = "multiplies the optimizer's stepsize for this layer" },                                                                         \
    { "bias_stepsize_factor", OPT_REAL, offsetof(type, common.bias_stepsize_factor), "1", 0, 1e12,                                            \
      .help = "multiplies it once more for the bias; 2 stands for the two equal biases of PyTorch's recurrent layers" },                      \
    { "weights_init", OPT_PART, offsetof(type, common.weights_init), NULL, .flags = OPTION_NULLABLE, .registry = &init_registry,              \
      .help = "initialisation of this layer's weights instead of network.init.weights" },                                                     \
    { "biases_init", OPT_PART, offsetof(type, common.biases_init), NULL, .flags = OPTION_NULLABLE, .registry = &init_registry,                \
      .help = "initialisation of this layer's biases instead of network.init.biases" },                                                       \
    { "optimizer", OPT_PART, offsetof(type, common.optimizer), NULL, .flags = OPTION_NULLABLE, .registry = &optim_registry,                   \
      .help = "how this layer's parameters follow their update directions, instead of train.optimizer" }
/* clang-format on */

struct layer;

/* One application, or a stack of them. pre: what prepare leaves for forward, if not in out; saved: what forward keeps for vjp. delta is the loss gradient at
 * the pre-activations, written by vjp and used up by grads. */
struct link {
    struct mat in, side, out, pre, saved, delta;
};

/* How a layer is inverted: the options of the mapping 'inverse'. */
enum gates { GATES_MATCHED, GATES_RELEASED };
enum inverted_matrix { INVERT_WEIGHTS, INVERT_TWO_EYE_MINUS_W };
struct inverse_options {
    double regularization, clamp;
    int matrix; /* W, or 2 I - W with r = 0, its inverse's first-order guess near the identity (released code's optim_variant) */
    int gates; /* gru: the rule of the forward cell, or the released code's with z and 1 - z exchanged */
};

struct layer_def {
    struct part part;
    /* From n_in features (of the chain's state, or of the input for a recurrent layer) to l->n_in, n_side, n_out, n_pre, n_saved, n_delta and params
     * (without offsets). ERR_SPEC with a message that needs no place. */
    int (*shape)(struct layer *l, size_t features, struct err *e);
    /* The index of the layer whose weights this one uses transposed, or -1: chain_shape puts that layer into l->tied before `shape`. NULL: no
     * layer of this kind is tied. */
    int64_t (*tied)(const struct layer *l);
    /* Run-time state (packed weights, workspaces) for links of `rows` rows. */
    int (*open)(struct layer *l, size_t rows, struct arena *a, struct err *e);
    void (*finish)(struct layer *l);
    /* Once after every change of the weights: packs them for the products. */
    void (*refresh)(struct layer *l);
    /* Once per pass, on the stack: what depends on the side input alone. NULL if nothing does. */
    void (*prepare)(const struct layer *l, struct link at);
    /* at.out (and at.saved) from at.in; at.out or at.pre holds what prepare left there. */
    void (*forward)(const struct layer *l, struct link at);
    /* at.delta from s = dL/dh'; and dh = J^T s where dh.p is not NULL. */
    void (*vjp)(const struct layer *l, struct link at, struct mat s, struct mat dh);
    /* out = J v, the derivative of h' along v. */
    void (*jvp)(const struct layer *l, struct link at, struct mat v, struct mat out);
    /* out = f(h + d) - f(h) without cancellation; d and out may hold several blocks of rows, one below the other, that start from the same h. NULL where
     * it is not defined (recurrent layers). */
    void (*difference)(const struct layer *l, struct link at, struct mat d, struct mat out);
    /* g += scale * dL/dtheta for this layer's slice of the gradient vector, from at.in, at.side and at.delta. */
    void (*grads)(const struct layer *l, struct link at, real scale, real *g);
    /* out = the side input's share of the pre-activation, without the bias; NULL without a side input. For feedback layers that share it. */
    void (*side_product)(const struct layer *l, struct link at, struct mat out);
    /* Floating-point operations of a forward pass of `rows` rows; one product with the state matrix in *product. */
    double (*flops)(const struct layer *l, size_t rows, double *product);

    /* The regularized inverse (GIVES_INVERSE), Roulet & Harchaoui 2022, Sec. 2.1. refresh factorizes once per minibatch. apply and difference are NULL
     * where only the linearized inverse is defined (gru). */
    int (*inverse_refresh)(struct layer *l, const struct inverse_options *o, struct err *e);
    /* out = finv(v), a value of h from a value v of h'. */
    void (*inverse_apply)(const struct layer *l, struct link at, struct mat v, const struct inverse_options *o, struct mat out);
    /* out = finv(h' + d) - finv(h'), without cancellation. */
    void (*inverse_difference)(const struct layer *l, struct link at, struct mat d, const struct inverse_options *o, struct mat out);
    /* out = (derivative of finv at h') d. */
    void (*inverse_jvp)(const struct layer *l, struct link at, struct mat d, const struct inverse_options *o, struct mat out);
};

struct layer {
    const struct layer_def *def;
    const void *opts; /* begins with struct layer_options */
    void *state;
    size_t index;       /* in the network, from 0 */
    const char *label;  /* stands for the index in names of parameters: "feedback.hidden.weight"; NULL = the index */
    struct where where; /* in the file, for messages; line 0 = none */
    size_t n_in, n_side, n_out, n_pre, n_saved, n_delta;
    bool all_states; /* a recurrent layer that gives every state instead of the last: the layers above see T * B rows */
    const struct layer *tied; /* whose weights it uses transposed, adding its gradients there; NULL: it has its own */
    size_t n_params;
    struct param params[LAYER_MAX_PARAMS];
    real *weights; /* the network's vector; this layer's parameters start at params[i].offset */
    struct act act; /* of the output, for feedback layers that mirror it; {NULL} if it has none */
    struct chosen transmit; /* what the layer above gets of the output (transmit.h); {NULL}: the output itself */
    struct arena *arena;   /* of the state */
};

extern const struct registry layer_registry;
/* Words that are looked for among activations: option.elsewhere of the layers. */
extern const char *const layer_no_activations[][2];

/* Parameter i as a matrix over `vector` (the weights or a gradient). */
static inline struct mat layer_param(const struct layer *l, size_t i, real *vector)
{
    return mat_of(vector + l->params[i].offset, l->params[i].rows, l->params[i].cols);
}
static inline const struct layer_options *layer_common(const struct layer *l)
{
    return l->opts;
}
/* Appends a parameter to l->params; stepsize comes from the layer's options. */
void layer_add_param(struct layer *l, const char *name, size_t rank, size_t rows, size_t cols, bool is_bias);
/* "layers.0.weight_hh" into buffer. prefix: "layers" or "feedback". */
const char *layer_param_name(const struct layer *l, size_t i, const char *prefix, char *buffer, size_t size);
size_t layer_n_weights(const struct layer *l);

#endif
