#include "net/chain.h"

#include "net/init.h"
#include <stdio.h>
#include <string.h>

/* Finds the layer whose weights this one shares: an earlier dense one with weights of its own, of mirrored shape. */
static int tie_layer(const struct chain *c, struct unit *l, size_t features, struct err *e)
{
    const int64_t k = l->def->tied ? l->def->tied(l) : -1;
    const struct layer_options *o = l->opts;
    if (k < 0)
        return 0;
    if (c->form != FORM_SIGMA_W)
        return err_at(e, l->where,
                      "network.layers.%zu.tied: with network.form: 'w_sigma' layers have weights of their own",
                      l->index);
    if ((size_t)k >= l->index)
        return err_at(e, l->where, "network.layers.%zu.tied: %lld is no layer below this one; layers count from 0",
                      l->index, (long long)k);
    const struct unit *other = &c->units[k];
    if (other->def != l->def || other->tied)
        return err_at(e, l->where, "network.layers.%zu.tied: network.layers.%lld has no dense weights of its own",
                      l->index, (long long)k);
    if (o->weights_init.part)
        return err_at(e, l->where, "network.layers.%zu.weights_init: a tied layer has no weights to initialise",
                      l->index);
    if (other->out.n != features)
        return err_at(
            e, l->where,
            "network.layers.%zu.tied: the transpose of network.layers.%lld reads %zu values, but the layer gets %zu",
            l->index, (long long)k, other->out.n, features);
    l->tied = other;
    return 0;
}

static int shape_unit(struct chain *c, size_t i, struct chosen choice, struct shape in, struct where where,
                      struct arena *a, struct err *e)
{
    struct unit *u = &c->units[i];
    u->def = unit_def_of(choice);
    u->opts = choice.opts;
    u->index = i;
    u->where = where;
    if (unit_is_recurrent(u) && i > 0)
        return err_at(e, where, "network.layers.%zu: '%s' must be the first layer: it reads the dataset's sequence", i,
                      choice.part->name);
    if (unit_is_recurrent(u) && !c->data.sequence)
        return err_at(e, where, "network.layers.0: '%s' reads sequences, but the dataset gives flat samples",
                      choice.part->name);
    if (i == 0 && c->data.sequence && !unit_is_recurrent(u))
        return err_at(e, where,
                      "network.layers.0: the dataset gives sequences; the first layer must read them (rnn), not '%s'",
                      choice.part->name);
    TRY(tie_layer(c, u, in.n, e));
    TRY((c->form == FORM_W_SIGMA ? form_shape_w_sigma : unit_shape)(u, choice, in, a, e));
    return layer_check_frozen(u, e);
}

int chain_shape(struct chain *c, const struct chosen_list *layers, const struct data_shape *data,
                const struct where *where, struct arena *a, struct err *e)
{
    return chain_shape_form(c, layers, FORM_SIGMA_W, data, where, a, e);
}

int chain_shape_form(struct chain *c, const struct chosen_list *layers, int form, const struct data_shape *data,
                     const struct where *where, struct arena *a, struct err *e)
{
    *c = (struct chain){ .form = form, .n_units = layers->n, .per_step = 1, .data = *data, .layers = *layers };
    if (layers->n == 0)
        return err_at(e, where ? where[0] : (struct where){ 0 }, "network.layers: a network needs at least one layer");
    c->units = arena_alloc(a, layers->n, sizeof *c->units);
    c->first_link = arena_alloc(a, layers->n, sizeof *c->first_link);
    c->links_of = arena_alloc(a, layers->n, sizeof *c->links_of);
    c->reads = arena_alloc(a, layers->n, sizeof *c->reads);
    if (!c->units || !c->first_link || !c->links_of || !c->reads)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu layers", layers->n);
    struct shape in = data_shape_input(data);
    for (size_t i = 0; i < layers->n; i++) {
        struct unit *u = &c->units[i];
        const struct where at = where ? where[i] : (struct where){ 0 };
        TRY(edge_read(c, i, layers->items[i].beside, at, &in, a, e));
        TRY(shape_unit(c, i, layers->items[i], in, at, a, e));
        c->n_weights += unit_place(u, &c->n_vector);
        if (u->all_states)
            c->per_step = data->length;
        c->first_link[i] = c->n_links;
        c->links_of[i] = unit_is_recurrent(u) ? data->length : 1;
        c->n_links += c->links_of[i];
        in = u->out;
    }
    if (c->units[layers->n - 1].transmit.part)
        return err_at(e, where ? where[layers->n - 1] : (struct where){ 0 },
                      "network.layers.%zu.transmit: the last layer sends nothing on; there is no layer above it",
                      layers->n - 1);
    if (data->per_step != (c->per_step > 1))
        return err_at(
            e, where ? where[0] : (struct where){ 0 },
            data->per_step && data->length == 1 ? "network.layers.0: a label for every step wants sequences of two "
                                                  "steps at least; of one step it is the "
                                                  "label of the sequence"
            : data->per_step
                ? "network.layers.0: the dataset has a label for every step; the recurrent layer needs `sequence: true`"
                : "network.layers.0: `sequence: true` gives every state, but the dataset has one label per sequence");
    if (data->more_outputs ? in.n < data->outputs : in.n != data->outputs)
        return err_at(e, where ? where[layers->n - 1] : (struct where){ 0 },
                      "network.layers.%zu: the last layer has %zu outputs, but the dataset needs %zu", layers->n - 1,
                      in.n, data->outputs);
    c->unit_of = arena_alloc(a, c->n_links, sizeof *c->unit_of);
    if (!c->unit_of)
        return err_set(e, ERR_MEMORY, "not enough memory for a chain of %zu links", c->n_links);
    for (size_t i = 0; i < c->n_units; i++)
        for (size_t k = 0; k < c->links_of[i]; k++)
            c->unit_of[c->first_link[i] + k] = i;
    return edge_list(c, a, e);
}

int chain_shape_alone(const struct chain *c, size_t i, struct shape in, struct unit *alone, struct arena *a,
                      struct err *e)
{
    *alone = (struct unit){ .index = i, .where = c->units[i].where };
    return (c->form == FORM_W_SIGMA ? form_shape_w_sigma : unit_shape)(alone, c->layers.items[i], in, a, e);
}

/* The parameters' factors on the stepsize, if one of them is not 1. */
static int open_factors(struct chain *c, struct arena *a, struct err *e)
{
    bool all_one = true;
    for (size_t i = 0; i < c->n_units; i++)
        for (size_t j = 0; j < c->units[i].n_params; j++)
            all_one &= c->units[i].params[j].stepsize == 1;
    return all_one ? 0 : chain_factors(c, a, e);
}

int chain_factors(struct chain *c, struct arena *a, struct err *e)
{
    if (c->stepsize_factors)
        return 0;
    c->stepsize_factors = arena_alloc(a, c->n_vector, sizeof *c->stepsize_factors);
    if (!c->stepsize_factors)
        return err_set(e, ERR_MEMORY, "not enough memory for the layers' stepsizes");
    for (size_t i = 0; i < c->n_units && !a->counting; i++)
        for (size_t j = 0; j < c->units[i].n_params; j++) {
            const struct mat factors = unit_param(&c->units[i], j, c->stepsize_factors);
            for (size_t n = 0; n < mat_n(factors); n++)
                factors.p[n] = (real)c->units[i].params[j].stepsize;
        }
    return 0;
}

int chain_open(struct chain *c, size_t rows, struct arena *a, struct err *e)
{
    c->rows = rows;
    c->weights = arena_alloc(a, c->n_vector, sizeof *c->weights);
    if (!c->weights)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu weights", c->n_weights);
    for (size_t i = 0; i < c->n_units; i++)
        TRY(unit_open(&c->units[i], c->weights, rows, a, e));
    return open_factors(c, a, e);
}

int chain_init_unit(struct unit *l, const char *prefix, struct chosen weights, struct chosen biases, uint64_t seed,
                    struct arena *scratch, struct err *e)
{
    for (size_t j = 0; j < l->n_inner; j++)
        TRY(chain_init_unit(&l->inner[j], prefix, weights, biases, seed, scratch,
                            e)); /* each with options of its own */
    const struct layer_options *o = unit_common(l);
    for (size_t j = 0; j < l->n_params && !l->n_inner; j++) {
        const struct param *p = &l->params[j];
        const struct chosen own = p->is_bias ? o->biases_init : o->weights_init;
        const struct chosen pick = own.part ? own : p->is_bias ? biases : weights;
        const struct init_def *def = init_def_of(pick);
        char name[96], stream[128];
        unit_param_name(l, j, prefix, name, sizeof name);
        snprintf(stream, sizeof stream, "init.%s", name);
        struct rng r = rng_stream(seed, stream);
        TRY(def->fill(pick.opts, &r, p->fan_in, p->fan_out, mat_of(l->weights + p->offset, p->rows, p->cols), scratch,
                      e));
    }
    return 0;
}

int chain_init(struct chain *c, struct chosen weights, struct chosen biases, uint64_t seed, struct arena *scratch,
               struct err *e)
{
    for (size_t i = 0; i < c->n_units; i++)
        TRY(chain_init_unit(&c->units[i], "layers", weights, biases, seed, scratch, e));
    chain_refresh(c);
    return 0;
}

void chain_refresh(struct chain *c)
{
    for (size_t i = 0; i < c->n_units; i++)
        unit_refresh(&c->units[i]);
}

/* What the layer above reads: the output, or the matrix that the transmission writes. */
static int pass_transmit(struct pass *p, size_t i, struct mat *output, struct arena *a, struct err *e)
{
    const struct chosen transmit = p->chain->units[i].transmit;
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

static bool unit_rolls(const struct chain *c, size_t i)
{
    return c->links_of[i] > 1 && !c->units[i].all_states;
}

/* Buffers of one unit: the stack of its applications, and the stack's rows as single links. Where it rolls, two blocks
 * behind the initial state are written in turn, so that a step finds what it reads in the cache. */
static int pass_unit(struct pass *p, size_t i, struct mat input, unsigned flags, struct arena *a, struct err *e)
{
    const struct chain *c = p->chain;
    const struct unit *u = &c->units[i];
    const size_t links = c->links_of[i], b = i > 0 ? p->rows * c->per_step : p->rows;
    const bool rolls = (flags & AT_LAST) && unit_rolls(c, i);
    struct at *s = &p->stacks[i], *link = &p->links[c->first_link[i]];
    TRY(at_open(s, u, b, rolls ? 2 : links, AT_STEPS | flags, a, e));
    *(unit_is_recurrent(u) ? &s->side : &s->in) = input;
    for (size_t k = 0; k < links; k++)
        link[k] = at_rows(*s, (rolls ? k % 2 : k) * b, b);
    for (size_t k = 0; rolls && k < links; k++) {
        link[k].in = k > 0 ? link[k - 1].out : link[k].in;
        link[k].side = mat_rows(input, k * b, b);
        *s = link[k];
    }
    p->rolls |= rolls;
    return 0;
}

/* What unit i reads, the units below being there. */
static int pass_input(struct pass *p, size_t i, struct mat *input, struct arena *a, struct err *e)
{
    const struct chain *c = p->chain;
    const struct reads *r = &c->reads[i];
    if (!c->branching || i == 0)
        return 0;
    *input = pass_sent(p, r->from[0]);
    if (r->n == 1)
        return 0;
    *input = p->joined[i] = mat_new(a, p->rows, c->units[i].in.n);
    return input->p ? 0 : err_set(e, ERR_MEMORY, "not enough memory for what layer %zu reads", i);
}

int pass_init(struct pass *p, const struct chain *c, size_t rows, unsigned flags, struct arena *a, struct err *e)
{
    *p = (struct pass){ .chain = c, .rows = rows, .training = flags & AT_GRADIENTS };
    const struct data_shape *data = &c->data;
    p->links = arena_alloc(a, c->n_links, sizeof *p->links);
    p->stacks = arena_alloc(a, c->n_units, sizeof *p->stacks);
    p->sent = arena_alloc(a, c->n_units, sizeof *p->sent);
    p->draws = arena_alloc(a, c->n_units, sizeof *p->draws);
    p->joined = arena_alloc(a, c->n_units, sizeof *p->joined);
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
    p->gradient = mat_new(a, labels, data->more_outputs ? c->units[c->n_units - 1].out.n : data->outputs);
    if (!p->links || !p->stacks || !p->sent || !p->draws || !p->joined || !p->batch.x || !p->gradient.p ||
        (data->classes ? !p->batch.label : !p->batch.y.p))
        return err_set(e, ERR_MEMORY, "not enough memory for a batch of %zu samples", rows);
    for (size_t i = 0; i < c->n_units; i++) {
        TRY(pass_input(p, i, &input, a, e));
        TRY(pass_unit(p, i, input, flags, a, e));
        input = c->units[i].all_states ? p->stacks[i].out : p->links[c->first_link[i] + c->links_of[i] - 1].out;
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
    const struct chosen transmit = p->chain->units[i].transmit;
    if (transmit.part)
        transmit_def_of(transmit)->send(transmit.opts, p->training, p->stacks[i].out, p->draws[i], p->sent[i]);
}

static void forward_unit(struct pass *p, size_t i)
{
    const struct chain *c = p->chain;
    const struct unit *l = &c->units[i];
    if (p->joined[i].p)
        edge_join(p, i, NULL, (struct mat){ 0 }, p->joined[i]);
    const struct at *link = &p->links[c->first_link[i]];
    if (!l->def->prepare) {
        for (size_t k = 0; k < c->links_of[i]; k++)
            l->def->forward(l, link[k]);
        return;
    }
    enum { ROWS = 128 }; /* what is prepared for so many is still near when the links come to it */
    const bool rolls = p->rolls && unit_rolls(c, i);
    const size_t rows = link->out.rows, at_once = !rolls && rows < ROWS ? ROWS / rows : 1;
    for (size_t k = 0; k < c->links_of[i]; k++) {
        const size_t left = c->links_of[i] - k, n = left < at_once ? left : at_once;
        if (k % at_once == 0)
            l->def->prepare(l, rolls ? link[k] : at_rows(p->stacks[i], k * rows, n * rows));
        l->def->forward(l, link[k]);
    }
}

void chain_forward_above(struct pass *p, size_t from)
{
    send(p, from);
    for (size_t i = from + 1; i < p->chain->n_units; i++) {
        forward_unit(p, i);
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
    forward_unit(p, 0);
    chain_forward_above(p, 0);
}

void chain_vjp(const struct pass *p, size_t k, struct mat s, struct mat down)
{
    const struct chain *c = p->chain;
    const struct unit *l = &c->units[c->unit_of[k]];
    l->def->vjp(l, p->links[k], s, down);
    if (!down.p || k == 0 || (c->branching && c->reads[k].n > 1))
        return;
    const size_t below = c->branching ? c->reads[k].from[0] : c->unit_of[k - 1];
    if (!transmit_passes_gradient(c->units[below].transmit))
        mat_zero(down);
}

size_t chain_first_random(const struct chain *c)
{
    size_t i = 0;
    while (i < c->n_units && transmit_draws_of(c->units[i].transmit, false) == DRAWS_NONE)
        i++;
    return i;
}

double chain_loss(struct pass *p, struct chosen loss, bool gradient)
{
    const struct loss_def *def = loss_def_of(loss);
    p->loss = def->value(loss.opts, pass_output(p), &p->batch, gradient ? p->gradient : (struct mat){ 0 });
    return p->loss;
}

double chain_reals_per_row(const struct chain *c)
{
    double n = (double)(c->data.length * c->data.features + 2 * c->data.outputs * c->per_step);
    for (size_t i = 0; i < c->n_units; i++) {
        const struct unit *l = &c->units[i];
        const size_t kept = i > 0 ? c->per_step : unit_rolls(c, i) ? 2 : c->links_of[i];
        n += (double)kept * unit_reals_per_row(l, false) + (double)l->in.n;
        if (l->transmit.part)
            n += 2.0 * (double)c->per_step * (double)l->out.n; /* what it sends, and its draws */
    }
    return n;
}

double chain_flops(const struct chain *c, size_t rows)
{
    double n = 0, product;
    for (size_t i = 0; i < c->n_units; i++)
        n += (double)c->links_of[i] * c->units[i].def->flops(&c->units[i], i > 0 ? rows * c->per_step : rows, &product);
    return n;
}
