/* What is to be done: studies and trials are put into the database before the first trial starts. */
#include "run/private.h"

#include "base/killpoint.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct params {
    const struct plan_trial *trial;
    struct arena *arena;
    size_t n, capacity;
    struct store_param *items;
};

static void add_param(void *self, const char *path, const char *text, double number)
{
    struct params *p = self;
    if (p->n == p->capacity) {
        struct store_param *grown = arena_need(p->arena, 2 * p->capacity + 64, sizeof *grown);
        if (p->n)
            memcpy(grown, p->items, p->n * sizeof *grown);
        p->items = grown;
        p->capacity = 2 * p->capacity + 64;
    }
    bool swept = false;
    for (size_t i = 0; i < p->trial->spec.n_coordinates; i++)
        swept |= !strcmp(p->trial->spec.coordinates[i].key, path);
    p->items[p->n++] =
        (struct store_param){ arena_strdup(p->arena, path), text ? arena_strdup(p->arena, text) : NULL, number, swept };
}

/* A swept key that is no leaf of the bound configuration ("dataset.length", a group of a zip) is recorded beside the
 * leaves. */
static void add_coordinates(struct params *p)
{
    for (size_t i = 0; i < p->trial->spec.n_coordinates; i++) {
        const struct coordinate *c = &p->trial->spec.coordinates[i];
        bool known = false;
        for (size_t k = 0; k < p->n; k++)
            known |= !strcmp(p->items[k].key, c->key);
        if (!known)
            add_param(p, c->key, isnan(c->number) ? c->text : NULL, c->number);
    }
}

static int put_trial(struct runner *r, const struct plan_study *s, const struct plan_trial *t,
                     struct store_trial_row *row, struct err *e)
{
    struct params params = { .trial = t, .arena = &r->plan->scratch };
    struct text json = { 0 };
    bind_leaves(config_options, &t->config, add_param, &params);
    add_coordinates(&params);
    config_json(&t->config, &json);
    const struct store_trial trial = { .key = t->key,
                                       .study = s->store_id,
                                       .variant = t->spec.variant,
                                       .cell = t->cell,
                                       .seed = t->spec.seed,
                                       .config = json.s,
                                       .budget = t->budget,
                                       .n_params = params.n,
                                       .params = params.items };
    const int code = store_put_trial(r->store, &trial, row, e);
    text_free(&json);
    return code;
}

static int add_pending(struct runner *r, struct pending pending, struct err *e)
{
    if ((r->n_pending & (r->n_pending - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        struct pending *grown = realloc(r->pending, (r->n_pending ? 2 * r->n_pending : 1) * sizeof *grown);
        if (!grown)
            return err_set(e, ERR_MEMORY, "out of memory");
        r->pending = grown;
    }
    r->pending[r->n_pending++] = pending;
    return 0;
}

/* A diverged trial stays so with a larger budget: it is deterministic. A failed one gets another chance. */
static bool is_finished(const struct store_trial_row *row, int64_t budget)
{
    return row->state == TRIAL_DIVERGED || (row->state == TRIAL_DONE && row->step >= budget);
}

int queue_put_study(struct runner *r, size_t study, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    const struct study *f = &s->study;
    TRY(changes_note(r, study, e));
    const struct store_study facts = { f->name, f->title, f->paper, f->locator, f->path, f->profile, f->text.s };
    TRY(store_put_study(r->store, &facts, &s->store_id, e));
    struct store_claim *claims = arena_need(&s->arena, f->n_claims, sizeof *claims);
    for (size_t i = 0; i < f->n_claims; i++) {
        const struct study_claim *c = &f->claims[i];
        claims[i] = (struct store_claim){ c->id,       c->text,     c->measure, c->has_reported, c->has_low,
                                          c->has_high, c->reported, c->low,     c->high };
    }
    TRY(store_put_claims(r->store, s->store_id, f->n_claims, claims, e));
    KILL_POINT(RUN_QUEUE_STUDY);
    for (uint64_t i = 0; i < s->n; i++) {
        struct plan_trial t;
        struct store_trial_row row;
        const bool left_out = plan_left_out(r->plan, study, i);
        int due_ms;
        if (left_out && r->plan->options.one_trial)
            continue;
        TRY(plan_trial(r->plan, study, i, &t, e));
        if (t.excluded)
            continue;
        TRY(put_trial(r, s, &t, &row, e));
        KILL_POINT(RUN_QUEUE_TRIAL);
        TRY(store_tick(r->store, &due_ms, e));
        if (signals_stops() > 0)
            return 0;
        if (left_out)
            continue;
        r->result->total++;
        if (r->options->force) {
            TRY(store_reset_trial(r->store, row.id, e));
            row = (struct store_trial_row){ .id = row.id };
        } else if (is_finished(&row, t.budget)) {
            r->result->skipped++;
            continue;
        }
        const bool absent = checkpoints_absent(r, &row);
        TRY(data_files_check(r, &t.config, e));
        if (!row.checkpoint_path[0] || absent)
            TRY(initial_file_check(r, &t.config, e));
        r->n_absent += absent;
        const int64_t left = t.budget - (absent ? 0 : row.checkpoint_step);
        r->steps_left += (double)(left > 0 ? left : 0);
        TRY(add_pending(r, (struct pending){ study, i }, e));
    }
    return 0;
}
