#include "cli/plan_price.h"

#include "base/clean.h"
#include "cli/generations.h"
#include "cli/tuned.h"
#include "run/progress.h"
#include "run/signals.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_choice {
    struct cli_int jobs;
    bool dry_run, force, fail_fast, no_progress;
    int64_t memory, memory_limit;
    double stall_seconds, max_hours;
};
static const struct cli_option options[] = {
    { "jobs", 'j', CLI_INT, "N", offsetof(struct run_choice, jobs), 1, 1024,
      .help = "trials trained at once (default: one for each processor that this process may use)" },
    { "dry-run", 'n', CLI_FLAG, NULL, offsetof(struct run_choice, dry_run),
      .help = "show what would be done, as `tprun plan`" },
    { "force", 'f', CLI_FLAG, NULL, offsetof(struct run_choice, force),
      .help = "forget what is recorded of these trials and train them again" },
    { "keep-going", 'k', CLI_NO_FLAG, NULL, offsetof(struct run_choice, fail_fast),
      .help = "go on when a trial fails (default)" },
    { "fail-fast", 0, CLI_FLAG, NULL, offsetof(struct run_choice, fail_fast), .help = "stop when a trial fails" },
    { "memory", 0, CLI_SIZE, "SIZE", offsetof(struct run_choice, memory),
      .help = "what the trials trained at once may take together, by their plan; others wait (default: what "
              "the machine or its control group has left)" },
    { "memory-limit", 0, CLI_SIZE, "SIZE", offsetof(struct run_choice, memory_limit),
      .help = "address space of a worker: 500M, 2G" },
    { "stall-seconds", 0, CLI_SECONDS, "SECONDS", offsetof(struct run_choice, stall_seconds),
      .help = "end a worker that is silent for so long (default 300, or $TPRUN_STALL_SECONDS)" },
    { "max-hours", 0, CLI_HOURS, "H", offsetof(struct run_choice, max_hours),
      .help = "start nothing, and exit with status 2, if the trials may take longer: see plan" },
    { "no-progress", 0, CLI_FLAG, NULL, offsetof(struct run_choice, no_progress),
      .help = "no live lines on a terminal" },
    { 0 },
};
/* -o is an output of any kind: here the database. */
static const struct cli_option database[] = {
    { "output", 'o', CLI_TEXT, "PATH", offsetof(struct cli, db), .help = "the same as --db" },
    { 0 },
};

/* One line of the summary: means over the seeds. */
struct summary {
    size_t shown, left_out;
    bool incomplete; /* a row lacks seeds */
    char variant[64];
};
enum { ROWS_SHOWN = 30 };

/* A mean that lacks seeds stands in parentheses. */
static void put_mean(char *out, size_t size, const char *mean, const char *sd, bool complete)
{
    double m, s;
    const char *before = complete ? "" : "(", *after = complete ? "" : ")";
    if (!mean || text_to_double(mean, strlen(mean), &m) < 0)
        snprintf(out, size, "-");
    else if (!sd || text_to_double(sd, strlen(sd), &s) < 0)
        snprintf(out, size, "%s%.4g%s", before, m, after);
    else
        snprintf(out, size, "%s%.4g +- %.2g%s", before, m, s, after);
}

/* study, variant, cell, metric, n, n_asked, n_diverged, means of what is finished: last, sd, best, sd */
static int print_row(void *self, int n, const char *const *v)
{
    struct summary *s = self;
    char last[48], best[48], trials[48];
    if (n < 11 || !v[4] || !v[5] || s->shown == ROWS_SHOWN) {
        s->left_out++;
        return 0;
    }
    if (s->shown++ == 0)
        printf("%-12s %-20s %6s %9s  %-20s %-20s %s\n", "variant", "metric", "trials", "diverged", "last", "best",
               "cell");
    const bool complete = strcmp(v[4], v[5]) == 0;
    s->incomplete |= !complete;
    snprintf(trials, sizeof trials, complete ? "%s" : "%s of %s", v[4], v[5]);
    put_mean(last, sizeof last, v[7], v[8], complete);
    put_mean(best, sizeof best, v[9], v[10], complete);
    clean_print_line(stdout, "%-12s %-20s %6s %9s  %-20s %-20s %s", v[1], v[3], trials, v[6], last, best,
                     v[2] ? v[2] : "");
    return 0;
}

static void print_end(const struct summary *s)
{
    if (s->left_out)
        printf("... and %zu more rows\n", s->left_out);
    if (s->incomplete)
        puts("(in parentheses: of the finished trials only; the others diverged, failed or are not finished)");
}

/* As in view finals, of one-offs too. */
#define LAST_OF_DONE(x)                                                                                                \
    "CASE WHEN t.state = 'done' AND t.finished_budget >= t.budget AND NOT t.outdated AND u.last_step = u.end_step "    \
    "AND u.end_step = t.step THEN " x " END"
/* The trials of the places of study ?1, one-offs, in the columns of a study's table. */
static const char one_offs[] = "SELECT s.name AS study, t.variant, t.cell, k.name AS metric, count(" LAST_OF_DONE(
    "u.last") ") AS n, count(*) AS n_asked,"
              " sum(t.state = 'diverged') AS n_diverged, avg(" LAST_OF_DONE("u.last") ") AS last_mean_finished, NULL "
                                                                                      "AS last_sd_finished, "
                                                                                      "avg(" LAST_OF_DONE(
                                                                                          "u.best") ") AS "
                                                                                                    "best_mean_"
                                                                                                    "finished, NULL AS "
                                                                                                    "best_sd_finished"
                                                                                                    " FROM study s "
                                                                                                    "JOIN (SELECT "
                                                                                                    "DISTINCT "
                                                                                                    "study_id, "
                                                                                                    "trial_id FROM "
                                                                                                    "place) p ON "
                                                                                                    "p.study_id = s.id "
                                                                                                    "JOIN trial t ON "
                                                                                                    "t.id = "
                                                                                                    "p.trial_id"
                                                                                                    " JOIN summary u "
                                                                                                    "ON u.trial_id = "
                                                                                                    "t.id JOIN "
                                                                                                    "metric_key k ON "
                                                                                                    "k.id = u.key_id"
                                                                                                    " WHERE s.name = "
                                                                                                    "?1 AND (k.name "
                                                                                                    "LIKE 'test_%' OR "
                                                                                                    "(k.name = "
                                                                                                    "'train_loss' AND "
                                                                                                    "NOT EXISTS"
                                                                                                    "  (SELECT 1 FROM "
                                                                                                    "place o JOIN "
                                                                                                    "summary v ON "
                                                                                                    "v.trial_id = "
                                                                                                    "o.trial_id JOIN "
                                                                                                    "metric_key w ON "
                                                                                                    "w.id = v.key_id"
                                                                                                    "   WHERE "
                                                                                                    "o.study_id = s.id "
                                                                                                    "AND w.name LIKE "
                                                                                                    "'test_%')))"
                                                                                                    " GROUP BY s.name, "
                                                                                                    "t.variant, "
                                                                                                    "t.cell, k.name"
                                                                                                    " ORDER BY "
                                                                                                    "t.variant, "
                                                                                                    "k.name, CASE WHEN "
                                                                                                    "k.goal = 'max' "
                                                                                                    "THEN "
                                                                                                    "-best_mean_"
                                                                                                    "finished ELSE "
                                                                                                    "best_mean_"
                                                                                                    "finished END, "
                                                                                                    "t.cell";

#define BEST_FIRST                                                                                                     \
    "CASE (SELECT goal FROM metric_key WHERE name = metric) WHEN 'max' THEN -best_mean_finished "                      \
    "ELSE best_mean_finished END"
/* Losses and accuracies of tests, or else the train loss. */
static const char rows[] =
    "SELECT study, variant, cell, metric, n, n_asked, n_diverged, n_unfinished, n_failed, last_mean, last_sd, "
    "best_mean, best_sd, last_mean_finished, best_mean_finished FROM finals"
    " WHERE study = ?1 AND (metric LIKE 'test_%' OR (metric = 'train_loss' AND NOT EXISTS"
    "  (SELECT 1 FROM finals WHERE study = ?1 AND metric LIKE 'test_%')))"
    " ORDER BY variant, metric, " BEST_FIRST ", cell";

/* Of the variant that has most. */
static const char most_cells[] = "SELECT max(n) FROM (SELECT count(DISTINCT cell) AS n FROM outcomes WHERE study = ?1 "
                                 "GROUP BY variant)";
/* Which metrics are shown is asked first: a plain LIKE reaches the tables below the view, an OR with EXISTS would make
 * all groups of all metrics. */
static const char any_test[] = "SELECT 1 FROM summary u JOIN metric_key k ON k.id = u.key_id AND k.name LIKE 'test_%'"
                               " WHERE u.trial_id IN (SELECT t.id FROM trial t JOIN study s ON s.id = t.study_id"
                               "  AND s.generation = t.generation WHERE s.name = ?1) LIMIT 1";
static const char shown[] =
    "SELECT study, variant, cell, metric, n, n_asked, n_diverged, last_mean_finished, last_sd_finished, "
    "best_mean_finished, best_sd_finished FROM finals WHERE study = ?1 AND metric LIKE ?2"
    " ORDER BY variant, metric, " BEST_FIRST ", cell";

static int print_study(struct query *q, const char *study, struct err *e)
{
    bool tested, tunes;
    double one, n_cells = 0;
    TRY(tuned_print(q, study, &tunes, e));
    if (tunes)
        return generations_tell(q, study, e);
    TRY(query_number(q, any_test, &study, 1, &tested, &one, e));
    const char *const arguments[] = { study, tested ? "test_%" : "train_loss" };
    struct summary s = { 0 };
    TRY(query_rows(q, shown, arguments, 2, print_row, &s, e));
    print_end(&s);
    TRY(query_number(q, most_cells, &study, 1, &tunes, &n_cells, e));
    if (tested && n_cells > 1)
        puts("(cells in order of these values: to take the first is to choose on the test set; see 'tune')");
    return generations_tell(q, study, e);
}

static int print_one_offs(struct query *q, const char *study, struct err *e)
{
    struct summary s = { 0 };
    TRY(query_rows(q, one_offs, &study, 1, print_row, &s, e));
    print_end(&s);
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
        if (c->format)
            continue;
        const char *one_off = p->studies[i].one_off;
        if (i > 0)
            putchar('\n');
        clean_print_line(stdout, "%s%s%s", names[i], one_off ? ": one-off trials of " : "", one_off ? one_off : "");
        code = one_off ? print_one_offs(q, names[i], e) : print_study(q, names[i], e);
    }
    if (code == 0 && c->format)
        code = query_print_each(q, p->studies[0].one_off ? one_offs : rows, names, p->n_studies,
                                cli_format(c, FORMAT_TABLE), stdout, e);
    free(names);
    query_close(q);
    if (code == 0 && !c->format)
        printf("\nMore: tprun show %s; tprun claims %s; tprun sql \"SELECT * FROM finals\"\n", p->studies[0].study.name,
               p->studies[0].study.name);
    return code;
}

static bool shows_progress(const struct run_choice *choice)
{
    return !choice->no_progress && isatty(STDERR_FILENO);
}

/* What is known of studies, and said, while their trials are checked. */
struct checker {
    struct query *q; /* NULL: there is no database yet */
    struct progress progress;
};

static bool is_known(void *self, const struct plan_study *s)
{
    const struct checker *k = self;
    const char *const arguments[] = { s->study.name, s->sha256, s->asked_sha256 };
    struct err ignored = { 0 }; /* a database that cannot be read tells nothing here; the runner says what is wrong */
    bool found = false;
    double n = 0;
    if (k->q)
        (void)query_number(k->q, "SELECT count(*) FROM study WHERE name = ?1 AND queued_sha256 IN (?2, ?3)", arguments,
                           3, &found, &n, &ignored);
    err_clear(&ignored);
    return n > 0;
}

static void tell(void *self, const struct plan_study *s, uint64_t done)
{
    struct checker *k = self;
    if (done == 0)
        progress_announce(&k->progress, s->study.name, s->n);
    progress_queueing(&k->progress, s->study.name, s->n, "checking", done);
}

/* x: counts the trials, which have to be looked at even if they were queued before; NULL: nothing is priced. */
static int open_plan(const struct cli *c, const struct run_choice *choice, struct plan *p, struct plan_price *x,
                     struct err *e)
{
    struct checker k = { 0 };
    struct err ignored = { 0 };
    if (access(c->db, F_OK) == 0)
        (void)query_open(&k.q, c->db, &ignored);
    err_clear(&ignored);
    progress_init(&k.progress, shows_progress(choice), c->color_err, c->quiet);
    struct plan_options o = cli_plan_options(c);
    o.keep = !choice->dry_run;
    o.known = x ? NULL : is_known;
    if (x)
        plan_price_attach(x, &o);
    o.tick = tell;
    o.self = &k;
    const int code = plan_open(p, c->arguments.items, c->arguments.n, &o, e);
    p->options.self = NULL;
    p->options.known = NULL;
    p->options.tick = NULL;
    p->options.visit = NULL;
    progress_finish(&k.progress);
    query_close(k.q);
    return code;
}

static int run_options(const struct cli *c, const struct run_choice *choice, struct run_options *o, struct err *e)
{
    TRY(cli_run_options(c, o, e));
    o->jobs = choice->jobs.value;
    o->fail_fast = choice->fail_fast;
    o->force = choice->force;
    o->progress = shows_progress(choice);
    o->memory = choice->memory;
    o->memory_limit = choice->memory_limit;
    if (choice->stall_seconds > 0)
        o->stall_seconds = choice->stall_seconds;
    return 0;
}

/* Opens the plan; with --dry-run prints it, with --max-hours refuses what may take longer. */
static int plan_first(const struct cli *c, const struct run_choice *choice, struct plan *p, struct err *e)
{
    struct plan_price x;
    if (!choice->dry_run && choice->max_hours == 0)
        return open_plan(c, choice, p, NULL, e);
    int code = plan_price_open(&x, c, choice->jobs.value, e);
    if (code == 0)
        code = open_plan(c, choice, p, &x, e);
    if (code == 0)
        (void)cli_fail(c, code, e); /* notes on the files come first */
    if (code == 0)
        code = plan_price_take(&x, c, p, e);
    if (code == 0 && choice->dry_run)
        code = plan_print(c, p, &x, e);
    if (code == 0)
        code = plan_price_limit(&x, choice->max_hours, e);
    plan_price_close(&x);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct run_choice *choice = own;
    struct plan p = { 0 };
    struct err e = { 0 };
    struct run_options o;
    struct run_result result = { 0 };
    int code = signals_open(&e);
    if (code == 0)
        code = plan_first(c, choice, &p, &e);
    if (code == 0)
        (void)cli_fail(c, code, &e); /* notes on the files come first */
    if (code == 0)
        code = run_options(c, choice, &o, &e);
    if (code == 0 && !choice->dry_run) {
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
    .shared = (const struct cli_option *const[]){ cli_database, database, cli_formats, cli_spec, cli_checkpoints,
                                                  cli_limits, NULL },
    .own = options,
    .own_size = sizeof(struct run_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
