#include "report/figure.h"

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
    if (main && strcmp(main, loss) != 0 && subject_percent(main) && subject_check_metric(s, loss, &ignored) == 0)
        metrics[n++] = loss;
    err_clear(&ignored);
    return n;
}

static int draw_curves(struct text *out, struct query *q, struct arena *a, const struct subject *s,
                       const struct figure_options *o, struct err *e)
{
    struct chart_panel panels[CHART_MAX_PANELS];
    const char *usual[2];
    const size_t n = o->n_metrics ? o->n_metrics : usual_metrics(s, usual);
    if (s->n_groups > CHART_MAX_LINES)
        return err_set(e, ERR_USAGE,
                       "study '%s' has %zu lines and a figure shows up to %d: choose with --variant NAME or --cell "
                       "KEY=VALUE (`tprun show %s` lists them)",
                       s->name, s->n_groups, (int)CHART_MAX_LINES, s->name);
    if (n > CHART_MAX_PANELS)
        return err_set(e, ERR_USAGE, "%zu metrics are given and a figure shows up to %d", n, (int)CHART_MAX_PANELS);
    if (n == 0)
        return err_set(e, ERR_USAGE, "study '%s' has logged nothing yet", s->name);
    for (size_t i = 0; i < n; i++) {
        struct curve *curves;
        panels[i].metric = o->n_metrics ? o->metrics[i] : usual[i];
        TRY(subject_check_metric(s, panels[i].metric, e));
        TRY(curves_read(&curves, s, q, a, panels[i].metric, e));
        panels[i].curves = curves;
    }
    chart_draw(out, s, panels, n, o->log);
    return 0;
}

/* Which kinds of figures exclude which options. */
static int check_options(const struct figure_options *o, struct err *e)
{
    if (o->heatmap && (o->winners || o->x || o->y))
        return err_set(e, ERR_USAGE, "--heatmap and a map of winners (--winners, --x, --y) exclude each other");
    if (o->heatmap && (o->n_metrics || o->cell))
        return err_set(e, ERR_USAGE,
                       "a heatmap shows the area under train_loss of all cells: --metric and --cell are of "
                       "curves");
    if (!o->x != !o->y)
        return err_set(e, ERR_USAGE, "a map of winners has two axes: give both --x KEY and --y KEY");
    if ((o->winners || o->x) && (o->n_metrics > 1 || o->cell))
        return err_set(e, ERR_USAGE, "a map of winners shows one metric of all cells: --cell and a second --metric are of curves");
    return 0;
}

static int draw(struct text *out, struct query *q, struct arena *a, const char *study, const struct figure_options *o,
                struct err *e)
{
    struct subject s;
    struct heatmap h = { 0 };
    struct winners w = { 0 };
    const bool winners = o->winners || o->x;
    const bool usual = o->n_metrics == 0 && !o->cell; /* the study's shape decides */
    TRY(check_options(o, e));
    TRY(subject_read(&s, q, a, study, e));
    TRY(subject_filter(&s, o->variants, o->n_variants, o->cell, e));
    if (usual && !winners)
        TRY(heatmap_read(&h, &s, q, a, e));
    if (h.grid.x_key || o->heatmap)
        return heatmap_draw(out, &s, &h, e);
    const struct winners_options wanted = {
        .x = o->x, .y = o->y, .metric = o->n_metrics ? o->metrics[0] : NULL, .must = winners
    };
    if (usual || winners)
        TRY(winners_read(&w, &s, &wanted, q, a, e));
    return w.grid.x_key ? winners_draw(out, &s, &w, e) : draw_curves(out, q, a, &s, o, e);
}

int figure_draw(struct text *out, struct query *q, const char *study, const struct figure_options *o, struct err *e)
{
    struct arena a;
    arena_init(&a, 0);
    const int code = draw(out, q, &a, study, o, e);
    arena_finish(&a);
    return code;
}
