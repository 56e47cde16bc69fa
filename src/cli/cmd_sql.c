#include "cli/cli.h"

#include "store/bounded.h"
#include <string.h>

static int read_input(struct text *sql, struct err *e)
{
    char bytes[4096];
    size_t n;
    text_puts(sql, "");
    while ((n = fread(bytes, 1, sizeof bytes, stdin)) > 0)
        text_put(sql, bytes, n);
    if (ferror(stdin))
        return err_set(e, ERR_IO, "cannot read standard input");
    return strlen(sql->s) == sql->n ? 0 : err_set(e, ERR_USAGE, "standard input: a byte 0 is no SQL");
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    struct text sql = { 0 };
    const bool given = strcmp(c->arguments.items[0], "-") != 0;
    int code = given ? 0 : read_input(&sql, &e);
    if (code == 0)
        code = bounded_print(c->db, given ? c->arguments.items[0] : sql.s, c->arguments.items + 1, c->arguments.n - 1,
                             cli_format(c, FORMAT_TABLE), c->limits, &e);
    text_free(&sql);
    return cli_fail(c, code, &e);
}

const struct command command_sql = {
    .name = "sql",
    .arguments = "SELECT [VALUE]...",
    .summary = "Ask the database with one SELECT",
    .help = "SELECT is one statement, - reads it from standard input; VALUEs stand for ?1, ?2, ... as texts.\n"
            "Nothing can be written. `SELECT * FROM _doc` explains every table, view and column.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, cli_limits, NULL },
    .min_arguments = 1,
    .max_arguments = 16,
    .run = run,
};
