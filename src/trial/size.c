/* What a trial takes and costs, from shapes alone. */
#include "trial/private.h"

#include <stdio.h>

/* Products of one training step: forward, the head's way back, one product per link for each of feedback mapping and update rule, and one product
 * per parameter matrix for the gradients; a factorization where the mapping inverts. */
double step_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    double forward = 0, gradients = 0, back = 0, product;
    for (size_t i = 0; i < chain->n_layers; i++) {
        const struct layer *l = &chain->layers[i];
        const double links = (double)chain->links_of[i], f = l->def->flops(l, rows, &product);
        forward += links * f;
        gradients += links * f;
        back += (i == 0 && chain->links_of[i] == 1 ? 0 : links) * product;
    }
    const struct update_def *update = (const struct update_def *)credit->choice.update.part;
    const bool propagates = ((const struct propagate_def *)credit->choice.propagate.part)->part.needs != 0;
    double n = forward + gradients + (propagates ? back : 0) + (update->needs_signals ? back : 0);
    for (size_t i = 0; i < credit->n_feedback; i++) {
        const struct layer *g = &credit->feedback[i].layer;
        const double links = (double)chain->links_of[credit->feedback[i].through];
        n += 4 * links * 2.0 * (double)rows * (double)g->n_in * (double)g->n_out;
    }
    return n;
}

/* A forward pass, and for each feedback layer its round trip and its gradient. */
double feedback_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    double n = chain_flops(chain, rows);
    for (size_t i = 0; i < credit->n_feedback; i++) {
        const struct layer *g = &credit->feedback[i].layer;
        n += 4 * (double)chain->links_of[credit->feedback[i].through] * 2.0 * (double)rows * (double)g->n_in * (double)g->n_out;
    }
    return n;
}

/* Reals of the optimizers' state. */
static double slots(const struct config *c, const struct chain *chain, const struct credit *credit)
{
    double n = 0;
    for (size_t i = 0; i < chain->n_layers; i++)
        n += (double)((const struct optim_def *)config_optimizer(c, i).part)->n_slots * (double)layer_n_weights(&chain->layers[i]);
    const struct optim_def *feedback = (const struct optim_def *)c->algorithm.feedback.optimizer.part;
    return n + (feedback ? (double)feedback->n_slots * (double)credit->n_feedback_vector : 0);
}

int trial_measure(const struct config *c, struct trial_size *size, struct arena *a, struct err *e)
{
    struct data_shape data = { 0 };
    struct chain chain;
    struct credit credit;
    const struct credit_choice choice = config_credit(&c->algorithm);
    TRY(((const struct dataset_def *)c->dataset.part)->shape(c->dataset.opts, &data, e));
    TRY(chain_shape(&chain, &c->network.layers, &data, NULL, a, e));
    TRY(credit_shape(&credit, &choice, &chain, a, e));
    const size_t rows = (size_t)c->train.batch_size;
    *size = (struct trial_size){ .n_layers = chain.n_layers, .n_weights = chain.n_weights, .n_feedback_weights = credit.n_feedback_weights };
    size->layers = arena_need(a, chain.n_layers, sizeof *size->layers);
    for (size_t i = 0; i < chain.n_layers; i++) {
        const struct layer *l = &chain.layers[i];
        struct trial_layer_size *s = &size->layers[i];
        s->kind = l->def->part.name;
        s->n_weights = layer_n_weights(l);
        if (chain.links_of[i] > 1)
            snprintf(s->shape, sizeof s->shape, "(%zu, %zu, %zu) -> (%zu, %zu)", rows, chain.links_of[i], l->n_side, rows, l->n_out);
        else
            snprintf(s->shape, sizeof s->shape, "(%zu, %zu) -> (%zu, %zu)", rows, l->n_in, rows, l->n_out);
    }
    const double width = c->precision == PRECISION_DOUBLE ? 8 : 4;
    const double weights = 4.0 * (double)(chain.n_vector + credit.n_feedback_vector) + slots(c, &chain, &credit);
    const double per_row = chain_reals_per_row(&chain) + credit_reals_per_row(&credit);
    size->memory_bytes = width * (weights + per_row * (double)rows) + 8e6; /* and one evaluation pass */
    size->flops_per_step = step_flops(&chain, &credit, rows);
    size->flops_per_log = chain_flops(&chain, data.eval_size + data.test_size);
    size->flops_per_feedback = feedback_flops(&chain, &credit, rows);
    size->n_feedback = feedback_only_total(c, &data);
    if (chain_first_random(&chain) < chain.n_layers)
        size->flops_per_log *= (double)c->log.samples;
    size->iterations = config_budget(c, &data);
    return 0;
}
