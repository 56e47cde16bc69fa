#include "cli/cli.h"

#include "report/compare.h"
#include <string.h>

struct compare_choice {
    struct cli_list metrics, studies;
    struct cli_int layer;
    const char *cell, *at;
    int cost;
    bool pairs;
};
static const char *const costs[] = { "step", "samples", "cpu_s", "flops", NULL };
static const struct cli_option options[] = {
    { "metric", 0, CLI_LIST, "NAME", offsetof(struct compare_choice, metrics),
      .help = "what is compared (default: test_accuracy, or else a loss)" },
    { "study", 0, CLI_LIST, "NAME", offsetof(struct compare_choice, studies),
      .help = "the study of variants that are given without one; several: over all" },
    { "cell", 0, CLI_TEXT, "TEXT", offsetof(struct compare_choice, cell),
      .help = "only cells of the sweep that contain TEXT, such as stepsize=0.1" },
    { "layer", 0, CLI_INT, "N", offsetof(struct compare_choice, layer), 0, 1000000,
      .help = "the layer of a layer metric, from 0 (default: a row for each)" },
    { "at", 0, CLI_TEXT, "WHICH", offsetof(struct compare_choice, at),
      .help = "last (default), best, selected by valid_accuracy, or a step" },
    { "target", 0, CLI_WORD, "COST", offsetof(struct compare_choice, cost), .words = costs,
      .help = "what a target of the file took to reach: step, samples, cpu_s or flops" },
    { "pairs", 0, CLI_FLAG, NULL, offsetof(struct compare_choice, pairs),
      .help = "a row for each pair instead of each cell" },
    { 0 },
};

/* STUDY:VARIANT, or VARIANT of the study. */
static int parse_side(const char *study, struct arena *a, const char *text, struct compare_side *side, struct err *e)
{
    const char *colon = strchr(text, ':');
    if (!colon && !study)
        return err_set(e, ERR_USAGE, "'%s' is not STUDY:VARIANT; for variants of one study say --study NAME", text);
    side->study = colon ? arena_strndup(a, text, (size_t)(colon - text)) : study;
    side->variant = colon ? colon + 1 : text;
    return 0;
}

static int parse_at(const char *text, struct compare_options *o, struct err *e)
{
    static const char *const names[] = {
        [COMPARE_LAST] = "last", [COMPARE_BEST] = "best", [COMPARE_SELECTED] = "selected"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!text || !strcmp(text, names[i])) {
            o->at = (enum compare_at)i;
            return 0;
        }
    o->at = COMPARE_STEP;
    if (!text_is_decimal(text, strlen(text)) || text_to_int(text, strlen(text), &o->step) < 0 || o->step < 0)
        return err_set(e, ERR_USAGE, "--at: '%s' is none of last, best, selected, nor a step", text);
    return 0;
}

/* Its differences would be 0 whatever was trained. */
static bool is_same(const struct compare_study *s)
{
    return !strcmp(s->a.study, s->b.study) && !strcmp(s->a.variant, s->b.variant);
}

static int find_studies(const struct cli *c, const struct compare_choice *choice, struct arena *a,
                        struct compare_study **studies, size_t *n, struct err *e)
{
    const struct cli_list *names = &choice->studies;
    *n = names->n ? names->n : 1;
    *studies = arena_need(a, *n, sizeof **studies);
    for (size_t i = 0; i < *n; i++) {
        const char *study = names->n ? names->items[i] : NULL;
        for (size_t k = 0; k < 2; k++)
            if (*n > 1 && strchr(c->arguments.items[k], ':'))
                return err_set(e, ERR_USAGE,
                               "'%s' names a study, and so do several --study: name a variant of them all",
                               c->arguments.items[k]);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(names->items[k], study))
                return err_set(e, ERR_USAGE, "--study %s is given twice", study);
        TRY(parse_side(study, a, c->arguments.items[0], &(*studies)[i].a, e));
        TRY(parse_side(study, a, c->arguments.items[1], &(*studies)[i].b, e));
        if (is_same(&(*studies)[i]))
            return err_set(e, ERR_USAGE, "'%s' is compared with itself", c->arguments.items[0]);
    }
    return 0;
}

static int compare(const struct cli *c, const struct compare_choice *choice, struct arena *a, struct err *e)
{
    struct compare_options o = { .metric = choice->metrics.n ? choice->metrics.items[0] : NULL,
                                 .cost = choice->cost ? costs[choice->cost - 1] : NULL,
                                 .cell = choice->cell,
                                 .has_layer = choice->layer.given,
                                 .layer = choice->layer.value,
                                 .pairs = choice->pairs,
                                 .quiet = c->quiet,
                                 .format = cli_format(c, FORMAT_TABLE) };
    struct compare_study *studies;
    struct query *q;
    size_t n;
    if (choice->metrics.n > 1)
        return err_set(e, ERR_USAGE, "one metric is compared at a time");
    if (o.cost && (choice->at || choice->layer.given))
        return err_set(e, ERR_USAGE,
                       "--target counts until the first log that reaches it: --at and --layer are of values");
    TRY(parse_at(choice->at, &o, e));
    TRY(find_studies(c, choice, a, &studies, &n, e));
    TRY(query_open(&q, c->db, e));
    const int code = compare_write(stdout, q, studies, n, &o, e);
    query_close(q);
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
    .help = "A and B are STUDY:VARIANT, or variants of --study. A row for each cell of the sweep tells the\n"
            "difference A - B over the seeds of both: mean, standard deviation, 95 % intervals (Student,\n"
            "bootstrap), p of the paired t test and of sign flips, p corrected for the number of rows\n"
            "(Holm), Cohen's d of the pairs, the probability that A is better, and how many more seeds\n"
            "a power of 80 % needs. Where a seed diverged or has not finished, the row says so and has\n"
            "no mean: survivors are not a mean.\n\n"
            "With several --study, also interquartile means and performance profiles over all of them.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, NULL },
    .own = options,
    .own_size = sizeof(struct compare_choice),
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
