#include "cli/cli.h"

#include <string.h>

static void print_table(const struct cli_option *o)
{
    for (; o && o->name; o++) {
        char left[64], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("%-30s %s\n", left, o->help);
    }
}

void cli_help(const struct command *command)
{
    if (command) {
        printf("Usage: tprun %s [OPTION]... %s\n%s.\n\n%s\nOptions:\n", command->name, command->arguments,
               command->summary, command->help);
        for (size_t i = 0; command->shared && command->shared[i]; i++)
            print_table(command->shared[i]);
        print_table(command->own);
        print_table(cli_common);
        return;
    }
    puts("Usage: tprun [run] SPEC... [KEY=VALUE]...\n       tprun COMMAND ...\n\n"
         "Runs experiments on target propagation that are written in YAML files, and logs\n"
         "everything into one SQLite file. Running the same command again resumes.\n\nCommands:");
    for (size_t i = 0; commands[i]; i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n`tprun COMMAND --help` tells more; `tprun --version` the version.\n\n"
         "Exit status: 0 done; 1 a trial failed, a claim is refuted, or a file cannot be\n"
         "read or written; 2 a mistake in the command or in a file; 3 the database is in\n"
         "use; 4 a recomputed result differs; 5 storage (database, checkpoint, disk);\n"
         "6 memory; 75 stopped at a checkpoint, run it again.");
}
