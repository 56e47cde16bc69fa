#include "cli/plan_price.h"

#include "base/clean.h"
#include "cli/run_table.h"
#include "cli/train.h"
#include "run/progress.h"
#include "run/signals.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_choice {
    struct train_choice train;
    bool dry_run, force, relog;
    double longest; /* seconds; 0 = no limit */
};
static const struct cli_option options[] = {
    TRAIN_OPTIONS(struct run_choice, train),
    { "dry-run", 'n', CLI_FLAG, NULL, offsetof(struct run_choice, dry_run),
      .help = "show what would be done, as `tprun plan`" },
    { "force", 'f', CLI_FLAG, NULL, offsetof(struct run_choice, force),
      .help = "forget what is recorded of these trials and train them again" },
    { "relog", 0, CLI_FLAG, NULL, offsetof(struct run_choice, relog),
      .help = "train nothing; finished trials write rows of their last step that they did not log" },
    { "max-hours", 0, CLI_HOURS, "H", offsetof(struct run_choice, longest),
      .help = "start nothing, and exit with status 2, if the trials may take longer than hours, or 90min: see plan" },
    { 0 },
};
/* -o is an output of any kind: here the database. */
static const struct cli_option database[] = {
    { "output", 'o', CLI_TEXT, "PATH", offsetof(struct cli, db), .help = "the same as --db" },
    { 0 },
};

static void print_relogged(const struct run_result *x)
{
    fprintf(stderr, "tprun: %" PRIu64 " trials: %" PRIu64 " logged what they lacked", x->total, x->done);
    if (x->skipped)
        fprintf(stderr, ", %" PRIu64 " lacked nothing", x->skipped);
    if (x->failed)
        fprintf(stderr, ", %" PRIu64 " could not", x->failed);
    const uint64_t left = x->total - x->skipped - x->done - x->failed;
    if (left)
        fprintf(stderr, ", %" PRIu64 " not finished", left);
    fputc('\n', stderr);
}

static void print_counts(const struct cli *c, const struct run_result *x, bool relog)
{
    if (c->quiet || !relog || (x->stopped && !x->queued))
        train_print_counts(c, x);
    else
        print_relogged(x);
}

/* changed: see run_result. */
static int print_results(const struct cli *c, const struct plan *p, uint64_t changed, struct err *e)
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
        code = run_table_print(q, names[i], one_off != NULL, e);
    }
    if (code == 0 && c->format)
        code = run_table_write(q, names, p->n_studies, p->studies[0].one_off != NULL, cli_format(c, FORMAT_TABLE), e);
    free(names);
    query_close(q);
    if (code == 0 && !c->format && changed)
        printf("(%" PRIu64 " of these trials read files that have other bytes now: their numbers are not those of the "
               "files that are there; --force trains them again)\n",
               changed);
    if (code == 0 && !c->format)
        printf("\nMore: tprun show %s; tprun claims %s; tprun sql \"SELECT * FROM finals\"\n", p->studies[0].study.name,
               p->studies[0].study.name);
    return code;
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
    progress_init(&k.progress, train_shows_progress(&choice->train), c->color_err, c->quiet);
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
    TRY(train_options(c, &choice->train, o, e));
    o->force = choice->force;
    o->relog = choice->relog;
    if (o->force && o->relog)
        return err_set(e, ERR_USAGE, "--force trains again and --relog trains nothing: give one of them");
    return 0;
}

/* Opens the plan; with --dry-run prints it, with --max-hours refuses what may take longer. */
static int plan_first(const struct cli *c, const struct run_choice *choice, struct plan *p, struct err *e)
{
    struct plan_price x;
    if (!choice->dry_run && choice->longest == 0)
        return open_plan(c, choice, p, NULL, e);
    int code = plan_price_open(&x, c, choice->train.jobs.value, e);
    x.list.anew = choice->force;
    if (code == 0)
        code = open_plan(c, choice, p, &x, e);
    if (code == 0)
        (void)cli_fail(c, code, e); /* notes on the files come first */
    if (code == 0)
        code = plan_price_take(&x, c, p, e);
    if (code == 0 && choice->dry_run)
        code = plan_print(c, p, &x, e);
    if (code == 0)
        code = plan_price_limit(&x, choice->longest, e);
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
            print_counts(c, &result, choice->relog);
        if (code == 0)
            code = print_results(c, &p, result.changed, &e);
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
