#include "cli/cli.h"

#include "base/clean.h"

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct query *q;
    struct err e = { 0 };
    char hex[65];
    const char *path = c->arguments.n ? c->arguments.items[0] : c->db;
    int code = query_open(&q, path, &e);
    if (code == 0) {
        code = query_digest(q, hex, &e);
        query_close(q);
    }
    if (code == 0)
        clean_print_line(stdout, "%s  %s", hex, path);
    return cli_fail(c, code, &e);
}

const struct command command_digest = {
    .name = "digest",
    .arguments = "[DB]",
    .summary = "SHA-256 of everything in a database that does not depend on when and where it ran",
    .help = "Two databases of the same studies, trained by the same build on the same kind of processor,\n"
            "have the same digest, however often either was interrupted.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .max_arguments = 1,
    .run = run,
};
