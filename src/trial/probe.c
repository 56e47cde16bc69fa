/* tprun probe: one training step of one trial on given parameters, batch and noise, and everything it computed.
 * docs/probe.md. */
#include "trial/measures.h"

#include "trial/probe_input.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* direction.<parameter>: an update that metrics judge in place of the step's own, which is not known yet. */
struct direction {
    real *values;      /* [n_vector] */
    bool any, **given; /* [n_units][n_params] */
};

static int read_direction(struct probe_input *in, struct trial *t, struct direction *d, struct err *e)
{
    d->values = arena_need(&t->scratch, t->chain.n_vector, sizeof *d->values);
    d->given = arena_need(&t->scratch, t->chain.n_units, sizeof *d->given);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        d->given[i] = arena_need(&t->scratch, t->chain.units[i].n_params, sizeof **d->given);
        for (size_t j = 0; j < t->chain.units[i].n_params; j++) {
            const struct param *p = &t->chain.units[i].params[j];
            char name[96], full[128];
            const struct tensor *values;
            snprintf(full, sizeof full, "direction.%s",
                     unit_param_name(&t->chain.units[i], j, "layers", name, sizeof name));
            if (!safetensors_find(&in->file, full))
                continue;
            TRY(probe_take(in, full, p->rank, p->shape, false, &values, e));
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
    if (!d || !d->any)
        return;
    for (size_t i = 0; i < t->chain.n_units; i++)
        for (size_t j = 0; j < t->chain.units[i].n_params; j++)
            if (!d->given[i][j])
                mat_copy(unit_param(&t->chain.units[i], j, t->gradient), unit_param(&t->chain.units[i], j, d->values));
    t->direction = d->values;
}

static int read_all(struct probe_input *in, struct trial *t, struct direction *direction, bool metrics, struct err *e)
{
    if (metrics)
        TRY(read_direction(in, t, direction, e));
    probe_open_draws(t, &t->scratch);
    TRY(probe_exchange(in, t, e));
    TRY(probe_all_used(in, e));
    chain_refresh(&t->chain);
    return 0;
}

/* ---- output ---- */

static void add(struct safetensors_writer *w, struct arena *a, const char *name, size_t rank, const size_t *shape,
                const real *data, size_t n)
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

/* Update directions, or the parameters themselves: what, "update" or "after". */
static void add_updates(struct safetensors_writer *w, struct arena *a, const struct unit *l, const char *prefix,
                        const char *what, const real *gradient)
{
    char name[96], full[128];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        snprintf(full, sizeof full, "%s.%s", what, unit_param_name(l, j, prefix, name, sizeof name));
        add(w, a, full, p->rank, p->shape, gradient + p->offset, p->rows * p->cols);
    }
}

/* A state or a target of maps, [B, C, H, W]. */
static void add_maps(struct safetensors_writer *w, struct arena *a, const char *name, struct shape shape,
                     struct mat values, const struct mat *displacement)
{
    const size_t n = mat_n(values);
    size_t axes[4];
    real *sum = arena_need(a, n, sizeof *sum), *planes = arena_need(a, n, sizeof *planes);
    for (size_t i = 0; i < n; i++)
        sum[i] = values.p[i] + (displacement ? displacement->p[i] : 0);
    probe_to_planes(shape, values.rows, sum, planes);
    safetensors_add(w, name, REAL_DTYPE, probe_map_axes(shape, values.rows, axes), axes, planes);
}

/* Loss, states and targets of a pass as it stands. Recurrent: [T+1, B, H] with the initial state first; its target is
 * itself. */
static void add_states(struct safetensors_writer *w, struct arena *a, const struct trial *t, const struct pass *p,
                       bool targets)
{
    char name[64];
    for (size_t i = 0; i < t->chain.n_units; i++) {
        const struct at *s = &p->stacks[i];
        const struct shape shape = t->chain.units[i].out;
        const bool has_target = targets && t->chain.first_link[i] < t->credit.n;
        if (shape_is_map(shape)) {
            add_maps(w, a, arena_printf(a, "state.%zu", i), shape, s->out, NULL);
            if (has_target)
                add_maps(w, a, arena_printf(a, "target.%zu", i), shape, s->out, &t->credit.d_stack[i]);
            continue;
        }
        const bool recurrent = unit_is_recurrent(&t->chain.units[i]);
        const bool each_step = !recurrent && i > 0 && t->chain.per_step > 1; /* a layer on every state: [T, B, n] */
        const size_t b = p->rows, n = s->out.cols, first = recurrent ? b * n : 0, total = first + mat_n(s->out);
        const size_t flat[2] = { b, n }, every[3] = { t->chain.per_step, b, n },
                     steps[3] = { t->chain.links_of[i] + 1, b, n };
        const real *state = s->out.p - first;
        snprintf(name, sizeof name, "state.%zu", i);
        add(w, a, name, recurrent || each_step ? 3 : 2, recurrent ? steps : each_step ? every : flat, state, total);
        if (p->sent[i].p) {
            snprintf(name, sizeof name, "sent.%zu", i);
            add(w, a, name, each_step ? 3 : 2, each_step ? every : flat, p->sent[i].p, mat_n(p->sent[i]));
        }
        if (!has_target)
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
    t->step++;
    for (size_t i = 0; i < t->config->log.metrics.n; i++) {
        const struct measure_def *def = measure_find(t->config->log.metrics.items[i]);
        if (!def->of_samples)
            TRY(def->measure(t, def, &m.sink, e));
    }
    return 0;
}

/* What the algorithm's parts show of the step. */
static void add_shown(struct safetensors_writer *w, struct arena *a, const struct credit *c)
{
    for (size_t i = 0; i < c->n_shown; i++) {
        const struct mat m = c->shown[i].values;
        const size_t shape[2] = { m.rows, m.cols };
        add(w, a, c->shown[i].name, c->shown[i].rank, shape, m.p, mat_n(m));
    }
}

int probe_step(struct trial *t, struct safetensors_writer *w, struct arena *a, const struct direction *direction,
               bool draw, bool metrics, struct err *e)
{
    const bool in_turn = t->kept_gradient != NULL;
    const struct mapping_def *mapping = mapping_of(&t->credit);
    const bool targets = mapping->apply || mapping->own_target || t->config->algorithm.head > 0;
    if (t->references)
        t->references->wanted = metrics;
    if (t->feedback.n_groups) /* a step may move no feedback weights, and earlier ones have left theirs */
        memset(t->credit.feedback_gradient, 0, t->credit.n_feedback_vector * sizeof *t->credit.feedback_gradient);
    TRY(step_lead(t, draw, e));
    if (in_turn) { /* states, targets and loss are those of the first pass, before any layer moves */
        TRY(credit_refresh(&t->credit, &t->pass, e));
        TRY(credit_targets(&t->credit, &t->pass, e));
        add_states(w, a, t, &t->pass, targets);
    }
    TRY(step_follow(t, draw, e));
    if (!in_turn)
        add_states(w, a, t, &t->pass, targets);
    for (size_t i = 0; i < t->chain.n_units; i++)
        add_updates(w, a, &t->chain.units[i], "layers", "update", t->gradient);
    if (t->feedback.n_groups)
        for (size_t i = 0; i < t->credit.n_feedback; i++) {
            const struct unit *g = &t->credit.feedback[i].unit;
            add_updates(w, a, g, "feedback", "update", t->credit.feedback_gradient);
            add_updates(w, a, g, "feedback", "after", t->credit.feedback_weights);
        }
    add_shown(w, a, &t->credit);
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

static int read_evaluation(struct probe_input *in, struct trial *t, const struct pass *p, struct given_draws *given,
                           struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(probe_layer(in, &t->chain.units[i], "layers", t->chain.weights, e));
    given->tensors = arena_need(&t->scratch, t->chain.n_units, sizeof *given->tensors);
    for (size_t i = 0; i < t->chain.n_units; i++) {
        char name[64];
        const size_t shape[3] = { (size_t)t->config->log.samples, p->draws[i].rows, p->draws[i].cols };
        snprintf(name, sizeof name, "noise.%s.%zu",
                 transmit_draws_names[transmit_draws_of(t->chain.units[i].transmit, false)], i);
        if (p->draws[i].p)
            TRY(probe_take(in, name, 3, shape, false, &given->tensors[i], e));
    }
    TRY(probe_batch(in, t, e));
    return probe_all_used(in, e);
}

/* The most probable class of every row and the number of rows where that is not the label. The first outputs are the
 * classes. */
static void add_classes(struct safetensors_writer *w, struct arena *a, const struct pass *p)
{
    const struct mat out = pass_output(p);
    const size_t classes = p->chain->data.outputs, shape[2] = { out.rows, classes };
    real *probabilities = arena_need(a, out.rows * classes, sizeof *probabilities);
    int64_t *prediction = arena_need(a, out.rows, sizeof *prediction);
    for (size_t i = 0; i < out.rows; i++) {
        const real *o = out.p + i * out.cols;
        double z = 0;
        size_t best = 0;
        for (size_t j = 0; j < classes; j++)
            best = o[j] > o[best] ? j : best;
        for (size_t j = 0; j < classes; j++)
            z += exp((double)(o[j] - o[best]));
        for (size_t j = 0; j < classes; j++)
            probabilities[i * classes + j] = (real)(exp((double)(o[j] - o[best])) / z);
        prediction[i] = (int64_t)best;
    }
    safetensors_add(w, "probabilities", REAL_DTYPE, 2, shape, probabilities);
    safetensors_add(w, "prediction", DTYPE_I64, 1, shape, prediction);
    add_number(w, a, "errors", (double)out.rows - evaluate_correct(out, classes, p->batch.label));
}

/* What a log would say of the batch, and the states of the last pass. */
static int probe_evaluation(struct trial *t, struct probe_input *in, struct safetensors_writer *w, struct arena *a,
                            struct err *e)
{
    struct given_draws given;
    struct pass p;
    TRY(pass_init(&p, &t->chain, t->pass.rows, 0, &t->scratch, e));
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

int trial_probe(const struct config *c, const char *input, const char *output, struct probe_options options,
                struct err *e)
{
    struct trial t = { 0 };
    struct probe_input in = { 0 };
    struct safetensors_writer w = { 0 };
    struct direction direction = { 0 };
    struct arena written; /* until the file is; metrics wind the trial's scratch back as they go */
    arena_init(&written, 0);
    int code = trial_setup(&t, c, false, e);
    if (code == 0)
        code = safetensors_open(&in.file, input, (size_t)1 << 32, e);
    if (code == 0) {
        in.arena = &t.scratch;
        in.used = arena_need(&t.scratch, in.file.n_tensors + 1, sizeof *in.used);
        code = options.evaluate ? probe_evaluation(&t, &in, &w, &written, e)
                                : read_all(&in, &t, &direction, options.metrics, e);
    }
    if (code == 0 && !options.evaluate)
        code = probe_step(&t, &w, &written, &direction, false, options.metrics, e);
    if (code == 0)
        code = safetensors_write(&w, output, NULL, e);
    safetensors_writer_free(&w);
    safetensors_close(&in.file);
    trial_teardown(&t);
    arena_finish(&written);
    return code;
}
