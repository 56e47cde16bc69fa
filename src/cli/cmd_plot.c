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
                                      .heatmap = c->heatmap,
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
    .summary = "Draw a study as SVG: curves with bands over seeds, or a heatmap",
    .help = "A study that sweeps exactly two numeric keys is drawn as a heatmap of 1 / area under\n"
            "the train loss, with a cross in cells that diverged. Others, and every study with\n"
            "--metric or --cell, are drawn as curves: the mean over seeds of each variant and cell,\n"
            "with a band of one standard deviation, and a cross where a trial diverged.\n",
    .options = GROUP_DB | GROUP_PLOT,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
