#include "net/layer.h"

#include <stdio.h>
#include <string.h>

/* The registry: a new layer is its file and one word here. */
#define LAYERS(X)                                                                                                      \
    X(layer_dense)                                                                                                     \
    X(layer_rnn)                                                                                                       \
    X(layer_gru)                                                                                                       \
    X(layer_block)                                                                                                     \
    X(layer_residual)                                                                                                  \
    X(layer_conv)                                                                                                      \
    X(layer_patches)                                                                                                   \
    X(layer_max_pool)                                                                                                  \
    X(layer_avg_pool)                                                                                                  \
    X(layer_global_average_pool)                                                                                       \
    X(layer_flatten)                                                                                                   \
    X(layer_activation)                                                                                                \
    X(layer_layer_norm)                                                                                                \
    X(layer_batch_norm)                                                                                                \
    X(layer_spatial_mlp)                                                                                               \
    X(layer_channel_mlp)                                                                                               \
    X(layer_mixer)                                                                                                     \
    X(layer_coupling)
#define EXTERN(name) extern const struct unit_def name;
#define PART_OF(name) &name.part,
LAYERS(EXTERN)
static const struct part *const layer_parts[] = { LAYERS(PART_OF) };

static const char *const join_names[] = { "add", "concat", NULL };
static const struct option beside_table[] = {
    { "from", OPT_REALS, offsetof(struct layer_beside, from), NULL, .flags = OPTION_NULLABLE | OPTION_WHOLE,
      .help = "indices (from 0) of the earlier layers that the layer reads, instead of the one below it" },
    { "join", OPT_ENUM, offsetof(struct layer_beside, join), "add", .flags = OPTION_NULLABLE, .names = join_names,
      .help = "several of them: their outputs are added, or stand side by side, those of maps along the channels" },
    { 0 }
};
static const struct part layer_beside = { .options = beside_table, .opts_size = sizeof(struct layer_beside) };
const struct registry layer_registry = { "layer", layer_parts, sizeof layer_parts / sizeof *layer_parts,
                                         &layer_beside };
const struct registry layer_optimizers = { .kind = "optimizer" };

#define SENT(word) "the state stays continuous, and what the layer sends is discrete: give the layer transmit: " word

const char *const layer_no_activations[][2] = {
    { "sign", SENT("sign") },
    { "step", SENT("step") },
    { "bernoulli", SENT("bernoulli") },
    { "identity", "it is called linear" },
    { "softmax", "the loss 'cross_entropy' contains the softmax: leave the last layer linear" },
    { NULL },
};

int layer_params(struct unit *u, struct arena *a, struct err *e)
{
    u->params = arena_alloc(a, LAYER_MAX_PARAMS, sizeof *u->params);
    return u->params ? 0 : err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

void layer_add_param(struct unit *u, const char *name, size_t rank, size_t rows, size_t cols, bool is_bias)
{
    const struct layer_options *o = unit_common(u);
    double stepsize = o->trainable ? o->stepsize_factor : 0;
    for (size_t i = 0; i < o->frozen.n; i++)
        if (strcmp(o->frozen.items[i], name) == 0)
            stepsize = 0;
    if (is_bias)
        stepsize *= o->bias_stepsize_factor;
    u->params[u->n_params++] = (struct param){ .name = name,
                                               .inner = "",
                                               .rank = rank,
                                               .shape = { rows, cols },
                                               .rows = rows,
                                               .cols = cols,
                                               .fan_in = is_bias ? (u->in.n ? u->in.n : 1) : cols,
                                               .fan_out = rows,
                                               .is_bias = is_bias,
                                               .stepsize = stepsize };
}

void layer_no_grads(const struct unit *u, struct at at, real scale, real *g)
{
    (void)u, (void)at, (void)scale, (void)g;
}

void layer_no_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                               real scale, real *g)
{
    (void)u, (void)at, (void)d, (void)moved, (void)s, (void)scale, (void)g;
}

double layer_no_flops(const struct unit *u, size_t rows, double *product)
{
    (void)u, (void)rows;
    return *product = 0;
}

const char *layer_shape_text(struct shape s, char *buffer, size_t size)
{
    if (shape_is_map(s))
        snprintf(buffer, size, "%zu x %zu x %zu", s.channels, s.height, s.width);
    else
        snprintf(buffer, size, "%zu", s.n);
    return buffer;
}

/* What a layer is told to freeze must be there. */
int layer_check_frozen(const struct unit *u, struct err *e)
{
    const struct names frozen = unit_common(u)->frozen;
    for (size_t k = 0; k < frozen.n; k++) {
        size_t j = 0;
        while (j < u->n_params && strcmp(u->params[j].name, frozen.items[k]) != 0)
            j++;
        if (j < u->n_params)
            continue;
        char known[64] = "";
        for (j = 0; j < u->n_params; j++) /* up to four, of at most nine letters */
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", j ? ", " : "", u->params[j].name);
        return err_at(e, u->where, "network.layers.%zu.frozen: '%s' has no parameter '%s' here; known: %s", u->index,
                      u->def->part.name, frozen.items[k], known);
    }
    return 0;
}
