/* What the writer keeps in memory of metrics: their names, the trials that are written to, and one summary for each
 * pair. */
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 255 };

static int out_of_memory(struct store *s, struct err *e)
{
    return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
}

/* Makes room for one more element of `size` bytes, zeroed; false without memory. */
static bool grow(void **items, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity)
        return true;
    size_t bytes;
    const size_t more = 2 * n + 16;
    if (__builtin_mul_overflow(more, size, &bytes))
        return false;
    char *bigger = realloc(*items, bytes);
    if (!bigger)
        return false;
    memset(bigger + *capacity * size, 0, bytes - *capacity * size);
    *items = bigger;
    *capacity = more;
    return true;
}

/* FNV-1a. */
static size_t name_hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

/* The slot that holds `name`, or the free one where it belongs. */
static uint32_t *name_slot(const struct store *s, const char *name)
{
    size_t at = name_hash(name) & (s->n_name_slots - 1);
    while (s->name_slots[at] && strcmp(s->names[s->name_slots[at] - 1].name, name) != 0)
        at = (at + 1) & (s->n_name_slots - 1);
    return &s->name_slots[at];
}

static bool more_slots(struct store *s)
{
    const size_t n = s->n_name_slots ? 2 * s->n_name_slots : 64;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots)
        return false;
    free(s->name_slots);
    s->name_slots = slots;
    s->n_name_slots = n;
    for (size_t i = 0; i < s->n_names; i++)
        *name_slot(s, s->names[i].name) = (uint32_t)i + 1;
    return true;
}

static enum goal goal_of(const char *text)
{
    return !text ? GOAL_NONE : strcmp(text, "max") == 0 ? GOAL_MAX : GOAL_MIN;
}

int store_put_facts(struct store *s, const struct store_facts *facts, struct err *e)
{
    size_t index;
    TRY(write_check(s, e));
    TRY(series_find_name(s, facts->name, &index, e));
    struct metric_name *name = &s->names[index];
    if (name->told) /* once for all trials */
        return 0;
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_SET_FACTS, NULL, e, value_int(name->id), value_text(facts->goal), value_text(facts->unit),
              value_int(facts->followed), value_text(facts->split)));
    name->goal = goal_of(facts->goal);
    name->told = true;
    return write_end(s, 1, e);
}

/* The index of a metric's name, which gets its row of metric_key when it is new. */
int series_find_name(struct store *s, const char *name, size_t *index, struct err *e)
{
    if (s->n_name_slots) {
        const uint32_t found = *name_slot(s, name);
        if (found) {
            *index = found - 1;
            return 0;
        }
    }
    const size_t length = strnlen(name, NAME_MAX_LENGTH + 1);
    if (length == 0 || length > NAME_MAX_LENGTH)
        return write_refuse(s, ERR_STORAGE, e, "the name of a metric has 1 to %d bytes, not %zu", NAME_MAX_LENGTH,
                            length);
    if (!grow((void **)&s->names, &s->names_capacity, s->n_names, sizeof *s->names) ||
        (2 * (s->n_names + 1) > s->n_name_slots && !more_slots(s)))
        return out_of_memory(s, e);
    struct metric_name new = { 0 };
    TRY(write_begin(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_KEY, &stmt, e, value_text(name)));
    if (stmt) {
        new.id = sqlite3_column_int64(stmt, 0);
        new.goal = goal_of((const char *)sqlite3_column_text(stmt, 1));
        write_reset(&stmt);
    } else {
        TRY(WRITE(s, SQL_PUT_KEY, NULL, e, value_text(name)));
        new.id = sqlite3_last_insert_rowid(s->db);
    }
    new.name = strdup(name);
    if (!new.name)
        return out_of_memory(s, e);
    s->names[s->n_names] = new;
    *name_slot(s, name) = (uint32_t)s->n_names + 1;
    *index = s->n_names++;
    return 0;
}

/* The trial, which exists. There are as many open trials as workers: a list will do. */
int series_find_trial(struct store *s, int64_t id, struct open_trial **trial, struct err *e)
{
    if (s->last_trial < s->n_trials && s->trials[s->last_trial].id == id) {
        *trial = &s->trials[s->last_trial];
        return 0;
    }
    for (size_t i = 0; i < s->n_trials; i++) {
        if (s->trials[i].id == id) {
            s->last_trial = i;
            *trial = &s->trials[i];
            return 0;
        }
    }
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_TRIAL_KEY, &stmt, e, value_int(id)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no trial %lld", s->path, (long long)id);
    write_reset(&stmt);
    if (!grow((void **)&s->trials, &s->trials_capacity, s->n_trials, sizeof *s->trials))
        return out_of_memory(s, e);
    s->last_trial = s->n_trials++;
    *trial = &s->trials[s->last_trial];
    **trial = (struct open_trial){ .id = id };
    return 0;
}

int series_find(struct store *s, int64_t trial_id, size_t name, struct open_trial **trial, struct series **series,
                struct err *e)
{
    TRY(series_find_trial(s, trial_id, trial, e));
    struct open_trial *t = *trial;
    while (name >= t->n_series) {
        if (!grow((void **)&t->series, &t->n_series, t->n_series, sizeof *t->series))
            return out_of_memory(s, e);
    }
    *series = &t->series[name];
    if ((*series)->loaded)
        return 0;
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_SUMMARY, &stmt, e, value_int(trial_id), value_int(s->names[name].id)));
    if (stmt) {
        (*series)->summary = (struct summary){
            .n = sqlite3_column_int64(stmt, 0),
            .n_nonfinite = sqlite3_column_int64(stmt, 1),
            .first = sqlite3_column_double(stmt, 2),
            .last = sqlite3_column_double(stmt, 3),
            .last_step = sqlite3_column_int64(stmt, 4),
            .end_step = sqlite3_column_int64(stmt, 5),
            .best = sqlite3_column_double(stmt, 6),
            .best_step = sqlite3_column_int64(stmt, 7),
            .min = sqlite3_column_double(stmt, 8),
            .max = sqlite3_column_double(stmt, 9),
            .auc = sqlite3_column_type(stmt, 10) == SQLITE_NULL ? NAN
                                                                : sqlite3_column_double(stmt, 10), /* stays unknown */
        };
        write_reset(&stmt);
    }
    (*series)->loaded = true;
    return 0;
}

void series_forget(struct store *s, int64_t trial)
{
    for (size_t i = 0; i < s->n_trials; i++) {
        if (s->trials[i].id != trial)
            continue;
        free(s->trials[i].series);
        s->trials[i] = s->trials[--s->n_trials];
        return;
    }
}

void series_finish(struct store *s)
{
    for (size_t i = 0; i < s->n_trials; i++)
        free(s->trials[i].series);
    for (size_t i = 0; i < s->n_names; i++)
        free(s->names[i].name);
    free(s->trials);
    free(s->names);
    free(s->name_slots);
    free(s->queue);
}
