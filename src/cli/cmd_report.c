#include "cli/cli.h"

#include "report/output.h"
#include "report/report.h"

static const struct cli_option options[] = {
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct report_options, output),
      .help = "the file to write (default: standard output)" },
    { "figures", 0, CLI_TEXT, "FOLDER", offsetof(struct report_options, figures),
      .help = "where figures are written (default: figures, beside the report)" },
    { "title", 0, CLI_TEXT, "TEXT", offsetof(struct report_options, title),
      .help = "the heading (default: that of --intro, else Results)" },
    { "intro", 0, CLI_TEXT, "FILE", offsetof(struct report_options, intro),
      .help = "Markdown that stands before the studies" },
    { 0 },
};

static int run(const struct cli *c, const void *own)
{
    const struct report_options *o = own;
    struct query *q;
    struct err e = { 0 };
    struct text markdown = { 0 };
    int code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = report_write(&markdown, q, c->arguments.items, c->arguments.n, o, &e);
        query_close(q);
    }
    if (code == 0)
        code = output_write(o->output, &markdown, &e);
    text_free(&markdown);
    return cli_fail(c, code, &e);
}

const struct command command_report = {
    .name = "report",
    .arguments = "STUDY...",
    .summary = "Write a report in Markdown with figures",
    .help = "For each study: its figure, trials, settings that differ, results, the verdicts of its\n"
            "claims, what diverged, what it cost. Verdicts are those of the last `tprun claims`.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct report_options),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
