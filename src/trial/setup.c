#include "trial/measures.h"

#include <math.h>
#include <string.h>

static int open_optimizer(struct optimizer *o, size_t n_layers, struct arena *a, struct err *e)
{
    o->groups = arena_alloc(a, n_layers ? n_layers : 1, sizeof *o->groups);
    return o->groups ? 0 : err_set(e, ERR_MEMORY, "not enough memory for an optimizer");
}

/* The weights of one layer lie together: they are one group. */
static int add_group(struct optimizer *o, struct chosen choice, const struct unit *l, size_t unit, struct arena *shapes,
                     struct arena *a, struct err *e)
{
    if (l->n_params == 0)
        return 0;
    const struct optim_def *def = optim_def_of(choice);
    const struct param *last = &l->params[l->n_params - 1];
    struct group *g = &o->groups[o->n_groups++];
    g->choice = choice;
    g->unit = unit;
    g->offset = l->params[0].offset;
    g->n = last->offset + last->rows * last->cols - g->offset;
    TRY(schedule_open(g, shapes, e));
    g->slots = arena_alloc(a, g->n * (def->n_slots ? def->n_slots : 1), sizeof *g->slots);
    return g->slots ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the optimizer's state of layer %zu", l->index);
}

/* The stepsize of the units under the head over the target stepsize: their updates contain it as a factor (Meulemans
 * 2020, code). */
static int divide_stepsizes(struct trial *t, struct err *e)
{
    struct chain *c = &t->chain;
    TRY(chain_factors(c, &t->memory, e));
    for (size_t i = 0; i < c->n_units && c->first_link[i] < t->credit.n && !t->memory.counting; i++)
        for (size_t j = 0; j < c->units[i].n_params; j++) {
            const struct mat factors = unit_param(&c->units[i], j, c->stepsize_factors);
            mat_scale((real)(1 / t->config->algorithm.target_stepsize), factors, factors);
        }
    return 0;
}

/* The optimizer of feedback unit i: the file's for it, with the stepsize that is the unit's. */
static int feedback_optimizer(const struct config_feedback *f, size_t i, struct chosen *choice, struct arena *a,
                              struct err *e)
{
    const struct chosen own = feedback_choice(f, i);
    *choice = own;
    if (!f->stepsize.items)
        return 0;
    choice->opts = arena_alloc(a, 1, own.part->opts_size);
    if (!choice->opts)
        return err_set(e, ERR_MEMORY, "not enough memory for an optimizer");
    memcpy(choice->opts, own.opts, own.part->opts_size);
    ((struct optim_common *)choice->opts)->stepsize = feedback_stepsize(f, i);
    return 0;
}

static int open_optimizers(struct trial *t, struct err *e)
{
    const struct config *c = t->config;
    struct arena *a = &t->memory;
    if (c->algorithm.divide_stepsize)
        TRY(divide_stepsizes(t, e));
    TRY(open_optimizer(&t->forward, t->chain.n_units, a, e));
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(add_group(&t->forward, config_optimizer(c, i), &t->chain.units[i], i, t->shapes, a, e));
    t->forward.weights = t->chain.weights;
    t->forward.gradient = t->gradient;
    t->forward.factors = t->chain.stepsize_factors;
    if (!t->credit.n_feedback_weights || !(c->algorithm.mapping.part->gives & GIVES_TRAIN))
        return 0; /* fixed ones stay as they are, whatever the optimizer would take off them */
    TRY(open_optimizer(&t->feedback, t->credit.n_feedback, a, e));
    t->asked = arena_alloc(a, t->credit.n_feedback, sizeof *t->asked);
    if (!t->asked)
        return err_set(e, ERR_MEMORY, "not enough memory for the schedule of feedback learning");
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        struct chosen choice;
        TRY(feedback_optimizer(&c->algorithm.feedback, i, &choice, t->shapes, e));
        TRY(add_group(&t->feedback, choice, &t->credit.feedback[i].unit, i, t->shapes, a, e));
    }
    t->feedback.weights = t->credit.feedback_weights;
    t->feedback.gradient = t->credit.feedback_gradient;
    return 0;
}

int trial_open_parts(struct trial *t, const struct config *c, struct arena *shapes, struct err *e)
{
    const size_t rows = (size_t)c->train.batch_size;
    struct arena *a = &t->memory;
    t->config = c;
    t->shapes = shapes;
    t->initial_loss = NAN;
    t->bad_layer = -1;
    t->dataset = dataset_def_of(c->dataset);
    t->data = c->data;
    t->budget = config_budget(c, &t->data);
    TRY(chain_shape_form(&t->chain, &c->network.layers, c->network.form, &t->data, NULL, shapes, e));
    const struct credit_choice choice = config_credit(&c->algorithm);
    TRY(credit_shape(&t->credit, &choice, &t->chain, shapes, e));
    TRY(chain_open(&t->chain, rows, a, e));
    TRY(credit_open(&t->credit, rows, a, e));
    const bool goes_up = propagate_of(&t->credit)->trips || fbloss_of(&t->credit)->goes_up;
    TRY(pass_init(&t->pass, &t->chain, rows, AT_GRADIENTS | (goes_up ? AT_KEPT : 0), a, e));
    if (c->network.input_noise.std > 0)
        TRY(pass_add_input_noise(&t->pass, c->network.input_noise.std,
                                 c->network.input_noise.gradient == INPUT_GRADIENT_CLEAN, a, e));
    t->gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->gradient);
    t->evaluation = arena_alloc(a, 2 * N_SPLITS, sizeof *t->evaluation);
    const struct update_options *update = c->algorithm.update.opts;
    if (update->order != ORDER_SIMULTANEOUS)
        t->kept_gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->kept_gradient);
    if (!t->gradient || (update->order != ORDER_SIMULTANEOUS && !t->kept_gradient) || !t->evaluation)
        return err_set(e, ERR_MEMORY, "not enough memory for the gradient");
    struct mat *stacks;
    if (update->order == ORDER_SEQUENTIAL_KEPT)
        TRY(credit_alloc_links(&t->credit, &t->kept_targets, &stacks, a, e));
    TRY(open_optimizers(t, e));
    TRY(feedback_only_open(t, e));
    stop_open(t);
    return references_open(t, e);
}

int trial_setup(struct trial *t, const struct config *c, bool initial_weights, struct err *e)
{
    const uint64_t seed = (uint64_t)c->seed;
    arena_init(&t->memory, 0);
    arena_init(&t->scratch, 0);
    config_key(c, t->key);
    TRY(trial_open_parts(t, c, &t->memory, e));
    TRY(noise_open(t, seed, e));
    if (!initial_weights)
        return 0;
    TRY(chain_init(&t->chain, c->network.init.weights, c->network.init.biases, seed, &t->scratch, e));
    for (size_t i = 0; i < credit_n_feedback_units(&t->credit); i++)
        TRY(chain_init_unit(credit_feedback_unit(&t->credit, i), "feedback", c->network.init.weights,
                            c->network.init.biases, seed, &t->scratch, e));
    if (t->credit.n_feedback && mapping_of(&t->credit)->drawn)
        mapping_of(&t->credit)->drawn(&t->credit);
    if (mapping_of(&t->credit)->start)
        mapping_of(&t->credit)->start(&t->credit);
    return 0;
}

void trial_teardown(struct trial *t)
{
    if (t->dataset_state && t->dataset->close)
        t->dataset->close(t->dataset_state);
    arena_finish(&t->memory);
    arena_finish(&t->scratch);
}
