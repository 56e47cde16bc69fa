#include "run/plan.h"

#include "run/cells.h"
#include "run/claims.h"
#include "run/figures.h"
#include "run/mistakes.h"
#include "run/one_off.h"
#include "run/profiles.h"
#include "run/targets.h"
#include "run/tuning.h"
#include "run/twins.h"
#include "spec/idle.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_experiment(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* alphasort follows the locale; the order of studies must not. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_study(struct plan *p, const char *path, struct err *e)
{
    struct plan_study *grown = realloc(p->studies, (p->n_studies + 1) * sizeof *grown);
    if (!grown)
        return err_set(e, ERR_MEMORY, "out of memory");
    p->studies = grown;
    struct plan_study *s = &grown[p->n_studies];
    *s = (struct plan_study){ .arena = malloc(sizeof *s->arena) };
    if (!s->arena)
        return err_set(e, ERR_MEMORY, "out of memory");
    arena_init(s->arena, 0);
    p->n_studies++; /* kept even if it fails: messages point into its text */
    const struct plan_options *o = &p->options;
    const int code = study_open(&s->study, path, o->profile, o->overrides, o->n_overrides, s->arena, e);
    s->opened = code == 0;
    s->readable = study_is_readable(&s->study);
    if (s->readable)
        (void)study_fit(&s->study, &config_form, e); /* counted in e */
    TRY(code);
    one_off_find(p, s);
    if (o->keep)
        study_widen(&s->study);
    for (size_t k = 0; k + 1 < p->n_studies; k++)
        if (p->studies[k].opened && !strcmp(p->studies[k].study.name, s->study.name))
            return err_set(e, ERR_SPEC, "%s and %s are both called '%s'", p->studies[k].study.path, path,
                           s->study.name);
    return study_count(&s->study, o->yes ? 0 : PLAN_LIMIT, &s->n, e);
}

static int add_folder(struct plan *p, const char *folder, struct err *e)
{
    struct dirent **entries;
    const int n = scandir(folder, &entries, is_experiment, by_name);
    if (n < 0)
        return err_set(e, ERR_IO, "%s: %s", folder, strerror(errno));
    if (n == 0)
        err_set(e, ERR_USAGE, "%s: no *.yaml files in this folder", folder);
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof path)
            err_set(e, ERR_IO, "%s: the path is too long", folder);
        else
            (void)add_study(p, path, e); /* go on: the mistakes of every file are told */
        free(entries[i]);
    }
    free(entries);
    return e->code;
}

/* A study without any of the names of --variant is left out whole. */
static void choose_variants(const struct plan_options *o, struct plan_study *s)
{
    s->wanted = arena_need(s->arena, s->study.n_variants, sizeof *s->wanted);
    for (size_t v = 0; v < s->study.n_variants; v++) {
        s->wanted[v] = o->n_variants == 0;
        for (size_t k = 0; k < o->n_variants; k++)
            s->wanted[v] |= !strcmp(o->variants[k], s->study.variants[v]);
    }
}

/* Every name of --variant must exist in one study. */
static void check_variants(const struct plan *p, struct err *e)
{
    const struct plan_options *o = &p->options;
    for (size_t k = 0; k < o->n_variants; k++) {
        bool found = false;
        const char *near = NULL;
        for (size_t i = 0; i < p->n_studies; i++) {
            const struct study *s = &p->studies[i].study;
            for (size_t v = 0; v < s->n_variants; v++)
                found |= !strcmp(o->variants[k], s->variants[v]);
            near = near ? near : err_nearest(o->variants[k], s->variants, s->n_variants);
        }
        if (!found)
            err_set(e, ERR_USAGE, "no variant '%s'%s%s%s", o->variants[k], near ? "; did you mean '" : "",
                    near ? near : "", near ? "'?" : "");
    }
}

/* What the check of a study goes along with. */
struct check {
    struct mistakes mistakes;
    struct twins twins;
    uint64_t n_sound; /* cells that some trial is of */
};

/* Looks for a cell that would be the same trial. config: of cell i; its seed is the study's first afterwards. */
static int find_twin(struct plan_study *s, uint64_t i, struct config *config, char key[65], struct check *k,
                     struct arena *a, struct err *e)
{
    uint64_t twin;
    config->seed = s->study.seeds[0];
    config_key(config, key);
    TRY(twins_find(&k->twins, key, i, &twin, e));
    return twin == i ? 0 : study_report_same(&s->study, twin, i, a, e);
}

/* Composes and binds a cell, to hear its mistakes and to keep it. first: the first one of its variant, where the cells
 * are not looked at one by one. */
static void check_cell(struct plan *p, struct plan_study *s, size_t variant, uint64_t i, bool first, struct check *k)
{
    char key[65];
    struct study_trial t;
    struct config config;
    struct trial_size size;
    struct err own = { 0 };
    struct arena *a = plan_scratch(p);
    int code = first ? study_first_trial(&s->study, variant, &t, a, &own) : study_cell(&s->study, i, &t, a, &own);
    if (code == 0 && !t.excluded)
        code = config_bind_next(t.tree, &p->cache, &config, a, &own);
    if (code == 0 && !t.excluded)
        code = trial_measure(&config, &size, a, &own);
    if (code == 0 && !t.excluded) {
        k->n_sound++;
        config.experiment = s->study.name;
        config.variant = t.variant;
        if (first)
            cells_fingerprint(s, &config, size.iterations);
        code = find_twin(s, i, &config, key, k, a, &own);
        if (code == 0 && !first && s->cells)
            cells_keep(s, i, &t, &config, key, &size, a);
        if (code == 0 && !first && p->options.visit)
            p->options.visit(p->options.visitor, p, (size_t)(s - p->studies), variant, i, &t, &config, &size);
    }
    if (code < 0 &&
        mistakes_add(&k->mistakes, &own, variant, s->study.variants[variant], first ? "" : cells_text(&t, a), s->arena))
        p->start = arena_mark(a); /* messages may point into this cell's memory: it is kept */
    err_clear(&own);
}

/* The first cell of each variant: all that is looked at in a file with mistakes of its own. */
static void check_first(struct plan *p, struct plan_study *s, struct check *k)
{
    cells_begin_fingerprint(s, p->options.code);
    for (size_t v = 0; v < s->study.n_variants && k->mistakes.n < MISTAKES_MAX; v++)
        check_cell(p, s, v, v * s->study.n_cells, true, k);
    cells_end_fingerprint(s);
}

static void check_all(struct plan *p, struct plan_study *s, struct check *k)
{
    const struct plan_options *o = &p->options;
    const uint64_t n = s->study.n_cells * s->study.n_variants;
    for (uint64_t i = 0; i < n && k->mistakes.n < MISTAKES_MAX; i++) {
        if (o->tick && i % 64 == 0)
            o->tick(o->self, s, i * s->study.n_seeds);
        if (s->cells || o->visit || i % s->study.n_cells != 0) /* the first ones were checked */
            check_cell(p, s, (size_t)(i / s->study.n_cells), i, false, k);
    }
}

/* What the file says without effect, once all of its trials were looked at. What a profile or the command line changes
 * may leave other keys without effect, which is no mistake; those of the profile itself are. */
static void check_idle(const struct plan *p, const struct plan_study *s, const struct idle_keys *idle, struct err *e)
{
    const struct node *profile = s->study.profile ? tree_child(s->study.profiles, s->study.profile) : NULL;
    if (s->cells || p->options.visit)
        idle_report(idle, s->makes_trials ? NULL : s->study.file->where.source, profile, e);
}

static void check_study(struct plan *p, struct plan_study *s, bool sound, struct err *e)
{
    struct check k = { 0 };
    struct idle_keys idle = { .arena = s->arena };
    const struct plan_options *o = &p->options;
    p->cache.idle = &idle;
    check_first(p, s, &k);
    const bool known = k.mistakes.n == 0 && o->known && o->known(o->self, s);
    if (sound && !known && (!o->keep || k.mistakes.n > 0 || cells_open(s, e) == 0))
        check_all(p, s, &k);
    p->cache.idle = NULL;
    if (sound && !known && k.mistakes.n == 0)
        check_idle(p, s, &idle, e);
    if (sound && !known && k.mistakes.n == 0 && k.n_sound == 0)
        err_at(e, study_excludes_where(&s->study), "sweep.exclude: leaves no trial");
    mistakes_report(&k.mistakes, s->study.n_variants, e);
    twins_free(&k.twins);
}

int plan_check(struct plan *p, size_t study, struct err *e)
{
    struct check k = { 0 };
    struct plan_study *s = &p->studies[study];
    TRY(cells_open(s, e));
    check_all(p, s, &k);
    mistakes_report(&k.mistakes, s->study.n_variants, e);
    twins_free(&k.twins);
    return e->code;
}

static void find_only(struct plan *p, struct err *e)
{
    struct plan_trial t = { .excluded = true };
    for (uint64_t i = 0; i < p->studies[0].n && t.excluded && !e->code; i++) {
        p->only = i;
        if (!plan_left_out(p, 0, i))
            (void)plan_trial(p, 0, i, &t, e);
    }
    if (t.excluded && !e->code)
        err_set(e, ERR_USAGE, "%s: no trial is left", p->studies[0].study.path);
}

int plan_open(struct plan *p, const char *const *paths, size_t n_paths, const struct plan_options *options,
              struct err *e)
{
    *p = (struct plan){ .options = *options };
    arena_init(&p->scratch, 0);
    p->start = arena_mark(&p->scratch);
    arena_init(&p->presets, 0);
    p->cache.arena = &p->presets;
    for (size_t i = 0; i < n_paths; i++) {
        struct stat st;
        if (stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode))
            (void)add_folder(p, paths[i], e);
        else
            (void)add_study(p, paths[i], e);
    }
    const bool sound = !e->code;
    for (size_t i = 0; i < p->n_studies; i++)
        if (p->studies[i].readable) {
            choose_variants(options, &p->studies[i]);
            check_study(p, &p->studies[i], sound, e);
        }
    for (size_t i = 0; i < p->n_studies; i++) {
        tuning_check(p, &p->studies[i], e);
        claims_check(p, &p->studies[i], e);
        targets_check(p, &p->studies[i], e);
        figures_check_trials(p, &p->studies[i], e);
        profiles_check(p, &p->studies[i], e);
    }
    if (!e->code)
        check_variants(p, e);
    if (!e->code && options->one_trial)
        find_only(p, e);
    return e->code;
}

void plan_close(struct plan *p)
{
    for (size_t i = 0; i < p->n_studies; i++) {
        study_close(&p->studies[i].study);
        cells_close(&p->studies[i]);
        arena_finish(p->studies[i].arena);
        free(p->studies[i].arena);
    }
    free(p->studies);
    arena_finish(&p->scratch);
    arena_finish(&p->presets);
    *p = (struct plan){ 0 };
}

/* Trials are numbered seed fastest, then cell, then variant. */
bool plan_left_out(const struct plan *p, size_t study, uint64_t i)
{
    const struct plan_study *s = &p->studies[study];
    const uint64_t per_variant = s->n / s->study.n_variants;
    const bool *asked = s->study.asked;
    if (i >= s->n) /* of a chosen cell */
        return p->options.one_trial || !s->wanted[(i - s->n) / (s->study.n_cells * s->study.tune->n_seeds)];
    return !s->wanted[i / per_variant] || (asked && !asked[i % s->study.n_seeds]) ||
           (p->options.one_trial && (study > 0 || i != p->only));
}

struct arena *plan_scratch(struct plan *p)
{
    arena_rewind(&p->scratch, p->start);
    p->last = NULL;
    return &p->scratch;
}

/* Composes a cell: all of plan_trial but what depends on the seed. */
static int compose_cell(struct plan *p, size_t study, uint64_t cell, struct plan_trial *t, struct err *e)
{
    struct plan_study *s = &p->studies[study];
    struct arena *a = plan_scratch(p);
    struct trial_size size;
    *t = (struct plan_trial){ .cell = "" };
    TRY(study_cell(&s->study, cell, &t->spec, a, e));
    t->excluded = t->spec.excluded;
    if (!t->excluded) {
        TRY(config_bind_next(t->spec.tree, &p->cache, &t->config, a, e));
        t->config.experiment = s->study.name;
        t->config.variant = t->spec.variant;
        TRY(trial_measure(&t->config, &size, a, e));
        t->budget = size.iterations;
        t->memory_bytes = size.memory_bytes;
        t->cell = cells_text(&t->spec, a);
    }
    p->last = arena_need(a, 1, sizeof *t);
    *p->last = *t;
    p->last_study = study;
    p->last_cell = cell;
    return 0;
}

int plan_trial(struct plan *p, size_t study, uint64_t i, struct plan_trial *t, struct err *e)
{
    const struct study *s = &p->studies[study].study;
    const size_t seed = (size_t)(i % s->n_seeds);
    if (p->last && p->last_study == study && p->last_cell == i / s->n_seeds)
        *t = *p->last;
    else
        TRY(compose_cell(p, study, i / s->n_seeds, t, e));
    t->excluded = t->excluded || study_excludes_seed(s, &t->spec, seed);
    if (t->excluded)
        return 0;
    t->spec.seed = t->config.seed = s->seeds[seed];
    config_key(&t->config, t->key);
    return 0;
}
