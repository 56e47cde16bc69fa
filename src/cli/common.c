#include "cli/cli.h"
#include "commit.h"

#include <stdlib.h>
#include <string.h>

#ifndef TPRUN_VERSION
#define TPRUN_VERSION "0"
#endif
#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define CODE "tprun " TPRUN_VERSION " (" COMPILER ")"
const char cli_code[] = CODE;
const char *cli_build(void)
{
    return sizeof TPRUN_COMMIT > 1 ? CODE ", commit " TPRUN_COMMIT : CODE;
}

int cli_fail(const struct cli *c, int code, struct err *e)
{
    if (code < 0 && e->code == ERR_MEMORY) /* a file that could not be read for want of memory is not wrong */
        code = ERR_MEMORY;
    err_print(e, stderr, c->color_err);
    err_clear(e);
    return code < 0 ? err_exit_status(code) : 0;
}

struct plan_options cli_plan_options(const struct cli *c)
{
    return (struct plan_options){ .profile = c->profile,
                                  .n_overrides = c->overrides.n,
                                  .n_variants = c->variants.n,
                                  .overrides = c->overrides.items,
                                  .variants = c->variants.items,
                                  .yes = c->yes,
                                  .code = cli_code };
}

int cli_open_plan(const struct cli *c, struct plan *p, bool one_trial, struct err *e)
{
    struct plan_options o = cli_plan_options(c);
    o.one_trial = one_trial;
    return plan_open(p, c->arguments.items, c->arguments.n, &o, e);
}

enum query_format cli_format(const struct cli *c, enum query_format otherwise)
{
    return c->format ? (enum query_format)(c->format - 1) : otherwise;
}

int cli_select(const struct cli *c, struct query *q, const char *sql, const char *const *arguments, size_t n,
               struct err *e)
{
    return query_print(q, sql, arguments, n, cli_format(c, FORMAT_TABLE), stdout, NULL, e);
}

bool cli_is_key(const char *name)
{
    return strlen(name) >= 4 && strlen(name) <= 64 && strspn(name, "0123456789abcdef") == strlen(name);
}

int cli_find_trial(const struct cli *c, struct query *q, const char *key, int64_t *id, struct err *e)
{
    bool found;
    double n = 0, number = 0;
    TRY(query_number(q, "SELECT count(*) FROM trial WHERE substr(key, 1, length(?1)) = ?1", &key, 1, &found, &n, e));
    if (n != 1)
        return err_set(e, ERR_USAGE,
                       n > 1 ? "%s: the keys of several trials begin with %s" : "%s: no trial whose key begins with %s",
                       c->db, key);
    TRY(query_number(q, "SELECT id FROM trial WHERE substr(key, 1, length(?1)) = ?1", &key, 1, &found, &number, e));
    *id = (int64_t)number;
    return 0;
}

int cli_run_options(const struct cli *c, struct run_options *o, struct err *e)
{
    const char *stall = getenv("TPRUN_STALL_SECONDS");
    *o = (struct run_options){ .db = c->db,
                               .code = cli_build(),
                               .quiet = c->quiet,
                               .color = c->color_err,
                               .verbose = c->verbose,
                               .checkpoints = c->checkpoints,
                               .limits = c->limits };
    return stall ? option_duration(stall, "TPRUN_STALL_SECONDS", 1, &o->stall_seconds, e) : 0;
}
