#include "trial/private.h"

#include "math/blas.h"
#include <math.h>
#include <string.h>

static int open_optimizer(struct optimizer *o, size_t n_layers, struct arena *a, struct err *e)
{
    o->groups = arena_alloc(a, n_layers ? n_layers : 1, sizeof *o->groups);
    return o->groups ? 0 : err_set(e, ERR_MEMORY, "not enough memory for an optimizer");
}

/* The weights of one layer lie together: they are one group. */
static int add_group(struct optimizer *o, struct chosen choice, const struct layer *l, struct arena *a, struct err *e)
{
    if (l->n_params == 0)
        return 0;
    const struct optim_def *def = (const struct optim_def *)choice.part;
    const struct param *last = &l->params[l->n_params - 1];
    struct group *g = &o->groups[o->n_groups++];
    g->choice = choice;
    g->offset = l->params[0].offset;
    g->n = last->offset + last->rows * last->cols - g->offset;
    g->slots = arena_alloc(a, g->n * (def->n_slots ? def->n_slots : 1), sizeof *g->slots);
    return g->slots ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the optimizer's state of layer %zu", l->index);
}

/* The stepsize of the layers under the head over the target stepsize: their updates contain it as a factor (Meulemans 2020, code). */
static int divide_stepsizes(struct trial *t, struct err *e)
{
    struct chain *c = &t->chain;
    if (!c->stepsize_factors) {
        c->stepsize_factors = arena_alloc(&t->memory, c->n_vector, sizeof *c->stepsize_factors);
        for (size_t i = 0; c->stepsize_factors && i < c->n_vector; i++)
            c->stepsize_factors[i] = 1;
    }
    if (!c->stepsize_factors)
        return err_set(e, ERR_MEMORY, "not enough memory for the layers' stepsizes");
    for (size_t i = 0; i < c->n_layers && c->first_link[i] < t->credit.n; i++)
        for (size_t j = 0; j < c->layers[i].n_params; j++) {
            const struct mat factors = layer_param(&c->layers[i], j, c->stepsize_factors);
            mat_scale((real)(1 / t->config->algorithm.target_stepsize), factors, factors);
        }
    return 0;
}

static int open_optimizers(struct trial *t, struct err *e)
{
    const struct config *c = t->config;
    struct arena *a = &t->memory;
    if (c->algorithm.divide_stepsize)
        TRY(divide_stepsizes(t, e));
    TRY(open_optimizer(&t->forward, t->chain.n_layers, a, e));
    for (size_t i = 0; i < t->chain.n_layers; i++)
        TRY(add_group(&t->forward, config_optimizer(c, i), &t->chain.layers[i], a, e));
    t->forward.weights = t->chain.weights;
    t->forward.gradient = t->gradient;
    t->forward.factors = t->chain.stepsize_factors;
    if (!t->credit.n_feedback_weights || !c->algorithm.feedback.optimizer.part)
        return 0;
    TRY(open_optimizer(&t->feedback, t->credit.n_feedback, a, e));
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        TRY(add_group(&t->feedback, c->algorithm.feedback.optimizer, &t->credit.feedback[i].layer, a, e));
    t->feedback.weights = t->credit.feedback_weights;
    t->feedback.gradient = t->credit.feedback_gradient;
    return 0;
}

int trial_setup(struct trial *t, const struct config *c, bool initial_weights, struct err *e)
{
    const uint64_t seed = (uint64_t)c->seed;
    const size_t rows = (size_t)c->train.batch_size;
    struct arena *a = &t->memory;
    arena_init(a, 0);
    arena_init(&t->scratch, 0);
    t->config = c;
    t->initial_loss = NAN;
    t->bad_layer = -1;
    config_key(c, t->key);
    TRY(blas_start(e));
    t->dataset = (const struct dataset_def *)c->dataset.part;
    TRY(t->dataset->shape(c->dataset.opts, &t->data, e));
    t->budget = config_budget(c, &t->data);
    TRY(chain_shape(&t->chain, &c->network.layers, &t->data, NULL, a, e));
    TRY(chain_open(&t->chain, rows, a, e));
    const struct credit_choice choice = config_credit(&c->algorithm);
    TRY(credit_shape(&t->credit, &choice, &t->chain, a, e));
    TRY(credit_open(&t->credit, rows, a, e));
    TRY(pass_init(&t->pass, &t->chain, rows, true, a, e));
    if (c->network.input_noise.std > 0)
        TRY(pass_add_input_noise(&t->pass, c->network.input_noise.std, c->network.input_noise.gradient == INPUT_GRADIENT_CLEAN, a, e));
    t->gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->gradient);
    t->evaluation = arena_alloc(a, 2 * N_SPLITS, sizeof *t->evaluation);
    const struct update_options *update = c->algorithm.update.opts;
    if (update->order != ORDER_SIMULTANEOUS)
        t->kept_gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->kept_gradient);
    if (!t->gradient || (update->order != ORDER_SIMULTANEOUS && !t->kept_gradient) || !t->evaluation)
        return err_set(e, ERR_MEMORY, "not enough memory for the gradient");
    TRY(open_optimizers(t, e));
    TRY(feedback_only_open(t, e));
    TRY(references_open(t, e));
    TRY(noise_open(t, seed, e));
    if (!initial_weights)
        return 0;
    TRY(chain_init(&t->chain, c->network.init.weights, c->network.init.biases, seed, &t->scratch, e));
    for (size_t i = 0; i < credit_n_feedback_layers(&t->credit); i++)
        TRY(chain_init_layer(credit_feedback_layer(&t->credit, i), "feedback", c->network.init.weights, c->network.init.biases, seed, &t->scratch, e));
    return 0;
}

void trial_teardown(struct trial *t)
{
    if (t->dataset_state && t->dataset->close)
        t->dataset->close(t->dataset_state);
    references_close(t);
    credit_finish(&t->credit);
    chain_finish(&t->chain);
    arena_finish(&t->memory);
    arena_finish(&t->scratch);
}
