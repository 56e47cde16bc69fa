#include "cli/cli.h"

#include "base/clean.h"
#include "run/signals.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One line of the summary: means over the seeds. */
struct summary {
    size_t shown, left_out;
    char variant[64];
};
enum { ROWS_SHOWN = 30 };

static void put_mean(char *out, size_t size, const char *mean, const char *sd)
{
    double m, s;
    if (!mean || text_to_double(mean, strlen(mean), &m) < 0)
        snprintf(out, size, "-");
    else if (!sd || text_to_double(sd, strlen(sd), &s) < 0)
        snprintf(out, size, "%.4g", m);
    else
        snprintf(out, size, "%.4g +- %.2g", m, s);
}

/* study, variant, cell, metric, trials, diverged, last mean, sd, best mean, sd */
static int print_row(void *self, int n, const char *const *v)
{
    struct summary *s = self;
    char last[48], best[48];
    if (n < 10 || s->shown == ROWS_SHOWN) {
        s->left_out++;
        return 0;
    }
    if (s->shown++ == 0)
        printf("%-12s %-20s %6s %9s  %-20s %-20s %s\n", "variant", "metric", "trials", "diverged", "last", "best",
               "cell");
    put_mean(last, sizeof last, v[6], v[7]);
    put_mean(best, sizeof best, v[8], v[9]);
    clean_print_line(stdout, "%-12s %-20s %6s %9s  %-20s %-20s %s", v[1], v[3], v[4], v[5], last, best,
                     v[2] ? v[2] : "");
    return 0;
}

/* Losses and accuracies of tests, or else the train loss. */
static const char rows[] =
    "SELECT study, variant, cell, metric, n_trials, n_diverged, last_mean, last_sd, best_mean, best_sd FROM finals"
    " WHERE study = ?1 AND (metric LIKE 'test_%' OR (metric = 'train_loss' AND NOT EXISTS"
    "  (SELECT 1 FROM finals WHERE study = ?1 AND metric LIKE 'test_%')))"
    " ORDER BY variant, metric, CASE WHEN metric LIKE '%loss' THEN best_mean ELSE -best_mean END, cell";

static int print_study(struct query *q, const char *study, struct err *e)
{
    struct summary s = { 0 };
    TRY(query_rows(q, rows, &study, 1, print_row, &s, e));
    if (s.left_out)
        printf("... and %zu more rows\n", s.left_out);
    return 0;
}

static void print_counts(const struct cli *c, const struct run_result *x)
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

static int print_results(const struct cli *c, const struct plan *p, struct err *e)
{
    struct query *q;
    TRY(query_open(&q, c->db, e));
    int code = 0;
    const char **names = calloc(p->n_studies, sizeof *names);
    if (!names)
        code = err_set(e, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < p->n_studies && code == 0; i++) {
        names[i] = p->studies[i].study.name;
        if (c->has_format)
            continue;
        printf("%s%s\n", i ? "\n" : "", names[i]);
        code = print_study(q, names[i], e);
    }
    if (code == 0 && c->has_format)
        code = query_print_each(q, rows, names, p->n_studies, c->format, stdout, e);
    free(names);
    query_close(q);
    if (code == 0 && !c->has_format)
        printf("\nMore: tprun show %s; tprun claims %s; tprun sql \"SELECT * FROM finals\"\n", p->studies[0].study.name,
               p->studies[0].study.name);
    return code;
}

static int run(const struct cli *c)
{
    struct plan p = { 0 };
    struct err e = { 0 };
    struct run_options o;
    struct run_result result = { 0 };
    cli_run_options(c, &o);
    int code = signals_open(&e);
    if (code == 0)
        code = cli_open_plan(c, &p, false, &e);
    if (code == 0 && c->dry_run) {
        code = plan_print(c, &p, &e);
    } else if (code == 0) {
        code = runner_run(&p, &o, &result, &e);
        if (result.total || result.stopped)
            print_counts(c, &result);
        if (code == 0)
            code = print_results(c, &p, &e);
    }
    int status = cli_fail(c, code, &e);
    if (status == 0 && result.failed)
        status = 1;
    plan_close(&p);
    return status;
}

const struct command command_run = {
    .name = "run",
    .arguments = "SPEC... [KEY=VALUE]...",
    .summary = "Train the trials of experiment files, or resume them",
    .help = "SPEC is a YAML file or a folder of them. Trials that are finished in the database are\n"
            "skipped, interrupted ones continue from their checkpoint. SIGINT, SIGTERM and SIGUSR1\n"
            "stop at a checkpoint (exit status 75), a second one at once; SIGHUP makes a checkpoint.\n",
    .options = GROUP_DB | GROUP_FORMAT | GROUP_SPEC | GROUP_RUN | GROUP_QUERY,
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
