#include "cli/cli.h"

#include "cli/tuned.h"
#include "cli/watch.h"
#include "report/lists.h"
#include "store/meant.h"

struct ls_choice {
    bool watch;
};
static const struct cli_option options[] = {
    { "watch", 0, CLI_FLAG, NULL, offsetof(struct ls_choice, watch),
      .help = "print it again whenever it changed, until nothing runs or waits, or ctrl-C" },
    { 0 },
};

struct ls {
    const struct cli *c;
    struct query *q;
};

static int print(void *self, struct err *e)
{
    const struct ls *ls = self;
    const struct cli *c = ls->c;
    const char *study = c->arguments.n ? c->arguments.items[0] : NULL;
    bool found;
    double n = 0;
    if (study)
        TRY(query_number(ls->q, "SELECT count(*) FROM all_trials WHERE study = ?1", &study, 1, &found, &n, e));
    if (study && n == 0)
        return meant_no_study(ls->q, study, ", or it has no trials; `tprun ls` lists the studies", e);
    TRY(cli_select(c, ls->q, study ? list_trials : list_studies, &study, study ? 1 : 0, e));
    return c->quiet ? 0 : tuned_tell_left(ls->q, c->db, study, e);
}

static int goes_on(void *self, bool *yes, struct err *e)
{
    static const char waiting[] =
        "SELECT count(*) FROM trial t JOIN study s ON s.id = t.study_id WHERE (t.state = 'running' OR "
        "(t.state IN ('queued', 'interrupted') AND t.generation IN (0, s.generation))) AND (?1 IS NULL OR s.name = ?1)";
    const struct ls *ls = self;
    const char *study = ls->c->arguments.n ? ls->c->arguments.items[0] : NULL;
    bool found;
    double n = 0;
    TRY(query_number(ls->q, waiting, &study, 1, &found, &n, e));
    *yes = n > 0;
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    const struct ls_choice *choice = own;
    struct ls ls = { .c = c };
    struct err e = { 0 };
    if (choice->watch && cli_format(c, FORMAT_TABLE) != FORMAT_TABLE)
        return cli_fail(c, err_set(&e, ERR_USAGE, "--watch prints tables: leave --format out"), &e);
    int code = query_open(&ls.q, c->db, &e);
    if (code < 0)
        return cli_fail(c, code, &e);
    const struct watch watch = { .q = ls.q, .print = print, .goes_on = goes_on, .self = &ls };
    code = choice->watch ? watch_run(&watch, &e) : print(&ls, &e);
    query_close(ls.q);
    return cli_fail(c, code, &e);
}

const struct command command_ls = {
    .name = "ls",
    .arguments = "[STUDY]",
    .summary = "List the studies of the database, or the trials of one",
    .help = "Counts are of the trials of a study's present specification; `others` are one-offs and older ones,\n"
            "which the list of a study has at its end (current 0, generation 0 = one-off).\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .own = options,
    .own_size = sizeof(struct ls_choice),
    .max_arguments = 1,
    .run = run,
};
