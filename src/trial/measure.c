/* What can be logged. A metric is one row of the table below; `tprun list metrics` and the check of a file's log.metrics read it. */
#include "trial/private.h"

#include <math.h>
#include <string.h>

static int of_evaluation(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    const struct evaluation *v;
    TRY(evaluate(t, m->split, &v, e));
    if (!m->accuracy)
        return sink->metric(sink, m->part.name, t->step, v->loss, e);
    size_t i = 0;
    if (!t->data.classes)
        while (strcmp(t->dataset->accuracy_names[i], m->accuracy) != 0)
            i++;
    return sink->metric(sink, m->part.name, t->step, v->accuracy[i], e);
}

static int batch_loss(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->batch_loss_count == 0) /* step 0 */
        return 0;
    TRY(sink->metric(sink, m->part.name, t->step, t->batch_loss_sum / t->batch_loss_count, e));
    return 0;
}

static int weight_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_layers; i++) {
        const struct layer *l = &t->chain.layers[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(layer_param(l, j, t->chain.weights));
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, sqrt(squares), e));
    }
    return 0;
}

static int update_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_layers; i++) {
        const struct layer *l = &t->chain.layers[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(layer_param(l, j, t->gradient));
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, sqrt(squares), e));
    }
    return 0;
}

static int displacement_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t k = 0; k < t->credit.n; k++)
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, sqrt(mat_sum_squares(t->credit.d[k])), e));
    return 0;
}

static int feedback_loss(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)t->credit.feedback[i].target, t->credit.feedback[i].loss, e));
    return 0;
}

#define METRIC(id, text, ...) static const struct measure_def measure_##id = { .part = { .name = #id, .help = text }, __VA_ARGS__ };
METRIC(train_loss, "mean loss over the fixed evaluation set of the training distribution", .measure = of_evaluation, .of_samples = true, .split = SPLIT_EVAL)
METRIC(test_loss, "mean loss over the test set", .measure = of_evaluation, .of_samples = true, .split = SPLIT_TEST)
METRIC(train_accuracy, "percent correct on the evaluation set of the training distribution", .measure = of_evaluation, .of_samples = true,
       .split = SPLIT_EVAL, .accuracy = "accuracy")
METRIC(test_accuracy, "percent correct on the test set; adding: squared error below 0.04", .measure = of_evaluation, .of_samples = true, .split = SPLIT_TEST,
       .accuracy = "accuracy")
METRIC(test_accuracy_strict, "percent with |error| below 0.04 on the test set (adding, the released code's definition)",
       .measure = of_evaluation, .of_samples = true, .split = SPLIT_TEST, .accuracy = "accuracy_strict")
METRIC(batch_loss, "mean loss of the minibatches since the last log, each before its update", .measure = batch_loss)
METRIC(weight_norm, "Frobenius norm of each layer's parameters (layer_metric)", .measure = weight_norm)
METRIC(update_norm, "Frobenius norm of each layer's update direction in the last step (layer_metric)", .measure = update_norm)
METRIC(displacement_norm, "Frobenius norm of target - state for every link of the chain in the last step (layer_metric)",
       .measure = displacement_norm)
static const struct measure_def measure_feedback_loss = {
    .part = { .name = "feedback_loss", .help = "feedback loss of each feedback layer in the last step (layer_metric)", .needs = GIVES_TRAIN },
    .measure = feedback_loss,
};

static const struct part *const measure_parts[] = {
    &measure_train_loss.part,    &measure_test_loss.part,           &measure_train_accuracy.part,
    &measure_test_accuracy.part, &measure_test_accuracy_strict.part, &measure_batch_loss.part,
    &measure_weight_norm.part,   &measure_update_norm.part,         &measure_displacement_norm.part,
    &measure_feedback_loss.part,
};
const struct registry measure_registry = { "metric", measure_parts, sizeof measure_parts / sizeof *measure_parts };

int measure_all(struct trial *t, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, t->config->log.metrics.items[i]);
        TRY(m->measure(t, m, sink, e));
    }
    t->batch_loss_sum = t->batch_loss_count = 0;
    return 0;
}
