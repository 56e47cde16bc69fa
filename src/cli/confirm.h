/* Before something is removed: it was shown, and is meant. */
#ifndef TPRUN_CLI_CONFIRM_H
#define TPRUN_CLI_CONFIRM_H

#include "cli/cli.h"

/* Options of commands that remove something. */
struct confirm_choice {
    bool dry_run, yes;
};
#define CONFIRM_OPTIONS(type, field)                                                                                   \
    { "dry-run", 'n', CLI_FLAG, NULL, offsetof(type, field.dry_run), .help = "show what would go, and leave it" },     \
    {                                                                                                                  \
        "yes", 'y', CLI_FLAG, NULL, offsetof(type, field.yes), .help = "do not ask"                                    \
    }

/* ERR_USAGE where nobody can be asked. Call it first: it costs nothing. */
int confirm_possible(const struct confirm_choice *o, struct err *e);
/* The answer of --dry-run, --yes or the terminal; says so when nothing will be removed. */
bool confirm(const struct cli *c, const struct confirm_choice *o, const char *question);

#endif
