#include "report/figure.h"

#include "report/bars.h"
#include "report/chart.h"
#include "report/heatmap.h"
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

static int check_groups(const struct subject *s, size_t most, const char *what, struct err *e)
{
    if (s->n_groups <= most)
        return 0;
    return err_set(e, ERR_USAGE,
                   "study '%s' has %zu %s and a figure shows up to %zu: choose with --variant NAME or --cell "
                   "KEY=VALUE (`tprun show %s` lists them)",
                   s->name, s->n_groups, what, most, s->name);
}

static int draw_curves(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                       const struct figure_options *o, struct err *e)
{
    struct chart_panel panels[CHART_MAX_PANELS];
    struct quantity what[CHART_MAX_PANELS];
    size_t n;
    TRY(check_groups(s, CHART_MAX_LINES, "lines", e));
    TRY(choose(what, &n, s, q, a, o, e));
    for (size_t i = 0; i < n; i++) {
        struct curve *curves;
        TRY(curves_read(&curves, s, q, a, &what[i], o->rolling, e));
        panels[i] = (struct chart_panel){ &what[i], curves };
    }
    const struct chart_options options = { .log = o->log, .rolling = o->rolling };
    chart_draw(out, s, panels, n, &options);
    return 0;
}

static int draw_bars(struct picture *out, struct query *q, struct arena *a, const struct subject *s,
                     const struct figure_options *o, struct err *e)
{
    struct bars_panel panels[CHART_MAX_PANELS];
    struct quantity what[CHART_MAX_PANELS];
    size_t n;
    TRY(check_groups(s, BARS_MAX_GROUPS, "bars", e));
    TRY(choose(what, &n, s, q, a, o, e));
    for (size_t i = 0; i < n; i++) {
        panels[i].what = &what[i];
        TRY(bars_read(&panels[i].values, s, q, a, &what[i], e));
    }
    bars_draw(out, s, panels, n);
    return 0;
}

/* Which kinds of figures exclude which options. */
static int check_options(const struct figure_options *o, struct err *e)
{
    const bool winners = o->kind == FIGURE_WINNERS || o->x || o->y;
    if (winners && o->kind != FIGURE_WINNERS && o->kind != FIGURE_USUAL)
        return err_set(e, ERR_USAGE, "--x and --y are the axes of a map of winners; another kind of figure has none");
    if (o->kind == FIGURE_HEATMAP && (o->n_metrics || o->cell))
        return err_set(e, ERR_USAGE,
                       "a heatmap shows the area under train_loss of all cells: --metric and --cell are of "
                       "curves");
    if (!o->x != !o->y)
        return err_set(e, ERR_USAGE, "a map of winners has two axes: give both --x KEY and --y KEY");
    if (winners && (o->n_metrics > 1 || o->cell))
        return err_set(e, ERR_USAGE,
                       "a map of winners shows one metric of all cells: --cell and a second --metric are of curves");
    if ((winners || o->kind == FIGURE_HEATMAP) && (o->has_layer || o->rolling))
        return err_set(e, ERR_USAGE, "--layer and --rolling are of curves and bars");
    if (o->has_layer && o->n_metrics == 0)
        return err_set(e, ERR_USAGE, "--layer needs a layer metric: --metric NAME");
    if ((o->kind == FIGURE_BARS || o->kind == FIGURE_LAYERS) && o->n_metrics == 0)
        return err_set(e, ERR_USAGE, "bars, and a figure over the layers, show a metric: --metric NAME");
    if (o->kind == FIGURE_LAYERS && o->has_layer)
        return err_set(e, ERR_USAGE,
                       "a figure over the layers shows all of them: --layers and --layer exclude each other");
    if (o->has_step && o->kind != FIGURE_LAYERS)
        return err_set(e, ERR_USAGE, "--step is of a figure over the layers: --layers");
    if (o->rolling && (o->kind == FIGURE_BARS || o->kind == FIGURE_LAYERS))
        return err_set(e, ERR_USAGE, "--rolling is of curves against the step");
    if (o->kind == FIGURE_BARS && o->log)
        return err_set(e, ERR_USAGE, "bars begin at zero: --log is of curves");
    return 0;
}

static int draw(struct picture *out, struct query *q, struct arena *a, const char *study,
                const struct figure_options *o, struct err *e)
{
    struct subject s;
    struct heatmap h = { 0 };
    struct winners w = { 0 };
    const bool winners = o->kind == FIGURE_WINNERS || o->x;
    const bool usual =
        o->kind == FIGURE_USUAL && o->n_metrics == 0 && !o->cell && !o->rolling; /* the study's shape decides */
    TRY(check_options(o, e));
    TRY(subject_read(&s, q, a, study, e));
    TRY(subject_filter(&s, o->variants, o->n_variants, o->cell, e));
    s.title = o->title ? o->title : s.title;
    if (o->kind == FIGURE_BARS)
        return draw_bars(out, q, a, &s, o, e);
    if ((usual && !winners) || o->kind == FIGURE_HEATMAP)
        TRY(heatmap_read(&h, &s, q, a, e));
    if (h.grid.x_key || o->kind == FIGURE_HEATMAP)
        return heatmap_draw(out, &s, &h, e);
    const struct winners_options wanted = {
        .x = o->x, .y = o->y, .metric = o->n_metrics ? o->metrics[0] : NULL, .must = winners
    };
    if (usual || winners)
        TRY(winners_read(&w, &s, &wanted, q, a, e));
    return w.grid.x_key ? winners_draw(out, &s, &w, e) : draw_curves(out, q, a, &s, o, e);
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
