/* The state of a trial as a safetensors file that PyTorch and NumPy users can open: the parameters by name, the
 * optimizers' slots, and the few numbers that a step does not determine by itself. */
#include "trial/checkpoint_files.h"
#include "trial/private.h"

#include "base/hash.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_VERSION "1"
enum { NUMBER_INITIAL_LOSS, NUMBER_BATCH_SUM, NUMBER_BATCH_COUNT, N_NUMBERS };

/* Calls visit for every tensor that makes up the state, in a fixed order. */
typedef int visit_tensor(void *self, const char *name, size_t rank, const size_t *shape, real *data, struct err *e);

static int visit_layer(const struct unit *l, const char *prefix, real *weights, visit_tensor *visit, void *self,
                       struct err *e)
{
    char name[96];
    for (size_t j = 0; j < l->n_params; j++) {
        const struct param *p = &l->params[j];
        unit_param_name(l, j, prefix, name, sizeof name);
        TRY(visit(self, name, p->rank, p->shape, weights + p->offset, e));
    }
    return 0;
}

static int visit_parameters(const struct trial *t, visit_tensor *visit, void *self, struct err *e)
{
    for (size_t i = 0; i < t->chain.n_units; i++)
        TRY(visit_layer(&t->chain.units[i], "layers", t->chain.weights, visit, self, e));
    for (size_t i = 0; i < credit_n_feedback_units(&t->credit); i++)
        TRY(visit_layer(credit_feedback_unit(&t->credit, i), "feedback", t->credit.feedback_weights, visit, self, e));
    return 0;
}

static int visit_optimizer(const struct optimizer *o, const char *prefix, visit_tensor *visit, void *self,
                           struct err *e)
{
    char name[96];
    for (size_t i = 0; i < o->n_groups; i++) {
        const size_t shape[2] = { optim_def_of(o->groups[i].choice)->n_slots, o->groups[i].n };
        if (shape[0] == 0)
            continue;
        snprintf(name, sizeof name, "%s.%zu", prefix, i);
        TRY(visit(self, name, 2, shape, o->groups[i].slots, e));
    }
    return 0;
}

static int visit_state(const struct trial *t, visit_tensor *visit, void *self, struct err *e)
{
    TRY(visit_parameters(t, visit, self, e));
    TRY(visit_optimizer(&t->forward, "optimizer", visit, self, e));
    return visit_optimizer(&t->feedback, "feedback_optimizer", visit, self, e);
}

static int add_tensor(void *self, const char *name, size_t rank, const size_t *shape, real *data, struct err *e)
{
    (void)e;
    safetensors_add(self, name, REAL_DTYPE, rank, shape, data);
    return 0;
}

/* Writes the state into the opened folder. One file per state: a training step may be followed by many feedback-only
 * minibatches, and a file that the database names is never written over. */
static int write_state(struct trial *t, const struct checkpoint_folder *folder, const char *name, char hex[65],
                       struct err *e)
{
    char path[sizeof folder->path + CHECKPOINT_NAME_SIZE], step[32];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    snprintf(step, sizeof step, "%" PRId64, t->step);
    const double numbers[N_NUMBERS] = { t->initial_loss, t->batch_loss_sum, t->batch_loss_count };
    const size_t shape[1] = { N_NUMBERS };
    const struct feedback_only *f = &t->feedback_only;
    const double done = (double)f->done;
    const size_t stop_shape[1] = { STOP_NUMBERS };
    double stop[STOP_NUMBERS];
    struct safetensors_writer w = { 0 };
    int code = visit_state(t, add_tensor, &w, e);
    if (code == 0) {
        safetensors_add(&w, "numbers", DTYPE_F64, 1, shape, numbers);
        if (f->per_epoch > 0) { /* of trials with feedback-only epochs alone: those of others are as they always were */
            safetensors_add(&w, "feedback_only.done", DTYPE_F64, 0, NULL, &done);
            safetensors_add(&w, "feedback_only.loss_sum", DTYPE_F64, 1, &t->credit.n_feedback, f->loss_sum);
        }
        if (t->stop.every > 0) { /* likewise */
            stop_save(t, stop);
            safetensors_add(&w, "stop", DTYPE_F64, 1, stop_shape, stop);
        }
        safetensors_add_metadata(&w, "format", "tprun checkpoint " CHECKPOINT_VERSION);
        safetensors_add_metadata(&w, "trial", t->key);
        safetensors_add_metadata(&w, "precision", REAL_NAME);
        safetensors_add_metadata(&w, "step", step);
        checkpoint_make_way(folder, name);
        code = safetensors_write_at(&w, folder->fd, path, hex, e);
    }
    safetensors_writer_free(&w);
    return code;
}

int checkpoint_write(struct trial *t, const char *folder, const char *key, struct sink *sink, struct err *e)
{
    char name[CHECKPOINT_NAME_SIZE], hex[65];
    struct checkpoint_folder f;
    checkpoint_name(name, key, t->step, t->feedback_only.done);
    struct err why = { 0 };
    int code = checkpoint_folder_open(&f, folder, true, &why);
    if (code == 0)
        code = write_state(t, &f, name, hex, &why);
    checkpoint_folder_close(&f);
    if (code < 0)
        return checkpoint_own_error(e, &why);
    return sink->checkpoint ? sink->checkpoint(sink, t->step, name, hex, trial_spent(t), e) : 0;
}

struct reader {
    const struct safetensors *file;
    const char *path;
    bool copy; /* the first pass checks, the second copies: a bad file changes nothing */
    size_t n;
};

static int read_tensor(void *self, const char *name, size_t rank, const size_t *shape, real *data, struct err *e)
{
    struct reader *r = self;
    const struct tensor *t = safetensors_find(r->file, name);
    r->n++;
    if (!t)
        return err_set(e, ERR_FORMAT, "%s: no tensor '%s'", r->path, name);
    bool same = t->rank == rank && t->dtype == REAL_DTYPE;
    for (size_t i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    if (!same)
        return err_set(e, ERR_FORMAT, "%s: tensor '%s' has another type or shape than this trial's", r->path, name);
    if (r->copy)
        memcpy(data, t->data, t->n * sizeof *data);
    return 0;
}

static int check_metadata(const struct safetensors *f, const char *path, const char *key, const char *expected,
                          struct err *e)
{
    const char *found = safetensors_metadata(f, key);
    if (found && strcmp(found, expected) == 0)
        return 0;
    return err_set(e, ERR_FORMAT, "%s: %s is '%s', expected '%s'", path, key, found ? found : "(missing)", expected);
}

/* What a trial with feedback-only epochs has beside. */
static int find_feedback_only(const struct trial *t, const struct safetensors *f, const char *path,
                              const struct tensor **done, const struct tensor **sums, struct err *e)
{
    *done = safetensors_find(f, "feedback_only.done");
    *sums = safetensors_find(f, "feedback_only.loss_sum");
    if (*done && *sums && (*done)->rank == 0 && (*done)->dtype == DTYPE_F64 && (*sums)->n == t->credit.n_feedback &&
        (*sums)->dtype == DTYPE_F64 && tensor_get(*done, 0) >= 0 && tensor_get(*done, 0) < 0x1p53)
        return 0;
    return err_set(e, ERR_FORMAT, "%s: does not tell the feedback-only minibatches that were done", path);
}

/* What a trial that may end before its budget has beside; apply: not only looked at. */
static int find_stop(struct trial *t, const struct safetensors *f, const char *path, bool apply, struct err *e)
{
    const struct tensor *stop = safetensors_find(f, "stop");
    double numbers[STOP_NUMBERS];
    const bool whole = stop && stop->n == STOP_NUMBERS && stop->dtype == DTYPE_F64;
    for (size_t i = 0; whole && i < STOP_NUMBERS; i++)
        numbers[i] = tensor_get(stop, i);
    if (whole && stop_restore(t, numbers, apply))
        return 0;
    return err_set(e, ERR_FORMAT, "%s: does not tell what the tests of train.stop.metric have seen", path);
}

static int restore(struct trial *t, const struct safetensors *f, const char *path, struct err *e)
{
    const bool stops = t->stop.every > 0;
    const bool feedback_only = t->feedback_only.per_epoch > 0;
    const struct tensor *done = NULL, *sums = NULL;
    TRY(check_metadata(f, path, "format", "tprun checkpoint " CHECKPOINT_VERSION, e));
    TRY(check_metadata(f, path, "trial", t->key, e));
    TRY(check_metadata(f, path, "precision", REAL_NAME, e));
    const char *text = safetensors_metadata(f, "step");
    const struct tensor *numbers = safetensors_find(f, "numbers");
    int64_t step;
    if (!text || text_to_int(text, strlen(text), &step) < 0 || step < 0 || !numbers || numbers->n != N_NUMBERS ||
        numbers->dtype != DTYPE_F64)
        return err_set(e, ERR_FORMAT, "%s: not a checkpoint of this version", path);
    struct reader r = { .file = f, .path = path };
    TRY(visit_state(t, read_tensor, &r, e));
    if (feedback_only)
        TRY(find_feedback_only(t, f, path, &done, &sums, e));
    if (stops)
        TRY(find_stop(t, f, path, false, e));
    if (r.n + 1 + (feedback_only ? 2 : 0) + (stops ? 1 : 0) != f->n_tensors)
        return err_set(e, ERR_FORMAT, "%s: holds tensors that this trial has not", path);
    r.copy = true;
    TRY(visit_state(t, read_tensor, &r, e));
    if (stops)
        TRY(find_stop(t, f, path, true, e));
    t->step = step;
    t->initial_loss = tensor_get(numbers, NUMBER_INITIAL_LOSS);
    t->batch_loss_sum = tensor_get(numbers, NUMBER_BATCH_SUM);
    t->batch_loss_count = tensor_get(numbers, NUMBER_BATCH_COUNT);
    if (feedback_only)
        t->feedback_only.done = (int64_t)tensor_get(done, 0);
    for (size_t i = 0; feedback_only && i < t->credit.n_feedback; i++)
        t->feedback_only.loss_sum[i] = tensor_get(sums, i);
    chain_refresh(&t->chain);
    evaluation_clear(t);
    return 0;
}

int trial_restore(struct trial *t, const struct checkpoint_folder *own, const struct checkpoint_folder *other,
                  const char *name, const char *sha256, struct err *e)
{
    struct safetensors f;
    const double bytes =
        4096 + 16.0 * (double)sizeof(real) * (double)(t->chain.n_vector + t->credit.n_feedback_vector + 65536);
    TRY(checkpoint_read(&f, own, other, name, sha256, (size_t)bytes, e));
    const int code = restore(t, &f, name, e);
    safetensors_close(&f);
    return code;
}

static int hash_tensor(void *self, const char *name, size_t rank, const size_t *shape, real *data, struct err *e)
{
    (void)e;
    struct hash *h = self;
    size_t n = 1;
    hash_add_string(h, name);
    for (size_t i = 0; i < rank; i++)
        n *= shape[i];
    hash_add(h, data, n * sizeof *data);
    return 0;
}

void checkpoint_weights_hash(const struct trial *t, char hex[65])
{
    struct hash h;
    struct err none = { 0 };
    hash_init(&h);
    visit_parameters(t, hash_tensor, &h, &none);
    hash_hex(&h, hex);
}
