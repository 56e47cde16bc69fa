/* What a trial takes and costs, from shapes alone. */
#include "trial/private.h"

#include "credit/feedback.h"
#include "net/transmit.h"
#include <stdio.h>

/* The product of a feedback layer with `rows` rows; through the hidden layer that too. */
static double feedback_product(const struct credit *credit, const struct feedback *f, double rows)
{
    double n = 2 * rows * (double)f->layer.n_in * (double)f->layer.n_out;
    if (f->through_hidden)
        n += 2 * rows * (double)credit->hidden->layer.n_in * (double)credit->hidden->units;
    return n;
}

/* One product with the weights of link k. */
static double link_product(const struct chain *chain, size_t k, size_t rows)
{
    const struct layer *l = &chain->layers[chain->layer_of[k]];
    double product;
    (void)l->def->flops(l, rows, &product);
    return product;
}

/* One step of the feedback weights beside the mapping's refresh: for each layer the way up from its state, the way back,
 * and the gradient. A loss that works on a block of rows for every layer sends all of them up together, twice (at the state
 * and its displacement), and on route chain down together. */
static double loss_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    const struct fbloss_def *loss = (const struct fbloss_def *)credit->choice.feedback_loss.part;
    const bool direct = credit->choice.route == ROUTE_DIRECT;
    double n = 0;
    for (size_t i = 0; loss->grads && i < credit->n_feedback; i++) {
        const struct feedback *f = &credit->feedback[i];
        const size_t links = direct ? 1 : chain->links_of[f->through];
        const double down = feedback_product(credit, f, (double)(links * rows));
        const size_t last = direct && !loss->feed_forward ? chain->layer_of[credit->n - 1] : f->through;
        double up = 0;
        for (size_t j = f->through; j <= last; j++)
            up += (double)chain->links_of[j] * link_product(chain, chain->first_link[j], rows);
        if (loss->feed_forward)
            n += 2 * (double)(i + 1) * up + (direct ? 1 : (double)(i + 1)) * down + 2 * down;
        else
            n += up + 2 * down;
    }
    return n;
}

static double refresh_flops(const struct credit *credit, size_t rows)
{
    const struct mapping_def *mapping = (const struct mapping_def *)credit->choice.mapping.part;
    return mapping->flops ? mapping->flops(credit, rows) : 0;
}

/* Displacements of all links: one product each, with what the mapping has for the link. */
static double propagate_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    const bool direct = credit->choice.route == ROUTE_DIRECT;
    double n = 0;
    if (((const struct propagate_def *)credit->choice.propagate.part)->part.needs == 0)
        return 0;
    for (size_t k = 0; k + 1 < credit->n; k++) {
        const struct feedback *f = credit_feedback_of(credit, k);
        if (f)
            n += feedback_product(credit, f, (double)rows);
        else if (direct) /* a matrix per sample */
            n += 2 * (double)rows * (double)chain->layers[chain->layer_of[k]].n_out * (double)chain->layers[chain->layer_of[credit->n - 1]].n_out;
        else
            n += link_product(chain, k + 1, rows);
    }
    return n;
}

/* Products of one training step: forward, the head's way back, the mapping's own work, targets, signals, and one product per
 * parameter matrix for the gradients; the feedback steps that go with it. In sequential order all but the latter once for
 * each layer. */
double step_flops(const struct config *c, const struct chain *chain, const struct credit *credit)
{
    const struct update_options *o = credit->choice.update.opts;
    const struct update_def *update = (const struct update_def *)credit->choice.update.part;
    const struct config_feedback *feedback = &c->algorithm.feedback;
    const size_t rows = (size_t)c->train.batch_size;
    double forward = 0, back = 0, product;
    for (size_t i = 0; i < chain->n_layers; i++)
        forward += (double)chain->links_of[i] * chain->layers[i].def->flops(&chain->layers[i], i > 0 ? rows * chain->per_step : rows, &product);
    for (size_t k = update->needs_signals ? 1 : credit->n; k < chain->n_links; k++)
        back += link_product(chain, k, k < credit->n ? rows : rows * chain->per_step);
    const double refresh = refresh_flops(credit, rows);
    const double once = 2 * forward + back + refresh + propagate_flops(chain, credit, rows);
    const double steps = feedback->optimizer.part ? (double)feedback_steps_per_minibatch(feedback) : 0;
    return (o->order == ORDER_SIMULTANEOUS ? 1 : (double)chain->n_layers) * once +
           steps * (loss_flops(chain, credit, rows) + (feedback->schedule == FEEDBACK_FIRST ? refresh : 0));
}

/* A forward pass, and a step of the feedback weights. */
double feedback_flops(const struct chain *chain, const struct credit *credit, size_t rows)
{
    return chain_flops(chain, rows) + refresh_flops(credit, rows) + loss_flops(chain, credit, rows);
}

/* Reals of the layers: weights, update directions, their factors and a transposed copy; the factors of a training pass and
 * what layers work with. */
static double chain_reals(const struct config *c, const struct chain *chain, size_t rows)
{
    const double b = (double)rows, steps = (double)chain->per_step;
    double n = 4.0 * (double)chain->n_vector;
    n += b * (double)(chain->data.length * chain->data.features) + 3 * b * steps * (double)chain->data.outputs;
    if (c->network.input_noise.std > 0)
        n += 2 * b * (double)chain->data.features;
    for (size_t i = 0; i < chain->n_layers; i++) {
        const struct layer *l = &chain->layers[i];
        const bool recurrent = l->def->part.gives & GIVES_SEQUENCE;
        const double links = i > 0 ? steps : (double)chain->links_of[i];
        n += b * (links * (double)(l->n_out + l->n_pre + l->n_saved + l->n_delta) + (double)(l->n_delta + (recurrent ? 2 * l->n_out : 0)));
        if (l->transmit.part)
            n += (transmit_draws_of(l->transmit, true) == DRAWS_NONE ? 1 : 2) * b * steps * (double)l->n_out;
    }
    return n;
}

/* Per parameter; those without a state have room for one. */
static double n_slots(struct chosen optimizer)
{
    const struct optim_def *def = (const struct optim_def *)optimizer.part;
    return def->n_slots ? (double)def->n_slots : 1;
}

/* Reals of the optimizers' state. */
static double slots(const struct config *c, const struct chain *chain, const struct credit *credit)
{
    double n = 0;
    for (size_t i = 0; i < chain->n_layers; i++)
        n += n_slots(config_optimizer(c, i)) * (double)layer_n_weights(&chain->layers[i]);
    const struct chosen feedback = c->algorithm.feedback.optimizer;
    for (size_t i = 0; feedback.part && i < credit->n_feedback; i++)
        n += n_slots(feedback) * (double)layer_n_weights(&credit->feedback[i].layer);
    return n;
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
    const struct update_options *update = c->algorithm.update.opts;
    const size_t largest_split = data.eval_size > data.test_size ? data.eval_size : data.test_size;
    double references;
    TRY(references_reals(c, &chain, &references, a, e));
    const double reals = chain_reals(c, &chain, rows) + credit_reals(&credit, rows) + slots(c, &chain, &credit) + references +
                         (update->order == ORDER_SIMULTANEOUS ? 0 : (double)chain.n_vector);
    const double evaluation = (double)evaluation_rows(&chain, largest_split, width) * chain_reals_per_row(&chain);
    size->memory_bytes = width * (reals + evaluation) + 65536; /* and small things */
    size->flops_per_step = step_flops(c, &chain, &credit);
    size->flops_per_log = chain_flops(&chain, data.eval_size + data.test_size);
    size->flops_per_feedback = feedback_flops(&chain, &credit, rows);
    size->n_feedback = feedback_only_total(c, &data);
    if (chain_first_random(&chain) < chain.n_layers)
        size->flops_per_log *= (double)c->log.samples;
    size->iterations = config_budget(c, &data);
    return 0;
}
