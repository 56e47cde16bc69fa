/* data: what a dataset or a file holds, before anything is trained on it. */
#include "cli/cli.h"
#include "cli/look.h"

#include "base/clean.h"
#include "data/dataset.h"
#include "data/reader.h"
#include "run/data_files.h"
#include <string.h>

static bool is_spec(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* ---- a file by itself ---- */

static int read_file_row(void *self, size_t i, double *x, int64_t *label)
{
    const struct data_file *f = self;
    const size_t n = array_per_row(&f->numbers);
    double class = 0;
    if (label) {
        array_read(&f->labels, i, 1, &class);
        *label = (int64_t) class;
    }
    array_read(&f->numbers, i * n, n, x);
    return 0;
}

static int look_at_file(const struct cli *c, const char *path, struct text *out, struct err *e)
{
    struct arena a;
    struct data_file f;
    struct reading r = { .path = path, .role = READ_NUMBERS };
    struct err own = { 0 };
    if (c->overrides.n || c->variants.n || c->profile)
        return err_set(e, ERR_USAGE, "%s: KEY=VALUE, --variant and --profile are for an experiment file", path);
    arena_init(&a, 0);
    int code = reader_open(&r, &f, &a, &own);
    if (code == ERR_FORMAT) { /* words may be the labels of the last column */
        struct err again = { 0 };
        r.label = "-1";
        r.classes = true;
        if (reader_open(&r, &f, &a, &again) == 0 && f.words.n > 0)
            code = 0;
        else
            reader_close(&f);
        err_clear(&again);
    }
    if (code < 0)
        err_move(e, &own);
    err_clear(&own);
    if (code == 0) {
        char shape[100];
        const struct look_part part = { .name = "numbers",
                                        .n = f.numbers.dim[0],
                                        .per_row = array_per_row(&f.numbers),
                                        .classes = f.words.n,
                                        .names = f.words.items,
                                        .columns = f.numbers.columns,
                                        .read = read_file_row,
                                        .self = &f };
        array_shape_text(&f.numbers, shape);
        const struct look look = { .title = path,
                                   .what = arena_printf(&a, "%s of %s", shape, number_name(f.numbers.type)),
                                   .n_parts = 1,
                                   .parts = &part };
        code = look_print(&look, cli_format(c, FORMAT_TABLE), &a, out, e);
        reader_close(&f);
    }
    arena_finish(&a);
    return code;
}

/* ---- the dataset of an experiment file ---- */

struct samples {
    const struct config *c;
    void *state;
    enum split split;
    struct batch one;
};

static int read_sample(void *self, size_t i, double *x, int64_t *label)
{
    struct samples *s = self;
    const struct data_shape *d = &s->c->data;
    ((const struct dataset_def *)s->c->dataset.part)->fill(s->c->dataset.opts, s->state, s->split, i, &s->one);
    for (size_t k = 0; k < d->length * d->features; k++)
        x[k] = (double)s->one.x[k];
    if (label)
        *label = s->one.label[0];
    return 0;
}

static const char *shape_text(const struct data_shape *d, struct arena *a)
{
    const char *input = d->sequence  ? arena_printf(a, "sequences of %zu steps of %zu numbers", d->length, d->features)
                        : d->image.n ? arena_printf(a, "images of %zu x %zu x %zu (channels, height, width)",
                                                    d->image.channels, d->image.height, d->image.width)
                                     : arena_printf(a, "flat, %zu numbers a sample", d->features);
    return arena_printf(a, "%s; %zu %s%s", input, d->outputs, d->classes ? "classes" : "real targets",
                        d->per_step ? " at each step" : "");
}

static int look_at_opened(const struct config *c, void *state, enum query_format format, struct arena *a,
                          struct text *out, struct err *e)
{
    static const char *const names[N_SPLITS] = { "train", "evaluation", "test", "validation" };
    const struct data_shape *d = &c->data;
    const size_t sizes[N_SPLITS] = { d->train_size, d->train_size ? 0 : d->eval_size, d->test_size, d->valid_size };
    static const enum split order[N_SPLITS] = { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_VALID, SPLIT_TEST };
    struct samples samples[N_SPLITS];
    struct look_part parts[N_SPLITS];
    const size_t n = d->length * d->features;
    struct batch one = { .rows = 1, .x = arena_alloc(a, n, sizeof(real)) };
    if (d->classes)
        one.label = arena_alloc(a, d->length, sizeof *one.label);
    else
        one.y = mat_of(arena_alloc(a, d->outputs, sizeof(real)), 1, d->outputs);
    if (!one.x || (!one.label && !one.y.p))
        return err_set(e, ERR_MEMORY, "no memory for a sample");
    const struct dataset_def *def = (const struct dataset_def *)c->dataset.part;
    const char **class_names = NULL;
    if (d->classes && def->class_name && def->class_name(state, 0)) {
        class_names = arena_need(a, d->outputs, sizeof *class_names);
        for (size_t i = 0; i < d->outputs; i++)
            class_names[i] = def->class_name(state, i) ? def->class_name(state, i) : "";
    }
    struct look look = { .title = c->dataset.part->name, .what = shape_text(d, a), .parts = parts };
    for (size_t i = 0; i < N_SPLITS; i++) {
        const enum split split = order[i];
        if (sizes[split] == 0)
            continue;
        samples[look.n_parts] = (struct samples){ c, state, split, one };
        parts[look.n_parts] = (struct look_part){ .name = names[split],
                                                  .n = sizes[split],
                                                  .per_row = n,
                                                  .classes = d->classes ? d->outputs : 0,
                                                  .names = class_names,
                                                  .read = read_sample,
                                                  .self = &samples[look.n_parts] };
        look.n_parts++;
    }
    return look_print(&look, format, a, out, e);
}

static int ignore_file(void *self, const char *path, const char *sha256)
{
    (void)self, (void)path, (void)sha256;
    return 0;
}

/* Adds to e what is odd about files that can be read. */
static int look_for_doubts(const struct config *c, struct err *e)
{
    const struct dataset_def *def = (const struct dataset_def *)c->dataset.part;
    const struct data_use use = data_use_of(c);
    return def->files ? def->files(c->dataset.opts, &use, ignore_file, NULL, e) : 0;
}

static int look_at_config(const struct cli *cli, const struct config *c, struct text *out, struct err *e)
{
    const struct dataset_def *def = (const struct dataset_def *)c->dataset.part;
    struct arena a;
    arena_init(&a, 0);
    void *state = arena_need(&a, 1, def->part.state_size);
    int code = def->open(c->dataset.opts, (uint64_t)c->seed, state, &a, e);
    if (code == 0) {
        code = look_at_opened(c, state, cli_format(cli, FORMAT_TABLE), &a, out, e);
        if (code == 0)
            code = look_for_doubts(c, e);
        if (def->close)
            def->close(state);
    }
    arena_finish(&a);
    return code;
}

/* The first trial of the file. Messages point into the text of the plan, which the caller closes. */
static int look_at_spec(const struct cli *c, struct plan *p, struct text *out, struct err *e)
{
    struct plan_trial t = { 0 };
    TRY(cli_open_plan(c, p, false, e));
    for (uint64_t i = 0; i < p->studies[0].n; i++) {
        TRY(plan_trial(p, 0, i, &t, e));
        if (!t.excluded)
            return look_at_config(c, &t.config, out, e);
    }
    return err_set(e, ERR_USAGE, "%s: no trial", c->arguments.items[0]);
}

static int run(const struct cli *c, const void *own)
{
    (void)own;
    struct err e = { 0 };
    struct text out = { 0 };
    struct plan p = { 0 };
    const enum query_format format = cli_format(c, FORMAT_TABLE);
    int code = format == FORMAT_TABLE || format == FORMAT_JSON
                   ? 0
                   : err_set(&e, ERR_USAGE, "--format: data is printed as table or json");
    if (code == 0)
        code = is_spec(c->arguments.items[0]) ? look_at_spec(c, &p, &out, &e)
                                              : look_at_file(c, c->arguments.items[0], &out, &e);
    if (code == 0 && out.s)
        fputs(out.s, stdout);
    text_free(&out);
    const int status = cli_fail(c, code, &e);
    plan_close(&p);
    return status;
}

const struct command command_data = {
    .name = "data",
    .arguments = "FILE [KEY=VALUE]...",
    .summary = "Show what a dataset holds: shape, classes, ranges and first samples",
    .help = "FILE is an experiment file, whose first trial's data is shown as it is trained on (scaled),\n"
            "or a data file: .npy, IDX, .csv or .tsv, which KEY=VALUE is not for. Formats: table, json.\n",
    .shared = (const struct cli_option *const[]){ cli_formats, cli_spec, NULL },
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
