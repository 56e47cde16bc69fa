#include "run/profiles.h"

#include "trial/trial.h"
#include <string.h>

/* Takes over the errors of the profile's own lines, with their notes. */
static void take(const struct err *own, const struct node *profile, const char *name, struct err *e)
{
    bool taken = false;
    for (size_t i = 0; i < own->n_messages; i++) {
        const struct err_message *m = &own->messages[i];
        if (m->level == ERR_LEVEL_NOTE) {
            if (taken)
                err_note(e, m->where, "%s", m->text);
            continue;
        }
        taken =
            m->level == ERR_LEVEL_ERROR && m->where.line && tree_holds(profile, m->where) && !err_is_told(e, m->where);
        if (taken) {
            err_at(e, m->where, "%s", m->text);
            err_note(e, (struct where){ 0 }, "in profile '%s'", name);
        }
    }
}

static void bind_first(struct plan *p, const struct study *s, struct err *e)
{
    for (size_t v = 0; v < s->n_variants; v++) {
        struct study_trial t;
        struct config c;
        struct arena *a = plan_scratch(p);
        if (study_first_trial(s, v, &t, a, e) == 0 && !t.excluded)
            (void)config_bind_values(t.tree, &p->cache, &c, a, e); /* counted in e */
    }
}

static void check_profile(struct plan *p, struct plan_study *s, const struct node *profile, const char *name,
                          struct err *e)
{
    struct err own = { 0 };
    struct study other;
    (void)study_open_again(&other, &s->study, name, NULL, 0, &own);
    if (study_is_readable(&other)) {
        (void)study_fit(&other, &config_form, &own);
        bind_first(p, &other, &own);
    }
    take(&own, profile, name, e);
    err_clear(&own);
    study_close(&other);
}

void profiles_check(struct plan *p, struct plan_study *s, struct err *e)
{
    const struct node *profiles = s->study.profiles;
    const char *selected = s->study.profile;
    for (size_t i = 0; profiles && i < profiles->n; i++) {
        const char *name = profiles->keys[i]->text;
        if (profiles->items[i]->kind == NODE_MAP && (!selected || strcmp(selected, name) != 0))
            check_profile(p, s, profiles->items[i], name, e);
    }
    (void)plan_scratch(p);
}
