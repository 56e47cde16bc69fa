/* Attempts at trials, what they cost, what they remarked, and the checkpoints they left. */
#include "base/text.h"
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The id of a text that is kept once; the last one is remembered, as all runs of a runner have the same. */
static int intern(struct store *s, struct interned *last, enum statement put, enum statement get, const char *text,
                  int64_t *id, struct err *e)
{
    if (!last->text || strcmp(last->text, text) != 0) {
        TRY(WRITE(s, put, NULL, e, value_text(text)));
        sqlite3_stmt *stmt;
        TRY(QUERY(s, get, &stmt, e, value_text(text)));
        if (!stmt)
            return write_refuse(s, ERR_STORAGE, e, "%s: '%s' was not stored", s->path, text);
        last->id = sqlite3_column_int64(stmt, 0);
        write_reset(&stmt);
        free(last->text);
        last->text = strdup(text);
    }
    *id = last->id;
    return 0;
}

/* What was made of a trial's rows, which are to be more. */
static int forget_derived(struct store *s, int64_t trial, struct err *e)
{
    TRY(WRITE(s, SQL_FORGET_CLAIMS, NULL, e, value_int(trial)));
    TRY(WRITE(s, SQL_FORGET_REFRESHED, NULL, e, value_int(trial)));
    return WRITE(s, SQL_TOUCH_CURVES, NULL, e, value_int(trial));
}

int store_begin_run(struct store *s, const struct store_run *run, int64_t *id, struct err *e)
{
    TRY(write_begin(s, e));
    int64_t host, code;
    TRY(intern(s, &s->host, SQL_PUT_HOST, SQL_GET_HOST, run->host ? run->host : "", &host, e));
    TRY(intern(s, &s->code, SQL_PUT_CODE, SQL_GET_CODE, run->code ? run->code : "", &code, e));
    const int64_t now = write_utc_ms();
    int changes = 0;
    TRY(WRITE(s, SQL_START_TRIAL, &changes, e, value_int(run->trial), value_int(now)));
    if (changes == 0)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no trial %lld", s->path, (long long)run->trial);
    TRY(trial_cut(s, run->trial, run->from_step, e));
    TRY(forget_derived(s, run->trial, e));
    TRY(WRITE(s, SQL_PUT_RUN, NULL, e, value_int(run->trial), value_int(host), value_int(code), value_text(run->kernel),
              value_int(run->pid), value_int(run->from_step), value_int(now)));
    *id = sqlite3_last_insert_rowid(s->db);
    return write_end(s, 1, e);
}

int store_has_row(struct store *s, int64_t trial, const char *name, int64_t step, bool *found, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(write_check(s, e));
    TRY(QUERY(s, SQL_HAS_ROW, &stmt, e, value_int(trial), value_text(name), value_int(step)));
    *found = stmt != NULL;
    write_reset(&stmt);
    return 0;
}

int store_begin_relog(struct store *s, int64_t trial, struct err *e)
{
    TRY(store_flush(s, e));
    TRY(write_begin(s, e));
    TRY(forget_derived(s, trial, e));
    return write_end(s, 1, e);
}

int store_end_relog(struct store *s, int64_t trial, int64_t step, struct err *e)
{
    TRY(store_event(s, trial, 0, step, "relogged", NULL, e));
    TRY(store_flush(s, e));
    series_forget(s, trial);
    return 0;
}

int store_heartbeat(struct store *s, int64_t run, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_HEARTBEAT, NULL, e, value_int(run), value_int(write_utc_ms())));
    return write_end(s, 1, e);
}

int store_end_run(struct store *s, const struct store_end *end, struct err *e)
{
    if (end->state == TRIAL_QUEUED || end->state == TRIAL_RUNNING)
        return write_refuse(s, ERR_INTERNAL, e, "an attempt cannot end as '%s'", trial_state_names[end->state]);
    TRY(write_begin(s, e));
    const char *state = trial_state_names[end->state];
    const int64_t now = write_utc_ms();
    int changes = 0;
    TRY(WRITE(s, SQL_END_RUN, &changes, e, value_int(end->run), value_int(end->trial), value_text(state),
              value_text(end->reason), value_int(now)));
    if (changes == 0)
        return write_refuse(s, ERR_STORAGE, e, "%s: run %lld of trial %lld is not running", s->path,
                            (long long)end->run, (long long)end->trial);
    const bool diverged = end->state == TRIAL_DIVERGED;
    TRY(WRITE(s, SQL_END_TRIAL, NULL, e, value_int(end->trial), value_text(state), value_text(end->reason),
              diverged ? value_int(end->step) : value_null(),
              diverged && end->layer >= 0 ? value_int(end->layer) : value_null(),
              diverged ? value_text(end->tensor) : value_null(), value_text(end->weights_sha256), value_int(now),
              value_int(end->step)));
    if (end->drops)
        TRY(WRITE(s, SQL_DROP_CHECKPOINTS, NULL, e, value_int(end->trial), value_int(end->keeps)));
    TRY(WRITE(s, SQL_TOUCH_CURVES, NULL, e, value_int(end->trial))); /* a step without a row has another reason */
    TRY(metric_reached(s, end->trial, end->step, e));
    TRY(metric_put_summaries(s, e));
    series_forget(s, end->trial);
    return write_end(s, 1, e);
}

int store_cost(struct store *s, int64_t run, const char *phase, int64_t wall_ns, int64_t cpu_ns, double flops,
               struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, SQL_PUT_COST, NULL, e, value_int(run), value_text(phase), value_int(wall_ns), value_int(cpu_ns),
              value_real(flops)));
    return write_end(s, 1, e);
}

/* Whole nanoseconds: NULL where it is not known. */
static struct value value_ns(double ns)
{
    return value_real(round(ns));
}

int store_progress(struct store *s, int64_t trial, const struct reached *p, struct err *e)
{
    const struct value row[BATCH_COLUMNS] = { value_int(trial),          value_int(p->step),
                                              value_real(p->epoch),      value_int(p->samples),
                                              value_ns(p->spent.cpu_ns), value_real(p->spent.flops) };
    TRY(write_begin(s, e));
    TRY(batch_add(s, BATCH_PROGRESS, row, e));
    return write_end(s, 1, e);
}

static int put_event(struct store *s, enum statement how, int64_t trial, int64_t run, int64_t step, const char *kind,
                     const char *text, int *changes, struct err *e)
{
    TRY(write_begin(s, e));
    TRY(WRITE(s, how, changes, e, value_id(trial), value_id(run), value_int(step), value_text(kind), value_text(text),
              value_int(write_utc_ms())));
    return write_end(s, 1, e);
}

int store_event(struct store *s, int64_t trial, int64_t run, int64_t step, const char *kind, const char *text,
                struct err *e)
{
    return put_event(s, SQL_PUT_EVENT, trial, run, step, kind, text, NULL, e);
}

int store_event_once(struct store *s, int64_t trial, int64_t run, int64_t step, const char *kind, const char *text,
                     bool *first, struct err *e)
{
    int changes = 0;
    TRY(put_event(s, SQL_PUT_EVENT_ONCE, trial, run, step, kind, text, &changes, e));
    *first = changes > 0;
    return 0;
}

int store_tag(struct store *s, int64_t study, int64_t trial, const char *name, bool given, bool *changed, struct err *e)
{
    int changes = 0;
    TRY(write_begin(s, e));
    TRY(WRITE(s, given ? SQL_PUT_TAG : SQL_DELETE_TAG, &changes, e, value_int(study), value_int(trial),
              value_text(name)));
    *changed = changes > 0;
    return write_end(s, 1, e);
}

int store_note(struct store *s, int64_t study, int64_t trial, const char *text, struct err *e)
{
    TRY(write_begin(s, e));
    if (text)
        TRY(WRITE(s, SQL_PUT_NOTE, NULL, e, value_int(study), value_int(trial), value_text(text),
                  value_int(write_utc_ms())));
    else
        TRY(WRITE(s, SQL_DELETE_NOTE, NULL, e, value_int(study), value_int(trial)));
    return write_end(s, 1, e);
}

/* Deletes the checkpoint a query returned, if any; its path goes to old, which then is no longer empty. */
static int forget_checkpoint(struct store *s, sqlite3_stmt *stmt, char old[4096], struct err *e)
{
    if (!stmt)
        return 0;
    const int64_t id = sqlite3_column_int64(stmt, 0);
    snprintf(old, 4096, "%s", (const char *)sqlite3_column_text(stmt, 1));
    write_reset(&stmt);
    return WRITE(s, SQL_DELETE_CHECKPOINT, NULL, e, value_int(id));
}

int store_checkpoint(struct store *s, int64_t trial, int64_t run, int64_t step, const char *path, const char *sha256,
                     struct spent spent, char old[4096], struct err *e)
{
    const bool all = !old;
    char replaced[4096];
    if (all)
        old = replaced;
    old[0] = '\0';
    if (strlen(path) >= 4096 || strchr(path, '/') || strlen(sha256) != 64)
        return write_refuse(s, ERR_INTERNAL, e, "a checkpoint needs a bare name of less than 4096 bytes and a SHA-256");
    TRY(write_begin(s, e));
    /* A step that is written again replaces its row; otherwise the third newest goes. So there is at most one old path.
     */
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_SAME_CHECKPOINT, &stmt, e, value_int(trial), value_int(step)));
    TRY(forget_checkpoint(s, stmt, old, e));
    TRY(WRITE(s, SQL_PUT_CHECKPOINT, NULL, e, value_int(trial), value_id(run), value_int(step), value_text(path),
              value_text(sha256), value_int(write_utc_ms()), value_ns(spent.cpu_ns), value_real(spent.flops)));
    if (!all) {
        TRY(QUERY(s, SQL_OLD_CHECKPOINT, &stmt, e, value_int(trial)));
        TRY(forget_checkpoint(s, stmt, old, e));
    }
    if (old[0]) {
        TRY(QUERY(s, SQL_NAMED_CHECKPOINT, &stmt, e, value_int(trial), value_text(old)));
        if (stmt)
            old[0] = '\0'; /* overwritten in place: the name is still in use */
        write_reset(&stmt);
    }
    TRY(metric_reached(s, trial, step, e));
    TRY(write_end(s, 1, e));
    return store_flush(s, e);
}

int store_recover(struct store *s, int64_t *n, struct err *e)
{
    TRY(write_begin(s, e));
    int changes = 0;
    TRY(write_exec(s, SQL_RECOVER_RUNS, NULL, 0, NULL, e));
    TRY(WRITE(s, SQL_RECOVER_TRIALS, &changes, e, value_int(write_utc_ms())));
    *n = changes;
    TRY(write_end(s, 1, e));
    return store_flush(s, e);
}
