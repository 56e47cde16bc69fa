/* What the commands that train share: `run` and `work`. */
#ifndef TPRUN_CLI_TRAIN_H
#define TPRUN_CLI_TRAIN_H

#include "cli/cli.h"

struct train_choice {
    struct cli_int jobs;
    bool fail_fast, no_progress;
    int64_t memory, memory_limit;
    double stall_seconds, stop_after;
};
/* Rows of a table of options, for a struct with such a member. */
/* clang-format off */
#define TRAIN_OPTIONS(type, member)                                                                                    \
    { "jobs", 'j', CLI_INT, "N", offsetof(type, member.jobs), 1, 1024,                                                 \
      .help = "trials trained at once (default: one for each processor that this process may use)" },                  \
    { "keep-going", 'k', CLI_NO_FLAG, NULL, offsetof(type, member.fail_fast),                                          \
      .help = "go on when a trial fails (default)" },                                                                  \
    { "fail-fast", 0, CLI_FLAG, NULL, offsetof(type, member.fail_fast), .help = "stop when a trial fails" },           \
    { "memory", 0, CLI_SIZE, "SIZE", offsetof(type, member.memory),                                                    \
      .help = "what the trials trained at once may take together, by their plan; others wait (default: what "          \
              "the machine or its control group has left)" },                                                          \
    { "memory-limit", 0, CLI_SIZE, "SIZE", offsetof(type, member.memory_limit),                                        \
      .help = "address space of a worker: 500M, 2G" },                                                                 \
    { "stall-seconds", 0, CLI_SECONDS, "SECONDS", offsetof(type, member.stall_seconds),                                \
      .help = "end a worker that is silent for so long (default 300, or $TPRUN_STALL_SECONDS)" },                      \
    { "stop-after", 0, CLI_SECONDS, "SECONDS", offsetof(type, member.stop_after),                                      \
      .help = "stop at a checkpoint when so much time has passed: 1800, 30min, 2h (exit status 75); the same command " \
              "resumes" },                                                                                             \
    { "no-progress", 0, CLI_FLAG, NULL, offsetof(type, member.no_progress), .help = "no live lines on a terminal" }
/* clang-format on */

bool train_shows_progress(const struct train_choice *t);
/* What these, the shared options and the environment say of a run. */
int train_options(const struct cli *c, const struct train_choice *t, struct run_options *o, struct err *e);
/* Runs a plan into the database `db`: in its place, or in a copy in the folder `local` that is published there. local:
 * NULL for a copy only where the database is on a network file system. */
int train_run(const char *db, const char *local, struct plan *p, struct run_options *o, struct run_result *result,
              struct err *e);
/* Opens the plan of the command's arguments, and keeps what the check learns of the cells for the runner. */
int train_open_plan(const struct cli *c, struct plan *p, struct err *e);
/* "tprun: 6 trials: 4 done, 1 failed, 1 left" */
void train_print_counts(const struct cli *c, const struct run_result *x);

#endif
