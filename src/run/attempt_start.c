/* The beginning of an attempt: where the trial stands, a worker, and what it is asked to do. */
#include "run/private.h"

#include "base/killpoint.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_running(const struct runner *r, const char *key)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active && !strcmp(r->slots[i].key, key))
            return true;
    return false;
}

static int send_job(struct runner *r, struct attempt *t, const char *config, const struct store_trial_row *row,
                    struct err *e)
{
    const char *checkpoint[2] = { row->checkpoint_path, row->previous_path };
    const char *sha256[2] = { row->checkpoint_sha256, row->previous_sha256 };
    struct wire_job job = { .config = config, .folder = r->own.path, .key = t->key };
    job.other = r->options->checkpoints ? r->other.path : NULL;
    job.memory_limit = r->options->memory_limit;
    job.threads = (int64_t)t->threads;
    job.stop_at = r->options->stop_at;
    if (t->pending.relog) {
        job.relog = row->weights_sha256;
        job.checkpoint[0] = checkpoint[t->relog.checkpoint];
        job.sha256[0] = sha256[t->relog.checkpoint];
    }
    for (int i = 0; i < 2 && !job.relog && checkpoint[i][0] && !checkpoints_absent(r, row); i++) {
        job.checkpoint[i] = checkpoint[i];
        job.sha256[i] = sha256[i];
        job.spent[i] = i ? row->previous_spent : row->checkpoint_spent;
    }
    struct frame_buffer out = { 0 };
    int code = wire_put_job(&out, &job, e);
    if (code == 0)
        code = worker_send(&t->worker, &out, e);
    frame_free(&out);
    return code;
}

int attempt_request(struct attempt *t, enum message request, struct err *e)
{
    struct frame_buffer out = { 0 };
    wire_put_request(&out, request);
    const int code = worker_send(&t->worker, &out, e);
    frame_free(&out);
    return code;
}

/* *outcome is ATTEMPT_STARTED or ATTEMPT_NO_ROOM. */
static int start_process(struct runner *r, struct attempt *t, const struct config *config, enum attempt_start *outcome,
                         struct err *e)
{
    char executable[4096];
    int reason;
    struct err why = { 0 };
    *outcome = ATTEMPT_STARTED;
    TRY(worker_executable(config->precision == PRECISION_DOUBLE ? "double" : "single", executable, e));
    KILL_POINT(RUN_SPAWN);
    const int code = worker_start(&t->worker, &r->starters[config->precision], executable, &reason, &why);
    KILL_POINT(RUN_SPAWNED);
    if (code < 0 && err_is_shortage(reason) && r->n_active > 0) {
        *outcome = ATTEMPT_NO_ROOM;
        runner_narrow(r, r->n_active, err_first(&why));
        err_clear(&why);
        return 0;
    }
    return code < 0 ? err_move(e, &why) : 0;
}

static int start_worker(struct runner *r, struct attempt *t, const struct config *config,
                        const struct store_trial_row *row, enum attempt_start *outcome, struct err *e)
{
    TRY(start_process(r, t, config, outcome, e));
    if (*outcome != ATTEMPT_STARTED)
        return 0;
    struct text json = { 0 };
    config_json(config, &json);
    const int code = send_job(r, t, json.s, row, e);
    text_free(&json);
    if (code < 0) {
        worker_kill(&t->worker);
        worker_reap(&t->worker, NULL);
        return code;
    }
    KILL_POINT(RUN_JOB_SENT);
    t->active = true;
    t->run_id = 0;
    t->ended = t->stalled = t->refused = false;
    t->start_ns = now_ns();
    t->loss = NAN;
    r->n_active++;
    return r->stopping ? attempt_request(t, MESSAGE_STOP, e) : 0;
}

static void make_label(const struct runner *r, struct attempt *t, const struct store_described *d)
{
    const char *study = r->plan->n_studies > 1 ? r->plan->studies[t->pending.study].study.name : "";
    snprintf(t->label, sizeof t->label, "%s%s%s%s%s seed %" PRId64, study, *study ? " " : "", d->variant,
             *d->cell ? " " : "", d->cell, d->seed);
}

/* What an attempt on a trial begins with: where the trial stands. */
static int describe(struct runner *r, struct attempt *t, struct pending pending, const struct stored_trial *trial,
                    struct store_trial_row *row, struct err *e)
{
    const struct store_described *d = &trial->described;
    bool found;
    TRY(store_find_trial(r->store, d->key, &found, row, e));
    if (!found)
        return err_set(e, ERR_INTERNAL, "trial %.16s is not in the database", d->key);
    *t = (struct attempt){ .pending = pending,
                           .trial_id = row->id,
                           .budget = d->budget,
                           .memory_bytes = trial->size.memory_bytes,
                           .keep = trial->config.checkpoint.keep };
    t->step = t->from_step = checkpoints_absent(r, row) ? 0 : row->checkpoint_step;
    memcpy(t->key, d->key, sizeof t->key);
    make_label(r, t, d);
    return 0;
}

/* The trial runs from its stored configuration. */
static int start(struct runner *r, struct attempt *t, struct pending pending, struct stored_trial *trial,
                 enum attempt_start *outcome, struct err *e)
{
    const struct store_described *d = &trial->described;
    struct store_trial_row row;
    struct attempt next;
    TRY(describe(r, &next, pending, trial, &row, e));
    if (is_running(r, d->key) || (!pending.relog && row.state == TRIAL_DONE && row.budget >= d->budget))
        return 0;
    next.threads = queue_threads(r, trial->config.train.threads);
    if (!next.threads) {
        r->pending[r->next - 1].threads = trial->config.train.threads;
        *outcome = ATTEMPT_WAITS;
        return 0;
    }
    *t = next;
    if (pending.relog) {
        TRY(relog_prepare(r, t, &trial->config, &row, outcome, e));
        if (*outcome != ATTEMPT_STARTED)
            return 0;
    }
    struct config config = trial->config;
    if (trial->size.iterations != d->budget) { /* the text that was stored last may be of another one */
        config.train.epochs = -1;
        config.train.iterations = d->budget;
    }
    return start_worker(r, t, &config, &row, outcome, e);
}

int attempt_start(struct runner *r, struct attempt *t, struct pending pending, enum attempt_start *outcome,
                  struct err *e)
{
    struct stored_trial trial = { 0 };
    *outcome = ATTEMPT_NOTHING;
    int code = stored_load(r, pending.trial, &trial, e);
    if (code == 0)
        code = start(r, t, pending, &trial, outcome, e);
    store_free_described(&trial.described);
    return code;
}

static int refuse(struct runner *r, struct pending pending, const struct stored_trial *trial, const char *reason,
                  struct err *e)
{
    struct attempt t;
    struct store_trial_row row;
    TRY(describe(r, &t, pending, trial, &row, e));
    t.state = TRIAL_FAILED;
    t.start_ns = now_ns();
    t.step = t.from_step = row.step;
    if (pending.relog)
        return relog_mourn(r, &t, reason);
    if (r->options->force && (row.state == TRIAL_DONE || row.state == TRIAL_DIVERGED)) { /* nothing is lost by trying */
        char kept[1024];
        TRY(store_keep_trial(r->store, t.trial_id, e));
        snprintf(kept, sizeof kept, "%s; what it has stays", reason);
        status_ended(r, &t, kept);
        return 0;
    }
    TRY(attempt_begin_run(r, &t, "", t.from_step, e));
    const struct store_end end = {
        .run = t.run_id, .trial = t.trial_id, .state = t.state, .reason = reason, .step = t.step, .layer = -1
    };
    TRY(ends_put(r, &t, &end, e));
    return ends_tell_all(r, e);
}

int attempt_refuse(struct runner *r, struct pending pending, const char *reason, struct err *e)
{
    struct stored_trial trial = { 0 };
    int code = stored_load(r, pending.trial, &trial, e);
    if (code == 0)
        code = refuse(r, pending, &trial, reason, e);
    store_free_described(&trial.described);
    return code;
}
