/* The curves that are kept: means over the seeds of a cell and a metric, step by step, made by store_refresh where they
 * are not there or not of what is stored now.
 *
 * The rows of each trial lie in the order of their steps, so a curve is a merge of its trials, one after the other,
 * into a list of points. The list has room for a window of steps; where a merge runs out of it, the largest steps are
 * left to the next window. So memory depends neither on the number of steps nor on that of the rows. */
#include "stat/moments.h"
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 65536 }; /* points; two lists take 12 MB */

/* What becomes of a trial where it has no row: view outcomes. */
enum fate { FATE_DIVERGED, FATE_UNFINISHED, FATE_FAILED, N_FATES };

struct curve_trial {
    int64_t id;
    enum fate fate;
};

struct point {
    int64_t step;
    struct moments finite;
    double sum;
    int64_t n_nonfinite, there[N_FATES]; /* trials that have a row */
};

struct builder {
    struct store *s;
    int64_t curve, key, n_rows;
    size_t n_trials, trials_capacity;
    struct curve_trial *trials;
    int64_t total[N_FATES];
    size_t n; /* points */
    struct point *points, *merged;
    int64_t from, to; /* steps of the window; `to` falls where it becomes too full */
};

static int no_memory(struct store *s, struct err *e)
{
    return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
}

static int add_trial(struct builder *b, sqlite3_stmt *stmt, struct err *e)
{
    if (b->n_trials == b->trials_capacity) {
        const size_t capacity = 2 * b->trials_capacity + 64;
        struct curve_trial *trials = realloc(b->trials, capacity * sizeof *trials);
        if (!trials)
            return no_memory(b->s, e);
        b->trials = trials;
        b->trials_capacity = capacity;
    }
    const enum trial_state state = trial_state_of((const char *)sqlite3_column_text(stmt, 1));
    const enum fate fate = state == TRIAL_DIVERGED ? FATE_DIVERGED
                           : state == TRIAL_FAILED ? FATE_FAILED
                                                   : FATE_UNFINISHED;
    b->trials[b->n_trials++] = (struct curve_trial){ sqlite3_column_int64(stmt, 0), fate };
    b->total[fate]++;
    return 0;
}

static int read_trials(struct builder *b, struct err *e)
{
    sqlite3_stmt *stmt;
    b->n_trials = 0;
    memset(b->total, 0, sizeof b->total);
    TRY(QUERY(b->s, SQL_GET_CURVE_TRIALS, &stmt, e, value_int(b->curve)));
    while (stmt) {
        TRY(add_trial(b, stmt, e));
        TRY(write_next(b->s, &stmt, e));
    }
    return 0;
}

/* The row that stmt stands on: step, value, nonfinite. */
static void add_row(struct point *p, enum fate fate, sqlite3_stmt *stmt)
{
    p->there[fate]++;
    if (sqlite3_column_type(stmt, 1) == SQLITE_NULL) {
        p->n_nonfinite++;
        return;
    }
    const double value = sqlite3_column_double(stmt, 1);
    moments_add(&p->finite, value);
    p->sum += value;
}

/* The rows of one trial in the window, and the points so far, become the points. */
static int merge_trial(struct builder *b, const struct curve_trial *trial, struct err *e)
{
    sqlite3_stmt *stmt;
    size_t i = 0, n = 0;
    TRY(QUERY(b->s, SQL_GET_METRICS_FROM, &stmt, e, value_int(trial->id), value_int(b->key), value_int(b->from)));
    while (n < WINDOW) {
        const bool point_left = i < b->n && b->points[i].step <= b->to;
        const int64_t step = stmt ? sqlite3_column_int64(stmt, 0) : INT64_MAX;
        const bool row_left = stmt && step <= b->to;
        if (!point_left && !row_left)
            break;
        if (!row_left || (point_left && b->points[i].step < step)) {
            b->merged[n++] = b->points[i++];
            continue;
        }
        if (point_left && b->points[i].step == step)
            b->merged[n++] = b->points[i++];
        else
            b->merged[n++] = (struct point){ .step = step };
        add_row(&b->merged[n - 1], trial->fate, stmt);
        TRY(write_next(b->s, &stmt, e));
    }
    write_reset(&stmt);
    if (n == WINDOW)
        b->to = b->merged[n - 1].step;
    struct point *points = b->points;
    b->points = b->merged;
    b->merged = points;
    b->n = n;
    return 0;
}

static int put_point(struct builder *b, const struct point *p, struct err *e)
{
    const struct value none = value_null();
    const bool any = p->finite.n > 0;
    int64_t missing[N_FATES];
    b->n_rows += (int64_t)p->finite.n + p->n_nonfinite;
    for (int i = 0; i < N_FATES; i++)
        missing[i] = b->total[i] - p->there[i];
    /* As avg() makes it; that of numbers whose sum is too large is there all the same. */
    const double mean = isfinite(p->sum) ? p->sum / (double)p->finite.n : p->finite.mean;
    return WRITE(b->s, SQL_PUT_CURVE_STAT, NULL, e, value_int(b->curve), value_int(p->step),
                 value_int((int64_t)p->finite.n), value_int(p->n_nonfinite), value_int(missing[FATE_DIVERGED]),
                 value_int(missing[FATE_UNFINISHED]), value_int(missing[FATE_FAILED]), any ? value_real(mean) : none,
                 value_real(moments_sd(&p->finite)), any ? value_real(p->finite.min) : none,
                 any ? value_real(p->finite.max) : none);
}

static int build(struct builder *b, struct err *e)
{
    TRY(read_trials(b, e));
    b->n_rows = 0;
    b->to = INT64_MIN;
    do {
        b->from = b->to == INT64_MIN ? INT64_MIN : b->to + 1;
        b->to = INT64_MAX;
        b->n = 0;
        for (size_t i = 0; i < b->n_trials; i++)
            TRY(merge_trial(b, &b->trials[i], e));
        for (size_t i = 0; i < b->n; i++)
            TRY(put_point(b, &b->points[i], e));
    } while (b->to < INT64_MAX);
    return WRITE(b->s, SQL_FINISH_CURVE, NULL, e, value_int(b->curve), value_int(b->n_rows));
}

static int build_all(struct builder *b, int64_t study, struct err *e)
{
    for (;;) {
        sqlite3_stmt *stmt;
        TRY(QUERY(b->s, SQL_GET_NEW_CURVE, &stmt, e, value_int(study), value_int(b->curve)));
        if (!stmt)
            return 0;
        b->curve = sqlite3_column_int64(stmt, 0);
        b->key = sqlite3_column_int64(stmt, 1);
        write_reset(&stmt);
        TRY(build(b, e));
    }
}

int curves_refresh(struct store *s, int64_t study, struct err *e)
{
    struct builder b = { .s = s,
                         .points = malloc(WINDOW * sizeof *b.points),
                         .merged = malloc(WINDOW * sizeof *b.merged) };
    int code = b.points && b.merged ? 0 : no_memory(s, e);
    if (code == 0)
        code = WRITE(s, SQL_DELETE_OLD_CURVE_STATS, NULL, e, value_int(study));
    if (code == 0)
        code = WRITE(s, SQL_DELETE_OLD_CURVES, NULL, e, value_int(study));
    if (code == 0)
        code = WRITE(s, SQL_PUT_CURVES, NULL, e, value_int(study));
    if (code == 0)
        code = build_all(&b, study, e);
    free(b.trials);
    free(b.points);
    free(b.merged);
    return code;
}
