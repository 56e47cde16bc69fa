/* What is to be done: studies and trials are put into the database before the first trial starts, and what is to be
 * trained is read from there. */
#include "run/cells.h"
#include "run/private.h"
#include "run/repository.h"

#include "base/killpoint.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int put_trial(struct runner *r, size_t study, const struct cell *cell, size_t variant, size_t seed,
                     uint64_t position, struct err *e)
{
    const struct plan_study *s = &r->plan->studies[study];
    int due_ms;
    struct store_trial_row row;
    cell->params[0].number = (double)s->study.seeds[seed];
    const struct store_trial trial = { .key = cell->keys[seed],
                                       .study = s->store_id,
                                       .position = (int64_t)position,
                                       .variant = s->study.variants[variant],
                                       .cell = cell->text,
                                       .tuning = s->one_off ? NULL : cell->tuning,
                                       .seed = s->study.seeds[seed],
                                       .config = cell->config->id,
                                       .budget = cell->budget,
                                       .operations = cell->operations,
                                       .memory_bytes = cell->memory_bytes,
                                       .one_off = s->one_off != NULL,
                                       .keep_budget = plan_left_out(r->plan, study, position),
                                       .anew = r->options->force,
                                       .n_params = cell->n_params,
                                       .params = cell->params };
    TRY(store_put_trial(r->store, &trial, &row, e));
    r->n_not_raised += row.of_specification && row.budget < trial.budget;
    KILL_POINT(RUN_QUEUE_TRIAL);
    return store_tick(r->store, &due_ms, e);
}

/* Trials of the specification belong to the study even where they are not asked for now; others do not. */
static bool puts_asked_only(const struct runner *r, const struct plan_study *s)
{
    return s->one_off || r->plan->options.one_trial;
}

static int put_cell(struct runner *r, size_t study, uint64_t i, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    const struct cell *cell = &s->cells->items[i];
    const size_t variant = (size_t)(i / s->study.n_cells);
    if (!cell->config)
        return 0;
    if (!cell->config->id)
        TRY(store_put_config(r->store, &cell->config->stored, &cell->config->id, e));
    for (size_t k = 0; k < s->study.n_seeds && signals_stops() == 0; k++) {
        const uint64_t position = i * s->study.n_seeds + k;
        if (position % 64 == 0)
            progress_queueing(&r->progress, s->study.name, s->n, "queueing", position);
        if (!*cell->keys[k] || (puts_asked_only(r, s) && plan_left_out(r->plan, study, position)))
            continue;
        TRY(put_trial(r, study, cell, variant, k, position, e));
    }
    return 0;
}

static int put_trials(struct runner *r, size_t study, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    if (!s->one_off)
        TRY(changes_note(r, study, e));
    if (!s->cells)
        TRY(plan_check(r->plan, study, e));
    TRY(store_begin_queue(r->store, s->store_id, e));
    for (uint64_t i = 0; i < s->cells->n && signals_stops() == 0; i++)
        TRY(put_cell(r, study, i, e));
    cells_close(s);
    return signals_stops() > 0 || puts_asked_only(r, s) ? 0
                                                        : store_end_queue(r->store, s->store_id, s->asked_sha256, e);
}

/* ---- what is left to do ---- */

struct collector {
    struct runner *runner;
    size_t study;
    bool tuned;       /* the trials of chosen cells, or the others */
    const bool *mine; /* whether the shard has the next of the others; NULL: all */
};

/* What is dealt: every place of the specification, whatever is asked for and whatever is finished. */
struct deck {
    uint64_t n_places; /* of chosen cells are those from here on */
    size_t n, capacity;
    double *operations;
};

static int add_card(void *self, const struct store_place *p)
{
    struct deck *d = self;
    if ((uint64_t)p->position >= d->n_places)
        return 0;
    if (d->n == d->capacity) {
        const size_t capacity = 2 * d->capacity + 256;
        double *grown = realloc(d->operations, capacity * sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        d->operations = grown;
        d->capacity = capacity;
    }
    d->operations[d->n++] = p->operations;
    return 0;
}

/* mine: malloc'ed, for each place in its order. */
static int deal(struct runner *r, size_t study, bool **mine, struct err *e)
{
    const struct plan_study *s = &r->plan->studies[study];
    const struct shard *shard = r->options->shard;
    struct deck d = { .n_places = s->n };
    int code = store_visit_places(r->store, s->store_id, add_card, &d, e);
    if (!r->loads)
        r->loads = calloc(shard->count, sizeof *r->loads);
    *mine = malloc(d.n + 1);
    if (code == 0 && (!r->loads || !*mine || shard_deal(shard, r->loads, d.n, d.operations, *mine) < 0))
        code = err_set(e, ERR_MEMORY, "out of memory");
    free(d.operations);
    return code;
}

static int add_pending(struct runner *r, struct pending pending)
{
    if ((r->n_pending & (r->n_pending - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        struct pending *grown = realloc(r->pending, (r->n_pending ? 2 * r->n_pending : 1) * sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        r->pending = grown;
    }
    r->pending[r->n_pending++] = pending;
    return 0;
}

/* A diverged trial stays so with a larger budget: it is deterministic. A failed one gets another chance. */
static bool is_finished(const struct store_place *p)
{
    return p->state == TRIAL_DIVERGED || (p->state == TRIAL_DONE && p->finished_budget >= p->budget);
}

static bool is_absent(const struct runner *r, const struct store_place *p)
{
    if (!p->checkpoint)
        return false;
    struct store_trial_row row = { 0 };
    snprintf(row.checkpoint_path, sizeof row.checkpoint_path, "%s", p->checkpoint);
    snprintf(row.previous_path, sizeof row.previous_path, "%s", p->previous ? p->previous : "");
    return checkpoints_absent(r, &row);
}

static int collect(void *self, const struct store_place *p)
{
    struct collector *c = self;
    struct runner *r = c->runner;
    const bool force = r->options->force;
    if (((uint64_t)p->position >= r->plan->studies[c->study].n) != c->tuned)
        return 0;
    if (c->mine && !*c->mine++)
        return 0;
    if (plan_left_out(r->plan, c->study, (uint64_t)p->position))
        return 0;
    r->result->total++;
    struct pending pending = {
        .study = c->study, .trial = p->trial, .config = p->config, .memory_bytes = p->memory_bytes
    };
    if (r->options->relog) {
        pending.relog = pending.has_checkpoint = true;
        return relog_is_due(p) ? add_pending(r, pending) : 0;
    }
    if (!force && is_finished(p)) {
        r->result->skipped++;
        return 0;
    }
    const bool absent = !force && is_absent(r, p);
    pending.has_checkpoint = !force && p->checkpoint && !absent;
    const int64_t left = p->budget - (pending.has_checkpoint ? p->checkpoint_step : 0);
    pending.operations = p->budget > 0 ? p->operations * (double)left / (double)p->budget : p->operations;
    r->n_absent += absent;
    r->steps_left += (double)(left > 0 ? left : 0);
    return add_pending(r, pending);
}

static int collect_all(struct runner *r, size_t study, bool tuned, struct err *e)
{
    bool *mine = NULL;
    int code = r->options->shard && !tuned ? deal(r, study, &mine, e) : 0;
    if (code == 0)
        code = store_visit_places(r->store, r->plan->studies[study].store_id, collect,
                                  &(struct collector){ r, study, tuned, mine }, e);
    free(mine);
    return code;
}

static int put_claims(struct runner *r, struct plan_study *s, struct err *e)
{
    static const char *const kinds[] = { "measure", "value", "compare" };
    const struct study *f = &s->study;
    struct store_claim *claims = arena_need(s->arena, f->n_claims, sizeof *claims);
    for (size_t i = 0; i < f->n_claims; i++) {
        const struct study_claim *c = &f->claims[i];
        claims[i] = (struct store_claim){ .id = c->id,
                                          .text = c->text,
                                          .measure = c->measure,
                                          .has_reported = c->has_reported,
                                          .has_low = c->has_low,
                                          .has_high = c->has_high,
                                          .reported = c->reported,
                                          .low = c->low,
                                          .high = c->high,
                                          .kind = kinds[c->kind],
                                          .quantity = s->claims ? s->claims[i] : NULL,
                                          .reported_sd = c->reported_sd,
                                          .reported_n = c->reported_n,
                                          .has_tolerance = c->has_tolerance,
                                          .has_margin = c->kind == CLAIM_COMPARE && !c->has_tolerance,
                                          .tolerance = c->tolerance,
                                          .margin = c->quantity.margin,
                                          .min_seeds = c->min_seeds };
    }
    return store_put_claims(r->store, s->store_id, f->n_claims, claims, e);
}

static int put_targets(struct runner *r, struct plan_study *s, struct err *e)
{
    const struct study *f = &s->study;
    struct store_target *targets = arena_need(s->arena, f->n_targets, sizeof *targets);
    for (size_t i = 0; i < f->n_targets; i++)
        targets[i] = (struct store_target){ f->targets[i].metric, f->targets[i].value };
    return store_put_targets(r->store, s->store_id, f->n_targets, targets, e);
}

/* What was put when all trials were asked for holds for some of them too. */
static int is_queued(struct runner *r, const struct plan_study *s, bool *queued, struct err *e)
{
    TRY(store_is_queued(r->store, s->store_id, s->sha256, queued, e));
    return *queued ? 0 : store_is_queued(r->store, s->store_id, s->asked_sha256, queued, e);
}

static int put_repository(struct runner *r, const struct plan_study *s, struct err *e)
{
    struct repository state;
    repository_read(&state, s->study.path);
    const struct store_repository stored = { state.root, state.commit, state.changed };
    return store_put_repository(r->store, s->store_id, state.commit[0] ? &stored : NULL, e);
}

/* What becomes of trials whose command line has a key that the study in the database does not take over. */
static void tell_one_offs(struct runner *r, const struct plan_study *s)
{
    const char *tune = s->study.tune ? "; `tune` chooses none of them, and trains no fresh seeds here" : "";
    if (s->makes_trials)
        progress_say(&r->progress,
                     "tprun: note: %s: '%s' makes trials beside those of the file: they are in all_trials, and not in "
                     "the study's other tables%s",
                     s->study.name, s->one_off, tune);
    else
        progress_say(&r->progress,
                     "tprun: note: %s: '%s' changes no trial, and nothing that is kept of the study: trials that the "
                     "file has not had yet are in all_trials alone until it is run without%s",
                     s->study.name, s->one_off, tune);
}

int queue_put_study(struct runner *r, size_t study, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    const struct study *f = &s->study;
    bool queued;
    const struct store_study facts = { f->name, f->title, f->paper, f->locator, f->path, f->profile, f->text.s };
    s->store_id = 0; /* a plan may be run into several databases */
    TRY(store_find_study(r->store, f->name, &s->store_id, e));
    if (s->store_id)
        TRY(store_need_all_rows(r->store, s->store_id, e));
    if (!s->store_id || !s->one_off)
        TRY(store_put_study(r->store, &facts, &s->store_id, e));
    TRY(put_repository(r, s, e));
    TRY(is_queued(r, s, &queued, e));
    if (s->one_off && !r->plan->options.one_trial)
        tell_one_offs(r, s);
    if (!queued) {
        if (!s->one_off)
            TRY(put_claims(r, s, e));
        if (!s->one_off)
            TRY(put_targets(r, s, e));
        if (!s->one_off)
            TRY(tuning_describe(r, study, e));
        KILL_POINT(RUN_QUEUE_STUDY);
        r->n_not_raised = 0;
        TRY(put_trials(r, study, e));
        if (r->n_not_raised)
            progress_say(&r->progress,
                         "tprun: note: %s: %" PRIu64 " of these trials belong to the file, and are not trained further "
                         "here; leave '%s' out",
                         f->name, r->n_not_raised, s->one_off);
    } else if (r->options->verbose) {
        progress_say(&r->progress, "tprun: %s: its trials were queued before", f->name);
    }
    return signals_stops() > 0 ? 0 : collect_all(r, study, false, e);
}

int queue_put_tuned(struct runner *r, struct err *e)
{
    r->n_pending = r->next = 0;
    for (size_t i = 0; i < r->plan->n_studies && signals_stops() == 0; i++) {
        if (!tuning_is_due(r, i))
            continue;
        TRY(tuning_put(r, i, e));
        TRY(collect_all(r, i, true, e));
    }
    return signals_stops() > 0 || r->n_pending == 0 ? 0 : queue_check_files(r, e);
}

/* ---- in which order ---- */

static int by_operations(const void *a, const void *b)
{
    const struct pending *x = a, *y = b;
    if (x->operations != y->operations)
        return x->operations < y->operations ? 1 : -1;
    return (x->trial > y->trial) - (x->trial < y->trial); /* qsort keeps no order of its own */
}

void queue_order(struct runner *r)
{
    if (r->n_pending > r->next)
        qsort(r->pending + r->next, r->n_pending - r->next, sizeof *r->pending, by_operations);
}

static size_t idle(const struct runner *r)
{
    size_t n = r->n_slots;
    for (size_t i = 0; i < r->n_slots; i++)
        n -= r->slots[i].active ? r->slots[i].threads : 0;
    return n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t queue_threads(const struct runner *r, int64_t wanted)
{
    const size_t most = least(r->n_slots, THREADS_MOST), free = idle(r), waiting = 1 + r->n_pending - r->next;
    if (wanted == THREADS_AUTO)
        return free < waiting ? least(free, 1) : least(free / waiting, most);
    return least((size_t)wanted, most) <= free ? least((size_t)wanted, most) : 0;
}

/* Whether there is a thread for it; of one that was looked at before, all of its. */
static bool has_threads(const struct runner *r, const struct pending *p)
{
    return queue_threads(r, p->threads ? p->threads : 1) > 0;
}

bool queue_take(struct runner *r)
{
    double taken = 0;
    size_t i = r->next;
    for (size_t k = 0; k < r->n_slots; k++)
        taken += r->slots[k].active ? r->slots[k].pending.memory_bytes : 0;
    while (r->n_active > 0 && i < r->n_pending && taken + r->pending[i].memory_bytes > r->memory)
        i++;
    if (i >= r->n_pending || !has_threads(r, &r->pending[i]))
        return false;
    const struct pending found = r->pending[i];
    memmove(&r->pending[r->next + 1], &r->pending[r->next], (i - r->next) * sizeof found);
    r->pending[r->next++] = found;
    if (found.memory_bytes > r->memory && !r->told_large)
        progress_say(
            &r->progress,
            "tprun: warning: by its plan a trial takes %.3g MB, and there are %.3g MB for all (--memory): such "
            "trials are trained alone",
            found.memory_bytes / (1 << 20), r->memory / (1 << 20));
    r->told_large |= found.memory_bytes > r->memory;
    return true;
}
