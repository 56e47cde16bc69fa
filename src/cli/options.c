#include "cli/cli.h"

#define option getopt_option /* getopt.h and base/part.h both have a struct option */
#include <getopt.h>
#undef option
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cli_option {
    const char *name, *value; /* value: NULL = a flag */
    int letter;               /* above 255: no short form */
    unsigned groups;
    const char *help;
};
enum {
    NO_LETTER = 256,
    BARS,
    CELL,
    CHECKPOINTS,
    COLOR,
    CPU_SECONDS,
    DB,
    FAIL_FAST,
    FILTERS,
    FIGURES,
    FORMAT,
    FROM,
    HEATMAP,
    INPUT,
    INTRO,
    LAYER,
    LAYERS,
    LOG_AXIS,
    MEMORY,
    METRIC,
    METRICS,
    EVALUATE,
    NO_PROGRESS,
    PARAMS,
    PROFILE,
    ROLLING,
    STALL,
    STEP,
    STUDY,
    TEMP_SIZE,
    TITLE,
    TO,
    TRIALS,
    VARIANT,
    WINNERS,
    X_KEY,
    Y_KEY
};

/* -o is an output of any kind: the database of a run, the tensors of a probe, a figure. */
static const struct cli_option table[] = {
    { "db", "PATH", DB, GROUP_DB, "the database (default: $TPRUN_DB, else results/results.db)" },
    { "output", "PATH", 'o', GROUP_RUN, "the same as --db" },
    { "format", "FORMAT", FORMAT, GROUP_FORMAT, "table, csv, json, ndjson or md" },
    { "profile", "NAME", PROFILE, GROUP_SPEC, "lay the profile NAME of the file over it" },
    { "set", "KEY=VALUE", 'S', GROUP_SPEC, "replace a value of the file; KEY=VALUE alone does the same" },
    { "variant", "NAME", VARIANT, GROUP_SPEC | GROUP_PLOT, "only this variant (may be given again)" },
    { "yes", NULL, 'y', GROUP_SPEC, "more than 100,000 trials are meant" },
    { "jobs", "N", 'j', GROUP_RUN | GROUP_JOBS, "trials trained at once (default: one for each processor)" },
    { "dry-run", NULL, 'n', GROUP_RUN, "show what would be done, as `tprun plan`" },
    { "force", NULL, 'f', GROUP_RUN, "forget what is recorded of these trials and train them again" },
    { "keep-going", NULL, 'k', GROUP_RUN, "go on when a trial fails (default)" },
    { "fail-fast", NULL, FAIL_FAST, GROUP_RUN, "stop when a trial fails" },
    { "memory-limit", "SIZE", MEMORY, GROUP_RUN, "address space of a worker: 500M, 2G" },
    { "stall-seconds", "SECONDS", STALL, GROUP_RUN,
      "end a worker that is silent for so long (default 300, or $TPRUN_STALL_SECONDS)" },
    { "checkpoints", "FOLDER", CHECKPOINTS, GROUP_RUN | GROUP_PLOT | GROUP_EXPORT,
      "read checkpoints from here that the database's own folder lacks" },
    { "no-progress", NULL, NO_PROGRESS, GROUP_RUN, "no live lines on a terminal" },
    { "input", "FILE", INPUT, GROUP_PROBE, "tensors to read (safetensors)" },
    { "output", "FILE", 'o', GROUP_PROBE, "tensors to write" },
    { "metrics", NULL, METRICS, GROUP_PROBE, "write the metrics of `log` too" },
    { "evaluate", NULL, EVALUATE, GROUP_PROBE, "evaluate the batch instead of training on it" },
    { "output", "FILE", 'o', GROUP_PLOT | GROUP_REPORT, "the file to write (default: standard output)" },
    { "metric", "NAME", METRIC, GROUP_PLOT, "what is drawn, a panel each (may be given again)" },
    { "metric", "NAME", METRIC, GROUP_COMPARE, "what is compared (default: test_accuracy, or else a loss)" },
    { "cell", "TEXT", CELL, GROUP_PLOT, "only cells of the sweep that contain TEXT, such as stepsize=0.1" },
    { "layer", "N", LAYER, GROUP_PLOT, "the layer of a layer metric, from 0 (default: a panel for each)" },
    { "rolling", "N", ROLLING, GROUP_PLOT, "curves: means over the last N logged values; 0: off (default)" },
    { "bars", NULL, BARS, GROUP_PLOT, "mean and sd of --metric over the steps and seeds, as bars" },
    { "layers", NULL, LAYERS, GROUP_PLOT, "a layer metric of all layers at one step, against the layer" },
    { "step", "N", STEP, GROUP_PLOT, "the step of --layers (default: the last that is logged)" },
    { "heatmap", NULL, HEATMAP, GROUP_PLOT, "a heatmap and nothing else" },
    { "filters", NULL, FILTERS, GROUP_PLOT, "the first layer's weights of one trial as images (PNG)" },
    { "winners", NULL, WINNERS, GROUP_PLOT, "a map of winners and nothing else" },
    { "x", "KEY", X_KEY, GROUP_PLOT, "the swept key along a map of winners; its last words do" },
    { "y", "KEY", Y_KEY, GROUP_PLOT, "the swept key up a map of winners" },
    { "log", NULL, LOG_AXIS, GROUP_PLOT, "logarithmic y axes, except of metrics in percent" },
    { "figures", "FOLDER", FIGURES, GROUP_REPORT, "where figures are written (default: figures, beside the report)" },
    { "title", "TEXT", TITLE, GROUP_REPORT, "the heading (default: that of --intro, else Results)" },
    { "intro", "FILE", INTRO, GROUP_REPORT, "Markdown that stands before the studies" },
    { "trials", NULL, TRIALS, GROUP_EXPORT, "a row for each trial (default)" },
    { "metrics", NULL, METRICS, GROUP_EXPORT, "a row for each value of a metric" },
    { "params", NULL, PARAMS, GROUP_EXPORT, "a row for each value of a trial's configuration" },
    { "output", "FILE", 'o', GROUP_EXPORT, "weights: the file to write" },
    { "force", NULL, 'f', GROUP_EXPORT, "weights: write over a file that exists" },
    { "study", "NAME", STUDY, GROUP_COMPARE, "the study of variants that are given without one" },
    { "cpu-seconds", "SECONDS", CPU_SECONDS, GROUP_QUERY, "processor time of a SELECT, or of a claim's measure (default 30)" },
    { "temp-size", "SIZE", TEMP_SIZE, GROUP_QUERY, "its temporary files together: 500M, 2G (default 256M)" },
    { "from", "SOURCE", FROM, GROUP_FETCH, "a folder, file:// or http(s):// address instead of the mirrors" },
    { "to", "FOLDER", TO, GROUP_FETCH, "where the files are kept" },
    { "quiet", NULL, 'q', GROUP_ALL, "say nothing but errors and results" },
    { "verbose", NULL, 'v', GROUP_ALL, "say more" },
    { "color", "WHEN", COLOR, GROUP_ALL, "auto, always or never (NO_COLOR is honoured)" },
    { "help", NULL, 'h', GROUP_ALL, "this text" },
};
enum { N_OPTIONS = sizeof table / sizeof *table, MAX_LAYER = 1000000, MAX_ROLLING = 10000 };

static void print_option(const struct cli_option *o)
{
    char left[64];
    if (o->letter < NO_LETTER)
        snprintf(left, sizeof left, "  -%c, --%s%s%s", o->letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
    else
        snprintf(left, sizeof left, "      --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    printf("%-30s %s\n", left, o->help);
}

void cli_help(const struct command *command)
{
    if (command) {
        printf("Usage: tprun %s [OPTION]... %s\n%s.\n\n%s\nOptions:\n", command->name, command->arguments,
               command->summary, command->help);
        for (size_t i = 0; i < N_OPTIONS; i++)
            if (table[i].groups & (command->options | GROUP_ALL))
                print_option(&table[i]);
        return;
    }
    puts("Usage: tprun [run] SPEC... [KEY=VALUE]...\n       tprun COMMAND ...\n\n"
         "Runs experiments on target propagation that are written in YAML files, and logs\n"
         "everything into one SQLite file. Running the same command again resumes.\n\nCommands:");
    for (size_t i = 0; commands[i]; i++)
        printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n`tprun COMMAND --help` tells more; `tprun --version` the version.\n\n"
         "Exit status: 0 done; 1 a trial failed, or a claim is refuted; 2 a mistake in the\n"
         "command or in a file; 3 the database is in use; 4 a recomputed result differs;\n"
         "5 storage (database, checkpoint, disk); 6 memory; 75 stopped at a checkpoint, run\n"
         "it again.");
}

bool cli_color(const char *when, int fd)
{
    const char *no_color = getenv("NO_COLOR");
    if (when && strcmp(when, "auto") != 0)
        return !strcmp(when, "always");
    const char *terminal = getenv("TERM");
    return isatty(fd) && !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0;
}

static int parse_count(const char *text, const char *option, int64_t max, int64_t *value, struct err *e)
{
    if (text_to_int(text, strlen(text), value) < 0 || *value < 1 || *value > max)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from 1 to %lld", option, text, (long long)max);
    return 0;
}

static int parse_index(const char *text, const char *option, int64_t max, int64_t *value, struct err *e)
{
    if (text_to_int(text, strlen(text), value) < 0 || *value < 0 || *value > max)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from 0 to %lld", option, text, (long long)max);
    return 0;
}

/* 500M, 2G, 1.5G, or bytes. */
static int parse_size(const char *text, const char *option, int64_t *bytes, struct err *e)
{
    static const char units[] = "KMGT";
    size_t n = strlen(text);
    double value, scale = 1;
    const char *unit = n ? strchr(units, text[n - 1]) : NULL;
    if (unit) {
        n--;
        for (const char *u = units; u <= unit; u++)
            scale *= 1024;
    }
    if (text_to_double(text, n, &value) < 0 || !(value * scale >= 1024 * 1024) || value * scale > 1e15)
        return err_set(e, ERR_USAGE, "%s: '%s' is not a size of at least 1M, such as 500M or 2G", option, text);
    *bytes = (int64_t)(value * scale);
    return 0;
}

static int parse_seconds(const char *text, const char *name, double *seconds, struct err *e)
{
    if (text_to_double(text, strlen(text), seconds) < 0 || !(*seconds > 0) || *seconds > 1e9)
        return err_set(e, ERR_USAGE, "%s: '%s' is not a positive number of seconds", name, text);
    return 0;
}

static int parse_format(struct cli *c, const char *text, struct err *e)
{
    for (int i = 0; query_format_names[i]; i++)
        if (!strcmp(text, query_format_names[i])) {
            c->format = (enum query_format)i;
            c->has_format = true;
            return 0;
        }
    return err_set(e, ERR_USAGE, "--format: '%s' is none of table, csv, json, ndjson, md", text);
}

static int apply(struct cli *c, const struct cli_option *o, const char *value, const char **color, struct err *e)
{
    switch (o->letter) {
    case DB:
        c->db = value;
        return 0;
    case 'o':
        c->output = value;
        if (o->groups & GROUP_RUN)
            c->db = value;
        return 0;
    case FORMAT:
        return parse_format(c, value, e);
    case PROFILE:
        c->profile = value;
        return 0;
    case 'S':
        c->overrides[c->n_overrides++] = value;
        return 0;
    case VARIANT:
        c->variants[c->n_variants++] = value;
        return 0;
    case 'y':
        c->yes = true;
        return 0;
    case 'j':
        return parse_count(value, "jobs", 1024, &c->jobs, e);
    case 'n':
        c->dry_run = true;
        return 0;
    case 'f':
        c->force = true;
        return 0;
    case 'k':
        c->fail_fast = false;
        return 0;
    case FAIL_FAST:
        c->fail_fast = true;
        return 0;
    case MEMORY:
        return parse_size(value, "--memory-limit", &c->memory_limit, e);
    case CPU_SECONDS:
        return parse_seconds(value, "--cpu-seconds", &c->limits.cpu_seconds, e);
    case TEMP_SIZE:
        return parse_size(value, "--temp-size", &c->limits.temp_bytes, e);
    case STALL:
        return parse_seconds(value, "--stall-seconds", &c->stall_seconds, e);
    case NO_PROGRESS:
        c->progress = false;
        return 0;
    case INPUT:
        c->input = value;
        return 0;
    case FILTERS:
        c->filters = true;
        return 0;
    case FROM:
        c->from = value;
        return 0;
    case TO:
        c->to = value;
        return 0;
    case CHECKPOINTS:
        c->checkpoints = value;
        return 0;
    case CELL:
        c->cell = value;
        return 0;
    case FIGURES:
        c->figures = value;
        return 0;
    case BARS:
        c->bars = true;
        return 0;
    case LAYER:
        c->has_layer = true;
        return parse_index(value, "layer", MAX_LAYER, &c->layer, e);
    case LAYERS:
        c->layers = true;
        return 0;
    case ROLLING:
        return parse_index(value, "rolling", MAX_ROLLING, &c->rolling, e);
    case STEP:
        c->has_step = true;
        return parse_index(value, "step", INT64_MAX, &c->step, e);
    case HEATMAP:
        c->heatmap = true;
        return 0;
    case WINNERS:
        c->winners = true;
        return 0;
    case X_KEY:
        c->x_key = value;
        return 0;
    case Y_KEY:
        c->y_key = value;
        return 0;
    case INTRO:
        c->intro = value;
        return 0;
    case LOG_AXIS:
        c->log_axis = true;
        return 0;
    case METRIC:
        c->metric_names[c->n_metric_names++] = value;
        return 0;
    case PARAMS:
        c->params = true;
        return 0;
    case STUDY:
        c->study = value;
        return 0;
    case TITLE:
        c->title = value;
        return 0;
    case TRIALS:
        c->trials = true;
        return 0;
    case METRICS:
        c->metrics = true;
        return 0;
    case EVALUATE:
        c->evaluate = true;
        return 0;
    case 'q':
        c->quiet = true;
        return 0;
    case 'v':
        c->verbose++;
        return 0;
    case COLOR:
        if (strcmp(value, "auto") && strcmp(value, "always") && strcmp(value, "never"))
            return err_set(e, ERR_USAGE, "--color: '%s' is none of auto, always, never", value);
        *color = value;
        return 0;
    default:
        c->help = true;
        return 0;
    }
}

static int unknown_option(const struct command *command, const char *given, struct err *e)
{
    const char *names[N_OPTIONS];
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (table[i].groups & (command->options | GROUP_ALL))
            names[n++] = table[i].name;
    char word[64];
    snprintf(word, sizeof word, "%s", given);
    word[strcspn(word, "=")] = 0;
    const char *near = !strncmp(word, "--", 2) ? err_nearest(word + 2, names, n) : NULL;
    return err_set(e, ERR_USAGE, "'%s' is no option of tprun %s%s%s; see tprun %s --help", word, command->name,
                   near ? "; did you mean --" : "", near ? near : "", command->name);
}

/* getopt_long with the options that this command knows. Returns the first argument that is none, in argv's new order.
 */
static int read_options(struct cli *c, int argc, char **argv, const char **color, struct err *e)
{
    struct getopt_option longs[N_OPTIONS + 1];
    const struct cli_option *known[N_OPTIONS];
    char shorts[2 * N_OPTIONS + 2];
    size_t n = 0, n_shorts = 0;
    shorts[n_shorts++] = ':'; /* a missing value is told apart from an unknown option */
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct cli_option *o = &table[i];
        if (!(o->groups & (c->command->options | GROUP_ALL)))
            continue;
        longs[n] = (struct getopt_option){ o->name, o->value ? required_argument : no_argument, NULL, o->letter };
        known[n++] = o;
        if (o->letter < NO_LETTER) {
            shorts[n_shorts++] = (char)o->letter;
            if (o->value)
                shorts[n_shorts++] = ':';
        }
    }
    longs[n] = (struct getopt_option){ 0 };
    shorts[n_shorts] = 0;
    opterr = 0;
    for (;;) {
        const int at = optind;
        const int letter = getopt_long(argc, argv, shorts, longs, NULL);
        if (letter < 0)
            return optind;
        if (letter == ':')
            return err_set(e, ERR_USAGE, "%s needs a value", argv[optind - 1]);
        if (letter == '?')
            return unknown_option(c->command, argv[optind - 1 < at ? at : optind - 1], e);
        for (size_t i = 0; i < n; i++)
            if (known[i]->letter == letter) {
                TRY(apply(c, known[i], optarg, color, e));
                break;
            }
    }
}

int cli_parse(struct cli *c, const struct command *command, int argc, char **argv, struct err *e)
{
    const char *color = NULL;
    const char *stall = getenv("TPRUN_STALL_SECONDS"), *db = getenv("TPRUN_DB");
    *c = (struct cli){ .command = command, .db = db && *db ? db : "results/results.db", .progress = true };
    const char **lists = calloc(4 * (size_t)argc + 4, sizeof *lists);
    if (!lists)
        return err_set(e, ERR_MEMORY, "out of memory");
    c->overrides = lists;
    c->variants = lists + argc + 1;
    c->metric_names = lists + 2 * (argc + 1);
    c->arguments = lists + 3 * (argc + 1);
    c->color_err = cli_color(NULL, STDERR_FILENO);
    const int first = read_options(c, argc, argv, &color, e);
    TRY(first);
    c->color_out = cli_color(color, STDOUT_FILENO);
    c->color_err = cli_color(color, STDERR_FILENO);
    c->progress = c->progress && isatty(STDERR_FILENO);
    if (stall && !(c->stall_seconds > 0))
        TRY(parse_seconds(stall, "TPRUN_STALL_SECONDS", &c->stall_seconds, e));
    for (int i = first; i < argc; i++) {
        const bool is_override = (command->options & GROUP_SPEC) && strchr(argv[i], '=') && access(argv[i], F_OK) < 0;
        if (is_override)
            c->overrides[c->n_overrides++] = argv[i];
        else
            c->arguments[c->n_arguments++] = argv[i];
    }
    if (c->help)
        return 0;
    if (c->n_arguments < command->min_arguments || c->n_arguments > command->max_arguments)
        return err_set(e, ERR_USAGE, "usage: tprun %s %s", command->name, command->arguments);
    return 0;
}

void cli_clear(struct cli *c)
{
    free(c->overrides); /* one allocation for the four lists */
}
