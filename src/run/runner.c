#include "run/private.h"

#include "base/duration.h"
#include "base/killpoint.h"
#include "run/changed_files.h"
#include "run/machine.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t second_ns = 1000 * 1000 * 1000;
enum { STALL_SECONDS = 300, STOP_SECONDS = 5, HEARTBEAT_SECONDS = 10 };

static void kill_all(struct runner *r)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active)
            worker_kill(&r->slots[i].worker);
}

static int ask_all(struct runner *r, enum message request, struct err *e)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active && !r->slots[i].ended)
            TRY(attempt_request(&r->slots[i], request, e));
    return 0;
}

static int stop(struct runner *r, struct err *e)
{
    r->stopping = true;
    r->stop_asked_ns = now_ns();
    return ask_all(r, MESSAGE_STOP, e);
}

/* Does what signals have asked for. */
static int heed_signals(struct runner *r, struct err *e)
{
    signals_take();
    const int saves = signals_saves();
    if (saves != r->saves_heeded) {
        r->saves_heeded = saves;
        TRY(ask_all(r, MESSAGE_SAVE, e));
    }
    r->killed = signals_stops() > 1;
    if (signals_stops() == 0 || r->result->stopped)
        return 0;
    r->result->stopped = true;
    progress_say(&r->progress, "tprun: stopping at the next step; the same command resumes (a second signal: at once)");
    return stop(r, e);
}

/* Time is up: the same as a signal, so that the same command goes on. */
static int heed_time(struct runner *r, struct err *e)
{
    const double limit = r->options->time_limit;
    if (limit == 0 || r->result->stopped || (double)(now_ns() - r->start_ns) < limit * (double)second_ns)
        return 0;
    r->result->stopped = true;
    progress_say(&r->progress, "tprun: the time is up; stopping at the next step, and the same command resumes");
    return stop(r, e);
}

/* ---- the loop ---- */

void runner_narrow(struct runner *r, size_t n, const char *why)
{
    const size_t before = r->n_allowed;
    r->n_allowed = n > 0 ? n : 1;
    progress_say(&r->progress, "tprun: warning: %s; going on with %zu %s at once instead of %zu", why, r->n_allowed,
                 r->n_allowed == 1 ? "worker" : "workers", before);
}

static int fill_slots(struct runner *r, struct err *e)
{
    for (size_t i = 0; i < r->n_slots && !r->stopping; i++)
        while (!r->slots[i].active && r->n_active < r->n_allowed && queue_take(r)) {
            enum attempt_start outcome;
            TRY(attempt_start(r, &r->slots[i], r->pending[r->next - 1], &outcome, e));
            if (outcome == ATTEMPT_NOTHING)
                r->result->skipped++;
            if (outcome == ATTEMPT_NO_ROOM || outcome == ATTEMPT_WAITS)
                r->next--;
        }
    return 0;
}

/* A worker that says nothing is ended; its socket then closes and the trial is retried. Called after what had come was
 * read, so that a runner that slept itself (SIGSTOP, a suspended machine) does not blame its workers. */
static void end_stalled(struct runner *r)
{
    const double seconds = r->options->stall_seconds > 0 ? r->options->stall_seconds : STALL_SECONDS;
    const int64_t now = now_ns();
    for (size_t i = 0; i < r->n_slots; i++) {
        struct attempt *t = &r->slots[i];
        if (t->active && !t->stalled && (double)(now - t->worker.heard_ns) > seconds * 1e9) {
            t->stalled = true;
            worker_kill(&t->worker);
        }
    }
}

static int heartbeat(struct runner *r, struct err *e)
{
    const int64_t now = now_ns();
    if (now - r->heartbeat_ns < HEARTBEAT_SECONDS * second_ns)
        return 0;
    r->heartbeat_ns = now;
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active && r->slots[i].run_id && !r->slots[i].ended)
            TRY(store_heartbeat(r->store, r->slots[i].run_id, e));
    return 0;
}

static int wait_for_news(struct runner *r, struct pollfd *fds, struct err *e)
{
    int due_ms;
    TRY(store_tick(r->store, &due_ms, e));
    ends_tell(r);
    const int tick_ms = r->progress.live ? 100 : 250;
    const int timeout = due_ms >= 0 && due_ms < tick_ms ? due_ms : tick_ms;
    fds[0] = (struct pollfd){ .fd = signals_fd(), .events = POLLIN };
    for (size_t i = 0; i < r->n_slots; i++) /* poll ignores negative descriptors */
        fds[i + 1] = (struct pollfd){ .fd = r->slots[i].active ? r->slots[i].worker.fd : -1, .events = POLLIN };
    const int n = poll(fds, r->n_slots + 1, timeout);
    if (n < 0 && errno != EINTR)
        return err_set(e, ERR_INTERNAL, "poll: %s", strerror(errno));
    if (n <= 0)
        for (size_t i = 0; i <= r->n_slots; i++)
            fds[i].revents = 0;
    return 0;
}

/* last: whatever time has passed. */
static int publish(struct runner *r, bool last, struct err *e)
{
    struct publication *p = r->options->publication;
    if (!p || (!last && !publication_is_due(p, r->unpublished)))
        return 0;
    r->unpublished = false;
    return publication_put(p, r->store, &r->own, e);
}

static int loop(struct runner *r, struct pollfd *fds, struct err *e)
{
    const char *stop_text = getenv("TPRUN_STOP_SECONDS");
    double stop_seconds = STOP_SECONDS;
    if (stop_text && duration_read(stop_text, 1, &stop_seconds) < 0)
        return err_set(e, ERR_USAGE, "TPRUN_STOP_SECONDS: '%s' is not " DURATION_FORMS, stop_text);
    for (;;) {
        if (r->options->fail_fast && r->result->failed && !r->stopping)
            TRY(stop(r, e));
        TRY(fill_slots(r, e));
        if (r->n_active == 0)
            return ends_tell_all(r, e);
        TRY(wait_for_news(r, fds, e));
        TRY(heed_signals(r, e));
        TRY(heed_time(r, e));
        for (size_t i = 0; i < r->n_slots; i++)
            if (fds[i + 1].revents)
                TRY(attempt_receive(r, &r->slots[i], e));
        end_stalled(r);
        if (r->killed || (r->stopping && (double)(now_ns() - r->stop_asked_ns) > stop_seconds * 1e9))
            kill_all(r);
        TRY(heartbeat(r, e));
        TRY(publish(r, false, e));
        status_draw(r);
    }
}

static void end_workers(struct runner *r)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active) {
            worker_reap(&r->slots[i].worker, NULL);
            relog_free(&r->slots[i]);
        }
    for (size_t i = 0; i < PRECISIONS; i++)
        starter_end(&r->starters[i]);
}

static int refresh(struct runner *r, size_t study, struct err *e)
{
    const struct plan_study *s = &r->plan->studies[study];
    bool refreshed;
    TRY(store_is_refreshed(r->store, s->store_id, &refreshed, e));
    if (refreshed)
        return 0;
    progress_queueing(&r->progress, s->study.name, s->n, "making statistics of", r->result->total);
    KILL_POINT(RUN_REFRESH);
    TRY(store_refresh(r->store, s->store_id, e));
    KILL_POINT(RUN_REFRESHED);
    return 0;
}

/* Trials that are finished stay so when their files change; it is told, and counted for the table. */
static int tell_changed_files(struct runner *r, struct err *e)
{
    struct query *q;
    struct err found = { 0 };
    TRY(query_open(&q, r->options->db, e));
    int code = 0;
    for (size_t i = 0; i < r->plan->n_studies && code == 0; i++)
        code = changed_files_find(q, r->plan->studies[i].study.name, &found, &r->result->changed, e);
    query_close(q);
    err_print(&found, stderr, r->options->color);
    err_clear(&found);
    return code;
}

/* All at once: half of an edited specification would look like a whole one. Stopped, nothing of it is there. */
static int put_studies(struct runner *r, struct err *e)
{
    struct err ignored = { 0 };
    TRY(store_hold(r->store, e));
    int code = 0;
    for (size_t i = 0; i < r->plan->n_studies && signals_stops() == 0 && code == 0; i++)
        code = queue_put_study(r, i, e);
    const bool keep = code == 0 && signals_stops() == 0;
    if (!keep)
        r->n_pending = r->next = 0;
    const int released = store_release(r->store, keep, code == 0 ? e : &ignored);
    err_clear(&ignored);
    return code == 0 ? released : code;
}

/* Everything is in the database before the first trial starts. */
static int queue(struct runner *r, struct err *e)
{
    int64_t recovered;
    TRY(checkpoints_open(r, e));
    KILL_POINT(RUN_FOLDER);
    TRY(store_recover(r->store, &recovered, e));
    KILL_POINT(RUN_RECOVERED);
    TRY(put_studies(r, e));
    if (signals_stops() == 0)
        TRY(queue_check_files(r, e));
    if (signals_stops() == 0)
        TRY(tell_changed_files(r, e));
    if (signals_stops() == 0 && r->options->relog)
        TRY(relog_check(r, e));
    queue_order(r);
    KILL_POINT(RUN_QUEUED);
    r->result->queued = signals_stops() == 0;
    TRY(heed_signals(r, e));
    if (r->stopping)
        return 0;
    TRY(checkpoints_sweep(r, e));
    checkpoints_tell_absent(r);
    if (recovered && r->options->verbose)
        progress_say(&r->progress, "tprun: %lld trials of a run that died are resumed", (long long)recovered);
    return 0;
}

static int work(struct runner *r, struct err *e)
{
    TRY(queue(r, e));
    if (r->options->queue_only)
        return publish(r, true, e);
    struct pollfd *fds = calloc(r->n_slots + 1, sizeof *fds);
    if (!fds)
        return err_set(e, ERR_MEMORY, "out of memory");
    r->start_ns = r->heartbeat_ns = now_ns();
    int code = publish(r, true, e);
    if (code == 0)
        code = loop(r, fds, e);
    if (code == 0 && !r->stopping && !r->options->shard)
        code = queue_put_tuned(r, e);
    queue_order(r);
    if (code == 0)
        code = heed_signals(r, e);
    if (code == 0 && r->n_pending > 0)
        code = loop(r, fds, e);
    free(fds);
    end_workers(r); /* none is left unless there was an error */
    if (code == 0)
        code = store_flush(r->store, e);
    if (code == 0)
        code = checkpoints_sweep(r, e); /* a worker that was killed may have left half a file */
    for (size_t i = 0; i < r->plan->n_studies && code == 0 && signals_stops() == 0 && !r->options->shard; i++)
        code = refresh(r, i, e); /* stopping is quick */
    if (code == 0)
        code = publish(r, true, e);
    return code;
}

static int open_and_work(struct runner *r, struct err *e)
{
    struct err closing = { 0 };
    TRY(store_open(&r->store, r->options->db, e));
    store_limit_measures(r->store, &r->options->limits);
    int code = work(r, e);
    checkpoints_close(r);
    if (store_close(r->store, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

int runner_run(struct plan *p, const struct run_options *o, struct run_result *result, struct err *e)
{
    struct runner r = { .plan = p, .options = o, .result = result, .own = { .fd = -1 }, .other = { .fd = -1 } };
    *result = (struct run_result){ 0 };
    r.n_slots = o->jobs > 0 ? (size_t)o->jobs : machine_processors("");
    TRY(limits_open(e));
    r.n_slots = r.n_allowed = limits_workers(r.n_slots);
    r.kills = limits_count_kills();
    r.memory = o->memory > 0 ? (double)o->memory : machine_memory("");
    r.slots = calloc(r.n_slots, sizeof *r.slots);
    if (!r.slots)
        return err_set(e, ERR_MEMORY, "out of memory");
    progress_init(&r.progress, o->progress, o->color, o->quiet);
    signals_attend(true);
    KILL_POINT(RUN_SIGNALS);
    int code = open_and_work(&r, e);
    signals_attend(false);
    progress_finish(&r.progress);
    ends_free(&r);
    free(r.pending);
    free(r.loads);
    free(r.slots);
    data_files_free(&r.data_files);
    return code == 0 && result->stopped ? ERR_STOPPED : code;
}
