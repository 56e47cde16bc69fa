#include "cli/cli.h"

#include "base/terminal.h"
#define option getopt_option /* getopt.h and base/part.h both have a struct option */
#include <getopt.h>
#undef option
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const whens[] = { "auto", "always", "never", NULL };

const struct cli_option cli_common[] = {
    { "quiet", 'q', CLI_FLAG, NULL, offsetof(struct cli, quiet), .help = "say nothing but errors and results" },
    { "verbose", 'v', CLI_MORE, NULL, offsetof(struct cli, verbose), .help = "say more" },
    { "color", 0, CLI_WORD, "WHEN", offsetof(struct cli, color), .words = whens,
      .help = "auto, always or never (NO_COLOR is honoured)" },
    { "help", 'h', CLI_FLAG, NULL, offsetof(struct cli, help), .help = "this text" },
    { 0 },
};
const struct cli_option cli_database[] = {
    { "db", 0, CLI_TEXT, "PATH", offsetof(struct cli, db),
      .help = "the database (default: $TPRUN_DB, else results/results.db)" },
    { 0 },
};
const struct cli_option cli_formats[] = {
    { "format", 0, CLI_WORD, "FORMAT", offsetof(struct cli, format), .words = query_format_names,
      .help = "table, csv, json, ndjson or md" },
    { 0 },
};
const struct cli_option cli_limits[] = {
    { "cpu-seconds", 0, CLI_SECONDS, "SECONDS", offsetof(struct cli, limits.cpu_seconds),
      .help = "processor time of a SELECT, or of a claim's measure (default 30)" },
    { "temp-size", 0, CLI_SIZE, "SIZE", offsetof(struct cli, limits.temp_bytes),
      .help = "its temporary files together: 500M, 2G (default 256M)" },
    { 0 },
};
const struct cli_option cli_checkpoints[] = {
    { "checkpoints", 0, CLI_TEXT, "FOLDER", offsetof(struct cli, checkpoints),
      .help = "read checkpoints from here that the database's own folder lacks" },
    { 0 },
};
const struct cli_option cli_spec[] = {
    { "profile", 0, CLI_TEXT, "NAME", offsetof(struct cli, profile),
      .help = "lay the profile NAME of the file over it" },
    { "set", 'S', CLI_LIST, "KEY=VALUE", offsetof(struct cli, overrides),
      .help = "replace a value of the file; KEY=VALUE alone does the same" },
    { "variant", 0, CLI_LIST, "NAME", offsetof(struct cli, variants),
      .help = "only this variant (may be given again)" },
    { "yes", 'y', CLI_FLAG, NULL, offsetof(struct cli, yes), .help = "more than 100,000 trials are meant" },
    { 0 },
};

enum { MAX_OPTIONS = 64, CODE = 256 }; /* getopt's value of option i is CODE + i */

/* What a command knows, and the structs that its options fill. */
struct known {
    size_t n;
    const struct cli_option *options[MAX_OPTIONS];
    void *fields[MAX_OPTIONS];
};

static void add_table(struct known *k, const struct cli_option *table, void *fields)
{
    for (; table && table->name && k->n < MAX_OPTIONS; table++) {
        k->options[k->n] = table;
        k->fields[k->n++] = fields;
    }
}

static void find_known(struct known *k, struct cli *c, void *own)
{
    const struct cli_option *const *shared = c->command->shared;
    *k = (struct known){ 0 };
    for (size_t i = 0; shared && shared[i]; i++)
        add_table(k, shared[i], c);
    add_table(k, c->command->own, own);
    add_table(k, cli_common, c);
}

/* Every list has room for the whole command line. One allocation, which begins at `arguments`. */
static int make_lists(struct cli *c, const struct known *k, size_t room, struct err *e)
{
    size_t n = 2;
    for (size_t i = 0; i < k->n; i++)
        n += k->options[i]->type == CLI_LIST;
    const char **lists = calloc(n * room, sizeof *lists);
    if (!lists)
        return err_set(e, ERR_MEMORY, "out of memory");
    c->arguments.items = lists;
    c->overrides.items = lists + room; /* of commands that know --set this is set again, to the same use */
    for (size_t i = 0, at = 2; i < k->n; i++)
        if (k->options[i]->type == CLI_LIST)
            ((struct cli_list *)(void *)((char *)k->fields[i] + k->options[i]->offset))->items = lists + room * at++;
    return 0;
}

/* alone: the first word of the command line, which is no command. */
static int unknown_option(const struct command *command, const struct known *k, const char *given, bool alone,
                          struct err *e)
{
    const char *names[MAX_OPTIONS + 1];
    size_t n = 0;
    while (n < k->n) {
        names[n] = k->options[n]->name;
        n++;
    }
    if (alone)
        names[n++] = "version";
    char word[64];
    snprintf(word, sizeof word, "%s", given);
    word[strcspn(word, "=")] = 0;
    const char *near = !strncmp(word, "--", 2) ? err_nearest(word + 2, names, n) : NULL;
    for (size_t i = 0; i < k->n && !near && !strcmp(word, "--db"); i++) /* of merge: the database that it writes */
        near = !strcmp(names[i], "output") ? names[i] : NULL;
    const char *name = alone ? "" : command->name, *blank = alone ? "" : " ";
    return err_set(e, ERR_USAGE, "'%s' is no option of tprun%s%s%s%s%s; see tprun%s%s --help", word, blank, name,
                   near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", blank, name);
}

static bool reads_files(const struct command *command)
{
    for (size_t i = 0; command->shared && command->shared[i]; i++)
        if (command->shared[i] == cli_spec)
            return true;
    return false;
}

/* KEY=VALUE; the words before it of STUDY:VARIANT:CELL:SEED are no key. */
static bool is_assignment(const char *argument)
{
    return argument[strcspn(argument, "=:")] == '=';
}

static void add_argument(struct cli *c, const char *argument)
{
    const bool is_override = reads_files(c->command) && is_assignment(argument) && access(argument, F_OK) < 0;
    struct cli_list *list = is_override ? &c->overrides : &c->arguments;
    list->items[list->n++] = argument;
}

/* getopt_long with the options that this command knows. Returns where the arguments behind -- begin. */
static int read_options(struct cli *c, const struct known *k, int argc, char **argv, struct err *e)
{
    const struct command *command = c->command;
    struct getopt_option longs[MAX_OPTIONS + 1] = { 0 };
    char shorts[2 * MAX_OPTIONS + 3];
    size_t n = 0;
    shorts[n++] = '-'; /* arguments come in their order among the options, with the code 1 */
    shorts[n++] = ':'; /* a missing value is told apart from an unknown option */
    for (size_t i = 0; i < k->n; i++) {
        const struct cli_option *o = k->options[i];
        longs[i] = (struct getopt_option){ o->name, o->value ? required_argument : no_argument, NULL, CODE + (int)i };
        if (o->letter) {
            shorts[n++] = o->letter;
            if (o->value)
                shorts[n++] = ':';
        }
    }
    shorts[n] = 0;
    opterr = 0;
    for (;;) {
        const int at = optind;
        const int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code < 0)
            return optind;
        if (code == ':')
            return err_set(e, ERR_USAGE, "%s needs a value", argv[optind - 1]);
        if (code == '?' && optopt == '=') /* -k=3, which getopt takes for the letters k, = and 3 */
            return err_set(e, ERR_USAGE, "a short option takes no '=': -j 3, or --jobs=3");
        if (code == '?' && optopt >= CODE)
            return err_set(e, ERR_USAGE, "--%s takes no value", k->options[optopt - CODE]->name);
        if (code == '?') {
            const bool ascii = optopt > 0 && optopt < 128; /* else a byte of a letter: the word that has it is named */
            const char letter[] = { '-', (char)optopt, 0 };
            int word = optind - 1;
            while (optopt != 0 && !ascii && word + 1 < argc && argv[word][0] != '-')
                word++;
            return unknown_option(command, k, ascii ? letter : argv[word],
                                  at == 1 && strcmp(argv[0], command->name) != 0, e);
        }
        if (code == 1) {
            add_argument(c, optarg);
            continue;
        }
        size_t i = code >= CODE ? (size_t)(code - CODE) : 0;
        while (code < CODE && k->options[i]->letter != code)
            i++;
        TRY(option_set(k->options[i], k->fields[i], optarg, e));
    }
}

bool cli_color(const char *when, int fd)
{
    const char *no_color = getenv("NO_COLOR");
    if (when && strcmp(when, "auto") != 0)
        return !strcmp(when, "always");
    const char *terminal = getenv("TERM");
    return terminal_is_live(fd) && !(no_color && *no_color) && terminal;
}

int cli_parse(struct cli *c, const struct command *command, int argc, char **argv, void **own, struct err *e)
{
    const char *db = getenv("TPRUN_DB");
    struct known known;
    *c = (struct cli){ .command = command, .db = db && *db ? db : "results/results.db" };
    c->color_err = cli_color(NULL, STDERR_FILENO);
    *own = calloc(1, command->own_size + 1);
    if (!*own)
        return err_set(e, ERR_MEMORY, "out of memory");
    find_known(&known, c, *own);
    TRY(make_lists(c, &known, (size_t)argc + 1, e));
    const int first = read_options(c, &known, argc, argv, e);
    TRY(first);
    const char *when = c->color ? whens[c->color - 1] : NULL;
    c->color_out = cli_color(when, STDOUT_FILENO);
    c->color_err = cli_color(when, STDERR_FILENO);
    for (int i = first; i < argc; i++)
        add_argument(c, argv[i]);
    if (c->help)
        return 0;
    if (c->arguments.n < command->min_arguments || c->arguments.n > command->max_arguments)
        return err_set(e, ERR_USAGE, "usage: tprun %s %s", command->name, command->arguments);
    return 0;
}

void cli_clear(struct cli *c, void *own)
{
    free(c->arguments.items); /* one allocation for all lists */
    free(own);
}
