#include "cli/cli.h"

#include "base/clean.h"
#include "base/file.h"
#include "report/lists.h"
#include "store/meant.h"
#include "store/store.h"
#include <stdlib.h>
#include <string.h>

struct ids {
    size_t n, capacity;
    int64_t *items;
};

static int add_id(void *self, int n, const char *const *values)
{
    struct ids *ids = self;
    if (ids->n == ids->capacity) {
        ids->capacity = 2 * ids->capacity + 16;
        int64_t *items = realloc(ids->items, ids->capacity * sizeof *items);
        if (!items)
            return ERR_MEMORY;
        ids->items = items;
    }
    if (n > 0 && values[0] && text_to_int(values[0], strlen(values[0]), &ids->items[ids->n]) == 0)
        ids->n++;
    return 0;
}

static int find(const struct cli *c, const char *study, struct ids *ids, struct err *e)
{
    static const char which[] = "SELECT id FROM study WHERE ?1 IS NULL OR name = ?1 ORDER BY id";
    struct query *q;
    TRY(query_open(&q, c->db, e));
    int code = query_rows(q, which, &study, 1, add_id, ids, e);
    if (code == 0 && study && ids->n == 0)
        code = meant_no_study(q, study, "; `tprun ls` lists them", e);
    query_close(q);
    return code;
}

/* Measures again. Opening for writing brings an older database up to date. While a run holds it the last verdicts are
 * shown, as the run measures when it ends; and where nothing can be written. */
static int refresh(const struct cli *c, const char *study, struct err *e)
{
    struct store *s = NULL;
    struct err opening = { 0 };
    bool empty;
    TRY(query_check(c->db, &empty, e));
    if (empty)
        return 0; /* reading tells */
    if (!file_is_writable(c->db)) {
        if (!c->quiet)
            clean_print_line(
                stderr, "tprun: note: %s cannot be written here: these are the verdicts of its last refresh", c->db);
        return 0;
    }
    const int opened = store_open(&s, c->db, &opening);
    if (opened == ERR_LOCKED) {
        if (!c->quiet)
            clean_print_line(stderr, "tprun: note: %s; these are the verdicts of its last refresh",
                             err_first(&opening));
        err_clear(&opening);
        return 0;
    }
    if (opened < 0) {
        err_move(e, &opening);
        err_clear(&opening);
        return opened;
    }
    store_limit_measures(s, &c->limits);
    struct ids ids = { 0 };
    int code = find(c, study, &ids, e);
    for (size_t i = 0; i < ids.n && code == 0; i++)
        code = store_refresh(s, ids.items[i], e);
    free(ids.items);
    const int closed = store_close(s, e);
    return code < 0 ? code : closed;
}

static int measure(const struct cli *c, bool *refuted, struct err *e)
{
    struct query *q;
    const char *study = c->arguments.n ? c->arguments.items[0] : NULL;
    TRY(refresh(c, study, e));
    TRY(query_open(&q, c->db, e));
    query_set_digits(q, 5);
    bool found;
    double n = 0;
    int code = cli_select(c, q, list_claims, &study, 1, e);
    if (code == 0)
        code = query_number(q, "SELECT count(*) FROM claims WHERE verdict = 'refuted' AND (?1 IS NULL OR study = ?1)",
                            &study, 1, &found, &n, e);
    query_close(q);
    *refuted = n > 0;
    return code;
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    bool refuted = false;
    const int status = cli_fail(c, measure(c, &refuted, &e), &e);
    return status ? status : refuted;
}

const struct command command_claims = {
    .name = "claims",
    .arguments = "[STUDY]",
    .summary = "Compare what papers report with what was measured",
    .help = "n seeds, their sd and the 95 % interval of what was measured, and where it must lie (low, high); how a\n"
            "verdict is reached is in docs/claims.md. Exit status 1 if a claim is refuted.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, cli_limits, NULL },
    .max_arguments = 1,
    .run = run,
};
