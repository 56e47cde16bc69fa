#include "cli/train.h"
#include "cli/tuned.h"

#include "run/signals.h"

struct work_choice {
    struct train_choice train;
    const char *db, *shard, *local;
};
static const struct cli_option options[] = {
    { "db", 0, CLI_TEXT, "PATH", offsetof(struct work_choice, db),
      .help = "the database of this shard alone (needed)" },
    { "shard", 0, CLI_TEXT, "I/K", offsetof(struct work_choice, shard),
      .help = "which shard: I of K, from 0 to K - 1 (needed)" },
    { "local", 0, CLI_TEXT, "FOLDER", offsetof(struct work_choice, local),
      .help = "work in a copy of the database there, on a disk of this machine, and publish it at checkpoints "
              "(default on a network file system: $TPRUN_LOCAL, $SLURM_TMPDIR, $TMPDIR, or /tmp)" },
    TRAIN_OPTIONS(struct work_choice, train),
    { 0 },
};

static int check(const struct work_choice *w, struct shard *shard, struct err *e)
{
    if (!w->shard)
        return err_set(e, ERR_USAGE, "work: --shard I/K is needed: which part of the trials, such as 0/8");
    if (!w->db)
        return err_set(e, ERR_USAGE, "work: --db PATH is needed: every shard has a database of its own, such as 0.db");
    return shard_parse(w->shard, shard, e);
}

static int run(const struct cli *c, const void *own)
{
    const struct work_choice *w = own;
    struct plan p = { 0 };
    struct err e = { 0 };
    struct shard shard;
    struct run_options o = { 0 };
    struct run_result result = { 0 };
    int code = check(w, &shard, &e);
    if (code == 0)
        code = signals_open(&e);
    if (code == 0)
        code = train_open_plan(c, &p, &e);
    if (code == 0)
        (void)cli_fail(c, code, &e); /* notes on the files come first */
    if (code == 0)
        code = train_options(c, &w->train, &o, &e);
    o.shard = &shard;
    if (code == 0)
        code = train_run(w->db, w->local, &p, &o, &result, &e);
    if (result.queued || result.stopped)
        train_print_counts(c, &result);
    if (code == 0 && !c->quiet)
        tuned_tell_of_shards(&p);
    int status = cli_fail(c, code, &e);
    if (status == 0 && result.failed)
        status = 1;
    plan_close(&p);
    return status;
}

const struct command command_work = {
    .name = "work",
    .arguments = "SPEC... [KEY=VALUE]...",
    .summary = "Train one shard of the trials, on one of many machines",
    .help = "All trials of the files are dealt to K shards, the longest first, so that the shards take\n"
            "about equal times; every worker deals alike, whatever is finished. Each shard has a database of\n"
            "its own, and `merge` makes one of them. More shards than machines balance the load: run them\n"
            "one after the other. Signals and exit status are those of `run`; the same command resumes.\n"
            "Of a file with `tune` shards train the sweep; the cells are chosen by `run` after merging.\n",
    .shared = (const struct cli_option *const[]){ cli_spec, cli_checkpoints, NULL },
    .own = options,
    .own_size = sizeof(struct work_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
