#include "cli/cli.h"

#include "cli/weights.h"
#include "report/figure.h"
#include "report/filters.h"
#include "report/output.h"
#include "report/wanted.h"
#include <string.h>

/* The picture goes to the file, its figures to standard output. */
static int plot_filters(const struct cli *c, struct err *e)
{
    struct weights w = { 0 };
    struct text png = { 0 };
    struct filter_figures f;
    if (c->n_metric_names || c->n_variants || c->cell || c->heatmap || c->log_axis || c->bars || c->layers || c->has_layer || c->has_step ||
        c->rolling)
        return err_set(e, ERR_USAGE, "--metric, --layer, --variant, --cell, --bars, --heatmap, --log and the like are about a study; --filters draws one trial");
    if (!c->output || !strcmp(c->output, "-"))
        return err_set(e, ERR_USAGE, "plot --filters needs a file to write: --output FILE.png");
    const char *ending = strrchr(c->output, '.');
    if (ending && strcmp(ending, ".svg") == 0)
        return err_set(e, ERR_USAGE, "--filters draws a PNG, and %s is named as an SVG", c->output);
    int code = weights_open(&w, c, c->arguments[0], e);
    const struct tensor *t = code == 0 ? safetensors_find(&w.file, "layers.0.weight") : NULL;
    if (code == 0 && !t)
        code = err_set(e, ERR_USAGE, "trial %s has no layers.0.weight: its first layer is not dense", c->arguments[0]);
    if (code == 0)
        code = filters_draw(t, &png, &f, e);
    if (code == 0)
        code = output_write(c->output, &png, e);
    if (code == 0)
        printf("%zu filters of %zu x %zu; medians: smoothness %.3f, localisation %.3f, kurtosis %.2f\n", f.n, f.side, f.side, f.smoothness,
               f.localisation, f.kurtosis);
    text_free(&png);
    weights_close(&w);
    return code;
}

/* The kind of figure that the flags name. */
static int choose_kind(const struct cli *c, enum figure_kind *kind, struct err *e)
{
    const struct {
        bool given;
        enum figure_kind kind;
        const char *name;
    } flags[] = { { c->bars, FIGURE_BARS, "--bars" },
                  { c->layers, FIGURE_LAYERS, "--layers" },
                  { c->heatmap, FIGURE_HEATMAP, "--heatmap" },
                  { c->winners, FIGURE_WINNERS, "--winners" } };
    const char *first = NULL;
    *kind = FIGURE_USUAL;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!flags[i].given)
            continue;
        if (first)
            return err_set(e, ERR_USAGE, "%s and %s exclude each other", first, flags[i].name);
        first = flags[i].name;
        *kind = flags[i].kind;
    }
    return 0;
}

/* What the options ask for; without any, what the experiment file asks for; else what fits the study. */
static int draw(struct text *svg, struct query *q, const struct cli *c, const struct figure_options *o, struct err *e)
{
    struct wanted wanted;
    struct arena a;
    arena_init(&a, 0);
    int code = wanted_replaced(o) ? 0 : wanted_read(&wanted, q, &a, c->arguments[0], e);
    if (code == 0 && !wanted_replaced(o) && wanted.n)
        code = wanted_draw(svg, &wanted, q, c->arguments[0], e);
    else if (code == 0)
        code = figure_draw(svg, q, c->arguments[0], o, e);
    arena_finish(&a);
    return code;
}

static int run(const struct cli *c)
{
    struct query *q;
    struct err e = { 0 };
    struct text svg = { 0 };
    struct figure_options o = { .metrics = c->metric_names,
                                .n_metrics = c->n_metric_names,
                                .variants = c->variants,
                                .n_variants = c->n_variants,
                                .cell = c->cell,
                                .x = c->x_key,
                                .y = c->y_key,
                                .has_layer = c->has_layer,
                                .has_step = c->has_step,
                                .layer = c->layer,
                                .step = c->step,
                                .rolling = (size_t)c->rolling,
                                .log = c->log_axis };
    if (c->filters)
        return cli_fail(c, plot_filters(c, &e), &e);
    int code = choose_kind(c, &o.kind, &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = draw(&svg, q, c, &o, &e);
        query_close(q);
    }
    if (code == 0)
        code = output_write(c->output, &svg, &e);
    text_free(&svg);
    return cli_fail(c, code, &e);
}

const struct command command_plot = {
    .name = "plot",
    .arguments = "STUDY | --filters KEY --output FILE.png",
    .summary = "Draw a study as SVG: curves with bands over seeds, a heatmap, or a map of winners",
    .help = "Without options that choose, the figures that the experiment file asks for (`figures`), one\n"
            "below the other. Of a file that asks for none:\n\n"
            "A study that sweeps exactly two numeric keys is drawn as a heatmap of 1 / area under\n"
            "the train loss, with a cross in cells that diverged. One that sweeps more keys, two of\n"
            "which every variant varies, is a map of winners over these two (or over --x and --y):\n"
            "in each cell every variant is tuned over the other swept keys, by the smallest area\n"
            "under the train loss; the best area under the accuracy gives the colour, and its\n"
            "margin the strength. A setting with a seed that diverged is no choice; a cell with a\n"
            "trial that has not ended has no winner yet. Other studies, and every study with\n"
            "--metric or --cell, are drawn as curves: the mean over seeds of each variant and cell,\n"
            "with a band of one standard deviation, and a cross where a trial diverged.\n\n"
            "A --metric that is logged for each layer, such as angle_bp, is drawn of --layer N, or in a\n"
            "panel for each layer. --rolling N draws means over the last N logged values of a trial;\n"
            "the band of a single seed is then their standard deviation. --bars draws the mean of\n"
            "--metric over all logged steps above 0 and all seeds, with one standard deviation;\n"
            "--layers a layer metric at one step against the layer.\n\n"
            "--filters draws the first 100 rows of one trial's first weight matrix as square images,\n"
            "each less its mean, from black (-largest) to white (+largest), and prints medians over\n"
            "all rows: smoothness (products of vertically adjacent pixels), localisation (largest\n"
            "share in a window of 11 x 11), both over the sum of squares, and kurtosis.\n",
    .options = GROUP_DB | GROUP_PLOT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
