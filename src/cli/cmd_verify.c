/* Trains one trial twice in temporary databases, once straight and once with a stop in the middle, and compares the
 * digests. */
#include "cli/cli.h"
#include "cli/temporary.h"

#include "base/clean.h"
#include "run/signals.h"
#include "run/worker_process.h"
#include <inttypes.h>
#include <string.h>

static int train(const struct cli *c, struct plan *p, const char *db, int64_t stop_at, struct err *e)
{
    struct run_options o;
    struct run_result result;
    TRY(cli_run_options(c, &o, e));
    o.db = db;
    o.jobs = 1;
    o.quiet = c->verbose == 0;
    o.progress = false;
    o.stop_at = stop_at;
    TRY(runner_run(p, &o, &result, e));
    if (result.failed)
        return err_set(e, ERR_INTERNAL, "the trial failed; `tprun run` tells why");
    if (stop_at && result.interrupted != 1)
        return err_set(e, ERR_INTERNAL, "the trial did not stop at step %" PRId64, stop_at);
    return 0;
}

/* The digest of the only trial of a database, and the step that it came to. */
static int digest(const char *db, char hex[65], double *step, struct err *e)
{
    struct query *q;
    bool found;
    TRY(query_open(&q, db, e));
    int code = query_number(q, "SELECT step FROM trial", NULL, 0, &found, step, e);
    if (code == 0)
        code = query_digest(q, hex, e);
    query_close(q);
    return code;
}

static int verify(const struct cli *c, struct plan *p, const char *folder, bool *same, struct err *e)
{
    char straight[4200], broken[4200], hex[2][65], executable[4096], kernel[256];
    struct plan_trial t;
    snprintf(straight, sizeof straight, "%s/straight.db", folder);
    snprintf(broken, sizeof broken, "%s/broken.db", folder);
    TRY(plan_trial(p, 0, p->only, &t, e));
    double end;
    TRY(worker_executable(t.config.precision == PRECISION_DOUBLE ? "double" : "single", executable, e));
    TRY(worker_ask(executable, "--kernel", NULL, kernel, sizeof kernel, e));
    clean_print_line(stdout, "trial    %s%s%s seed %" PRId64 ", %" PRId64 " steps", t.spec.variant, *t.cell ? " " : "",
                     t.cell, t.spec.seed, t.budget);
    printf("kernel   %s\n", kernel);
    fflush(stdout);
    TRY(train(c, p, straight, 0, e));
    TRY(digest(straight, hex[0], &end, e));
    const int64_t middle = (int64_t)end / 2; /* it may have diverged, or ended before its budget */
    if (middle < 1)
        return err_set(e, ERR_USAGE, "a trial of %.0f steps has no middle to stop at", end);
    printf("straight %s\n", hex[0]);
    fflush(stdout);
    TRY(train(c, p, broken, middle, e));
    TRY(train(c, p, broken, 0, e));
    TRY(digest(broken, hex[1], &end, e));
    *same = !strcmp(hex[0], hex[1]);
    printf("resumed  %s (stopped at step %" PRId64 ")\n%s\n", hex[1], middle, *same ? "identical" : "DIFFERENT");
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct plan p = { 0 };
    struct err e = { 0 };
    bool same = false;
    char folder[4096];
    int code = signals_open(&e);
    if (code == 0)
        code = cli_open_plan(c, &p, true, &e);
    if (code == 0)
        code = temporary_make(folder, &e);
    if (code == 0) {
        code = verify(c, &p, folder, &same, &e);
        temporary_remove(folder);
    }
    const bool differ = code == 0 && !same;
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return differ ? err_exit_status(ERR_CONFLICT) : status;
}

const struct command command_verify = {
    .name = "verify",
    .arguments = "SPEC [KEY=VALUE]...",
    .summary = "Train a trial straight and with a stop in the middle, and compare bit for bit",
    .help = "The first trial of the file that --variant leaves, in temporary databases. Exit status 4 if the\n"
            "two differ. train.iterations=1000 makes a long trial short.\n",
    .shared = (const struct cli_option *const[]){ cli_spec, NULL },
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
