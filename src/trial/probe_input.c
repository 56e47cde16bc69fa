/* The input of a probe: a batch, parameters and random numbers by name. */
#include "trial/probe_input.h"

#include <stdio.h>
#include <string.h>

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

int probe_read_layer(struct probe_input *in, const struct unit *l, const char *prefix, real *weights, struct err *e)
{
    char name[96];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        const struct tensor *t;
        unit_param_name(l, j, prefix, name, sizeof name);
        TRY(probe_take(in, name, p->rank, p->shape, false, &t, e));
        for (size_t i = 0; i < t->n; i++)
            weights[p->offset + i] = (real)tensor_get(t, i);
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
static int read_maps(struct probe_input *in, const char *name, size_t rows, struct shape s, real *out, struct err *e)
{
    const size_t pixels = s.n / s.channels;
    const struct tensor *t;
    size_t axes[4];
    const size_t rank = probe_map_axes(s, rows, axes);
    TRY(probe_take(in, name, rank, axes, false, &t, e));
    for (size_t i = 0; i < t->n; i++) {
        const size_t row = i / s.n, c = i % s.n / pixels, pixel = i % pixels;
        out[row * s.n + pixel * s.channels + c] = (real)tensor_get(t, i);
    }
    return 0;
}

/* From batch-first [B, T, n] in the file to time-major [T][B][n]; flat [B, n] is T = 1. */
static int read_rows(struct probe_input *in, const char *name, size_t rows, size_t length, size_t n, bool sequence,
                     real *out, struct err *e)
{
    const size_t flat[2] = { rows, n }, steps[3] = { rows, length, n };
    const struct tensor *t;
    TRY(probe_take(in, name, sequence ? 3 : 2, sequence ? steps : flat, false, &t, e));
    for (size_t b = 0; b < rows; b++)
        for (size_t k = 0; k < length; k++)
            for (size_t j = 0; j < n; j++)
                out[(k * rows + b) * n + j] = (real)tensor_get(t, (b * length + k) * n + j);
    return 0;
}

static int read_labels(struct probe_input *in, struct trial *t, struct err *e)
{
    const size_t b = t->pass.rows, steps = t->chain.per_step, n = t->data.classes ? 1 : t->data.outputs;
    const size_t shape[3] = { b, steps > 1 ? steps : t->data.outputs, t->data.outputs };
    const size_t rank = (steps > 1 ? 2 : 1) + (t->data.classes ? 0 : 1);
    const struct tensor *y = NULL;
    TRY(probe_take(in, "batch.y", rank, shape, t->data.classes, &y, e));
    for (size_t at = 0; at < y->n; at++) { /* [B, T, n] to time-major */
        const size_t sample = at / (steps * n), step = at / n % steps, i = (step * b + sample) * n + at % n;
        if (!t->data.classes) {
            t->pass.batch.y.p[i] = (real)tensor_get(y, at);
            continue;
        }
        const int64_t label = tensor_get_int(y, at);
        if (label < 0 || (size_t)label >= t->data.outputs)
            return err_set(e, ERR_FORMAT, "tensor 'batch.y': label %lld of sample %zu is not a class (0 to %zu)",
                           (long long)label, sample, t->data.outputs - 1);
        t->pass.batch.label[i] = label;
    }
    return 0;
}

/* [B, n]; [B, T, n] for a unit above one that gives all states, and where an axis of steps is asked for. */
static int read_draws(struct probe_input *in, const struct trial *t, const char *name, struct mat to, bool axis,
                      struct err *e)
{
    const size_t steps = to.rows / t->pass.rows;
    return to.p ? read_rows(in, name, t->pass.rows, steps, to.cols, axis || steps > 1, to.p, e) : 0;
}

static int read_draw(struct probe_input *in, const struct trial *t, const struct draw *d, const char *name,
                     struct mat to, struct err *e)
{
    return shape_is_map(d->shape) ? read_maps(in, name, to.rows, d->shape, to.p, e)
                                  : read_draws(in, t, name, to, d->steps, e);
}

/* Those of the feedback steps after the first: as many as there are. */
static int read_later(struct probe_input *in, struct trial *t, const struct draw *d, struct err *e)
{
    const int64_t most = feedback_most_steps(&t->config->algorithm.feedback);
    struct noise_source *s = t->feedback_noise.sources;
    char name[80];
    real *given = NULL;
    size_t n = 0;
    while (s->to.p != d->to.p)
        s++;
    for (int64_t k = 1; k < most; k++, n++) {
        snprintf(name, sizeof name, "%s.%lld", d->name, (long long)k);
        if (!safetensors_find(&in->file, name))
            break;
        if (!given)
            given = arena_need(&t->scratch, (size_t)(most - 1) * mat_n(d->to), sizeof *given);
        TRY(read_draw(in, t, d, name, mat_of(given + n * mat_n(d->to), d->to.rows, d->to.cols), e));
    }
    s->given = given;
    s->n_given = n;
    return 0;
}

/* Random numbers of a training pass. */
int probe_read_noise(struct probe_input *in, struct trial *t, struct err *e)
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
        TRY(read_draw(in, t, d, d->name, d->to, e));
        if (d->of_feedback)
            TRY(read_later(in, t, d, e));
    }
    return 0;
}

int probe_read_batch(struct probe_input *in, struct trial *t, struct err *e)
{
    if (chain_reads_map(&t->chain)) {
        TRY(read_maps(in, "batch.x", t->pass.rows, t->data.image, t->pass.batch.x, e));
        return read_labels(in, t, e);
    }
    TRY(read_rows(in, "batch.x", t->pass.rows, t->data.length, t->data.features, t->data.sequence, t->pass.batch.x, e));
    return read_labels(in, t, e);
}

int probe_all_used(const struct probe_input *in, struct err *e)
{
    for (size_t i = 0; i < in->file.n_tensors; i++)
        if (!in->used[i]) {
            char text[128];
            return err_set(e, ERR_FORMAT, "tensor '%s' of shape %s is not an input of this trial",
                           in->file.tensors[i].name, tensor_shape_text(&in->file.tensors[i], text, sizeof text));
        }
    return 0;
}
