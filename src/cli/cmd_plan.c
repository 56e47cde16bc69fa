#include "cli/cli.h"

#include "base/clean.h"
#include "cli/kept.h"
#include "run/data_files.h"
#include "run/progress.h"
#include "run/tuning.h"
#include "run/worker_process.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plan_choice {
    struct cli_int jobs;
};
static const struct cli_option options[] = {
    { "jobs", 'j', CLI_INT, "N", offsetof(struct plan_choice, jobs), 1, 1024,
      .help = "trials trained at once (default: one for each processor)" },
    { 0 },
};

/* What is known of one variant after a walk over its trials. */
struct variant_plan {
    uint64_t n, finished;
    double steps_left;
    double seconds_per_step;
    uint64_t measured; /* trials in the database that this comes from; 0 = estimated */
    struct trial_size size;
    int precision;
};

/* Trials of a variant that have ended, by key. */
struct ended {
    size_t n, capacity;
    struct ended_trial {
        char key[65];
        int64_t step; /* a diverged one stays so: INT64_MAX */
    } * items;
};

static int add_ended(void *self, int n, const char *const *values)
{
    struct ended *x = self;
    if (n < 2 || !values[0] || !values[1])
        return 0;
    if (x->n == x->capacity) {
        const size_t capacity = 2 * x->capacity + 64;
        struct ended_trial *grown = realloc(x->items, capacity * sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        x->items = grown;
        x->capacity = capacity;
    }
    struct ended_trial *t = &x->items[x->n++];
    snprintf(t->key, sizeof t->key, "%s", values[0]);
    return text_to_int(values[1], strlen(values[1]), &t->step) < 0 ? ERR_FORMAT : 0;
}

static int read_ended(struct query *q, const char *study, const char *variant, struct ended *x, struct err *e)
{
    const char *const arguments[] = { study, variant };
    return !q ? 0
              : query_rows(
                    q,
                    "SELECT t.key, CASE t.state WHEN 'diverged' THEN 9223372036854775807 ELSE t.step END FROM trial t"
                    " JOIN study s ON s.id = t.study_id WHERE s.name = ?1 AND t.variant = ?2"
                    " AND t.state IN ('done', 'diverged') ORDER BY t.key",
                    arguments, 2, add_ended, x, e);
}

static int compare_key(const void *key, const void *trial)
{
    return strcmp(key, ((const struct ended_trial *)trial)->key);
}

static bool is_finished(const struct ended *x, const struct plan_trial *t)
{
    const struct ended_trial *found = x->n ? bsearch(t->key, x->items, x->n, sizeof *x->items, compare_key) : NULL;
    return found && found->step >= t->budget;
}

/* Time of finished trials of this variant, all phases, per step. */
static int measured_time(struct query *q, const char *study, const char *variant, struct variant_plan *v, struct err *e)
{
#define RUNS                                                                                                           \
    " FROM run r JOIN trial t ON t.id = r.trial_id JOIN study s ON s.id = t.study_id"                                  \
    " WHERE s.name = ?1 AND t.variant = ?2 AND r.state = 'done' AND t.step > r.from_step"
    const char *const arguments[] = { study, variant };
    bool found;
    double n = 0, seconds = 0;
    if (!q)
        return 0;
    TRY(query_number(q, "SELECT count(*)" RUNS, arguments, 2, &found, &n, e));
    TRY(query_number(q,
                     "SELECT sum((SELECT sum(c.wall_ns) FROM cost c WHERE c.run_id = r.id)) / 1e9 /"
                     " sum(t.step - r.from_step)" RUNS,
                     arguments, 2, &found, &seconds, e));
    if (found && n > 0 && seconds > 0) {
        v->measured = (uint64_t)n;
        v->seconds_per_step = seconds;
    }
    return 0;
#undef RUNS
}

/* Floating-point operations over what this processor does in a product of matrices of 128 x 128: a lower bound, since
 * element-wise work and small products run slower. */
static int estimated_time(struct variant_plan *v, int64_t log_every, double rates[2], struct err *e)
{
    double *rate = &rates[v->precision]; /* measured once */
    char executable[4096], line[64];
    if (!(*rate > 0)) {
        TRY(worker_executable(v->precision == PRECISION_DOUBLE ? "double" : "single", executable, e));
        TRY(worker_ask(executable, "--rate", line, sizeof line, e));
    }
    if (!(*rate > 0) && (text_to_double(line, strlen(line), rate) < 0 || !(*rate > 0)))
        return err_set(e, ERR_INTERNAL, "%s --rate printed '%s'", executable, line);
    const double steps = v->size.iterations > 0 ? (double)v->size.iterations : 1;
    v->seconds_per_step = (v->size.flops_per_step + v->size.flops_per_log / (double)log_every +
                           v->size.flops_per_feedback * v->size.n_feedback / steps) /
                          *rate;
    return 0;
}

static void print_network(const struct trial_size *size)
{
    char memory[32], flops[32];
    size_t wide = 5, kind = 12;
    for (size_t i = 0; i < size->n_layers; i++) {
        wide = strlen(size->layers[i].shape) > wide ? strlen(size->layers[i].shape) : wide;
        kind = strlen(size->layers[i].kind) > kind ? strlen(size->layers[i].kind) : kind;
    }
    printf("    %-5s %-*s %-*s %10s\n", "layer", (int)kind, "kind", (int)wide, "shape", "weights");
    for (size_t i = 0; i < size->n_layers; i++)
        printf("    %-5zu %-*s %-*s %10zu\n", i, (int)kind, size->layers[i].kind, (int)wide, size->layers[i].shape,
               size->layers[i].n_weights);
    printf("    weights %zu, feedback weights %zu, memory %sB, %sflop per step, %" PRId64 " steps\n", size->n_weights,
           size->n_feedback_weights, progress_count(size->memory_bytes, memory, sizeof memory),
           progress_count(size->flops_per_step, flops, sizeof flops), size->iterations);
    if (size->n_feedback > 0)
        printf("    and %.15g feedback-only minibatches, %sflop each\n", size->n_feedback,
               progress_count(size->flops_per_feedback, flops, sizeof flops));
}

static int ignore_file(void *self, const char *path, const char *sha256)
{
    (void)self;
    (void)path;
    (void)sha256;
    return 0;
}

/* What trials would fail at is a warning here: a plan may be made on another machine. */
static void warn_of(const char *what, struct err *found, bool color)
{
    struct err warning = { 0 };
    const struct where nowhere = { 0 };
    err_warn(&warning, nowhere, "%s cannot be read here, and trials that need it would fail: %s", what,
             err_first(found));
    for (size_t i = 1; i < found->n_messages; i++)
        err_note(&warning, nowhere, "%s", found->messages[i].text);
    err_print(&warning, stderr, color);
    err_clear(&warning);
}

static int warn_of_files(const struct config *config, struct data_files *known, bool color, struct err *e)
{
    struct err found = { 0 };
    const char *fault;
    int code = data_files_check(known, config, ignore_file, NULL, &fault, &found);
    if (found.code)
        warn_of("the data", &found, color);
    err_clear(&found);
    if (code == 0)
        code = initial_file_check(known, config, &fault, &found);
    if (found.code)
        warn_of("the file of initial weights", &found, color);
    err_clear(&found);
    return code == 0 ? 0 : err_set(e, code, "out of memory");
}

static int print_variant(const struct cli *c, struct plan *p, size_t study, size_t variant, struct query *q,
                         struct data_files *files, double *seconds, double rates[2], struct err *e)
{
    const struct plan_study *s = &p->studies[study];
    const uint64_t per_variant = s->n / s->study.n_variants;
    struct variant_plan v = { 0 };
    char text[2][32];
    int64_t log_every = 1;
    struct arena arena;
    struct text kept = { 0 };
    arena_init(&arena, 0);
    struct ended ended = { 0 };
    int code = read_ended(q, s->study.name, s->study.variants[variant], &ended, e);
    for (uint64_t i = variant * per_variant; i < (variant + 1) * per_variant && code == 0; i++) {
        struct plan_trial t;
        code = plan_trial(p, study, i, &t, e);
        if (code < 0 || t.excluded)
            continue;
        if (v.n == 0) {
            code = trial_measure(&t.config, &v.size, &arena, e);
            v.precision = t.config.precision;
            log_every = t.config.log.every;
        }
        v.n++;
        if (i % s->study.n_seeds == 0 || v.n == 1)
            kept_add(&kept, p, &t);
        if (code == 0)
            code = warn_of_files(&t.config, files, c->color_err, e);
        const bool finished = is_finished(&ended, &t);
        v.finished += finished;
        v.steps_left += code == 0 && !finished ? (double)t.budget : 0;
    }
    if (code == 0)
        code = measured_time(q, s->study.name, s->study.variants[variant], &v, e);
    uint64_t n_tuned = 0;
    if (code == 0)
        code = tuning_count(p, study, variant, &n_tuned, e);
    if (code == 0 && v.n && !v.measured)
        code = estimated_time(&v, log_every, rates, e);
    if (code == 0) {
        clean_print_line(stdout, "  %s: %" PRIu64 " trials, %" PRIu64 " finished", s->study.variants[variant], v.n,
                         v.finished);
        if (v.n) {
            print_network(&v.size);
            fputs(kept.n ? kept.s : "", stdout);
            if (n_tuned)
                clean_print_line(stdout,
                                 "    tuned: %" PRIu64 " more, of what %s chooses, with fresh seeds, when these have ended",
                                 n_tuned, s->study.tune->metric);
            printf("    %s each, ",
                   progress_duration(v.seconds_per_step * (double)v.size.iterations, text[0], sizeof text[0]));
            if (v.measured)
                printf("as %" PRIu64 " finished trials in the database took\n", v.measured);
            else
                printf("at least: at %.3g Gflop/s, measured now with products of 128 x 128\n",
                       rates[v.precision] * 1e-9);
        }
        *seconds += (v.steps_left + (double)n_tuned * (double)v.size.iterations) * v.seconds_per_step;
    }
    free(ended.items);
    text_free(&kept);
    arena_finish(&arena);
    return code;
}

static int print_study(const struct cli *c, struct plan *p, size_t study, int64_t jobs, struct query *q,
                       struct data_files *files, double rates[2], struct err *e)
{
    const struct plan_study *s = &p->studies[study];
    double seconds = 0;
    char text[32];
    fputs(study ? "\n" : "", stdout);
    clean_print_line(stdout, "%s%s%s", s->study.name, s->study.title ? ": " : "", s->study.title ? s->study.title : "");
    for (size_t v = 0; v < s->study.n_variants; v++)
        if (s->wanted[v])
            TRY(print_variant(c, p, study, v, q, files, &seconds, rates, e));
    printf("  to train: about %s with %" PRId64 " at once\n",
           progress_duration(seconds / (double)jobs, text, sizeof text), jobs);
    return 0;
}

int plan_print(const struct cli *c, struct plan *p, int64_t jobs, struct err *e)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    struct query *q = NULL;
    struct data_files files = { 0 };
    double rates[2] = { 0, 0 }; /* of the two precisions */
    bool empty = true;
    if (access(c->db, F_OK) == 0)
        TRY(query_check(c->db, &empty, e));
    if (!empty)
        TRY(query_open(&q, c->db, e));
    int code = 0;
    for (size_t i = 0; i < p->n_studies && code == 0; i++)
        code = print_study(c, p, i, jobs > 0 ? jobs : online > 0 ? online : 1, q, &files, rates, e);
    data_files_free(&files);
    query_close(q);
    return code;
}

static int run(const struct cli *c, const void *own)
{
    const struct plan_choice *o = own;
    struct plan p;
    struct err e = { 0 };
    int code = cli_open_plan(c, &p, false, &e);
    if (code == 0)
        (void)cli_fail(c, code, &e); /* notes on the files come first */
    if (code == 0)
        code = plan_print(c, &p, o->jobs.value, &e);
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status;
}

const struct command command_plan = {
    .name = "plan",
    .arguments = "SPEC... [KEY=VALUE]...",
    .summary = "Show what a file would train: layers, trials, memory, time",
    .help = "Nothing is run or written. Data that a run would miss is a warning.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_spec, NULL },
    .own = options,
    .own_size = sizeof(struct plan_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
