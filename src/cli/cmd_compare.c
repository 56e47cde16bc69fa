#include "cli/cli.h"

#include "report/compare.h"
#include "report/output.h"
#include <string.h>

struct compare_options {
    struct cli_list metrics;
    const char *study;
};
static const struct cli_option options[] = {
    { "metric", 0, CLI_LIST, "NAME", offsetof(struct compare_options, metrics),
      .help = "what is compared (default: test_accuracy, or else a loss)" },
    { "study", 0, CLI_TEXT, "NAME", offsetof(struct compare_options, study),
      .help = "the study of variants that are given without one" },
    { 0 },
};

/* STUDY:VARIANT, or VARIANT of --study. */
static int parse_side(const char *study, struct arena *a, const char *text, struct compare_side *side, struct err *e)
{
    const char *colon = strchr(text, ':');
    if (!colon && !study)
        return err_set(e, ERR_USAGE, "'%s' is not STUDY:VARIANT; for variants of one study say --study NAME", text);
    side->study = colon ? arena_strndup(a, text, (size_t)(colon - text)) : study;
    side->variant = colon ? colon + 1 : text;
    return 0;
}

static int compare(const struct cli *c, const struct compare_options *o, struct arena *arena, struct err *e)
{
    struct compare_side a, b;
    struct text out = { 0 };
    struct query *q;
    if (o->metrics.n > 1)
        return err_set(e, ERR_USAGE, "one metric is compared at a time");
    TRY(parse_side(o->study, arena, c->arguments.items[0], &a, e));
    TRY(parse_side(o->study, arena, c->arguments.items[1], &b, e));
    TRY(query_open(&q, c->db, e));
    int code = compare_write(&out, q, a, b, o->metrics.n ? o->metrics.items[0] : NULL, e);
    query_close(q);
    if (code == 0)
        code = output_write(NULL, &out, e);
    text_free(&out);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    struct err e = { 0 };
    struct arena arena;
    arena_init(&arena, 0);
    const int status = cli_fail(c, compare(c, own, &arena, &e), &e);
    arena_finish(&arena);
    return status;
}

const struct command command_compare = {
    .name = "compare",
    .arguments = "A B",
    .summary = "Compare two variants, paired by seed",
    .help = "A and B are STUDY:VARIANT, or variants of --study. The difference A - B of the last\n"
            "values of a metric: mean, standard deviation, 95 % interval, and each pair.\n",
    .shared = (const struct cli_option *const[]){ cli_database, NULL },
    .own = options,
    .own_size = sizeof(struct compare_options),
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
