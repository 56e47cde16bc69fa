/* --relog: a finished trial writes the rows of its last step that it did not log, from the checkpoint of that step.
 * Nothing is trained, and nothing changes but that there are more rows: they are kept back until all have come, and no
 * attempt is recorded, so that one that fails leaves the trial as it was. */
#include "run/private.h"

#include "trial/trial.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char name[64];
    int64_t layer; /* -1: of the whole trial */
    double value;
};

bool relog_is_due(const struct store_place *p)
{
    return p->state == TRIAL_DONE && p->finished_budget >= p->budget;
}

static int fail(struct runner *r, struct attempt *t, const char *reason)
{
    t->ended = true;
    t->state = r->stopping ? TRIAL_INTERRUPTED : TRIAL_FAILED;
    relog_free(t);
    status_ended(r, t, reason);
    return 0;
}

void relog_free(struct attempt *t)
{
    free(t->relog.rows);
    t->relog.rows = NULL;
    t->relog.n = t->relog.capacity = 0;
}

int relog_mourn(struct runner *r, struct attempt *t, const char *how)
{
    return fail(r, t, how);
}

/* ---- what there is to do ---- */

/* Whether any name of a metric has a row at a step. */
struct search {
    struct store *store;
    int64_t trial, step;
    bool found;
    struct err *e;
};

static int look_for(void *self, const struct metric_facts *f)
{
    struct search *x = self;
    bool found;
    TRY(store_has_row(x->store, x->trial, f->name, x->step, &found, x->e));
    x->found |= found;
    return 0;
}

static void add_name(struct text *names, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = names->s; at && (at = strstr(at, name)); at++)
        if ((at == names->s || at[-1] == ' ') && (at[n] == ',' || !at[n]))
            return;
    text_add(names, "%s%s", names->n ? ", " : "", name);
}

/* Leaves in config what has no row of the trial at the step and can have one; the names of others that have none go to
 * `without`, each once. */
static int find_missing(struct runner *r, int64_t trial, struct config *config, int64_t step, struct text *without,
                        struct err *e)
{
    const struct names asked = config->log.metrics;
    const char **missing = arena_need(&r->plan->scratch, asked.n, sizeof *missing);
    size_t n = 0;
    int code = 0;
    for (size_t i = 0; code == 0 && i < asked.n; i++) {
        struct search x = { .store = r->store, .trial = trial, .step = step, .e = e };
        config->log.metrics = (struct names){ .n = 1, .items = &asked.items[i] };
        code = trial_visit_metrics(config, look_for, &x);
        if (code < 0 || x.found)
            continue;
        if (trial_metric_is_of_weights(asked.items[i]))
            missing[n++] = asked.items[i];
        else
            add_name(without, asked.items[i]);
    }
    config->log.metrics = (struct names){ .n = n, .items = missing };
    return code;
}

static int add_without(struct runner *r, int64_t trial, struct text *without, struct err *e)
{
    struct stored_trial t = { 0 };
    struct store_trial_row row;
    bool found = false;
    int code = stored_load(r, trial, &t, e);
    if (code == 0)
        code = store_find_trial(r->store, t.described.key, &found, &row, e);
    if (code == 0 && found) /* else attempt_start says that it is gone */
        code = find_missing(r, trial, &t.config, row.step, without, e);
    store_free_described(&t.described);
    return code;
}

int relog_check(struct runner *r, struct err *e)
{
    struct text without = { 0 };
    int code = 0;
    for (size_t i = 0; i < r->n_pending && code == 0; i++)
        code = add_without(r, r->pending[i].trial, &without, e);
    if (code == 0 && without.n) {
        *r->result = (struct run_result){ 0 };
        code = err_set(e, ERR_USAGE,
                       "--relog: %s: of a training step, not of the weights that a checkpoint has: nothing was logged; "
                       "leave it out (log.metrics=[...]), or --force trains these trials again",
                       without.s);
    }
    text_free(&without);
    return code;
}

/* Why the trial cannot write rows; NULL: it can. */
static const char *find_fault(const struct runner *r, const struct store_trial_row *row, const char *name)
{
    if (!name)
        return "no checkpoint of its last step is kept; --force trains it again";
    if (checkpoints_lack(r, name))
        return r->options->checkpoints ? "the checkpoint of its last step is in neither folder; --force trains it again"
                                       : "the checkpoint of its last step is not there; --checkpoints FOLDER reads it "
                                         "from another folder, --force trains it again";
    return row->weights_sha256[0] ? NULL
                                  : "the database does not have the hash of its last weights; --force trains it again";
}

/* The metric that may end a trial is one that it logs, or it is not this trial: it is asked for, and has its row. */
static void ask_beside(struct attempt *t, struct config *config, struct arena *a)
{
    struct names *names = &config->log.metrics;
    const char *stop = config->train.stop.metric;
    bool asked = !stop;
    for (size_t i = 0; i < names->n && !asked; i++)
        asked = strcmp(names->items[i], stop) == 0;
    t->relog.beside[0] = '\0';
    if (asked)
        return;
    snprintf(t->relog.beside, sizeof t->relog.beside, "%s", stop);
    const char **more = arena_need(a, names->n + 1, sizeof *more);
    memcpy(more, names->items, names->n * sizeof *more);
    more[names->n] = stop;
    *names = (struct names){ .n = names->n + 1, .items = more };
}

int relog_prepare(struct runner *r, struct attempt *t, struct config *config, const struct store_trial_row *row,
                  enum attempt_start *outcome, struct err *e)
{
    const bool newest = row->checkpoint_step == row->step;
    const char *name = newest ? row->checkpoint_path : row->previous_step == row->step ? row->previous_path : "";
    t->step = t->from_step = row->step;
    t->start_ns = now_ns();
    struct text without = { 0 }; /* nothing: see relog_check */
    const int code = find_missing(r, t->trial_id, config, row->step, &without, e);
    text_free(&without);
    TRY(code);
    *outcome = ATTEMPT_NOTHING;
    if (config->log.metrics.n == 0)
        return 0;
    ask_beside(t, config, &r->plan->scratch);
    const char *fault = find_fault(r, row, name[0] ? name : NULL);
    *outcome = fault ? ATTEMPT_ENDED : ATTEMPT_STARTED;
    t->relog.checkpoint = newest ? 0 : 1;
    return fault ? fail(r, t, fault) : 0;
}

/* ---- what the worker says ---- */

static int hello(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    bool same;
    TRY(attempt_check_origin(r, t, m, &same, e));
    t->relog.begun = same;
    return 0;
}

static int keep(struct attempt *t, const struct wire_record *m, struct err *e)
{
    struct relog *x = &t->relog;
    if (!x->begun || strlen(m->name) >= sizeof x->rows->name || m->step != t->step)
        return err_set(e, ERR_FORMAT, "a row that is none of the last step");
    if (strcmp(m->name, x->beside) == 0)
        return 0;
    if (x->n == x->capacity) {
        const size_t capacity = 2 * x->capacity + 32;
        struct row *rows = realloc(x->rows, capacity * sizeof *rows);
        if (!rows)
            return err_set(e, ERR_MEMORY, "out of memory");
        x->rows = rows;
        x->capacity = capacity;
    }
    struct row *row = &x->rows[x->n++];
    *row = (struct row){ .layer = m->layer, .value = m->value };
    snprintf(row->name, sizeof row->name, "%s", m->name);
    if (row->layer < 0)
        attempt_remember(t, m->name, m->step, m->value);
    return 0;
}

/* All rows have come. */
static int put_rows(struct runner *r, struct attempt *t, struct err *e)
{
    TRY(store_begin_relog(r->store, t->trial_id, e));
    for (size_t i = 0; i < t->relog.n; i++) {
        const struct row *x = &t->relog.rows[i];
        TRY(x->layer < 0 ? store_metric(r->store, t->trial_id, 0, x->name, t->step, x->value, e)
                         : store_layer_metric(r->store, t->trial_id, 0, x->name, t->step, x->layer, x->value, e));
    }
    return store_end_relog(r->store, t->trial_id, t->step, e);
}

static int end(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    if (m->code < 0 || !t->relog.begun)
        return fail(r, t, m->text && m->text[0] ? m->text : "its worker ended without rows");
    TRY(put_rows(r, t, e));
    relog_free(t);
    t->ended = true;
    t->state = TRIAL_DONE;
    status_ended(r, t, NULL);
    return 0;
}

int relog_record(struct runner *r, struct attempt *t, const struct wire_record *m, struct err *e)
{
    switch (m->type) {
    case MESSAGE_HELLO:
        return hello(r, t, m, e);
    case MESSAGE_FACTS:
        return attempt_facts(r, t, m, e);
    case MESSAGE_METRIC:
    case MESSAGE_LAYER_METRIC:
        return keep(t, m, e);
    case MESSAGE_END:
        return end(r, t, m, e);
    default:
        return err_set(e, ERR_FORMAT, "message %d from a worker that only logs", (int)m->type);
    }
}
