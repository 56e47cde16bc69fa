#include "cli/cli.h"

#include "report/lists.h"

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
        code = cli_select(c, q, list_studies, NULL, 0, &e);
    else
        code = query_print(q, list_trials, c->arguments.items, 1, cli_format(c, FORMAT_TABLE), stdout, &n_rows, &e);
    if (code == 0 && c->arguments.n && n_rows == 0)
        code = err_set(&e, ERR_USAGE, "%s: no study '%s', or it has no trials; `tprun ls` lists the studies", c->db,
                       c->arguments.items[0]);
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
