/* One training step: the order of forward pass, feedback learning, targets, updates and optimizers. */
#include "trial/private.h"

#include <math.h>
#include <string.h>

void optimizer_step(struct optimizer *o, size_t group, int64_t count)
{
    const struct optim_def *def = (const struct optim_def *)o->choice.part;
    const struct group *g = &o->groups[group];
    def->step(o->choice.opts, count, g->n, o->weights + g->offset, o->gradient + g->offset, o->factors ? o->factors + g->offset : NULL,
              g->slots);
}

/* Standard normal numbers, a function of the stream and the item alone. */
static void draw_normal(struct rng *r, int64_t item, struct mat noise)
{
    rng_seek(r, (uint64_t)item);
    for (size_t j = 0; j < mat_n(noise); j += 2) {
        double pair[2];
        rng_normal_pair(r, pair);
        noise.p[j] = (real)pair[0];
        if (j + 1 < mat_n(noise))
            noise.p[j + 1] = (real)pair[1];
    }
}

/* Draws of one feedback step. */
static void draw_noise(struct trial *t, int64_t item)
{
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        if (t->credit.feedback[i].noise.p)
            draw_normal(&t->noise[i], item, t->credit.feedback[i].noise);
}

static int feedback_step(struct trial *t, int64_t item, bool draw, struct err *e)
{
    if (draw)
        draw_noise(t, item);
    TRY(credit_feedback(&t->credit, &t->pass, e));
    for (size_t i = 0; i < t->feedback.n_groups; i++)
        optimizer_step(&t->feedback, i, item + 1);
    return 0;
}

/* Notes the first parameter with a value that is not finite in `vector` (weights or update directions), for the record of a diverged trial. */
static bool find_bad(struct trial *t, real *vector)
{
    for (size_t i = 0; i < t->chain.n_layers; i++) {
        const struct layer *l = &t->chain.layers[i];
        for (size_t j = 0; j < l->n_params; j++)
            if (!mat_all_finite(layer_param(l, j, vector))) {
                t->bad_layer = (int64_t)i;
                layer_param_name(l, j, "layers", t->bad_tensor, sizeof t->bad_tensor);
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
    if (!t->config->train.stop.nonfinite || isfinite(mat_sum_squares(mat_of(t->gradient, 1, t->chain.n_vector))) ||
        !find_bad(t, t->gradient))
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

static int simultaneous(struct trial *t, struct err *e)
{
    TRY(check_update(t, e));
    for (size_t i = 0; i < t->forward.n_groups; i++)
        optimizer_step(&t->forward, i, t->step + 1);
    return 0;
}

/* Bottom to top (Lee 2015, Alg. 1): before each layer's update the pass is computed anew with the layers below already moved; the targets
 * are computed anew too, or kept from the first pass. The gradients of all layers, each taken at its own moment, are left in t->gradient. */
static int sequential(struct trial *t, int order, struct err *e)
{
    struct credit *c = &t->credit;
    if (order == ORDER_SEQUENTIAL_KEPT)
        for (size_t k = 0; k < c->n; k++)
            mat_add(t->pass.links[k].out, c->d[k], c->kept[k]);
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
            c->first_nonzero = 0; /* displacements to kept targets are not those that were cut */
            for (size_t k = 0; k < c->n; k++)
                mat_sub(c->kept[k], t->pass.links[k].out, c->d[k]);
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

int step_train(struct trial *t, bool draw, struct err *e)
{
    const struct config_algorithm *a = &t->config->algorithm;
    const bool learns = t->feedback.n_groups > 0;
    const int order = ((const struct update_options *)a->update.opts)->order;
    if (draw && t->credit.input_noise.p)
        draw_normal(&t->input_noise, t->step, t->credit.input_noise);
    chain_forward(&t->pass);
    TRY(credit_head(&t->credit, &t->pass, t->config->loss, t->gradient, e));
    TRY(check_loss(t, e));
    const double loss = t->pass.loss; /* later passes of the same step are on weights that moved */
    if (learns && a->feedback.schedule == FEEDBACK_FIRST)
        for (int64_t s = 0; s < a->feedback.steps; s++) {
            TRY(credit_refresh(&t->credit, &t->pass, e));
            TRY(feedback_step(t, t->step * a->feedback.steps + s, draw, e));
        }
    TRY(credit_pass(t, e));
    const bool joint = learns && a->feedback.schedule == FEEDBACK_JOINT;
    if (joint && order == ORDER_SIMULTANEOUS)
        TRY(feedback_step(t, t->step, draw, e));
    if (joint && order != ORDER_SIMULTANEOUS) { /* its gradient belongs to the first pass; its weights move after the layers */
        if (draw)
            draw_noise(t, t->step);
        TRY(credit_feedback(&t->credit, &t->pass, e));
    }
    if (t->reference && t->reference->wanted)
        TRY(reference_take(t, e));
    TRY(order == ORDER_SIMULTANEOUS ? simultaneous(t, e) : sequential(t, order, e));
    if (joint && order != ORDER_SIMULTANEOUS)
        for (size_t i = 0; i < t->feedback.n_groups; i++)
            optimizer_step(&t->feedback, i, t->step + 1);
    chain_refresh(&t->chain);
    t->pass.loss = loss;
    return 0;
}
