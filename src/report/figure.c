#include "report/figure.h"

#include "report/bars.h"
#include "report/chart.h"
#include "report/facets.h"
#include "report/heatmap.h"
#include "report/selection.h"
#include "report/spots.h"
#include "report/winners.h"
#include <string.h>

/* The main metric and the train loss; a loss alone if there is nothing else. */
static size_t usual_metrics(const struct subject *s, const char **metrics)
{
    size_t n = 0;
    const char *main = subject_main_metric(s);
    if (main)
        metrics[n++] = main;
    struct err ignored = { 0 };
    const char *loss = "train_loss";
    if (main && strcmp(main, loss) != 0 && subject_percent(subject_unit(s, main)) &&
        subject_check_metric(s, loss, &ignored) == 0)
        metrics[n++] = loss;
    err_clear(&ignored);
    return n;
}

/* Which quantities the panels show. */
static int choose(struct quantity *what, size_t *n, const struct subject *s, struct query *q, struct arena *a,
                  const struct figure_options *o, struct err *e)
{
    const char *usual[2];
    const size_t n_metrics = o->n_metrics ? o->n_metrics : usual_metrics(s, usual);
    *n = 0;
    if (o->n_metrics > CHART_MAX_PANELS)
        return err_set(e, ERR_USAGE, "%zu metrics are given and a figure shows up to %d", o->n_metrics,
                       (int)CHART_MAX_PANELS);
    if (n_metrics == 0)
        return err_set(e, ERR_USAGE, "study '%s' has logged nothing yet", s->name);
    for (size_t i = 0; i < n_metrics; i++) {
        const struct quantity_wish wish = { .metric = o->n_metrics ? o->metrics[i] : usual[i],
                                            .by_layer = o->kind == FIGURE_LAYERS,
                                            .has_layer = o->has_layer,
                                            .has_step = o->has_step,
                                            .layer = o->layer,
                                            .step = o->step };
        TRY(quantity_find(what, n, CHART_MAX_PANELS, &wish, s, q, a, e));
    }
    return 0;
}

/* What curves and points have in common. */
static struct curve_options curve_options(const struct figure_options *o, enum curve_along along)
{
    return (struct curve_options){ .rolling = o->rolling, .smooth = o->smooth, .band = o->band, .along = along };
}

/* Whether --x names what curves run along; *along: what. */
static bool runs_along(const struct figure_options *o, enum curve_along *along)
{
    *along = ALONG_STEP;
    for (int i = 0; o->x && !o->y && curve_alongs[i]; i++)
        if (!strcmp(o->x, curve_alongs[i])) {
            *along = (enum curve_along)i;
            return true;
        }
    return false;
}

static int too_many(const struct subject *s, size_t most, const char *what, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "study '%s' has %zu %s and a figure shows up to %zu: choose with --variant NAME or --cell "
                   "KEY=VALUE (`tprun show %s` lists them)",
                   s->name, s->n_groups, what, most, s->name);
}

static int too_many_lines(const struct subject *s, struct err *e)
{
    return too_many(s, (size_t)FACETS_LINES * FACETS_MOST, "lines", e);
}

static int draw_curves(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                       const struct facets *f, const struct figure_options *o, struct err *e)
{
    struct chart_panel panels[CHART_MAX_PANELS];
    struct quantity what[CHART_MAX_PANELS];
    enum curve_along along;
    size_t n;
    (void)runs_along(o, &along);
    struct curve_options means = curve_options(o, along);
    TRY(choose(what, &n, s, q, a, o, e));
    if (f->n > 1 && o->n_metrics == 0)
        n = 1; /* the loss would double the panels */
    for (size_t i = 0; i < n; i++) {
        struct curve *curves;
        TRY(curves_read(&curves, s, q, a, &what[i], &means, e));
        panels[i] = (struct chart_panel){ &what[i], curves, false };
        if (!o->log || subject_percent(what[i].unit) || !chart_has_positive(curves, s->n_groups))
            continue;
        struct curve_options geometric = means;
        geometric.geometric = true;
        TRY(curves_read(&curves, s, q, a, &what[i], &geometric, e));
        panels[i] = (struct chart_panel){ &what[i], curves, true };
    }
    const struct chart_options options = { .log_x = o->log_x, .curves = &means, .look = &o->look };
    chart_draw(out, s, f, panels, n, &options, a);
    return 0;
}

static int draw_bars(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                     const struct figure_options *o, struct err *e)
{
    struct bars_panel panels[CHART_MAX_PANELS];
    struct quantity what[CHART_MAX_PANELS];
    size_t n;
    if (s->n_groups > BARS_MAX_GROUPS)
        return too_many(s, BARS_MAX_GROUPS, "bars", e);
    TRY(choose(what, &n, s, q, a, o, e));
    for (size_t i = 0; i < n; i++) {
        panels[i].what = &what[i];
        TRY(bars_read(&panels[i].bars, s, q, a, &what[i], e));
    }
    bars_draw(out, s, panels, n, &o->look, a);
    return 0;
}

/* Cells are ranked by a metric of validation where one was logged, or else of the test set, which the note says. NULL
 * where nothing was logged. */
static int choose_cells_by(const char **metric, const char **note, struct query *q, struct arena *a,
                           const struct subject *s, struct err *e)
{
    struct selection by;
    TRY(selection_find(&by, q, s->name, e));
    *metric = *by.metric ? arena_strdup(a, by.metric) : subject_main_metric(s);
    *note = by.of_test ? " on the test set" : "";
    return 0;
}

/* The last values against one swept key; or ranked, and against each (key NULL). */
static int draw_spots(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                      const struct cells *c, const size_t *key, const struct figure_options *o, struct err *e)
{
    struct finals f;
    const char *metric = o->n_metrics ? o->metrics[0] : subject_main_metric(s), *note = "";
    if (!key && o->n_metrics == 0) /* a ranking is a choice */
        TRY(choose_cells_by(&metric, &note, q, a, s, e));
    if (!metric)
        return err_set(e, ERR_USAGE, "study '%s' has logged nothing yet", s->name);
    TRY(finals_read(&f, s, q, a, metric, FINALS_LAST, e));
    struct curve_options means = curve_options(o, ALONG_STEP);
    means.geometric = o->log && !subject_percent(f.unit);
    const struct spots_options options = { .curves = &means, .log_x = o->log_x, .look = &o->look, .note = note };
    if (key)
        spots_draw(out, s, c, &f, *key, &options, a);
    else
        ranked_draw(out, s, c, &f, &options, a);
    return 0;
}

static int draw_heatmap(struct picture *out, bool *drawn, struct query *q, struct arena *a, const struct subject *s,
                        const struct cells *c, const struct figure_options *o, struct err *e)
{
    struct heatmap h;
    const bool must = o->kind == FIGURE_HEATMAP;
    struct err ignored = { 0 };
    struct heatmap_options options = { .x = must ? o->x : NULL,
                                       .y = must ? o->y : NULL,
                                       .metric = o->n_metrics ? o->metrics[0] : NULL,
                                       .note = "",
                                       .log = o->log };
    const bool has_area = must || subject_check_metric(s, "train_loss", &ignored) == 0;
    err_clear(&ignored);
    *drawn = must;
    if (s->n_metrics == 0 && !must)
        return 0;
    if (has_area)
        TRY(heatmap_read(&h, s, c, &options, q, a, e));
    if (!has_area || (!must && heatmap_uneven(&h))) { /* there is no area to colour by */
        TRY(choose_cells_by(&options.metric, &options.note, q, a, s, e));
        TRY(heatmap_read(&h, s, c, &options, q, a, e));
    }
    *drawn = must || heatmap_fits(&h);
    return *drawn ? heatmap_draw(out, s, &h, &o->look, a, e) : 0;
}

static int draw_winners(struct picture *out, bool *drawn, struct query *q, struct arena *a, const struct subject *s,
                        bool must, const struct figure_options *o, struct err *e)
{
    struct winners w;
    const struct winners_options wanted = {
        .x = o->x, .y = o->y, .metric = o->n_metrics ? o->metrics[0] : NULL, .must = must
    };
    TRY(winners_read(&w, s, &wanted, q, a, e));
    bool told = false; /* a map of nothing but cells that cannot be compared shows nothing */
    for (size_t i = 0; i < w.n; i++)
        told = told || w.cells[i].kind != WINNERS_INCOMPARABLE;
    *drawn = must || (w.grid.x_key && told && s->n_variants <= LEGEND_COLORS && w.grid.nx <= GRID_MAX_SIDE &&
                      w.grid.ny <= GRID_MAX_SIDE);
    return *drawn ? winners_draw(out, s, &w, &o->look, a, e) : 0;
}

/* Which kinds of figures exclude which options. */
static int check_options(const struct figure_options *o, struct err *e)
{
    enum curve_along along;
    const bool runs = runs_along(o, &along), both = o->x && o->y, heatmap = o->kind == FIGURE_HEATMAP;
    const bool winners = o->kind == FIGURE_WINNERS || (both && !heatmap), spots = o->x && !o->y && !runs && !heatmap;
    if (o->y && !o->x)
        return err_set(e, ERR_USAGE, "--y is the second of two axes: give --x KEY with it");
    if (o->x && (o->kind == FIGURE_BARS || o->kind == FIGURE_LAYERS))
        return err_set(e, ERR_USAGE, "--x is of curves, of last values against a key, of heatmaps and maps of winners");
    if ((winners || heatmap) && o->x && !o->y)
        return err_set(e, ERR_USAGE, "%s has two axes: give both --x KEY and --y KEY",
                       heatmap ? "a heatmap" : "a map of winners");
    if ((winners || heatmap) && o->cell)
        return err_set(e, ERR_USAGE, "%s shows all cells: --cell is of curves and of last values",
                       heatmap ? "a heatmap" : "a map of winners");
    if ((winners || heatmap || spots) && o->n_metrics > 1)
        return err_set(e, ERR_USAGE, "%s one metric: a second --metric is of curves and bars",
                       heatmap   ? "a heatmap shows"
                       : winners ? "a map of winners shows"
                                 : "--x KEY shows");
    if ((winners || heatmap || spots) && (o->has_layer || o->rolling || o->smooth > 0))
        return err_set(e, ERR_USAGE, "--layer, --rolling and --smooth are of curves and bars");
    if (o->rolling && o->smooth > 0)
        return err_set(e, ERR_USAGE, "--rolling and --smooth exclude each other");
    if (o->has_layer && o->n_metrics == 0)
        return err_set(e, ERR_USAGE, "--layer needs a layer metric: --metric NAME");
    if ((o->kind == FIGURE_BARS || o->kind == FIGURE_LAYERS) && o->n_metrics == 0)
        return err_set(e, ERR_USAGE, "bars, and a figure over the layers, show a metric: --metric NAME");
    if (o->kind == FIGURE_LAYERS && o->has_layer)
        return err_set(e, ERR_USAGE,
                       "a figure over the layers shows all of them: --layers and --layer exclude each other");
    if (o->has_step && o->kind != FIGURE_LAYERS)
        return err_set(e, ERR_USAGE, "--step is of a figure over the layers: --layers");
    if ((o->rolling || o->smooth > 0) && (o->kind == FIGURE_BARS || o->kind == FIGURE_LAYERS))
        return err_set(e, ERR_USAGE, "--rolling and --smooth are of curves against the step");
    if ((o->band != BAND_SD || o->log_x) && (winners || heatmap || o->kind == FIGURE_BARS))
        return err_set(e, ERR_USAGE, "--band and --log-x are of curves and of last values against a key");
    if (o->kind == FIGURE_BARS && o->log)
        return err_set(e, ERR_USAGE, "bars begin at zero: --log is of curves, heatmaps and last values");
    return 0;
}

/* Something that fits the study. */
static int draw_usual(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                      const struct figure_options *o, struct err *e)
{
    struct cells c;
    struct facets f;
    bool drawn = false, random = false, numeric = true;
    TRY(cells_read(&c, s, q, a, e));
    for (size_t k = 0; k < c.n_keys; k++) {
        random = random || c.keys[k].drawn;
        numeric = numeric && c.keys[k].numeric;
    }
    if (random && subject_main_metric(s))
        return draw_spots(out, q, a, s, &c, NULL, o, e);
    if (c.n_keys == 2 && numeric)
        TRY(draw_heatmap(out, &drawn, q, a, s, &c, o, e));
    if (!drawn)
        TRY(draw_winners(out, &drawn, q, a, s, false, o, e));
    if (!drawn && c.n_keys > 2)
        TRY(draw_heatmap(out, &drawn, q, a, s, &c, o, e));
    if (drawn)
        return 0;
    if (facets_make(&f, s, a))
        return draw_curves(out, q, a, s, &f, o, e);
    return c.n_keys && subject_main_metric(s) ? draw_spots(out, q, a, s, &c, NULL, o, e) : too_many_lines(s, e);
}

static int draw_against_key(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                            const struct figure_options *o, struct err *e)
{
    struct cells c;
    size_t key;
    TRY(cells_read(&c, s, q, a, e));
    int code = cells_find(&c, s, o->x, &key, e);
    if (code < 0)
        err_note(e, (struct where){ 0 }, "--x also takes step, epoch, samples, seconds and flops");
    return code < 0 ? code : draw_spots(out, q, a, s, &c, &key, o, e);
}

static int draw(struct picture *out, struct query *q, struct arena *a, const char *study,
                const struct figure_options *o, struct err *e)
{
    struct subject s;
    struct cells c;
    struct facets f;
    enum curve_along along;
    bool drawn;
    const bool runs = runs_along(o, &along);
    TRY(check_options(o, e));
    TRY(subject_read(&s, q, a, study, e));
    TRY(subject_filter(&s, o->variants, o->n_variants, o->cell, e));
    s.title = o->title ? o->title : s.title;
    if (o->kind == FIGURE_BARS)
        return draw_bars(out, q, a, &s, o, e);
    if (o->kind == FIGURE_HEATMAP) {
        TRY(cells_read(&c, &s, q, a, e));
        return draw_heatmap(out, &drawn, q, a, &s, &c, o, e);
    }
    if (o->kind == FIGURE_WINNERS || (o->x && o->y))
        return draw_winners(out, &drawn, q, a, &s, true, o, e);
    if (o->x && !runs)
        return draw_against_key(out, q, a, &s, o, e);
    if (o->kind == FIGURE_USUAL && o->n_metrics == 0 && !o->cell && !o->rolling && !(o->smooth > 0) && !runs)
        return draw_usual(out, q, a, &s, o, e);
    return facets_make(&f, &s, a) ? draw_curves(out, q, a, &s, &f, o, e) : too_many_lines(&s, e);
}

int figure_picture(struct picture *out, struct query *q, const char *study, const struct figure_options *o,
                   struct err *e)
{
    struct arena a;
    arena_init(&a, 0);
    const int code = draw(out, q, &a, study, o, e);
    arena_finish(&a);
    return code;
}

int figure_draw(struct text *svg, struct query *q, const char *study, const struct figure_options *o, struct err *e)
{
    struct picture p = { 0 };
    const int code = figure_picture(&p, q, study, o, e);
    if (code == 0)
        picture_svg(&p, svg);
    picture_free(&p);
    return code;
}
