/* Trials: queued once, found again by their key, reset by --force. */
#include "store/writer.h"

#include <math.h>
#include <string.h>

const char *const trial_state_names[] = { "queued", "running", "done", "diverged", "failed", "interrupted", NULL };

enum trial_state trial_state_of(const char *name)
{
    for (int i = 0; trial_state_names[i]; i++)
        if (strcmp(trial_state_names[i], name) == 0)
            return (enum trial_state)i;
    return TRIAL_FAILED; /* the schema allows no other name */
}

/* What else a stored trial says: does the caller's description agree? */
struct stored {
    int64_t study;
    bool same_labels, same_generation;
    int64_t budget;
    char study_name[128];
};

static bool column_is(sqlite3_stmt *stmt, int column, const char *text)
{
    const char *stored = (const char *)sqlite3_column_text(stmt, column);
    return text && stored ? strcmp(stored, text) == 0 : !text && !stored;
}

static double column_or_nan(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? NAN : sqlite3_column_double(stmt, column);
}

/* Of SQL_GET_CHECKPOINTS. */
static struct spent read_spent(sqlite3_stmt *stmt)
{
    return (struct spent){ column_or_nan(stmt, 3), column_or_nan(stmt, 4) };
}

/* trial may be NULL; then stored is not filled. */
static int load(struct store *s, const char *key, const struct store_trial *trial, bool *found,
                struct store_trial_row *row, struct stored *stored, struct err *e)
{
    *row = (struct store_trial_row){ 0 };
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_TRIAL, &stmt, e, value_text(key)));
    *found = stmt != NULL;
    if (!stmt)
        return 0;
    row->id = sqlite3_column_int64(stmt, 0);
    row->state = trial_state_of((const char *)sqlite3_column_text(stmt, 2));
    row->step = sqlite3_column_int64(stmt, 3);
    row->budget = sqlite3_column_int64(stmt, 4);
    const char *weights = (const char *)sqlite3_column_text(stmt, 14);
    snprintf(row->weights_sha256, sizeof row->weights_sha256, "%s", weights ? weights : "");
    if (trial) {
        stored->study = sqlite3_column_int64(stmt, 1);
        stored->same_labels = column_is(stmt, 5, trial->variant) && column_is(stmt, 6, trial->cell) &&
                              sqlite3_column_int64(stmt, 7) == trial->seed &&
                              sqlite3_column_int64(stmt, 8) == trial->config && column_is(stmt, 13, trial->tuning);
        stored->budget = sqlite3_column_int64(stmt, 9);
        stored->same_generation = sqlite3_column_int64(stmt, 10) == sqlite3_column_int64(stmt, 11);
        snprintf(stored->study_name, sizeof stored->study_name, "%s", (const char *)sqlite3_column_text(stmt, 12));
    }
    write_reset(&stmt);

    TRY(QUERY(s, SQL_GET_CHECKPOINTS, &stmt, e, value_int(row->id)));
    if (stmt) {
        row->checkpoint_step = sqlite3_column_int64(stmt, 0);
        snprintf(row->checkpoint_path, sizeof row->checkpoint_path, "%s", (const char *)sqlite3_column_text(stmt, 1));
        snprintf(row->checkpoint_sha256, sizeof row->checkpoint_sha256, "%s",
                 (const char *)sqlite3_column_text(stmt, 2));
        row->checkpoint_spent = read_spent(stmt);
        TRY(write_next(s, &stmt, e));
    }
    if (stmt) {
        row->previous_step = sqlite3_column_int64(stmt, 0);
        snprintf(row->previous_path, sizeof row->previous_path, "%s", (const char *)sqlite3_column_text(stmt, 1));
        snprintf(row->previous_sha256, sizeof row->previous_sha256, "%s", (const char *)sqlite3_column_text(stmt, 2));
        row->previous_spent = read_spent(stmt);
        write_reset(&stmt);
    }
    return 0;
}

int store_find_trial(struct store *s, const char *key, bool *found, struct store_trial_row *row, struct err *e)
{
    TRY(write_check(s, e));
    if (s->weight) { /* trial.step of rows that are still queued */
        TRY(write_begin(s, e));
        TRY(metric_put_summaries(s, e));
    }
    return load(s, key, NULL, found, row, NULL, e);
}

static int put_params(struct store *s, int64_t id, const struct store_trial *trial, struct err *e)
{
    for (size_t i = 0; i < trial->n_params; i++) {
        const struct store_param *p = &trial->params[i];
        TRY(WRITE(s, SQL_PUT_PARAM, NULL, e, value_int(id), value_text(p->key), value_real(p->number),
                  value_text(config_param_text(p)), value_int(p->swept ? 1 : 0)));
    }
    return 0;
}

static int put_place(struct store *s, int64_t id, const struct store_trial *trial, struct err *e)
{
    return WRITE(s, SQL_PUT_PLACE, NULL, e, value_int(trial->study), value_int(trial->position), value_int(id),
                 value_real(trial->operations), value_real(trial->memory_bytes));
}

/* Another trial with this name is no longer what the study asks for. */
static int supersede(struct store *s, const struct store_trial *trial, struct err *e)
{
    if (trial->one_off)
        return 0;
    int changes = 0;
    TRY(WRITE(s, SQL_SUPERSEDE_TRIAL, &changes, e, value_int(trial->study), value_text(trial->variant),
              value_text(trial->cell), value_int(trial->seed), value_text(trial->key)));
    return changes > 0 ? study_forget_statistics(s, trial->study, e) : 0;
}

int store_put_trial(struct store *s, const struct store_trial *trial, struct store_trial_row *row, struct err *e)
{
    TRY(write_begin(s, e));
    origin_forget(s);
    bool found = false;
    struct stored stored = { 0 };
    TRY(load(s, trial->key, trial, &found, row, &stored, e));
    if (found && stored.study != trial->study)
        return write_refuse(s, ERR_CONFLICT, e, "%s: trial %.12s belongs to study '%s' already", s->path, trial->key,
                            stored.study_name);
    if (!found) {
        int changes = 0;
        TRY(WRITE(s, SQL_PUT_TRIAL, &changes, e, value_text(trial->key), value_int(trial->study),
                  value_text(trial->variant), value_text(trial->cell), value_int(trial->seed), value_int(trial->config),
                  value_int(trial->budget), value_int(write_utc_ms()), value_int(trial->one_off),
                  value_text(trial->tuning)));
        if (changes == 0)
            return write_refuse(s, ERR_STORAGE, e, "%s: there is no study %lld", s->path, (long long)trial->study);
        row->id = sqlite3_last_insert_rowid(s->db);
        row->state = TRIAL_QUEUED;
        TRY(put_params(s, row->id, trial, e));
        TRY(supersede(s, trial, e));
        TRY(put_place(s, row->id, trial, e));
        return write_end(s, trial->n_params + 1, e);
    }
    row->of_specification = trial->one_off && stored.same_generation;
    if (row->of_specification) { /* its labels and its budget are the file's */
        TRY(put_place(s, row->id, trial, e));
        return write_end(s, 1, e);
    }
    if (!stored.same_labels || !stored.same_generation) { /* the same computation by another name, or another budget */
        TRY(study_forget_statistics(s, trial->study, e));
        TRY(WRITE(s, SQL_RELABEL_TRIAL, NULL, e, value_int(row->id), value_text(trial->variant),
                  value_text(trial->cell), value_int(trial->seed), value_int(trial->config),
                  value_text(trial->tuning)));
        TRY(WRITE(s, SQL_DELETE_PARAMS, NULL, e, value_int(row->id)));
        TRY(put_params(s, row->id, trial, e));
        TRY(supersede(s, trial, e));
    }
    if (!trial->one_off)
        TRY(WRITE(s, SQL_SET_GENERATION, NULL, e, value_int(row->id)));
    if (row->state == TRIAL_DONE && !trial->keep_budget && trial->budget > row->budget) /* it counts no more as done */
        TRY(study_forget_statistics(s, trial->study, e));
    TRY(WRITE(s, SQL_SET_BUDGET, NULL, e, value_int(row->id), value_int(trial->budget), value_int(trial->keep_budget),
              value_int(trial->anew)));
    TRY(put_place(s, row->id, trial, e));
    return write_end(s, 1, e);
}

int store_keep_trial(struct store *s, int64_t trial, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_KEEP_BUDGET, NULL, e, value_int(trial)));
    return write_end(s, 1, e);
}

int store_reset_trial(struct store *s, int64_t trial, struct err *e)
{
    static const enum statement steps[] = { SQL_DELETE_METRICS, SQL_DELETE_LAYER_METRICS, SQL_DELETE_SUMMARIES,
                                            SQL_DELETE_COSTS,   SQL_DELETE_EVENTS,        SQL_DELETE_CHECKPOINTS,
                                            SQL_DELETE_RUNS,    SQL_DELETE_PROGRESS,      SQL_DELETE_NONDETERMINISM };
    TRY(write_begin(s, e));
    TRY(metric_put_summaries(s, e));
    series_forget(s, trial);
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_TRIAL_KEY, &stmt, e, value_int(trial)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no trial %lld", s->path, (long long)trial);
    const int64_t study = sqlite3_column_int64(stmt, 1);
    write_reset(&stmt);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        TRY(WRITE(s, steps[i], NULL, e, value_int(trial)));
    TRY(study_forget_statistics(s, study, e));
    TRY(WRITE(s, SQL_FORGET_CLAIMS, NULL, e, value_int(trial)));
    TRY(WRITE(s, SQL_RESET_TRIAL, NULL, e, value_int(trial), value_int(write_utc_ms())));
    return write_end(s, 1, e);
}

int trial_cut(struct store *s, int64_t trial, int64_t from_step, struct err *e)
{
    static const enum statement steps[] = { SQL_CUT_METRICS, SQL_CUT_LAYER_METRICS, SQL_CUT_PROGRESS,
                                            SQL_CUT_NONDETERMINISM };
    int changes = 0;
    TRY(WRITE(s, SQL_CUT_TRIAL, &changes, e, value_int(trial), value_int(from_step)));
    if (changes == 0)
        return 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        TRY(WRITE(s, steps[i], NULL, e, value_int(trial)));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_SUMMARIZED, &stmt, e, value_int(trial)));
    while (stmt) {
        size_t name;
        struct open_trial *t;
        struct series *series;
        TRY(series_find_name(s, (const char *)sqlite3_column_text(stmt, 0), &name, e));
        TRY(series_find(s, trial, name, &t, &series, e));
        series->rebuild = series->dirty = true;
        TRY(write_next(s, &stmt, e));
    }
    TRY(metric_put_summaries(s, e));
    series_forget(s, trial);
    return WRITE(s, SQL_DELETE_EMPTY_SUMMARIES, NULL, e, value_int(trial));
}
