#include "cli/cli.h"

#include "cli/weights.h"
#include "report/figure.h"
#include "report/filters.h"
#include "report/output.h"
#include "report/wanted.h"
#include <string.h>

struct plot_choice {
    const char *output, *cell, *x, *y;
    struct cli_list metrics, variants;
    struct cli_int layer, rolling, step;
    bool bars, layers, heatmap, filters, winners, log;
};
static const struct cli_option options[] = {
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct plot_choice, output),
      .help = "the file to write: .svg, .pdf or .png (default: SVG to standard output)" },
    { "metric", 0, CLI_LIST, "NAME", offsetof(struct plot_choice, metrics),
      .help = "what is drawn, a panel each (may be given again)" },
    { "variant", 0, CLI_LIST, "NAME", offsetof(struct plot_choice, variants),
      .help = "only this variant (may be given again)" },
    { "cell", 0, CLI_TEXT, "TEXT", offsetof(struct plot_choice, cell),
      .help = "only cells of the sweep that contain TEXT, such as stepsize=0.1" },
    { "layer", 0, CLI_INT, "N", offsetof(struct plot_choice, layer), 0, 1000000,
      .help = "the layer of a layer metric, from 0 (default: a panel for each)" },
    { "rolling", 0, CLI_INT, "N", offsetof(struct plot_choice, rolling), 0, 10000,
      .help = "curves: means over the last N logged values; 0: off (default)" },
    { "bars", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, bars),
      .help = "mean and sd of --metric over the steps and seeds, as bars" },
    { "layers", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, layers),
      .help = "a layer metric of all layers at one step, against the layer" },
    { "step", 0, CLI_INT, "N", offsetof(struct plot_choice, step), 0, INT64_MAX,
      .help = "the step of --layers (default: the last that is logged)" },
    { "heatmap", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, heatmap), .help = "a heatmap and nothing else" },
    { "filters", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, filters),
      .help = "the first layer's weights of one trial as images (PNG)" },
    { "winners", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, winners),
      .help = "a map of winners and nothing else" },
    { "x", 0, CLI_TEXT, "KEY", offsetof(struct plot_choice, x),
      .help = "the swept key along a map of winners; its last words do" },
    { "y", 0, CLI_TEXT, "KEY", offsetof(struct plot_choice, y), .help = "the swept key up a map of winners" },
    { "log", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, log),
      .help = "logarithmic y axes, except of metrics in percent" },
    { 0 },
};

/* The picture goes to the file, its figures to standard output. */
static int plot_filters(const struct cli *c, const struct plot_choice *o, struct err *e)
{
    struct weights w = { 0 };
    struct text png = { 0 };
    struct filter_figures f;
    if (o->metrics.n || o->variants.n || o->cell || o->heatmap || o->log || o->bars || o->layers || o->layer.given ||
        o->step.given || o->rolling.value)
        return err_set(e, ERR_USAGE,
                       "--metric, --layer, --variant, --cell, --bars, --heatmap, --log and the like are about a study; "
                       "--filters draws one trial");
    if (!o->output || !strcmp(o->output, "-"))
        return err_set(e, ERR_USAGE, "plot --filters needs a file to write: --output FILE.png");
    enum picture_format format;
    TRY(picture_format_of(o->output, &format, e));
    if (format != PICTURE_PNG)
        return err_set(e, ERR_USAGE, "--filters draws a PNG, and %s is named as something else", o->output);
    int code = weights_open(&w, c, c->arguments.items[0], e);
    const struct tensor *t = code == 0 ? safetensors_find(&w.file, "layers.0.weight") : NULL;
    if (code == 0 && !t)
        code = err_set(e, ERR_USAGE, "trial %s has no layers.0.weight: its first layer is not dense",
                       c->arguments.items[0]);
    if (code == 0)
        code = filters_draw(t, &png, &f, e);
    if (code == 0)
        code = output_write(o->output, &png, e);
    if (code == 0)
        printf("%zu filters of %zu x %zu; medians: smoothness %.3f, localisation %.3f, kurtosis %.2f\n", f.n, f.side,
               f.side, f.smoothness, f.localisation, f.kurtosis);
    text_free(&png);
    weights_close(&w);
    return code;
}

/* The kind of figure that the flags name. */
static int choose_kind(const struct plot_choice *o, enum figure_kind *kind, struct err *e)
{
    const struct {
        bool given;
        enum figure_kind kind;
        const char *name;
    } flags[] = { { o->bars, FIGURE_BARS, "--bars" },
                  { o->layers, FIGURE_LAYERS, "--layers" },
                  { o->heatmap, FIGURE_HEATMAP, "--heatmap" },
                  { o->winners, FIGURE_WINNERS, "--winners" } };
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
static int draw(struct picture *out, struct query *q, const struct cli *c, const struct figure_options *o,
                struct err *e)
{
    struct wanted wanted;
    struct arena a;
    arena_init(&a, 0);
    int code = wanted_replaced(o) ? 0 : wanted_read(&wanted, q, &a, c->arguments.items[0], e);
    if (code == 0 && !wanted_replaced(o) && wanted.n)
        code = wanted_draw(out, &wanted, q, c->arguments.items[0], e);
    else if (code == 0)
        code = figure_picture(out, q, c->arguments.items[0], o, e);
    arena_finish(&a);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct plot_choice *choice = own;
    struct query *q;
    struct err e = { 0 };
    struct picture picture = { 0 };
    struct text bytes = { 0 };
    enum picture_format format;
    struct figure_options o = { .metrics = choice->metrics.items,
                                .n_metrics = choice->metrics.n,
                                .variants = choice->variants.items,
                                .n_variants = choice->variants.n,
                                .cell = choice->cell,
                                .x = choice->x,
                                .y = choice->y,
                                .has_layer = choice->layer.given,
                                .has_step = choice->step.given,
                                .layer = choice->layer.value,
                                .step = choice->step.value,
                                .rolling = (size_t)choice->rolling.value,
                                .log = choice->log };
    if (choice->filters)
        return cli_fail(c, plot_filters(c, choice, &e), &e);
    int code = picture_format_of(choice->output, &format, &e);
    if (code == 0)
        code = choose_kind(choice, &o.kind, &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = draw(&picture, q, c, &o, &e);
        query_close(q);
    }
    if (code == 0)
        code = picture_write(&picture, format, &bytes, &e);
    if (code == 0)
        code = output_write(choice->output, &bytes, &e);
    picture_free(&picture);
    text_free(&bytes);
    return cli_fail(c, code, &e);
}

const struct command command_plot = {
    .name = "plot",
    .arguments = "STUDY | --filters KEY --output FILE.png",
    .summary = "Draw a study as SVG, PDF or PNG: curves with bands over seeds, a heatmap, or a map of winners",
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
    .shared = (const struct cli_option *const[]){ cli_database, cli_checkpoints, NULL },
    .own = options,
    .own_size = sizeof(struct plot_choice),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
