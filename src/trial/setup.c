#include "trial/private.h"

#include "math/blas.h"
#include <math.h>
#include <string.h>

static int open_optimizer(struct optimizer *o, struct chosen choice, size_t n_layers, struct arena *a, struct err *e)
{
    o->choice = choice;
    o->groups = arena_alloc(a, n_layers ? n_layers : 1, sizeof *o->groups);
    return o->groups ? 0 : err_set(e, ERR_MEMORY, "not enough memory for an optimizer");
}

/* The weights of one layer lie together: they are one group. */
static int add_group(struct optimizer *o, const struct layer *l, struct arena *a, struct err *e)
{
    if (l->n_params == 0)
        return 0;
    const struct optim_def *def = (const struct optim_def *)o->choice.part;
    const struct param *last = &l->params[l->n_params - 1];
    struct group *g = &o->groups[o->n_groups++];
    g->offset = l->params[0].offset;
    g->n = last->offset + last->rows * last->cols - g->offset;
    g->slots = arena_alloc(a, g->n * (def->n_slots ? def->n_slots : 1), sizeof *g->slots);
    return g->slots ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the optimizer's state of layer %zu", l->index);
}

static int open_optimizers(struct trial *t, struct err *e)
{
    const struct config *c = t->config;
    struct arena *a = &t->memory;
    TRY(open_optimizer(&t->forward, c->train.optimizer, t->chain.n_layers, a, e));
    for (size_t i = 0; i < t->chain.n_layers; i++)
        TRY(add_group(&t->forward, &t->chain.layers[i], a, e));
    t->forward.weights = t->chain.weights;
    t->forward.gradient = t->gradient;
    t->forward.factors = t->chain.stepsize_factors;
    if (!t->credit.n_feedback_weights || !c->algorithm.feedback.optimizer.part)
        return 0;
    TRY(open_optimizer(&t->feedback, c->algorithm.feedback.optimizer, t->credit.n_feedback, a, e));
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        TRY(add_group(&t->feedback, &t->credit.feedback[i].layer, a, e));
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
    t->gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->gradient);
    t->noise = arena_alloc(a, t->credit.n_feedback ? t->credit.n_feedback : 1, sizeof *t->noise);
    t->evaluation = arena_alloc(a, N_SPLITS, sizeof *t->evaluation);
    const struct update_options *update = c->algorithm.update.opts;
    if (update->order != ORDER_SIMULTANEOUS)
        t->kept_gradient = arena_alloc(a, t->chain.n_vector, sizeof *t->kept_gradient);
    if (!t->gradient || (update->order != ORDER_SIMULTANEOUS && !t->kept_gradient) || !t->noise || !t->evaluation)
        return err_set(e, ERR_MEMORY, "not enough memory for the gradient");
    TRY(open_optimizers(t, e));
    if (reference_asked(c))
        TRY(reference_open(t, e));
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        char name[64];
        snprintf(name, sizeof name, "noise.feedback.%zu", t->credit.feedback[i].target);
        t->noise[i] = rng_stream(seed, name);
    }
    t->input_noise = rng_stream(seed, "noise.input");
    if (!initial_weights)
        return 0;
    TRY(chain_init(&t->chain, c->network.init.weights, c->network.init.biases, seed, &t->scratch, e));
    TRY(initial_read(t, e));
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        TRY(chain_init_layer(&t->credit.feedback[i].layer, "feedback", c->network.init.weights, c->network.init.biases, seed, &t->scratch, e));
    return 0;
}

void trial_teardown(struct trial *t)
{
    if (t->dataset_state && t->dataset->close)
        t->dataset->close(t->dataset_state);
    reference_close(t);
    credit_finish(&t->credit);
    chain_finish(&t->chain);
    arena_finish(&t->memory);
    arena_finish(&t->scratch);
}
