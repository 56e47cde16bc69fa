#include "cli/cli.h"
#include "cli/tuned.h"

#include "run/merge.h"
#include <inttypes.h>

struct merge_choice {
    const char *output;
    bool keep_both;
};
static const struct cli_option options[] = {
    { "output", 'o', CLI_TEXT, "PATH", offsetof(struct merge_choice, output),
      .help = "the database that the others are merged into; it may be there already (needed)" },
    { "keep-both", 0, CLI_FLAG, NULL, offsetof(struct merge_choice, keep_both),
      .help = "go on where a value was computed twice and differs: the smaller one stands in the tables, the "
              "other in the table nondeterminism" },
    { 0 },
};

static void print_result(const struct cli *c, const struct merge_choice *m, const struct merge_result *r)
{
    if (c->quiet)
        return;
    fprintf(stderr,
            "tprun: %zu %s merged into %s: %" PRId64 " new trials, %" PRId64 " new rows, %" PRId64 " checkpoints\n",
            r->n_databases, r->n_databases == 1 ? "database" : "databases", m->output, r->counts.trials, r->counts.rows,
            r->checkpoints);
    if (r->counts.different)
        fprintf(stderr,
                "tprun: warning: %" PRId64 " values were computed twice and differ: see the table nondeterminism\n",
                r->counts.different);
    if (r->counts.notes)
        fprintf(stderr, "tprun: warning: %" PRId64 " %s made way for a later one on the same study or trial\n",
                r->counts.notes, r->counts.notes == 1 ? "note" : "notes");
}

static int tell_left(const struct cli *c, const char *db, struct err *e)
{
    struct query *q;
    if (c->quiet)
        return 0;
    TRY(query_open(&q, db, e));
    const int code = tuned_tell_left(q, db, NULL, e);
    query_close(q);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct merge_choice *m = own;
    struct err e = { 0 };
    struct merge_result result = { 0 };
    int code = m->output ? 0 : err_set(&e, ERR_USAGE, "merge: -o PATH is needed: the database to merge into");
    const struct merge_options o = { .output = m->output,
                                     .n_inputs = c->arguments.n,
                                     .inputs = c->arguments.items,
                                     .keep_both = m->keep_both,
                                     .quiet = c->quiet,
                                     .color = c->color_err,
                                     .limits = c->limits };
    if (code == 0)
        code = merge_databases(&o, &result, &e);
    if (code == 0)
        print_result(c, m, &result);
    if (code == 0)
        code = tell_left(c, m->output, &e);
    return cli_fail(c, code, &e);
}

const struct command command_merge = {
    .name = "merge",
    .arguments = "-o PATH DATABASE|FOLDER...",
    .summary = "Make one database of those of shards, with their checkpoints",
    .help = "A set union keyed by content: the order does not matter, and what is there already changes\n"
            "nothing. All or nothing. What two databases have both must be equal, bit for bit, or exit\n"
            "status is 4; results of other data or other numerics are kept apart. The databases are only\n"
            "read, and may be in use; a folder stands for its *.db files. What is left of a study that tunes\n"
            "is told: `run` chooses the cells and trains them.\n",
    .shared = (const struct cli_option *const[]){ cli_limits, NULL },
    .own = options,
    .own_size = sizeof(struct merge_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
