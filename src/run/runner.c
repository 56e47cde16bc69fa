#include "run/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t second_ns = 1000 * 1000 * 1000;
enum { STALL_SECONDS = 300, STOP_SECONDS = 5, HEARTBEAT_SECONDS = 10 };

int runner_make_parents(const char *path, struct err *e)
{
    char folder[4096];
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return err_set(e, ERR_STORAGE, "%s: the path is too long", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0777) < 0 && errno != EEXIST)
            return err_set(e, ERR_STORAGE, "cannot make the folder %s: %s", folder, strerror(errno));
        *slash = '/';
    }
    return 0;
}

/* ---- signals ---- */

/* The handler runs in whichever thread the kernel picks (OpenBLAS starts some when it is loaded), so blocking and
 * signalfd(2) would not do. It only writes the number into a pipe that the loop polls. */
static volatile sig_atomic_t signal_pipe = -1;

static void on_signal(int number)
{
    const int error = errno;
    const unsigned char byte = (unsigned char)number;
    const ssize_t ignored = write(signal_pipe, &byte, 1); /* a full pipe holds enough of them already */
    (void)ignored;
    errno = error;
}

static const int handled[] = { SIGINT, SIGTERM, SIGUSR1, SIGHUP };
enum { N_HANDLED = sizeof handled / sizeof *handled };

static int open_signals(struct runner *r, struct sigaction before[N_HANDLED], struct err *e)
{
    if (pipe2(r->signal_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        r->signal_fds[0] = r->signal_fds[1] = -1;
        return err_set(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    }
    signal_pipe = r->signal_fds[1];
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < N_HANDLED; i++)
        sigaction(handled[i], &action, &before[i]);
    return 0;
}

static void close_signals(struct runner *r, const struct sigaction before[N_HANDLED])
{
    if (r->signal_fds[0] < 0)
        return;
    for (size_t i = 0; i < N_HANDLED; i++)
        sigaction(handled[i], &before[i], NULL);
    signal_pipe = -1;
    close(r->signal_fds[0]);
    close(r->signal_fds[1]);
}

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

int runner_read_signals(struct runner *r, struct err *e)
{
    unsigned char number;
    while (read(r->signal_fds[0], &number, 1) == 1) {
        if (number == SIGHUP) {
            TRY(ask_all(r, MESSAGE_SAVE, e));
        } else if (!r->result->stopped) {
            r->result->stopped = true;
            progress_say(&r->progress,
                         "tprun: stopping at the next step; the same command resumes (a second signal: at once)");
            TRY(stop(r, e));
        } else {
            r->killed = true;
        }
    }
    return 0;
}

/* ---- the loop ---- */

static int fill_slots(struct runner *r, struct err *e)
{
    for (size_t i = 0; i < r->n_slots && !r->stopping; i++)
        while (!r->slots[i].active && r->next < r->n_pending) {
            bool started;
            r->slots[i].deaths = 0;
            TRY(attempt_start(r, &r->slots[i], r->pending[r->next++], &started, e));
            if (!started)
                r->result->skipped++;
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
    const int tick_ms = r->progress.live ? 100 : 250;
    const int timeout = due_ms >= 0 && due_ms < tick_ms ? due_ms : tick_ms;
    fds[0] = (struct pollfd){ .fd = r->signal_fds[0], .events = POLLIN };
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

static int loop(struct runner *r, struct pollfd *fds, struct err *e)
{
    const char *stop_text = getenv("TPRUN_STOP_SECONDS");
    double stop_seconds = STOP_SECONDS;
    if (stop_text && text_to_double(stop_text, strlen(stop_text), &stop_seconds) < 0)
        return err_set(e, ERR_USAGE, "TPRUN_STOP_SECONDS: '%s' is not a number", stop_text);
    for (;;) {
        TRY(fill_slots(r, e));
        if (r->n_active == 0)
            return 0;
        TRY(wait_for_news(r, fds, e));
        if (fds[0].revents)
            TRY(runner_read_signals(r, e));
        for (size_t i = 0; i < r->n_slots; i++)
            if (fds[i + 1].revents)
                TRY(attempt_receive(r, &r->slots[i], e));
        if (r->options->fail_fast && r->result->failed && !r->stopping)
            TRY(stop(r, e));
        end_stalled(r);
        if (r->killed || (r->stopping && (double)(now_ns() - r->stop_asked_ns) > stop_seconds * 1e9))
            kill_all(r);
        TRY(heartbeat(r, e));
        status_draw(r);
    }
}

static void end_workers(struct runner *r)
{
    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].active)
            worker_reap(&r->slots[i].worker, NULL);
}

static int refresh(struct runner *r, size_t study, struct err *e)
{
    const struct plan_study *s = &r->plan->studies[study];
    bool refreshed;
    TRY(store_is_refreshed(r->store, s->store_id, &refreshed, e));
    if (refreshed)
        return 0;
    progress_queueing(&r->progress, s->study.name, s->n, "making statistics of", r->result->total);
    return store_refresh(r->store, s->store_id, e);
}

static int work(struct runner *r, struct err *e)
{
    int64_t recovered;
    TRY(checkpoints_open(r, e));
    TRY(store_recover(r->store, &recovered, e));
    for (size_t i = 0; i < r->plan->n_studies; i++)
        TRY(queue_put_study(r, i, e));
    TRY(store_flush(r->store, e));
    TRY(queue_check_files(r, e));
    TRY(checkpoints_sweep(r, e));
    if (recovered && r->options->verbose)
        progress_say(&r->progress, "tprun: %lld trials of a run that died are resumed", (long long)recovered);
    struct pollfd *fds = calloc(r->n_slots + 1, sizeof *fds);
    r->slots = calloc(r->n_slots, sizeof *r->slots);
    int code = fds && r->slots ? 0 : err_set(e, ERR_MEMORY, "out of memory");
    r->start_ns = r->heartbeat_ns = now_ns();
    if (code == 0)
        code = loop(r, fds, e);
    if (r->slots)
        end_workers(r); /* none is left unless there was an error */
    if (code == 0)
        code = store_flush(r->store, e);
    if (code == 0)
        code = checkpoints_sweep(r, e); /* a worker that was killed may have left half a file */
    for (size_t i = 0; i < r->plan->n_studies && code == 0 && !r->result->stopped; i++) /* stopping is quick */
        code = refresh(r, i, e);
    free(r->slots);
    free(fds);
    return code;
}

int runner_run(struct plan *p, const struct run_options *o, struct run_result *result, struct err *e)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    struct runner r = { .plan = p, .options = o, .result = result, .signal_fds = { -1, -1 } };
    *result = (struct run_result){ 0 };
    r.n_slots = o->jobs > 0 ? (size_t)o->jobs : online > 0 ? (size_t)online : 1;
    TRY(runner_make_parents(o->db, e));
    progress_init(&r.progress, o->progress, o->color, o->quiet);
    struct sigaction before[N_HANDLED];
    int code = open_signals(&r, before, e);
    if (code == 0)
        code = store_open(&r.store, o->db, e);
    if (code == 0)
        code = work(&r, e);
    struct err closing = { 0 };
    if (store_close(r.store, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    progress_finish(&r.progress);
    free(r.pending);
    text_free(&r.data_seen);
    close_signals(&r, before);
    if (code == 0 && result->stopped)
        return ERR_STOPPED;
    return code;
}
