/* The values that a claim without SQL is about. */
#include "store/claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void claim_side_free(struct claim_side *side)
{
    free(side->variant);
    free(side->items);
    free(side->inputs);
    *side = (struct claim_side){ 0 };
}

static double column_or_nan(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(stmt, column);
}

/* Of a trial that has results. */
static int same_origin(struct claim_side *side, sqlite3_stmt *stmt)
{
    const char *inputs = (const char *)sqlite3_column_text(stmt, 7);
    const int64_t numerics = sqlite3_column_int64(stmt, 6);
    if (!side->inputs) {
        side->numerics = numerics;
        side->inputs = strdup(inputs ? inputs : "");
        return side->inputs ? 0 : ERR_MEMORY;
    }
    side->mixed = side->mixed || side->numerics != numerics || strcmp(side->inputs, inputs ? inputs : "") != 0;
    return 0;
}

/* What is best, or the mean from a step on, of what was logged is not that of the trial. */
static void hold_partial(struct claim *c, const struct claim_side *side)
{
    const bool best = c->at && !strcmp(c->at, "best"), selected = c->at && !strcmp(c->at, "selected");
    if (side->n_partial)
        claim_hold(
            c, "in %zu of the %zu seeds of '%s' %s was in the log for a part of the training, so that %s is not known",
            side->n_partial, side->n_trials, side->variant, selected ? "what selects the step" : c->metric,
            best       ? "its best value"
            : selected ? "that step"
                       : "its mean");
}

static int add_trial(const struct claim *c, struct claim_side *side, sqlite3_stmt *stmt)
{
    struct claim_value *grown = realloc(side->items, (side->n_trials + 1) * sizeof *grown);
    if (!grown)
        return ERR_MEMORY;
    side->items = grown;
    const bool outdated = strcmp((const char *)sqlite3_column_text(stmt, 1), "outdated") == 0;
    const enum trial_state state = outdated ? TRIAL_QUEUED : trial_state_of((const char *)sqlite3_column_text(stmt, 1));
    if (state != TRIAL_QUEUED && sqlite3_column_type(stmt, 6) != SQLITE_NULL)
        TRY(same_origin(side, stmt));
    const double value = column_or_nan(stmt, 2), first = column_or_nan(stmt, 3);
    side->n_diverged += state == TRIAL_DIVERGED;
    side->n_failed += state == TRIAL_FAILED;
    side->n_outdated += outdated;
    side->n_waiting += !outdated && (state == TRIAL_QUEUED || state == TRIAL_RUNNING || state == TRIAL_INTERRUPTED);
    const bool partial = state == TRIAL_DONE && sqlite3_column_int(stmt, 8) != 0;
    const bool found = state == TRIAL_DONE && !isnan(value) && !partial;
    side->n_partial += partial;
    side->n += found;
    side->by_test = side->by_test || sqlite3_column_int(stmt, 4) != 0;
    side->larger = sqlite3_column_int(stmt, 5) != 0;
    side->items[side->n_trials++] =
        (struct claim_value){ sqlite3_column_int64(stmt, 0), found, c->error ? 100 - value : value,
                              c->error ? 100 - first : first };
    return 0;
}

int claim_side_read(struct store *s, int64_t study, struct claim *c, const char *variant, struct claim_side *side,
                    struct err *e)
{
    *side = (struct claim_side){ .variant = strdup(variant) };
    sqlite3_stmt *stmt;
    int code = side->variant ? 0 : ERR_MEMORY;
    TRY(QUERY(s, c->of_layer ? SQL_GET_CLAIM_LAYER_VALUES : SQL_GET_CLAIM_VALUES, &stmt, e, value_int(study),
              value_text(variant), value_text(c->cell), value_text(c->metric), value_text(c->at), value_int(c->step),
              c->of_layer ? value_int(c->layer) : value_null()));
    while (stmt && code == 0) {
        code = add_trial(c, side, stmt);
        if (code == 0)
            TRY(write_next(s, &stmt, e));
    }
    if (code < 0) {
        write_reset(&stmt);
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    }
    hold_partial(c, side);
    return 0;
}
