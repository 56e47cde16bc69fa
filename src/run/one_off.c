#include "run/one_off.h"

#include "spec/compose.h"
#include <string.h>

static bool leads_through(const char *assignment, const char *key)
{
    const size_t n = strlen(key);
    return !strncmp(assignment, key, n) && (assignment[n] == '.' || assignment[n] == '=');
}

/* Seeds and budgets say which trials of the file are trained, and how far; its name is that of another study with the
 * same specification. The first other assignment, rather one that changes trials. */
static const char *find_by_name(const struct plan_options *o)
{
    const char *found = NULL;
    for (size_t i = 0; i < o->n_overrides; i++) {
        const char *assignment = o->overrides[i];
        if (leads_through(assignment, "seeds") || leads_through(assignment, "experiment") ||
            config_is_budget(assignment, NULL))
            continue;
        if (compose_changes_trials(assignment))
            return assignment;
        found = found ? found : assignment;
    }
    return found;
}

/* What a cell's trials are known by, but for names and seed: "" where the file composes none. False: excluded, or with
 * mistakes, which are told when the study is checked. */
static bool find_key(struct plan *p, const struct study *s, uint64_t cell, char key[65])
{
    struct study_trial t;
    struct config c;
    struct err e = { 0 };
    struct arena *a = plan_scratch(p);
    const bool composed = study_cell(s, cell, &t, a, &e) == 0;
    bool known = !composed;
    key[0] = '\0';
    if (composed && !t.excluded && config_bind_values(t.tree, &p->cache, &c, a, &e) == 0) {
        config_key(&c, key);
        known = true;
    }
    err_clear(&e);
    return known;
}

/* Where no axis chooses parts and nothing refers to anything, one cell of a variant tells of all. */
static bool same_trials(struct plan *p, const struct study *a, const struct study *b)
{
    char x[65], y[65];
    if (!study_same_sweep(a, b))
        return false;
    for (size_t v = 0; v < a->n_variants; v++) {
        const bool each = a->refers || b->refers || !a->fixed_keys || !a->fixed_keys[v];
        bool known = false;
        for (uint64_t i = 0; i < a->n_cells && (each || !known); i++) {
            const uint64_t cell = v * a->n_cells + i;
            known = find_key(p, a, cell, x) && find_key(p, b, cell, y);
            if (known && strcmp(x, y) != 0)
                return false;
        }
    }
    return true;
}

/* The file with the first n assignments of the command line. False: no trial can be composed. */
static bool open_with(const struct plan *p, const struct plan_study *s, size_t n, struct study *study)
{
    struct err e = { 0 };
    (void)study_open_again(study, &s->study, p->options.profile, p->options.overrides, n, &e);
    const bool readable = study_is_readable(study) && study->n_cells < UINT64_MAX;
    if (readable)
        (void)study_fit(study, &config_form, &e);
    err_clear(&e);
    return readable;
}

/* Of assignments that change no trial by their names, the first with which the trials are others. */
static const char *find_by_identity(struct plan *p, const struct plan_study *s)
{
    const struct plan_options *o = &p->options;
    const char *found = NULL;
    struct study file, with;
    bool any = false;
    for (size_t i = 0; i < o->n_overrides; i++)
        any |= s->study.refers || config_is_budget(o->overrides[i], NULL);
    if (!any)
        return NULL;
    const bool readable = open_with(p, s, 0, &file);
    for (size_t i = 0; i < o->n_overrides && readable && !found; i++) {
        if (open_with(p, s, i + 1, &with) && with.n_variants == file.n_variants && !same_trials(p, &file, &with))
            found = o->overrides[i];
        study_close(&with);
    }
    study_close(&file);
    return found;
}

void one_off_find(struct plan *p, struct plan_study *s)
{
    s->one_off = find_by_name(&p->options);
    s->makes_trials = s->one_off && compose_changes_trials(s->one_off);
    const char *found = s->makes_trials || !s->readable ? NULL : find_by_identity(p, s);
    if (found) {
        s->one_off = found;
        s->makes_trials = true;
    }
}
