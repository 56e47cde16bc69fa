/* Minibatches that train the feedback weights alone, in whole epochs: `pretrain_epochs` before the first update, and
 * `extra_epochs` after each epoch of training (Lee 2015, scripts: one and one, and no feedback step beside; Meulemans
 * 2020: six and one, beside one step per minibatch).
 *
 * An epoch is as many minibatches as in training. The order of the samples is that of epochs that training never
 * reaches: a trial of 1e12 minibatches of 1e6 samples takes sample numbers below 1e18, and these begin at the last
 * whole epoch below 2^63. The noise of feedback-only minibatch i is item 2^63 + i of each layer's stream; training uses
 * those from 0. */
#include "trial/measures.h"

#include <math.h>
#include <stdio.h>

#define FAR (UINT64_C(1) << 63)

int feedback_only_open(struct trial *t, struct err *e)
{
    struct feedback_only *f = &t->feedback_only;
    const struct config_feedback *o = &t->config->algorithm.feedback;
    if (t->feedback.n_groups == 0 || o->pretrain_epochs + o->extra_epochs == 0)
        return 0;
    f->per_epoch = config_per_epoch(t->config, &t->data);
    f->loss_sum = arena_alloc(&t->memory, t->credit.n_feedback, sizeof *f->loss_sum);
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *metric = measure_find(t->config->log.metrics.items[i]);
        f->logged |= metric && metric->of_feedback_epochs;
    }
    return f->loss_sum ? 0 : err_set(e, ERR_MEMORY, "not enough memory for the feedback losses");
}

int64_t feedback_only_due(const struct trial *t)
{
    const struct feedback_only *f = &t->feedback_only;
    const struct config_feedback *o = &t->config->algorithm.feedback;
    if (f->per_epoch == 0)
        return 0;
    return (o->pretrain_epochs + o->extra_epochs * (t->step / f->per_epoch)) * f->per_epoch - f->done;
}

double feedback_only_total(const struct config *c, const struct data_shape *data)
{
    const struct config_feedback *o = &c->algorithm.feedback;
    const int64_t per_epoch = config_per_epoch(c, data);
    if (per_epoch == 0 || !(c->algorithm.mapping.part->gives & GIVES_TRAIN))
        return 0;
    return ((double)o->pretrain_epochs + (double)o->extra_epochs * (double)(config_budget(c, data) / per_epoch)) *
           (double)per_epoch;
}

/* Before training goes on with weights that are none. */
static int check_losses(struct trial *t, struct err *e)
{
    for (size_t i = 0; i < t->credit.n_feedback && t->config->train.stop.nonfinite; i++) {
        const struct feedback *f = &t->credit.feedback[i];
        if (isfinite(f->loss))
            continue;
        t->bad_layer = (int64_t)f->target;
        snprintf(t->bad_tensor, sizeof t->bad_tensor, "feedback.%zu", f->target);
        return err_set(e, ERR_DIVERGED, "the loss of feedback layer %zu is not finite", f->target);
    }
    return 0;
}

/* The end of an epoch: the mean losses over its minibatches, numbered by epochs from 1. */
static int end_epoch(struct trial *t, struct sink *sink, struct err *e)
{
    struct feedback_only *f = &t->feedback_only;
    double sum = 0;
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        const struct feedback *unit = &t->credit.feedback[i];
        sum += f->loss_sum[i];
        f->loss_sum[i] = 0;
        if (i + 1 < t->credit.n_feedback && unit[1].target == unit->target)
            continue; /* a layer that feeds several has several: their sum */
        if (f->logged)
            TRY(sink->layer_metric(sink, "feedback_epoch_loss", f->done / f->per_epoch, (int64_t)unit->target,
                                   sum / (double)f->per_epoch, e));
        sum = 0;
    }
    return 0;
}

int feedback_only_minibatch(struct trial *t, struct sink *sink, struct err *e)
{
    struct feedback_only *f = &t->feedback_only;
    const struct config *c = t->config;
    const uint64_t begin = FAR / t->data.train_size * t->data.train_size;
    t->dataset->fill(c->dataset.opts, t->dataset_state, SPLIT_TRAIN, begin + (uint64_t)f->done * t->pass.rows,
                     &t->pass.batch);
    step_begin(t, FAR + (uint64_t)f->done, true);
    chain_forward(&t->pass);
    const bool targets = fbloss_of(&t->credit)->at_targets;
    if (targets)
        TRY(credit_head(&t->credit, &t->pass, c->loss, t->gradient, e));
    if (!fbloss_of(&t->credit)->refreshes)
        TRY(credit_refresh(&t->credit, &t->pass, e));
    if (targets)
        TRY(credit_targets(&t->credit, &t->pass, e));
    TRY(feedback_step(t, FAR + (uint64_t)f->done, FEEDBACK_ALL, true, e));
    TRY(check_losses(t, e));
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        f->loss_sum[i] += t->credit.feedback[i].loss;
    f->done++;
    f->here++;
    return f->done % f->per_epoch == 0 ? end_epoch(t, sink, e) : 0;
}
