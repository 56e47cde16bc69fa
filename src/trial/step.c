/* One training step: the order of forward pass, feedback learning, targets, updates and optimizers. */
#include "trial/measures.h"

#include <math.h>
#include <string.h>

static void optimizer_step(struct optimizer *o, size_t group, int64_t count)
{
    const struct group *g = &o->groups[group];
    const struct optim_def *def = optim_def_of(g->choice);
    def->step(g->choice.opts, count, g->n, o->weights + g->offset, o->gradient + g->offset,
              o->factors ? o->factors + g->offset : NULL, g->slots);
}

/* Whether all feedback units take step `number` of a minibatch; those that do are noted. FEEDBACK_ALL: of a
 * feedback-only one. */
static bool ask(struct trial *t, int64_t number)
{
    bool all = true;
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        t->asked[i] = number == FEEDBACK_ALL || number < feedback_steps(&t->config->algorithm.feedback, i);
        all &= t->asked[i];
    }
    return all;
}

/* The optimizers of the feedback units that take step `number` of a minibatch. */
static void feedback_move(struct trial *t, int64_t number)
{
    for (size_t i = 0; i < t->feedback.n_groups; i++) {
        const size_t unit = t->feedback.groups[i].unit;
        if (t->asked[unit]) /* a unit's optimizer counts its own steps */
            optimizer_step(&t->feedback, i,
                           t->feedback_only.done + t->step * feedback_steps(&t->config->algorithm.feedback, unit) +
                               (number == FEEDBACK_ALL ? 0 : number) + 1);
    }
}

/* What a probe was given for this feedback step; without that, what lies there. */
static void take_given(struct trial *t, int64_t number)
{
    for (size_t i = 0; t->given_draws && i < t->credit.n_draws; i++) {
        const struct mat to = t->credit.draws[i].to;
        if (t->given_draws[i])
            memcpy(to.p, t->given_draws[i] + (size_t)number * mat_n(to), mat_n(to) * sizeof(real));
    }
}

int feedback_step(struct trial *t, uint64_t item, int64_t number, bool draw, struct err *e)
{
    if (draw)
        noise_draw(&t->feedback_noise, item);
    else
        take_given(t, number);
    TRY(credit_feedback(&t->credit, &t->pass, ask(t, number) ? NULL : t->asked, e));
    feedback_move(t, number);
    return 0;
}

/* Notes the first parameter with a value that is not finite in `vector` (weights or update directions), for the record
 * of a diverged trial. */
static bool find_bad(struct trial *t, real *vector)
{
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        for (size_t j = 0; j < l->n_params; j++)
            if (!mat_all_finite(unit_param(l, j, vector))) {
                t->bad_layer = (int64_t)i;
                unit_param_name(l, j, "layers", t->bad_tensor, sizeof t->bad_tensor);
                return true;
            }
    }
    return false;
}

/* Before anything is made of the loss. Weights that the last step made infinite show here first. */
static int check_loss(struct trial *t, struct err *e)
{
    if (isfinite(t->pass.loss) || !t->config->train.stop.nonfinite)
        return 0;
    if (find_bad(t, t->chain.weights))
        return err_set(e, ERR_DIVERGED, "%s is not finite", t->bad_tensor);
    snprintf(t->bad_tensor, sizeof t->bad_tensor, "loss");
    return err_set(e, ERR_DIVERGED, "the loss of the minibatch is not finite");
}

/* Before any weight moves. */
static int check_update(struct trial *t, struct err *e)
{
    if (!t->config->train.stop.nonfinite || !find_bad(t, t->gradient))
        return 0;
    return err_set(e, ERR_DIVERGED, "the update of %s is not finite", t->bad_tensor);
}

/* Displacements and gradients at the present weights. */
static int credit_pass(struct trial *t, struct err *e)
{
    TRY(credit_refresh(&t->credit, &t->pass, e));
    TRY(credit_targets(&t->credit, &t->pass, e));
    return credit_update(&t->credit, &t->pass, t->gradient, e);
}

/* Longer directions are scaled down to train.clip_norm; one that is not finite stays so. */
static void clip(struct trial *t)
{
    const double most = t->config->train.clip_norm;
    if (most == 0)
        return;
    const struct mat all = mat_of(t->gradient, 1, t->chain.n_vector);
    const double norm = sqrt(mat_sum_squares(all));
    if (norm > most)
        mat_scale((real)(most / norm), all, all);
}

static int simultaneous(struct trial *t, struct err *e)
{
    TRY(check_update(t, e));
    clip(t);
    for (size_t i = 0; i < t->forward.n_groups; i++)
        optimizer_step(&t->forward, i, t->step + 1);
    return 0;
}

/* Bottom to top (Lee 2015, Alg. 1): before each layer's update the pass is computed anew with the layers below already
 * moved; the targets are computed anew too, or kept from the first pass. The gradients of all layers, each taken at its
 * own moment, are left in t->gradient. */
static int sequential(struct trial *t, int order, struct err *e)
{
    struct credit *c = &t->credit;
    if (order == ORDER_SEQUENTIAL_KEPT)
        for (size_t k = 0; k < c->n; k++)
            mat_add(t->pass.links[k].out, c->d[k], t->kept_targets[k]);
    TRY(check_update(t, e));
    optimizer_step(&t->forward, 0, t->step + 1);
    for (size_t i = 1; i < t->forward.n_groups; i++) {
        const struct group *done = &t->forward.groups[i - 1];
        memcpy(t->kept_gradient + done->offset, t->gradient + done->offset, done->n * sizeof(real));
        chain_refresh(&t->chain);
        chain_forward(&t->pass);
        TRY(credit_head(c, &t->pass, t->config->loss, t->gradient, e));
        TRY(check_loss(t, e));
        if (order == ORDER_SEQUENTIAL_KEPT) {
            c->first_nonzero = 0;  /* displacements to kept targets are not those that were cut, */
            c->has_deltas = false; /* nor those that left deltas */
            for (size_t k = 0; k < c->n; k++)
                mat_sub(t->kept_targets[k], t->pass.links[k].out, c->d[k]);
            TRY(credit_update(c, &t->pass, t->gradient, e));
        } else {
            TRY(credit_pass(t, e));
        }
        TRY(check_update(t, e));
        optimizer_step(&t->forward, i, t->step + 1);
    }
    const size_t moved = t->forward.groups[t->forward.n_groups - 1].offset;
    memcpy(t->gradient, t->kept_gradient, moved * sizeof(real));
    return 0;
}

/* The epoch is that of the coming training step, from 1, for feedback-only minibatches too; data without end is one
 * epoch. */
void step_begin(struct trial *t, uint64_t item, bool draw)
{
    const int64_t per_epoch = config_per_epoch(t->config, &t->data);
    t->credit.epoch = per_epoch ? t->step / per_epoch + 1 : 1;
    schedules_set(t, t->credit.epoch - 1);
    if (draw)
        noise_draw(&t->pass_noise, item);
}

int step_train(struct trial *t, bool draw, struct err *e)
{
    TRY(step_lead(t, draw, e));
    return step_follow(t, draw, e);
}

int step_lead(struct trial *t, bool draw, struct err *e)
{
    const struct config_feedback *f = &t->config->algorithm.feedback;
    const int64_t steps = feedback_most_steps(f);
    step_begin(t, (uint64_t)t->step, draw);
    chain_forward(&t->pass);
    TRY(credit_head(&t->credit, &t->pass, t->config->loss, t->gradient, e));
    TRY(check_loss(t, e));
    if (t->feedback.n_groups == 0 || f->schedule != FEEDBACK_FIRST)
        return 0;
    for (int64_t s = 0; s < steps; s++) {
        if (!fbloss_of(&t->credit)->refreshes)
            TRY(credit_refresh(&t->credit, &t->pass, e));
        TRY(feedback_step(t, (uint64_t)(t->step * steps + s), s, draw, e));
    }
    return 0;
}

int step_follow(struct trial *t, bool draw, struct err *e)
{
    const struct config_algorithm *a = &t->config->algorithm;
    const int order = update_options_of(a->update)->order;
    const double loss = t->pass.loss; /* later passes of the same step are on weights that moved */
    TRY(credit_pass(t, e));
    const bool joint =
        t->feedback.n_groups > 0 && a->feedback.schedule == FEEDBACK_JOINT && feedback_most_steps(&a->feedback) > 0;
    if (joint && order == ORDER_SIMULTANEOUS)
        TRY(feedback_step(t, (uint64_t)t->step, 0, draw, e));
    if (joint &&
        order != ORDER_SIMULTANEOUS) { /* its gradient belongs to the first pass; its weights move after the layers */
        if (draw)
            noise_draw(&t->feedback_noise, (uint64_t)t->step);
        TRY(credit_feedback(&t->credit, &t->pass, ask(t, 0) ? NULL : t->asked, e));
    }
    if (t->references && t->references->wanted)
        TRY(references_take(t, e));
    TRY(order == ORDER_SIMULTANEOUS ? simultaneous(t, e) : sequential(t, order, e));
    if (joint && order != ORDER_SIMULTANEOUS)
        feedback_move(t, 0);
    chain_refresh(&t->chain);
    t->pass.loss = loss;
    return 0;
}
