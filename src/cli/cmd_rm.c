#include "cli/confirm.h"
#include "cli/ids.h"
#include "cli/writer.h"

#include "base/clean.h"
#include "run/checkpoint_set.h"
#include "store/bounded.h"
#include "store/meant.h"
#include "store/remove.h"
#include <inttypes.h>
#include <stdlib.h>

struct rm_choice {
    struct confirm_choice confirm;
    struct cli_list variants, cells;
    const char *where;
};
static const struct cli_option options[] = {
    { "variant", 0, CLI_LIST, "NAME", offsetof(struct rm_choice, variants),
      .help = "only trials of this variant (may be given again)" },
    { "cell", 0, CLI_LIST, "CELL", offsetof(struct rm_choice, cells),
      .help = "only trials of this cell of the sweep (may be given again)" },
    { "where", 0, CLI_TEXT, "SQL", offsetof(struct rm_choice, where),
      .help = "only trials for which this is true of their row of view all_trials" },
    CONFIRM_OPTIONS(struct rm_choice, confirm),
    { 0 },
};

/* What goes: a condition on all_trials with its arguments, and the trials for which it is true. */
struct selection {
    const char *study; /* NULL: of any */
    bool whole;        /* the study goes with its trials */
    double study_id;
    struct text where;
    const char **arguments;
    size_t n_arguments;
    struct arena arena;
    struct cli_list cells; /* by their whole names */
    struct ids trials;
};

static void add_list(struct selection *s, const char *column, const struct cli_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        s->arguments[s->n_arguments++] = list->items[i];
        if (i == 0)
            text_add(&s->where, " AND %s IN (", column);
        text_add(&s->where, "%s?%zu", i ? ", " : "", s->n_arguments);
    }
    if (list->n)
        text_puts(&s->where, ")");
}

/* Whether there are such variants and cells; cells by their whole names from here on. */
static int resolve(const struct rm_choice *o, struct query *q, struct selection *s, struct err *e)
{
    for (size_t i = 0; i < o->variants.n; i++)
        TRY(meant_variant(q, s->study, o->variants.items[i], e));
    s->cells = o->cells;
    s->cells.items = arena_need(&s->arena, o->cells.n + 1, sizeof *s->cells.items);
    for (size_t i = 0; i < o->cells.n; i++)
        TRY(meant_cell(q, s->study, o->cells.items[i], &s->arena, &s->cells.items[i], e));
    return 0;
}

static int compose(const struct cli *c, const struct rm_choice *o, struct query *q, struct selection *s, struct err *e)
{
    bool found = false;
    s->study = c->arguments.n ? c->arguments.items[0] : NULL;
    s->whole = s->study && !o->variants.n && !o->cells.n && !o->where;
    s->arguments = calloc(1 + o->variants.n + o->cells.n, sizeof *s->arguments);
    if (!s->arguments)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (!s->study && !o->variants.n && !o->cells.n && !o->where)
        return err_set(e, ERR_USAGE, "name a STUDY, or say which trials: --variant, --cell, --where");
    text_puts(&s->where, "1");
    if (s->study) {
        TRY(query_number(q, "SELECT id FROM study WHERE name = ?1", &s->study, 1, &found, &s->study_id, e));
        if (!found)
            return meant_no_study(q, s->study, "; `tprun ls` lists them", e);
        s->arguments[s->n_arguments++] = s->study;
        text_puts(&s->where, " AND study = ?1");
    }
    TRY(resolve(o, q, s, e));
    add_list(s, "variant", &o->variants);
    add_list(s, "cell", &s->cells);
    if (o->where) {
        struct text alone = { 0 };
        text_add(&alone, "SELECT 1 FROM all_trials WHERE\n%s", o->where); /* "1) OR (1" is no condition */
        const int code = query_compile(q, alone.s, e);
        text_free(&alone);
        TRY(code);
        text_add(&s->where, " AND (\n%s\n)", o->where);
    }
    return 0;
}

static int select_trials(const struct cli *c, const struct rm_choice *o, struct query *q, struct selection *s,
                         struct err *e)
{
    struct text sql = { 0 };
    TRY(compose(c, o, q, s, e));
    text_add(&sql, "SELECT trial_id FROM all_trials WHERE %s", s->where.s);
    const int code = ids_select(&s->trials, q, sql.s, s->arguments, s->n_arguments, e);
    text_free(&sql);
    TRY(code);
    return s->trials.n || s->whole ? 0 : err_set(e, ERR_USAGE, "%s: there is no such trial", c->db);
}

static int show(const struct cli *c, struct query *q, const struct selection *s, struct err *e)
{
    struct text sql = { 0 };
    text_add(
        &sql,
        "SELECT study, variant, count(*) AS trials, sum(current) AS current, sum(state = 'done') AS done, "
        "sum(state = 'diverged') AS diverged, sum(state = 'failed') AS failed, sum((SELECT sum(u.n) FROM summary u "
        "WHERE u.trial_id = t.trial_id)) AS \"rows\", sum((SELECT count(*) FROM checkpoint c "
        "WHERE c.trial_id = t.trial_id)) AS checkpoints FROM all_trials t WHERE %s "
        "GROUP BY study, variant ORDER BY study, variant",
        s->where.s);
    const int code = c->quiet ? 0 : cli_select(c, q, sql.s, s->arguments, s->n_arguments, e);
    text_free(&sql);
    return code;
}

static bool is_meant(const struct cli *c, const struct rm_choice *o, const struct selection *s)
{
    struct text question = { 0 };
    text_add(&question, "tprun: remove %s%s%s%zu %s from %s, with all that belongs to them?", s->whole ? "study '" : "",
             s->whole ? s->study : "", s->whole ? "' and its " : "", s->trials.n, s->trials.n == 1 ? "trial" : "trials",
             c->db);
    const bool yes = confirm(c, &o->confirm, question.s);
    text_free(&question);
    return yes;
}

static int remove_selected(const struct cli *c, struct store *store, const struct selection *s, struct err *e)
{
    struct swept swept;
    size_t n_waiting = 0;
    TRY(s->whole ? store_remove_study(store, (int64_t)s->study_id, e)
                 : store_remove_trials(store, s->trials.n, s->trials.items, &n_waiting, e));
    TRY(checkpoint_sweep_database(c->db, CHECKPOINTS_NAMED, false, &swept, e));
    if (!c->quiet)
        clean_print_line(stderr, "tprun: %zu %s and %" PRIu64 " checkpoint files (%.1f MB) were removed", s->trials.n,
                         s->trials.n == 1 ? "trial" : "trials", swept.files, (double)swept.bytes / 1e6);
    if (!c->quiet && n_waiting)
        clean_print_line(stderr, "tprun: %zu of them %s asked for by %s and %s for the next run", n_waiting,
                         n_waiting == 1 ? "is" : "are", s->study ? "the study" : "their studies",
                         n_waiting == 1 ? "waits" : "wait");
    return 0;
}

/* store: NULL with --dry-run. What is shown is what goes: nobody else writes meanwhile. */
static int work(const struct cli *c, const struct rm_choice *o, struct store *store, struct err *e)
{
    struct selection s = { 0 };
    struct query *q;
    TRY(query_open(&q, c->db, e));
    arena_init(&s.arena, 0);
    query_set_cpu_limit(q, bounded_limits(c->limits).cpu_seconds);
    int code = select_trials(c, o, q, &s, e);
    if (code == 0)
        code = show(c, q, &s, e);
    query_close(q);
    if (code == 0 && is_meant(c, o, &s))
        code = remove_selected(c, store, &s, e);
    text_free(&s.where);
    free(s.arguments);
    arena_finish(&s.arena);
    ids_free(&s.trials);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct rm_choice *o = own;
    struct store *store = NULL;
    struct err e = { 0 };
    int code = confirm_possible(&o->confirm, &e);
    if (code == 0 && !o->confirm.dry_run)
        code = cli_open_writer(c, &store, &e);
    if (code == 0)
        code = work(c, o, store, &e);
    return cli_fail(c, cli_close_writer(store, code, &e), &e);
}

const struct command command_rm = {
    .name = "rm",
    .arguments = "[STUDY]",
    .summary = "Remove a study or some trials, with all that belongs to them",
    .help = "Removes what is named: a study with its claims, or those of its trials that the options choose\n"
            "(of every study without STUDY), also one-offs and older ones; with metrics, attempts, tags and\n"
            "checkpoints. What goes is shown first. Trials that their study asks for lose all that was logged\n"
            "and wait for the next run, so that the others are no mean of all; the study as a whole goes\n"
            "without options.\n"
            "  tprun rm demo --where \"state = 'failed'\" -n\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, cli_limits, NULL },
    .own = options,
    .own_size = sizeof(struct rm_choice),
    .max_arguments = 1,
    .run = run,
};
