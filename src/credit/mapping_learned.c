/* Feedback units with weights of their own, g_k(t) = a(V t + c [+ U x]): trained by a feedback loss ("learned"), or left as drawn ("fixed").
 * A feedback unit is the mirror of the forward unit it leads back through; behind a recurrent unit all steps share one, and it shares that unit's
 * side input (Manchev & Spratling 2020; Roulet's oracle). Lee 2015, Sec. 2; Nokland 2016 with route direct. */
#include "credit/fbloss.h"
#include "credit/feedback.h"

#include "net/init.h"
#include "net/mirror.h"

struct learned_options {
    struct layer_options common; /* of the feedback units */
    struct chosen activation;
    bool append_state, source_slope;
    int64_t hidden_units;
    struct chosen hidden_activation, hidden_init;
    int transmit; /* index in transmit_names */
};

struct learned {
    struct hidden hidden;    /* if any reads it */
    struct reading *reading; /* [n_feedback] */
    struct at *other;        /* [n_feedback]: applications beside ref, at values that a feedback loss gives */
    struct at *single;       /* [n_feedback]: of one link, at a target */
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

static const struct learned_options *options_of(const struct credit *c)
{
    return c->choice.mapping.opts;
}
static struct reading *reading(const struct credit *c, const struct feedback *f)
{
    return &((struct learned *)c->mapping_state)->reading[f - c->feedback];
}
static const struct unit *through_of(const struct credit *c, const struct feedback *f)
{
    return &c->chain->units[f->through];
}

/* A feedback unit from `from` to its target: the mirror of what it leads back through, on route direct a plain one. */
static int shape_one(struct credit *c, struct feedback *f, struct shape from, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    const struct unit *target = &c->chain->units[f->target], *through = through_of(c, f);
    const struct mirror m = { o->common, o->activation.part != &same ? o->activation : (struct chosen){ NULL }, target };
    f->unit = (struct unit){ .index = f->target, .where = target->where };
    if (c->choice.route == ROUTE_CHAIN)
        TRY(through->def->mirror(through, &f->unit, &m, a, e));
    else
        TRY(mirror_affine(&f->unit, from, target->out.n, &m, a, e));
    c->n_feedback_weights += unit_place(&f->unit, &c->n_feedback_vector);
    return 0;
}

static int shape_hidden(struct credit *c, struct shape source, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    struct learned *state = c->mapping_state;
    if (o->append_state && !o->hidden_units)
        return err_about(e, "algorithm.mapping.append_state", "needs hidden_units");
    if (!o->hidden_units)
        return 0;
    bool read = c->choice.route != ROUTE_DIRECT;
    for (size_t i = 0; i < c->n_feedback; i++)
        read |= state->reading[i].hidden != NULL;
    if (!read) /* the last hidden layer's feedback reads the output itself */
        return 0;
    if (c->choice.route != ROUTE_DIRECT)
        return err_about(e, "algorithm.mapping.hidden_units", "a hidden feedback layer reads the last target: it needs route 'direct'");
    const struct mirror m = { .common = { .bias = true, .weights_init = o->hidden_init, .biases_init = o->hidden_init },
                              .activation = o->hidden_activation };
    state->hidden.unit.label = "hidden";
    TRY(mirror_affine(&state->hidden.unit, source, (size_t)o->hidden_units, &m, a, e));
    c->n_feedback_weights += unit_place(&state->hidden.unit, &c->n_feedback_vector);
    c->untrained = &state->hidden.unit;
    return 0;
}

/* Signs have no derivative and no hidden layer, and between the layers of a longer way up and down they are not sent. */
static int check_transmit(const struct credit *c, const struct learned_options *o, struct err *e)
{
    const struct fbloss_def *loss = fbloss_of(c);
    const char *name = transmit_names[o->transmit];
    if (o->transmit != READ_VALUES && (c->choice.propagate.part->needs & GIVES_JVP))
        return err_about(e, "algorithm.mapping.transmit", "'%s' has derivative 0, so the propagate rule '%s' would carry nothing; use "
                       "'difference' or 'plain'", name, c->choice.propagate.part->name);
    if (o->transmit != READ_VALUES && o->hidden_units)
        return err_about(e, "algorithm.mapping.transmit", "'%s' does not go with hidden_units: most feedback layers read the hidden layer there", name);
    if (o->transmit != READ_VALUES && loss->grads_of_all)
        return err_about(e, "algorithm.mapping.transmit", "'%s' does not go with feedback_loss '%s', whose gradient passes what feedback layers read; use "
                       "'reconstruction'", name, loss->part.name);
    for (size_t i = 0; i + 1 < c->n; i++)
        if (c->chain->units[c->chain->unit_of[i]].transmit.part && loss->grads && (loss->grads_of_all || c->choice.route == ROUTE_DIRECT))
            return err_at(e, c->chain->units[c->chain->unit_of[i]].where,
                          "algorithm.feedback_loss: '%s'%s goes through several layers, which must send their states: network.layers.%zu.transmit",
                          loss->part.name, c->choice.route == ROUTE_DIRECT ? " on route 'direct'" : "", c->chain->unit_of[i]);
    return 0;
}

/* The mapping's products that the rules ask for, of every feedback unit. */
static int check_abilities(const struct credit *c, struct err *e)
{
    const unsigned asked = c->choice.propagate.part->needs;
    const unsigned needs = (asked & GIVES_JVP ? CAN_JVP : 0) | (asked & GIVES_APPLY ? CAN_DIFFERENCE : 0) |
                           (fbloss_of(c)->grads_of_all ? CAN_LEARN_DIFFERENCE : 0);
    for (size_t i = 0; i < c->n_feedback; i++)
        TRY(unit_check(&c->feedback[i].unit, needs, "algorithm.mapping: the feedback", e));
    return 0;
}

/* One feedback unit for every unit under the head but the last one's output; for a recurrent unit its own, shared by all its steps. */
static int shape(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    const struct learned_options *o = options_of(c);
    struct learned *state = c->mapping_state;
    TRY(check_transmit(c, o, e));
    c->feedback = arena_alloc(a, chain->n_units, sizeof *c->feedback);
    state->reading = arena_alloc(a, chain->n_units, sizeof *state->reading);
    if (!c->feedback || !state->reading)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    const size_t last = chain->unit_of[c->n - 1];
    for (size_t i = 0; i <= last; i++) {
        const bool recurrent = unit_is_recurrent(&chain->units[i]);
        if (i == last && !recurrent)
            break;
        if (recurrent && i < last && c->choice.route == ROUTE_CHAIN)
            return err_at(e, chain->units[i].where,
                          "algorithm.head: %zu leaves layers above the recurrent one under the head; a learned mapping along the chain needs "
                          "head: %zu",
                          c->choice.head, chain->n_units - 1 - i);
        struct feedback *f = &c->feedback[c->n_feedback++];
        f->target = i;
        f->through = recurrent ? i : i + 1;
        const struct unit *through = through_of(c, f);
        if (c->choice.route == ROUTE_CHAIN && !(unit_abilities(through) & CAN_MIRROR))
            return err_at(e, through->where, "algorithm.mapping: '%s' needs a feedback layer for network.layers.%zu, but '%s' has no mirror",
                          c->choice.mapping.part->name, through->index, through->def->part.name);
        struct reading *r = reading(c, f);
        struct shape from = chain->units[last].out;
        r->source_slope = o->source_slope;
        if (o->source_slope)
            TRY(unit_check(&chain->units[chain->unit_of[credit_source(c, chain->first_link[i])]], CAN_SLOPE, "algorithm.mapping.source_slope", e));
        if (o->hidden_units > 0 && i + 1 < last) {
            r->hidden = &state->hidden;
            f->by = &state->hidden.unit;
            r->n_appended = o->append_state ? chain->units[i].out.n : 0;
            from = shape_flat((size_t)o->hidden_units + r->n_appended);
        }
        TRY(shape_one(c, f, from, a, e));
    }
    TRY(check_abilities(c, e));
    return shape_hidden(c, chain->units[last].out, a, e);
}

/* Of a feedback unit's stack. */
static size_t rows_of(const struct credit *c, const struct feedback *f, size_t rows)
{
    return c->choice.route == ROUTE_CHAIN ? c->chain->links_of[f->through] * rows : rows;
}

/* Applications of a feedback unit, and what it reads signs with. */
static int open_one(struct credit *c, struct feedback *f, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    struct learned *state = c->mapping_state;
    struct reading *r = reading(c, f);
    struct at *other = &state->other[f - c->feedback], *single = &state->single[f - c->feedback];
    const size_t rows = rows_of(c, f, c->rows), blocks = c->n * c->rows; /* a feedback loss may work on a block of rows for every unit */
    const bool own_input = o->transmit != READ_VALUES || r->n_appended;
    TRY(unit_open(&f->unit, c->feedback_weights, rows, a, e));
    TRY(at_open(&f->ref, &f->unit, rows, 1, AT_KEPT | AT_GRADIENTS | (own_input ? AT_INPUT : 0), a, e));
    if (fbloss_of(c)->grads)
        TRY(at_open(other, &f->unit, rows, 1, AT_GRADIENTS, a, e));
    if (c->choice.propagate.part->needs & GIVES_APPLY)
        TRY(at_open(single, &f->unit, c->rows, 1, AT_KEPT, a, e));
    if (c->choice.route == ROUTE_CHAIN && through_of(c, f)->def->side_product)
        f->ref.side = mat_new(a, rows, f->unit.out.n);
    if (o->transmit != READ_VALUES) {
        r->sign_low = o->transmit == READ_SIGNS ? -1 : 0;
        r->signs = mat_new(a, rows > blocks ? rows : blocks, f->unit.in.n);
    }
    const bool enough = (f->ref.side.p || c->choice.route != ROUTE_CHAIN || !through_of(c, f)->def->side_product) &&
                        (r->signs.p || o->transmit == READ_VALUES);
    return enough ? 0 : err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct learned *state = c->mapping_state;
    size_t widest = 0;
    state->other = arena_alloc(a, c->n_feedback, sizeof *state->other);
    state->single = arena_alloc(a, c->n_feedback, sizeof *state->single);
    if (!state->other || !state->single)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    for (size_t i = 0; i < c->n_feedback; i++) {
        TRY(open_one(c, &c->feedback[i], a, e));
        if (state->reading[i].hidden && c->feedback[i].unit.in.n > widest)
            widest = c->feedback[i].unit.in.n;
    }
    return c->untrained ? hidden_open(&state->hidden, c, c->n, widest, a, e) : 0;
}

/* What f reads where its source has its true value. */
static struct mat reads_now(const struct credit *c, const struct pass *p, const struct feedback *f)
{
    const struct reading *r = reading(c, f);
    const struct mat source = c->choice.route == ROUTE_CHAIN ? p->stacks[f->through].out : p->links[c->n - 1].out;
    if (!r->signs.p && !r->n_appended)
        return r->hidden ? r->hidden->ref.out : source;
    mat_copy(reading_of(p, f, r, source), f->ref.in);
    return f->ref.in;
}

/* The reconstruction g(h_s) of every place, which `difference` and `jvp` start from. */
static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    struct learned *state = c->mapping_state;
    if (c->untrained)
        hidden_refresh(&state->hidden, p->links[c->n - 1].out);
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        unit_refresh(&f->unit);
        if (f->ref.side.p)
            through_of(c, f)->def->side_product(through_of(c, f), p->stacks[f->through], f->ref.side);
        f->ref.in = reads_now(c, p, f);
        at_forward(&f->unit, f->ref);
    }
    return 0;
}

/* Rows of f's reference that belong to the target of link k. */
static struct at block(const struct credit *c, const struct feedback *f, size_t k)
{
    if (c->choice.route == ROUTE_DIRECT)
        return f->ref;
    return at_rows(f->ref, (k + 1 - c->chain->first_link[f->through]) * c->rows, c->rows);
}

static int apply(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat t, struct mat out, struct err *e)
{
    (void)ref, (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    struct at at = ((struct learned *)c->mapping_state)->single[f - c->feedback];
    at.in = reading_of(p, f, reading(c, f), t);
    at.side = block(c, f, k).side;
    at_forward(&f->unit, at);
    mat_copy(at.out, out);
    return 0;
}

/* How far what f reads has moved. */
static struct mat moves(const struct credit *c, const struct pass *p, const struct feedback *f, size_t k, struct mat d, bool linear)
{
    const size_t s = credit_source(c, k);
    const struct reading *r = reading(c, f);
    return r->signs.p ? reading_sign_moves(r, block(c, f, k).in, p->links[s].out, d) : reading_moves(c, p, r, s, d, linear);
}

static int difference(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out, struct err *e)
{
    (void)ref, (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    f->unit.def->difference(&f->unit, block(c, f, k), moves(c, p, f, k, d, false), out);
    return 0;
}

static int jvp(struct credit *c, struct pass *p, const struct at *ref, size_t k, struct mat d, struct mat out, struct err *e)
{
    (void)ref, (void)e;
    const struct feedback *f = credit_feedback_of(c, k);
    if (reading(c, f)->signs.p) /* their derivative */
        mat_zero(out);
    else
        f->unit.def->jvp(&f->unit, block(c, f, k), moves(c, p, f, k, d, true), out);
    return 0;
}

static struct at *other_of(const struct credit *c, const struct feedback *f)
{
    return &((struct learned *)c->mapping_state)->other[f - c->feedback];
}

static struct mat value(struct credit *c, struct pass *p, const struct at *ref, struct feedback *f, struct mat v)
{
    (void)ref;
    struct at *at = other_of(c, f);
    at->in = reading_of(p, f, reading(c, f), v);
    at->side = f->ref.side;
    at_forward(&f->unit, *at);
    return at->out;
}

static void train(struct credit *c, struct feedback *f, struct mat error)
{
    const struct at at = *other_of(c, f);
    f->unit.def->vjp(&f->unit, at, error, (struct mat){ 0 });
    f->unit.def->grads(&f->unit, at, 1, c->feedback_gradient);
}

static void train_difference(struct credit *c, struct pass *p, struct feedback *f, struct mat d, struct mat moved, struct mat error)
{
    const size_t k = c->chain->first_link[f->target]; /* feed-forward: the unit's only link */
    f->unit.def->difference_grads(&f->unit, f->ref, moves(c, p, f, k, d, false), moved, error, 1, c->feedback_gradient);
    ((struct learned *)c->mapping_state)->hidden.moved = NULL; /* a loss uses its buffers for the next unit */
}

/* What every feedback unit reads at the true states. */
static double flops(const struct credit *c, size_t rows)
{
    double n = 0, product;
    for (size_t i = 0; i < c->n_feedback; i++)
        n += c->feedback[i].unit.def->flops(&c->feedback[i].unit, rows_of(c, &c->feedback[i], rows), &product);
    return n + (c->untrained ? c->untrained->def->flops(c->untrained, rows, &product) : 0);
}

extern const struct mapping_def mapping_learned, mapping_fixed;
const struct mapping_def mapping_learned = {
    .part = { .name = "learned",
              .help = "feedback layers with weights of their own, trained by a feedback loss",
              .ref = "Lee 2015, Sec. 2; Manchev & Spratling 2020",
              .options = learned_table,
              .opts_size = sizeof(struct learned_options),
              .state_size = sizeof(struct learned),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_TRAIN | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .value = value,
    .train = train,
    .train_difference = train_difference,
    .flops = flops,
};
const struct mapping_def mapping_fixed = {
    .part = { .name = "fixed",
              .help = "feedback layers with random weights that never change",
              .ref = "Nokland 2016; Lillicrap 2016",
              .options = fixed_table,
              .opts_size = sizeof(struct learned_options),
              .state_size = sizeof(struct learned),
              .gives = GIVES_APPLY | GIVES_JVP | GIVES_DIRECT },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .apply = apply,
    .difference = difference,
    .jvp = jvp,
    .value = value,
    .train = train,
    .train_difference = train_difference,
    .flops = flops,
};
