/* What can be logged. A metric is one row of the table below; `tprun list metrics` and the check of a file's
 * log.metrics read it. */
#include "trial/private.h"

#include "math/solve.h"
#include "net/inverse.h"
#include <math.h>
#include <string.h>

static int of_evaluation(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    const struct evaluation *v;
    TRY(m->of_batches ? evaluate_batches(t, m->split, &v, e) : evaluate(t, m->split, &v, e));
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
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(unit_param(l, j, t->chain.weights));
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, sqrt(squares), e));
    }
    return 0;
}

static int update_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct unit *l = &t->chain.units[i];
        double squares = 0;
        for (size_t j = 0; j < l->n_params; j++)
            squares += mat_sum_squares(unit_param(l, j, t->gradient));
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

/* Share of the units whose sign differs between state and target. What a sign transmits downward is nothing where none
 * does (Lee 2015, Sec. 3.2). */
static int flip_fraction(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units && t->chain.first_link[i] < t->credit.n; i++) {
        const struct mat h = t->pass.stacks[i].out, d = t->credit.d_stack[i];
        double n = 0;
        for (size_t j = 0; j < mat_n(h); j++)
            n += (h.p[j] > 0) != (h.p[j] + d.p[j] > 0);
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, n / (double)mat_n(h), e));
    }
    return 0;
}

static int feedback_loss(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    /* Without feedback steps in training there is no loss that belongs to this step, only one of an earlier epoch,
     * which a resumed trial does not know. */
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->credit.n_feedback; i++)
        if (feedback_steps(&t->config->algorithm.feedback, i) > 0)
            TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)t->credit.feedback[i].target,
                                   t->credit.feedback[i].loss, e));
    return 0;
}

/* Sum of the Frobenius norms of the update directions of the layers under the head: the code's "oracle direction norm"
 * (sheet roulet2022, 7). */
static int direction_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    if (t->step == 0)
        return 0;
    double sum = 0;
    for (size_t i = 0; i < t->chain.n_units && t->chain.first_link[i] < t->credit.n; i++)
        for (size_t j = 0; j < t->chain.units[i].n_params; j++)
            sum += sqrt(mat_sum_squares(unit_param(&t->chain.units[i], j, trial_direction(t))));
    return sink->metric(sink, m->part.name, t->step, sum, e);
}

/* The matrix that multiplies the chain's state: the last weight matrix of a layer's parameters. */
static struct mat state_weight(const struct unit *l)
{
    for (size_t j = l->n_inner ? 0 : l->n_params; j-- > 0;)
        if (!l->params[j].is_bias)
            return unit_param(l, j, l->weights);
    return (struct mat){ 0 };
}

static int spectral_norm(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct mat w = state_weight(&t->chain.units[i]);
        double norm;
        if (!w.p)
            continue;
        if (mat_all_finite(w))
            TRY(solve_spectral_norm(w, &norm, e));
        else
            norm = NAN;
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, norm, e));
    }
    return 0;
}

/* Condition number of W^T W + r I, the matrix that the regularized inverse factorizes. */
static int condition_number(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    const struct inverse_options *o = t->config->algorithm.mapping.opts;
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const size_t last = t->chain.first_link[i] + t->chain.links_of[i] - 1;
        if (last < 1 || last >= t->credit.n)
            continue;
        const struct mat w = state_weight(&t->chain.units[i]);
        double largest, smallest;
        if (!w.p) /* tied: the layer that has the weights tells */
            continue;
        TRY(solve_condition(w, &largest, &smallest, e));
        if (w.rows < w.cols)
            smallest = 0; /* W^T W has a null space */
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i,
                               (largest * largest + o->regularization) / (smallest * smallest + o->regularization), e));
    }
    return 0;
}

/* Share of the states of each layer that the inverse's clamp would move. */
static int clip_fraction(struct trial *t, const struct measure_def *m, struct sink *sink, struct err *e)
{
    const struct inverse_options *o = t->config->algorithm.mapping.opts;
    if (t->step == 0)
        return 0;
    for (size_t i = 0; i < t->chain.n_units && t->chain.first_link[i] < t->credit.n; i++) {
        const struct act act = t->chain.units[i].act;
        const struct mat h = t->pass.stacks[i].out;
        double low = -INFINITY, high = INFINITY, n = 0;
        if (act.def && act.def->range)
            act.def->range(act.opts, &low, &high);
        for (size_t j = 0; j < mat_n(h); j++)
            n += h.p[j] < low + o->clamp || h.p[j] > high - o->clamp;
        TRY(sink->layer_metric(sink, m->part.name, t->step, (int64_t)i, n / (double)mat_n(h), e));
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
METRIC(weight_norm, "Frobenius norm of each layer's parameters (layer_metric)", .measure = weight_norm,
       .of_weights = true, .of_layers = true)
METRIC(update_norm, "Frobenius norm of each layer's update direction in the last step (layer_metric)",
       .measure = update_norm, .of_layers = true)
METRIC(displacement_norm,
       "Frobenius norm of target - state for every link of the chain in the last step (layer_metric)",
       .measure = displacement_norm, .of_layers = true)
METRIC(flip_fraction,
       "share of each layer's units whose sign differs between state and target in the last step (layer_metric)",
       .measure = flip_fraction, .of_layers = true)
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
       .measure = direction_norm)
METRIC(spectral_norm, "largest singular value of each layer's state weights (layer_metric)", .measure = spectral_norm,
       .of_weights = true, .of_layers = true)
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
       .measure = angle, .compares = COMPARES_GNT, .fits = fits_feedforward, .goal = "min", .unit = "°",
       .of_layers = true)
METRIC(angle_gnt_bias, "the same for the biases (layer_metric)", .measure = angle, .compares = COMPARES_GNT,
       .fits = fits_feedforward, .biases = true, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_gnt_search,
       "angle_gnt for dampings 0, 1e-5, 1e-4 .. 10, as angle_gnt_0, angle_gnt_1e-05 .., and the damping of the "
       "smallest (layer_metric)",
       .measure = gnt_search_measure, .compares = COMPARES_SEARCH, .fits = fits_feedforward, .emits = gnt_search_emits)
METRIC(angle_gn,
       "degrees between the update of each layer's weights and the Gauss-Newton step of its parameters, J^T (J J^T + "
       "log.damping I)^-1 e over the "
       "minibatch; eigenvalues below 2.2e-16 B C of the largest count as 0 (layer_metric)",
       .measure = angle, .compares = COMPARES_GN, .fits = fits_dense, .goal = "min", .unit = "°", .of_layers = true)
METRIC(angle_gn_bias, "the same for the biases (layer_metric)", .measure = angle, .compares = COMPARES_GN,
       .fits = fits_dense, .biases = true, .goal = "min", .unit = "°", .of_layers = true)
METRIC(nullspace_ratio,
       "share |N^T dW| / |dW| of each layer's weight update in the null space of the minibatch's outputs, with the "
       "same cut-off as angle_gn "
       "(layer_metric)",
       .measure = nullspace_measure, .compares = COMPARES_JACOBIAN, .fits = fits_dense_update, .goal = "min",
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
       .measure = jacobian_condition_measure, .compares = COMPARES_JACOBIAN, .fits = fits_feedforward,
       .of_layers = true)
METRIC(condition_number, "condition number of W^T W + r I for each inverted layer (layer_metric)",
       .measure = condition_number, .of_weights = true, .fits = fits_inverse, .of_layers = true)
METRIC(clip_fraction, "share of each layer's states that the inverse's clamp would move (layer_metric)",
       .measure = clip_fraction, .fits = fits_inverse, .of_layers = true)

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
    X(condition_jacobian)
/* clang-format on */
#define ENTRY(id) &measure_##id.part,
static const struct part *const measure_parts[] = { METRICS(ENTRY) };
#undef ENTRY

const struct registry measure_registry = { "metric", measure_parts, sizeof measure_parts / sizeof *measure_parts };

const struct measure_def *measure_find(const char *name)
{
    return (const struct measure_def *)registry_find(&measure_registry, name);
}

bool measure_is_reached(const struct measure_def *m)
{
    return m->measure == of_evaluation || m->measure == batch_loss;
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
