/* The worker's side of a job: reads it from the runner's socket, trains the trial, and sends its records back in
 * frames. */
#include "trial/worker.h"

#include "base/frame.h"
#include "base/killpoint.h"
#include "base/team.h"
#include "math/blas.h"
#include "spec/tree.h"
#include "trial/numerics.h"
#include "trial/protocol.h"
#include "trial/trial.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FLUSH_BYTES = 32 * 1024, FLUSH_NS = 50 * 1000 * 1000, LISTEN_NS = 5 * 1000 * 1000, TEXT_LIMIT = 16 * 1024 };

struct worker {
    struct sink sink; /* first: the sink's functions cast back */
    struct frame_buffer out, in;
    int64_t flushed_ns, listened_ns;
    struct trial *trial;
    int64_t stop_at; /* step, or 0 */
    bool stop;       /* asked to stop */
};

struct job {
    const char *config, *folder, *other, *key;
    const char *checkpoint[2], *sha256[2];
    struct spent spent[2];
    int64_t memory_limit, threads, stop_at;
    const char *relog; /* SHA-256 of the weights, or NULL: it trains */
};

/* Blocks while the runner is busy: that is the back-pressure that keeps its memory bounded. */
static void flush(struct worker *w)
{
    for (size_t sent = 0; sent < w->out.n;) {
        const ssize_t n = write(WORKER_SOCKET, w->out.bytes + sent, w->out.n - sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(WORKER_EXIT_ORPHAN);
        sent += (size_t)n;
    }
    w->out.n = 0;
    w->flushed_ns = worker_now_ns();
}

static int frame_done(struct worker *w)
{
    frame_end(&w->out);
    if (w->out.n >= FLUSH_BYTES || worker_now_ns() - w->flushed_ns >= FLUSH_NS)
        flush(w);
    return 0;
}

static void put_text(struct frame_buffer *b, const char *s)
{
    char cut[TEXT_LIMIT];
    if (s && strlen(s) >= sizeof cut) {
        memcpy(cut, s, sizeof cut - 1);
        cut[sizeof cut - 1] = 0;
        s = cut;
    }
    frame_put_string(b, s);
}

static int put_metric(struct sink *s, const char *name, int64_t step, double value, struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_METRIC);
    put_text(&w->out, name);
    frame_put_int(&w->out, step);
    frame_put_double(&w->out, value);
    return frame_done(w);
}

static int put_layer_metric(struct sink *s, const char *name, int64_t step, int64_t layer, double value, struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_LAYER_METRIC);
    put_text(&w->out, name);
    frame_put_int(&w->out, step);
    frame_put_int(&w->out, layer);
    frame_put_double(&w->out, value);
    return frame_done(w);
}

static int put_cost(struct sink *s, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops, struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_COST);
    put_text(&w->out, phase);
    frame_put_int(&w->out, wall_ns);
    frame_put_int(&w->out, cpu_ns);
    frame_put_double(&w->out, flops);
    return frame_done(w);
}

static int put_event(struct sink *s, int64_t step, const char *kind, const char *text, struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_EVENT);
    frame_put_int(&w->out, step);
    put_text(&w->out, kind);
    put_text(&w->out, text);
    return frame_done(w);
}

static int put_reached(struct sink *s, const struct reached *p, struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_REACHED);
    frame_put_int(&w->out, p->step);
    frame_put_int(&w->out, p->samples);
    frame_put_double(&w->out, p->epoch);
    frame_put_double(&w->out, p->spent.cpu_ns);
    frame_put_double(&w->out, p->spent.flops);
    return frame_done(w);
}

static int put_checkpoint(struct sink *s, int64_t step, const char *name, const char *sha256, struct spent spent,
                          struct err *e)
{
    (void)e;
    struct worker *w = (struct worker *)s;
    frame_begin(&w->out, MESSAGE_CHECKPOINT);
    frame_put_int(&w->out, step);
    put_text(&w->out, name);
    put_text(&w->out, sha256);
    frame_put_double(&w->out, spent.cpu_ns);
    frame_put_double(&w->out, spent.flops);
    frame_end(&w->out);
    flush(w);
    return 0;
}

/* Comes with every log too, so it does not flush: a write for each would wake the runner at each step of a trial that
 * logs all of them. */
static void on_progress(void *self, int64_t step, double loss)
{
    struct worker *w = self;
    frame_begin(&w->out, MESSAGE_PROGRESS);
    frame_put_int(&w->out, step);
    frame_put_double(&w->out, loss);
    frame_done(w);
}

/* Receives what has come; blocks for the first byte if `wait`. */
static void receive(struct worker *w, bool wait)
{
    unsigned char bytes[4096];
    struct pollfd ready = { .fd = WORKER_SOCKET, .events = POLLIN };
    if (!wait && poll(&ready, 1, 0) <= 0)
        return;
    ssize_t n;
    do
        n = read(WORKER_SOCKET, bytes, sizeof bytes);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        _exit(WORKER_EXIT_ORPHAN);
    frame_append(&w->in, bytes, (size_t)n);
}

/* Between steps: has the runner said something? A look at the socket is a system call, so at most every 5 ms. */
static int on_poll(void *self)
{
    struct worker *w = self;
    KILL_POINT(WORKER_STEP);
    if (w->stop_at && trial_step_number(w->trial) >= w->stop_at)
        return TRIAL_STOP;
    const int64_t now = worker_now_ns();
    if (now - w->listened_ns < LISTEN_NS)
        return w->stop ? TRIAL_STOP : TRIAL_CONTINUE;
    w->listened_ns = now;
    receive(w, false);
    int answer = TRIAL_CONTINUE;
    struct frame f;
    struct err e = { 0 };
    int taken;
    while ((taken = frame_take(&w->in, &f, &e)) > 0) {
        w->stop |= f.type == MESSAGE_STOP;
        if (f.type == MESSAGE_SAVE)
            answer = TRIAL_CHECKPOINT;
    }
    if (taken < 0)
        _exit(WORKER_EXIT_ORPHAN);
    return w->stop ? TRIAL_STOP : answer;
}

static int read_job(struct worker *w, struct job *job, struct err *e)
{
    struct frame f;
    int taken;
    while ((taken = frame_take(&w->in, &f, e)) == 0)
        receive(w, true);
    TRY(taken);
    if (f.type != MESSAGE_JOB)
        return err_set(e, ERR_INTERNAL, "the runner sent message %u before a job", f.type);
    TRY(frame_get_string(&f, &job->config, e));
    for (int i = 0; i < 2; i++) {
        TRY(frame_get_string(&f, &job->checkpoint[i], e));
        TRY(frame_get_string(&f, &job->sha256[i], e));
        TRY(frame_get_double(&f, &job->spent[i].cpu_ns, e));
        TRY(frame_get_double(&f, &job->spent[i].flops, e));
    }
    TRY(frame_get_string(&f, &job->folder, e));
    TRY(frame_get_string(&f, &job->other, e));
    TRY(frame_get_string(&f, &job->key, e));
    TRY(frame_get_int(&f, &job->memory_limit, e));
    TRY(frame_get_int(&f, &job->threads, e));
    TRY(frame_get_int(&f, &job->stop_at, e));
    return frame_get_string(&f, &job->relog, e);
}

int worker_read_config(const char *name, const char *text, size_t n, struct config *c, struct arena *a, struct err *e)
{
    const struct node *tree = tree_parse(name, text, n, a, e);
    if (!tree)
        return e->code ? e->code : ERR_SPEC;
    return config_bind_whole(tree, c, a, e);
}

/* The newest checkpoint that verifies, else the one before, else the beginning. refused[i] says why checkpoint i was
 * not taken. */
static int restore(struct trial *t, const struct job *job, struct err refused[2], struct err *e)
{
    struct checkpoint_folder own = { .fd = -1 }, other = { .fd = -1 };
    struct err why = { 0 };
    int code = checkpoint_folder_open(&own, job->folder, true, &why);
    if (code < 0)
        return checkpoint_own_error(e, &why);
    if (job->other)
        code = checkpoint_folder_open(&other, job->other, false, e);
    for (int i = 0; i < 2 && code == 0 && job->checkpoint[i]; i++)
        if (trial_restore(t, &own, job->other ? &other : NULL, job->checkpoint[i], job->sha256[i], &refused[i]) == 0) {
            trial_set_spent(t, job->spent[i]);
            break;
        }
    checkpoint_folder_close(&own);
    checkpoint_folder_close(&other);
    return code;
}

static int put_facts(void *self, const struct metric_facts *f)
{
    struct worker *w = self;
    frame_begin(&w->out, MESSAGE_FACTS);
    put_text(&w->out, f->name);
    put_text(&w->out, f->goal);
    put_text(&w->out, f->unit);
    frame_put_int(&w->out, f->followed);
    put_text(&w->out, f->split);
    frame_end(&w->out);
    return 0;
}

static void say_hello(struct worker *w, const struct config *c, const char *inputs)
{
    frame_begin(&w->out, MESSAGE_HELLO);
    frame_put_string(&w->out, blas_kernel());
    frame_put_int(&w->out, trial_step_number(w->trial));
    frame_put_int(&w->out, NUMERICS_VERSION);
    frame_put_string(&w->out, inputs);
    frame_end(&w->out);
    trial_visit_metrics(c, put_facts, w);
}

/* Threads, and then the limit of memory: BLAS waits for ever when it finds none for its buffers, and has them now. A
 * limit is for the trial, however many threads it has: what the others take is on top of it. */
static int start_team(const struct job *job, struct err *e)
{
    struct team *team; /* until the process ends */
    const size_t n = job->threads > 1 ? (size_t)job->threads : 1;
    size_t taken;
    int code = blas_take_room(n, &taken, e);
    if (code == 0)
        code = team_open(&team, n, e);
    if (code < 0) /* told with its reason, unlike memory that a trial has used up */
        return code == ERR_MEMORY ? ERR_SPEC : code;
    const rlim_t bytes = (rlim_t)job->memory_limit + taken + (n - 1) * TEAM_THREAD_BYTES;
    if (job->memory_limit > 0 && setrlimit(RLIMIT_AS, &(struct rlimit){ bytes, bytes }) < 0)
        return err_set(e, ERR_INTERNAL, "cannot limit memory to %ju bytes: %s", (uintmax_t)bytes, strerror(errno));
    return 0;
}

static int run_job(struct worker *w, const struct job *job, struct trial_outcome *outcome, struct arena *a,
                   struct err *e)
{
    struct config c = { 0 };
    KILL_POINT(WORKER_JOB);
    TRY(worker_read_config("the runner's job", job->config, strlen(job->config), &c, a, e));
    TRY(start_team(job, e));
    struct text inputs = { 0 };
    int code = trial_inputs(&c, !job->checkpoint[0], &inputs, e);
    if (code == 0)
        code = trial_open(&w->trial, &c, e);
    struct err refused[2] = { { 0 }, { 0 } };
    if (code == 0)
        code = restore(w->trial, job, refused, e);
    KILL_POINT(WORKER_RESTORED);
    if (code == 0 && job->relog && refused[0].code)
        code = err_move(e, &refused[0]);
    if (code == 0)
        say_hello(w, &c, inputs.s);
    text_free(&inputs);
    TRY(code);
    for (int i = 0; i < 2; i++) {
        if (refused[i].code)
            put_event(&w->sink, trial_step_number(w->trial), "checkpoint_refused", err_first(&refused[i]), e);
        err_clear(&refused[i]);
    }
    flush(w);
    if (job->relog)
        return trial_relog(w->trial, job->relog, &w->sink, e);
    w->stop_at = job->stop_at;
    const struct trial_control control = { .poll = on_poll,
                                           .progress = on_progress,
                                           .self = w,
                                           .checkpoint_folder = job->folder,
                                           .checkpoint_key = job->key };
    return trial_run(w->trial, &w->sink, &control, outcome, e);
}

void worker_serve(int started, struct err *e)
{
    struct worker w = { .sink = { put_metric, put_layer_metric, put_cost, put_event, put_checkpoint, put_reached },
                        .flushed_ns = worker_now_ns() };
    struct trial_outcome outcome = { .layer = -1 };
    struct job job = { 0 };
    struct arena a;
    int code = started;
    arena_init(&a, 0);
    KILL_POINT(WORKER_STARTED);
    if (code == 0)
        code = read_job(&w, &job, e);
    if (code == 0)
        code = run_job(&w, &job, &outcome, &a, e);
    KILL_POINT(WORKER_END);
    frame_begin(&w.out, MESSAGE_END);
    frame_put_int(&w.out, code);
    put_text(&w.out, code == 0 ? outcome.reason : err_first(e));
    frame_put_int(&w.out, outcome.step ? outcome.step : w.trial ? trial_step_number(w.trial) : 0);
    frame_put_int(&w.out, outcome.layer);
    put_text(&w.out, outcome.tensor);
    put_text(&w.out, outcome.weights_sha256);
    frame_end(&w.out);
    flush(&w);
    _exit(EXIT_SUCCESS); /* how the trial ended is in the message; the kernel gives back what it has */
}
