/* Trials that have ended are told, and their checkpoints removed, when their ends are committed: many short ones at
 * once, with the group of rows that they are in, as each commit waits for the disk. */
#include "run/private.h"

#include "base/killpoint.h"
#include <stdlib.h>
#include <string.h>

struct ended {
    struct attempt attempt;
    char *reason;                          /* or NULL */
    char dropped[2][CHECKPOINT_NAME_SIZE]; /* checkpoints that nothing names after the commit; "" = none */
    uint64_t ticket;                       /* acknowledged: it is committed */
};

/* More than two there are after `keep: all` alone, and these are swept when the run ends. */
static int list_dropped(struct runner *r, const struct store_end *end, struct ended *x, struct err *e)
{
    struct store_trial_row row;
    bool found;
    if (!end->drops)
        return 0;
    TRY(store_find_trial(r->store, x->attempt.key, &found, &row, e));
    if (found && end->keeps == 0)
        snprintf(x->dropped[0], sizeof x->dropped[0], "%.*s", CHECKPOINT_NAME_SIZE - 1, row.checkpoint_path);
    if (found && strcmp(row.previous_path, row.checkpoint_path) != 0)
        snprintf(x->dropped[1], sizeof x->dropped[1], "%.*s", CHECKPOINT_NAME_SIZE - 1, row.previous_path);
    return 0;
}

int ends_put(struct runner *r, const struct attempt *t, const struct store_end *end, struct err *e)
{
    struct ended *grown = realloc(r->ended, (r->n_ended + 1) * sizeof *grown);
    if (!grown)
        return err_set(e, ERR_MEMORY, "out of memory");
    r->ended = grown;
    struct ended *x = &grown[r->n_ended];
    *x = (struct ended){ .attempt = *t };
    x->attempt.end_ns = now_ns();
    TRY(list_dropped(r, end, x, e));
    TRY(store_end_run(r->store, end, e));
    x->ticket = store_queued(r->store);
    x->reason = end->reason ? strdup(end->reason) : NULL;
    r->n_ended++;
    return 0;
}

void ends_tell(struct runner *r)
{
    size_t n = 0;
    for (; n < r->n_ended && r->ended[n].ticket <= store_acknowledged(r->store); n++) {
        struct ended *x = &r->ended[n];
        KILL_POINT(RUN_END_COMMITTED);
        for (size_t i = 0; i < 2; i++)
            if (x->dropped[i][0])
                checkpoint_remove(&r->own, x->dropped[i]);
        status_ended(r, &x->attempt, x->reason);
        free(x->reason);
        r->unpublished = true;
    }
    if (n > 0)
        memmove(r->ended, r->ended + n, (r->n_ended - n) * sizeof *r->ended);
    r->n_ended -= n;
}

int ends_tell_all(struct runner *r, struct err *e)
{
    TRY(store_flush(r->store, e));
    ends_tell(r);
    return 0;
}

void ends_free(struct runner *r)
{
    for (size_t i = 0; i < r->n_ended; i++) /* after an error: they were not committed */
        free(r->ended[i].reason);
    free(r->ended);
    r->ended = NULL;
    r->n_ended = 0;
}
