/* tprun probe: one training step of one trial on given parameters, batch and noise, and everything it computed. docs/probe.md. */
#include "trial/private.h"

#include "base/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- input ---- */

struct input {
    struct safetensors file;
    bool *used;
};

static int wrong_shape(const char *name, const struct tensor *t, size_t rank, const size_t *shape, struct err *e)
{
    char found[128], expected[128];
    struct tensor want = { .rank = rank };
    memcpy(want.shape, shape, rank * sizeof *shape);
    return err_set(e, ERR_FORMAT, "tensor '%s' has shape %s, expected %s", name, tensor_shape_text(t, found, sizeof found),
                   tensor_shape_text(&want, expected, sizeof expected));
}

/* The tensor of this name and shape, marked as used. */
static int take(struct input *in, const char *name, size_t rank, const size_t *shape, bool integer, const struct tensor **out, struct err *e)
{
    const struct tensor *t = safetensors_find(&in->file, name);
    char text[128];
    struct tensor want = { .rank = rank };
    memcpy(want.shape, shape, rank * sizeof *shape);
    if (!t)
        return err_set(e, ERR_FORMAT, "missing tensor '%s' of shape %s", name, tensor_shape_text(&want, text, sizeof text));
    in->used[t - in->file.tensors] = true;
    bool same = t->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    if (!same)
        return wrong_shape(name, t, rank, shape, e);
    if ((t->dtype == DTYPE_I64) != integer)
        return err_set(e, ERR_FORMAT, "tensor '%s' holds %s, expected %s", name, integer ? "floating-point numbers" : "integers",
                       integer ? "integers (I64)" : "F32 or F64");
    *out = t;
    return 0;
}

static int read_layer(struct input *in, const struct unit *l, const char *prefix, real *weights, struct err *e)
{
    char name[96];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        const size_t shape[2] = { p->rows, p->cols };
        const struct tensor *t;
        unit_param_name(l, j, prefix, name, sizeof name);
        TRY(take(in, name, p->rank, shape, false, &t, e));
        for (size_t i = 0; i < t->n; i++)
            weights[p->offset + i] = (real)tensor_get(t, i);
    }
    return 0;
}

/* From batch-first [B, T, n] in the file to time-major [T][B][n]; flat [B, n] is T = 1. */
static int read_rows(struct input *in, const char *name, size_t rows, size_t length, size_t n, bool sequence, real *out, struct err *e)
{
    const size_t flat[2] = { rows, n }, steps[3] = { rows, length, n };
    const struct tensor *t;
    TRY(take(in, name, sequence ? 3 : 2, sequence ? steps : flat, false, &t, e));
    for (size_t b = 0; b < rows; b++)
        for (size_t k = 0; k < length; k++)
            for (size_t j = 0; j < n; j++)
                out[(k * rows + b) * n + j] = (real)tensor_get(t, (b * length + k) * n + j);
    return 0;
}

static int read_labels(struct input *in, struct trial *t, struct err *e)
{
    const size_t b = t->pass.rows, steps = t->chain.per_step, n = t->data.classes ? 1 : t->data.outputs;
    const size_t shape[3] = { b, steps > 1 ? steps : t->data.outputs, t->data.outputs };
    const size_t rank = (steps > 1 ? 2 : 1) + (t->data.classes ? 0 : 1);
    const struct tensor *y = NULL;
    TRY(take(in, "batch.y", rank, shape, t->data.classes, &y, e));
    for (size_t at = 0; at < y->n; at++) { /* [B, T, n] to time-major */
        const size_t sample = at / (steps * n), step = at / n % steps, i = (step * b + sample) * n + at % n;
        if (!t->data.classes) {
            t->pass.batch.y.p[i] = (real)tensor_get(y, at);
            continue;
        }
        const int64_t label = tensor_get_int(y, at);
        if (label < 0 || (size_t)label >= t->data.outputs)
            return err_set(e, ERR_FORMAT, "tensor 'batch.y': label %lld of sample %zu is not a class (0 to %zu)", (long long)label, sample,
                           t->data.outputs - 1);
        t->pass.batch.label[i] = label;
    }
    return 0;
}

/* [B, n]; [B, T, n] for a unit above one that gives all states, and where an axis of steps is asked for. */
static int read_draws(struct input *in, const struct trial *t, const char *name, struct mat to, bool axis, struct err *e)
{
    const size_t steps = to.rows / t->pass.rows;
    return to.p ? read_rows(in, name, t->pass.rows, steps, to.cols, axis || steps > 1, to.p, e) : 0;
}

/* Random numbers of a training pass. */
static int read_noise(struct input *in, struct trial *t, struct err *e)
{
    char name[64];
    TRY(read_draws(in, t, "noise.input", t->pass.noise.draws, false, e));
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const char *kind = transmit_draws_names[transmit_draws_of(t->chain.units[i].transmit, true)];
        snprintf(name, sizeof name, "noise.%s.%zu", kind, i);
        TRY(read_draws(in, t, name, t->pass.draws[i], false, e));
    }
    for (size_t i = 0; i < t->credit.n_draws; i++) {
        const struct draw *d = &t->credit.draws[i];
        TRY(read_draws(in, t, d->name, d->to, d->steps, e));
    }
    return 0;
}

static int read_batch(struct input *in, struct trial *t, struct err *e)
{
    TRY(read_rows(in, "batch.x", t->pass.rows, t->data.length, t->data.features, t->data.sequence, t->pass.batch.x, e));
    return read_labels(in, t, e);
}

static int check_all_used(const struct input *in, struct err *e)
{
    for (size_t i = 0; i < in->file.n_tensors; i++)
        if (!in->used[i]) {
            char text[128];
            return err_set(e, ERR_FORMAT, "tensor '%s' of shape %s is not an input of this trial", in->file.tensors[i].name,
                           tensor_shape_text(&in->file.tensors[i], text, sizeof text));
        }
    return 0;
}

/* direction.<parameter>: an update that metrics judge in place of the step's own, which is not known yet. */
struct direction {
    real *values; /* [n_vector] */
    bool any, **given; /* [n_units][n_params] */
};

static int read_direction(struct input *in, struct trial *t, struct direction *d, struct err *e)
{
    d->values = arena_need(&t->scratch, t->chain.n_vector, sizeof *d->values);
    d->given = arena_need(&t->scratch, t->chain.n_units, sizeof *d->given);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        d->given[i] = arena_need(&t->scratch, t->chain.units[i].n_params, sizeof **d->given);
        for (size_t j = 0; j < t->chain.units[i].n_params; j++) {
            const struct param *p = &t->chain.units[i].params[j];
            const size_t shape[2] = { p->rows, p->cols };
            char name[96], full[128];
            const struct tensor *values;
            snprintf(full, sizeof full, "direction.%s", unit_param_name(&t->chain.units[i], j, "layers", name, sizeof name));
            if (!safetensors_find(&in->file, full))
                continue;
            TRY(take(in, full, p->rank, shape, false, &values, e));
            for (size_t k = 0; k < values->n; k++)
                d->values[p->offset + k] = (real)tensor_get(values, k);
            d->any = d->given[i][j] = true;
        }
    }
    return 0;
}

/* Once the step is done: parameters without a direction of their own are judged by the step's update. */
static void set_direction(struct trial *t, const struct direction *d)
{
    if (!d->any)
        return;
    for (size_t i = 0; i < t->chain.n_units; i++)
        for (size_t j = 0; j < t->chain.units[i].n_params; j++)
            if (!d->given[i][j])
                mat_copy(unit_param(&t->chain.units[i], j, t->gradient), unit_param(&t->chain.units[i], j, d->values));
    t->direction = d->values;
}

static int read_all(struct input *in, struct trial *t, struct direction *direction, bool metrics, struct err *e)
{
    if (metrics)
        TRY(read_direction(in, t, direction, e));
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(read_layer(in, &t->chain.units[i], "layers", t->chain.weights, e));
    for (size_t i = 0; i < credit_n_feedback_units(&t->credit); i++)
        TRY(read_layer(in, credit_feedback_unit(&t->credit, i), "feedback", t->credit.feedback_weights, e));
    TRY(read_noise(in, t, e));
    TRY(read_batch(in, t, e));
    TRY(check_all_used(in, e));
    chain_refresh(&t->chain);
    return 0;
}

/* ---- output ---- */

static void add(struct safetensors_writer *w, struct arena *a, const char *name, size_t rank, const size_t *shape, const real *data, size_t n)
{
    real *copy = arena_need(a, n ? n : 1, sizeof *copy);
    memcpy(copy, data, n * sizeof *copy);
    safetensors_add(w, name, REAL_DTYPE, rank, shape, copy);
}

static void add_number(struct safetensors_writer *w, struct arena *a, const char *name, double value)
{
    double *copy = arena_need(a, 1, sizeof *copy);
    *copy = value;
    safetensors_add(w, name, DTYPE_F64, 0, NULL, copy);
}

static void add_updates(struct safetensors_writer *w, struct arena *a, const struct unit *l, const char *prefix, const real *gradient)
{
    char name[96], full[128];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        const size_t shape[2] = { p->rows, p->cols };
        snprintf(full, sizeof full, "update.%s", unit_param_name(l, j, prefix, name, sizeof name));
        add(w, a, full, p->rank, shape, gradient + p->offset, p->rows * p->cols);
    }
}

/* Loss, states and targets of a pass as it stands. Recurrent: [T+1, B, H] with the initial state first; its target is itself. */
static void add_states(struct safetensors_writer *w, struct arena *a, const struct trial *t, const struct pass *p, bool targets)
{
    char name[64];
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct at *s = &p->stacks[i];
        const bool recurrent = unit_is_recurrent(&t->chain.units[i]);
        const bool each_step = !recurrent && i > 0 && t->chain.per_step > 1; /* a layer on every state: [T, B, n] */
        const size_t b = p->rows, n = s->out.cols, first = recurrent ? b * n : 0, total = first + mat_n(s->out);
        const size_t flat[2] = { b, n }, every[3] = { t->chain.per_step, b, n }, steps[3] = { t->chain.links_of[i] + 1, b, n };
        const real *state = s->out.p - first;
        snprintf(name, sizeof name, "state.%zu", i);
        add(w, a, name, recurrent || each_step ? 3 : 2, recurrent ? steps : each_step ? every : flat, state, total);
        if (p->sent[i].p) {
            snprintf(name, sizeof name, "sent.%zu", i);
            add(w, a, name, each_step ? 3 : 2, each_step ? every : flat, p->sent[i].p, mat_n(p->sent[i]));
        }
        if (!targets || t->chain.first_link[i] >= t->credit.n)
            continue;
        real *target = arena_need(a, total, sizeof *target);
        memcpy(target, state, total * sizeof *target);
        for (size_t j = first; j < total; j++)
            target[j] += t->credit.d_stack[i].p[j - first];
        snprintf(name, sizeof name, "target.%zu", i);
        safetensors_add(w, name, REAL_DTYPE, recurrent ? 3 : 2, recurrent ? steps : flat, target);
    }
    add_number(w, a, "loss", p->loss);
}

struct metric_sink {
    struct sink sink;
    struct safetensors_writer *w;
    struct arena *a;
};
static int put_metric(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    (void)step, (void)e;
    struct metric_sink *m = (struct metric_sink *)s;
    add_number(m->w, m->a, arena_printf(m->a, "metric.%s", name), value);
    return 0;
}
static int put_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e)
{
    (void)step, (void)e;
    struct metric_sink *m = (struct metric_sink *)s;
    add_number(m->w, m->a, arena_printf(m->a, "metric.%s.%lld", name, (long long)layer), value);
    return 0;
}

/* Metrics of the step itself; those that need the dataset's samples are left out, since a probe has none. */
static int add_metrics(struct trial *t, struct safetensors_writer *w, struct arena *a, struct err *e)
{
    struct metric_sink m = { { .metric = put_metric, .layer_metric = put_layer_metric }, w, a };
    t->step = 1;
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *def = (const struct measure_def *)registry_find(&measure_registry, t->config->log.metrics.items[i]);
        if (!def->of_samples)
            TRY(def->measure(t, def, &m.sink, e));
    }
    return 0;
}

static int probe_step(struct trial *t, struct safetensors_writer *w, struct arena *a, const struct direction *direction, bool metrics, struct err *e)
{
    const bool in_turn = t->kept_gradient != NULL;
    const struct mapping_def *mapping = mapping_of(&t->credit);
    const bool targets = mapping->apply || mapping->own_target || t->config->algorithm.head > 0;
    if (in_turn) { /* states, targets and loss are those of the first pass, before any layer moves */
        chain_forward(&t->pass);
        TRY(credit_head(&t->credit, &t->pass, t->config->loss, t->gradient, e));
        TRY(credit_refresh(&t->credit, &t->pass, e));
        TRY(credit_targets(&t->credit, &t->pass, e));
        add_states(w, a, t, &t->pass, targets);
    }
    if (t->references)
        t->references->wanted = metrics;
    TRY(step_train(t, false, e));
    if (!in_turn)
        add_states(w, a, t, &t->pass, targets);
    for (size_t i = 0; i < t->chain.n_units; i++)
        add_updates(w, a, &t->chain.units[i], "layers", t->gradient);
    if (t->feedback.n_groups)
        for (size_t i = 0; i < t->credit.n_feedback; i++)
            add_updates(w, a, &t->credit.feedback[i].unit, "feedback", t->credit.feedback_gradient);
    set_direction(t, direction);
    return metrics ? add_metrics(t, w, a, e) : 0;
}

/* ---- evaluation ---- */

/* Draws of an evaluation: noise.uniform.<i> [M, B, n], with a pass for each entry of the first axis. */
struct given_draws {
    const struct tensor **tensors; /* [n_units], NULL for layers without */
};
static void give_draws(void *self, struct pass *p, size_t number)
{
    const struct given_draws *given = self;
    for (size_t i = 0; i < p->chain->n_units; i++)
        for (size_t j = 0; given->tensors[i] && j < mat_n(p->draws[i]); j++)
            p->draws[i].p[j] = (real)tensor_get(given->tensors[i], number * mat_n(p->draws[i]) + j);
}

static int read_evaluation(struct input *in, struct trial *t, const struct pass *p, struct given_draws *given, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(read_layer(in, &t->chain.units[i], "layers", t->chain.weights, e));
    given->tensors = arena_need(&t->scratch, t->chain.n_units, sizeof *given->tensors);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        char name[64];
        const size_t shape[3] = { (size_t)t->config->log.samples, p->draws[i].rows, p->draws[i].cols };
        snprintf(name, sizeof name, "noise.%s.%zu", transmit_draws_names[transmit_draws_of(t->chain.units[i].transmit, false)], i);
        if (p->draws[i].p)
            TRY(take(in, name, 3, shape, false, &given->tensors[i], e));
    }
    TRY(read_batch(in, t, e));
    return check_all_used(in, e);
}

/* The most probable class of every row and the number of rows where that is not the label. */
static void add_classes(struct safetensors_writer *w, struct arena *a, const struct pass *p)
{
    const struct mat out = pass_output(p);
    const size_t shape[2] = { out.rows, out.cols };
    real *probabilities = arena_need(a, mat_n(out), sizeof *probabilities);
    int64_t *prediction = arena_need(a, out.rows, sizeof *prediction);
    for (size_t i = 0; i < out.rows; i++) {
        const real *o = out.p + i * out.cols;
        double z = 0;
        size_t best = 0;
        for (size_t j = 0; j < out.cols; j++)
            best = o[j] > o[best] ? j : best;
        for (size_t j = 0; j < out.cols; j++)
            z += exp((double)(o[j] - o[best]));
        for (size_t j = 0; j < out.cols; j++)
            probabilities[i * out.cols + j] = (real)(exp((double)(o[j] - o[best])) / z);
        prediction[i] = (int64_t)best;
    }
    safetensors_add(w, "probabilities", REAL_DTYPE, 2, shape, probabilities);
    safetensors_add(w, "prediction", DTYPE_I64, 1, shape, prediction);
    add_number(w, a, "errors", (double)out.rows - evaluate_correct(out, p->batch.label));
}

/* What a log would say of the batch, and the states of the last pass. */
static int probe_evaluation(struct trial *t, struct input *in, struct safetensors_writer *w, struct err *e)
{
    struct arena *a = &t->scratch;
    struct given_draws given;
    struct pass p;
    TRY(pass_init(&p, &t->chain, t->pass.rows, false, a, e));
    TRY(read_evaluation(in, t, &p, &given, e));
    memcpy(p.batch.x, t->pass.batch.x, t->data.length * p.rows * t->data.features * sizeof(real));
    p.batch.label = t->pass.batch.label;
    p.batch.y = t->pass.batch.y;
    chain_refresh(&t->chain);
    predict(t, &p, (size_t)t->config->log.samples, give_draws, &given);
    chain_loss(&p, t->config->loss, false);
    add_states(w, a, t, &p, false);
    if (t->data.classes)
        add_classes(w, a, &p);
    return 0;
}

int trial_probe(const struct config *c, const char *input, const char *output, struct probe_options options, struct err *e)
{
    struct trial t = { 0 };
    struct input in = { 0 };
    struct safetensors_writer w = { 0 };
    struct direction direction = { 0 };
    int code = trial_setup(&t, c, false, e);
    if (code == 0)
        code = safetensors_open(&in.file, input, (size_t)1 << 32, e);
    if (code == 0) {
        in.used = arena_need(&t.scratch, in.file.n_tensors + 1, sizeof *in.used);
        code = options.evaluate ? probe_evaluation(&t, &in, &w, e) : read_all(&in, &t, &direction, options.metrics, e);
    }
    if (code == 0 && !options.evaluate)
        code = probe_step(&t, &w, &t.scratch, &direction, options.metrics, e);
    if (code == 0)
        code = safetensors_write(&w, output, NULL, e);
    safetensors_writer_free(&w);
    safetensors_close(&in.file);
    trial_teardown(&t);
    return code;
}
