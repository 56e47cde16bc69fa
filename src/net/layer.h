/* Layers: the kinds of units that a file names, and the options that those with parameters share. */
#ifndef TPRUN_NET_LAYER_H
#define TPRUN_NET_LAYER_H

#include "net/unit.h"

enum { LAYER_MAX_PARAMS = 4 }; /* of one layer */

/* Options that every layer with parameters has: LAYER_OPTIONS in its table, struct layer_options first in its opts. */
struct layer_options {
    bool bias, trainable;
    double stepsize_factor, bias_stepsize_factor;
    struct names frozen;                     /* parameters that stay as drawn */
    struct chosen weights_init, biases_init; /* NULL part: the network's */
    struct chosen optimizer;                 /* NULL part: train.optimizer; read by whoever trains */
};
extern const struct registry init_registry;    /* init.h */
extern const struct registry layer_optimizers; /* a kind alone: parameters move in a room above */
/* clang-format off */
#define LAYER_OPTIONS(type)                                                                                            \
    { "bias", OPT_BOOL, offsetof(type, common.bias), "true", .help = "whether the layer adds a bias" },                \
    { "trainable", OPT_BOOL, offsetof(type, common.trainable), "true",                                                 \
      .help = "false keeps the layer's parameters at their initial values" },                                          \
    { "frozen", OPT_NAMES, offsetof(type, common.frozen), "[]",                                                        \
      .beside = "trainable", .idle = "false",                                                                          \
      .help = "parameters of the layer that keep their initial values, by name: weight, bias; weight_ih, weight_hh "   \
      "in recurrent layers" },                                                                                         \
    { "stepsize_factor", OPT_REAL, offsetof(type, common.stepsize_factor), "1", 0, 1e12,                               \
      .beside = "trainable", .idle = "false",                                                                          \
      .help = "multiplies the optimizer's stepsize for this layer" },                                                  \
    { "bias_stepsize_factor", OPT_REAL, offsetof(type, common.bias_stepsize_factor), "1", 0, 1e12,                     \
      .beside = "bias", .idle = "false",                                                                               \
      .help = "multiplies it once more for the bias; 2 stands for the two equal biases of PyTorch's recurrent "        \
      "layers" },                                                                                                      \
    { "weights_init", OPT_PART, offsetof(type, common.weights_init), NULL, .flags = OPTION_NULLABLE,                   \
      .registry = &init_registry,                                                                                      \
      .help = "initialisation of this layer's weights instead of network.init.weights" },                              \
    { "biases_init", OPT_PART, offsetof(type, common.biases_init), NULL, .flags = OPTION_NULLABLE,                     \
      .registry = &init_registry,                                                                                      \
      .beside = "bias", .idle = "false",                                                                               \
      .help = "initialisation of this layer's biases instead of network.init.biases" },                                \
    { "optimizer", OPT_PART, offsetof(type, common.optimizer), NULL, .flags = OPTION_NULLABLE,                         \
      .registry = &layer_optimizers,                                                                                   \
      .beside = "trainable", .idle = "false",                                                                          \
      .help = "how this layer's parameters follow their update directions, instead of train.optimizer" }
/* clang-format on */

/* What stands beside a layer in the file: which layers it reads instead of the one below it, and how their outputs
 * become its input. */
enum join { JOIN_ADD, JOIN_CONCAT };
struct layer_beside {
    struct reals from; /* indices; NULL items: the layer below */
    int join;          /* enum join */
};

/* Of the layer `activation`. */
struct activation_options {
    struct layer_options common; /* not in the table: no parameters */
    struct chosen activation;
};

extern const struct registry layer_registry;
/* Words that are looked for among activations: option.elsewhere of the layers. */
extern const char *const layer_no_activations[][2];

static inline const struct layer_options *unit_common(const struct unit *u)
{
    return u->opts;
}
/* Room for a layer's parameters. */
int layer_params(struct unit *u, struct arena *a, struct err *e);
/* What a layer is told to freeze must be there. */
int layer_check_frozen(const struct unit *u, struct err *e);
/* Appends a parameter to u->params; stepsize comes from the layer's options, and a bias's fan_in from u->in. */
void layer_add_param(struct unit *u, const char *name, size_t rank, size_t rows, size_t cols, bool is_bias);

/* What layers without parameters and without a product have. */
void layer_no_grads(const struct unit *u, struct at at, real scale, real *g);
void layer_no_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                               real scale, real *g);
double layer_no_flops(const struct unit *u, size_t rows, double *product);
/* "3 x 8 x 8" (channels, height, width), "10". */
const char *layer_shape_text(struct shape s, char *buffer, size_t size);

#endif
