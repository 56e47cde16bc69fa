#include "cli/train.h"

#include "base/terminal.h"
#include <inttypes.h>
#include <unistd.h>

bool train_shows_progress(const struct train_choice *t)
{
    return !t->no_progress && terminal_is_live(STDERR_FILENO);
}

int train_options(const struct cli *c, const struct train_choice *t, struct run_options *o, struct err *e)
{
    TRY(cli_run_options(c, o, e));
    o->jobs = t->jobs.value;
    o->fail_fast = t->fail_fast;
    o->progress = train_shows_progress(t);
    o->memory = t->memory;
    o->time_limit = t->stop_after;
    o->memory_limit = t->memory_limit;
    if (t->stall_seconds > 0)
        o->stall_seconds = t->stall_seconds;
    return 0;
}

void train_print_counts(const struct cli *c, const struct run_result *x)
{
    if (c->quiet)
        return;
    if (x->stopped && !x->queued) {
        fputs("tprun: stopped while the trials were being queued; none was trained\n", stderr);
        return;
    }
    fprintf(stderr, "tprun: %" PRIu64 " trials: %" PRIu64 " done", x->total, x->done);
    if (x->skipped)
        fprintf(stderr, ", %" PRIu64 " were finished before", x->skipped);
    if (x->diverged)
        fprintf(stderr, ", %" PRIu64 " diverged", x->diverged);
    if (x->failed)
        fprintf(stderr, ", %" PRIu64 " failed", x->failed);
    const uint64_t left = x->total - x->skipped - x->done - x->diverged - x->failed;
    if (left)
        fprintf(stderr, ", %" PRIu64 " left", left);
    fputc('\n', stderr);
}

int train_open_plan(const struct cli *c, struct plan *p, struct err *e)
{
    struct plan_options o = cli_plan_options(c);
    o.keep = true;
    return plan_open(p, c->arguments.items, c->arguments.n, &o, e);
}

int train_run(const char *db, const char *local, struct plan *p, struct run_options *o, struct run_result *result,
              struct err *e)
{
    struct publication copy;
    if (!local && publication_is_needed(db))
        local = publication_folder();
    o->db = db;
    if (!local)
        return runner_run(p, o, result, e);
    int code = publication_open(&copy, db, local, true, e);
    o->db = copy.copy;
    o->publication = &copy;
    if (code == 0)
        code = runner_run(p, o, result, e);
    publication_close(&copy, code, e);
    return code;
}
