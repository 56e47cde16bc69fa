#include "cli/cli.h"

#include "report/output.h"
#include "report/report.h"

static int run(const struct cli *c)
{
    struct query *q;
    struct err e = { 0 };
    struct text markdown = { 0 };
    const struct report_options o = {
        .title = c->title, .intro = c->intro, .output = c->output, .figures = c->figures
    };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = report_write(&markdown, q, c->arguments, c->n_arguments, &o, &e);
        query_close(q);
    }
    if (code == 0)
        code = output_write(c->output, &markdown, &e);
    text_free(&markdown);
    return cli_fail(c, code, &e);
}

const struct command command_report = {
    .name = "report",
    .arguments = "STUDY...",
    .summary = "Write a report in Markdown with figures",
    .help = "For each study: its figure, trials, settings that differ, results, the verdicts of its\n"
            "claims, what diverged, what it cost. Verdicts are those of the last `tprun claims`.\n",
    .options = GROUP_DB | GROUP_REPORT,
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
