#include "cli/cli.h"

#include "report/output.h"
#include "report/report.h"
#include "serve/html.h"

struct report_choice {
    struct report_options o;
    bool html;
};
static const struct cli_option options[] = {
    { "html", 0, CLI_FLAG, NULL, offsetof(struct report_choice, html),
      .help = "one HTML file with the views of `tprun serve`, without STUDY of all studies" },
    { "output", 'o', CLI_TEXT, "FILE", offsetof(struct report_choice, o.output),
      .help = "the file to write (default: standard output)" },
    { "figures", 0, CLI_TEXT, "FOLDER", offsetof(struct report_choice, o.figures),
      .help = "where figures are written (default: figures, beside the report)" },
    { "title", 0, CLI_TEXT, "TEXT", offsetof(struct report_choice, o.title),
      .help = "the heading (default: that of --intro, else Results)" },
    { "intro", 0, CLI_TEXT, "FILE", offsetof(struct report_choice, o.intro),
      .help = "Markdown that stands before the studies" },
    { 0 },
};

static int check(const struct cli *c, const struct report_choice *choice, struct err *e)
{
    if (choice->html && (choice->o.figures || choice->o.intro))
        return err_set(e, ERR_USAGE, "--figures and --intro are of reports in Markdown: --html holds its figures");
    if (!choice->html && c->arguments.n == 0)
        return err_set(e, ERR_USAGE, "usage: tprun report STUDY..., or tprun report --html for all studies");
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    const struct report_choice *choice = own;
    struct query *q;
    struct err e = { 0 };
    struct text report = { 0 };
    int code = check(c, choice, &e);
    if (code == 0)
        code = query_open(&q, c->db, &e);
    if (code == 0) {
        code = choice->html ? html_write(&report, q, c->arguments.items, c->arguments.n, choice->o.title, &e)
                            : report_write(&report, q, c->arguments.items, c->arguments.n, &choice->o, &e);
        query_close(q);
    }
    if (code == 0)
        code = output_write(choice->o.output, &report, &e);
    text_free(&report);
    return cli_fail(c, code, &e);
}

const struct command command_report = {
    .name = "report",
    .arguments = "[STUDY]...",
    .summary = "Write a report: Markdown with figures, or HTML in one file",
    .help = "For each study: its figure, trials, settings that differ, results, the verdicts of its\n"
            "claims, what diverged, what it cost. Verdicts are those of the last `tprun claims`.\n\n"
            "--html -o r.html: the page of `tprun serve` as one file that opens from disk, without a network.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct report_choice),
    .max_arguments = SIZE_MAX,
    .run = run,
};
