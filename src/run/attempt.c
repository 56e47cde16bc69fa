#include "run/private.h"

#include "base/killpoint.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int attempt_begin_run(struct runner *r, struct attempt *t, const char *kernel, int64_t from_step, struct err *e)
{
    const struct store_run run = { .trial = t->trial_id,
                                   .host = status_host(r),
                                   .code = r->options->code,
                                   .kernel = kernel,
                                   .pid = t->worker.pid,
                                   .from_step = from_step };
    t->from_step = t->step = from_step;
    TRY(store_begin_run(r->store, &run, &t->run_id, e));
    KILL_POINT(RUN_HELLO);
    return 0;
}

static int put_checkpoint(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    char old[4096] = "";
    if (!checkpoint_is_name(m->name) || strncmp(m->name, t->key, 16) != 0)
        return err_set(e, ERR_FORMAT, "a checkpoint called '%.100s'", m->name);
    KILL_POINT(RUN_CHECKPOINT);
    TRY(store_checkpoint(r->store, t->trial_id, t->run_id, m->step, m->name, m->sha256, m->reached.spent,
                         t->keep == KEEP_ALL ? NULL : old, e));
    KILL_POINT(RUN_CHECKPOINT_COMMITTED);
    r->unpublished = true;
    if (old[0] && strcmp(old, m->name) != 0) { /* committed: nothing names the old file any more */
        checkpoint_remove(&r->own, old);       /* one that stays is removed at the next start */
        KILL_POINT(RUN_CHECKPOINT_UNLINKED);
    }
    return 0;
}

static int put_end(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    if (!t->run_id)
        TRY(attempt_begin_run(r, t, "", t->from_step, e));
    const bool storage =
        m->code == ERR_STORAGE; /* stops the whole run; a data file that cannot be read fails its trial alone */
    t->state = m->code == 0                                                 ? TRIAL_DONE
               : m->code == ERR_DIVERGED || m->code == ERR_SINGULAR         ? TRIAL_DIVERGED
               : m->code == ERR_STOPPED || storage || m->code == ERR_LOCKED ? TRIAL_INTERRUPTED
                                                                            : TRIAL_FAILED;
    const char *reason = m->text && m->text[0] ? m->text : NULL;
    if (m->code == ERR_MEMORY)
        reason = "out of memory";
    const bool finished = t->state == TRIAL_DONE;
    const struct store_end end = { .run = t->run_id,
                                   .trial = t->trial_id,
                                   .state = t->state,
                                   .reason = reason,
                                   .step = m->step,
                                   .layer = m->layer,
                                   .tensor = m->name && m->name[0] ? m->name : NULL,
                                   .weights_sha256 = m->sha256 && m->sha256[0] ? m->sha256 : NULL,
                                   .drops = finished && (t->keep == KEEP_NONE || t->keep == KEEP_LAST),
                                   .keeps = t->keep == KEEP_LAST };
    t->step = m->step;
    KILL_POINT(RUN_END);
    TRY(ends_put(r, t, &end, e));
    t->ended = true;
    if (!finished)
        TRY(ends_tell_all(r, e));
    if (storage)
        return err_set(e, ERR_STORAGE, "%s", reason ? reason : "a worker could not write its checkpoint");
    return 0;
}

/* A remark is stored, and some are said too. */
static int put_event(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    bool first;
    if (strcmp(m->name, "checkpoint_refused") == 0)
        progress_say(&r->progress, "%s: not taken: %s", t->label, m->text ? m->text : "a checkpoint");
    if (strcmp(m->name, "warning") != 0)
        return store_event(r->store, t->trial_id, t->run_id, m->step, m->name, m->text, e);
    TRY(store_event_once(r->store, t->trial_id, t->run_id, m->step, m->name, m->text, &first, e));
    if (first)
        progress_say(&r->progress, "tprun: warning: %s, step %" PRId64 ": %s", t->label, m->step, m->text);
    return 0;
}

static int put_record(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    const bool first = !t->run_id;
    if (t->refused) /* what it said before it was killed */
        return 0;
    if (!t->ended && t->pending.relog)
        return relog_record(r, t, m, e);
    if (t->ended || (first && m->type != MESSAGE_HELLO && m->type != MESSAGE_END) ||
        (!first && m->type == MESSAGE_HELLO))
        return err_set(e, ERR_FORMAT, "message %d out of order", (int)m->type);
    switch (m->type) {
    case MESSAGE_HELLO:
        return attempt_hello(r, t, m, e);
    case MESSAGE_FACTS:
        return attempt_facts(r, t, m, e);
    case MESSAGE_METRIC:
        attempt_remember(t, m->name, m->step, m->value);
        return store_metric(r->store, t->trial_id, t->run_id, m->name, m->step, m->value, e);
    case MESSAGE_LAYER_METRIC:
        return store_layer_metric(r->store, t->trial_id, t->run_id, m->name, m->step, m->layer, m->value, e);
    case MESSAGE_COST:
        return store_cost(r->store, t->run_id, m->name, m->wall_ns, m->cpu_ns, m->value, e);
    case MESSAGE_EVENT:
        return put_event(r, t, m, e);
    case MESSAGE_CHECKPOINT:
        return put_checkpoint(r, t, m, e);
    case MESSAGE_REACHED:
        return store_progress(r->store, t->trial_id, &m->reached, e);
    case MESSAGE_PROGRESS:
        t->step = m->step;
        t->loss = m->value;
        return 0;
    default:
        return put_end(r, t, m, e);
    }
}

/* A worker that the kernel ended for want of memory is no fault of its trial while others run beside it: then there are
 * fewer from now on. Returns whether that is so. */
static bool make_room(struct runner *r, enum limits_death death, const struct attempt *t)
{
    const bool blames_others = death == DEATH_MEMORY || (death == DEATH_PERHAPS_MEMORY && t->pending.deaths > 0);
    if (!blames_others || r->n_allowed < 2)
        return false;
    runner_narrow(r, r->n_active ? r->n_active : r->n_allowed / 2, "memory is short");
    return death == DEATH_MEMORY;
}

/* The worker is gone without a word: the trial waits to start again from its checkpoint, or has failed for good. */
static int mourn(struct runner *r, struct attempt *t, const char *how, enum limits_death death, bool *retry,
                 struct err *e)
{
    char reason[256];
    const bool excused = !r->stopping && make_room(r, death, t);
    *retry = !r->stopping && !t->pending.relog && (excused || t->pending.deaths < RETRIES);
    snprintf(reason, sizeof reason, "%s at step %" PRId64, how, t->step);
    if (t->pending.relog)
        return relog_mourn(r, t, reason);
    if (!t->run_id)
        TRY(attempt_begin_run(r, t, "", t->from_step, e));
    t->state = *retry || r->stopping ? TRIAL_INTERRUPTED : TRIAL_FAILED;
    const struct store_end end = {
        .run = t->run_id, .trial = t->trial_id, .state = t->state, .reason = reason, .step = t->step, .layer = -1
    };
    TRY(store_event(r->store, t->trial_id, t->run_id, t->step, "worker_died", reason, e));
    if (!*retry) {
        TRY(ends_put(r, t, &end, e));
        return ends_tell_all(r, e);
    }
    TRY(store_end_run(r->store, &end, e));
    TRY(store_flush(r->store, e));
    progress_say(&r->progress, "%s: worker %s; starting again from its checkpoint", t->label, reason);
    t->pending.deaths += !excused;
    r->pending[--r->next] = t->pending; /* it was taken from there, or from behind */
    return 0;
}

/* A message that makes no sense ends that worker, as a crash would; errors of the store end the run. */
static int take_frames(struct runner *r, struct attempt *t, bool *nonsense, struct err *e)
{
    struct frame f;
    struct wire_record m;
    struct err own = { 0 };
    int code;
    while ((code = frame_take(&t->worker.in, &f, &own)) > 0 && (code = wire_read(&f, &m, &own)) == 0 &&
           (code = put_record(r, t, &m, &own)) == 0) {
    }
    *nonsense = code == ERR_FORMAT;
    if (*nonsense)
        progress_say(&r->progress, "%s: %s", t->label, err_first(&own));
    else if (code < 0)
        err_move(e, &own);
    err_clear(&own);
    return *nonsense ? 0 : code;
}

int attempt_receive(struct runner *r, struct attempt *t, struct err *e)
{
    bool closed, nonsense;
    TRY(worker_receive(&t->worker, &closed, e));
    TRY(take_frames(r, t, &nonsense, e));
    if (!closed && !nonsense)
        return 0;
    if (nonsense)
        worker_kill(&t->worker);
    struct text how = { 0 };
    const int64_t steps = t->step - t->from_step;
    const int number = worker_reap(&t->worker, &how);
    enum limits_death death = DEATH_OTHER;
    KILL_POINT(RUN_REAPED);
    t->active = false;
    r->n_active--;
    r->steps_done += (double)(steps > 0 ? steps : 0);
    if (t->stalled || nonsense) {
        text_clear(&how);
        text_puts(&how,
                  t->stalled ? "stalled (no sign of life) and was killed" : "sent a broken message and was killed");
    } else if (number == SIGKILL && !t->ended && !r->killed) {
        death = limits_explain_kill(&r->kills, limits_count_kills(), t->memory_bytes, &how);
        if (r->n_active == 0) /* what is left was not ours */
            r->kills = limits_count_kills();
    } else if (!how.n) {
        text_puts(&how, "left without a word");
    }
    bool retry = false;
    const int code = t->ended ? 0 : mourn(r, t, how.s, death, &retry, e);
    if (!retry)
        r->steps_left -= (double)(t->budget > t->from_step ? t->budget - t->from_step : 0);
    text_free(&how);
    return code;
}
