/* The cells that are chosen when a sweep has ended, and their trials with fresh seeds. Everything follows from what is
 * stored, so a run that was killed here goes on with the same. */
#include "run/private.h"

#include "base/killpoint.h"
#include "run/price.h"
#include <stdlib.h>
#include <string.h>

/* A choice that is kept while trials are put. */
struct choice {
    size_t variant;
    char *tuned;
    int64_t trial, config;
};
struct choices {
    const struct study *study;
    size_t n;
    struct choice *items;
};

int tuning_describe(struct runner *r, size_t study, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    const struct study_tune *t = s->study.tune;
    if (!t)
        return store_put_tune(r->store, s->store_id, NULL, e);
    const char **keys = arena_need(s->arena, t->n_keys, sizeof *keys);
    bool *drawn = arena_need(s->arena, t->n_keys, sizeof *drawn);
    for (size_t i = 0; i < t->n_keys; i++) {
        keys[i] = t->keys[i].key;
        drawn[i] = t->keys[i].drawn;
    }
    const struct store_tune tune = { t->metric, s->tunes_by_largest, (int64_t)t->n_seeds, t->n_keys, keys, drawn };
    return store_put_tune(r->store, s->store_id, &tune, e);
}

bool tuning_is_due(const struct runner *r, size_t study)
{
    const struct plan_study *s = &r->plan->studies[study];
    return s->study.tune && !s->one_off && !r->plan->options.one_trial;
}

static int keep(void *self, const struct store_choice *c)
{
    struct choices *all = self;
    const struct study *s = all->study;
    size_t v = 0;
    while (v < s->n_variants && strcmp(s->variants[v], c->variant) != 0)
        v++;
    if (v == s->n_variants)
        return 0;
    struct choice *grown = realloc(all->items, (all->n + 1) * sizeof *grown);
    char *tuned = strdup(c->tuned);
    all->items = grown ? grown : all->items;
    if (!grown || !tuned) {
        free(tuned);
        return ERR_MEMORY;
    }
    all->items[all->n++] = (struct choice){ v, tuned, c->trial, c->config };
    return 0;
}

static void free_choices(struct choices *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->items[i].tuned);
    free(all->items);
}

/* The trial of the chosen configuration with another seed. t: a trial of the chosen cell. */
static int put_seed(struct runner *r, size_t study, const struct choice *c, struct stored_trial *t, int64_t seed,
                    uint64_t position, struct err *e)
{
    char key[65];
    int due_ms;
    struct store_trial_row row;
    const struct plan_study *s = &r->plan->studies[study];
    for (size_t i = 0; i < t->described.n_params; i++) {
        t->described.params[i].swept = false;
        if (!strcmp(t->described.params[i].key, "seed"))
            t->described.params[i].number = (double)seed;
    }
    t->config.seed = seed;
    config_key(&t->config, key);
    const struct store_trial trial = { .key = key,
                                       .study = s->store_id,
                                       .position = (int64_t)position,
                                       .variant = s->study.variants[c->variant],
                                       .cell = c->tuned,
                                       .tuning = c->tuned,
                                       .seed = seed,
                                       .config = c->config,
                                       .budget = t->described.budget,
                                       .operations = price_operations(&t->config, &t->size),
                                       .memory_bytes = t->size.memory_bytes + PRICE_WORKER_BYTES,
                                       .keep_budget = plan_left_out(r->plan, study, position),
                                       .anew = r->options->force,
                                       .n_params = t->described.n_params,
                                       .params = t->described.params };
    TRY(store_put_trial(r->store, &trial, &row, e));
    KILL_POINT(RUN_QUEUE_TRIAL);
    return store_tick(r->store, &due_ms, e);
}

static int put_choice(struct runner *r, size_t study, const struct choice *c, uint64_t first, struct err *e)
{
    const struct study_tune *tune = r->plan->studies[study].study.tune;
    struct stored_trial t = { 0 };
    int code = stored_load(r, c->trial, &t, e);
    for (size_t i = 0; i < tune->n_seeds && code == 0; i++)
        code = put_seed(r, study, c, &t, tune->seeds[i], first + i, e);
    store_free_described(&t.described);
    return code;
}

int tuning_put(struct runner *r, size_t study, struct err *e)
{
    struct plan_study *s = &r->plan->studies[study];
    const struct study *f = &s->study;
    struct choices all = { .study = f };
    int code = store_visit_choices(r->store, s->store_id, keep, &all, e);
    if (code == 0)
        code = store_begin_tuned(r->store, s->store_id, (int64_t)s->n, e);
    for (size_t i = 0, k = 0; i < all.n && code == 0; i++) {
        k = i > 0 && all.items[i].variant == all.items[i - 1].variant ? k + 1 : 0;
        code =
            put_choice(r, study, &all.items[i], s->n + (all.items[i].variant * f->n_cells + k) * f->tune->n_seeds, e);
    }
    if (code == 0)
        code = store_end_tuned(r->store, s->store_id, (int64_t)s->n, e);
    free_choices(&all);
    return code < 0 ? code : store_flush(r->store, e);
}
