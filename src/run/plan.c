#include "run/plan.h"

#include "run/mistakes.h"

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
    memset(s, 0, sizeof *s);
    arena_init(&s->arena, 0);
    p->n_studies++; /* kept even if it fails: messages point into its text */
    const struct plan_options *o = &p->options;
    const int code = study_open(&s->study, path, o->profile, o->overrides, o->n_overrides, &s->arena, e);
    s->opened = code == 0;
    s->readable = study_is_readable(&s->study);
    if (s->readable)
        (void)study_fit(&s->study, &config_form, e); /* counted in e */
    TRY(code);
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

/* Every name of --variant must exist in one study; a study without any of them is left out whole. */
static void choose_variants(struct plan *p, struct err *e)
{
    const struct plan_options *o = &p->options;
    for (size_t i = 0; i < p->n_studies; i++) {
        struct plan_study *s = &p->studies[i];
        s->wanted = arena_need(&s->arena, s->study.n_variants, sizeof *s->wanted);
        for (size_t v = 0; v < s->study.n_variants; v++) {
            s->wanted[v] = o->n_variants == 0;
            for (size_t k = 0; k < o->n_variants; k++)
                s->wanted[v] |= !strcmp(o->variants[k], s->study.variants[v]);
        }
    }
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

/* "train.batch_size=16, train.optimizer.stepsize=0.1" */
static const char *cell_text(const struct study_trial *t, struct arena *a)
{
    const char *cell = "";
    for (size_t k = 0; k < t->n_coordinates; k++)
        cell = arena_printf(a, "%s%s%s=%s", cell, k ? ", " : "", t->coordinates[k].key, t->coordinates[k].text);
    return cell;
}

/* Composes and binds a trial, to hear its mistakes. first: the first one of its variant. */
static void check_trial(struct plan *p, struct plan_study *s, size_t variant, uint64_t i, bool first,
                        struct mistakes *m)
{
    struct study_trial t;
    struct config config;
    struct trial_size size;
    struct err own = { 0 };
    struct arena *a = &p->scratch;
    arena_rewind(a, p->start);
    int code = first ? study_first_trial(&s->study, variant, &t, a, &own) : study_trial(&s->study, i, &t, a, &own);
    if (code == 0 && !t.excluded)
        code = config_bind(t.tree, &config, a, &own);
    if (code == 0 && !t.excluded)
        code = trial_measure(&config, &size, a, &own);
    if (code < 0 &&
        mistakes_add(m, &own, variant, s->study.variants[variant], first ? "" : cell_text(&t, a), &s->arena))
        p->start = arena_mark(a); /* messages may point into this trial's memory: it is kept */
    err_clear(&own);
}

/* Every trial of one seed; of a file with mistakes of its own the first one of each variant. */
static void check_trials(struct plan *p, size_t study, bool all, struct err *e)
{
    struct plan_study *s = &p->studies[study];
    struct mistakes m = { 0 };
    const uint64_t per_variant = all ? s->n / s->study.n_variants : 0;
    for (size_t v = 0; v < s->study.n_variants && m.n < MISTAKES_MAX; v++)
        check_trial(p, s, v, 0, true, &m);
    for (uint64_t i = 0; all && i < s->n && m.n < MISTAKES_MAX; i += s->study.n_seeds)
        if (i % per_variant != 0)
            check_trial(p, s, (size_t)(i / per_variant), i, false, &m);
    mistakes_report(&m, s->study.n_variants, e);
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
    for (size_t i = 0; i < n_paths; i++) {
        struct stat st;
        if (stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode))
            (void)add_folder(p, paths[i], e);
        else
            (void)add_study(p, paths[i], e);
    }
    const bool sound = !e->code;
    for (size_t i = 0; i < p->n_studies; i++)
        if (p->studies[i].readable)
            check_trials(p, i, sound, e);
    if (!e->code)
        choose_variants(p, e);
    if (!e->code && options->one_trial)
        find_only(p, e);
    return e->code;
}

void plan_close(struct plan *p)
{
    for (size_t i = 0; i < p->n_studies; i++) {
        study_close(&p->studies[i].study);
        arena_finish(&p->studies[i].arena);
    }
    free(p->studies);
    arena_finish(&p->scratch);
    *p = (struct plan){ 0 };
}

/* Trials are numbered seed fastest, then cell, then variant. */
bool plan_left_out(const struct plan *p, size_t study, uint64_t i)
{
    const struct plan_study *s = &p->studies[study];
    const uint64_t per_variant = s->n / s->study.n_variants;
    return !s->wanted[i / per_variant] || (p->options.one_trial && (study > 0 || i != p->only));
}

int plan_trial(struct plan *p, size_t study, uint64_t i, struct plan_trial *t, struct err *e)
{
    struct plan_study *s = &p->studies[study];
    struct arena *a = &p->scratch;
    arena_rewind(a, p->start);
    *t = (struct plan_trial){ .cell = "" };
    TRY(study_trial(&s->study, i, &t->spec, a, e));
    t->excluded = t->spec.excluded;
    if (t->excluded)
        return 0;
    TRY(config_bind(t->spec.tree, &t->config, a, e));
    t->config.experiment = s->study.name;
    t->config.variant = t->spec.variant;
    t->config.seed = t->spec.seed;
    config_key(&t->config, t->key);
    struct trial_size size;
    TRY(trial_measure(&t->config, &size, a, e));
    t->budget = size.iterations;
    t->memory_bytes = size.memory_bytes;
    t->cell = cell_text(&t->spec, a);
    return 0;
}
