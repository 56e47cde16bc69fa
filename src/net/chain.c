#include "net/chain.h"

#include "net/init.h"
#include <stdio.h>
#include <string.h>

/* Parameters start on 64-byte boundaries of the weight vector. */
#define PARAM_ALIGN (64 / sizeof(real))

/* Finds the layer whose weights this one shares: an earlier dense one with weights of its own, of mirrored shape. */
static int tie_layer(const struct chain *c, struct layer *l, size_t features, struct err *e)
{
    const int64_t k = l->def->tied ? l->def->tied(l) : -1;
    const struct layer_options *o = l->opts;
    if (k < 0)
        return 0;
    if ((size_t)k >= l->index)
        return err_at(e, l->where, "network.layers.%zu.tied: %lld is no layer below this one; layers count from 0", l->index, (long long)k);
    const struct layer *other = &c->layers[k];
    if (other->def != l->def || other->tied)
        return err_at(e, l->where, "network.layers.%zu.tied: network.layers.%lld has no dense weights of its own", l->index, (long long)k);
    if (o->weights_init.part)
        return err_at(e, l->where, "network.layers.%zu.weights_init: a tied layer has no weights to initialise", l->index);
    if (other->n_out != features)
        return err_at(e, l->where, "network.layers.%zu.tied: the transpose of network.layers.%lld reads %zu values, but the layer gets %zu",
                      l->index, (long long)k, other->n_out, features);
    l->tied = other;
    return 0;
}

/* What a layer is told to freeze must be there. */
static int check_frozen(const struct layer *l, size_t i, struct where where, struct err *e)
{
    const struct names frozen = layer_common(l)->frozen;
    for (size_t k = 0; k < frozen.n; k++) {
        size_t j = 0;
        while (j < l->n_params && strcmp(l->params[j].name, frozen.items[k]) != 0)
            j++;
        if (j < l->n_params)
            continue;
        char known[64] = "";
        for (j = 0; j < l->n_params; j++) /* up to four, of at most nine letters */
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", j ? ", " : "", l->params[j].name);
        return err_at(e, where, "network.layers.%zu.frozen: '%s' has no parameter '%s' here; known: %s", i, l->def->part.name, frozen.items[k], known);
    }
    return 0;
}

static int shape_layer(struct chain *c, size_t i, struct chosen choice, size_t features, struct where where, struct err *e)
{
    struct layer *l = &c->layers[i];
    l->def = (const struct layer_def *)choice.part;
    l->opts = choice.opts;
    l->index = i;
    l->where = where;
    const bool reads_sequence = l->def->part.gives & GIVES_SEQUENCE;
    if (reads_sequence && i > 0)
        return err_at(e, where, "network.layers.%zu: '%s' must be the first layer: it reads the dataset's sequence", i, choice.part->name);
    if (reads_sequence && !c->data.sequence)
        return err_at(e, where, "network.layers.0: '%s' reads sequences, but the dataset gives flat samples", choice.part->name);
    if (i == 0 && c->data.sequence && !reads_sequence)
        return err_at(e, where, "network.layers.0: the dataset gives sequences; the first layer must read them (rnn), not '%s'",
                      choice.part->name);
    TRY(tie_layer(c, l, features, e));
    TRY(l->def->shape(l, features, e));
    return check_frozen(l, i, where, e);
}

int chain_shape(struct chain *c, const struct chosen_list *layers, const struct data_shape *data, const struct where *where, struct arena *a,
                struct err *e)
{
    *c = (struct chain){ .n_layers = layers->n, .per_step = 1, .data = *data };
    if (layers->n == 0)
        return err_at(e, where ? where[0] : (struct where){ 0 }, "network.layers: a network needs at least one layer");
    c->layers = arena_alloc(a, layers->n, sizeof *c->layers);
    c->first_link = arena_alloc(a, layers->n, sizeof *c->first_link);
    c->links_of = arena_alloc(a, layers->n, sizeof *c->links_of);
    if (!c->layers || !c->first_link || !c->links_of)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu layers", layers->n);
    size_t features = data->features;
    for (size_t i = 0; i < layers->n; i++) {
        struct layer *l = &c->layers[i];
        TRY(shape_layer(c, i, layers->items[i], features, where ? where[i] : (struct where){ 0 }, e));
        for (size_t j = 0; j < l->n_params; j++) {
            const size_t n = l->params[j].rows * l->params[j].cols;
            l->params[j].offset = c->n_vector;
            c->n_weights += n;
            c->n_vector += (n + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
        }
        if (l->all_states)
            c->per_step = data->length;
        c->first_link[i] = c->n_links;
        c->links_of[i] = l->def->part.gives & GIVES_SEQUENCE ? data->length : 1;
        c->n_links += c->links_of[i];
        features = l->n_out;
    }
    if (c->layers[layers->n - 1].transmit.part)
        return err_at(e, where ? where[layers->n - 1] : (struct where){ 0 },
                      "network.layers.%zu.transmit: the last layer sends nothing on; there is no layer above it", layers->n - 1);
    if (data->per_step != (c->per_step > 1))
        return err_at(e, where ? where[0] : (struct where){ 0 },
                      data->per_step ? "network.layers.0: the dataset has a label for every step; the recurrent layer needs `sequence: true`"
                                     : "network.layers.0: `sequence: true` gives every state, but the dataset has one label per sequence");
    if (features != data->outputs)
        return err_at(e, where ? where[layers->n - 1] : (struct where){ 0 },
                      "network.layers.%zu: the last layer has %zu outputs, but the dataset needs %zu", layers->n - 1, features, data->outputs);
    c->layer_of = arena_alloc(a, c->n_links, sizeof *c->layer_of);
    if (!c->layer_of)
        return err_set(e, ERR_MEMORY, "not enough memory for a chain of %zu links", c->n_links);
    for (size_t i = 0; i < c->n_layers; i++)
        for (size_t k = 0; k < c->links_of[i]; k++)
            c->layer_of[c->first_link[i] + k] = i;
    return 0;
}

int chain_open(struct chain *c, size_t rows, struct arena *a, struct err *e)
{
    c->weights = arena_alloc(a, c->n_vector, sizeof *c->weights);
    c->stepsize_factors = arena_alloc(a, c->n_vector, sizeof *c->stepsize_factors);
    if (!c->weights || !c->stepsize_factors)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu weights", c->n_weights);
    bool all_one = true;
    for (size_t i = 0; i < c->n_layers; i++) {
        struct layer *l = &c->layers[i];
        l->weights = c->weights;
        l->arena = a;
        l->state = arena_alloc(a, 1, l->def->part.state_size);
        if (!l->state)
            return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", i);
        TRY(l->def->open(l, rows, a, e));
        for (size_t j = 0; j < l->n_params; j++) {
            const struct param *p = &l->params[j];
            for (size_t n = 0; n < p->rows * p->cols; n++)
                c->stepsize_factors[p->offset + n] = (real)p->stepsize;
            all_one &= p->stepsize == 1;
        }
    }
    if (all_one)
        c->stepsize_factors = NULL;
    return 0;
}

void chain_finish(struct chain *c)
{
    for (size_t i = 0; i < c->n_layers; i++)
        if (c->layers && c->layers[i].state && c->layers[i].def->finish)
            c->layers[i].def->finish(&c->layers[i]);
}

int chain_init_layer(struct layer *l, const char *prefix, struct chosen weights, struct chosen biases, uint64_t seed, struct arena *scratch,
                     struct err *e)
{
    const struct layer_options *o = layer_common(l);
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        const struct chosen own = p->is_bias ? o->biases_init : o->weights_init;
        const struct chosen pick = own.part ? own : p->is_bias ? biases : weights;
        const struct init_def *def = (const struct init_def *)pick.part;
        char name[96], stream[128];
        layer_param_name(l, j, prefix, name, sizeof name);
        snprintf(stream, sizeof stream, "init.%s", name);
        struct rng r = rng_stream(seed, stream);
        const size_t fan_in = p->is_bias ? (l->n_in ? l->n_in : 1) : p->cols;
        TRY(def->fill(pick.opts, &r, fan_in, p->rows, mat_of(l->weights + p->offset, p->rows, p->cols), scratch, e));
    }
    return 0;
}

int chain_init(struct chain *c, struct chosen weights, struct chosen biases, uint64_t seed, struct arena *scratch, struct err *e)
{
    for (size_t i = 0; i < c->n_layers; i++)
        TRY(chain_init_layer(&c->layers[i], "layers", weights, biases, seed, scratch, e));
    chain_refresh(c);
    return 0;
}

void chain_refresh(struct chain *c)
{
    for (size_t i = 0; i < c->n_layers; i++)
        if (c->layers[i].def->refresh)
            c->layers[i].def->refresh(&c->layers[i]);
}

/* What the layer above reads: the output, or the matrix that the transmission writes. */
static int pass_transmit(struct pass *p, size_t i, struct mat *output, struct arena *a, struct err *e)
{
    const struct chosen transmit = p->chain->layers[i].transmit;
    if (!transmit.part)
        return 0;
    const bool draws = transmit_draws_of(transmit, p->training) != DRAWS_NONE;
    p->sent[i] = mat_new(a, output->rows, output->cols);
    if (draws)
        p->draws[i] = mat_new(a, output->rows, output->cols);
    if (!p->sent[i].p || (draws && !p->draws[i].p))
        return err_set(e, ERR_MEMORY, "not enough memory for what layer %zu sends", i);
    *output = p->sent[i];
    return 0;
}

/* Buffers of one layer: its stack of links, and the stack's rows as single links. A recurrent layer's states lie in one buffer of T + 1 blocks, the
 * first of them the initial state 0, so that the inputs and the outputs of all links are both stacked matrices. */
static int pass_layer(struct pass *p, size_t i, struct mat input, bool gradients, struct arena *a, struct err *e)
{
    const struct chain *c = p->chain;
    const struct layer *l = &c->layers[i];
    const bool recurrent = l->def->part.gives & GIVES_SEQUENCE;
    const size_t links = c->links_of[i], b = i > 0 ? p->rows * c->per_step : p->rows;
    struct link *s = &p->stacks[i];
    if (recurrent) {
        const struct mat states = mat_new(a, (links + 1) * b, l->n_out);
        if (states.p) {
            s->in = mat_rows(states, 0, links * b);
            s->out = mat_rows(states, b, links * b);
        }
        s->side = input;
    } else {
        s->in = input;
        s->out = mat_new(a, b, l->n_out);
    }
    if (l->n_pre)
        s->pre = mat_new(a, links * b, l->n_pre);
    if (l->n_saved)
        s->saved = mat_new(a, links * b, l->n_saved);
    if (gradients)
        s->delta = mat_new(a, links * b, l->n_delta);
    if (!s->out.p || (l->n_pre && !s->pre.p) || (l->n_saved && !s->saved.p) || (gradients && !s->delta.p))
        return err_set(e, ERR_MEMORY, "not enough memory for %zu x %zu values of layer %zu", links * b, l->n_out, i);
    for (size_t k = 0; k < links; k++) {
        struct link *at = &p->links[c->first_link[i] + k];
        *at = (struct link){ .in = mat_rows(s->in, k * b, b), .out = mat_rows(s->out, k * b, b) };
        if (s->side.p)
            at->side = mat_rows(s->side, k * b, b);
        if (s->pre.p)
            at->pre = mat_rows(s->pre, k * b, b);
        if (s->saved.p)
            at->saved = mat_rows(s->saved, k * b, b);
        if (s->delta.p)
            at->delta = mat_rows(s->delta, k * b, b);
    }
    return 0;
}

int pass_init(struct pass *p, const struct chain *c, size_t rows, bool keep_gradients, struct arena *a, struct err *e)
{
    *p = (struct pass){ .chain = c, .rows = rows, .training = keep_gradients };
    const struct data_shape *data = &c->data;
    p->links = arena_alloc(a, c->n_links, sizeof *p->links);
    p->stacks = arena_alloc(a, c->n_layers, sizeof *p->stacks);
    p->sent = arena_alloc(a, c->n_layers, sizeof *p->sent);
    p->draws = arena_alloc(a, c->n_layers, sizeof *p->draws);
    p->batch.rows = rows;
    size_t steps;
    struct mat input = { 0 };
    if (!__builtin_mul_overflow(data->length, rows, &steps))
        input = mat_new(a, steps, data->features);
    p->batch.x = input.p;
    const size_t labels = rows * c->per_step;
    if (data->classes)
        p->batch.label = arena_alloc(a, labels, sizeof *p->batch.label);
    else
        p->batch.y = mat_new(a, labels, data->outputs);
    p->gradient = mat_new(a, labels, data->outputs);
    if (!p->links || !p->stacks || !p->sent || !p->draws || !p->batch.x || !p->gradient.p || (data->classes ? !p->batch.label : !p->batch.y.p))
        return err_set(e, ERR_MEMORY, "not enough memory for a batch of %zu samples", rows);
    for (size_t i = 0; i < c->n_layers; i++) {
        TRY(pass_layer(p, i, input, keep_gradients, a, e));
        input = c->layers[i].all_states ? p->stacks[i].out : p->links[c->first_link[i] + c->links_of[i] - 1].out;
        TRY(pass_transmit(p, i, &input, a, e));
    }
    return 0;
}

int pass_add_input_noise(struct pass *p, double std, bool clean_gradient, struct arena *a, struct err *e)
{
    const struct mat clean = p->links[0].in;
    p->noise = (struct input_noise){ std, mat_new(a, clean.rows, clean.cols), mat_new(a, clean.rows, clean.cols) };
    if (!p->noise.draws.p || !p->noise.input.p)
        return err_set(e, ERR_MEMORY, "not enough memory for the noise of %zu inputs", mat_n(clean));
    p->links[0].in = p->noise.input;
    if (!clean_gradient) /* forward reads the link, parameter gradients read the stack */
        p->stacks[0].in = p->noise.input;
    return 0;
}

static void send(struct pass *p, size_t i)
{
    const struct chosen transmit = p->chain->layers[i].transmit;
    if (transmit.part)
        ((const struct transmit_def *)transmit.part)->send(transmit.opts, p->training, p->stacks[i].out, p->draws[i], p->sent[i]);
}

static void forward_layer(struct pass *p, size_t i)
{
    const struct chain *c = p->chain;
    const struct layer *l = &c->layers[i];
    if (l->def->prepare)
        l->def->prepare(l, p->stacks[i]);
    for (size_t k = 0; k < c->links_of[i]; k++)
        l->def->forward(l, p->links[c->first_link[i] + k]);
}

void chain_forward_above(struct pass *p, size_t from)
{
    send(p, from);
    for (size_t i = from + 1; i < p->chain->n_layers; i++) {
        forward_layer(p, i);
        send(p, i);
    }
}

void chain_forward(struct pass *p)
{
    struct input_noise *n = &p->noise;
    if (n->input.p) {
        mat_copy(mat_of(p->batch.x, n->input.rows, n->input.cols), n->input);
        mat_axpy((real)n->std, n->draws, n->input);
    }
    forward_layer(p, 0);
    chain_forward_above(p, 0);
}

void chain_vjp(const struct pass *p, size_t k, struct mat s, struct mat down)
{
    const struct layer *l = &p->chain->layers[p->chain->layer_of[k]];
    l->def->vjp(l, p->links[k], s, down);
    if (down.p && k > 0 && !transmit_passes_gradient(p->chain->layers[p->chain->layer_of[k - 1]].transmit))
        mat_zero(down);
}

size_t chain_first_random(const struct chain *c)
{
    size_t i = 0;
    while (i < c->n_layers && transmit_draws_of(c->layers[i].transmit, false) == DRAWS_NONE)
        i++;
    return i;
}

double chain_loss(struct pass *p, struct chosen loss, bool gradient)
{
    const struct loss_def *def = (const struct loss_def *)loss.part;
    p->loss = def->value(loss.opts, pass_output(p), &p->batch, gradient ? p->gradient : (struct mat){ 0 });
    return p->loss;
}

double chain_reals_per_row(const struct chain *c)
{
    double n = (double)(c->data.length * c->data.features + 2 * c->data.outputs * c->per_step);
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct layer *l = &c->layers[i];
        n += (double)(i > 0 ? c->per_step : c->links_of[i]) * (double)(l->n_out + l->n_pre + l->n_saved + l->n_delta) + (double)l->n_in;
        if (l->transmit.part)
            n += 2.0 * (double)c->per_step * (double)l->n_out; /* what it sends, and its draws */
    }
    return n;
}

double chain_flops(const struct chain *c, size_t rows)
{
    double n = 0, product;
    for (size_t i = 0; i < c->n_layers; i++)
        n += (double)c->links_of[i] * c->layers[i].def->flops(&c->layers[i], i > 0 ? rows * c->per_step : rows, &product);
    return n;
}
