#include "net/layer.h"

#include "net/layer_dense.h"
#include <stdio.h>
#include <string.h>

extern const struct layer_def layer_rnn, layer_gru;

static const struct part *const layer_parts[] = { &layer_dense.part, &layer_rnn.part, &layer_gru.part };

const struct registry layer_registry = { "layer", layer_parts, sizeof layer_parts / sizeof *layer_parts };

#define SENT(word) "the state stays continuous, and what the layer sends is discrete: give the layer transmit: " word

const char *const layer_no_activations[][2] = {
    { "sign", SENT("sign") },
    { "step", SENT("step") },
    { "bernoulli", SENT("bernoulli") },
    { "identity", "it is called linear" },
    { "softmax", "the loss 'cross_entropy' contains the softmax: leave the last layer linear" },
    { NULL },
};

void layer_add_param(struct layer *l, const char *name, size_t rank, size_t rows, size_t cols, bool is_bias)
{
    const struct layer_options *o = layer_common(l);
    double stepsize = o->trainable ? o->stepsize_factor : 0;
    for (size_t i = 0; i < o->frozen.n; i++)
        if (strcmp(o->frozen.items[i], name) == 0)
            stepsize = 0;
    if (is_bias)
        stepsize *= o->bias_stepsize_factor;
    l->params[l->n_params++] = (struct param){ name, rank, rows, cols, is_bias, 0, stepsize };
}

const char *layer_param_name(const struct layer *l, size_t i, const char *prefix, char *buffer, size_t size)
{
    if (l->label)
        snprintf(buffer, size, "%s.%s.%s", prefix, l->label, l->params[i].name);
    else
        snprintf(buffer, size, "%s.%zu.%s", prefix, l->index, l->params[i].name);
    return buffer;
}

size_t layer_n_weights(const struct layer *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_params; i++)
        n += l->params[i].rows * l->params[i].cols;
    return n;
}
