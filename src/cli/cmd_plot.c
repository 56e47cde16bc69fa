#include "cli/cli.h"

#include "report/figure.h"
#include "report/output.h"

static int run(const struct cli *c)
{
    struct query *q;
    struct err e = { 0 };
    struct text svg = { 0 };
    const struct figure_options o = { .metrics = c->metric_names,
                                      .n_metrics = c->n_metric_names,
                                      .variants = c->variants,
                                      .n_variants = c->n_variants,
                                      .cell = c->cell,
                                      .x = c->x_key,
                                      .y = c->y_key,
                                      .heatmap = c->heatmap,
                                      .winners = c->winners,
                                      .log = c->log_axis };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = figure_draw(&svg, q, c->arguments[0], &o, &e);
        query_close(q);
    }
    if (code == 0)
        code = output_write(c->output, &svg, &e);
    text_free(&svg);
    return cli_fail(c, code, &e);
}

const struct command command_plot = {
    .name = "plot",
    .arguments = "STUDY",
    .summary = "Draw a study as SVG: curves with bands over seeds, a heatmap, or a map of winners",
    .help = "A study that sweeps exactly two numeric keys is drawn as a heatmap of 1 / area under\n"
            "the train loss, with a cross in cells that diverged. One that sweeps more keys, two of\n"
            "which every variant varies, is a map of winners over these two (or over --x and --y):\n"
            "in each cell every variant is tuned over the other swept keys, by the smallest area\n"
            "under the train loss; the best area under the accuracy gives the colour, and its\n"
            "margin the strength. A setting with a seed that diverged is no choice; a cell with a\n"
            "trial that has not ended has no winner yet. Other studies, and every study with\n"
            "--metric or --cell, are drawn as curves: the mean over seeds of each variant and cell,\n"
            "with a band of one standard deviation, and a cross where a trial diverged.\n",
    .options = GROUP_DB | GROUP_PLOT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
