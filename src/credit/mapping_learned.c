/* Feedback layers with weights of their own, g_k(t) = a(V t + c [+ U x]): trained by a feedback loss ("learned"), or left as drawn ("fixed").
 * A feedback layer mirrors the forward layer it leads back through; behind a recurrent layer all steps share one, and it shares that layer's
 * side input (Manchev & Spratling 2020; Roulet's oracle). Lee 2015, Sec. 2; Nokland 2016 with route direct. */
#include "credit/credit.h"

#include "net/layer_dense.h"

#include <string.h>

struct learned_options {
    struct layer_options common; /* of the feedback layers */
    int activation;              /* 0: that of the layer whose target it yields; else index in act_all + 1 */
};

static const char *const activation_names[] = { "same", "tanh", "sigmoid", "relu", "linear", "leaky_relu", NULL };

#define LEARNED_TABLE(name, activation_default, bias_default)                                                          \
    static const struct option name[] = {                                                                              \
        { "activation", OPT_ENUM, offsetof(struct learned_options, activation), activation_default,                    \
          .names = activation_names,                                                                                   \
          .help = "of the feedback layers; same: that of the layer whose target it yields" },                          \
        { "bias", OPT_BOOL, offsetof(struct learned_options, common.bias), bias_default,                               \
          .help = "whether feedback layers have a bias" },                                                             \
        { "weights_init", OPT_PART, offsetof(struct learned_options, common.weights_init), NULL,                       \
          .flags = OPTION_NULLABLE, .registry = &init_registry,                                                        \
          .help = "initialisation of the feedback weights instead of network.init.weights" },                          \
        { "biases_init", OPT_PART, offsetof(struct learned_options, common.biases_init), NULL,                         \
          .flags = OPTION_NULLABLE, .registry = &init_registry,                                                        \
          .help = "initialisation of the feedback biases instead of network.init.biases" },                            \
        { 0 }                                                                                                          \
    }
LEARNED_TABLE(learned_table, "same", "true");
LEARNED_TABLE(fixed_table, "linear", "false");

static const struct act *act_named(const char *name, int *index)
{
    for (*index = 0; act_all[*index]; ++*index)
        if (strcmp(act_all[*index]->name, name) == 0)
            return act_all[*index];
    return NULL;
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
    d->common.trainable = true;
    d->common.stepsize_factor = d->common.bias_stepsize_factor = 1;
    d->units = (int64_t)n_to;
    const char *name = o->activation ? activation_names[o->activation] : target->act ? target->act->name : "linear";
    if (!act_named(name, &d->activation))
        return err_set(e, ERR_SPEC, "algorithm.mapping.activation: no activation '%s'", name);
    f->layer = (struct layer){ .def = &layer_dense, .opts = d, .index = f->target, .where = target->where };
    TRY(layer_dense.shape(&f->layer, n_from, e));
    for (size_t j = 0; j < f->layer.n_params; j++) {
        const size_t n = f->layer.params[j].rows * f->layer.params[j].cols, align = 64 / sizeof(real);
        f->layer.params[j].offset = c->n_feedback_vector;
        c->n_feedback_weights += n;
        c->n_feedback_vector += (n + align - 1) / align * align;
    }
    return 0;
}

/* One feedback layer for every layer under the head but the last one's output; for a recurrent layer its own, shared by all its steps. */
static int shape(struct credit *c, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
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
        const size_t from = c->choice.route == ROUTE_CHAIN ? chain->layers[f->through].n_out : chain->layers[last_layer].n_out;
        TRY(shape_one(c, f, from, chain->layers[i].n_out, a, e));
    }
    return 0;
}

static bool shares_side_input(const struct credit *c, const struct feedback *f)
{
    return c->choice.route == ROUTE_CHAIN && c->chain->layers[f->through].def->side_product;
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    const struct fbloss_options *loss = c->choice.feedback_loss.opts;
    const bool targets = ((const struct fbloss_def *)c->choice.feedback_loss.part)->needs_targets;
    c->feedback_weights = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    c->feedback_gradient = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    if (!c->feedback_weights || !c->feedback_gradient)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu feedback weights", c->n_feedback_weights);
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        const size_t links = c->choice.route == ROUTE_CHAIN ? c->chain->links_of[f->through] : 1;
        const size_t rows = links * c->rows;
        f->layer.weights = c->feedback_weights;
        f->layer.arena = a;
        f->layer.state = arena_alloc(a, 1, layer_dense.part.state_size);
        f->u = mat_new(a, rows, f->layer.n_out);
        f->stack.out = mat_new(a, rows, f->layer.n_out);
        f->stack.delta = mat_new(a, rows, f->layer.n_delta);
        if (shares_side_input(c, f))
            f->side = mat_new(a, rows, f->layer.n_out);
        if (loss && loss->noise > 0)
            f->noise = mat_new(a, rows, targets ? f->layer.n_in : f->layer.n_out);
        if (!f->layer.state || !f->u.p || !f->stack.out.p || !f->stack.delta.p || (shares_side_input(c, f) && !f->side.p) ||
            (loss && loss->noise > 0 && !f->noise.p))
            return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", f->target);
        TRY(layer_dense.open(&f->layer, rows, a, e));
    }
    return 0;
}

static void finish(struct credit *c)
{
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->feedback[i].layer.state)
            layer_dense.finish(&c->feedback[i].layer);
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

/* The reconstruction g(h_s) of every place, which `difference` and `jvp` start from. */
static int refresh(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < c->n_feedback; i++) {
        struct feedback *f = &c->feedback[i];
        layer_dense.refresh(&f->layer);
        const struct layer *through = &c->chain->layers[f->through];
        if (f->side.p)
            through->def->side_product(through, p->stacks[f->through], f->side);
        f->stack.in = c->choice.route == ROUTE_CHAIN ? p->stacks[f->through].out : p->links[c->n - 1].out;
        preactivation(f, f->stack.in, f->side, f->u);
        f->layer.act->apply(f->u, f->stack.out);
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
    (void)p;
    const struct feedback *f = credit_feedback_of(c, k);
    preactivation(f, t, block(c, f, k, f->side), out);
    f->layer.act->apply(out, out);
}

static void difference(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    (void)p;
    const struct feedback *f = credit_feedback_of(c, k);
    dense_linear(&f->layer, d, out);
    f->layer.act->difference(block(c, f, k, f->u), block(c, f, k, f->stack.out), out, out);
}

static void jvp(struct credit *c, struct pass *p, size_t k, struct mat d, struct mat out)
{
    (void)p;
    const struct feedback *f = credit_feedback_of(c, k);
    dense_linear(&f->layer, d, out);
    f->layer.act->times_slope(block(c, f, k, f->stack.out), out, out);
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
};
