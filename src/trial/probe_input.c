/* The input of a probe, read or written: a batch, parameters, state and random numbers by name. */
#include "trial/probe_input.h"

#include <stdio.h>
#include <string.h>

#define COUNT_MAX INT64_C(1000000000000000) /* far above what a budget reaches */

static int wrong_shape(const char *name, const struct tensor *t, size_t rank, const size_t *shape, struct err *e)
{
    char found[128], expected[128];
    struct tensor want = { .rank = rank };
    memcpy(want.shape, shape, rank * sizeof *shape);
    return err_set(e, ERR_FORMAT, "tensor '%s' has shape %s, expected %s", name,
                   tensor_shape_text(t, found, sizeof found), tensor_shape_text(&want, expected, sizeof expected));
}

/* The tensor of this name and shape, marked as used. */
int probe_take(struct probe_input *in, const char *name, size_t rank, const size_t *shape, bool integer,
               const struct tensor **out, struct err *e)
{
    const struct tensor *t = safetensors_find(&in->file, name);
    char text[128];
    struct tensor want = { .rank = rank };
    memcpy(want.shape, shape, rank * sizeof *shape);
    if (!t)
        return err_set(e, ERR_FORMAT, "missing tensor '%s' of shape %s", name,
                       tensor_shape_text(&want, text, sizeof text));
    in->used[t - in->file.tensors] = true;
    bool same = t->rank == rank;
    for (size_t i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    if (!same)
        return wrong_shape(name, t, rank, shape, e);
    if ((t->dtype == DTYPE_I64) != integer)
        return err_set(e, ERR_FORMAT, "tensor '%s' holds %s, expected %s", name,
                       integer ? "floating-point numbers" : "integers", integer ? "integers (I64)" : "F32 or F64");
    *out = t;
    return 0;
}

/* Where the entries of a tensor, in the order of the file, lie among our numbers. */
struct layout {
    size_t rank, shape[TENSOR_MAX_RANK], n;
    size_t *at; /* [n]; NULL: in the same order */
};

static struct layout plain(size_t rank, const size_t *shape)
{
    struct layout l = { .rank = rank, .n = 1 };
    for (size_t i = 0; i < rank; i++)
        l.n *= l.shape[i] = shape[i];
    return l;
}

static int exchange(struct probe_input *in, const char *name, const struct layout *l, real *values, struct err *e)
{
    const struct tensor *t;
    if (in->out) {
        real *copy = arena_need(in->arena, l->n ? l->n : 1, sizeof *copy);
        for (size_t i = 0; i < l->n; i++)
            copy[i] = values[l->at ? l->at[i] : i];
        safetensors_add(in->out, name, REAL_DTYPE, l->rank, l->shape, copy);
        return 0;
    }
    TRY(probe_take(in, name, l->rank, l->shape, false, &t, e));
    for (size_t i = 0; i < l->n; i++)
        values[l->at ? l->at[i] : i] = (real)tensor_get(t, i);
    return 0;
}

int probe_layer(struct probe_input *in, const struct unit *l, const char *prefix, real *weights, struct err *e)
{
    char name[96];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        const struct layout layout = plain(p->rank, p->shape);
        unit_param_name(l, j, prefix, name, sizeof name);
        TRY(exchange(in, name, &layout, weights + p->offset, e));
    }
    return 0;
}

size_t probe_map_axes(struct shape s, size_t rows, size_t axes[4])
{
    const size_t map[4] = { rows, s.channels, s.height, s.width }, flat[2] = { rows, s.n };
    memcpy(axes, shape_is_map(s) ? map : flat, shape_is_map(s) ? sizeof map : sizeof flat);
    return shape_is_map(s) ? 4 : 2;
}

void probe_to_planes(struct shape map, size_t rows, const real *maps, real *planes)
{
    const size_t pixels = map.n / map.channels;
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < map.channels; c++)
            for (size_t k = 0; k < pixels; k++)
                planes[i * map.n + c * pixels + k] = maps[i * map.n + k * map.channels + c];
}

/* [B, C, H, W], or [B, n] of what is no map. */
static struct layout of_maps(struct arena *a, size_t rows, struct shape s)
{
    const size_t pixels = s.n / s.channels;
    size_t axes[4];
    const size_t rank = probe_map_axes(s, rows, axes);
    struct layout l = plain(rank, axes);
    l.at = arena_need(a, l.n ? l.n : 1, sizeof *l.at);
    for (size_t i = 0; i < l.n; i++)
        l.at[i] = i / s.n * s.n + i % pixels * s.channels + i % s.n / pixels;
    return l;
}

/* Batch-first [B, T, n] in the file, time-major [T][B][n] here; flat [B, n] is T = 1. */
static struct layout of_rows(struct arena *a, size_t rows, size_t length, size_t n, bool sequence)
{
    const size_t flat[2] = { rows, n }, steps[3] = { rows, length, n };
    struct layout l = plain(sequence ? 3 : 2, sequence ? steps : flat);
    l.at = arena_need(a, l.n ? l.n : 1, sizeof *l.at);
    for (size_t i = 0; i < l.n; i++)
        l.at[i] = (i / n % length * rows + i / (length * n)) * n + i % n;
    return l;
}

/* [B, n]; [B, T, n] for a unit above one that gives all states, and where an axis of steps is asked for. */
static struct layout of_draws(struct arena *a, const struct trial *t, struct mat to, bool axis)
{
    const size_t steps = to.rows / t->pass.rows;
    return of_rows(a, t->pass.rows, steps, to.cols, axis || steps > 1);
}

/* The same n times, one after the other, with an axis for that in front. */
static struct layout stacked(struct arena *a, const struct layout *one, size_t n)
{
    struct layout l = { .rank = one->rank + 1, .shape = { n }, .n = n * one->n };
    memcpy(l.shape + 1, one->shape, one->rank * sizeof *l.shape);
    l.at = arena_need(a, l.n ? l.n : 1, sizeof *l.at);
    for (size_t i = 0; i < l.n; i++)
        l.at[i] = i / one->n * one->n + (one->at ? one->at[i % one->n] : i % one->n);
    return l;
}

/* ---- the batch ---- */

static int read_labels(struct probe_input *in, struct trial *t, size_t rank, const size_t *shape, struct err *e)
{
    const size_t b = t->pass.rows, steps = t->chain.per_step;
    const struct tensor *y = NULL;
    TRY(probe_take(in, "batch.y", rank, shape, true, &y, e));
    for (size_t at = 0; at < y->n; at++) { /* [B, T] to time-major */
        const int64_t label = tensor_get_int(y, at);
        if (label < 0 || (size_t)label >= t->data.outputs)
            return err_set(e, ERR_FORMAT, "tensor 'batch.y': label %lld of sample %zu is not a class (0 to %zu)",
                           (long long)label, at / steps, t->data.outputs - 1);
        t->pass.batch.label[at % steps * b + at / steps] = label;
    }
    return 0;
}

static void write_labels(struct probe_input *in, const struct trial *t, size_t rank, const size_t *shape)
{
    const size_t b = t->pass.rows, steps = t->chain.per_step;
    int64_t *labels = arena_need(in->arena, b * steps, sizeof *labels);
    for (size_t at = 0; at < b * steps; at++)
        labels[at] = t->pass.batch.label[at % steps * b + at / steps];
    safetensors_add(in->out, "batch.y", DTYPE_I64, rank, shape, labels);
}

static int targets(struct probe_input *in, struct trial *t, struct err *e)
{
    const size_t b = t->pass.rows, steps = t->chain.per_step, shape[2] = { b, steps };
    if (!t->data.classes) {
        const struct layout l = of_rows(in->arena, b, steps, t->data.outputs, steps > 1);
        return exchange(in, "batch.y", &l, t->pass.batch.y.p, e);
    }
    if (!in->out)
        return read_labels(in, t, steps > 1 ? 2 : 1, shape, e);
    write_labels(in, t, steps > 1 ? 2 : 1, shape);
    return 0;
}

int probe_batch(struct probe_input *in, struct trial *t, struct err *e)
{
    const struct layout l = chain_reads_map(&t->chain)
                                ? of_maps(in->arena, t->pass.rows, t->data.image)
                                : of_rows(in->arena, t->pass.rows, t->data.length, t->data.features, t->data.sequence);
    TRY(exchange(in, "batch.x", &l, t->pass.batch.x, e));
    return targets(in, t, e);
}

/* ---- random numbers ---- */

size_t probe_feedback_draws(const struct trial *t)
{
    const struct config_feedback *f = &t->config->algorithm.feedback;
    const int64_t steps = t->feedback.n_groups && f->schedule == FEEDBACK_FIRST ? feedback_most_steps(f) : 1;
    return steps > 1 ? (size_t)steps : 1;
}

/* Draws of several feedback steps: read where they have an axis for the steps; else all take the same. */
static int feedback_draws(struct probe_input *in, struct trial *t, size_t i, const struct layout *one, struct err *e)
{
    const struct draw *d = &t->credit.draws[i];
    const size_t steps = probe_feedback_draws(t);
    const struct tensor *found = in->out ? NULL : safetensors_find(&in->file, d->name);
    if (steps == 1 || (found && found->rank == one->rank)) {
        TRY(exchange(in, d->name, one, d->to.p, e));
        for (size_t s = 0; s < steps && !in->out; s++)
            memcpy(t->given_draws[i] + s * one->n, d->to.p, one->n * sizeof(real));
        return 0;
    }
    const struct layout all = stacked(in->arena, one, steps);
    return exchange(in, d->name, &all, t->given_draws[i], e);
}

static int noise(struct probe_input *in, struct trial *t, struct err *e)
{
    char name[64];
    if (t->pass.noise.draws.p) {
        const struct layout l = of_draws(in->arena, t, t->pass.noise.draws, false);
        TRY(exchange(in, "noise.input", &l, t->pass.noise.draws.p, e));
    }
    for (size_t i = 0; i < t->chain.n_units; i++) {
        if (!t->pass.draws[i].p)
            continue;
        const char *kind = transmit_draws_names[transmit_draws_of(t->chain.units[i].transmit, true)];
        const struct layout l = of_draws(in->arena, t, t->pass.draws[i], false);
        snprintf(name, sizeof name, "noise.%s.%zu", kind, i);
        TRY(exchange(in, name, &l, t->pass.draws[i].p, e));
    }
    for (size_t i = 0; i < t->credit.n_draws; i++) {
        const struct draw *d = &t->credit.draws[i];
        if (!d->to.p)
            continue;
        const struct layout l =
            shape_is_map(d->shape) ? of_maps(in->arena, d->to.rows, d->shape) : of_draws(in->arena, t, d->to, d->steps);
        TRY(d->of_feedback ? feedback_draws(in, t, i, &l, e) : exchange(in, d->name, &l, d->to.p, e));
    }
    return 0;
}

/* ---- what a trial has learned beside its weights: may be left out, and is that of step 0 then ---- */

static int count(struct probe_input *in, const char *name, int64_t *number, struct err *e)
{
    const struct tensor *t;
    if (in->out) {
        int64_t *copy = arena_need(in->arena, 1, sizeof *copy);
        *copy = *number;
        safetensors_add(in->out, name, DTYPE_I64, 0, NULL, copy);
        return 0;
    }
    if (!safetensors_find(&in->file, name))
        return 0;
    TRY(probe_take(in, name, 0, NULL, true, &t, e));
    *number = tensor_get_int(t, 0);
    return *number >= 0 && *number <= COUNT_MAX ? 0
                                                : err_set(e, ERR_FORMAT, "tensor '%s' is %lld, expected 0 to %lld",
                                                          name, (long long)*number, (long long)COUNT_MAX);
}

static int slots(struct probe_input *in, const struct optimizer *o, const char *prefix, struct err *e)
{
    char name[96];
    for (size_t i = 0; i < o->n_groups; i++) {
        const size_t shape[2] = { optim_def_of(o->groups[i].choice)->n_slots, o->groups[i].n };
        const struct layout l = plain(2, shape);
        snprintf(name, sizeof name, "%s.%zu", prefix, i);
        if (l.n > 0 && (in->out || safetensors_find(&in->file, name)))
            TRY(exchange(in, name, &l, o->groups[i].slots, e));
    }
    return 0;
}

static int state(struct probe_input *in, struct trial *t, struct err *e)
{
    TRY(count(in, "step", &t->step, e));
    if (t->feedback_only.per_epoch > 0)
        TRY(count(in, "feedback_only.done", &t->feedback_only.done, e));
    TRY(slots(in, &t->forward, "optimizer", e));
    return slots(in, &t->feedback, "feedback_optimizer", e);
}

int probe_exchange(struct probe_input *in, struct trial *t, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(probe_layer(in, &t->chain.units[i], "layers", t->chain.weights, e));
    for (size_t i = 0; i < credit_n_feedback_units(&t->credit); i++)
        TRY(probe_layer(in, credit_feedback_unit(&t->credit, i), "feedback", t->credit.feedback_weights, e));
    TRY(state(in, t, e));
    TRY(noise(in, t, e));
    return probe_batch(in, t, e);
}

void probe_open_draws(struct trial *t, struct arena *a)
{
    const size_t steps = probe_feedback_draws(t);
    t->given_draws = arena_need(a, t->credit.n_draws ? t->credit.n_draws : 1, sizeof *t->given_draws);
    for (size_t i = 0; i < t->credit.n_draws; i++) {
        const struct draw *d = &t->credit.draws[i];
        t->given_draws[i] = d->of_feedback && d->to.p ? arena_need(a, steps * mat_n(d->to), sizeof(real)) : NULL;
    }
}

/* A step that `tprun probe --from` has written brings what came of it. */
static bool is_result(const struct probe_input *in, const char *name)
{
    static const char *const results[] = { "state.", "target.", "sent.", "update.", "after.", "metric." };
    const char *format = safetensors_metadata(&in->file, "format");
    bool any = !strcmp(name, "loss");
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        any |= !strncmp(name, results[i], strlen(results[i]));
    return any && format && !strcmp(format, TRIAL_STEP_FORMAT);
}

int probe_all_used(const struct probe_input *in, struct err *e)
{
    for (size_t i = 0; i < in->file.n_tensors; i++)
        if (!in->used[i] && !is_result(in, in->file.tensors[i].name)) {
            char text[128];
            return err_set(e, ERR_FORMAT, "tensor '%s' of shape %s is not an input of this trial",
                           in->file.tensors[i].name, tensor_shape_text(&in->file.tensors[i], text, sizeof text));
        }
    return 0;
}
