/* Which trial stands where in a study's specification, so that a study can be started again without composing its
 * trials. */
#include "store/writer.h"

int store_is_queued(struct store *s, int64_t study, const char *sha256, bool *queued, struct err *e)
{
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_QUEUED, &stmt, e, value_int(study), value_text(sha256)));
    *queued = stmt != NULL;
    write_reset(&stmt);
    return 0;
}

int store_begin_queue(struct store *s, int64_t study, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_SET_QUEUED, NULL, e, value_int(study), value_null()));
    TRY(WRITE(s, SQL_DELETE_PLACES, NULL, e, value_int(study)));
    return write_end(s, 1, e);
}

int store_end_queue(struct store *s, int64_t study, const char *sha256, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(write_exec(s, SQL_DELETE_CONFIG_PARAMS, NULL, 0, NULL, e));
    TRY(write_exec(s, SQL_DELETE_CONFIGS, NULL, 0, NULL, e));
    int changes = 0;
    TRY(WRITE(s, SQL_SET_ALL_OUTDATED, &changes, e, value_int(study))); /* trials may have come into other cells */
    if (changes > 0)
        TRY(study_forget_statistics(s, study, e));
    TRY(WRITE(s, SQL_SET_QUEUED, NULL, e, value_int(study), value_text(sha256)));
    return write_end(s, 1, e);
}

int store_visit_places(struct store *s, int64_t study, int (*visit)(void *self, const struct store_place *p),
                       void *self, struct err *e)
{
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_PLACES, &stmt, e, value_int(study)));
    while (stmt) {
        const struct store_place p = { .position = sqlite3_column_int64(stmt, 0),
                                       .trial = sqlite3_column_int64(stmt, 1),
                                       .state = trial_state_of((const char *)sqlite3_column_text(stmt, 2)),
                                       .finished_budget = sqlite3_column_int64(stmt, 3),
                                       .budget = sqlite3_column_int64(stmt, 4),
                                       .config = sqlite3_column_int64(stmt, 5),
                                       .checkpoint_step = sqlite3_column_int64(stmt, 6),
                                       .checkpoint = (const char *)sqlite3_column_text(stmt, 7),
                                       .previous = (const char *)sqlite3_column_text(stmt, 8),
                                       .operations = sqlite3_column_double(stmt, 9),
                                       .memory_bytes = sqlite3_column_double(stmt, 10) };
        const int code = visit(self, &p);
        if (code < 0) {
            write_reset(&stmt);
            return err_set(e, code, "out of memory");
        }
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}
