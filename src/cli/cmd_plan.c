#include "cli/kept.h"
#include "cli/plan_price.h"

#include "base/clean.h"
#include "base/duration.h"
#include "run/progress.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct plan_choice {
    struct cli_int jobs;
    double longest; /* seconds; 0 = no limit */
};
static const struct cli_option options[] = {
    { "jobs", 'j', CLI_INT, "N", offsetof(struct plan_choice, jobs), 1, 1024,
      .help = "trials trained at once (default: one for each processor that this process may use)" },
    { "max-hours", 0, CLI_HOURS, "H", offsetof(struct plan_choice, longest),
      .help = "exit with status 2 if the trials may take longer than hours, or 90min" },
    { 0 },
};
enum { CLASSES_SHOWN = 10 }; /* of a variant */

/* "12.3 MB", "480 B" into buffer. */
static const char *amount(double n, const char *unit, char *buffer, size_t size)
{
    char count[32];
    const size_t length = strlen(progress_count(n, count, sizeof count));
    snprintf(buffer, size, "%s%s%s", count, count[length - 1] >= '0' && count[length - 1] <= '9' ? " " : "", unit);
    return buffer;
}

static void print_network(const struct trial_size *size)
{
    char memory[48], flops[48];
    size_t wide = 5, kind = 12;
    for (size_t i = 0; i < size->n_layers; i++) {
        wide = strlen(size->layers[i].shape) > wide ? strlen(size->layers[i].shape) : wide;
        kind = strlen(size->layers[i].kind) > kind ? strlen(size->layers[i].kind) : kind;
    }
    printf("    %-5s %-*s %-*s %10s  %s\n", "layer", (int)kind, "kind", (int)wide, "shape", "weights",
           "multiply-adds a sample");
    for (size_t i = 0; i < size->n_layers; i++) {
        const struct trial_layer_size *l = &size->layers[i];
        printf("    %-5zu %-*s %-*s %10zu  %s", i, (int)kind, l->kind, (int)wide, l->shape, l->n_weights,
               progress_count(l->multiply_adds, flops, sizeof flops));
        if (l->from)
            printf("  from %s%s", l->from, l->beside ? " (concat)" : "");
        printf("\n");
    }
    printf("    weights %zu, feedback weights %zu, memory %s, %s per step, %" PRId64 " steps\n", size->n_weights,
           size->n_feedback_weights, amount(size->memory_bytes, "B", memory, sizeof memory),
           amount(size->flops_per_step, "flop", flops, sizeof flops), size->iterations);
    if (size->n_feedback > 0)
        printf("    and %.15g feedback-only minibatches, %s each\n", size->n_feedback,
               amount(size->flops_per_feedback, "flop", flops, sizeof flops));
}

/* "82 s", or "82 s (66 s to 1 min 55 s)" where the bounds are other texts. */
static const char *range_text(const struct price_range *r, char *buffer, size_t size)
{
    char low[DURATION_SIZE], expected[DURATION_SIZE], high[DURATION_SIZE];
    duration_text(r->low, low);
    duration_text(r->expected, expected);
    duration_text(r->high, high);
    if (!strcmp(low, high))
        snprintf(buffer, size, "%s", expected);
    else
        snprintf(buffer, size, "%s (%s to %s)", expected, low, high);
    return buffer;
}

static void print_source(const struct price_shape *s)
{
    switch (s->source) {
    case PRICE_STORED:
        printf(", as %zu finished %s in the database took", s->n, s->n == 1 ? "trial" : "trials");
        break;
    case PRICE_TIMED:
        fputs(", by steps that were timed on this machine", stdout);
        break;
    case PRICE_SCALED:
        fputs(", by operations, from another shape of this plan", stdout);
        break;
    case PRICE_UNKNOWN:
        break;
    }
}

/* alone: all trials of the variant are of this class. */
static void print_class(const struct price_list *l, const struct price_class *c, bool alone)
{
    char text[112];
    const struct price_shape *s = &l->shapes[c->shape];
    const struct price_range each = price_trial(l, c);
    fputs("    ", stdout);
    if (!alone)
        printf("%" PRIu64 " of %" PRId64 " steps: ", c->n, c->budget);
    if (s->source == PRICE_UNKNOWN)
        fputs("nothing can be said of the time", stdout);
    else
        printf("%s each", range_text(&each, text, sizeof text));
    print_source(s);
    if (!alone && c->cell[0])
        clean_print_line(stdout, "; first cell %s", c->cell);
    else
        putchar('\n');
}

/* Options of replaced parts that stay or do not, of the first trial of each class. */
static int print_kept(struct plan *p, const struct price_list *l, size_t study, size_t variant, struct err *e)
{
    struct text kept = { 0 };
    const int code = kept_add(&kept, KEPT_LINES, p, l, study, variant, e);
    if (code == 0 && kept.n)
        fputs(kept.s, stdout);
    text_free(&kept);
    return code;
}

static int print_variant(struct plan *p, const struct price_list *l, size_t study, size_t variant, struct err *e)
{
    const struct price_variant *v = NULL;
    size_t n = 0, shown = 0;
    for (size_t i = 0; i < l->n_variants; i++)
        if (l->variants[i].study == study && l->variants[i].variant == variant)
            v = &l->variants[i];
    clean_print_line(stdout, "  %s: %" PRIu64 " trials, %" PRIu64 " finished",
                     p->studies[study].study.variants[variant], v ? v->n : 0, v ? v->n_finished : 0);
    if (!v)
        return 0;
    print_network(&v->first);
    TRY(print_kept(p, l, study, variant, e));
    for (size_t i = 0; i < l->n_classes; i++)
        n += l->classes[i].study == study && l->classes[i].variant == variant;
    for (size_t i = 0; i < l->n_classes && shown < CLASSES_SHOWN; i++)
        if (l->classes[i].study == study && l->classes[i].variant == variant) {
            print_class(l, &l->classes[i], n == 1);
            shown++;
        }
    if (shown < n)
        printf("    and %zu more shapes and lengths\n", n - shown);
    if (v->n_tuned)
        clean_print_line(stdout,
                         "    tuned: %" PRIu64 " more trials with fresh seeds, %" PRIu64
                         " finished, of what %s chooses when these have ended",
                         v->n_tuned, v->n_tuned_finished, p->studies[study].study.tune->metric);
    return 0;
}

static void print_price(const struct price *price, size_t jobs)
{
    char text[112], a[48], b[48];
    printf("to train: %s with %zu at once", range_text(&price->wall, text, sizeof text), jobs);
    printf(", %s of processor time\n", range_text(&price->processor, text, sizeof text));
    if (price->n_unknown)
        printf("    without %" PRIu64 " trials of which nothing can be said\n", price->n_unknown);
    printf("    memory %s, data beside; ", amount(price->memory_bytes, "B", a, sizeof a));
    printf("disk: %s rows, %s of database, ", progress_count(price->rows, a, sizeof a),
           amount(price->database_bytes, "B", b, sizeof b));
    printf("%s of checkpoints\n", amount(price->checkpoint_bytes, "B", a, sizeof a));
}

static int print_study(struct plan *p, const struct plan_price *x, size_t study, struct err *e)
{
    const struct plan_study *s = &p->studies[study];
    struct price price;
    fputs(study ? "\n" : "", stdout);
    clean_print_line(stdout, "%s%s%s", s->study.name, s->study.title ? ": " : "", s->study.title ? s->study.title : "");
    for (size_t v = 0; v < s->study.n_variants; v++)
        if (s->wanted[v])
            TRY(print_variant(p, &x->list, study, v, e));
    price_sum(&x->list, study, x->jobs, x->processors, &price);
    fputs("  ", stdout);
    print_price(&price, x->jobs);
    return 0;
}

int plan_print(const struct cli *c, struct plan *p, const struct plan_price *x, struct err *e)
{
    const enum query_format format = cli_format(c, FORMAT_TABLE);
    if (format != FORMAT_TABLE && format != FORMAT_JSON)
        return err_set(e, ERR_USAGE, "--format: a plan is a table or json, not %s", query_format_names[format]);
    if (format == FORMAT_JSON) {
        struct text json = { 0 };
        const int code = plan_json(p, x, &json, e);
        if (code == 0)
            fputs(json.s, stdout);
        text_free(&json);
        return code;
    }
    for (size_t i = 0; i < p->n_studies; i++)
        TRY(print_study(p, x, i, e));
    if (p->n_studies > 1) {
        struct price all;
        price_sum(&x->list, SIZE_MAX, x->jobs, x->processors, &all);
        printf("\n%zu studies, ", p->n_studies);
        print_price(&all, x->jobs);
    }
    return 0;
}

static int run(const struct cli *c, const void *own)
{
    const struct plan_choice *o = own;
    struct plan p = { 0 };
    struct plan_price x;
    struct err e = { 0 };
    struct plan_options plan = cli_plan_options(c);
    int code = plan_price_open(&x, c, o->jobs.value, &e);
    plan_price_attach(&x, &plan);
    if (code == 0)
        code = plan_open(&p, c->arguments.items, c->arguments.n, &plan, &e);
    if (code == 0)
        (void)cli_fail(c, code, &e); /* notes on the files come first */
    if (code == 0)
        code = plan_price_take(&x, c, &p, &e);
    if (code == 0)
        code = plan_print(c, &p, &x, &e);
    if (code == 0)
        code = plan_price_limit(&x, o->longest, &e);
    const int status = cli_fail(c, code, &e);
    plan_price_close(&x);
    plan_close(&p);
    return status;
}

const struct command command_plan = {
    .name = "plan",
    .arguments = "SPEC... [KEY=VALUE]...",
    .summary = "Show what a file would train: layers, trials, time, memory, disk",
    .help = "Times are expected ones, and between which bounds they should be. They come from trials of\n"
            "the same shape in the database, else from some steps that are timed now and kept in\n"
            "$XDG_CACHE_HOME/tprun. Nothing else is run or written. Data that a run would miss, or\n"
            "that has changed since finished trials read it, is a warning. Formats are table and json.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_formats, cli_spec, NULL },
    .own = options,
    .own_size = sizeof(struct plan_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
