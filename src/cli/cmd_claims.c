#include "cli/cli.h"

#include "base/clean.h"
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

/* Measures again. While a run holds the database the last verdicts are shown: the run measures when it ends. */
static int refresh(const struct cli *c, const struct ids *ids, struct err *e)
{
    struct store *s = NULL;
    struct err opening = { 0 };
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
    int code = 0;
    store_limit_measures(s, &c->limits);
    for (size_t i = 0; i < ids->n && code == 0; i++)
        code = store_refresh(s, ids->items[i], e);
    const int closed = store_close(s, e);
    return code < 0 ? code : closed;
}

static int measure(const struct cli *c, bool *refuted, struct err *e)
{
    struct query *q;
    struct ids ids = { 0 };
    const char *study = c->n_arguments ? c->arguments[0] : NULL;
    static const char which[] = "SELECT id FROM study WHERE ?1 IS NULL OR name = ?1";
    static const char rows[] = "SELECT study, id, reported, measured, low, high, verdict, text, note FROM claims WHERE "
                               "?1 IS NULL OR study = ?1";
    TRY(query_open(&q, c->db, e));
    int code = query_rows(q, which, &study, 1, add_id, &ids, e);
    query_close(q);
    if (code == 0 && study && ids.n == 0)
        code = err_set(e, ERR_USAGE, "%s: no study '%s'", c->db, study);
    if (code == 0)
        code = refresh(c, &ids, e);
    free(ids.items);
    TRY(code);
    TRY(query_open(&q, c->db, e));
    bool found;
    double n = 0;
    code = cli_select(c, q, rows, &study, 1, e);
    if (code == 0)
        code = query_number(q, "SELECT count(*) FROM claims WHERE verdict = 'refuted' AND (?1 IS NULL OR study = ?1)",
                            &study, 1, &found, &n, e);
    query_close(q);
    *refuted = n > 0;
    return code;
}

static int run(const struct cli *c)
{
    struct err e = { 0 };
    bool refuted = false;
    const int status = cli_fail(c, measure(c, &refuted, &e), &e);
    return status ? status : refuted;
}

const struct command command_claims = {
    .name = "claims",
    .arguments = "[STUDY]",
    .summary = "Compare what papers report with what was measured",
    .help = "Exit status 1 if a claim is refuted.\n",
    .options = GROUP_DB | GROUP_FORMAT | GROUP_QUERY,
    .max_arguments = 1,
    .run = run,
};
