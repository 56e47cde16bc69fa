/* What is logged: metrics are what they say, an evaluation depends on the weights alone, and a trial that diverges
 * leaves the record it should. */
#include "../check_main.h"
#include "fixture.h"
#include "math/solve.h"

/* ---- evaluation ---- */

/* Mean loss over a split, sample by sample. */
static double loss_by_samples(struct fixture *f, enum split split, size_t n, double *accuracy)
{
    struct trial *t = f->trial;
    struct pass p;
    struct err e = { 0 };
    double sum = 0, correct = 0;
    must(pass_init(&p, &t->chain, 1, 0, &f->arena, &e), &e);
    for (size_t i = 0; i < n; i++) {
        t->dataset->fill(f->config.dataset.opts, t->dataset_state, split, i, &p.batch);
        chain_forward(&p);
        sum += chain_loss(&p, f->config.loss, false);
        const struct mat out = pass_output(&p);
        size_t best = 0;
        for (size_t j = 1; j < out.cols; j++)
            best = out.p[j] > out.p[best] ? j : best;
        correct += p.batch.label && (size_t)p.batch.label[0] == best;
    }
    *accuracy = 100 * correct / (double)n;
    return sum / (double)n;
}

START_TEST(evaluation_is_the_mean_over_all_samples)
{
    static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };
    for (size_t i = 0; data[i]; i++) {
        struct fixture f;
        const struct evaluation *v;
        struct err e = { 0 };
        double accuracy;
        fixture_open(&f, data[i], "{dataset: {eval_size: 437, test_size: 211}}");
        fixture_steps(&f, 3);
        must(evaluate(f.trial, SPLIT_EVAL, &v, &e), &e);
        ck_assert_double_eq_tol(v->loss, loss_by_samples(&f, SPLIT_EVAL, 437, &accuracy), BOUND(1e-13, 1e-6));
        if (f.trial->data.classes)
            ck_assert_double_eq_tol(v->accuracy[0], accuracy, 1e-9);
        must(evaluate(f.trial, SPLIT_TEST, &v, &e), &e);
        ck_assert_double_eq_tol(v->loss, loss_by_samples(&f, SPLIT_TEST, 211, &accuracy), BOUND(1e-13, 1e-6));
        if (f.trial->data.classes)
            ck_assert_double_eq_tol(v->accuracy[0], accuracy, 1e-9);
        fixture_close(&f);
    }
}
END_TEST

/* Minibatches of 3: those of 53 samples are 17 whole ones and one of 2. The mean of 37 is that of 12 and one of 1; of
 * 54, of 18. */
START_TEST(evaluation_as_the_mean_over_minibatches)
{
    static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };
    static const size_t sizes[] = { 53, 54, 2 };
    for (size_t i = 0; data[i]; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            char own[64];
            struct fixture f;
            const struct evaluation *v, *samples;
            struct err e = { 0 };
            double loss = 0, correct = 0, n = 0;
            snprintf(own, sizeof own, "{dataset: {test_size: %zu}}", sizes[j]);
            fixture_open(&f, data[i], own);
            fixture_steps(&f, 3);
            for (size_t at = 0; at < sizes[j]; at += 3, n++) {
                const size_t rows = sizes[j] - at < 3 ? sizes[j] - at : 3;
                double accuracy, sum = 0, hits = 0;
                for (size_t k = 0; k < rows; k++) { /* sample by sample, from its number on */
                    struct trial *t = f.trial;
                    struct pass p;
                    must(pass_init(&p, &t->chain, 1, 0, &f.arena, &e), &e);
                    t->dataset->fill(f.config.dataset.opts, t->dataset_state, SPLIT_TEST, at + k, &p.batch);
                    chain_forward(&p);
                    sum += chain_loss(&p, f.config.loss, false);
                    const struct mat out = pass_output(&p);
                    size_t best = 0;
                    for (size_t c = 1; c < out.cols; c++)
                        best = out.p[c] > out.p[best] ? c : best;
                    hits += p.batch.label && (size_t)p.batch.label[0] == best;
                }
                accuracy = 100 * hits / (double)rows;
                loss += sum / (double)rows;
                correct += accuracy;
            }
            must(evaluate_batches(f.trial, SPLIT_TEST, &v, &e), &e);
            ck_assert_double_eq_tol(v->loss, loss / n, BOUND(1e-13, 1e-6));
            if (f.trial->data.classes)
                ck_assert_double_eq_tol(v->accuracy[0], correct / n, 1e-9);
            must(evaluate(f.trial, SPLIT_TEST, &samples, &e), &e);
            ck_assert((fabs(samples->loss - v->loss) > 1e-5) == (sizes[j] == 53)); /* equal where all weigh the same */
            fixture_close(&f);
        }
}
END_TEST

/* With a stepsize of 0 the weights stay: so does every evaluation, bit for bit. */
START_TEST(evaluation_does_not_depend_on_the_position)
{
    static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };
    for (size_t i = 0; data[i]; i++) {
        struct fixture f;
        const struct evaluation *v;
        struct err e = { 0 };
        fixture_open(&f, data[i],
                     "{train: {optimizer: {name: sgd, stepsize: 0}}, algorithm: {name: tp, target_stepsize: 1}}");
        must(evaluate(f.trial, SPLIT_TEST, &v, &e), &e);
        const double first = v->loss;
        for (int j = 0; j < 5; j++) {
            fixture_steps(&f, 1 + j);
            evaluation_clear(f.trial);
            must(evaluate(f.trial, SPLIT_TEST, &v, &e), &e);
            ck_assert_double_eq(v->loss, first);
        }
        fixture_close(&f);
    }
}
END_TEST

/* An evaluation in between leaves training as it was. */
START_TEST(evaluation_does_not_disturb_training)
{
    struct fixture a, b;
    const struct evaluation *v;
    struct err e = { 0 };
    fixture_open(&a, ORDER, "{algorithm: {name: tp, target_stepsize: 1}}");
    fixture_open(&b, ORDER, "{algorithm: {name: tp, target_stepsize: 1}}");
    fixture_steps(&a, 6);
    for (int i = 0; i < 6; i++) {
        evaluation_clear(b.trial);
        must(evaluate(b.trial, SPLIT_TEST, &v, &e), &e);
        fixture_steps(&b, 1);
    }
    ck_assert(memcmp(a.trial->chain.weights, b.trial->chain.weights, a.trial->chain.n_vector * sizeof(real)) == 0);
    fixture_close(&a);
    fixture_close(&b);
}
END_TEST

/* ---- two variants of one seed ---- */

START_TEST(variants_share_data_and_weights)
{
    struct fixture a, b, c;
    fixture_open(&a, ORDER, "{variant: a}");
    fixture_open(&b, ORDER,
                 "{variant: b, algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, "
                 "stepsize: 0.1}}}}");
    fixture_open(&c, ORDER, "{variant: a, seed: 4}");
    const size_t size = a.trial->chain.n_vector * sizeof(real),
                 n = a.trial->data.length * 3 * a.trial->data.features * sizeof(real);
    ck_assert(memcmp(a.trial->chain.weights, b.trial->chain.weights, size) == 0);
    ck_assert(memcmp(a.trial->chain.weights, c.trial->chain.weights, size) != 0);
    for (int i = 0; i < 3; i++) {
        fixture_steps(&a, 1);
        fixture_steps(&b, 1);
        fixture_steps(&c, 1);
        ck_assert(memcmp(a.trial->pass.batch.x, b.trial->pass.batch.x, n) == 0);
        ck_assert(memcmp(a.trial->pass.batch.label, b.trial->pass.batch.label, 3 * sizeof(int64_t)) == 0);
        ck_assert(memcmp(a.trial->pass.batch.x, c.trial->pass.batch.x, n) != 0);
    }
    fixture_close(&a);
    fixture_close(&b);
    fixture_close(&c);
}
END_TEST

/* ---- a run and its records ---- */

static int run(struct fixture *f, struct records *r, struct trial_outcome *outcome, struct err *e)
{
    const struct trial_control control = { 0 };
    *r = records_new();
    return trial_run(f->trial, &r->sink, &control, outcome, e);
}

/* Of feed-forward layers with inverses that are iterated. */
static bool is_monitor(const struct measure_def *m)
{
    return m->fits == fits_targets || m->fits == fits_values || m->fits == fits_iterated || m->fits == fits_influence;
}

/* An algorithm that defines a metric. */
static const char *algorithm_for(const struct measure_def *m)
{
    if (is_monitor(m))
        return "{name: idtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}";
    return m->fits == fits_inverse || m->fits == fits_clamp || m->fits == fits_recurrence
               ? "{name: tp, target_stepsize: 0.1}"
               : "{name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.01}}}";
}

#define SQUARE                                                                                                         \
    "{dataset: {name: gaussian, features: 3, classes: 4, train_size: 20, eval_size: 37, test_size: 53}, network: "     \
    "{layers: [dense: {units: 5, activation: tanh}, dense: {units: 5, activation: tanh}, dense: {units: 4}]}}"

/* Whether there are rows of a metric at step 0, all of them finite. No pass has run: only what follows from the weights
 * and the data has a value there. */
static bool check_step_0(const char *name, const struct records *r)
{
    bool found = false;
    for (const char *at = r->text.s; at && *at; at = strchr(at, '\n') + 1) {
        long long step;
        double value;
        if (strncmp(at, name, strlen(name)) != 0 || sscanf(at, "%*s %lld %lf", &step, &value) != 2 || step != 0)
            continue;
        ck_assert_msg(isfinite(value), "%s at step 0: %g", name, value);
        found = true;
    }
    return found;
}

/* Every metric is logged at step 0 (those of an evaluation), at every `every` and at the end; it changes nothing of the
 * training. */
START_TEST(every_metric_is_logged)
{
    static const int64_t steps[] = { 0, 3, 6, 7 };
    for (size_t i = 0; i < measure_registry.n_parts; i++) {
        const struct measure_def *m = (const struct measure_def *)measure_registry.parts[i];
        const char *name = m->part.name;
        if (m->split == SPLIT_VALID)
            continue; /* generated data holds nothing out */
        if (m->of_feedback_epochs)
            continue; /* check_feedback_only.c */
        char own[320], layer[96];
        struct fixture f, bare;
        struct records r;
        struct trial_outcome outcome;
        struct err e = { 0 };
        const bool flat = m->fits == fits_gauss_newton_targets || m->fits == fits_output_jacobians ||
                          m->fits == fits_dense || m->fits == fits_dense_update || is_monitor(m);
        const bool of_feedback = m->fits == fits_match || m->fits == fits_feedback; /* from the second layer on */
        const char *data = of_feedback ? SQUARE : flat ? BLOBS : ADDING;
        snprintf(own, sizeof own, "{train: {iterations: 7}, log: {every: 3, metrics: [%s]}, algorithm: %s}", name,
                 algorithm_for(m));
        fixture_open(&f, data, own);
        must(run(&f, &r, &outcome, &e), &e);
        for (size_t j = m->of_samples ? 0 : 1; j < 4; j++) {
            snprintf(layer, sizeof layer,
                     m->fits == fits_recurrence ? "%s_left" /* two sides of an inequality */
                     : of_feedback              ? "%s.1"
                                                : "%s.0",
                     name);
            const bool per_layer = strstr(r.text.s, layer) != NULL;
            const double value = records_value(&r, per_layer ? layer : name, steps[j]);
            ck_assert_msg(isfinite(value) && value >= 0, "%s at step %lld: %g", name, (long long)steps[j], value);
            struct metric_facts facts; /* known before there are rows */
            ck_assert(measure_facts(m->fits == fits_recurrence ? "lemma_left" : name, &facts));
            ck_assert_msg(facts.of_layers == per_layer || m->fits == fits_recurrence, "%s: of layers", name);
        }
        ck_assert_msg(check_step_0(name, &r) == (m->of_samples || m->of_weights),
                      "%s: rows at step 0 are those of an evaluation or of the weights", name);
        ck_assert_msg(m->emits || m->of_layers == (strstr(m->part.help, "(layer_metric)") != NULL), "%s: help", name);
        ck_assert_int_eq(outcome.step, 7);
        ck_assert_int_eq(outcome.layer, -1);
        ck_assert_str_eq(outcome.tensor, "");
        ck_assert_uint_eq(strlen(outcome.weights_sha256), 64);
        snprintf(own, sizeof own, "{log: {metrics: [train_loss]}, algorithm: %s}", algorithm_for(m));
        fixture_open(&bare, data, own);
        fixture_steps(&bare, 7);
        ck_assert_msg(
            memcmp(f.trial->chain.weights, bare.trial->chain.weights, f.trial->chain.n_vector * sizeof(real)) == 0,
            "%s changes the training", name);
        text_free(&r.text);
        fixture_close(&f);
        fixture_close(&bare);
    }
}
END_TEST

/* Lemma 3.1 holds at every log, whatever the regularization. */
START_TEST(lemma_holds_in_training)
{
    static const char *const r[] = { "0.3", "1", "3", "10" };
    for (size_t i = 0; i < 4; i++) {
        char own[256];
        struct fixture f;
        struct records records;
        struct trial_outcome outcome;
        struct err e = { 0 };
        snprintf(own, sizeof own,
                 "{train: {iterations: 6, optimizer: {name: sgd, stepsize: 1e-3}}, log: {every: 2, metrics: [lemma]}, "
                 "algorithm: {name: tp, target_stepsize: "
                 "0.1, mapping: {regularization: %s}}}",
                 r[i]);
        fixture_open(&f, ORDER, own);
        must(run(&f, &records, &outcome, &e), &e);
        for (int64_t step = 0; step <= 6; step += 2) {
            const double left = records_value(&records, "lemma_left", step),
                         right = records_value(&records, "lemma_right", step);
            ck_assert_msg(left > 0 && left <= right, "r = %s, step %lld: %g > %g", r[i], (long long)step, left, right);
        }
        text_free(&records.text);
        fixture_close(&f);
    }
}
END_TEST

static double norm_of(const struct trial *t, size_t layer, const real *vector)
{
    double sum = 0;
    const struct unit *l = &t->chain.units[layer];
    for (size_t p = 0; p < l->n_params; p++)
        for (size_t j = 0; j < l->params[p].rows * l->params[p].cols; j++)
            sum += pow((double)vector[l->params[p].offset + j], 2);
    return sqrt(sum);
}

START_TEST(norms_are_those_of_the_last_step)
{
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    char name[64];
    fixture_open(&f, ADDING,
                 "{train: {iterations: 4}, log: {every: 3, metrics: [weight_norm, update_norm, displacement_norm]}, "
                 "algorithm: {name: tp, target_stepsize: 0.1}}");
    must(run(&f, &r, &outcome, &e), &e);
    const struct trial *t = f.trial;
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "weight_norm.%zu", i);
        ck_assert_double_eq_tol(records_value(&r, name, 4), norm_of(t, i, t->chain.weights), 1e-10);
        snprintf(name, sizeof name, "update_norm.%zu", i);
        ck_assert_double_eq_tol(records_value(&r, name, 4), norm_of(t, i, t->gradient), 1e-10);
    }
    for (size_t k = 0; k < t->credit.n; k++) {
        snprintf(name, sizeof name, "displacement_norm.%zu", k);
        ck_assert_double_eq_tol(records_value(&r, name, 4), sqrt(mat_sum_squares(t->credit.d[k])), 1e-10);
    }
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* bp is at no angle to itself; without propagation through_chain is bp, too; the head always is. */
START_TEST(angles_to_bp)
{
    static const char *const own[] = { "bp", "{name: bp, head: 1, target_stepsize: 3}",
                                       "{name: tp, target_stepsize: 0.5, propagate: none, update: through_chain}",
                                       "{name: dfa}", NULL };
    for (size_t i = 0; own[i]; i++) {
        struct fixture f;
        struct records r;
        struct trial_outcome outcome;
        struct err e = { 0 };
        char lines[256];
        snprintf(lines, sizeof lines,
                 "{train: {iterations: 4}, log: {every: 2, metrics: [angle_bp, angle_bp_bias]}, algorithm: %s}",
                 own[i]);
        fixture_open(&f, ORDER, lines);
        must(run(&f, &r, &outcome, &e), &e);
        for (int64_t step = 2; step <= 4; step += 2) {
            const double below = records_value(&r, "angle_bp.0", step),
                         bias = records_value(&r, "angle_bp_bias.0", step);
            const bool same = strstr(own[i], "dfa") == NULL;
            ck_assert_msg(same ? below < BOUND(1e-5, 0.1) && bias < BOUND(1e-5, 0.1) : below > 1 && bias > 1,
                          "%s: %g and %g degrees", own[i], below, bias);
            ck_assert_double_lt(records_value(&r, "angle_bp.1", step), BOUND(1e-5, 0.1));
        }
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* With a loss at every step the layers above the recurrent one are the head, in the reference too. */
START_TEST(angles_to_bp_of_sequences)
{
    static const char sequences[] = "{dataset: {name: markov, length: 6, eval_size: 37, test_size: 53},"
                                    " network: {layers: [rnn: {units: 6, sequence: true}, dense: {units: 5, "
                                    "activation: tanh}, dense: {units: 8}]}}";
    static const char *const own[] = { "{name: bp, head: 2}", "{name: tp, head: 2, target_stepsize: 0.5}", NULL };
    for (size_t i = 0; own[i]; i++) {
        struct fixture f;
        struct records r;
        struct trial_outcome outcome;
        struct err e = { 0 };
        char lines[256];
        snprintf(lines, sizeof lines,
                 "{train: {iterations: 2}, log: {every: 2, metrics: [angle_bp, angle_bp_bias]}, algorithm: %s}",
                 own[i]);
        fixture_open(&f, sequences, lines);
        must(run(&f, &r, &outcome, &e), &e);
        const double below = records_value(&r, "angle_bp.0", 2);
        ck_assert_msg(i == 0 ? below < BOUND(1e-5, 0.1) : below > 1, "%s: %g degrees", own[i], below);
        ck_assert_double_lt(records_value(&r, "angle_bp.1", 2), BOUND(1e-5, 0.1));
        ck_assert_double_lt(records_value(&r, "angle_bp_bias.2", 2), BOUND(1e-5, 0.1));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* The mean of the minibatches since the last log, each before its update; whatever the order of updates. */
static void check_batch_loss(const char *data, const char *own)
{
    struct fixture f, g;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(&f, data, own);
    must(run(&f, &r, &outcome, &e), &e);
    fixture_open(&g, data, own);
    for (int64_t from = 0; from < 9; from += 3) {
        double sum = 0;
        for (int i = 0; i < 3; i++) {
            struct trial *t = g.trial;
            t->dataset->fill(g.config.dataset.opts, t->dataset_state, SPLIT_TRAIN, (uint64_t)t->step * 3,
                             &t->pass.batch);
            chain_forward(&t->pass);
            sum += chain_loss(&t->pass, g.config.loss, false);
            fixture_steps(&g, 1);
        }
        ck_assert_double_eq(records_value(&r, "batch_loss", from + 3), sum / 3);
    }
    text_free(&r.text);
    fixture_close(&f);
    fixture_close(&g);
}

START_TEST(batch_loss_is_that_before_the_update)
{
    check_batch_loss(ORDER, "{train: {iterations: 9}, log: {every: 3, metrics: [batch_loss]}}");
    check_batch_loss(BLOBS, "{train: {iterations: 9}, log: {every: 3, metrics: [batch_loss]}, algorithm: {name: bp, "
                            "update: {order: sequential}}}");
}
END_TEST

START_TEST(training_reduces_the_loss)
{
    static const char *const own[] = {
        "{algorithm: bp}", "{algorithm: {name: tp, target_stepsize: 1, mapping: {regularization: 1}}}",
        "{algorithm: {name: dtp, target_stepsize: 1, feedback_loss: {name: reconstruction, noise: 0.1},"
        " feedback: {optimizer: {name: sgd, stepsize: 0.05}}}}",
        "{algorithm: dfa}", NULL
    };
    for (size_t i = 0; own[i]; i++) {
        struct fixture f;
        struct records r;
        struct trial_outcome outcome;
        struct err e = { 0 };
        fixture_open(&f, BLOBS, own[i]);
        f.trial->budget = 300;
        must(run(&f, &r, &outcome, &e), &e);
        ck_assert_msg(records_value(&r, "train_loss", 300) < 0.7 * records_value(&r, "train_loss", 0),
                      "%s: from %g to %g", own[i], records_value(&r, "train_loss", 0),
                      records_value(&r, "train_loss", 300));
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* ---- divergence ---- */

/* The rule of the released code: a train_loss above a multiple of the initial one, tested every stop.every steps. */
START_TEST(loss_above_initial_ends_a_trial)
{
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(
        &f, ADDING,
        "{train: {iterations: 50, optimizer: {name: sgd, stepsize: 3}, stop: {loss_above_initial: 2, every: 1}}, log: "
        "{every: 1, metrics: [train_loss]}}");
    ck_assert_int_eq(run(&f, &r, &outcome, &e), ERR_DIVERGED);
    ck_assert_ptr_nonnull(strstr(err_first(&e), "train_loss"));
    err_clear(&e);
    ck_assert_str_eq(outcome.tensor, "train_loss");
    const double initial = records_value(&r, "train_loss", 0);
    ck_assert(!(records_value(&r, "train_loss", outcome.step) <= 2 * initial));
    for (int64_t step = 1; step < outcome.step; step++)
        ck_assert(records_value(&r, "train_loss", step) <= 2 * initial);
    char event[64];
    snprintf(event, sizeof event, "diverged %lld: ", (long long)outcome.step);
    ck_assert_ptr_nonnull(strstr(r.text.s, event));
    text_free(&r.text);
    fixture_close(&f);
    /* it is tested at its own steps alone, whatever is logged */
    fixture_open(
        &f, ADDING,
        "{train: {iterations: 9, optimizer: {name: sgd, stepsize: 3}, stop: {loss_above_initial: 2, every: 10}}, log: "
        "{every: 1, metrics: [train_loss]}}");
    must(run(&f, &r, &outcome, &e), &e);
    text_free(&r.text);
    fixture_close(&f);
    /* the same without the rule goes on, or ends because a number does */
    fixture_open(
        &f, ADDING,
        "{train: {iterations: 2, optimizer: {name: sgd, stepsize: 3}}, log: {every: 1, metrics: [train_loss]}}");
    must(run(&f, &r, &outcome, &e), &e);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Weights that hardly move: the loss stays at 1 times the initial one. */
START_TEST(loss_above_initial_is_a_factor)
{
    static const struct {
        const char *factor;
        int code;
    } cases[] = { { "0.99", ERR_DIVERGED }, { "1.01", 0 } };
    for (size_t i = 0; i < 2; i++) {
        char own[256];
        struct fixture f;
        struct records r;
        struct trial_outcome outcome;
        struct err e = { 0 };
        snprintf(own, sizeof own,
                 "{train: {iterations: 2, optimizer: {name: sgd, stepsize: 1e-7}, stop: {loss_above_initial: %s, "
                 "every: 1}}}",
                 cases[i].factor);
        fixture_open(&f, ADDING, own);
        ck_assert_int_eq(run(&f, &r, &outcome, &e), cases[i].code);
        err_clear(&e);
        text_free(&r.text);
        fixture_close(&f);
    }
}
END_TEST

/* Weights that overflow: the trial ends at that step, its train_loss there is NaN, and the outcome names the layer and
 * the tensor. */
static void overflow(const char *own, int expected)
{
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(&f, ORDER, own);
    real *w = unit_param(&f.trial->chain.units[0], 1, f.trial->chain.weights).p;
    fixture_steps(&f, 4);
    w[3] = NAN;
    chain_refresh(&f.trial->chain);
    const int code = run(&f, &r, &outcome, &e);
    ck_assert_int_eq(code, expected);
    ck_assert_str_eq(outcome.tensor, "layers.0.weight_hh");
    ck_assert_int_eq(outcome.layer, 0);
    ck_assert_int_eq(outcome.step, 4);
    ck_assert(isnan(records_value(&r, "train_loss", 5)));
    ck_assert_ptr_nonnull(strstr(r.text.s, "diverged 5: "));
    err_clear(&e);
    text_free(&r.text);
    fixture_close(&f);
}

START_TEST(nonfinite_numbers_end_a_trial)
{
    overflow("{algorithm: bp}", ERR_DIVERGED);
    overflow("{algorithm: {name: tp, target_stepsize: 1}}", ERR_DIVERGED);
}
END_TEST

/* A matrix that cannot be inverted ends a trial the same way: a record of NaN at the step, and an event. */
START_TEST(singular_matrices_end_a_trial)
{
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(&f, ORDER, "{algorithm: {name: tp, target_stepsize: 1, mapping: {regularization: 0}}}");
    fixture_steps(&f, 4);
    const struct mat w = unit_param(&f.trial->chain.units[0], 1, f.trial->chain.weights);
    for (size_t j = 0; j < w.cols; j++)
        w.p[j] = 2 * w.p[w.cols + j];
    chain_refresh(&f.trial->chain);
    ck_assert_int_eq(run(&f, &r, &outcome, &e), ERR_SINGULAR);
    err_clear(&e);
    ck_assert_int_eq(outcome.step, 4);
    ck_assert(isnan(records_value(&r, "train_loss", 5)));
    ck_assert_ptr_nonnull(strstr(r.text.s, "diverged 5: "));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* The last update may be the one that overflows: no step follows to see it, but the log of the end does. */
START_TEST(the_last_log_sees_what_no_step_does)
{
    struct fixture f;
    struct records r;
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(
        &f, ADDING,
        "{train: {iterations: 1, optimizer: {name: sgd, stepsize: 1e30}}, log: {every: 1, metrics: [train_loss]}}");
    f.config.train.optimizer.part = registry_find(&optim_registry, "sgd");
    *(double *)f.config.train.optimizer.opts = BOUND(1e300, 1e30) * 1e9; /* stepsize, the first field */
    ck_assert_int_eq(run(&f, &r, &outcome, &e), ERR_DIVERGED);
    ck_assert_str_eq(outcome.tensor, "train_loss");
    err_clear(&e);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* A sink that cannot record ends the run with its own error, also when the trial has diverged. */
static int broken_event(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e)
{
    (void)s, (void)step, (void)kind, (void)text;
    return err_set(e, ERR_IO, "the other end is gone");
}

START_TEST(lost_records_are_an_error)
{
    struct fixture f;
    struct records r = records_new();
    const struct trial_control control = { 0 };
    struct trial_outcome outcome;
    struct err e = { 0 };
    fixture_open(&f, ORDER, "{}");
    r.sink.event = broken_event;
    f.trial->chain.weights[0] = NAN;
    f.trial->step = 1;
    chain_refresh(&f.trial->chain);
    ck_assert_int_eq(trial_run(f.trial, &r.sink, &control, &outcome, &e), ERR_IO);
    err_clear(&e);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* The largest eigenvalue of the symmetric, positive semidefinite matrix a (n x n), by power iteration. */
static double largest_eigenvalue(size_t n, const double *a)
{
    double v[16], next[16], norm = 0;
    for (size_t i = 0; i < n; i++)
        v[i] = 1 + 0.1 * (double)i;
    for (int step = 0; step < 20000; step++) {
        norm = 0;
        for (size_t i = 0; i < n; i++) {
            next[i] = 0;
            for (size_t j = 0; j < n; j++)
                next[i] += a[i * n + j] * v[j];
            norm += next[i] * next[i];
        }
        norm = sqrt(norm);
        for (size_t i = 0; i < n; i++)
            v[i] = next[i] / norm;
    }
    return norm;
}

/* Condition number of W^T W + r I: that of a matrix with fewer rows than columns has r among its eigenvalues. */
START_TEST(condition_numbers_by_power_iteration)
{
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    fixture_open(&f, BLOBS,
                 "{network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 7, activation: tanh}, dense: "
                 "{units: 4}]}, algorithm: "
                 "{name: tp, head: 0, target_stepsize: 0.5, mapping: {regularization: 0.03}}, log: {metrics: "
                 "[condition_number]}}");
    fixture_steps(&f, 3);
    must(measure_all(f.trial, &r.sink, &e), &e);
    for (size_t i = 1; i < 3; i++) { /* 7 x 5 and 4 x 7 */
        const struct mat w = unit_param(&f.trial->chain.units[i], 0, f.trial->chain.weights);
        const size_t n = w.cols;
        double a[16 * 16] = { 0 }, rest[16 * 16];
        char name[64];
        for (size_t p = 0; p < n * n; p++) {
            a[p] = p / n == p % n ? 0.03 : 0;
            for (size_t k = 0; k < w.rows; k++)
                a[p] += (double)w.p[k * n + p / n] * (double)w.p[k * n + p % n];
        }
        const double largest = largest_eigenvalue(n, a);
        for (size_t p = 0; p < n * n; p++)
            rest[p] = (p / n == p % n ? largest : 0) - a[p];
        const double smallest = largest - largest_eigenvalue(n, rest);
        snprintf(name, sizeof name, "condition_number.%zu", i);
        const double got = records_value(&r, name, 3);
        ck_assert_msg(fabs(got * smallest / largest - 1) < BOUND(1e-8, 1e-3), "layer %zu: %.12g instead of %.12g", i,
                      got, largest / smallest);
        ck_assert((w.rows < n) == (fabs(smallest - 0.03) < 1e-6));
    }
    ck_assert_ptr_null(strstr(r.text.s, "condition_number.0 ")); /* is not inverted */
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Condition number of W^T W + r I by its singular values. */
static double condition_of(struct mat w, double r)
{
    double largest, smallest;
    struct err e = { 0 };
    must(solve_condition(w, &largest, &smallest, &e), &e);
    return (largest * largest + r) / (smallest * smallest + r);
}

/* The metrics after a step of a trial with this algorithm and network. */
static void measure_inverses(struct fixture *f, struct records *r, const char *data, const char *rest)
{
    char text[1024];
    struct err e = { 0 };
    *r = records_new();
    snprintf(text, sizeof text, "{log: {metrics: [condition_number]}, algorithm: {name: tp, target_stepsize: 0.5, %s}",
             rest);
    fixture_open(f, data, text);
    fixture_steps(f, 1);
    must(measure_all(f->trial, &r->sink, &e), &e);
}

static void check_condition(struct fixture *f, struct records *r, const char *name, double expected, double tolerance)
{
    ck_assert_double_gt(expected, 1);
    ck_assert_double_eq_tol(records_value(r, name, 1), expected, tolerance * expected);
    text_free(&r->text);
    fixture_close(f);
}

/* Of what is factorized: each gate of a cell, each layer of a unit, and 2 I - W without r where that is inverted. */
START_TEST(condition_numbers_of_what_is_inverted)
{
    struct fixture f;
    struct records r;
    measure_inverses(
        &f, &r, ORDER,
        "head: 1, mapping: {regularization: 0.3}}, network: {layers: [gru: {units: 5}, dense: {units: 4}]}");
    const struct unit *gru = &f.trial->chain.units[0];
    double largest = 0;
    for (size_t j = 0; j < gru->n_params; j++) {
        const struct mat w = unit_param(gru, j, gru->weights);
        for (size_t k = 0; k < 3 && w.rows == 15 && w.cols == 5; k++)
            largest = fmax(largest, condition_of(mat_rows(w, 5 * k, 5), 0.3));
    }
    check_condition(&f, &r, "condition_number.0", largest, 1e-6);

    measure_inverses(&f, &r, BLOBS,
                     "head: 1, propagate: difference, mapping: {matrix: two_eye_minus_w}}, network: {layers: [dense: "
                     "{units: 6, activation: tanh}, dense: {units: 6, activation: tanh}, dense: {units: 4}]}");
    const struct mat w = unit_param(&f.trial->chain.units[1], 0, f.trial->chain.weights);
    real variant[36];
    for (size_t i = 0; i < 36; i++)
        variant[i] = (i / 6 == i % 6 ? 2 : 0) - w.p[i];
    check_condition(&f, &r, "condition_number.1", condition_of(mat_of(variant, 6, 6), 0), 1e-5);

    measure_inverses(
        &f, &r, BLOBS,
        "head: 0, mapping: {regularization: 0.1}}, network: {layers: [dense: {units: 6, activation: tanh}, "
        "unit: [dense: {units: 6, activation: tanh}, dense: {units: 7, activation: tanh}], dense: {units: 4}]}");
    const struct unit *inner = f.trial->chain.units[1].inner;
    largest = fmax(condition_of(unit_param(&inner[0], 0, inner[0].weights), 0.1),
                   condition_of(unit_param(&inner[1], 0, inner[1].weights), 0.1));
    check_condition(&f, &r, "condition_number.1", largest, 1e-5);

    /* the transpose of a 5 x 8 matrix */
    measure_inverses(&f, &r, BLOBS,
                     "head: 1, mapping: {regularization: 0.1}}, dataset: {features: 8}, network: {layers: [dense: "
                     "{units: 5, activation: tanh}, dense: {units: 8, activation: tanh, tied: 0}, dense: {units: 4}]}");
    real transposed[40];
    mat_transpose(unit_param(&f.trial->chain.units[0], 0, f.trial->chain.weights), mat_of(transposed, 8, 5));
    check_condition(&f, &r, "condition_number.1", condition_of(mat_of(transposed, 8, 5), 0.1), 1e-5);
}
END_TEST

/* An inverse that is exact factorizes nothing. */
START_TEST(no_condition_number_of_an_exact_inverse)
{
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    fixture_given(&f, "{}",
                  "{log: {metrics: [condition_number]}, algorithm: {name: tp, target_stepsize: 0.5, head: 2}, dataset: "
                  "{name: given, features: 16, image: [1, 4, 4], outputs: 4}, network: {layers: [patches: {channels: "
                  "4, size: 2}, coupling: {hidden: 3}, global_average_pool, dense: {units: 4}]}}");
    must(measure_all(f.trial, &r.sink, &e), &e);
    ck_assert(!r.text.s || !strstr(r.text.s, "condition_number"));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* The largest eigenvalue of W^T W is the square; a unit of several layers has no such matrix. */
START_TEST(spectral_norms_by_power_iteration)
{
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    fixture_open(
        &f, BLOBS,
        "{network: {layers: [unit: [dense: {units: 6, activation: tanh}, dense: {units: 5, activation: tanh}], "
        "dense: {units: 4}]}, log: {metrics: [spectral_norm]}}");
    fixture_steps(&f, 3);
    must(measure_all(f.trial, &r.sink, &e), &e);
    const struct mat w = unit_param(&f.trial->chain.units[1], 0, f.trial->chain.weights);
    double a[16 * 16] = { 0 };
    for (size_t p = 0; p < w.cols * w.cols; p++)
        for (size_t k = 0; k < w.rows; k++)
            a[p] += (double)w.p[k * w.cols + p / w.cols] * (double)w.p[k * w.cols + p % w.cols];
    ck_assert_double_eq_tol(records_value(&r, "spectral_norm.1", 3), sqrt(largest_eigenvalue(w.cols, a)),
                            BOUND(1e-8, 1e-5));
    ck_assert_ptr_null(strstr(r.text.s, "spectral_norm.0 "));
    text_free(&r.text);
    r = records_new();
    f.trial->chain.units[1].params[0].rank =
        1; /* as in a layer that scales: a vector is no matrix, and has no norm of one */
    must(measure_all(f.trial, &r.sink, &e), &e);
    ck_assert_msg(!r.text.s || !strstr(r.text.s, "spectral_norm"), "%s", r.text.s);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* Of the units that are inverted: the first one is none, nor is the head. */
START_TEST(clip_fractions_by_counting)
{
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    fixture_open(&f, BLOBS,
                 "{network: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 6, activation: tanh}, unit: "
                 "[dense: {units: 5, activation: tanh}], dense: {units: 4}]}, algorithm: {name: tp, target_stepsize: "
                 "0.5, mapping: {clamp: 0.45}}, log: {metrics: [clip_fraction]}}");
    fixture_steps(&f, 2);
    must(measure_all(f.trial, &r.sink, &e), &e);
    for (size_t i = 1; i < 3; i++) {
        const struct mat h = f.trial->pass.stacks[i].out;
        char name[64];
        double n = 0;
        for (size_t j = 0; j < mat_n(h); j++)
            n += fabs((double)h.p[j]) > 0.55;
        snprintf(name, sizeof name, "clip_fraction.%zu", i);
        ck_assert(n > 0 && n < (double)mat_n(h));
        ck_assert_double_eq_tol(records_value(&r, name, 2), n / (double)mat_n(h), 1e-12);
    }
    ck_assert_ptr_null(strstr(r.text.s, "clip_fraction.0 "));
    ck_assert_ptr_null(strstr(r.text.s, "clip_fraction.3 "));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

/* What the inverse of a layer clamps is not always its state. */
START_TEST(clip_fractions_of_other_values_are_refused)
{
    static const struct {
        const char *data, *own, *layer; /* NULL: accepted */
    } cases[] = {
        { BLOBS,
          "{network: {layers: [dense: {units: 5}, unit: [dense: {units: 5, activation: tanh}, dense: {units: 5}], "
          "dense: {units: 4}]}}",
          "network.layers.1 (unit" },
        { BLOBS, "{network: {form: w_sigma}}", "network.layers.1 (w_sigma" },
        { ORDER, "{network: {layers: [gru: {units: 5}, dense: {units: 4}]}}", "network.layers.0 (gru" },
        { BLOBS,
          "{network: {layers: [unit: [dense: {units: 5}, activation: {activation: tanh}], dense: {units: 5}, dense: "
          "{units: 4}]}}",
          NULL },
        { ORDER, "{}", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        const int code =
            config_lines(&c, &a, &e, TRIAL_BASE, cases[i].data, cases[i].own,
                         "{algorithm: {name: tp, target_stepsize: 0.5}, log: {metrics: [clip_fraction]}}", NULL);
        ck_assert_msg(code == (cases[i].layer ? ERR_SPEC : 0), "%s: %s", cases[i].own, err_first(&e));
        ck_assert_msg(!cases[i].layer || strstr(err_first(&e), cases[i].layer), "%s", err_first(&e));
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

/* Each accuracy is logged under its own name. The loss is the mean squared error, so what is within 0.2 of the target
 * but not within 0.04 tells them apart. */
START_TEST(two_accuracies)
{
    struct fixture f;
    struct records r = records_new();
    struct err e = { 0 };
    double square = 0, strict = 0;
    fixture_open(&f, ADDING, "{log: {metrics: [test_accuracy, test_accuracy_strict]}}");
    struct trial *t = f.trial;
    struct pass p;
    must(measure_all(t, &r.sink, &e), &e);
    must(pass_init(&p, &t->chain, 1, 0, &f.arena, &e), &e);
    for (size_t i = 0; i < t->data.test_size; i++) {
        t->dataset->fill(f.config.dataset.opts, t->dataset_state, SPLIT_TEST, i, &p.batch);
        chain_forward(&p);
        const double error = fabs((double)pass_output(&p).p[0] - (double)p.batch.y.p[0]);
        square += error < 0.2;
        strict += error < 0.04;
    }
    ck_assert_double_lt(strict, square);
    ck_assert_double_eq_tol(records_value(&r, "test_accuracy", 0), 100 * square / (double)t->data.test_size, 1e-9);
    ck_assert_double_eq_tol(records_value(&r, "test_accuracy_strict", 0), 100 * strict / (double)t->data.test_size,
                            1e-9);
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, evaluation_is_the_mean_over_all_samples);
    tcase_add_test(t, evaluation_as_the_mean_over_minibatches);
    tcase_add_test(t, evaluation_does_not_depend_on_the_position);
    tcase_add_test(t, evaluation_does_not_disturb_training);
    tcase_add_test(t, variants_share_data_and_weights);
    tcase_add_test(t, every_metric_is_logged);
    tcase_add_test(t, lemma_holds_in_training);
    tcase_add_test(t, condition_numbers_by_power_iteration);
    tcase_add_test(t, condition_numbers_of_what_is_inverted);
    tcase_add_test(t, no_condition_number_of_an_exact_inverse);
    tcase_add_test(t, spectral_norms_by_power_iteration);
    tcase_add_test(t, clip_fractions_by_counting);
    tcase_add_test(t, clip_fractions_of_other_values_are_refused);
    tcase_add_test(t, two_accuracies);
    tcase_add_test(t, norms_are_those_of_the_last_step);
    tcase_add_test(t, angles_to_bp);
    tcase_add_test(t, angles_to_bp_of_sequences);
    tcase_add_test(t, batch_loss_is_that_before_the_update);
    tcase_add_test(t, training_reduces_the_loss);
    tcase_add_test(t, loss_above_initial_ends_a_trial);
    tcase_add_test(t, loss_above_initial_is_a_factor);
    tcase_add_test(t, nonfinite_numbers_end_a_trial);
    tcase_add_test(t, singular_matrices_end_a_trial);
    tcase_add_test(t, the_last_log_sees_what_no_step_does);
    tcase_add_test(t, lost_records_are_an_error);
}

CHECK_MAIN("measure", add_tests)
