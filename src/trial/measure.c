/* What can be logged. A metric is one row of the table below; `tprun list metrics` and the check of a file's
 * log.metrics read it. */
#include "trial/measures.h"

#include <string.h>

int measure_evaluate(struct trial *t, const struct measure_def *m, double *value, struct err *e)
{
    const struct evaluation *v;
    size_t i = 0;
    TRY(m->of_batches ? evaluate_batches(t, m->split, &v, e) : evaluate(t, m->split, &v, e));
    if (m->accuracy && !t->data.classes)
        while (strcmp(t->dataset->accuracy_names[i], m->accuracy) != 0)
            i++;
    *value = m->accuracy ? v->accuracy[i] : v->loss;
    return 0;
}

static int of_evaluation(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    double value;
    TRY(measure_evaluate(t, m, &value, e));
    return sink->metric(sink, m->part.name, t->step, value, e);
}

static int batch_loss(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->batch_loss_count == 0) /* step 0 */
        return 0;
    TRY(sink->metric(sink, m->part.name, t->step, t->batch_loss_sum / t->batch_loss_count, e));
    return 0;
}

static int feedback_loss(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    /* Without feedback steps in training there is no loss that belongs to this step, only one of an earlier epoch,
     * which a resumed trial does not know. */
    if (t->step == 0)
        return 0;
    double sum = 0;
    bool moved = false;
    for (size_t i = 0; i < t->credit.n_feedback; i++) {
        const struct feedback *f = &t->credit.feedback[i];
        moved |= feedback_steps(&t->config->algorithm.feedback, i) > 0;
        sum += f->loss;
        if (i + 1 < t->credit.n_feedback && f[1].target == f->target)
            continue; /* a layer that feeds several has several: their sum */
        if (moved)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)f->target, sum, e));
        sum = 0;
        moved = false;
    }
    return 0;
}

/* What the update's angle is taken with. */
static real *compared(const struct references *r, const struct measure_def *m)
{
    return m->compares == COMPARES_BP    ? r->bp->gradient
           : m->compares == COMPARES_GNT ? r->gnt->gradient
                                         : gauss_newton_step(r->gauss_newton);
}

/* Angle in degrees between the update and a reference's update of the same minibatch, for the weights or the biases of
 * each layer. */
static int angle(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    const size_t n = t->chain.n_units - (m->compares == COMPARES_GNT); /* targets of hidden layers */
    for (size_t i = 0; i < n; i++) {
        double degrees;
        if (angle_of_layer(t, i, m->biases, compared(t->references, m), &degrees)) /* no direction, no angle */
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, degrees, e));
    }
    return 0;
}

/* Between t - h and -dL/dh, for each sample, averaged over those that have both. */
static int angle_activation(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (!t->references->taken)
        return 0;
    for (size_t k = 0; k < t->credit.n; k++) {
        const struct mat mine = t->credit.d[k], bp = t->references->bp->credit.d[k];
        double sum = 0, n = 0;
        for (size_t b = 0; b < mine.rows; b++) {
            const struct mat a = mat_rows(mine, b, 1), other = mat_rows(bp, b, 1);
            double degrees;
            if (angle_between(1, &a, &other, &degrees)) {
                sum += degrees;
                n++;
            }
        }
        if (n > 0)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)k, sum / n, e));
    }
    return 0;
}

/* All that an evaluation's rows have in common. */
#define EVALUATION .measure = of_evaluation, .of_samples = true, .of_weights = true
#define METRIC(id, text, ...)                                                                                          \
    static const struct measure_def measure_##id = { .part = { .name = #id, .help = text }, __VA_ARGS__ };
METRIC(train_loss, "mean loss over the fixed evaluation set of the training distribution", EVALUATION,
       .split = SPLIT_EVAL, .goal = "min")
METRIC(test_loss, "mean loss over the test set", EVALUATION, .split = SPLIT_TEST, .goal = "min", .followed = true)
METRIC(train_accuracy, "percent correct on the evaluation set of the training distribution", EVALUATION,
       .split = SPLIT_EVAL, .accuracy = "accuracy", .goal = "max", .unit = "%")
METRIC(test_accuracy, "percent correct on the test set; adding: squared error below 0.04", EVALUATION,
       .split = SPLIT_TEST, .accuracy = "accuracy", .goal = "max", .unit = "%", .followed = true)
METRIC(test_accuracy_strict, "percent with |error| below 0.04 on the test set (adding, the released code's definition)",
       EVALUATION, .split = SPLIT_TEST, .accuracy = "accuracy_strict", .goal = "max", .unit = "%", .followed = true)
METRIC(valid_loss, "mean loss over the samples held out of the training set", EVALUATION, .split = SPLIT_VALID,
       .goal = "min")
METRIC(valid_accuracy, "percent correct on the samples held out of the training set", EVALUATION, .split = SPLIT_VALID,
       .accuracy = "accuracy", .goal = "max", .unit = "%")
METRIC(test_loss_batches,
       "test_loss as the mean over minibatches of train.batch_size, a smaller last one weighing as much as the others",
       EVALUATION, .of_batches = true, .split = SPLIT_TEST, .goal = "min", .followed = true)
METRIC(test_accuracy_batches, "test_accuracy, averaged in the same way (Meulemans 2020)", EVALUATION,
       .of_batches = true, .split = SPLIT_TEST, .accuracy = "accuracy", .goal = "max", .unit = "%", .followed = true)
METRIC(valid_loss_batches, "valid_loss, averaged in the same way", EVALUATION, .of_batches = true, .split = SPLIT_VALID,
       .goal = "min")
METRIC(valid_accuracy_batches, "valid_accuracy, averaged in the same way", EVALUATION, .of_batches = true,
       .split = SPLIT_VALID, .accuracy = "accuracy", .goal = "max", .unit = "%")
METRIC(batch_loss, "mean loss of the minibatches since the last log, each before its update", .measure = batch_loss,
       .goal = "min")
METRIC(weight_norm, "Frobenius norm of each layer's parameters (layer_metric)", .measure = weight_norm_measure,
       .of_weights = true, .of_layers = true)
METRIC(update_norm, "Frobenius norm of each layer's update direction in the last step (layer_metric)",
       .measure = update_norm_measure, .of_layers = true)
METRIC(displacement_norm,
       "Frobenius norm of target - state for every link of the chain in the last step (layer_metric)",
       .measure = displacement_norm_measure, .of_layers = true)
METRIC(flip_fraction,
       "share of each layer's units whose sign differs between state and target in the last step (layer_metric)",
       .measure = flip_fraction_measure, .of_layers = true)
static const struct measure_def measure_feedback_loss = {
    .part = { .name = "feedback_loss",
              .help = "feedback loss of each feedback layer in the last step; none with feedback.steps: 0, see "
                      "feedback_epoch_loss (layer_metric)",
              .needs = GIVES_TRAIN },
    .measure = feedback_loss,
    .goal = "min",
    .of_layers = true,
};

/* feedback_only.c emits it. */
static int not_with_the_log(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    (void)t, (void)m, (void)sink, (void)e;
    return 0;
}
static const struct measure_def measure_feedback_epoch_loss = {
    .part = { .name = "feedback_epoch_loss",
              .help = "mean feedback loss of each feedback layer over the minibatches of each feedback-only epoch; its "
                      "step counts these epochs "
                      "from 1, whatever log.every is; no rows without such epochs (layer_metric)",
              .needs = GIVES_TRAIN },
    .measure = not_with_the_log,
    .goal = "min",
    .of_layers = true,
    .of_feedback_epochs = true,
};

METRIC(direction_norm, "sum of the Frobenius norms of the update directions of the layers under the head",
       .measure = direction_norm_measure)
METRIC(spectral_norm,
       "largest singular value of each layer's state weights; none of a unit of layers, which under network.form: "
       "w_sigma is every layer with an activation, and of tied layers (layer_metric)",
       .measure = spectral_norm_measure, .of_weights = true, .of_layers = true)
METRIC(angle_bp,
       "degrees between the update of each layer's weights and the back-propagation gradient before any layer moved "
       "(layer_metric)",
       .measure = angle, .compares = COMPARES_BP, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_bp_bias, "the same for the biases (layer_metric)", .measure = angle, .compares = COMPARES_BP,
       .biases = true, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_activation,
       "degrees between target - state and the negative back-propagation gradient, mean over the samples, for every "
       "link of the chain (layer_metric)",
       .measure = angle_activation, .compares = COMPARES_BP, .fits = fits_update, .goal = "min", .unit = "°",
       .of_layers = true)
METRIC(angle_gnt,
       "degrees between the update of each hidden layer's weights and that of Gauss-Newton targets with log.damping "
       "(layer_metric)",
       .measure = angle, .compares = COMPARES_GNT, .fits = fits_gauss_newton_targets, .goal = "min", .unit = "°",
       .of_layers = true)
METRIC(angle_gnt_bias, "the same for the biases (layer_metric)", .measure = angle, .compares = COMPARES_GNT,
       .fits = fits_gauss_newton_targets, .biases = true, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_gnt_search,
       "angle_gnt for dampings 0, 1e-5, 1e-4 .. 10, as angle_gnt_0, angle_gnt_1e-05 .., and the damping of the "
       "smallest (layer_metric)",
       .measure = gnt_search_measure, .compares = COMPARES_SEARCH, .fits = fits_gauss_newton_targets,
       .emits = gnt_search_emits)
METRIC(angle_gn,
       "degrees between the update of each layer's weights and the Gauss-Newton step of its parameters, J^T (J J^T + "
       "log.damping I)^-1 e over the "
       "minibatch; eigenvalues below 2.2e-16 B C of the largest count as 0, in single precision below (1.2e-7 B C)^2 "
       "of it if that is more (layer_metric)",
       .measure = angle, .compares = COMPARES_GN, .fits = fits_dense, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_gn_bias, "the same for the biases (layer_metric)", .measure = angle, .compares = COMPARES_GN,
       .fits = fits_dense, .biases = true, .goal = "min", .unit = "°", .of_layers = true)
METRIC(nullspace_ratio,
       "share |N^T dW| / |dW| of each layer's weight update in the null space of the minibatch's outputs, with the "
       "same cut-off as angle_gn "
       "(layer_metric)",
       .measure = nullspace_measure, .compares = COMPARES_NULLSPACE, .fits = fits_dense_update, .goal = "min",
       .of_layers = true)
METRIC(angle_output,
       "degrees between the change of the minibatch's outputs by the update, all layers moved by the same stepsize, to "
       "first order, and -dL/d output",
       .measure = output_angle_measure, .compares = COMPARES_JACOBIAN, .fits = fits_dense_update, .goal = "min",
       .unit = "°")
METRIC(angle_output_layer, "the same for the update of each layer alone (layer_metric)",
       .measure = output_angle_measure, .compares = COMPARES_JACOBIAN, .fits = fits_dense_update, .by_layer = true,
       .goal = "min", .unit = "°", .of_layers = true)
METRIC(condition_jacobian,
       "condition number of J J^T, J the Jacobian of a sample's outputs with respect to each hidden layer (J^T J where "
       "the layer is "
       "narrower), the largest of the minibatch (layer_metric)",
       .measure = jacobian_condition_measure, .compares = COMPARES_JACOBIAN, .fits = fits_output_jacobians,
       .of_layers = true)
METRIC(condition_number,
       "condition number of the matrix W^T W + r I that is factorized for each inverted layer, of several (gates, "
       "layers of a unit) the largest; none where none is, as in 'coupling' (layer_metric)",
       .measure = condition_number_measure, .of_weights = true, .fits = fits_inverse, .of_layers = true)
METRIC(clip_fraction, "share of each inverted layer's states that the inverse's clamp would move (layer_metric)",
       .measure = clip_fraction_measure, .fits = fits_clamp, .of_layers = true)

METRIC(jml_transpose,
       "|J_G - J_F^T|, the Frobenius norm, mean over the samples: J_F is the derivative of each layer above the first "
       "one and J_G that of its feedback; layers of at most 1024 outputs (layer_metric)",
       .measure = match_measure, .compares = COMPARES_MATCH, .match = MATCH_TRANSPOSE, .fits = fits_match,
       .goal = "min", .of_layers = true)
METRIC(jml_pseudo_inverse,
       "|J_G - J_F^+|, likewise, with the pseudo-inverse; layers of at most 256 inputs and outputs (layer_metric)",
       .measure = match_measure, .compares = COMPARES_INVERSE, .match = MATCH_PINV, .fits = fits_match, .goal = "min",
       .of_layers = true)
METRIC(jml_inverse, "|J_G - J_F^-1|, likewise, of square layers, over the samples where J_F is regular (layer_metric)",
       .measure = match_measure, .compares = COMPARES_INVERSE, .match = MATCH_INVERSE, .fits = fits_match,
       .goal = "min", .of_layers = true)
METRIC(angle_transpose, "degrees between J_G and J_F^T, mean over the samples, as jml_transpose (layer_metric)",
       .measure = match_measure, .compares = COMPARES_MATCH, .match = MATCH_ANGLE, .fits = fits_match, .goal = "min",
       .unit = "°", .of_layers = true)
METRIC(feedback_angle,
       "degrees between the feedback weights, brought to the shape of the weights that they lead back through, and "
       "these (layer_metric)",
       .measure = feedback_weights_measure, .compares = COMPARES_WEIGHTS, .match = MATCH_WEIGHT_ANGLE,
       .fits = fits_feedback, .goal = "min", .unit = "°", .of_layers = true)
METRIC(feedback_distance, "|W - V| / |W| of the same (layer_metric)", .measure = feedback_weights_measure,
       .compares = COMPARES_WEIGHTS, .fits = fits_feedback, .goal = "min", .of_layers = true)

METRIC(inverse_residual,
       "|f(t) - t'| / |t' - h'| over the minibatch, t the target of a layer, f the layer above it with state h' and "
       "target t': 0 where the target is an exact inverse; above 0.9 there is a warning (layer_metric)",
       .measure = inverse_residual_measure, .compares = COMPARES_TARGETS, .fits = fits_targets, .goal = "min",
       .of_layers = true)
METRIC(convergence_rate,
       "ratio of the last two changes of each target that is iterated: the contraction of a sweep, above 1 where it "
       "diverges (layer_metric)",
       .measure = convergence_rate_measure, .fits = fits_iterated, .goal = "min", .of_layers = true)
METRIC(influence_sum, "sum of the factors c of all layers, mean over the samples: the gain of a step (Bengio 2020)",
       .measure = influence_sum_measure, .fits = fits_influence)
static const struct measure_def measure_reconstruction_error = {
    .part = { .name = "reconstruction_error",
              .help = "|g(h') - h| / |h| over the minibatch, h a layer's state, h' that of the layer above it and g "
                      "the mapping back (layer_metric)",
              .needs = GIVES_APPLY },
    .measure = reconstruction_error_measure,
    .compares = COMPARES_RECONSTRUCTION,
    .fits = fits_values,
    .goal = "min",
    .of_layers = true,
};

METRIC(lemma, "both sides of Lemma 3.1 on one sample, as lemma_left and lemma_right (Roulet 2022)",
       .measure = lemma_measure, .of_samples = true, .fits = fits_recurrence, .emits = lemma_emits)

/* clang-format off */
#define METRICS(X)                                                                                                     \
    X(train_loss) X(test_loss) X(train_accuracy) X(test_accuracy) X(test_accuracy_strict) X(batch_loss)                \
    X(weight_norm) X(update_norm) X(displacement_norm) X(feedback_loss) X(direction_norm) X(spectral_norm)             \
    X(angle_bp) X(angle_bp_bias) X(condition_number) X(lemma) X(clip_fraction) X(valid_loss) X(valid_accuracy)         \
    X(test_loss_batches) X(test_accuracy_batches) X(valid_loss_batches) X(valid_accuracy_batches)                      \
    X(feedback_epoch_loss) X(flip_fraction) X(angle_activation) X(angle_gnt) X(angle_gnt_bias)                         \
    X(angle_gnt_search) X(angle_gn) X(angle_gn_bias) X(nullspace_ratio) X(angle_output) X(angle_output_layer)          \
    X(condition_jacobian) X(jml_transpose) X(jml_pseudo_inverse) X(jml_inverse) X(angle_transpose) X(feedback_angle)   \
    X(feedback_distance) X(inverse_residual) X(convergence_rate) X(influence_sum) X(reconstruction_error)
/* clang-format on */
#define ENTRY(id) &measure_##id.part,
static const struct part *const measure_parts[] = { METRICS(ENTRY) };
#undef ENTRY

const struct registry measure_registry = { "metric", measure_parts, sizeof measure_parts / sizeof *measure_parts };

const struct measure_def *measure_find(const char *name)
{
    return (const struct measure_def *)registry_find(&measure_registry, name);
}

bool measure_is_defined(const struct measure_def *m, const struct dataset_def *dataset, const struct data_shape *data)
{
    if (m->of_samples && m->split == SPLIT_VALID && data->valid_size == 0)
        return false;
    bool known = !m->accuracy || (data->classes && strcmp(m->accuracy, "accuracy") == 0);
    for (size_t i = 0; !known && dataset->accuracy_names && dataset->accuracy_names[i]; i++)
        known = strcmp(dataset->accuracy_names[i], m->accuracy) == 0;
    return known;
}

bool measure_is_evaluation(const struct measure_def *m)
{
    return m->measure == of_evaluation;
}

bool measure_is_reached(const struct measure_def *m)
{
    return measure_is_evaluation(m) || m->measure == batch_loss;
}

int measure_all(struct trial *t, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(t->config->log.metrics.items[i]);
        TRY(m->measure(t, m, sink, e));
    }
    t->batch_loss_sum = t->batch_loss_count = 0;
    return 0;
}
