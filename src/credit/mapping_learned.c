/* Feedback layers with weights of their own, g_k(t) = a(V t + c [+ U x]): trained by a feedback loss ("learned"), or left as drawn ("fixed").
 * A feedback layer mirrors the forward layer it leads back through; behind a recurrent layer all steps share one, and it shares that layer's
 * side input (Manchev & Spratling 2020; Roulet's oracle). Lee 2015, Sec. 2; Nokland 2016 with route direct. */
#include "credit/fbloss.h"
#include "credit/feedback_signs.h"

#include "net/init.h"
#include <string.h>

struct learned_options {
    struct layer_options common; /* of the feedback layers */
    struct chosen activation;
    bool append_state, source_slope;
    int64_t hidden_units;
    struct chosen hidden_activation, hidden_init;
    int transmit; /* index in transmit_names */
};

enum { READ_VALUES, READ_SIGNS, READ_STEPS };
static const char *const transmit_names[] = { "identity", "sign", "step", NULL };

/* Instead of an activation: that of the layer whose target it yields. */
static const struct part same = { .name = "same", .help = "the activation of the layer whose target it yields" };
#define PART_OF(name) &name.part,
static const struct part *const activation_parts[] = { &same, ACTIVATIONS(PART_OF) };
static const struct registry activation_registry = { "feedback activation", activation_parts, sizeof activation_parts / sizeof *activation_parts };

#define LEARNED_TABLE(name, activation_default, bias_default, ...)                                                     \
    static const struct option name[] = {                                                                              \
        { "activation", OPT_PART, offsetof(struct learned_options, activation), activation_default,                    \
          .flags = OPTION_PLAIN, .registry = &activation_registry,                                                                                   \
          .help = "of the feedback layers; same: that of the layer whose target it yields" },                          \
        { "bias", OPT_BOOL, offsetof(struct learned_options, common.bias), bias_default,                               \
          .help = "whether feedback layers have a bias; one that yields the target of a layer without a bias has none" }, \
        { "transmit", OPT_ENUM, offsetof(struct learned_options, transmit), "identity", .names = transmit_names,       \
          .help = "what feedback layers get of their argument: itself, +1 or -1 by its sign, or 1 where it is above 0, else 0" }, \
        { "weights_init", OPT_PART, offsetof(struct learned_options, common.weights_init), NULL,                       \
          .flags = OPTION_NULLABLE, .registry = &init_registry,                                                        \
          .help = "initialisation of the feedback weights instead of network.init.weights" },                          \
        { "biases_init", OPT_PART, offsetof(struct learned_options, common.biases_init), NULL,                         \
          .flags = OPTION_NULLABLE, .registry = &init_registry,                                                        \
          .help = "initialisation of the feedback biases instead of network.init.biases" },                            \
        { "hidden_units", OPT_INT, offsetof(struct learned_options, hidden_units), "0", 0, 1e7,                        \
          .help = "units of a fixed random layer between the network's output and the feedback layers of all but the last hidden layer " \
                  "(route direct); 0 = none" },                                                                        \
        { "hidden_activation", OPT_PART, offsetof(struct learned_options, hidden_activation), "tanh", .flags = OPTION_PLAIN, \
          .registry = &act_registry,                                                                                   \
          .help = "activation of the fixed random layer" },                                                            \
        { "hidden_init", OPT_PART, offsetof(struct learned_options, hidden_init), "fan_in_uniform", .registry = &init_registry, \
          .help = "initialisation of its weights and biases" },                                                        \
        { "append_state", OPT_BOOL, offsetof(struct learned_options, append_state), "false",                           \
          .help = "feedback layers behind the fixed random layer read the state of the layer they are for beside it" }, \
        __VA_ARGS__ { 0 }                                                                                              \
    }
#define SOURCE_SLOPE                                                                                                   \
    { "source_slope", OPT_BOOL, offsetof(struct learned_options, source_slope), "false",                               \
      .help = "multiply by the derivative of the source's activation first, as back-propagation does: feedback alignment" },
LEARNED_TABLE(learned_table, "same", "true", );
LEARNED_TABLE(fixed_table, "linear", "false", SOURCE_SLOPE);

static bool has_bias(const struct layer *l)
{
    for (size_t j = 0; j < l->n_params; j++)
        if (l->params[j].is_bias)
            return true;
    return false;
}

/* One feedback layer from n_from to n_to units. */
static int shape_one(struct credit *c, struct feedback *f, size_t n_from, size_t n_to, struct arena *a, struct err *e)
{
    const struct learned_options *o = c->choice.mapping.opts;
    const struct layer *target = &c->chain->layers[f->target];
    struct dense_options *d = arena_alloc(a, 1, sizeof *d);
    if (!d)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
    d->common = o->common;
    d->common.bias = o->common.bias && has_bias(target);
    d->common.trainable = true;
    d->common.stepsize_factor = d->common.bias_stepsize_factor = 1;
    d->units = (int64_t)n_to;
    const struct act as_target = target->act.def ? target->act : (struct act){ .def = &act_linear };
    d->activation = o->activation.part != &same ? o->activation : (struct chosen){ &as_target.def->part, (void *)as_target.opts };
    f->layer = (struct layer){ .def = &layer_dense, .opts = d, .index = f->target, .where = target->where };
    TRY(layer_dense.shape(&f->layer, n_from, e));
    credit_place_feedback(c, &f->layer);
    return 0;
}

static int shape_hidden(struct credit *c, size_t n_source, struct arena *a, struct err *e)
{
    const struct learned_options *o = c->choice.mapping.opts;
    if (o->append_state && !o->hidden_units)
        return err_set(e, ERR_SPEC, "algorithm.mapping.append_state: needs hidden_units");
    if (!o->hidden_units)
        return 0;
    bool read = c->choice.route != ROUTE_DIRECT;
    for (size_t i = 0; i < c->n_feedback; i++)
        read |= c->feedback[i].through_hidden;
    if (!read) /* the last hidden layer's feedback reads the output itself */
        return 0;
    if (c->choice.route != ROUTE_DIRECT)
        return err_set(e, ERR_SPEC, "algorithm.mapping.hidden_units: a hidden feedback layer reads the last target: it needs route 'direct'");
    struct dense_options *d = arena_alloc(a, 1, sizeof *d);
    if (!d)
        return err_set(e, ERR_MEMORY, "not enough memory for the hidden layer of the feedback mapping");
    d->common = (struct layer_options){ .bias = true, .weights_init = o->hidden_init, .biases_init = o->hidden_init };
    d->units = o->hidden_units;
    d->activation = o->hidden_activation;
    return feedback_hidden_shape(c, d, n_source, a, e);
}

/* Signs have no derivative and no hidden layer, and between the layers of a longer way up and down they are not sent. */
static int check_transmit(const struct credit *c, const struct learned_options *o, struct err *e)
{
    const struct fbloss_def *loss = (const struct fbloss_def *)c->choice.feedback_loss.part;
    const char *name = transmit_names[o->transmit];
    if (o->transmit != READ_VALUES && (c->choice.propagate.part->needs & GIVES_JVP))
        return err_set(e, ERR_SPEC, "algorithm.mapping.transmit: '%s' has derivative 0, so the propagate rule '%s' would carry nothing; use "
                       "'difference' or 'plain'", name, c->choice.propagate.part->name);
    if (o->transmit != READ_VALUES && o->hidden_units)
        return err_set(e, ERR_SPEC, "algorithm.mapping.transmit: '%s' does not go with hidden_units: most feedback layers read the hidden layer there", name);
    if (o->transmit != READ_VALUES && loss->feed_forward)
        return err_set(e, ERR_SPEC, "algorithm.mapping.transmit: '%s' does not go with feedback_loss '%s', whose gradient passes what feedback layers read; use "
                       "'reconstruction'", name, loss->part.name);
    for (size_t i = 0; i + 1 < c->n; i++)
        if (c->chain->layers[c->chain->layer_of[i]].transmit.part && loss->grads && (loss->feed_forward || c->choice.route == ROUTE_DIRECT))
            return err_at(e, c->chain->layers[c->chain->layer_of[i]].where,
                          "algorithm.feedback_loss: '%s'%s goes through several layers, which must send their states: network.layers.%zu.transmit",
                          loss->part.name, c->choice.route == ROUTE_DIRECT ? " on route 'direct'" : "", c->chain->layer_of[i]);
    return 0;
}

/* One feedback layer for every layer under the head but the last one's output; for a recurrent layer its own, shared by all its steps. */
static int shape(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    const struct learned_options *o = c->choice.mapping.opts;
    TRY(check_transmit(c, o, e));
    c->feedback = arena_alloc(a, chain->n_layers, sizeof *c->feedback);
    if (!c->feedback)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    const size_t last_layer = chain->layer_of[c->n - 1];
    for (size_t i = 0; i <= last_layer; i++) {
        const bool recurrent = chain->links_of[i] > 1;
        if (i == last_layer && !recurrent)
            break;
        if (recurrent && i < last_layer && c->choice.route == ROUTE_CHAIN)
            return err_at(e, chain->layers[i].where,
                          "algorithm.head: %zu leaves layers above the recurrent one under the head; a learned mapping along the chain needs "
                          "head: %zu",
                          c->choice.head, chain->n_layers - 1 - i);
        struct feedback *f = &c->feedback[c->n_feedback++];
        f->target = i;
        f->through = recurrent ? i : i + 1;
        const struct layer *through = &chain->layers[f->through];
        if (c->choice.route == ROUTE_CHAIN && !(through->def->part.gives & GIVES_MIRROR))
            return err_at(e, through->where, "algorithm.mapping: '%s' needs a feedback layer for network.layers.%zu, but '%s' has no mirror",
                          c->choice.mapping.part->name, through->index, through->def->part.name);
        const size_t n_state = chain->layers[i].n_out;
        size_t from = c->choice.route == ROUTE_CHAIN ? through->n_out : chain->layers[last_layer].n_out;
        f->source_slope = o->source_slope;
        f->through_hidden = o->hidden_units > 0 && i + 1 < last_layer;
        if (f->through_hidden)
            from = (size_t)o->hidden_units + (o->append_state ? n_state : 0);
        TRY(shape_one(c, f, from, n_state, a, e));
    }
    return shape_hidden(c, chain->layers[last_layer].n_out, a, e);
}

static bool shares_side_input(const struct credit *c, const struct feedback *f)
{
    return c->choice.route == ROUTE_CHAIN && c->chain->layers[f->through].def->side_product;
}

/* Of a feedback layer, for batches of `rows` samples. */
static size_t rows_of(const struct credit *c, const struct feedback *f, size_t rows)
{
    return c->choice.route == ROUTE_CHAIN ? c->chain->links_of[f->through] * rows : rows;
}

/* Buffers of a feedback layer that reads signs. */
static int open_signs(struct credit *c, struct feedback *f, size_t rows, struct arena *a, struct err *e)
{
    const struct learned_options *o = c->choice.mapping.opts;
    if (o->transmit == READ_VALUES)
        return 0;
    f->stack.in = mat_new(a, rows, f->layer.n_in);
    if (!f->stack.in.p)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
    return feedback_signs_open(c, f, o->transmit == READ_SIGNS ? -1 : 0, rows, a, e);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    const struct fbloss_options *loss = c->choice.feedback_loss.opts;
    const struct learned_options *o = c->choice.mapping.opts;
    const bool targets = ((const struct fbloss_def *)c->choice.feedback_loss.part)->needs_targets;
    c->feedback_weights = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    c->feedback_gradient = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    if (!c->feedback_weights || !c->feedback_gradient)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu feedback weights", c->n_feedback_weights);
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        const size_t rows = rows_of(c, f, c->rows);
        f->layer.weights = c->feedback_weights;
        f->layer.arena = a;
        f->layer.state = arena_alloc(a, 1, layer_dense.part.state_size);
        f->u = mat_new(a, rows, f->layer.n_out);
        f->stack.out = mat_new(a, rows, f->layer.n_out);
        f->stack.delta = mat_new(a, rows, f->layer.n_delta);
        if (shares_side_input(c, f))
            f->side = mat_new(a, rows, f->layer.n_out);
        if (f->through_hidden && o->append_state)
            f->stack.in = mat_new(a, rows, f->layer.n_in);
        if (loss && loss->noise > 0)
            f->noise = mat_new(a, rows, targets ? f->layer.n_in : f->layer.n_out);
        if (!f->layer.state || !f->u.p || !f->stack.out.p || !f->stack.delta.p || (shares_side_input(c, f) && !f->side.p) ||
            (loss && loss->noise > 0 && !f->noise.p) || (f->through_hidden && o->append_state && !f->stack.in.p))
            return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
        TRY(layer_dense.open(&f->layer, rows, a, e));
        TRY(open_signs(c, f, rows, a, e));
        TRY(fbloss_open(c, f, rows, a, e));
    }
    return c->hidden ? feedback_hidden_open(c, a, e) : 0;
}

static void finish(struct credit *c)
{
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->feedback[i].layer.state)
            layer_dense.finish(&c->feedback[i].layer);
    feedback_hidden_finish(c);
}

/* u = in V^T + c [+ side] */
static void preactivation(const struct feedback *f, struct mat in, struct mat side, struct mat u)
{
    dense_linear(&f->layer, in, u);
    if (dense_bias(&f->layer))
        mat_add_row(dense_bias(&f->layer), u);
    if (side.p)
        mat_add(u, side, u);
}

/* What f reads where its source has its true value. */
static struct mat reads_now(const struct credit *c, const struct pass *p, const struct feedback *f)
{
    const struct mat source = c->choice.route == ROUTE_CHAIN ? p->stacks[f->through].out : p->links[c->n - 1].out;
    if (f->signs.p) {
        mat_copy(feedback_signs(f, source), f->stack.in);
        return f->stack.in;
    }
    if (!f->through_hidden)
        return source;
    if (f->layer.n_in == c->hidden->units)
        return c->hidden->out;
    mat_copy(feedback_reads(c, p, f, source), f->stack.in);
    return f->stack.in;
}

/* The reconstruction g(h_s) of every place, which `difference` and `jvp` start from. */
static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    if (c->hidden)
        feedback_hidden_refresh(c, p);
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        layer_dense.refresh(&f->layer);
        const struct layer *through = &c->chain->layers[f->through];
        if (f->side.p)
            through->def->side_product(through, p->stacks[f->through], f->side);
        f->stack.in = reads_now(c, p, f);
        preactivation(f, f->stack.in, f->side, f->u);
        act_apply(f->layer.act, f->u, f->stack.out);
    }
    return 0;
}

/* Rows of f's stack that belong to the target of link k. */
static struct mat block(const struct credit *c, const struct feedback *f, size_t k, struct mat stack)
{
    if (!stack.p || c->choice.route == ROUTE_DIRECT)
        return stack;
    return mat_rows(stack, (k + 1 - c->chain->first_link[f->through]) * c->rows, c->rows);
}

static void apply(struct credit *c, struct pass *p, size_t k, struct mat t, struct mat out)
{
    const struct feedback *f = credit_feedback_of(c, k);
    preactivation(f, feedback_reads(c, p, f, t), block(c, f, k, f->side), out);
    act_apply(f->layer.act, out, out);
}

static void difference(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    const struct feedback *f = credit_feedback_of(c, k);
    const size_t s = credit_source(c, k);
    const struct mat moved =
        f->signs.p ? feedback_sign_moves(f, block(c, f, k, f->stack.in), p->links[s].out, d) : feedback_moves(c, p, f, s, d, false);
    dense_linear(&f->layer, moved, out);
    act_difference_blocks(f->layer.act, block(c, f, k, f->u), block(c, f, k, f->stack.out), out);
}

static void jvp(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    const struct feedback *f = credit_feedback_of(c, k);
    if (f->signs.p) { /* their derivative */
        mat_zero(out);
        return;
    }
    dense_linear(&f->layer, feedback_moves(c, p, f, credit_source(c, k), d, true), out);
    act_times_slope(f->layer.act, block(c, f, k, f->u), block(c, f, k, f->stack.out), out, out);
}

/* Weights, their gradient and a transposed copy; for each feedback layer what open allocates above. */
static double reals(const struct credit *c, size_t rows)
{
    const struct fbloss_options *loss = c->choice.feedback_loss.opts;
    const struct learned_options *o = c->choice.mapping.opts;
    const bool targets = ((const struct fbloss_def *)c->choice.feedback_loss.part)->needs_targets;
    double n = 3.0 * (double)c->n_feedback_vector, widest = 0;
    for (size_t i = 0; i < c->n_feedback; i++) {
        const struct feedback *f = &c->feedback[i];
        const double in = (double)f->layer.n_in, out = (double)f->layer.n_out, own = (double)rows_of(c, f, rows);
        const double blocks = (double)c->n * (double)rows;
        n += own * (4 + shares_side_input(c, f)) * out; /* u, output, delta, the layer's scratch */
        if (loss && loss->noise > 0)
            n += own * (targets ? in : out);
        if (fbloss_resends(c, f))
            n += own * out;
        if (o->transmit != READ_VALUES)
            n += own * in + (own > blocks ? own : blocks) * in;
        if (f->through_hidden && o->append_state)
            n += own * in;
        if (f->through_hidden && in > widest)
            widest = in;
    }
    if (c->hidden)
        n += (double)rows * (3 * (double)c->hidden->units + 2 * (double)c->n * widest);
    return n;
}

/* What every feedback layer reads at the true states. */
static double flops(const struct credit *c, size_t rows)
{
    double n = 0;
    for (size_t i = 0; i < c->n_feedback; i++)
        n += 2.0 * (double)rows_of(c, &c->feedback[i], rows) * (double)c->feedback[i].layer.n_in * (double)c->feedback[i].layer.n_out;
    if (c->hidden)
        n += 2.0 * (double)rows * (double)c->hidden->layer.n_in * (double)c->hidden->units;
    return n;
}

extern const struct mapping_def mapping_learned, mapping_fixed;
const struct mapping_def mapping_learned = {
    .part = { .name = "learned",
              .help = "feedback layers with weights of their own, trained by a feedback loss",
              .ref = "Lee 2015, Sec. 2; Manchev & Spratling 2020",
              .options = learned_table,
              .opts_size = sizeof(struct learned_options),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_TRAIN | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .finish = finish,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .reals = reals,
    .flops = flops,
};
const struct mapping_def mapping_fixed = {
    .part = { .name = "fixed",
              .help = "feedback layers with random weights that never change",
              .ref = "Nokland 2016; Lillicrap 2016",
              .options = fixed_table,
              .opts_size = sizeof(struct learned_options),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .finish = finish,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .reals = reals,
    .flops = flops,
};
