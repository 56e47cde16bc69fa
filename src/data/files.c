/* files: arrays of one's own. Everything that a network has to know of them, their shape and the number of classes, is
 * read from the files themselves. */
#include "data/files_set.h"

#include "base/hash.h"
#include "data/split.h"
#include <float.h>
#include <string.h>

static const char *const layouts[] = { "auto", "flat", "image", "sequence", NULL };
static const char *const label_kinds[] = { "classes", "real", NULL };
static const char *const scalings[] = { "none", "unit", "standard", NULL };
static const char *const validations[] = { "random", "last", NULL };
static const char *const headers[] = { "auto", "yes", "no", NULL };
static const char *const delimiters[] = { "comma", "semicolon", "tab", NULL };

#define NAME(field) offsetof(struct files_names, field)
static const struct option names[] = {
    { "x", OPT_TEXT, NAME(x), .flags = OPTION_NULLABLE,
      .help = "file of inputs, samples first: .npy, IDX (also .gz), .csv or .tsv" },
    { "y", OPT_TEXT, NAME(y), .flags = OPTION_NULLABLE, .help = "file of labels, as many as there are samples" },
    { "label", OPT_TEXT, NAME(label), .flags = OPTION_NULLABLE,
      .help =
          "instead of y: the column of x (CSV) that holds the labels, by name or by number from 0; -1 is the last" },
    { 0 }
};
static const struct option subset_options[] = {
    { "count", OPT_INT, 0, "0", 0, 4e9, .help = "training samples, drawn from those that are not held out; 0 = all" },
    { "seed", OPT_INT, sizeof(int64_t), "0", 0, 9e15, .beside = "count", .idle = "0",
      .help = "draws them, the same ones for every seed of a trial that holds none out" },
    { 0 }
};
static const struct option csv_options[] = {
    { "header", OPT_ENUM, sizeof(int), "auto", .names = headers,
      .help = "whether the first line names the columns; auto: it does if none of its fields is a number" },
    { "delimiter", OPT_ENUM, 0, "comma", .names = delimiters, .help = "between fields; of .tsv it is always tab" },
    { 0 }
};

#define FIELD(field) offsetof(struct files_opts, field)
static const struct option options[] = {
    { "path", OPT_TEXT, FIELD(path), .flags = OPTION_NULLABLE | OPTION_FOLDER | OPTION_BUDGET,
      .help = "folder that file names are relative to; itself relative to the experiment file, whose folder is the "
              "default. No part of a trial's identity" },
    { "train", OPT_MAP, FIELD(train), .table = names, .help = "the training set" },
    { "valid", OPT_MAP, FIELD(valid), .flags = OPTION_NULLABLE, .table = names,
      .help = "the samples of validation, if they are files of their own" },
    { "test", OPT_MAP, FIELD(test), .table = names, .help = "the test set" },
    { "layout", OPT_ENUM, FIELD(layout), "auto", .names = layouts,
      .help = "what a sample is: flat numbers, an image (channels, height, width), or a sequence (steps, features); "
              "auto: two dimensions are flat samples, four are images" },
    { "labels", OPT_ENUM, FIELD(labels), "classes", .names = label_kinds,
      .help =
          "classes: whole numbers from 0, or words of a CSV, numbered as they sort; real: targets of a regression" },
    { "classes", OPT_INT, FIELD(classes), "0", 0, 1e6, .beside = "labels", .idle = "real",
      .help = "number of classes; 0 = one more than the largest label of the training set" },
    { "scaling", OPT_ENUM, FIELD(scaling), "none", .flags = OPTION_UNMEASURED, .names = scalings,
      .help =
          "none: as they are; unit: bytes over 255, others from 0 to 1 over the range of the training set; "
          "standard: less the mean and over the deviation of the training set; each feature, or channel, by itself" },
    { "subset", OPT_MAP, FIELD(subset), .table = subset_options, .help = "train on fewer samples" },
    { "validation_size", OPT_INT, FIELD(validation_size), "0", 0, 4e9, .help = "samples held out of the training set" },
    { "validation", OPT_ENUM, FIELD(validation), "random", .names = validations, .beside = "validation_size",
      .idle = "0", .help = "random: drawn by the trial's seed; last: the last of the file" },
    { "eval_size", OPT_INT, FIELD(eval_size), "2000", 0, 4e9,
      .help = "the first so many training samples measure the training loss; 0 = all, as is more than there are" },
    { "test_size", OPT_INT, FIELD(test_size), "0", 0, 4e9, .help = "the first samples of the test set; 0 = all" },
    { "shuffle", OPT_BOOL, FIELD(shuffle), "true", .flags = OPTION_UNMEASURED,
      .help = "a new order each epoch; false: the order of the file" },
    { "csv", OPT_MAP, FIELD(csv), .table = csv_options, .help = "how text files are written" },
    { 0 }
};

struct files_state {
    struct files_set set;
    struct split_places places;
    struct files_scale scale;
    uint64_t seed;
    double *row; /* a sample, in the file's order */
    bool by_pixel;
};

/* What is wrong with a file is a mistake of the experiment file, at the key that names it. */
static int files_shape(const void *opts, struct data_shape *shape, struct err *e)
{
    struct arena a;
    struct files_set set;
    struct err own = { 0 };
    arena_init(&a, 0);
    int code = files_set_open(&set, opts, &a, &own);
    if (code == 0) {
        *shape = set.shape;
        files_set_close(&set);
    } else {
        code = err_about(e, set.fault, "%s", err_first(&own));
    }
    err_clear(&own);
    arena_finish(&a);
    return code;
}

static struct split_rule split_rule_of(const struct files_set *set, const struct files_opts *o, uint64_t seed)
{
    return (struct split_rule){ .name = "files",
                                .all = set->part[FILES_TRAIN].inputs.dim[0],
                                .held_out = (size_t)o->validation_size,
                                .last = o->validation == 1,
                                .seed = seed,
                                .n_train = set->shape.train_size,
                                .subset = o->subset.count > 0,
                                .subset_seed = (uint64_t)o->subset.seed };
}

/* What a trial is given: which samples, and how they are scaled. */
static int choose(const struct files_set *set, const struct files_opts *o, const struct data_use *use,
                  struct split_places *places, struct files_scale *scale, struct arena *a, struct err *e)
{
    const struct split_rule rule = split_rule_of(set, o, use->seed);
    TRY(files_set_check(set, e));
    TRY(split_choose(&rule, places, a, e));
    TRY(files_scale_open(scale, set, o->scaling, places->train, set->shape.train_size, use->most, a, e));
    return files_scale_check(scale, set, use->most, a, e);
}

static int files_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    struct files_state *s = state;
    const struct data_use use = { seed, sizeof(real) < sizeof(double) ? (double)FLT_MAX : DBL_MAX };
    s->seed = seed;
    TRY(files_set_open(&s->set, opts, a, e));
    int code = choose(&s->set, opts, &use, &s->places, &s->scale, a, e);
    s->row = arena_alloc(a, s->set.shape.length * s->set.shape.features, sizeof *s->row);
    if (code == 0 && !s->row)
        code = err_set(e, ERR_MEMORY, "dataset: no memory for a sample");
    if (code < 0)
        files_set_close(&s->set);
    return code;
}

static void files_close(void *state)
{
    files_set_close(&((struct files_state *)state)->set);
}

static const char *files_class_name(const void *state, size_t class)
{
    const struct class_words *w = &((const struct files_state *)state)->set.words;
    return class < w->n ? w->items[class] : NULL;
}

static bool files_has_text(const void *opts)
{
    const struct files_opts *o = opts;
    const struct files_names *all[N_FILES] = { &o->train, &o->valid, &o->test };
    bool text = false;
    for (size_t i = 0; i < N_FILES; i++)
        text |= (all[i]->x && reader_is_text(all[i]->x)) || (all[i]->y && reader_is_text(all[i]->y));
    return text;
}

static int files_by_pixel(void *state, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    ((struct files_state *)state)->by_pixel = true;
    return 0;
}

/* ---- filling ---- */

/* The part and the row of a sample. */
static const struct files_part *find(const struct files_state *s, const struct files_opts *o, enum split split,
                                     uint64_t number, size_t *row)
{
    const struct files_part *train = &s->set.part[FILES_TRAIN], *valid = &s->set.part[FILES_VALID];
    *row = (size_t)number;
    if (split == SPLIT_TEST)
        return &s->set.part[FILES_TEST];
    if (split == SPLIT_VALID && valid->inputs.rank > 0)
        return valid;
    const uint64_t n = s->set.shape.train_size, epoch = number / n, at = number % n;
    uint64_t place = split != SPLIT_TRAIN ? number : o->shuffle ? dataset_shuffled(s->seed, epoch, n, at) : at;
    const uint32_t *kept = split == SPLIT_VALID ? s->places.valid : s->places.train;
    *row = kept ? kept[place] : (size_t)place;
    return train;
}

/* Sample of the batch's row from s->row: x[t][row][j]. An image by pixel has its channels side by side. */
static void place_inputs(const struct files_state *s, struct batch *b, size_t row)
{
    const struct data_shape *shape = &s->set.shape;
    const size_t features = shape->features;
    if (s->by_pixel && shape->image.n) {
        const size_t channels = shape->image.channels, plane = features / channels;
        real *x = b->x + row * features;
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < plane; i++)
                x[i * channels + c] = (real)s->row[c * plane + i];
        return;
    }
    for (size_t t = 0; t < shape->length; t++)
        for (size_t j = 0; j < features; j++)
            b->x[(t * b->rows + row) * features + j] = (real)s->row[t * features + j];
}

static void place_labels(const struct files_state *s, const struct array *y, size_t from, struct batch *b, size_t row)
{
    const struct data_shape *shape = &s->set.shape;
    double value;
    const size_t n = shape->classes ? (shape->per_step ? shape->length : 1) : shape->outputs;
    for (size_t i = 0; i < n; i++) {
        array_read(y, from * n + i, 1, &value);
        if (shape->classes)
            b->label[i * b->rows + row] = (int64_t)value;
        else
            b->y.p[row * n + i] = (real)value;
    }
}

static void files_fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct files_state *s = state;
    const size_t n = s->set.shape.length * s->set.shape.features;
    for (size_t row = 0; row < b->rows; row++) {
        size_t from;
        const struct files_part *p = find(s, opts, split, first + row, &from);
        array_read(&p->inputs, from * n, n, s->row);
        for (size_t i = 0; s->scale.factor && i < n; i++)
            s->row[i] = (s->row[i] - s->scale.shift[i]) * s->scale.factor[i];
        place_inputs(s, b, row);
        place_labels(s, &p->labels, from, b, row);
    }
}

/* ---- the files themselves ---- */

static int visit_all(const struct files_set *set, int (*visit)(void *, const char *, const char *), void *self)
{
    const struct data_file *seen[2 * N_FILES];
    size_t n = 0;
    for (size_t i = 0; i < 2 * N_FILES; i++) {
        const struct data_file *f = i % 2 ? &set->part[i / 2].y : &set->part[i / 2].x;
        bool known = !f->path;
        for (size_t k = 0; !known && k < n; k++)
            known = strcmp(seen[k]->path, f->path) == 0;
        if (known)
            continue;
        char hex[65];
        hash_bytes_hex(f->bytes, f->n, hex);
        seen[n++] = f;
        TRY(visit(self, f->path, hex));
    }
    return 0;
}

static int files_visit(const void *opts, const struct data_use *use, int (*visit)(void *, const char *, const char *),
                       void *self, struct err *e)
{
    struct arena a;
    struct files_set set;
    struct split_places places;
    struct files_scale scale;
    arena_init(&a, 0);
    int code = files_set_open(&set, opts, &a, e);
    if (code == 0) {
        code = use ? choose(&set, opts, use, &places, &scale, &a, e) : files_set_check(&set, e);
        if (code == 0)
            code = visit_all(&set, visit, self);
        if (code == 0 && use)
            code = files_set_doubt(&set, places.train, &a, e);
        files_set_close(&set);
    }
    arena_finish(&a);
    return code;
}

const struct dataset_def dataset_files = {
    .part = { .name = "files",
              .help = "arrays of your own: .npy, IDX or CSV; flat, images or sequences; classes or numbers",
              .options = options,
              .opts_size = sizeof(struct files_opts),
              .state_size = sizeof(struct files_state) },
    .shape = files_shape,
    .open = files_open,
    .by_pixel = files_by_pixel,
    .fill = files_fill,
    .files = files_visit,
    .has_text = files_has_text,
    .class_name = files_class_name,
    .close = files_close,
};
