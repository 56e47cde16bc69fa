/* Choosing a cell of the sweep by validation, and the trials that are made of it with fresh seeds. */
#include "store/writer.h"

int store_put_tune(struct store *s, int64_t study, const struct store_tune *tune, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_DELETE_TUNE, NULL, e, value_int(study)));
    TRY(WRITE(s, SQL_DELETE_TUNE_KEYS, NULL, e, value_int(study)));
    if (tune)
        TRY(WRITE(s, SQL_PUT_TUNE, NULL, e, value_int(study), value_text(tune->metric),
                  value_text(tune->largest ? "max" : "min"), value_int(tune->n_seeds)));
    for (size_t i = 0; tune && i < tune->n_keys; i++)
        TRY(WRITE(s, SQL_PUT_TUNE_KEY, NULL, e, value_int(study), value_text(tune->keys[i]),
                  value_int(tune->drawn[i] ? 1 : 0)));
    return write_end(s, 1, e);
}

int store_visit_choices(struct store *s, int64_t study, int (*visit)(void *self, const struct store_choice *c),
                        void *self, struct err *e)
{
    TRY(store_flush(s, e)); /* summaries of rows that are still queued decide it */
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CHOICES, &stmt, e, value_int(study)));
    while (stmt) {
        const struct store_choice c = { (const char *)sqlite3_column_text(stmt, 0),
                                        (const char *)sqlite3_column_text(stmt, 1), sqlite3_column_int64(stmt, 2),
                                        sqlite3_column_int64(stmt, 3) };
        if (visit(self, &c) < 0) {
            write_reset(&stmt);
            return err_set(e, ERR_MEMORY, "out of memory");
        }
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

int store_begin_tuned(struct store *s, int64_t study, int64_t first, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_DELETE_PLACES_FROM, NULL, e, value_int(study), value_int(first)));
    return write_end(s, 1, e);
}

int store_end_tuned(struct store *s, int64_t study, int64_t first, struct err *e)
{
    int changes = 0;
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_SUPERSEDE_TUNED, &changes, e, value_int(study), value_int(first)));
    if (changes > 0)
        TRY(study_forget_statistics(s, study, e));
    TRY(write_exec(s, SQL_DELETE_CONFIG_PARAMS, NULL, 0, NULL, e)); /* trials of another budget have another text */
    TRY(write_exec(s, SQL_DELETE_CONFIGS, NULL, 0, NULL, e));
    return write_end(s, 1, e);
}
