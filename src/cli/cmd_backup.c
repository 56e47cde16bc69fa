#include "cli/cli.h"

#include "base/clean.h"
#include "store/backup.h"

struct backup_choice {
    bool force;
};
static const struct cli_option options[] = {
    { "force", 'f', CLI_FLAG, NULL, offsetof(struct backup_choice, force), .help = "write over a file that exists" },
    { 0 },
};

static int run(const struct cli *c, const void *own)
{
    const struct backup_choice *o = own;
    struct err e = { 0 };
    const char *copy = c->arguments.items[0];
    const int code = backup_database(c->db, copy, o->force, &e);
    if (code == 0 && !c->quiet)
        clean_print_line(stderr, "tprun: %s is a copy of %s", copy, c->db);
    return cli_fail(c, code, &e);
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "FILE",
    .summary = "Copy the database as it is now, also while a run writes into it",
    .help = "The copy is one whole file of one instant. Checkpoints are not copied: a run into the copy reads\n"
            "them with --checkpoints from the folder DB.checkpoints of the original.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct backup_choice),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
