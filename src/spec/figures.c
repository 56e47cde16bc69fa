#include "spec/figures.h"
#include "spec/bind.h"
#include "spec/sweep.h"
#include <string.h>

enum { MAX_FIGURES = 20, MAX_LAYER = 1000000, MAX_ROLLING = 10000 };
enum kind { CURVES, BARS, LAYERS, HEATMAP, WINNERS };
static const char *const figure_kinds[] = { "curves", "bars", "layers", "heatmap", "winners", NULL };
/* What curves run along when it is no swept key. */
static const char *const figure_alongs[] = { "step", "epoch", "samples", "seconds", "flops", NULL };
static const char *const figure_bands[] = { "sd", "ci95", "quartiles", "minmax", "none", NULL };

/* clang-format off */
const struct option figure_options[] = {
    { "kind", OPT_ENUM, offsetof(struct study_figure, kind), "curves", .names = figure_kinds,
      .help = "curves against the step; bars: each trial's mean over steps; layers: a layer metric against the layer" },
    { "metric", OPT_TEXT, offsetof(struct study_figure, metric), .flags = OPTION_NULLABLE, .help = "what is drawn" },
    { "layer", OPT_INT, offsetof(struct study_figure, layer), "0", 0, MAX_LAYER, .flags = OPTION_NULLABLE,
      .help = "curves, bars: the layer of a layer metric; without it a panel for each" },
    { "step", OPT_INT, offsetof(struct study_figure, step), "0", 0, 9e15, .flags = OPTION_NULLABLE,
      .help = "layers: the step; without it the last one" },
    { "rolling", OPT_INT, offsetof(struct study_figure, rolling), "0", 0, MAX_ROLLING,
      .help = "curves: means over so many logged values" },
    { "smooth", OPT_REAL, offsetof(struct study_figure, smooth), "0", 0, 0.9999,
      .help = "curves: exponential means; the weight of each older value" },
    { "band", OPT_ENUM, offsetof(struct study_figure, band), "sd", .names = figure_bands,
      .help = "curves, layers: what surrounds a line, over the seeds" },
    { "x", OPT_TEXT, offsetof(struct study_figure, x), .flags = OPTION_NULLABLE,
      .help = "curves: step, epoch, samples, seconds, flops, or a swept key, against which last values are drawn; "
              "heatmap, winners: the key across" },
    { "y", OPT_TEXT, offsetof(struct study_figure, y), .flags = OPTION_NULLABLE,
      .help = "heatmap, winners: the swept key upwards" },
    { "log", OPT_BOOL, offsetof(struct study_figure, log), "false",
      .help = "curves, layers: logarithmic y axis; heatmap: colours" },
    { "log_x", OPT_BOOL, offsetof(struct study_figure, log_x), "false", .help = "curves: logarithmic x axis" },
    { "variants", OPT_NAMES, offsetof(struct study_figure, variants), .flags = OPTION_NULLABLE, .help = "only these" },
    { "cell", OPT_TEXT, offsetof(struct study_figure, cell), .flags = OPTION_NULLABLE,
      .help = "curves, bars, layers: only cells of the sweep that contain this text" },
    { "title", OPT_TEXT, offsetof(struct study_figure, title), .flags = OPTION_NULLABLE,
      .help = "one line above the figure" },
    { 0 }
};

/* Which kinds a key belongs to. */
static const struct {
    const char *key;
    unsigned kinds;
    const char *words;
} uses[] = {
    { "layer", 1u << CURVES | 1u << BARS, "curves and bars" },
    { "step", 1u << LAYERS, "layers" },
    { "rolling", 1u << CURVES, "curves" },
    { "smooth", 1u << CURVES, "curves" },
    { "band", 1u << CURVES | 1u << LAYERS, "curves and layers" },
    { "x", 1u << CURVES | 1u << HEATMAP | 1u << WINNERS, "curves, heatmap and winners" },
    { "y", 1u << HEATMAP | 1u << WINNERS, "heatmap and winners" },
    { "log", 1u << CURVES | 1u << LAYERS | 1u << HEATMAP, "curves, layers and heatmap" },
    { "log_x", 1u << CURVES, "curves" },
    { "cell", 1u << CURVES | 1u << BARS | 1u << LAYERS, "curves, bars and layers" },
};
/* clang-format on */

static bool is_given(const struct node *map, const char *key)
{
    const struct node *value = tree_child(map, key);
    return value && !node_is_null(value);
}

static void check_uses(const struct study_figure *f, const struct node *n, const char *path, struct err *e)
{
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
        if (is_given(n, uses[i].key) && !(uses[i].kinds >> f->kind & 1))
            err_at(e, tree_key(n, uses[i].key)->where, "%s: '%s' belongs to figures of the kind %s, not to %s", path,
                   uses[i].key, uses[i].words, figure_kinds[f->kind]);
    if (!f->metric && (f->kind == BARS || f->kind == LAYERS))
        err_at(e, n->where, "%s: a figure of the kind %s needs a 'metric'", path, figure_kinds[f->kind]);
    if (!f->x != !f->y && (f->kind == HEATMAP || f->kind == WINNERS))
        err_at(e, n->where, "%s: a figure of the kind %s has two axes: 'x' and 'y'", path, figure_kinds[f->kind]);
    if (f->rolling > 1 && f->smooth > 0)
        err_at(e, tree_key(n, "smooth")->where, "%s: 'rolling' and 'smooth' exclude each other", path);
    if (!f->metric && f->kind == CURVES && f->has_layer)
        err_at(e, tree_key(n, "layer")->where, "%s: 'layer' needs a 'metric'", path);
}

static void check_variants(const struct study *s, const struct study_figure *f, const struct node *list,
                           const char *path, struct err *e)
{
    if (f->variants.n == 0)
        err_at(e, list->where, "%s.variants: an empty list leaves nothing to draw", path);
    for (size_t i = 0; i < f->variants.n; i++) {
        const char *name = f->variants.items[i];
        bool known = false;
        for (size_t j = 0; j < s->n_variants; j++)
            known = known || strcmp(name, s->variants[j]) == 0;
        const struct where where = list->kind == NODE_LIST && i < list->n ? list->items[i]->where : list->where;
        if (!known)
            err_at(e, where, "%s.variants: the study has no variant '%s'%s", path, name,
                   bind_advice(name, s->variants, s->n_variants, s->arena));
    }
}

static void read_figure(struct study *s, struct study_figure *f, const struct node *n, const char *path, struct err *e)
{
    char found[100];
    f->where = n->where;
    if (n->kind != NODE_MAP) {
        err_at(e, n->where, "%s: expected a map, found %s", path, node_found(n, found));
        return;
    }
    const size_t before = e->n_errors;
    (void)bind_tree(n, figure_options, f, path, s->arena, e); /* counted in e */
    f->has_layer = is_given(n, "layer");
    f->has_step = is_given(n, "step");
    f->where = is_given(n, "metric") ? tree_child(n, "metric")->where : n->where;
    if (e->n_errors > before)
        return;
    f->map = n;
    check_uses(f, n, path, e);
    if (is_given(n, "variants"))
        check_variants(s, f, tree_child(n, "variants"), path, e);
    const size_t n_shown = f->variants.n || s->profile ? f->variants.n : s->n_variants; /* a profile has its own */
    if (f->kind == WINNERS && n_shown > FIGURE_MAX_WINNERS)
        err_at(e, tree_child(n, "kind")->where,
               "%s: a map of winners shows at most %d variants, not %zu: choose with 'variants'", path,
               FIGURE_MAX_WINNERS, n_shown);
    else if (f->kind == WINNERS && f->variants.n == 1)
        err_at(e, tree_child(n, "kind")->where, "%s: a map of winners compares variants, and one is asked for", path);
}

void figures_read(struct study *s, const struct node *list, struct err *e)
{
    char found[100];
    if (!list || node_is_null(list))
        return;
    if (list->kind != NODE_LIST || list->n > MAX_FIGURES) {
        err_at(e, list->where, "figures: expected a list of at most %d figures, found %s", MAX_FIGURES,
               list->kind == NODE_LIST ? "a longer one" : node_found(list, found));
        return;
    }
    s->figures = arena_need(s->arena, list->n, sizeof *s->figures);
    s->n_figures = list->n;
    for (size_t i = 0; i < list->n; i++)
        read_figure(s, &s->figures[i], list->items[i], arena_printf(s->arena, "figures.%zu", i), e);
}

static void check_layers(const struct study_form *form, const struct study_figure *f, const char *path, struct err *e)
{
    if (!form->of_layers || form->of_layers(f->metric))
        return;
    if (f->kind == LAYERS)
        err_at(e, f->where, "%s.metric: '%s' is a metric of the whole trial; it has no layers to be drawn over", path,
               f->metric);
    else if (f->has_layer)
        err_at(e, tree_child(f->map, "layer")->where, "%s.layer: '%s' is a metric of the whole trial; it has no layers",
               path, f->metric);
}

/* The axis of a figure that runs along a swept key, or NULL after a mistake. */
static const struct axis *check_key(const struct study *s, const struct study_figure *f, const char *key,
                                    const char *path, struct err *e)
{
    const struct study_sweep *w = s->sweep;
    const struct node *n = tree_child(f->map, key);
    const struct axis *axis = NULL;
    const size_t found = sweep_find_ending(w, n->text, &axis);
    const char **known = arena_need(s->arena, w->n_axes + 1, sizeof *known);
    for (size_t i = 0; i < w->n_axes; i++)
        known[i] = w->axes[i].key;
    if (found == 1)
        return axis;
    if (found == 0)
        err_at(e, n->where, "%s.%s: '%s' is no swept key of the study%s", path, key, n->text,
               w->n_axes ? bind_advice(n->text, known, w->n_axes, s->arena) : ": it sweeps none");
    else
        err_at(e, n->where, "%s.%s: more than one swept key ends in '%s'", path, key, n->text);
    return NULL;
}

static bool runs_along(const char *x)
{
    for (size_t i = 0; figure_alongs[i]; i++)
        if (!strcmp(x, figure_alongs[i]))
            return true;
    return false;
}

/* Last values against a swept key, in colours or by size: one of each trial, as it was logged. */
static void check_last_values(const struct study_form *form, const struct study_figure *f, const char *path,
                              struct err *e)
{
    static const char *const keys[] = { "layer", "rolling", "smooth" };
    const bool given[] = { f->has_layer, f->rolling > 0, f->smooth > 0 };
    const bool curves = f->kind == CURVES;
    if (f->kind == BARS || f->kind == LAYERS || (curves && (!f->x || runs_along(f->x))))
        return;
    for (size_t i = 0; curves && i < sizeof keys / sizeof keys[0]; i++)
        if (given[i])
            err_at(e, tree_key(f->map, keys[i])->where,
                   "%s: '%s' is of curves along the training; x: %s asks for last values against a swept key", path,
                   keys[i], f->x);
    if (f->metric && form->of_layers && form->of_layers(f->metric) && !f->has_layer)
        err_at(e, f->where, "%s.metric: '%s' has a value for each layer; this figure shows one for each trial", path,
               f->metric);
}

/* Cells in a plane: along two swept keys of numbers. */
static void check_plane(const struct study *s, const struct study_figure *f, const char *path, struct err *e)
{
    static const char *const keys[] = { "x", "y" };
    const struct axis *axes[2];
    const struct study_sweep *w = s->sweep;
    const size_t before = e->n_errors;
    size_t n_numeric = 0;
    for (size_t i = 0; i < w->n_axes; i++)
        n_numeric += !w->axes[i].overridden && axis_is_numeric(&w->axes[i]);
    if (n_numeric < 2)
        err_at(e, tree_child(f->map, "kind")->where,
               "%s: a figure of the kind %s has two swept keys of numbers as its axes, and the study sweeps %s", path,
               figure_kinds[f->kind], n_numeric ? "one" : "none");
    if (n_numeric < 2 || !f->x || !f->y)
        return;
    for (size_t i = 0; i < 2; i++) {
        axes[i] = check_key(s, f, keys[i], path, e);
        if (axes[i] && !axis_is_numeric(axes[i]))
            err_at(e, tree_child(f->map, keys[i])->where,
                   "%s.%s: the values of '%s' are not all numbers, which an axis needs", path, keys[i], axes[i]->key);
    }
    if (e->n_errors == before && axes[0] == axes[1])
        err_at(e, tree_child(f->map, "y")->where, "%s.y: '%s' is along x already", path, axes[1]->key);
}

/* Axes along swept keys and cells of the sweep, where every run of the file has the same ones. */
static void check_sweep(const struct study *s, const struct study_figure *f, const char *path, struct err *e)
{
    const bool plane = f->kind == HEATMAP || f->kind == WINNERS;
    if (s->sweeps_elsewhere)
        return;
    if (f->cell && !plane && s->sweep->n_axes == 0)
        err_at(e, tree_child(f->map, "cell")->where, "%s.cell: the study sweeps no key and has no cells", path);
    if (f->kind == CURVES && f->x && !runs_along(f->x))
        (void)check_key(s, f, "x", path, e); /* counted in e */
    if (plane)
        check_plane(s, f, path, e);
}

void figures_check(const struct study *s, const struct study_form *form, struct err *e)
{
    for (size_t i = 0; i < s->n_figures; i++) {
        const struct study_figure *f = &s->figures[i];
        const char *path = arena_printf(s->arena, "figures.%zu", i);
        const bool known =
            f->metric && study_check_metric(s, form, f->where, arena_printf(s->arena, "%s.metric", path), f->metric, e);
        if (known && f->map)
            check_layers(form, f, path, e);
        if (f->map) {
            check_last_values(form, f, path, e);
            check_sweep(s, f, path, e);
        }
    }
}
