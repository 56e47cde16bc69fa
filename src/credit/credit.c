#include "credit/credit.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const route_names[] = { "chain", "direct", NULL };
const char *const reduction_names[] = { "per_stepsize", "half_sum",      "half_mean",         "mean",
                                        "unit_mean",    "position_mean", "mean_per_stepsize", NULL };

/* loss / sum of squares. */
static double reduction_value(int reduction, size_t rows, struct shape state, double target_stepsize)
{
    switch (reduction) {
    case REDUCTION_PER_STEPSIZE:
        return 0.5 / target_stepsize;
    case REDUCTION_MEAN_PER_STEPSIZE:
        return 0.5 / (target_stepsize * (double)rows);
    case REDUCTION_HALF_SUM:
        return 0.5;
    case REDUCTION_HALF_MEAN:
        return 0.5 / (double)rows;
    case REDUCTION_MEAN:
        return 1 / (double)rows;
    case REDUCTION_POSITION_MEAN:
        return 1 / ((double)rows * (shape_is_map(state) ? (double)state.n : 1));
    default:
        return 1 / ((double)rows * (double)state.n);
    }
}

double reduction_factor(int reduction, size_t rows, struct shape state, double target_stepsize)
{
    return 2 * reduction_value(reduction, rows, state, target_stepsize);
}

/* The registries: a new part is one extern and one word here. */
#define TARGETS(X) X(target_gradient)
#define MAPPINGS(X)                                                                                                    \
    X(mapping_adjoint)                                                                                                 \
    X(mapping_inverse)                                                                                                 \
    X(mapping_learned)                                                                                                 \
    X(mapping_fixed)                                                                                                   \
    X(mapping_pinv) X(mapping_encoder) X(mapping_transpose) X(mapping_reversible) X(mapping_sign_symmetry)
#define FBLOSSES(X)                                                                                                    \
    X(fbloss_none)                                                                                                     \
    X(fbloss_reconstruction)                                                                                           \
    X(fbloss_inversion) X(fbloss_difference) X(fbloss_local) X(fbloss_reverse_target) X(fbloss_settle)
#define PROPAGATES(X)                                                                                                  \
    X(propagate_linear)                                                                                                \
    X(propagate_difference)                                                                                            \
    X(propagate_plain) X(propagate_none) X(propagate_iterate) X(propagate_relax) X(propagate_label)
#define UPDATES(X)                                                                                                     \
    X(update_gradient) X(update_through_chain) X(update_denoising) X(update_unit) X(update_influence) X(update_equal)

#define PART_OF(name) &name.part,
#define EXTERN_TARGET(name) extern const struct target_def name;
#define EXTERN_MAPPING(name) extern const struct mapping_def name;
#define EXTERN_FBLOSS(name) extern const struct fbloss_def name;
#define EXTERN_PROPAGATE(name) extern const struct propagate_def name;
#define EXTERN_UPDATE(name) extern const struct update_def name;
#define REGISTRY(name, kind, list)                                                                                     \
    static const struct part *const name##_parts[] = { list(PART_OF) };                                                \
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

/* key: the part's in a file. */
static int check_needs(const char *key, const struct part *part, const struct part *mapping, struct err *e)
{
    const unsigned lacks = part->needs & ~mapping->gives;
    if (!lacks)
        return 0;
    return err_about(e, key, "'%s' needs a mapping that %s; '%s' does not", part->name, capability_text(lacks),
                     mapping->name);
}

int credit_check(const struct credit_choice *choice, struct err *e)
{
    TRY(check_needs("algorithm.propagate", choice->propagate.part, choice->mapping.part, e));
    return check_needs("algorithm.feedback_loss", choice->feedback_loss.part, choice->mapping.part, e);
}

/* Run-time state of the parts. */
static int alloc_states(struct credit *c, struct arena *a, struct err *e)
{
    const struct {
        const struct part *part;
        void **state;
    } all[] = { { c->choice.target.part, &c->target_state },
                { c->choice.mapping.part, &c->mapping_state },
                { c->choice.feedback_loss.part, &c->fbloss_state },
                { c->choice.propagate.part, &c->propagate_state },
                { c->choice.update.part, &c->update_state } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i].state = arena_alloc(a, all[i].part->state_size, 1); /* bytes: no number, even if 8 of them */
        if (!*all[i].state)
            return err_set(e, ERR_MEMORY, "not enough memory for '%s'", all[i].part->name);
    }
    return 0;
}

/* The head, and the route from its lower end. */
static int check_head(const struct credit *c, struct err *e)
{
    const struct chain *chain = c->chain;
    const struct part *mapping = c->choice.mapping.part;
    if (c->choice.head >= chain->n_units)
        return err_about(e, "algorithm.head",
                         "%zu is out of range; the network has %zu layers and one must stay below the head",
                         c->choice.head, chain->n_units);
    if (chain->per_step > 1 && c->choice.head + 1 != chain->n_units)
        return err_about(
            e, "algorithm.head",
            "with losses at every step the layers above the recurrent one follow the exact gradient: head: %zu",
            chain->n_units - 1);
    if (chain->per_step > 1 && c->choice.route == ROUTE_DIRECT)
        return err_about(e, "algorithm.route",
                         "'direct' has one source, but with `sequence: true` there is a loss at every step");
    TRY(credit_check(&c->choice, e));
    if (c->choice.route == ROUTE_DIRECT && !(mapping->gives & GIVES_DIRECT))
        return err_about(e, "algorithm.route", "'direct' needs a mapping that %s; '%s' does not",
                         capability_text(GIVES_DIRECT), mapping->name);
    return 0;
}

int credit_shape(struct credit *c, const struct credit_choice *choice, const struct chain *chain, struct arena *a,
                 struct err *e)
{
    *c = (struct credit){ .choice = *choice, .chain = chain, .bad_layer = -1, .epoch = 1 };
    TRY(check_head(c, e));
    c->n =
        chain->n_links - choice->head; /* a recurrent unit is the first one, so units of the head have one link each */
    for (size_t i = 0; i < chain->n_units; i++)
        c->ties |= chain->units[i].tied != NULL;
    TRY(ways_check(c, e));
    TRY(ways_list(c, a, e));
    TRY(alloc_states(c, a, e));
    if (mapping_of(c)->shape)
        TRY(mapping_of(c)->shape(c, a, e));
    int (*const fits[])(const struct credit *c, struct err *e) = { target_of(c)->fits, propagate_of(c)->fits,
                                                                   fbloss_of(c)->fits, update_of(c)->fits };
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++)
        if (fits[i])
            TRY(fits[i](c, e));
    return 0;
}

size_t credit_min_rows(const struct credit *c)
{
    const struct propagate_def *propagate = propagate_of(c);
    size_t least = propagate->min_rows ? propagate->min_rows(c) : 1;
    for (size_t i = 0; i < c->n_feedback; i++)
        least = c->feedback[i].unit.min_rows > least ? c->feedback[i].unit.min_rows : least;
    return least > 1 ? least : 1;
}

int credit_alloc_links(const struct credit *c, struct mat **links, struct mat **stacks, struct arena *a, struct err *e)
{
    const struct chain *chain = c->chain;
    *links = arena_alloc(a, c->n, sizeof **links);
    *stacks = arena_alloc(a, chain->n_units, sizeof **stacks);
    if (!*links || !*stacks)
        return err_set(e, ERR_MEMORY, "not enough memory for the targets of %zu links", c->n);
    for (size_t i = 0; i < chain->n_units && chain->first_link[i] < c->n; i++) {
        (*stacks)[i] = mat_new(a, chain->links_of[i] * c->rows, chain->units[i].out.n);
        if (!(*stacks)[i].p)
            return err_set(e, ERR_MEMORY, "not enough memory for the targets of layer %zu", i);
        for (size_t k = 0; k < chain->links_of[i]; k++)
            (*links)[chain->first_link[i] + k] = mat_rows((*stacks)[i], k * c->rows, c->rows);
    }
    return 0;
}

/* The widest matrix that a unit reads or gives inside. As deep as the file. */
static size_t widest(const struct unit *u)
{
    size_t n = u->out.n > u->in.n ? u->out.n : u->in.n;
    for (size_t j = 0; j < u->n_inner; j++) {
        const size_t inner = widest(&u->inner[j]);
        n = inner > n ? inner : n;
    }
    return n;
}

/* Entries of scratch buffer i: any unit's stack, seen from either side, and of the last two also what the layers of a
 * feedback unit give to each other. */
static size_t scratch_size(const struct credit *c, size_t i)
{
    size_t n = 0;
    for (size_t k = 0; k < c->chain->n_units; k++) {
        const struct unit *u = &c->chain->units[k];
        const size_t cols = u->out.n > u->in.n ? u->out.n : u->in.n;
        /* only feedback losses work on whole stacks */
        const size_t links = fbloss_of(c)->grads_of_all ? c->n
                             : k > 0                    ? c->chain->per_step
                             : fbloss_of(c)->grads      ? c->chain->links_of[k]
                                                        : 1;
        n = links * c->rows * cols > n ? links * c->rows * cols : n;
    }
    for (size_t k = 0; i >= SCRATCH_INSIDE && k < c->n_feedback; k++) {
        const size_t inside = c->rows * widest(&c->feedback[k].unit);
        n = inside > n ? inside : n;
    }
    return n;
}

static int open_feedback_weights(struct credit *c, struct arena *a, struct err *e)
{
    if (!c->n_feedback)
        return 0;
    c->feedback_weights = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    c->feedback_gradient = arena_alloc(a, c->n_feedback_vector, sizeof(real));
    return c->feedback_weights && c->feedback_gradient
               ? 0
               : err_set(e, ERR_MEMORY, "not enough memory for %zu feedback weights", c->n_feedback_weights);
}

/* Room for two numbers, three matrices of each unit and two of each way. */
static size_t shown_most(const struct credit *c)
{
    return 2 + 3 * c->chain->n_units + 2 * c->n_ways;
}

int credit_open(struct credit *c, size_t rows, struct arena *a, struct err *e)
{
    c->rows = rows;
    TRY(credit_alloc_links(c, &c->d, &c->d_stack, a, e));
    if (c->choice.head > 0) {
        c->top = mat_new(a, rows * c->chain->per_step, c->chain->units[c->chain->unit_of[c->n - 1]].out.n);
        if (!c->top.p)
            return err_set(e, ERR_MEMORY, "not enough memory for the head's gradient");
    }
    if (c->chain->per_step > 1)
        TRY(credit_alloc_links(c, &c->own, &c->own_stack, a, e));
    /* what learns feedback or goes up and down again needs more than a walk down */
    const bool walks = !c->n_feedback && !propagate_of(c)->trips;
    for (size_t i = 0; i < (walks ? 2 : sizeof c->scratch / sizeof *c->scratch); i++) {
        c->scratch[i] = arena_alloc(a, scratch_size(c, i), sizeof(real));
        if (!c->scratch[i])
            return err_set(e, ERR_MEMORY, "not enough memory for credit assignment");
    }
    c->draws = arena_alloc(a, 1 + 2 * c->n_feedback, sizeof *c->draws);
    if (!c->draws)
        return err_set(e, ERR_MEMORY, "not enough memory for the streams of noise");
    c->most_shown = shown_most(c);
    c->shown = arena_alloc(a, c->most_shown, sizeof *c->shown);
    if (!c->shown)
        return err_set(e, ERR_MEMORY, "not enough memory for what a step shows");
    TRY(ways_open(c, a, e));
    TRY(open_feedback_weights(c, a, e));
    if (update_of(c)->open)
        TRY(update_of(c)->open(c, a, e));
    if (mapping_of(c)->open)
        TRY(mapping_of(c)->open(c, a, e));
    if (propagate_of(c)->open)
        TRY(propagate_of(c)->open(c, a, e));
    return fbloss_of(c)->open ? fbloss_of(c)->open(c, a, e) : 0;
}

void credit_draws(struct credit *c, struct draw draw, const char *name, ...)
{
    va_list args;
    assert(c->n_draws < 1 + 2 * c->n_feedback); /* room for one of the update rule and two of each feedback unit */
    va_start(args, name);
    vsnprintf(draw.name, sizeof draw.name, name, args);
    va_end(args);
    c->draws[c->n_draws++] = draw;
}

void credit_clear(const struct credit *c, const struct unit *u, real *g)
{
    if (!c->ties)
        unit_clear(u, g);
}

int credit_head(struct credit *c, struct pass *p, struct chosen loss, real *g, struct err *e)
{
    (void)e;
    const struct chain *chain = c->chain;
    if (c->ties)
        memset(g, 0, chain->n_vector * sizeof *g);
    chain_loss(p, loss, true);
    struct mat s = p->gradient;
    for (size_t k = chain->n_links; k-- > c->n;) {
        const struct unit *l = &chain->units[chain->unit_of[k]];
        struct mat down = k == c->n ? c->top : mat_of(c->scratch[k % 2], s.rows, l->in.n);
        if (k > c->n)
            chain_vjp(p, k, s, down);
        else /* a target's gradient is that at what the layer sent, passed straight through (Lee 2015, scripts) */
            l->def->vjp(l, p->links[k], s, down);
        credit_clear(c, l, g);
        l->def->grads(l, p->links[k], 1, g);
        s = down;
    }
    c->top = s;
    return 0;
}

int credit_refresh(struct credit *c, struct pass *p, struct err *e)
{
    return mapping_of(c)->refresh ? mapping_of(c)->refresh(c, p, e) : 0;
}

/* One after the other, those that are asked for; all of them in the stacked form, if the loss has one. */
static int feedback_grads(struct credit *c, struct pass *p, const bool *asked, struct err *e)
{
    if (!asked && fbloss_of(c)->grads_of_all)
        return fbloss_of(c)->grads_of_all(c, p, e);
    for (size_t i = 0; i < c->n_feedback; i++)
        if (!asked || asked[i])
            TRY(fbloss_of(c)->grads(c, p, &c->feedback[i], e));
    return 0;
}

int credit_feedback(struct credit *c, struct pass *p, const bool *asked, struct err *e)
{
    if (!fbloss_of(c)->grads || !c->n_feedback)
        return 0;
    if (asked || !fbloss_of(c)->grads_of_all)
        memset(c->feedback_gradient, 0, c->n_feedback_vector * sizeof *c->feedback_gradient);
    TRY(feedback_grads(c, p, asked, e));
    const struct fbloss_options *o = c->choice.feedback_loss.opts;
    for (size_t i = 0; i < c->n_feedback && o->weight_decay > 0; i++) {
        const struct unit *g = &c->feedback[i].unit;
        for (size_t j = 0; j < g->n_params && (!asked || asked[i]); j++)
            mat_axpy((real)o->weight_decay, unit_param(g, j, c->feedback_weights),
                     unit_param(g, j, c->feedback_gradient));
    }
    return 0;
}

int credit_targets(struct credit *c, struct pass *p, struct err *e)
{
    c->first_nonzero = 0;
    c->has_deltas = false;
    target_of(c)->set(c, p, c->top);
    TRY(propagate_of(c)->back(c, p, 0, e));
    if (mapping_of(c)->own_target)
        mapping_of(c)->own_target(c);
    ways_shown(c, p);
    return 0;
}

int credit_update(struct credit *c, struct pass *p, real *g, struct err *e)
{
    (void)e;
    update_of(c)->grads(c, p, g);
    return 0;
}

size_t credit_n_feedback_units(const struct credit *c)
{
    return c->n_feedback + (c->untrained ? 1 : 0);
}

struct unit *credit_feedback_unit(const struct credit *c, size_t i)
{
    return i < c->n_feedback ? &c->feedback[i].unit : c->untrained;
}
