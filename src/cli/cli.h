/* The command line: one file per command; a command's options are rows that fill a struct of its own. */
#ifndef TPRUN_CLI_CLI_H
#define TPRUN_CLI_CLI_H

#include "base/err.h"
#include "cli/options.h"
#include "run/runner.h"
#include "store/query.h"

/* What several commands share, filled by the tables below. */
struct cli {
    const struct command *command;
    const char *db; /* --db, TPRUN_DB, or results/results.db */
    int format;     /* 1 + enum query_format, 0 = not given; see cli_format */
    int color;      /* 1 + 0 auto, 1 always, 2 never; 0 = not given */
    bool color_out, color_err;
    bool quiet, yes, help;
    int verbose;
    const char *profile, *checkpoints;
    struct query_limits limits; /* of SQL in arguments and files; 0 = the usual */
    struct cli_list overrides, variants, arguments;
};
/* --quiet --verbose --color --help are known to every command; the others to those that name the table. */
extern const struct cli_option cli_common[], cli_database[], cli_formats[], cli_spec[], cli_checkpoints[], cli_limits[];

struct command {
    const char *name, *arguments, *summary, *help;
    const struct cli_option *const *shared; /* tables that fill struct cli; closed by NULL, or NULL */
    const struct cli_option *own;           /* fills the command's own struct; or NULL */
    size_t own_size;
    size_t min_arguments, max_arguments; /* SIZE_MAX = any number */
    /* Returns the exit status; prints its own errors with cli_fail. own: own_size bytes, zero but for what was given.
     */
    int (*run)(const struct cli *c, const void *own);
};
/* Each is src/cli/cmd_NAME.c; the first is the one that a file alone means. */
/* clang-format off */
#define COMMANDS(X)                                                                                                    \
    X(run) X(plan) X(ls) X(show) X(claims) X(compare) X(diff) X(plot) X(report) X(export) X(sql) X(list) X(schema)     \
    X(probe) X(verify) X(digest) X(fetch) X(work) X(merge) X(submit) X(data) X(rm) X(gc) X(backup) X(tag) X(note)      \
    X(doctor) X(completion) X(serve)
/* clang-format on */
#define EXTERN(name) extern const struct command command_##name;
COMMANDS(EXTERN)
#undef EXTERN
extern const struct command *const commands[]; /* closed by NULL */

/* ---- parse.c ---- */
/* argv[0] is skipped. key=value arguments of commands that read files become overrides. own: see struct command; both
 * are given back by cli_clear. */
int cli_parse(struct cli *c, const struct command *command, int argc, char **argv, void **own, struct err *e);
void cli_clear(struct cli *c, void *own);
bool cli_color(const char *when, int fd);

/* ---- help.c ---- */
void cli_help(const struct command *command); /* NULL: of the program */

/* ---- common.c ---- */
/* Prints the messages of e and returns the exit status for `code` (0 if code >= 0). Clears e. Call it before the memory
 * that messages point into is given back. */
int cli_fail(const struct cli *c, int code, struct err *e);
struct plan_options cli_plan_options(const struct cli *c);
int cli_open_plan(const struct cli *c, struct plan *p, bool one_trial, struct err *e);
/* The format asked for, or else this one. */
enum query_format cli_format(const struct cli *c, enum query_format otherwise);
/* Prints the rows of one SELECT in the format asked for, with text arguments. */
int cli_select(const struct cli *c, struct query *q, const char *sql, const char *const *arguments, size_t n,
               struct err *e);
/* Whether a name can be the first digits of a trial's key, and the trial that it names: none or several are an error.
 */
bool cli_is_key(const char *name);
int cli_find_trial(const struct cli *c, struct query *q, const char *key, int64_t *id, struct err *e);
/* What the shared options and the environment (TPRUN_STALL_SECONDS) say of a run. */
int cli_run_options(const struct cli *c, struct run_options *o, struct err *e);
extern const char cli_code[]; /* program, version and compiler */
const char *cli_build(void);  /* the same, and the commit that it was built from */

#endif
