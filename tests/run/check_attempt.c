/* One worker's end of the socket, played by the test: what its messages make of a trial, and what becomes of the trial
 * when they stop. */
#include "fixture.h"

#include <sys/socket.h>

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct play {
    struct fixture f;
    int worker; /* the worker's end */
    struct frame_buffer out;
    int64_t trial;
    char key[65];
};

/* An attempt at the pending trial that is next, as attempt_start leaves it. */
static void play_start(struct play *p)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    p->worker = ends[1];
    const struct pending pending = p->f.r.pending[p->f.r.next++];
    p->trial = pending.trial;
    row_of(&p->f, p->trial, p->key);
    p->f.slot = (struct attempt){ .active = true,
                                  .worker = { .fd = ends[0] },
                                  .pending = pending,
                                  .trial_id = p->trial,
                                  .budget = BUDGET,
                                  .loss = NAN };
    memcpy(p->f.slot.key, p->key, sizeof p->key);
    p->f.r.n_active = 1;
}

static void play_open(struct play *p)
{
    *p = (struct play){ .worker = -1 };
    fixture_folder(&p->f);
    fixture_begin(&p->f, NULL, NULL, false);
    fixture_queue(&p->f);
    play_start(p);
}

static void play_close(struct play *p)
{
    frame_free(&p->out);
    fixture_end(&p->f);
    fixture_remove(&p->f);
}

static void hello(struct play *p, int64_t step)
{
    frame_begin(&p->out, MESSAGE_HELLO);
    frame_put_string(&p->out, "Kernel");
    frame_put_int(&p->out, step);
    frame_put_int(&p->out, 1);
    frame_put_string(&p->out, NULL);
    frame_end(&p->out);
}
static void facts(struct play *p, const char *name, int64_t followed)
{
    frame_begin(&p->out, MESSAGE_FACTS);
    frame_put_string(&p->out, name);
    frame_put_string(&p->out, "max");
    frame_put_string(&p->out, "%");
    frame_put_int(&p->out, followed);
    frame_put_string(&p->out, "test");
    frame_end(&p->out);
}
static void metric(struct play *p, const char *name, int64_t step, double value)
{
    frame_begin(&p->out, MESSAGE_METRIC);
    frame_put_string(&p->out, name);
    frame_put_int(&p->out, step);
    frame_put_double(&p->out, value);
    frame_end(&p->out);
}
static void progress(struct play *p, int64_t step)
{
    frame_begin(&p->out, MESSAGE_PROGRESS);
    frame_put_int(&p->out, step);
    frame_put_double(&p->out, 0.5);
    frame_end(&p->out);
}
static void checkpoint(struct play *p, const char *key, int64_t step)
{
    char name[CHECKPOINT_NAME_SIZE];
    checkpoint_name(name, key, step, 0);
    if (!has_file(&p->f.r.own, name))
        make_file(&p->f.r.own, name);
    frame_begin(&p->out, MESSAGE_CHECKPOINT);
    frame_put_int(&p->out, step);
    frame_put_string(&p->out, name);
    frame_put_string(&p->out, sha);
    frame_put_double(&p->out, 1e9 * (double)step);
    frame_put_double(&p->out, NAN);
    frame_end(&p->out);
}
static void farewell(struct play *p, int code, int64_t step)
{
    frame_begin(&p->out, MESSAGE_END);
    frame_put_int(&p->out, code);
    frame_put_string(&p->out, code ? "a reason" : NULL);
    frame_put_int(&p->out, step);
    frame_put_int(&p->out, -1);
    frame_put_string(&p->out, NULL);
    frame_put_string(&p->out, sha);
    frame_end(&p->out);
}

/* Sends what was said, cut into pieces of this many bytes (0: in one), then closes; the runner reads after each.
 * Returns its last code. */
static int act(struct play *p, size_t piece, struct err *e)
{
    int code = 0;
    const size_t step = piece ? piece : p->out.n;
    for (size_t at = 0; at < p->out.n && code == 0 && p->f.slot.active; at += step) {
        const size_t n = p->out.n - at < step ? p->out.n - at : step;
        ck_assert_int_eq(send(p->worker, p->out.bytes + at, n, MSG_NOSIGNAL), (ssize_t)n);
        code = attempt_receive(&p->f.r, &p->f.slot, e);
    }
    close(p->worker);
    p->out.n = 0;
    if (code == 0 && p->f.slot.active)
        code = attempt_receive(&p->f.r, &p->f.slot, e);
    return code < 0 ? code : ends_tell_all(&p->f.r, e);
}

static void check_row(struct play *p, enum trial_state state, int64_t step)
{
    char key[65];
    const struct store_trial_row row = row_of(&p->f, p->trial, key);
    ck_assert_int_eq(row.state, state);
    ck_assert_int_eq(row.step, step);
    ck_assert(!p->f.slot.active);
    ck_assert_uint_eq(p->f.r.n_active, 0);
}

/* Whole, and byte by byte. */
START_TEST(a_trial_from_beginning_to_end)
{
    for (size_t piece = 0; piece < 2; piece++) {
        struct play p;
        struct err e = { 0 };
        char key[65], name[CHECKPOINT_NAME_SIZE];
        play_open(&p);
        hello(&p, 0);
        facts(&p, "train_accuracy", 0);
        facts(&p, "test_accuracy", 1);
        metric(&p, "test_accuracy", 0, 25);
        for (int64_t step = 4; step <= 8; step += 2)
            checkpoint(&p, p.key, step);
        metric(&p, "test_accuracy", BUDGET, 75);
        metric(&p, "train_loss", BUDGET, 0.25);
        progress(&p, BUDGET);
        farewell(&p, 0, BUDGET);
        must(act(&p, piece, &e), &e);
        check_row(&p, TRIAL_DONE, BUDGET);
        const struct store_trial_row row = row_of(&p.f, p.trial, key);
        ck_assert_int_eq(row.budget, BUDGET);
        ck_assert_int_eq(row.checkpoint_step, 8);
        ck_assert_int_eq(row.previous_step, 6);
        for (int64_t step = 4; step <= 8; step += 2) { /* the third newest is removed */
            checkpoint_name(name, p.key, step, 0);
            ck_assert_int_eq(has_file(&p.f.r.own, name), step > 4);
        }
        ck_assert_uint_eq(p.f.result.done, 1);
        ck_assert_uint_eq(p.f.r.next, 1);
        ck_assert_double_eq(p.f.r.steps_done, BUDGET);
        ck_assert_double_eq(p.f.r.steps_left, (TRIALS - 1) * BUDGET);
        ck_assert_str_eq(p.f.slot.shown[0].name, "test_accuracy"); /* the last value; train_loss is shown as the loss */
        ck_assert_double_eq(p.f.slot.shown[0].value, 75);
        ck_assert_str_eq(p.f.slot.shown[1].name, "");
        play_close(&p);
    }
}
END_TEST

/* How a worker says that it ends, and what its trial is then. */
START_TEST(ends)
{
    static const struct {
        int code;
        enum trial_state state;
    } all[] = { { 0, TRIAL_DONE },
                { ERR_DIVERGED, TRIAL_DIVERGED },
                { ERR_SINGULAR, TRIAL_DIVERGED },
                { ERR_STOPPED, TRIAL_INTERRUPTED },
                { ERR_LOCKED, TRIAL_INTERRUPTED },
                { ERR_MEMORY, TRIAL_FAILED },
                { ERR_SPEC, TRIAL_FAILED },
                { ERR_IO, TRIAL_FAILED },
                { ERR_STORAGE, TRIAL_INTERRUPTED } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int greets = 0; greets < 2; greets++) { /* it may end before it has begun */
            struct play p;
            struct err e = { 0 };
            play_open(&p);
            if (greets)
                hello(&p, 0);
            farewell(&p, all[i].code, 7);
            const int code = act(&p, 0, &e);
            ck_assert_int_eq(code,
                             all[i].code == ERR_STORAGE ? ERR_STORAGE : 0); /* what cannot be kept stops the run */
            err_clear(&e);
            ck_assert(p.f.slot.ended);
            if (code == 0)
                check_row(&p, all[i].state, 7);
            const struct run_result *r = &p.f.result;
            ck_assert_uint_eq(r->done, all[i].state == TRIAL_DONE);
            ck_assert_uint_eq(r->diverged, all[i].state == TRIAL_DIVERGED);
            ck_assert_uint_eq(r->failed, all[i].state == TRIAL_FAILED);
            ck_assert_uint_eq(r->interrupted, all[i].state == TRIAL_INTERRUPTED);
            ck_assert_uint_eq(p.f.r.next, 1); /* none is tried again */
            play_close(&p);
        }
}
END_TEST

/* A worker that is gone without a word: its trial is next again, a few times. */
START_TEST(the_dead_are_tried_again)
{
    struct play p;
    struct err e = { 0 };
    play_open(&p);
    const int64_t first = p.trial;
    for (int death = 1; death <= RETRIES; death++) {
        hello(&p, 0);
        progress(&p, 3);
        must(act(&p, 0, &e), &e);
        check_row(&p, TRIAL_INTERRUPTED, 3);
        ck_assert_uint_eq(p.f.r.next, 0);
        ck_assert_int_eq(p.f.r.pending[0].trial, first);
        ck_assert_int_eq(p.f.r.pending[0].deaths, death);
        ck_assert_double_eq(p.f.r.steps_left, TRIALS * BUDGET);
        ck_assert_uint_eq(p.f.result.failed + p.f.result.interrupted, 0);
        play_start(&p);
    }
    must(act(&p, 0, &e), &e); /* without even a greeting */
    check_row(&p, TRIAL_FAILED, 3);
    ck_assert_uint_eq(p.f.r.next, 1);
    ck_assert_uint_eq(p.f.result.failed, 1);
    ck_assert_double_eq(p.f.r.steps_left, (TRIALS - 1) * BUDGET);
    play_close(&p);
}
END_TEST

START_TEST(none_is_tried_again_by_a_run_that_stops)
{
    struct play p;
    struct err e = { 0 };
    play_open(&p);
    p.f.r.stopping = true;
    hello(&p, 0);
    progress(&p, 3);
    must(act(&p, 0, &e), &e);
    check_row(&p, TRIAL_INTERRUPTED, 3);
    ck_assert_uint_eq(p.f.r.next, 1);
    ck_assert_uint_eq(p.f.result.interrupted, 1);
    play_close(&p);
}
END_TEST

enum { NO_GREETING, TWO_GREETINGS, AFTER_THE_END, ANOTHERS_CHECKPOINT, NO_CHECKPOINT, UNKNOWN, BROKEN, N_NONSENSE };

static void say_nonsense(struct play *p, int which)
{
    static const char another[] = "0000000000000000000000000000000000000000000000000000000000000000";
    if (which != NO_GREETING)
        hello(p, 0);
    switch (which) {
    case NO_GREETING:
        metric(p, "train_loss", 0, 1);
        break;
    case TWO_GREETINGS:
        hello(p, 0);
        break;
    case AFTER_THE_END:
        farewell(p, 0, BUDGET);
        farewell(p, ERR_DIVERGED, BUDGET);
        break;
    case ANOTHERS_CHECKPOINT:
        checkpoint(p, another, 4);
        break;
    case NO_CHECKPOINT:
        frame_begin(&p->out, MESSAGE_CHECKPOINT);
        frame_put_int(&p->out, 4);
        frame_put_string(&p->out, "../thesis.tex");
        frame_put_string(&p->out, sha);
        frame_put_double(&p->out, 0);
        frame_put_double(&p->out, 0);
        frame_end(&p->out);
        break;
    case UNKNOWN:
        frame_begin(&p->out, 99);
        frame_end(&p->out);
        break;
    default:
        metric(p, "train_loss", 0, 1);
        p->out.bytes[p->out.n - 1] ^= 1; /* its checksum */
    }
    metric(p, "train_loss", BUDGET, 1); /* is not read any more */
}

/* A message that makes no sense ends the worker, as a death would, and nothing of it is kept. */
START_TEST(nonsense)
{
    for (int which = 0; which < N_NONSENSE; which++) {
        struct play p;
        struct err e = { 0 };
        char key[65];
        play_open(&p);
        say_nonsense(&p, which);
        must(act(&p, 0, &e), &e);
        const bool ended = which == AFTER_THE_END; /* its trial has ended before */
        check_row(&p, ended ? TRIAL_DONE : TRIAL_INTERRUPTED, ended ? BUDGET : 0);
        ck_assert_str_eq(row_of(&p.f, p.trial, key).checkpoint_path, "");
        ck_assert_uint_eq(p.f.r.next, ended ? 1 : 0);
        ck_assert_msg(ended || p.f.r.pending[0].deaths == 1, "nonsense %d", which);
        play_close(&p);
    }
}
END_TEST

/* A trial that is finished is not started: its place in the queue is a duplicate, or it ended while it waited. */
START_TEST(the_finished_do_not_start)
{
    struct play p;
    struct err e = { 0 };
    enum attempt_start outcome;
    play_open(&p);
    hello(&p, 0);
    farewell(&p, 0, BUDGET);
    must(act(&p, 0, &e), &e);
    must(attempt_start(&p.f.r, &p.f.slot, p.f.r.pending[0], &outcome, &e), &e);
    ck_assert_int_eq(outcome, ATTEMPT_NOTHING);
    ck_assert(!p.f.slot.active);
    play_close(&p);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, a_trial_from_beginning_to_end);
    tcase_add_test(t, ends);
    tcase_add_test(t, the_dead_are_tried_again);
    tcase_add_test(t, none_is_tried_again_by_a_run_that_stops);
    tcase_add_test(t, nonsense);
    tcase_add_test(t, the_finished_do_not_start);
}

CHECK_MAIN("attempt", add_tests)
