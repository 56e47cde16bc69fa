#include "cli/cli.h"
#include "cli/tuned.h"

static const char studies[] =
    "SELECT s.name AS study, count(t.id) AS trials, sum(t.state = 'done') AS done, "
    "sum(t.state = 'diverged') AS diverged,"
    " sum(t.state = 'failed') AS failed, sum(t.state = 'running') AS running,"
    " sum(t.state IN ('queued', 'interrupted')) AS waiting,"
    " (SELECT count(*) FROM trial o WHERE o.study_id = s.id AND o.generation <> s.generation) AS others,"
    " (SELECT count(*) FROM claim c WHERE c.study_id = s.id) AS claims,"
    " (SELECT count(*) FROM claims c WHERE c.study_id = s.id AND c.verdict = 'reproduced') AS reproduced,"
    " (SELECT count(*) FROM claims c WHERE c.study_id = s.id AND c.verdict = 'refuted') AS refuted,"
    " s.title"
    " FROM study s LEFT JOIN trial t ON t.study_id = s.id AND t.generation = s.generation"
    " GROUP BY s.id ORDER BY s.name";
static const char trials[] =
    "SELECT substr(key, 1, 8) AS \"key\", variant, cell, seed, state, step, budget, wall_s, last_test_loss, "
    "last_test_accuracy,"
    " best_test_accuracy, generation, current, reason FROM all_trials WHERE study = ?1 ORDER BY current DESC, variant, "
    "cell COLLATE tprun_cells, seed";

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct query *q;
    struct err e = { 0 };
    int code = query_open(&q, c->db, &e);
    if (code < 0)
        return cli_fail(c, code, &e);
    size_t n_rows = 0;
    if (c->arguments.n == 0)
        code = cli_select(c, q, studies, NULL, 0, &e);
    else
        code = query_print(q, trials, c->arguments.items, 1, cli_format(c, FORMAT_TABLE), stdout, &n_rows, &e);
    if (code == 0 && c->arguments.n && n_rows == 0)
        code = err_set(&e, ERR_USAGE, "%s: no study '%s', or it has no trials; `tprun ls` lists the studies", c->db,
                       c->arguments.items[0]);
    if (code == 0 && !c->quiet)
        code = tuned_tell_left(q, c->db, c->arguments.n ? c->arguments.items[0] : NULL, &e);
    query_close(q);
    return cli_fail(c, code, &e);
}

const struct command command_ls = {
    .name = "ls",
    .arguments = "[STUDY]",
    .summary = "List the studies of the database, or the trials of one",
    .help = "Counts are of the trials of a study's present specification; `others` are one-offs and older ones,\n"
            "which the list of a study has at its end (current 0, generation 0 = one-off).\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .max_arguments = 1,
    .run = run,
};
