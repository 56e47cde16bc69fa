/* What a trial's numbers come from beside its configuration, and which trials of its cell are outdated by it. */
#include "base/text.h"
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

int store_check_origin(struct store *s, const struct store_origin *origin, struct err *e)
{
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_ORIGIN, &stmt, e, value_int(origin->trial)));
    if (!stmt)
        return 0;
    const int64_t version = sqlite3_column_int64(stmt, 0);
    struct text stored = { 0 };
    const char *inputs = (const char *)sqlite3_column_text(stmt, 1);
    text_puts(&stored, inputs ? inputs : "{}"); /* a trial of an older program: not known */
    write_reset(&stmt);
    int code = QUERY(s, SQL_IS_JSON, &stmt, e, value_text(stored.s));
    if (code == 0 && stmt && !sqlite3_column_int(stmt, 0))
        code = err_set(e, ERR_CONFLICT,
                       "the inputs that the database has of it are no JSON: another program changed it; "
                       "`tprun run --force` trains it again");
    write_reset(&stmt);
    if (code == 0 && version != origin->numerics_version)
        code = err_set(
            e, ERR_CONFLICT,
            "begun by a tprun whose numbers have version %lld, and this one's have %lld; `tprun run --force` trains it "
            "again",
            (long long)version, (long long)origin->numerics_version);
    if (code == 0)
        code = QUERY(s, SQL_OTHER_INPUT, &stmt, e, value_text(stored.s), value_text(origin->inputs));
    if (code == 0 && stmt)
        code =
            err_set(e, ERR_CONFLICT,
                    "'%s' is not the file that the trial was begun with: SHA-256 %s then, %s now; bring that one back, "
                    "or `tprun run --force` trains it again",
                    (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1),
                    (const char *)sqlite3_column_text(stmt, 2));
    write_reset(&stmt);
    text_free(&stored);
    return code;
}

static int count_outdated(struct store *s, int64_t trial, int64_t *n, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_COUNT_OUTDATED, &stmt, e, value_int(trial)));
    *n = stmt ? sqlite3_column_int64(stmt, 0) : 0;
    write_reset(&stmt);
    return 0;
}

void origin_forget(struct store *s)
{
    free(s->uniform_cell);
    s->uniform_cell = NULL;
}

static int set_outdated(struct store *s, int64_t trial, int64_t *n_outdated, struct err *e)
{
    int64_t before, after;
    int changes = 0;
    TRY(count_outdated(s, trial, &before, e));
    TRY(WRITE(s, SQL_SET_OUTDATED, &changes, e, value_int(trial)));
    TRY(count_outdated(s, trial, &after, e));
    *n_outdated = after > before ? after - before : 0;
    if (changes > 0) {
        sqlite3_stmt *stmt;
        TRY(QUERY(s, SQL_TRIAL_KEY, &stmt, e, value_int(trial)));
        const int64_t study = stmt ? sqlite3_column_int64(stmt, 1) : 0;
        write_reset(&stmt);
        TRY(study_forget_statistics(s, study, e));
    }
    return 0;
}

/* Whether trials of the cell may be outdated. A cell of thousands of seeds, which begin one after the other, is looked
 * at once, and then known by its name and origin. */
static int may_differ(struct store *s, int64_t trial, bool *differ, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_NAME_CELL, &stmt, e, value_int(trial)));
    const char *text = stmt ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    const bool known = text && s->uniform_cell && strcmp(text, s->uniform_cell) == 0;
    char *name = text && !known ? strdup(text) : NULL;
    write_reset(&stmt);
    *differ = false;
    if (known)
        return 0;
    origin_forget(s);
    s->uniform_cell = name; /* without memory for it the next trial is looked at too */
    TRY(QUERY(s, SQL_CELL_DIFFERS, &stmt, e, value_int(trial)));
    *differ = stmt != NULL;
    write_reset(&stmt);
    if (*differ)
        origin_forget(s);
    return 0;
}

int store_put_origin(struct store *s, const struct store_origin *origin, int64_t *n_outdated, struct err *e)
{
    bool differ;
    *n_outdated = 0;
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_SET_ORIGIN, NULL, e, value_int(origin->trial), value_int(origin->numerics_version),
              value_text(origin->inputs)));
    TRY(may_differ(s, origin->trial, &differ, e));
    if (differ)
        TRY(set_outdated(s, origin->trial, n_outdated, e));
    return write_end(s, 1, e);
}
