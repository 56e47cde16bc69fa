#include "cli/cli.h"

#include "cli/tuned.h"
#include "report/lists.h"
#include "store/meant.h"

static int show(const struct cli *c, struct query *q, struct err *e)
{
    const char *name = c->arguments.items[0];
    bool found;
    double n = 0;
    int64_t id;
    TRY(query_number(q, "SELECT count(*) FROM study WHERE name = ?1", &name, 1, &found, &n, e));
    if (n > 0) {
        TRY(query_print_sections(q, list_of_study, &name, 1, cli_format(c, FORMAT_TABLE), stdout, e));
        return c->quiet ? 0 : tuned_tell_left(q, c->db, name, e);
    }
    if (!cli_is_key(name))
        return meant_no_study(q, name, "; a trial is named by at least 4 digits of its key", e);
    TRY(cli_find_trial(c, q, name, &id, e));
    char digits[32];
    const char *argument = digits;
    snprintf(digits, sizeof digits, "%lld", (long long)id);
    return query_print_sections(q, list_of_trial, &argument, 1, cli_format(c, FORMAT_TABLE), stdout, e);
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct query *q;
    struct err e = { 0 };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = show(c, q, &e);
        query_close(q);
    }
    return cli_fail(c, code, &e);
}

const struct command command_show = {
    .name = "show",
    .arguments = "STUDY|KEY",
    .summary = "Show a study, or a trial by the first digits of its key",
    .help = "A trial: its parameters, metrics, attempts, costs, checkpoints and events.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
