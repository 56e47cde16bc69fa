/* Completion of the command line by a shell, from the tables that parse it. */
#include "cli/cli.h"

#include <string.h>

static const char *const shells[] = { "bash", "zsh", NULL };

static void put_options(const struct cli_option *o)
{
    for (; o && o->name; o++)
        printf(" --%s%s", o->name, o->value ? "=" : "");
}

/* The words that an option may have; of others the shell completes names of files. */
static void put_words(const struct cli_option *o)
{
    for (; o && o->name; o++) {
        if (o->type != CLI_WORD)
            continue;
        printf("        --%s) words='", o->name);
        for (size_t i = 0; o->words[i]; i++)
            printf("%s%s", i ? " " : "", o->words[i]);
        puts("' ;;");
    }
}

static void each_table(const struct command *command, void (*put)(const struct cli_option *))
{
    for (size_t i = 0; command->shared && command->shared[i]; i++)
        put(command->shared[i]);
    put(command->own);
    put(cli_common);
}

static void put_script(void)
{
    puts("# Completion of tprun, made by `tprun completion`.\n"
         "_tprun() {\n"
         "    local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" command=run words='' options=''\n"
         "    if [ \"$current\" = = ]; then current=''; fi\n"
         "    if [ \"$before\" = = ]; then before=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
         "    case \"${COMP_WORDS[1]}\" in");
    for (size_t i = 0; commands[i]; i++)
        printf("    %s%s", commands[i]->name, commands[i + 1] ? "|" : ")");
    puts(" command=\"${COMP_WORDS[1]}\" ;;\n    esac\n    case \"$command\" in");
    for (size_t i = 0; commands[i]; i++) {
        printf("    %s)\n        options='", commands[i]->name);
        each_table(commands[i], put_options);
        puts("'\n        case \"$before\" in");
        each_table(commands[i], put_words);
        puts("        esac ;;");
    }
    printf("    esac\n    if [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    elif [ \"${current#-}\" != \"$current\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
           "        case \"${COMPREPLY[0]}\" in *=) compopt -o nospace 2>/dev/null ;; esac\n"
           "    else\n        COMPREPLY=($(compgen -f -- \"$current\"))\n        if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "            COMPREPLY+=($(compgen -W '");
    for (size_t i = 0; commands[i]; i++)
        printf("%s ", commands[i]->name);
    puts("help' -- \"$current\"))\n        fi\n    fi\n}\ncomplete -o filenames -F _tprun tprun");
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    const char *shell = c->arguments.items[0];
    if (strcmp(shell, shells[0]) != 0 && strcmp(shell, shells[1]) != 0)
        return cli_fail(c, err_set(&e, ERR_USAGE, "'%s' is none of bash, zsh", shell), &e);
    if (strcmp(shell, shells[1]) == 0)
        puts("#compdef tprun\nautoload -U +X bashcompinit && bashcompinit");
    put_script();
    return 0;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash|zsh",
    .summary = "Print a script that completes commands and options in a shell",
    .help = "  source <(tprun completion bash)\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
