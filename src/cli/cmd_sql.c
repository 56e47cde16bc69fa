#include "cli/cli.h"

#include <string.h>

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct query *q;
    struct err e = { 0 };
    struct text sql = { 0 };
    text_puts(&sql, "");
    if (!strcmp(c->arguments.items[0], "-")) {
        char bytes[4096];
        size_t n;
        while ((n = fread(bytes, 1, sizeof bytes, stdin)) > 0)
            text_put(&sql, bytes, n);
    } else {
        text_puts(&sql, c->arguments.items[0]);
    }
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = cli_select(c, q, sql.s, c->arguments.items + 1, c->arguments.n - 1, &e);
        query_close(q);
    }
    text_free(&sql);
    return cli_fail(c, code, &e);
}

const struct command command_sql = {
    .name = "sql",
    .arguments = "SELECT [VALUE]...",
    .summary = "Ask the database with one SELECT",
    .help = "SELECT is one statement, - reads it from standard input; VALUEs stand for ?1, ?2, ... as texts.\n"
            "Nothing can be written. `SELECT * FROM _doc` explains every table, view and column.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .min_arguments = 1,
    .max_arguments = 16,
    .run = run,
};
