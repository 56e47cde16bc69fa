/* Options of learned and fixed feedback, and the feedback units that they ask for. */
#include "credit/mapping_learned.h"

#include "credit/fbloss.h"
#include "net/init.h"
#include "net/mirror.h"

static const char *const transmit_names[] = { "identity", "sign", "step", NULL };

/* Instead of an activation: that of the layer whose target it yields, or none but that of the layer it leads back
 * through, on what it reads. */
static const struct part same = { .name = "same", .help = "the activation of the layer whose target it yields" };
static const struct part argument = { .name = "argument",
                                      .help =
                                          "none on what it yields; that of the layer it leads back through on what it "
                                          "reads" };
#define PART_OF(name) &name.part,
static const struct part *const activation_parts[] = { &same, &argument, ACTIVATIONS(PART_OF) };
static const struct registry activation_registry = { "feedback activation", activation_parts,
                                                     sizeof activation_parts / sizeof *activation_parts };

/* clang-format off */
#define LEARNED_TABLE(name, activation_default, bias_default, weights_beside, ...)                                     \
    const struct option name[] = {                                                                              \
        { "activation", OPT_PART, offsetof(struct learned_options, activation), activation_default,                    \
          .flags = OPTION_PLAIN, .registry = &activation_registry,                                                     \
          .help = "of the feedback layers; same: that of the layer whose target it yields; argument: none, but that "  \
          "of the layer it leads back "                                                                                \
                  "through on what it reads (route chain)" },                          \
        { "bias", OPT_BOOL, offsetof(struct learned_options, common.bias), bias_default,                               \
          .help = "whether feedback layers have a bias; dense ones that yield the target of a layer without a bias, "  \
          "or of an image, have none unless activation is argument" },                                                 \
        { "transmit", OPT_ENUM, offsetof(struct learned_options, transmit), "identity", .names = transmit_names,       \
          .help = "what feedback layers get of their argument: itself, +1 or -1 by its sign, or 1 where it is above "  \
          "0, else 0" },                                                                                               \
        { "weights_init", OPT_PART, offsetof(struct learned_options, common.weights_init), NULL,                       \
          .flags = OPTION_NULLABLE, .registry = &init_registry, weights_beside                                         \
          .help = "initialisation of the feedback weights instead of network.init.weights" },                          \
        { "biases_init", OPT_PART, offsetof(struct learned_options, common.biases_init), NULL,                         \
          .flags = OPTION_NULLABLE, .registry = &init_registry,                                                        \
          .beside = "bias", .idle = "false",                                                                           \
          .help = "initialisation of the feedback biases instead of network.init.biases" },                            \
        { "hidden_units", OPT_INT, offsetof(struct learned_options, hidden_units), "0", 0, 1e7,                        \
          .help = "units of a fixed random layer between the network's output and the feedback layers of all but the " \
          "last hidden layer "                                                                                         \
                  "(route direct); 0 = none" },                                                                        \
        { "hidden_activation", OPT_PART, offsetof(struct learned_options, hidden_activation), "tanh",                  \
          .flags = OPTION_PLAIN,                                                                                       \
          .registry = &act_registry,                                                                                   \
          .beside = "hidden_units", .idle = "0",                                                                       \
          .help = "activation of the fixed random layer" },                                                            \
        { "hidden_init", OPT_PART, offsetof(struct learned_options, hidden_init), "fan_in_uniform",                    \
          .registry = &init_registry,                                                                                  \
          .beside = "hidden_units", .idle = "0",                                                                       \
          .help = "initialisation of its weights and biases" },                                                        \
        { "append_state", OPT_BOOL, offsetof(struct learned_options, append_state), "false",                           \
          .help = "feedback layers behind the fixed random layer read the state of the layer they are for beside "     \
          "it" },                                                                                                      \
        __VA_ARGS__ { 0 }                                                                                              \
    }
/* clang-format on */
#define OF_FIXED                                                                                                       \
    { "source_slope", OPT_BOOL, offsetof(struct learned_options, source_slope), "false",                               \
      .help = "multiply by the derivative of the source's activation first, as back-propagation does: feedback "       \
              "alignment" },                                                                                           \
        { "scale",                                                                                                     \
          OPT_REAL,                                                                                                    \
          offsetof(struct learned_options, scale),                                                                     \
          "1",                                                                                                         \
          0,                                                                                                           \
          1e12,                                                                                                        \
          .flags = OPTION_NULLABLE,                                                                                    \
          .help = "factor on the feedback weights and biases as they are drawn, those of the hidden layer too" },      \
        { "batch_norm",                                                                                                \
          OPT_BOOL,                                                                                                    \
          offsetof(struct learned_options, batch_norm),                                                                \
          "false",                                                                                                     \
          .flags = OPTION_NULLABLE,                                                                                    \
          .help = "feedback layers are dense, whatever they lead back through, and what they yield is normalised "     \
                  "over the minibatch; with propagate {name: difference, batch_norm: true}: FWDTP as published" },
#define TRANSPOSE_GAIN                                                                                                 \
    { "transpose_gain",                                                                                                \
      OPT_REAL,                                                                                                        \
      offsetof(struct learned_options, transpose_gain),                                                                \
      "0",                                                                                                             \
      0,                                                                                                               \
      1e12,                                                                                                            \
      .flags = OPTION_NULLABLE,                                                                                        \
      .help = "feedback weights start at this multiple of the transposed weights of the dense layer that they lead "   \
              "back through; 0 = as drawn" },
#define BESIDE_TRANSPOSE_GAIN .beside = "transpose_gain", .idle = "!0",
LEARNED_TABLE(learned_table, "same", "true", BESIDE_TRANSPOSE_GAIN, TRANSPOSE_GAIN);
LEARNED_TABLE(fixed_table, "linear", "false", , OF_FIXED);

/* The mirror of what the feedback leads back through; of a layer that reads several side by side, of what that would be
 * if it read the target's output alone. */
static int shape_mirror(struct credit *c, struct feedback *f, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct unit *through = through_of(c, f);
    const bool whole = unit_is_recurrent(through) || edge_is_whole(credit_edge(c, f->way));
    struct unit *alone = whole ? NULL : arena_alloc(a, 1, sizeof *alone);
    if (whole)
        return through->def->mirror(through, &f->unit, m, a, e);
    if (!alone)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    TRY(chain_shape_alone(c->chain, through->index, c->chain->units[f->target].out, alone, a, e));
    TRY(alone->def->mirror(alone, &f->unit, m, a, e));
    if (mirror_reads_pass(&f->unit))
        return err_at(e, through->where,
                      "algorithm.mapping: the feedback past network.layers.%zu ('%s') transposes what that does to all "
                      "that it reads, of which network.layers.%zu is a part (join: concat); put a layer with weights "
                      "there",
                      f->through, through->def->part.name, f->target);
    return 0;
}

/* A feedback unit from `from` to its target: the mirror of what it leads back through, on route direct a plain one. */
static int shape_one(struct credit *c, struct feedback *f, struct shape from, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    const struct unit *target = &c->chain->units[f->target], *through = through_of(c, f);
    char name[48];
    const bool on_argument = o->activation.part == &argument;
    const struct mirror m = { .common = o->common,
                              .activation =
                                  o->activation.part != &same && !on_argument ? o->activation : (struct chosen){ NULL },
                              .target = on_argument ? NULL : target,
                              .argument = on_argument };
    if (on_argument && c->choice.route != ROUTE_CHAIN)
        return err_about(
            e, "algorithm.mapping.activation",
            "'argument' is that of the layer which the feedback leads back through: it needs route 'chain'");
    if (o->batch_norm && on_argument)
        return err_about(e, "algorithm.mapping.batch_norm",
                         "what feedback layers yield is normalised behind an activation of their own; 'argument' has "
                         "it on what they read");
    if (o->batch_norm && unit_is_recurrent(through))
        return err_at(e, through->where,
                      "algorithm.mapping.batch_norm: is for feed-forward layers; network.layers.%zu is recurrent",
                      through->index);
    f->unit = (struct unit){ .index = f->target, .where = target->where };
    if (c->chain->branching && !(f->unit.label = arena_strdup(a, way_name(c, f->way, name, sizeof name))))
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    if (o->batch_norm)
        TRY(mirror_normed(&f->unit, c->choice.route == ROUTE_CHAIN ? through->out : from, target->out, &m, a, e));
    else if (c->choice.route == ROUTE_CHAIN)
        TRY(shape_mirror(c, f, &m, a, e));
    else
        TRY(mirror_affine(&f->unit, from, target->out.n, &m, a, e));
    c->n_feedback_weights += unit_place(&f->unit, &c->n_feedback_vector);
    return 0;
}

static int shape_hidden(struct credit *c, struct shape source, struct arena *a, struct err *e)
{
    const struct learned_options *o = options_of(c);
    struct learned *state = learned_of(c);
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
        return err_about(e, "algorithm.mapping.hidden_units",
                         "a hidden feedback layer reads the last target: it needs route 'direct'");
    const struct mirror m = { .common = { .bias = true, .weights_init = o->hidden_init, .biases_init = o->hidden_init },
                              .activation = o->hidden_activation };
    state->hidden.unit.label = "hidden";
    TRY(mirror_affine(&state->hidden.unit, source, (size_t)o->hidden_units, &m, a, e));
    c->n_feedback_weights += unit_place(&state->hidden.unit, &c->n_feedback_vector);
    c->untrained = &state->hidden.unit;
    return 0;
}

/* Signs have no derivative and no hidden layer, and between the layers of a longer way up and down they are not sent.
 */
static int check_transmit(const struct credit *c, const struct learned_options *o, struct err *e)
{
    const struct fbloss_def *loss = fbloss_of(c);
    const char *name = transmit_names[o->transmit];
    if (o->transmit != READ_VALUES && (c->choice.propagate.part->needs & GIVES_JVP))
        return err_about(e, "algorithm.mapping.transmit",
                         "'%s' has derivative 0, so the propagate rule '%s' would carry nothing; use "
                         "'difference' or 'plain'",
                         name, c->choice.propagate.part->name);
    if (o->transmit != READ_VALUES && o->hidden_units)
        return err_about(e, "algorithm.mapping.transmit",
                         "'%s' does not go with hidden_units: most feedback layers read the hidden layer there", name);
    if (o->transmit != READ_VALUES && loss->grads_of_all)
        return err_about(
            e, "algorithm.mapping.transmit",
            "'%s' does not go with feedback_loss '%s', whose gradient passes what feedback layers read; use "
            "'reconstruction'",
            name, loss->part.name);
    for (size_t i = 0; i + 1 < c->n; i++)
        if (c->chain->units[c->chain->unit_of[i]].transmit.part && loss->grads &&
            (loss->grads_of_all || c->choice.route == ROUTE_DIRECT))
            return err_at(e, c->chain->units[c->chain->unit_of[i]].where,
                          "algorithm.feedback_loss: '%s'%s goes through several layers, which must send their states: "
                          "network.layers.%zu.transmit",
                          loss->part.name, c->choice.route == ROUTE_DIRECT ? " on route 'direct'" : "",
                          c->chain->unit_of[i]);
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

const struct param *learned_matrix(const struct unit *u)
{
    const struct param *found = NULL;
    for (size_t j = 0; j < u->n_params; j++)
        if (!u->params[j].is_bias) {
            if (found || u->params[j].rank != 2)
                return NULL;
            found = &u->params[j];
        }
    return found;
}

static int check_transpose(const struct credit *c, struct err *e)
{
    for (size_t i = 0; i < c->n_feedback && options_of(c)->transpose_gain > 0; i++) {
        const struct feedback *f = &c->feedback[i];
        const struct param *up = learned_matrix(through_of(c, f)), *down = learned_matrix(&f->unit);
        const struct unit *target = &c->chain->units[f->target];
        const bool fits = up && down && up->rows == down->cols &&
                          up->cols == (c->choice.route == ROUTE_CHAIN ? through_of(c, f)->in.n : down->rows) &&
                          down->rows == target->out.n;
        if (!fits)
            return err_at(e, through_of(c, f)->where,
                          "algorithm.mapping.transpose_gain: feedback past network.layers.%zu does not start from a "
                          "transpose: that is for dense layers on route 'chain'",
                          f->through);
    }
    return 0;
}

/* The feedback unit of way `way`, or of all steps of a recurrent unit, for the output of unit `target`. */
static int add_one(struct credit *c, size_t target, size_t through_index, size_t way, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    const struct learned_options *o = options_of(c);
    const size_t last = chain->unit_of[c->n - 1];
    struct feedback *f = &c->feedback[c->n_feedback++];
    f->target = target;
    f->through = through_index;
    f->way = way;
    const struct unit *through = through_of(c, f);
    if (c->choice.route == ROUTE_CHAIN && !o->batch_norm && !(unit_abilities(through) & CAN_MIRROR))
        return err_at(e, through->where,
                      "algorithm.mapping: '%s' needs a feedback layer for network.layers.%zu, but '%s' has no mirror",
                      c->choice.mapping.part->name, through->index, through->def->part.name);
    struct reading *r = reading(c, f);
    struct shape from = chain->units[last].out;
    r->source_slope = o->source_slope;
    if (o->source_slope)
        TRY(unit_check(c->choice.route == ROUTE_CHAIN ? through : &chain->units[last], CAN_SLOPE,
                       "algorithm.mapping.source_slope", e));
    if (o->hidden_units > 0 && target + 1 < last) {
        r->hidden = &learned_of(c)->hidden;
        f->by = &learned_of(c)->hidden.unit;
        r->n_appended = o->append_state ? chain->units[target].out.n : 0;
        from = shape_flat((size_t)o->hidden_units + r->n_appended);
    }
    return shape_one(c, f, from, a, e);
}

static int add_all(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    const size_t last = chain->unit_of[c->n - 1];
    for (size_t i = 0; i <= last; i++) {
        const bool recurrent = unit_is_recurrent(&chain->units[i]);
        const size_t link = chain->first_link[i];
        if (i == last && !recurrent)
            break;
        if (recurrent && i < last && c->choice.route == ROUTE_CHAIN)
            return err_at(e, chain->units[i].where,
                          "algorithm.head: %zu leaves layers above the recurrent one under the head; a learned mapping "
                          "along the chain needs "
                          "head: %zu",
                          c->choice.head, chain->n_units - 1 - i);
        if (recurrent || c->choice.route == ROUTE_DIRECT)
            TRY(add_one(c, i, recurrent ? i : i + 1, link, a, e));
        else
            for (size_t w = c->first_way[link]; w < c->first_way[link + 1]; w++)
                TRY(add_one(c, i, chain->unit_of[c->ways[w].to], w, a, e));
    }
    return 0;
}

int learned_shape(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    struct learned *state = learned_of(c);
    const size_t most = chain->n_units + c->n_ways;
    if ((c->choice.mapping.part->gives & GIVES_TRAIN) && !fbloss_of(c)->grads)
        return err_about(e, "algorithm.feedback_loss",
                         "mapping '%s' learns, but feedback_loss is 'none'; choose one, or mapping 'fixed'",
                         c->choice.mapping.part->name);
    TRY(check_transmit(c, options_of(c), e));
    c->feedback = arena_alloc(a, most, sizeof *c->feedback);
    state->reading = arena_alloc(a, most, sizeof *state->reading);
    if (!c->feedback || !state->reading)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layers");
    TRY(add_all(c, a, e));
    TRY(check_abilities(c, e));
    TRY(check_transpose(c, e));
    return shape_hidden(c, chain->units[chain->unit_of[c->n - 1]].out, a, e);
}
