/* The command line: one row per command, one table of options that they share. */
#ifndef TPRUN_CLI_CLI_H
#define TPRUN_CLI_CLI_H

#include "base/err.h"
#include "run/runner.h"
#include "store/query.h"

/* Bits of struct command.options: which groups of options a command knows. */
enum option_group {
    GROUP_ALL = 1u << 0,     /* -q -v --color --help */
    GROUP_DB = 1u << 1,      /* --db */
    GROUP_FORMAT = 1u << 2,  /* --format */
    GROUP_SPEC = 1u << 3,    /* --profile --set --variant --yes */
    GROUP_RUN = 1u << 4,     /* --jobs --force --fail-fast ... */
    GROUP_PROBE = 1u << 5,   /* --input --output --metrics --evaluate */
    GROUP_JOBS = 1u << 6,    /* --jobs alone */
    GROUP_FETCH = 1u << 7,   /* --from --to */
    GROUP_PLOT = 1u << 8,    /* --output --metric --layer --variant --cell --bars ... */
    GROUP_REPORT = 1u << 9,  /* --output --figures --title --intro */
    GROUP_EXPORT = 1u << 10, /* --trials --metrics --params --output --force */
    GROUP_COMPARE = 1u << 11, /* --metric --study */
    GROUP_QUERY = 1u << 12   /* --cpu-seconds --temp-size */
};

/* What was given. Lists are at most argc long. */
struct cli {
    const struct command *command;
    const char *db; /* --db, TPRUN_DB, or results/results.db */
    enum query_format format;
    bool has_format;
    bool color_out, color_err;
    bool quiet, progress, dry_run, yes, fail_fast, force, metrics, evaluate, trials, params, heatmap, winners, log_axis, filters, help;
    bool bars, layers, has_layer, has_step;
    int verbose;
    int64_t jobs, memory_limit, layer, rolling, step;
    double stall_seconds;
    struct query_limits limits; /* of SQL in arguments and files; 0 = the usual */
    const char *profile, *input, *output, *from, *to, *cell, *checkpoints, *figures, *title, *intro, *study, *x_key, *y_key;
    size_t n_overrides, n_variants, n_metric_names, n_arguments;
    const char **overrides, **variants, **metric_names, **arguments;
};

struct command {
    const char *name, *arguments, *summary, *help;
    unsigned options;
    size_t min_arguments, max_arguments; /* SIZE_MAX = any number */
    int (*run)(const struct cli *c);     /* the exit status; prints its own errors with cli_fail */
};
extern const struct command *const commands[]; /* closed by NULL; the first is `run` */
extern const struct command command_run, command_plan, command_ls, command_show, command_sql, command_list,
    command_schema, command_probe, command_fetch, command_claims, command_digest, command_verify, command_plot,
    command_report, command_export, command_compare;

/* ---- options.c ---- */
/* argv[0] is skipped. key=value arguments of commands that read files become overrides. */
int cli_parse(struct cli *c, const struct command *command, int argc, char **argv, struct err *e);
void cli_clear(struct cli *c);
void cli_help(const struct command *command); /* NULL: of the program */
bool cli_color(const char *when, int fd);

/* ---- common.c ---- */
/* Prints the messages of e and returns the exit status for `code` (0 if code >= 0). Clears e. Call it before the memory
 * that messages point into is given back. */
int cli_fail(const struct cli *c, int code, struct err *e);
int cli_open_plan(const struct cli *c, struct plan *p, bool one_trial, struct err *e);
/* Prints the rows of one SELECT in the format asked for, with text arguments. */
int cli_select(const struct cli *c, struct query *q, const char *sql, const char *const *arguments, size_t n,
               struct err *e);
/* Whether a name can be the first digits of a trial's key, and the trial that it names: none or several are an error. */
bool cli_is_key(const char *name);
int cli_find_trial(const struct cli *c, struct query *q, const char *key, int64_t *id, struct err *e);
void cli_run_options(const struct cli *c, struct run_options *o);
extern const char cli_code[]; /* program, version and compiler */

/* ---- cmd_plan.c ---- */
int plan_print(const struct cli *c, struct plan *p, struct err *e);

#endif
