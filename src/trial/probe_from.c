/* tprun probe --from: a step of a trial of the database, with all that it takes and what comes of it, in the names of
 * docs/probe.md. The trial is taken up at a checkpoint, or trained anew, without logs. */
#include "trial/private.h"

#include "trial/probe_input.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Feedback-only epochs end with rows that nobody wants here. */
static int drop(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e)
{
    (void)s, (void)name, (void)step, (void)layer, (void)value, (void)e;
    return 0;
}

/* Takes up the newest checkpoint that verifies. One that does not is told; it is done without. */
static int take_up(struct trial *t, const struct probe_from *from, struct err *e)
{
    struct checkpoint_folder own = { .fd = -1 }, other = { .fd = -1 };
    int code = 0;
    bool done = false;
    struct err absent = { 0 };
    if (from->n > 0 && checkpoint_folder_open(&own, from->folder, true, &absent) < 0 && !from->other)
        fprintf(stderr, "tprun: warning: %s\n", err_first(&absent));
    err_clear(&absent);
    if (from->n > 0 && from->other)
        code = checkpoint_folder_open(&other, from->other, false, e);
    for (size_t i = 0; i < from->n && code == 0 && !done && (own.fd >= 0 || other.fd >= 0); i++) {
        struct err refused = { 0 };
        done = trial_restore(t, &own, from->other ? &other : NULL, from->names[i], from->sha256[i], &refused) == 0;
        if (!done)
            fprintf(stderr, "tprun: warning: a checkpoint is done without: %s\n", err_first(&refused));
        err_clear(&refused);
    }
    checkpoint_folder_close(&own);
    checkpoint_folder_close(&other);
    return code;
}

static int feedback_only(struct trial *t, struct sink *sink, struct err *e)
{
    while (feedback_only_due(t) > 0)
        TRY(feedback_only_minibatch(t, sink, e));
    return 0;
}

static int reach(struct trial *t, int64_t step, struct err *e)
{
    struct sink sink = { .layer_metric = drop };
    const bool begins = t->step == 0 && t->feedback_only.done == 0;
    if (begins)
        TRY(initial_read(t, e));
    if (t->step == 0)
        fprintf(stderr, "tprun: from the start: %" PRId64 " steps to train\n", step);
    else
        fprintf(stderr, "tprun: from the checkpoint at step %" PRId64 ": %" PRId64 " steps to train\n", t->step,
                step - t->step);
    TRY(feedback_only(t, &sink, e));
    while (t->step < step) {
        TRY(trial_step(t, e));
        TRY(feedback_only(t, &sink, e));
    }
    t->batch_loss_sum = t->batch_loss_count = 0; /* of minibatches that the file does not have */
    return 0;
}

/* The minibatch and the random numbers of the coming step. */
static void prepare(struct trial *t)
{
    const uint64_t step = (uint64_t)t->step;
    const size_t n = probe_feedback_draws(t);
    t->dataset->fill(t->config->dataset.opts, t->dataset_state, SPLIT_TRAIN, step * t->pass.rows, &t->pass.batch);
    step_begin(t, step, true);
    for (size_t s = 0; s < n; s++) {
        noise_draw(&t->feedback_noise, step * n + s);
        for (size_t i = 0; i < t->credit.n_draws; i++) {
            const struct mat to = t->credit.draws[i].to;
            if (t->given_draws[i])
                memcpy(t->given_draws[i] + s * mat_n(to), to.p, mat_n(to) * sizeof(real));
        }
    }
}

static int write_step(struct trial *t, const struct probe_from *from, const char *output, struct err *e)
{
    struct safetensors_writer w = { 0 };
    struct arena a;
    char step[32];
    struct text json = { 0 };
    arena_init(&a, 0);
    struct probe_input in = { .out = &w, .arena = &a };
    snprintf(step, sizeof step, "%" PRId64, t->step);
    config_json(t->config, &json);
    const char *const metadata[] = { "format", TRIAL_STEP_FORMAT, "trial",   t->key,   "step",
                                     step,     "precision",       REAL_NAME, "config", json.s };
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i += 2)
        safetensors_add_metadata(&w, metadata[i], metadata[i + 1]);
    probe_open_draws(t, &a);
    prepare(t);
    int code = probe_exchange(&in, t, e);
    if (code == 0)
        code = probe_step(t, &w, &a, NULL, true, from->metrics, e);
    if (code == 0)
        code = safetensors_write(&w, output, NULL, e);
    text_free(&json);
    safetensors_writer_free(&w);
    arena_finish(&a);
    return code;
}

int trial_probe_from(const struct config *c, const struct probe_from *from, const char *output, struct err *e)
{
    struct trial *t;
    TRY(trial_open(&t, c, e));
    int code = take_up(t, from, e);
    if (code == 0)
        code = reach(t, from->step, e);
    if (code == 0)
        code = write_step(t, from, output, e);
    if (code == ERR_DIVERGED || code == ERR_SINGULAR)
        err_note(e, (struct where){ 0 }, "here the trial diverges: it takes no whole step after %" PRId64 " others",
                 t->step);
    trial_close(t);
    return code;
}
