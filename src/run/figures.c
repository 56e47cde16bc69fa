#include "run/figures.h"

#include "run/cells.h"
#include "spec/bind.h"
#include "store/table.h"
#include "trial/trial.h"
#include <string.h>

/* Of a larger sweep it is taken that some cell has what a figure shows. */
enum { MOST_CELLS = 1000 };

/* What the trials that a figure is about were found to have. */
struct found {
    const struct study_figure *figure;
    bool cell, metric;
    bool any;           /* a trial of such a cell could be composed */
    size_t most_layers; /* or links, which some metrics count: time steps of a recurrent layer */
};

static int look_at(void *self, const struct metric_facts *f)
{
    struct found *found = self;
    found->metric = found->metric || !strcmp(f->name, found->figure->metric);
    return 0;
}

static bool shows_variant(const struct study_figure *f, const char *variant)
{
    for (size_t i = 0; i < f->variants.n; i++)
        if (!strcmp(f->variants.items[i], variant))
            return true;
    return f->variants.n == 0;
}

/* Also one of those that a cell is chosen from: what is trained again is named by these. */
static bool shows_cell(const struct study *s, const struct study_figure *f, const struct study_trial *t,
                       struct arena *a)
{
    return !f->cell || table_cell_has(cells_text(t, a), f->cell) ||
           (s->tune && table_cell_has(cells_tuning(s, t, a), f->cell));
}

static void look_at_trial(struct found *found, const struct config *c, struct arena *a)
{
    struct trial_size size;
    struct err own = { 0 };
    const int code = trial_measure(c, &size, a, &own);
    err_clear(&own); /* told where its study is checked */
    if (code < 0)
        return;
    found->any = true;
    if (found->figure->metric)
        (void)trial_visit_metrics(c, look_at, found); /* look_at never fails */
    if (size.n_links > found->most_layers)
        found->most_layers = size.n_links;
}

static bool is_settled(const struct found *found)
{
    const struct study_figure *f = found->figure;
    return found->cell && found->any && (!f->metric || found->metric) &&
           (!f->has_layer || (uint64_t)f->layer < found->most_layers);
}

static struct found look_for(struct plan *p, const struct study *s, const struct study_figure *f)
{
    struct found found = { .figure = f };
    for (size_t v = 0; v < s->n_variants; v++)
        for (uint64_t i = 0; shows_variant(f, s->variants[v]) && i < s->n_cells && !is_settled(&found); i++) {
            struct study_trial t;
            struct config c;
            struct err own = { 0 };
            struct arena *a = plan_scratch(p);
            int code = study_cell(s, v * s->n_cells + i, &t, a, &own);
            if (code == 0 && !t.excluded && shows_cell(s, f, &t, a)) {
                found.cell = true;
                if (config_bind_next(t.tree, &p->cache, &c, a, &own) == 0)
                    look_at_trial(&found, &c, a);
            }
            err_clear(&own);
        }
    return found;
}

/* Whether some profile says something of these keys, or of what trials there are. */
static bool is_elsewhere(const struct study *s, const char *const *keys)
{
    for (size_t i = 0; s->profiles && i < s->profiles->n; i++) {
        const struct node *profile = s->profiles->items[i];
        if (profile->kind != NODE_MAP || tree_child(profile, "variants") || tree_child(profile, "sweep"))
            return true;
        for (size_t k = 0; keys[k]; k++)
            if (tree_child(profile, keys[k]))
                return true;
    }
    return false;
}

static void check_figure(struct plan *p, const struct study *s, const struct study_figure *f, const char *path,
                         struct err *e)
{
    static const char *const of_cell[] = { "tune", NULL }, *const of_metric[] = { "log", NULL };
    static const char *const of_layer[] = { "network", "dataset", NULL };
    const struct found found = look_for(p, s, f);
    const struct where cell = f->cell ? tree_child(f->map, "cell")->where : f->where;
    if (!found.cell && f->cell && !err_is_told(e, cell) && !is_elsewhere(s, of_cell))
        err_at(e, cell, "%s.cell: no cell of the study has '%s' in its name%s", path, f->cell,
               !s->tune && !strncmp(f->cell, "tuned", strlen("tuned")) ? "; cells are tuned by 'tune'" : "");
    if (!found.any)
        return;
    if (f->metric && !found.metric && !is_elsewhere(s, of_metric))
        err_at(e, f->where, "%s.metric: no trial of the figure logs '%s'; log.metrics says what is logged", path,
               f->metric);
    if (f->has_layer && (uint64_t)f->layer >= found.most_layers && !is_elsewhere(s, of_layer))
        err_at(e, tree_child(f->map, "layer")->where,
               "%s.layer: there is no layer %lld: networks have the layers 0 to %zu", path, (long long)f->layer,
               found.most_layers - 1);
}

void figures_check_trials(struct plan *p, struct plan_study *s, struct err *e)
{
    const struct study *f = &s->study;
    if (!s->readable || p->options.profile || p->options.n_overrides || f->n_cells > MOST_CELLS)
        return;
    for (size_t i = 0; i < f->n_figures; i++)
        if (f->figures[i].map &&
            (!f->figures[i].metric || config_form.can_log(f->figures[i].metric, &(const struct registry *){ NULL })))
            check_figure(p, f, &f->figures[i], arena_printf(f->arena, "figures.%zu", i), e);
}
