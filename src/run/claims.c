#include "run/claims.h"

#include "run/cells.h"
#include "spec/bind.h"
#include "spec/sweep.h"
#include "store/partial.h"
#include "store/table.h"
#include "trial/trial.h"
#include <string.h>

/* The study with the profile that a claim belongs to. */
struct reference {
    struct reference *next;
    const char *profile; /* or NULL */
    struct study study;
    bool sound;
};

struct checking {
    struct plan *plan;
    struct plan_study *s;
    struct reference *references;
    struct study_claim *claim;
    const struct reference *of; /* the claim */
    struct err *e;
};

/* A metric whose rows count epochs of feedback training in place of steps. */
static const char counts_epochs[] = COUNTS_EPOCHS;

static const char *profile_of(const struct study *s, const struct study_claim *c)
{
    const bool has_paper = s->profiles && tree_child(s->profiles, "paper");
    return c->has_profile ? c->profile : has_paper ? "paper" : NULL;
}

static bool same_name(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Mistakes of another profile are told elsewhere (profiles.c). In a file with mistakes of its own it is enough that
 * trials can be composed. */
static const struct reference *refer(struct checking *k, const char *profile)
{
    for (struct reference *r = k->references; r; r = r->next)
        if (same_name(r->profile, profile))
            return r;
    struct err own = { 0 };
    struct reference *r = arena_need(k->s->arena, 1, sizeof *r);
    *r = (struct reference){ .next = k->references, .profile = profile };
    const bool opened = study_open_again(&r->study, &k->s->study, profile, NULL, 0, &own) == 0;
    r->sound = opened || (!k->s->opened && study_is_readable(&r->study));
    if (r->sound)
        r->sound = study_fit(&r->study, &config_form, &own) == 0 || !k->s->opened;
    err_clear(&own);
    return k->references = r;
}

static bool find_profile(const struct checking *k)
{
    const struct node *profiles = k->s->study.profiles;
    const char *profile = k->claim->profile;
    if (!profile || (profiles && tree_child(profiles, profile)))
        return true;
    const size_t n = profiles ? profiles->n : 0;
    const char **names = arena_need(k->s->arena, n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = profiles->keys[i]->text;
    err_at(k->e, k->claim->where, "%s.profile: the file has no profile '%s'%s", k->claim->path, profile,
           bind_advice(profile, names, n, k->s->arena));
    return false;
}

/* Index in the study, or its number of variants. */
static size_t find_variant(const struct study *s, const char *name)
{
    size_t v = 0;
    while (v < s->n_variants && strcmp(s->variants[v], name) != 0)
        v++;
    return v;
}

static struct where place(const struct claim_quantity *q, const char *key, size_t i)
{
    const struct node *n = tree_child(q->map, key);
    return n->kind == NODE_LIST && i < n->n ? n->items[i]->where : n->where;
}

/* Also one of those that a cell is chosen from: they differ in what was chosen, and in no budget or metric. */
static bool is_cell(const struct study *s, const struct study_trial *t, const char *cell, struct arena *a)
{
    return !strcmp(cells_text(t, a), cell) || (s->tune && !strcmp(cells_tuning(s, t, a), cell));
}

/* The cell of a variant that a claim names, its only one where it names none. Returns how many it may be: 0, 1 or more;
 * the trial is that of the first, in scratch. */
static size_t find_cell(struct checking *k, const struct study *s, size_t v, const char *cell,
                        struct study_trial *found)
{
    size_t n = 0;
    struct arena *a = plan_scratch(k->plan);
    for (uint64_t i = 0; i < s->n_cells && n < (cell ? 1 : 2); i++) {
        struct study_trial t;
        struct err own = { 0 };
        const struct arena_mark mark = arena_mark(a);
        const int code = study_cell(s, v * s->n_cells + i, &t, a, &own);
        err_clear(&own);
        if (code == 0 && !t.excluded && (!cell || is_cell(s, &t, cell, a))) {
            if (n++ == 0)
                *found = t;
        } else {
            arena_rewind(a, mark);
        }
    }
    return n;
}

/* The one name among a variant's cells whose short form is `given`; NULL: none, or the file's own words are whole. */
static const char *whole_cell(struct checking *k, const struct study *s, size_t v, const char *given, bool *several)
{
    const char *found = NULL;
    for (uint64_t i = 0; i < s->n_cells; i++) {
        struct study_trial t;
        struct err own = { 0 };
        struct arena *a = plan_scratch(k->plan);
        const int code = study_cell(s, v * s->n_cells + i, &t, a, &own);
        err_clear(&own);
        if (code < 0 || t.excluded)
            continue;
        const char *const names[] = { cells_text(&t, a), s->tune ? cells_tuning(s, &t, a) : "" };
        for (size_t j = 0; j < 2; j++) {
            if (!strcmp(names[j], given))
                return NULL;
            if (!table_cell_is(names[j], given))
                continue;
            *several = *several || (found && strcmp(found, names[j]) != 0);
            found = found ? found : arena_strdup(k->s->arena, names[j]);
        }
    }
    return found;
}

/* A claim may name its cell as tables show it; verdicts are found by its whole name. */
static void name_cell(struct checking *k)
{
    struct claim_quantity *q = &k->claim->quantity;
    const struct names *const sides[] = { &q->better, &q->than };
    const char *found = NULL;
    bool several = false;
    for (size_t side = 0; q->cell && side < 2; side++)
        for (size_t i = 0; i < sides[side]->n && !found; i++) {
            const size_t v = find_variant(&k->of->study, sides[side]->items[i]);
            if (v < k->of->study.n_variants)
                found = whole_cell(k, &k->of->study, v, q->cell, &several);
        }
    if (several)
        err_at(k->e, tree_child(q->map, "cell")->where,
               "%s: '%s' means several cells of the sweep; the whole name of one is '%s'", k->claim->path, q->cell,
               found);
    else if (found)
        q->cell = found;
}

/* Looks for a metric among those that a trial logs. */
struct logged {
    const char *metric;
    bool found, has_goal;
};

static int look_at(void *self, const struct metric_facts *f)
{
    struct logged *l = self;
    if (!strcmp(f->name, l->metric)) {
        l->found = true;
        l->has_goal = f->goal != NULL;
    }
    return 0;
}

/* One variant of a claim: its trials with some profile. */
struct subject_trials {
    int64_t budget, every; /* steps */
    size_t n_layers;
    char key[65];         /* of the cell, with seed 0 */
    struct logged logged; /* the metric */
};

static bool bind_cell(struct checking *k, const struct study_trial *t, const char *metric, struct subject_trials *out)
{
    struct config c;
    struct trial_size size;
    struct err own = { 0 };
    struct arena *a = &k->plan->scratch;
    int code = config_bind_next(t->tree, &k->plan->cache, &c, a, &own);
    if (code == 0)
        code = trial_measure(&c, &size, a, &own);
    err_clear(&own); /* told where its study is checked */
    if (code < 0)
        return false;
    c.seed = 0;
    out->budget = size.iterations;
    out->every = c.log.every;
    out->n_layers = size.n_links; /* layers, or the links that some metrics count: time steps of a recurrent one */
    out->logged = (struct logged){ .metric = metric };
    if (metric && trial_visit_metrics(&c, look_at, &out->logged) < 0)
        return false;
    config_key(&c, out->key);
    return true;
}

/* The variants that the claim names, under one of its keys. */
struct named {
    const char *key; /* "better", "than"; "variant" of a value; NULL: a measure, which sees all */
    const struct names *names;
};

static void refuse_variant(struct checking *k, const struct named *of, size_t i)
{
    const struct study *s = &k->of->study;
    const char *profile = k->of->profile;
    const struct node *file = k->s->study.file, *variants = file ? tree_child(file, "variants") : NULL;
    if (!k->s->opened && variants && variants->kind == NODE_MAP && tree_child(variants, of->names->items[i]))
        return; /* it is there, with a mistake */
    err_at(k->e, place(&k->claim->quantity, of->key, i), "%s.%s: the study%s%s has no variant '%s'%s", k->claim->path,
           of->key, profile ? " with profile " : "", profile ? profile : "", of->names->items[i],
           bind_advice(of->names->items[i], s->variants, s->n_variants, k->s->arena));
}

static void refuse_cell(struct checking *k, const struct named *of, size_t i, size_t n_cells)
{
    const struct claim_quantity *q = &k->claim->quantity;
    const char *variant = of->names->items[i];
    const bool of_tune = q->cell && !strncmp(q->cell, "tuned", strlen("tuned"));
    if (of_tune && !k->s->opened && !k->of->study.tune)
        return; /* its `tune` may be one of the mistakes */
    if (n_cells > 1)
        err_at(k->e, place(q, of->key, i), "%s: the variant '%s' has several cells; choose one with 'cell'%s",
               k->claim->path, variant, k->of->study.tune ? ", such as 'tuned'" : "");
    else
        err_at(k->e, q->cell ? tree_child(q->map, "cell")->where : place(q, of->key, i),
               "%s: the variant '%s' has no cell%s%s%s", k->claim->path, variant, q->cell ? " '" : "",
               q->cell ? q->cell : "", q->cell ? "'" : "");
}

/* Whether its step is one that is logged. */
static void check_step(struct checking *k, const char *variant, const struct subject_trials *t)
{
    const struct claim_quantity *q = &k->claim->quantity;
    if ((q->at != CLAIM_STEP && q->at != CLAIM_FROM) || !strcmp(q->metric, counts_epochs))
        return;
    const struct where where = tree_child(q->map, "at")->where;
    if (q->step > t->budget)
        err_at(k->e, where, "%s: the trials of '%s' end at step %lld", k->claim->path, variant, (long long)t->budget);
    else if (q->at == CLAIM_STEP && q->step != t->budget && q->step % t->every != 0)
        err_at(k->e, where, "%s: the trials of '%s' log every %lld steps, and not at %lld", k->claim->path, variant,
               (long long)t->every, (long long)q->step);
}

/* The steps that a claim needs of its trials. */
static int64_t steps_needed(const struct claim_quantity *q, const struct subject_trials *t)
{
    const bool at_step = q && q->at == CLAIM_STEP && strcmp(q->metric, counts_epochs) != 0;
    return at_step && q->step < t->budget ? q->step : t->budget;
}

/* Adds the steps that a named variant needs; apart: its trials are not those of this plan. */
static void check_named(struct checking *k, const struct named *of, size_t i, struct text *steps, bool *apart)
{
    const struct claim_quantity *q = of->key ? &k->claim->quantity : NULL;
    const struct study *ours = &k->s->study, *theirs = &k->of->study;
    const char *name = of->names->items[i], *cell = q ? q->cell : NULL;
    const size_t v = find_variant(theirs, name), w = find_variant(ours, name);
    struct subject_trials there = { 0 }, here = { 0 };
    struct study_trial t;
    if (v == theirs->n_variants) {
        refuse_variant(k, of, i);
        return;
    }
    const size_t n = find_cell(k, theirs, v, cell, &t);
    if (q && n != 1) {
        refuse_cell(k, of, i, n);
        return;
    }
    if (n == 0 || !bind_cell(k, &t, q ? q->metric : NULL, &there))
        return;
    if (q && !there.logged.found)
        err_at(k->e, tree_child(q->map, "metric")->where, "%s: the variant '%s' does not log '%s'", k->claim->path,
               name, q->metric);
    else if (q && !there.logged.has_goal && (k->claim->kind == CLAIM_COMPARE || q->at == CLAIM_BEST))
        err_at(k->e, tree_child(q->map, "metric")->where, "%s: neither large nor small values of '%s' are better",
               k->claim->path, q->metric);
    if (q && q->has_layer && (uint64_t)q->layer >= there.n_layers)
        err_at(k->e, tree_child(q->map, "layer")->where, "%s: the network of '%s' has no layer %lld; they are 0 to %zu",
               k->claim->path, name, (long long)q->layer, there.n_layers - 1);
    if (q)
        check_step(k, name, &there);
    text_puts(steps, steps->n ? "," : "");
    text_json_string(steps, name, strlen(name));
    text_putc(steps, ':');
    text_json_int(steps, steps_needed(q, &there));
    if (w == ours->n_variants || find_cell(k, ours, w, cell, &t) == 0 || !bind_cell(k, &t, NULL, &here) ||
        strcmp(here.key, there.key) != 0)
        *apart = true;
}

static void check_metric(struct checking *k)
{
    const struct claim_quantity *q = &k->claim->quantity;
    const struct registry *known;
    if (config_form.can_log(q->metric, &known)) {
        const bool of_layers = config_metric_of_layers(q->metric);
        if (of_layers != q->has_layer)
            err_at(k->e, tree_child(q->map, of_layers ? "metric" : "layer")->where, "%s: '%s' is a metric of %s",
                   k->claim->path, q->metric,
                   of_layers ? "layers: say which with 'layer'" : "the whole trial; it has no layers");
        return;
    }
    const char **names = arena_need(k->s->arena, known->n_parts, sizeof *names);
    for (size_t i = 0; i < known->n_parts; i++)
        names[i] = known->parts[i]->name;
    err_at(k->e, tree_child(q->map, "metric")->where, "%s: unknown metric '%s'%s", k->claim->path, q->metric,
           bind_advice(q->metric, names, known->n_parts, k->s->arena));
}

/* Whether there can be as many seeds as it needs: those of its own profile count. */
static void check_seeds(struct checking *k)
{
    const struct study_claim *c = k->claim;
    const struct study *of = &k->of->study;
    const char *cell = c->quantity.cell, *profile = k->of->profile;
    size_t n = of->n_spec_seeds;
    if (of->tune && (c->kind == CLAIM_MEASURE ? of->tune->n_seeds > n : cell && !strncmp(cell, "tuned", 5)))
        n = of->tune->n_seeds;
    if (c->min_seeds_where.line && k->of->sound && k->s->opened && (size_t)c->min_seeds > n)
        err_at(k->e, c->min_seeds_where,
               "%s.min_seeds: %lld, but the trials of the study%s%s have %zu seed%s: it would stay undecided", c->path,
               (long long)c->min_seeds, profile ? " with profile " : "", profile ? profile : "", n, n == 1 ? "" : "s");
}

static const char *check_claim(struct checking *k)
{
    const struct study_claim *c = k->claim;
    const size_t before = k->e->n_errors;
    struct text out = { 0 }, steps = { 0 };
    bool apart = false;
    if (c->kind == CLAIM_MEASURE ? !c->measure : !c->quantity.map)
        return NULL; /* what it is about cannot be read, which was told */
    if (!find_profile(k))
        return NULL;
    k->of = refer(k, profile_of(&k->s->study, c));
    const struct names all = { k->of->study.n_variants, k->of->study.variants };
    const struct named of[] = { { c->kind == CLAIM_MEASURE ? NULL
                                  : c->kind == CLAIM_VALUE ? "variant"
                                                           : "better",
                                  c->kind == CLAIM_MEASURE ? &all : &c->quantity.better },
                                { "than", &c->quantity.than } };
    check_seeds(k);
    if (c->kind != CLAIM_MEASURE)
        check_metric(k);
    if (c->kind != CLAIM_MEASURE && k->of->sound && k->e->n_errors == before)
        name_cell(k);
    if (k->of->sound && k->e->n_errors == before)
        for (size_t side = 0; side < 2; side++)
            for (size_t i = 0; i < of[side].names->n; i++)
                check_named(k, &of[side], i, &steps, &apart);
    text_putc(&out, '{');
    if (c->kind != CLAIM_MEASURE)
        claim_put_quantity(&out, &c->quantity);
    claim_put_text(&out, "profile", k->of->profile);
    if (apart || !k->of->sound)
        text_puts(&out, ",\"apart\":true");
    text_add(&out, ",\"steps\":{%s}}", steps.n ? steps.s : "");
    const char *copy = arena_strdup(k->s->arena, out.s);
    text_free(&out);
    text_free(&steps);
    return copy;
}

/* Each once. */
static size_t add_keys(const char **keys, size_t n, const struct study_sweep *w)
{
    for (size_t i = 0; i < w->n_axes; i++) {
        size_t at = 0;
        while (at < n && strcmp(keys[at], w->axes[i].key) != 0)
            at++;
        keys[at] = w->axes[i].key;
        n += at == n;
    }
    return n;
}

/* The swept keys of the study, and of the profiles that its claims belong to. */
static size_t swept_keys(const struct checking *k, const char ***keys)
{
    size_t n = k->s->study.sweep ? k->s->study.sweep->n_axes : 0;
    for (const struct reference *r = k->references; r; r = r->next)
        n += r->sound ? r->study.sweep->n_axes : 0;
    *keys = arena_need(k->s->arena, n, sizeof **keys);
    n = 0;
    for (const struct reference *r = k->references; r; r = r->next)
        n = r->sound ? add_keys(*keys, n, r->study.sweep) : n;
    return k->s->study.sweep ? add_keys(*keys, n, k->s->study.sweep) : n;
}

void claims_check(struct plan *p, struct plan_study *s, struct err *e)
{
    struct checking k = { .plan = p, .s = s, .e = e };
    const struct study *f = &s->study;
    const char **keys;
    if (s->readable)
        s->claims = arena_need(s->arena, f->n_claims, sizeof *s->claims);
    for (size_t i = 0; s->readable && i < f->n_claims; i++) {
        k.claim = &f->claims[i];
        s->claims[i] = check_claim(&k);
    }
    const size_t n_keys = swept_keys(&k, &keys);
    claim_measures_check(s, keys, n_keys, e);
    for (struct reference *r = k.references; r; r = r->next)
        study_close(&r->study);
    (void)plan_scratch(p);
}
