#include "credit/feedback.h"

#include <string.h>

const char *const route_names[] = { "chain", "direct", NULL };
const char *const reduction_names[] = { "per_stepsize", "half_sum", "half_mean", "mean", "unit_mean", NULL };

double reduction_value(int reduction, size_t rows, size_t units, double target_stepsize)
{
    switch (reduction) {
    case REDUCTION_PER_STEPSIZE:
        return 0.5 / target_stepsize;
    case REDUCTION_HALF_SUM:
        return 0.5;
    case REDUCTION_HALF_MEAN:
        return 0.5 / (double)rows;
    case REDUCTION_MEAN:
        return 1 / (double)rows;
    default:
        return 1 / ((double)rows * (double)units);
    }
}

double reduction_factor(int reduction, size_t rows, size_t units, double target_stepsize)
{
    return 2 * reduction_value(reduction, rows, units, target_stepsize);
}

/* The registries: a new part is one extern and one word here. */
#define TARGETS(X) X(target_gradient)
#define MAPPINGS(X) X(mapping_adjoint) X(mapping_inverse) X(mapping_learned) X(mapping_fixed) X(mapping_pinv) X(mapping_encoder)
#define FBLOSSES(X) X(fbloss_none) X(fbloss_reconstruction) X(fbloss_inversion) X(fbloss_difference)
#define PROPAGATES(X) X(propagate_linear) X(propagate_difference) X(propagate_plain) X(propagate_none)
#define UPDATES(X) X(update_gradient) X(update_through_chain) X(update_denoising)

#define PART_OF(name) &name.part,
#define EXTERN_TARGET(name) extern const struct target_def name;
#define EXTERN_MAPPING(name) extern const struct mapping_def name;
#define EXTERN_FBLOSS(name) extern const struct fbloss_def name;
#define EXTERN_PROPAGATE(name) extern const struct propagate_def name;
#define EXTERN_UPDATE(name) extern const struct update_def name;
#define REGISTRY(name, kind, list)                                                                                     \
    static const struct part *const name##_parts[] = { list(PART_OF) };                                               \
    const struct registry name##_registry = { kind, name##_parts, sizeof name##_parts / sizeof *name##_parts };

TARGETS(EXTERN_TARGET)
MAPPINGS(EXTERN_MAPPING)
FBLOSSES(EXTERN_FBLOSS)
PROPAGATES(EXTERN_PROPAGATE)
UPDATES(EXTERN_UPDATE)
REGISTRY(target, "target", TARGETS)
REGISTRY(mapping, "mapping", MAPPINGS)
REGISTRY(fbloss, "feedback loss", FBLOSSES)
REGISTRY(propagate, "propagate rule", PROPAGATES)
REGISTRY(update, "update rule", UPDATES)

static const struct mapping_def *mapping_of(const struct credit *c)
{
    return (const struct mapping_def *)c->choice.mapping.part;
}
static const struct fbloss_def *fbloss_of(const struct credit *c)
{
    return (const struct fbloss_def *)c->choice.feedback_loss.part;
}
static const struct update_def *update_of(const struct credit *c)
{
    return (const struct update_def *)c->choice.update.part;
}

static int check_needs(const char *key, const struct part *part, const struct part *mapping, struct err *e)
{
    const unsigned lacks = part->needs & ~mapping->gives;
    if (!lacks)
        return 0;
    return err_set(e, ERR_SPEC, "algorithm.%s: '%s' needs a mapping that %s; '%s' does not", key, part->name, capability_text(lacks), mapping->name);
}

int credit_check(const struct credit_choice *choice, struct err *e)
{
    TRY(check_needs("propagate", choice->propagate.part, choice->mapping.part, e));
    return check_needs("feedback_loss", choice->feedback_loss.part, choice->mapping.part, e);
}

int credit_shape(struct credit *c, const struct credit_choice *choice, const struct chain *chain, struct arena *a, struct err *e)
{
    *c = (struct credit){ .choice = *choice, .chain = chain, .bad_layer = -1 };
    const struct part *mapping = choice->mapping.part;
    if (choice->head >= chain->n_layers)
        return err_set(e, ERR_SPEC, "algorithm.head: %zu is out of range; the network has %zu layers and one must stay below the head",
                       choice->head, chain->n_layers);
    c->n = chain->n_links - choice->head; /* a recurrent layer is the first one, so layers of the head have one link each */
    if (chain->per_step > 1 && choice->head + 1 != chain->n_layers)
        return err_set(e, ERR_SPEC, "algorithm.head: with losses at every step the layers above the recurrent one follow the exact gradient: head: %zu",
                       chain->n_layers - 1);
    if (chain->per_step > 1 && choice->route == ROUTE_DIRECT)
        return err_set(e, ERR_SPEC, "algorithm.route: 'direct' has one source, but with `sequence: true` there is a loss at every step");
    TRY(credit_check(choice, e));
    if (choice->route == ROUTE_DIRECT && !(mapping->gives & GIVES_DIRECT))
        return err_set(e, ERR_SPEC, "algorithm.route: 'direct' needs a mapping that %s; '%s' does not", capability_text(GIVES_DIRECT),
                       mapping->name);
    const struct fbloss_def *fbloss = fbloss_of(c);
    const char *loss = fbloss->part.name;
    const bool direct = choice->route == ROUTE_DIRECT, recurrent = chain->n_links > chain->n_layers;
    if (fbloss->chain_only && direct)
        return err_set(e, ERR_SPEC, "algorithm.route: feedback_loss '%s' needs route 'chain'", loss);
    if (fbloss->feed_forward && recurrent)
        return err_set(e, ERR_SPEC, "algorithm.feedback_loss: '%s' is defined for feed-forward networks", loss);
    if (fbloss->grads && direct && recurrent)
        return err_set(e, ERR_SPEC, "algorithm.route: feedback_loss '%s' on route 'direct' is defined for feed-forward networks", loss);
    if ((mapping->gives & GIVES_TRAIN) && !fbloss_of(c)->grads)
        return err_set(e, ERR_SPEC, "algorithm.feedback_loss: mapping '%s' learns, but feedback_loss is 'none'; choose one, or mapping 'fixed'", mapping->name);
    if (update_of(c)->shape)
        TRY(update_of(c)->shape(c, e));
    return mapping_of(c)->shape ? mapping_of(c)->shape(c, a, e) : 0;
}

/* Matrices for every link under the head, one block of memory per layer. */
static int alloc_links(const struct credit *c, struct mat **links, struct mat **stacks, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    *links = arena_alloc(a, c->n, sizeof **links);
    *stacks = arena_alloc(a, chain->n_layers, sizeof **stacks);
    if (!*links || !*stacks)
        return err_set(e, ERR_MEMORY, "not enough memory for the targets of %zu links", c->n);
    for (size_t i = 0; i < chain->n_layers && chain->first_link[i] < c->n; i++) {
        (*stacks)[i] = mat_new(a, chain->links_of[i] * c->rows, chain->layers[i].n_out);
        if (!(*stacks)[i].p)
            return err_set(e, ERR_MEMORY, "not enough memory for the targets of layer %zu", i);
        for (size_t k = 0; k < chain->links_of[i]; k++)
            (*links)[chain->first_link[i] + k] = mat_rows((*stacks)[i], k * c->rows, c->rows);
    }
    return 0;
}

/* Entries of one scratch buffer: any layer's stack, seen from either side. */
static size_t scratch_size(const struct credit *c, size_t rows)
{
    size_t n = 0;
    for (size_t i = 0; i < c->chain->n_layers; i++) {
        const struct layer *l = &c->chain->layers[i];
        size_t cols = l->n_out > l->n_in ? l->n_out : l->n_in;
        cols = l->n_delta > cols ? l->n_delta : cols;
        /* only feedback losses work on whole stacks */
        const size_t links = fbloss_of(c)->feed_forward ? c->n : i > 0 ? c->chain->per_step : fbloss_of(c)->grads ? c->chain->links_of[i] : 1;
        n = links * rows * cols > n ? links * rows * cols : n;
    }
    return n;
}

int credit_open(struct credit *c, size_t rows, struct arena *a, struct err *e)
{
    c->rows = rows;
    credit_set_epoch(c, 1);
    TRY(alloc_links(c, &c->d, &c->d_stack, a, e));
    const struct update_options *update = c->choice.update.opts;
    if (update_of(c)->needs_signals)
        TRY(alloc_links(c, &c->s, &c->s_stack, a, e));
    if (update->order == ORDER_SEQUENTIAL_KEPT)
        TRY(alloc_links(c, &c->kept, &c->kept_stack, a, e));
    if (c->choice.head > 0) {
        c->top = mat_new(a, rows * c->chain->per_step, c->chain->layers[c->chain->layer_of[c->n - 1]].n_out);
        if (!c->top.p)
            return err_set(e, ERR_MEMORY, "not enough memory for the head's gradient");
    }
    if (c->chain->per_step > 1)
        TRY(alloc_links(c, &c->own, &c->own_stack, a, e));
    for (size_t i = 0; i < sizeof c->scratch / sizeof *c->scratch; i++) {
        c->scratch[i] = arena_alloc(a, scratch_size(c, rows), sizeof(real));
        if (!c->scratch[i])
            return err_set(e, ERR_MEMORY, "not enough memory for credit assignment");
    }
    if (update_of(c)->open)
        TRY(update_of(c)->open(c, a, e));
    return mapping_of(c)->open ? mapping_of(c)->open(c, a, e) : 0;
}

void credit_finish(struct credit *c)
{
    if (c->choice.mapping.part && mapping_of(c)->finish)
        mapping_of(c)->finish(c);
}

double credit_reals(const struct credit *c, size_t rows)
{
    const struct chain *chain = c->chain;
    const struct update_options *update = c->choice.update.opts;
    double links = 0, n = 0;
    for (size_t i = 0; i < chain->n_layers && chain->first_link[i] < c->n; i++)
        links += (double)chain->links_of[i] * (double)rows * (double)chain->layers[i].n_out;
    n += links * (1 + update_of(c)->needs_signals + (update->order == ORDER_SEQUENTIAL_KEPT) + (chain->per_step > 1));
    if (c->choice.head > 0)
        n += (double)rows * (double)chain->per_step * (double)chain->layers[chain->layer_of[c->n - 1]].n_out;
    n += (double)(sizeof c->scratch / sizeof *c->scratch) * (double)scratch_size(c, rows);
    if (update_of(c)->reals)
        n += update_of(c)->reals(c, rows);
    return n + (mapping_of(c)->reals ? mapping_of(c)->reals(c, rows) : 0);
}

int credit_head(struct credit *c, struct pass *p, struct chosen loss, real *g, struct err *e)
{
    (void)e;
    const struct chain *chain = c->chain;
    memset(g, 0, chain->n_vector * sizeof *g);
    chain_loss(p, loss, true);
    struct mat s = p->gradient;
    for (size_t k = chain->n_links; k-- > c->n;) {
        const struct layer *l = &chain->layers[chain->layer_of[k]];
        struct mat down = k == c->n ? c->top : mat_of(c->scratch[k % 2], s.rows, l->n_in);
        if (k > c->n)
            chain_vjp(p, k, s, down);
        else /* a target's gradient is that at what the layer sent, passed straight through (Lee 2015, scripts) */
            l->def->vjp(l, p->links[k], s, down);
        l->def->grads(l, p->links[k], 1, g);
        s = down;
    }
    c->top = s;
    return 0;
}

void credit_set_epoch(struct credit *c, int64_t epoch)
{
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    c->noise = !o ? 0 : o->noise_decay > 0 ? o->noise / (1 + (double)epoch / o->noise_decay) : o->noise;
}

int credit_refresh(struct credit *c, struct pass *p, struct err *e)
{
    return mapping_of(c)->refresh ? mapping_of(c)->refresh(c, p, e) : 0;
}

int credit_feedback(struct credit *c, struct pass *p, struct err *e)
{
    if (!fbloss_of(c)->grads)
        return 0;
    memset(c->feedback_gradient, 0, c->n_feedback_vector * sizeof *c->feedback_gradient);
    TRY(fbloss_of(c)->grads(c, p, e));
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    for (size_t i = 0; i < c->n_feedback && o->weight_decay > 0; i++) {
        const struct layer *g = &c->feedback[i].layer;
        for (size_t j = 0; j < g->n_params; j++)
            mat_axpy((real)o->weight_decay, layer_param(g, j, c->feedback_weights), layer_param(g, j, c->feedback_gradient));
    }
    return 0;
}

int credit_targets(struct credit *c, struct pass *p, struct err *e)
{
    (void)e;
    c->first_nonzero = 0;
    c->has_deltas = false;
    ((const struct target_def *)c->choice.target.part)->set(c, p, c->top);
    ((const struct propagate_def *)c->choice.propagate.part)->back(c, p);
    if (mapping_of(c)->own_target)
        mapping_of(c)->own_target(c);
    return 0;
}

int credit_update(struct credit *c, struct pass *p, real *g, struct err *e)
{
    (void)e;
    update_of(c)->grads(c, p, g);
    return 0;
}

struct mat credit_incoming(struct credit *c, size_t k)
{
    const size_t s = credit_source(c, k);
    const struct target_options *o = c->choice.target.opts;
    if (!c->own || o->sequence != SEQUENCE_RELEASED)
        return c->d[s];
    struct mat sum = mat_of(c->scratch[1], c->d[s].rows, c->d[s].cols);
    mat_add(c->d[s], c->own[s], sum);
    return sum;
}

void credit_add_own(struct credit *c, size_t k)
{
    const struct target_options *o = c->choice.target.opts;
    if (c->own && o->sequence == SEQUENCE_NATURAL)
        mat_add(c->d[k], c->own[k], c->d[k]);
}

bool credit_vanished(struct credit *c, size_t k)
{
    if (c->own)
        return false; /* a loss at an earlier step may still bring one in */
    if (!(mat_max_abs(c->d[k]) < REAL_TINY)) /* NaN goes on, to be seen */
        return false;
    c->first_nonzero = k + 1;
    for (size_t i = 0; i <= k; i++)
        mat_zero(c->d[i]);
    return true;
}

struct feedback *credit_feedback_of(const struct credit *c, size_t k)
{
    const size_t layer = c->chain->layer_of[k];
    for (size_t i = 0; i < c->n_feedback; i++)
        if (c->feedback[i].target == layer)
            return &c->feedback[i];
    return NULL;
}

size_t credit_n_feedback_layers(const struct credit *c)
{
    return c->n_feedback + (c->hidden ? 1 : 0);
}

struct layer *credit_feedback_layer(const struct credit *c, size_t i)
{
    return i < c->n_feedback ? &c->feedback[i].layer : &c->hidden->layer;
}

void credit_place_feedback(struct credit *c, struct layer *l)
{
    for (size_t j = 0; j < l->n_params; j++) {
        const size_t n = l->params[j].rows * l->params[j].cols, align = 64 / sizeof(real);
        l->params[j].offset = c->n_feedback_vector;
        c->n_feedback_weights += n;
        c->n_feedback_vector += (n + align - 1) / align * align;
    }
}
