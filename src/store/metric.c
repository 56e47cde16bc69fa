/* Metric rows.
 *
 * A row is new for certain when its step is above the largest one of its series (a trial's metric), which the summary
 * knows; it is then only queued. A row at or below it is a recomputed one, after a resume: it is inserted at once, and
 * where the table already has its key, compared bit for bit. So the usual row costs no look-up, and the summary is
 * never counted twice. */
#include "store/writer.h"

#include "base/text.h"
#include <assert.h>
#include <math.h>
#include <string.h>

static void number_text(struct text *t, double value, int nonfinite)
{
    static const char *const names[] = { NULL, "nan", "inf", "-inf" };
    if (nonfinite > 0 && nonfinite <= 3)
        text_puts(t, names[nonfinite]);
    else
        text_json_number(t, value);
}

/* The row exists. stmt stands on its value and code. layer < 0: none. */
static int compare(struct store *s, sqlite3_stmt *stmt, int64_t trial, const char *name, int64_t step, int64_t layer,
                   double value, int nonfinite, struct err *e)
{
    const double stored = sqlite3_column_double(stmt, 0);
    const int stored_nonfinite = sqlite3_column_int(stmt, 1);
    write_reset(&stmt);
    if (memcmp(&stored, &value, sizeof value) == 0 && stored_nonfinite == nonfinite)
        return 0;
    struct text was = { 0 }, now = { 0 }, place = { 0 };
    number_text(&was, stored, stored_nonfinite);
    number_text(&now, value, nonfinite);
    text_puts(&place, name);
    if (layer >= 0)
        text_add(&place, "[%lld]", (long long)layer);
    char key[13] = "?";
    struct err ignored = { 0 };
    if (QUERY(s, SQL_TRIAL_KEY, &stmt, &ignored, value_int(trial)) == 0 && stmt) {
        snprintf(key, sizeof key, "%.12s", (const char *)sqlite3_column_text(stmt, 0));
        write_reset(&stmt);
    }
    err_clear(&ignored);
    const int code = write_refuse(
        s, ERR_CONFLICT, e,
        "not deterministic at step %lld: metric %s of trial %s is %s in the database and %s now; the code, the "
        "machine or the data changed (`tprun run --force` computes the trial anew)",
        (long long)step, place.s, key, was.s, now.s);
    text_free(&was);
    text_free(&now);
    text_free(&place);
    return code;
}

static void reached(struct open_trial *t, int64_t step)
{
    if (step > t->step) {
        t->step = step;
        t->step_dirty = true;
    }
}

/* A row at or below the last step of its series. */
static int repeat(struct store *s, struct series *series, int64_t trial, size_t name, int64_t step, double value,
                  int nonfinite, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(metric_drain(s, e));
    int changes = 0;
    const struct value key = value_int(s->names[name].id);
    TRY(WRITE(s, SQL_REPEAT_METRIC, &changes, e, value_int(trial), key, value_int(step),
              nonfinite ? value_null() : value_real(value), value_id(nonfinite)));
    if (changes > 0) { /* a step that was left out: the sums must be made in the order of the steps */
        series->rebuild = series->dirty = true;
        return 0;
    }
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_METRIC, &stmt, e, value_int(trial), key, value_int(step)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: a row of metric %s was neither inserted nor found", s->path,
                            s->names[name].name);
    return compare(s, stmt, trial, s->names[name].name, step, -1, value, nonfinite, e);
}

int store_metric(struct store *s, int64_t trial, int64_t run, const char *name, int64_t step, double value,
                 struct err *e)
{
    (void)run; /* run.from_step tells which attempt computed a step */
    TRY(write_check(s, e));
    size_t index;
    TRY(series_find_name(s, name, &index, e));
    struct open_trial *t = NULL;
    struct series *series = NULL;
    TRY(series_find(s, trial, index, &t, &series, e));
    const enum nonfinite nonfinite = summary_normalize(&value);
    if (series->summary.n > 0 && step <= series->summary.end_step) {
        TRY(repeat(s, series, trial, index, step, value, (int)nonfinite, e));
        return write_end(s, 1, e);
    }
    assert(s->n_queue < GROUP_ROWS_MAX); /* write_end commits before it is full */
    s->queue[s->n_queue++] = (struct queued_row){ .step = step, .value = value, .nonfinite = (int)nonfinite };
    const uint32_t at = (uint32_t)s->n_queue;
    if (series->last)
        s->queue[series->last - 1].next = at;
    else
        series->first = at;
    series->last = at;
    summary_add(&series->summary, step, value, nonfinite, s->names[index].goal);
    series->dirty = true;
    reached(t, step);
    return write_end(s, 1, e);
}

/* Its values are trial, key, layer, step, value, nonfinite. */
int metric_compare_layer(struct store *s, const struct value row[BATCH_COLUMNS], struct err *e)
{
    sqlite3_stmt *stmt;
    const char *name = "?";
    for (size_t i = 0; i < s->n_names; i++)
        name = s->names[i].id == row[1].i ? s->names[i].name : name;
    TRY(QUERY(s, SQL_GET_LAYER_METRIC, &stmt, e, row[0], row[1], row[2], row[3]));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: a row of metric %s was neither inserted nor found", s->path, name);
    return compare(s, stmt, row[0].i, name, row[3].i, row[2].i, row[5].i ? 0 : row[4].d, (int)row[5].i, e);
}

int store_layer_metric(struct store *s, int64_t trial, int64_t run, const char *name, int64_t step, int64_t layer,
                       double value, struct err *e)
{
    (void)run;
    TRY(write_begin(s, e));
    size_t index;
    TRY(series_find_name(s, name, &index, e));
    const enum nonfinite nonfinite = summary_normalize(&value);
    const struct value row[BATCH_COLUMNS] = { value_int(trial),
                                              value_int(s->names[index].id),
                                              value_int(layer),
                                              value_int(step),
                                              nonfinite ? value_null() : value_real(value),
                                              value_id((int64_t)nonfinite) };
    TRY(batch_add(s, BATCH_LAYER_METRIC, row, e));
    return write_end(s, 1, e); /* without `reached`: feedback_epoch_loss counts epochs, not steps */
}

int metric_reached(struct store *s, int64_t trial, int64_t step, struct err *e)
{
    struct open_trial *t;
    TRY(series_find_trial(s, trial, &t, e));
    reached(t, step);
    return 0;
}

/* Binds one row at the parameters from `at`. */
static int bind_row(sqlite3_stmt *stmt, int at, int64_t trial, int64_t key, const struct queued_row *row)
{
    int rc = sqlite3_bind_int64(stmt, at, trial);
    rc |= sqlite3_bind_int64(stmt, at + 1, key);
    rc |= sqlite3_bind_int64(stmt, at + 2, row->step);
    rc |= row->nonfinite ? sqlite3_bind_null(stmt, at + 3) : sqlite3_bind_double(stmt, at + 3, row->value);
    rc |= row->nonfinite ? sqlite3_bind_int(stmt, at + 4, row->nonfinite) : sqlite3_bind_null(stmt, at + 4);
    return rc;
}

/* Walks the queued rows series by series. */
struct walk {
    size_t trial, name;
    uint32_t at; /* 0 = none left */
};

static void walk_to_series(const struct store *s, struct walk *w)
{
    for (; w->trial < s->n_trials; w->trial++, w->name = 0)
        for (; w->name < s->trials[w->trial].n_series; w->name++) {
            w->at = s->trials[w->trial].series[w->name].first;
            if (w->at)
                return;
        }
    w->at = 0;
}

static void walk_next(const struct store *s, struct walk *w)
{
    w->at = s->queue[w->at - 1].next;
    if (!w->at) {
        w->name++;
        walk_to_series(s, w);
    }
}

int metric_drain(struct store *s, struct err *e)
{
    assert(s->open_group);
    TRY(batch_drain(s, e));
    struct walk w = { 0 };
    if (s->n_queue)
        walk_to_series(s, &w);
    for (size_t left = s->n_queue; left > 0;) {
        const size_t n = left >= ROWS_PER_INSERT ? ROWS_PER_INSERT : 1;
        sqlite3_stmt *stmt = write_statement(s, n > 1 ? SQL_PUT_METRICS : SQL_PUT_METRIC, e);
        if (!stmt)
            return s->failed;
        for (size_t i = 0; i < n; i++) {
            assert(w.at);
            if (bind_row(stmt, (int)(5 * i) + 1, s->trials[w.trial].id, s->names[w.name].id, &s->queue[w.at - 1]) !=
                SQLITE_OK)
                return write_fail(s, "bind a metric", e);
            walk_next(s, &w);
        }
        if (sqlite3_step(stmt) != SQLITE_DONE)
            return write_fail(s, "write metrics", e);
        sqlite3_reset(stmt);
        left -= n;
    }
    for (size_t i = 0; s->n_queue && i < s->n_trials; i++)
        for (size_t k = 0; k < s->trials[i].n_series; k++)
            s->trials[i].series[k].first = s->trials[i].series[k].last = 0;
    s->n_queue = 0;
    return 0;
}

/* The summary from the rows, in the order of their steps. */
static int rebuild(struct store *s, int64_t trial, const struct metric_name *name, struct summary *summary,
                   struct err *e)
{
    *summary = (struct summary){ 0 };
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_METRICS, &stmt, e, value_int(trial), value_int(name->id)));
    while (stmt) {
        summary_add(summary, sqlite3_column_int64(stmt, 0), sqlite3_column_double(stmt, 1),
                    (enum nonfinite)sqlite3_column_int(stmt, 2), name->goal);
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

static int put_summary(struct store *s, int64_t trial, const struct metric_name *name, const struct summary *u,
                       struct err *e)
{
    const bool finite = u->n > u->n_nonfinite, has_best = finite && name->goal != GOAL_NONE;
#define FINITE_ONLY(v) (finite ? (v) : value_null())
    return WRITE(s, SQL_PUT_SUMMARY, NULL, e, value_int(trial), value_int(name->id), value_int(u->n),
                 value_int(u->n_nonfinite), FINITE_ONLY(value_real(u->first)), FINITE_ONLY(value_real(u->last)),
                 FINITE_ONLY(value_int(u->last_step)), value_int(u->end_step),
                 has_best ? value_real(u->best) : value_null(), has_best ? value_int(u->best_step) : value_null(),
                 FINITE_ONLY(value_real(u->min)), FINITE_ONLY(value_real(u->max)),
                 u->n_nonfinite ? value_null() : value_real(u->auc));
#undef FINITE_ONLY
}

int metric_put_summaries(struct store *s, struct err *e)
{
    TRY(metric_drain(s, e));
    for (size_t i = 0; i < s->n_trials; i++) {
        struct open_trial *t = &s->trials[i];
        for (size_t k = 0; k < t->n_series; k++) {
            struct series *series = &t->series[k];
            if (!series->dirty)
                continue;
            if (series->rebuild)
                TRY(rebuild(s, t->id, &s->names[k], &series->summary, e));
            TRY(put_summary(s, t->id, &s->names[k], &series->summary, e));
            series->dirty = series->rebuild = false;
        }
        if (t->step_dirty)
            TRY(WRITE(s, SQL_TRIAL_STEP, NULL, e, value_int(t->id), value_int(t->step)));
        t->step_dirty = false;
    }
    return 0;
}
