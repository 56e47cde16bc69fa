#include "cli/cli.h"

#ifndef TPRUN_VERSION
#define TPRUN_VERSION "0"
#endif
#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char cli_code[] = "tprun " TPRUN_VERSION " (" COMPILER ")";

int cli_fail(const struct cli *c, int code, struct err *e)
{
    err_print(e, stderr, c->color_err);
    err_clear(e);
    return code < 0 ? err_exit_status(code) : 0;
}

int cli_open_plan(const struct cli *c, struct plan *p, bool one_trial, struct err *e)
{
    const struct plan_options o = { .profile = c->profile,
                                    .n_overrides = c->n_overrides,
                                    .n_variants = c->n_variants,
                                    .overrides = c->overrides,
                                    .variants = c->variants,
                                    .yes = c->yes,
                                    .one_trial = one_trial };
    return plan_open(p, c->arguments, c->n_arguments, &o, e);
}

int cli_select(const struct cli *c, struct query *q, const char *sql, const char *const *arguments, size_t n,
               struct err *e)
{
    return query_print(q, sql, arguments, n, c->format, stdout, NULL, e);
}

void cli_run_options(const struct cli *c, struct run_options *o)
{
    *o = (struct run_options){ .db = c->db,
                               .code = cli_code,
                               .jobs = c->jobs,
                               .fail_fast = c->fail_fast,
                               .force = c->force,
                               .quiet = c->quiet,
                               .progress = c->progress,
                               .color = c->color_err,
                               .verbose = c->verbose,
                               .memory_limit = c->memory_limit,
                               .stall_seconds = c->stall_seconds };
}
