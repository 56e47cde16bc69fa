#include "cli/cli.h"

#include "cli/weights.h"
#include "report/figure.h"
#include "report/filters.h"
#include "report/output.h"
#include "report/wanted.h"
#include <string.h>

struct plot_choice {
    const char *output, *cell, *x, *y, *smooth, *size, *font_size;
    struct cli_list metrics, variants;
    struct cli_int layer, rolling, step;
    int band, legend; /* 1 + index, 0: not given */
    bool bars, layers, heatmap, filters, winners, log, log_x;
};

static const char *const legend_words[] = { "auto", "right", "below", "inside", "none", NULL };

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
    { "x", 0, CLI_TEXT, "WHAT", offsetof(struct plot_choice, x),
      .help =
          "curves: against step, epoch, samples, seconds or flops; a swept key (its last words do): the last values "
          "against it" },
    { "y", 0, CLI_TEXT, "KEY", offsetof(struct plot_choice, y),
      .help = "the swept key up a map of winners or a heatmap; --x KEY is the one across" },
    { "log", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, log),
      .help = "logarithmic y axes, except of metrics in percent; means are geometric then. Heatmaps: colours" },
    { "log-x", 0, CLI_FLAG, NULL, offsetof(struct plot_choice, log_x), .help = "a logarithmic x axis" },
    { "band", 0, CLI_WORD, "WORD", offsetof(struct plot_choice, band), .words = curve_bands,
      .help = "over the seeds: sd, ci95, quartiles (about the median), minmax or none (default: sd)" },
    { "smooth", 0, CLI_TEXT, "W", offsetof(struct plot_choice, smooth),
      .help = "curves: exponential means; each older value has W times the weight, 0 < W < 1" },
    { "size", 0, CLI_TEXT, "MM", offsetof(struct plot_choice, size),
      .help = "width, or WIDTHxHEIGHT, in millimetres: 85 is a column of a journal" },
    { "font-size", 0, CLI_TEXT, "PT", offsetof(struct plot_choice, font_size),
      .help = "size of the numbers of axes in points (default: 8.25); the rest follows" },
    { "legend", 0, CLI_WORD, "WORD", offsetof(struct plot_choice, legend), .words = legend_words,
      .help = "where it stands: auto, right, below, inside or none (default: auto, right where there is room)" },
    { 0 },
};

/* The picture goes to the file, its figures to standard output. */
static int plot_filters(const struct cli *c, const struct plot_choice *o, struct err *e)
{
    struct weights w = { 0 };
    struct text png = { 0 };
    struct filter_figures f;
    if (o->metrics.n || o->variants.n || o->cell || o->heatmap || o->log || o->bars || o->layers || o->layer.given ||
        o->step.given || o->rolling.value || o->x || o->y || o->smooth || o->size || o->font_size || o->band ||
        o->legend || o->log_x)
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

static bool read_decimal(const char *s, size_t n, double *value)
{
    return text_is_decimal(s, n) && text_to_double(s, n, value) == 0;
}

/* "85" or "85x60", in millimetres, to pixels of 1/96 inch. */
static int read_size(const char *text, struct look *look, struct err *e)
{
    const char *x = text ? strchr(text, 'x') : NULL;
    double width = 0, height = 0;
    if (!text)
        return 0;
    const bool good = read_decimal(text, x ? (size_t)(x - text) : strlen(text), &width) &&
                      (!x || read_decimal(x + 1, strlen(x + 1), &height));
    if (!good || !(width >= 30 && width <= 2000) || (x && !(height >= 20 && height <= 2000)))
        return err_set(e, ERR_USAGE,
                       "--size: '%s' is no width in millimetres from 30 to 2000, such as 85, or WIDTHxHEIGHT, such as "
                       "85x60",
                       text);
    look->width = width * 96 / 25.4;
    look->height = height * 96 / 25.4;
    return 0;
}

static int read_number(const char *name, const char *text, double low, double high, double *value, struct err *e)
{
    if (text && (!read_decimal(text, strlen(text), value) || !(*value >= low && *value <= high)))
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from %g to %g", name, text, low, high);
    return 0;
}

static int read_look(const struct plot_choice *c, struct figure_options *o, struct err *e)
{
    double points = 0;
    TRY(read_size(c->size, &o->look, e));
    TRY(read_number("font-size", c->font_size, 3, 40, &points, e));
    TRY(read_number("smooth", c->smooth, 0.001, 0.9999, &o->smooth, e));
    o->look.font = points * 96 / 72;
    o->look.legend = c->legend ? (enum look_legend)(c->legend - 1) : LOOK_AUTO;
    o->band = c->band ? (enum curve_band)(c->band - 1) : BAND_SD;
    return 0;
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
                                .log = choice->log,
                                .log_x = choice->log_x };
    if (choice->filters)
        return cli_fail(c, plot_filters(c, choice, &e), &e);
    int code = picture_format_of(choice->output, &format, &e);
    if (code == 0)
        code = read_look(choice, &o, &e);
    if (code == 0)
        code = choose_kind(choice, &o.kind, &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = wanted_picture(&picture, q, c->arguments.items[0], &o, &e);
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
            "Keys that are drawn at random give a ranked table, and the last value of the metric\n"
            "against each key. Two numeric keys give a heatmap of 1 / area under the train loss, with\n"
            "a cross in cells that diverged; where trials ended at different steps it is one of last\n"
            "values. More keys, two of which every variant varies, give a map of winners over these\n"
            "two: in each cell every variant is tuned over the other swept keys, by the metric of\n"
            "`tune`, or of validation, or the smallest area under the train loss; the best area under\n"
            "the accuracy gives the colour, and its margin the strength. A setting with a seed that\n"
            "diverged is no choice; a cell with a trial that has not ended has no winner yet, and one\n"
            "whose areas end at different steps cannot be compared. Three keys give a heatmap for each\n"
            "value of the third. Other studies, and every study with --metric or --cell, are drawn as\n"
            "curves: the mean over seeds of each variant and cell, with a band (--band), and a cross\n"
            "where a trial diverged; 13 lines and more are parted into panels. --x KEY draws the last\n"
            "value of each cell against a swept key.\n\n"
            "A --metric that is logged for each layer, such as angle_bp, is drawn of --layer N, or in a\n"
            "panel for each layer. --rolling N draws means over the last N logged values of a trial;\n"
            "the band of a single seed is then their standard deviation. --bars draws every trial's\n"
            "mean of --metric over its logged steps above 0, with the mean and the standard deviation\n"
            "over the seeds; --layers a layer metric at one step against the layer.\n\n"
            "--size 85 fits a figure into a column of a journal: letters keep their size, at least\n"
            "7.5 points. On a logarithmic axis (--log) means over the seeds are geometric.\n\n"
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
