/* Images, scanned row by row, channel after channel, `pixels_per_step` bytes per time step; 0 = one flat vector.
 * Roulet & Harchaoui 2022, Sec. 4, Figs. 4 and 6; `standard` has their code's constants. Their one fixed permutation
 * is another than ours: any will do. */
#include "data/image.h"

#include "base/rng.h"
#include "base/team.h"
#include <string.h>

static const char *const scalings[] = { "unit", "standard", "centered", NULL };
static const char *const labels[] = { "class", "input", NULL };
static const char *const validations[] = { "random", "last", NULL };

#define FIELD(name) offsetof(struct image_opts, name)
static const struct option options[] = {
    { "path", OPT_TEXT, FIELD(path), .flags = OPTION_NULLABLE,
      .help = "folder of the files; without it they are looked for in $TPRUN_DATA, $XDG_DATA_HOME/tprun and "
              "/usr/share/datasets" },
    { "pixels_per_step", OPT_INT, FIELD(pixels_per_step), "0", 0, 3072,
      .help = "bytes of the image read per time step, a divisor of their number; 0 = all at once, a flat vector" },
    { "permute", OPT_BOOL, FIELD(permute), "false", .help = "permute the pixels, in every image alike" },
    { "permutation_seed", OPT_INT, FIELD(permutation_seed), "1", 0, 9e15, .beside = "permute", .idle = "false",
      .help = "seed of that permutation" },
    { "pad", OPT_INT, FIELD(pad), "0", 0, TRANSFORM_MAX_MARGIN, OPTION_NULLABLE,
      "pixels of background (byte 0, scaled like the others) on every side of every image: 2 makes 32 x 32 of 28 x "
      "28" },
    { "flip", OPT_BOOL, FIELD(flip), "false", .flags = OPTION_NULLABLE | OPTION_UNMEASURED,
      .help = "mirror a training image from left to right with probability 1/2, drawn anew each time; not for digits" },
    { "crop", OPT_INT, FIELD(crop), "0", 0, TRANSFORM_MAX_MARGIN, OPTION_NULLABLE | OPTION_UNMEASURED,
      "so many copies of the edge pixels on every side of a training image, after the flip, and a window of the old "
      "size "
      "anywhere in it, drawn anew each time" },
    { "block_mean", OPT_INT, FIELD(block_mean), "1", 1, 32, OPTION_NULLABLE,
      "means over squares of so many pixels a side instead of pixels: 4 makes 7 x 7 of 28 x 28" },
    { "scaling", OPT_ENUM, FIELD(scaling), "unit", .names = scalings,
      .help = "unit: x = byte / 255; standard: less the mean and over the deviation of the set (by channel); centered: "
              "2 x - 1" },
    { "mean", OPT_REALS, FIELD(mean), NULL, 0, 1, OPTION_NULLABLE | OPTION_PLAIN,
      "with scaling unit and deviation: x = (byte / 255 - mean) / deviation; one number, or one per channel" },
    { "deviation", OPT_REALS, FIELD(deviation), NULL, 0, 1e6, OPTION_NULLABLE | OPTION_PLAIN | OPTION_ABOVE_MIN,
      "see mean; one number, or one per channel" },
    { "labels", OPT_ENUM, FIELD(labels), "class", .names = labels,
      .help = "class: the class of the image; input: the input itself as real targets, for auto-encoders (flat only)" },
    { "train_size", OPT_INT, FIELD(train_size), "0", 0, 60000,
      .help = "training samples, the first of the file that are not held out; 0 = all" },
    { "subset_seed", OPT_INT, FIELD(subset_seed), "-1", 0, 9e15, OPTION_NULLABLE,
      "the train_size training samples are drawn by this seed instead, the same ones for every seed of a trial that "
      "holds none out" },
    { "validation_size", OPT_INT, FIELD(validation_size), "0", 0, 59999,
      .help = "samples held out of the training file" },
    { "validation", OPT_ENUM, FIELD(validation), "random", .names = validations, .beside = "validation_size",
      .idle = "0", .help = "random: drawn by the trial's seed; last: the last of the file" },
    { "eval_size", OPT_INT, FIELD(eval_size), "2000", 0, 60000,
      .help = "the first so many training samples measure the training loss; 0 = all, as is more than there are" },
    { "test_size", OPT_INT, FIELD(test_size), "0", 0, 10000, .help = "the first samples of the test file; 0 = all" },
    { "shuffle", OPT_BOOL, FIELD(shuffle), "true", .help = "a new order each epoch; false: the order of the file" },
    { 0 },
};
#undef FIELD

/* ---- opening ---- */

/* In double, so that both precisions round the same number. */
double image_scaled(const struct image_set *set, const struct image_opts *o, size_t channel, unsigned byte)
{
    const double unit = byte / 255.0;
    if (o->mean.items)
        return (unit - o->mean.items[o->mean.n == 1 ? 0 : channel]) /
               o->deviation.items[o->deviation.n == 1 ? 0 : channel];
    switch (o->scaling) {
    case SCALING_STANDARD:
        return (unit - set->mean[channel]) / set->deviation[channel];
    case SCALING_CENTERED:
        return (unit - 0.5) / 0.5;
    default:
        return unit;
    }
}

/* Fisher & Yates, on the pixels of all channels. */
static void permute_inputs(struct image_input *inputs, size_t n, uint64_t seed)
{
    struct rng r = rng_stream(seed, "data.pixels");
    for (size_t i = n; i > 1; i--) {
        const size_t j = rng_below(&r, (uint32_t)i);
        const struct image_input kept = inputs[i - 1];
        inputs[i - 1] = inputs[j];
        inputs[j] = kept;
    }
}

static int make_inputs(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    const struct image_set *set = s->files.set;
    const size_t plane = s->n_inputs / set->channels, width = s->row / s->block, whole = set->height * set->width;
    s->inputs = arena_alloc(a, s->n_inputs, sizeof *s->inputs);
    if (!s->inputs)
        return err_set(e, ERR_MEMORY, "%s: no memory", set->name);
    for (size_t i = 0; i < s->n_inputs; i++) {
        const size_t at = i % plane;
        const size_t pixel = s->block == 1 ? i : i / plane * whole + (at / width * s->row + at % width) * s->block;
        s->inputs[i] = (struct image_input){ .pixel = (uint32_t)pixel, .table = (uint32_t)(i / plane * 256) };
    }
    if (o->permute)
        permute_inputs(s->inputs, s->n_inputs, (uint64_t)o->permutation_seed);
    for (size_t c = 0; c < set->channels; c++)
        for (unsigned byte = 0; byte < 256; byte++)
            s->value[c * 256 + byte] = (real)image_scaled(set, o, c, byte);
    return 0;
}

/* What open made with the channels one after the other. */
static int image_by_pixel(void *state, struct arena *a, struct err *e)
{
    struct image_state *s = state;
    const size_t channels = s->files.set->channels, plane = s->n_inputs / channels;
    struct image_input *turned = arena_alloc(a, s->n_inputs, sizeof *turned);
    if (!turned)
        return err_set(e, ERR_MEMORY, "%s: no memory", s->files.set->name);
    for (size_t i = 0; i < s->n_inputs; i++)
        turned[i] = s->inputs[i % channels * plane + i / channels];
    s->inputs = turned;
    return 0;
}

/* Room for a block of transformed images, where there is anything to transform. */
static int open_transform(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    const struct image_set *set = s->files.set;
    s->transform = (struct transform){ .channels = set->channels,
                                       .height = set->height,
                                       .width = set->width,
                                       .pad = (size_t)o->pad,
                                       .crop = (size_t)o->crop,
                                       .flip = o->flip,
                                       .stream = rng_stream(s->seed, "data.augment") };
    if (o->pad == 0 && !transform_augments(&s->transform))
        return 0;
    s->transformed = arena_alloc(a, IMAGE_BLOCK * s->n_inputs, sizeof *s->transformed);
    return s->transformed ? 0 : err_set(e, ERR_MEMORY, "%s: no memory for the transform of images", set->name);
}

static struct split_rule split_rule_of(const struct image_set *set, const struct image_opts *o, size_t n, uint64_t seed)
{
    return (struct split_rule){ .name = set->name,
                                .all = set->n_train,
                                .held_out = (size_t)o->validation_size,
                                .last = o->validation == VALIDATION_LAST,
                                .seed = seed,
                                .n_train = n,
                                .subset = o->subset_seed >= 0,
                                .subset_seed = (uint64_t)o->subset_seed };
}

static int image_open(const struct image_set *set, const struct image_opts *o, uint64_t seed, struct image_state *s,
                      struct arena *a, struct err *e)
{
    struct data_shape shape = { 0 };
    TRY(image_shape(set, o, &shape, e));
    const struct split_rule rule = split_rule_of(set, o, shape.train_size, seed);
    s->seed = seed;
    s->n_inputs = shape.length * shape.features;
    s->per_step = shape.features;
    s->n_train = shape.train_size;
    s->block = image_block(o);
    s->row = set->width;
    TRY(image_files_open(&s->files, set, o->path, a, e));
    int code = make_inputs(s, o, a, e);
    if (code == 0)
        code = open_transform(s, o, a, e);
    if (code == 0)
        code = split_choose(&rule, &s->places, a, e);
    if (code < 0)
        image_files_close(&s->files);
    return code;
}

static void image_close(void *state)
{
    struct image_state *s = state;
    image_files_close(&s->files);
}

/* ---- filling ---- */

enum { PART_NUMBERS = 16 * 1024 }; /* worth a thread's waking */

static const uint8_t *sample(const struct image_opts *o, const struct image_state *s, enum split split, uint64_t number,
                             int64_t *label)
{
    if (split == SPLIT_TEST) {
        const struct image_run *r = &s->files.test;
        *label = r->label[number * r->label_stride];
        return r->image + number * r->image_stride;
    }
    const uint64_t epoch = number / s->n_train, at = number % s->n_train;
    uint64_t place = split != SPLIT_TRAIN ? number : o->shuffle ? dataset_shuffled(s->seed, epoch, s->n_train, at) : at;
    const uint32_t *kept = split == SPLIT_VALID ? s->places.valid : s->places.train;
    if (kept)
        place = kept[place];
    *label = image_train_label(&s->files, place);
    return image_train_pixels(&s->files, place);
}

/* The image as this split sees it: training samples as drawn for their number. */
static const uint8_t *transformed(const struct image_state *s, enum split split, uint64_t number, size_t row,
                                  const uint8_t *image)
{
    const struct transform *t = &s->transform;
    if (!s->transformed || (t->pad == 0 && split != SPLIT_TRAIN))
        return image;
    uint8_t *out = s->transformed + row * s->n_inputs;
    transform_apply(t, split == SPLIT_TRAIN ? transform_view(t, number) : transform_plain(t), image, out);
    return out;
}

/* The mean of the values of a square of pixels, of whose corner the input tells. */
static real block_mean(const struct image_state *s, const struct image_input *input, const uint8_t *image)
{
    double sum = 0;
    for (size_t i = 0; i < s->block; i++)
        for (size_t j = 0; j < s->block; j++)
            sum += (double)s->value[input->table + image[input->pixel + i * s->row + j]];
    return (real)(sum / (double)(s->block * s->block));
}

struct filling {
    const struct image_opts *opts;
    const struct image_state *state;
    enum split split;
    uint64_t first;
    struct batch *b;
};

/* Rows [from, to) of a batch: x[t][row][j] is input t per_step + j of the row's image. Rows go in blocks, so that each
 * input's pixel and table are looked up once for many images, and neighbours in x are written together. */
static void fill_rows(void *work, size_t part, size_t from, size_t to)
{
    (void)part;
    const struct filling *f = work;
    const struct image_state *s = f->state;
    struct batch *b = f->b;
    const size_t k = s->per_step, step = b->rows * k;
    for (size_t row = from; row < to; row += IMAGE_BLOCK) {
        const uint8_t *image[IMAGE_BLOCK];
        const size_t n = to - row < IMAGE_BLOCK ? to - row : IMAGE_BLOCK;
        for (size_t r = 0; r < n; r++) {
            int64_t label;
            image[r] = sample(f->opts, s, f->split, f->first + row + r, &label);
            image[r] = transformed(s, f->split, f->first + row + r, r, image[r]);
            if (b->label)
                b->label[row + r] = label;
        }
        const struct image_input *input = s->inputs;
        for (real *x = b->x + row * k; input < s->inputs + s->n_inputs; x += step)
            for (size_t j = 0; j < k; j++, input++) {
                const real *value = s->value + input->table;
                for (size_t r = 0; s->block > 1 && r < n; r++)
                    x[r * k + j] = block_mean(s, input, image[r]);
                for (size_t r = 0; s->block == 1 && r < n; r++)
                    x[r * k + j] = value[image[r][input->pixel]];
            }
    }
}

static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    const struct image_state *s = state;
    struct filling f = { opts, s, split, first, b };
    const size_t step = b->rows * s->per_step, least = 1 + PART_NUMBERS / s->n_inputs;
    const size_t most = s->transformed ? 1 : TEAM_MOST_PARTS; /* there is room for one block of transformed images */
    if (b->rows > 0)
        team_run(b->rows, team_parts(b->rows, least, most), IMAGE_BLOCK, fill_rows, &f);
    if (!b->label) /* labels: input; flat, so that x is (rows, k) like y */
        memcpy(b->y.p, b->x, step * sizeof *b->x);
}

/* ---- the sets ---- */

/* Warns of classes without a sample in what is trained on; all samples of a set have all of them. */
static int doubt(const struct image_set *set, const struct image_opts *o, uint64_t seed, struct arena *a, struct err *e)
{
    bool seen[IMAGE_CLASSES] = { false };
    struct image_files f;
    struct split_places places;
    struct data_shape shape = { 0 };
    TRY(image_shape(set, o, &shape, e));
    const struct split_rule rule = split_rule_of(set, o, shape.train_size, seed);
    if (!shape.classes || rule.n_train == rule.all)
        return 0;
    TRY(split_choose(&rule, &places, a, e));
    TRY(image_files_open(&f, set, o->path, a, e));
    for (size_t i = 0; i < rule.n_train; i++)
        seen[image_train_label(&f, places.train ? places.train[i] : i)] = true;
    image_files_close(&f);
    dataset_doubt(set->name, seen, IMAGE_CLASSES, rule.n_train, e);
    return 0;
}

static int visit_files(const struct image_set *set, const struct image_opts *o, const struct data_use *use,
                       int (*visit)(void *, const char *, const char *), void *self, struct err *e)
{
    struct arena a;
    arena_init(&a, 0);
    int code = image_files_visit(set, o->path, visit, self, e);
    if (code == 0 && use)
        code = doubt(set, o, use->seed, &a, e);
    arena_finish(&a);
    return code;
}

#define IMAGE_DATASET(set, help_, ref_)                                                                                \
    static int set##_shape(const void *opts, struct data_shape *s, struct err *e)                                      \
    {                                                                                                                  \
        return image_shape(&image_##set, opts, s, e);                                                                  \
    }                                                                                                                  \
    static int set##_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)                \
    {                                                                                                                  \
        return image_open(&image_##set, opts, seed, state, a, e);                                                      \
    }                                                                                                                  \
    static int set##_files(const void *opts, const struct data_use *use,                                               \
                           int (*visit)(void *, const char *, const char *), void *self, struct err *e)                \
    {                                                                                                                  \
        return visit_files(&image_##set, opts, use, visit, self, e);                                                   \
    }                                                                                                                  \
    extern const struct dataset_def dataset_##set;                                                                     \
    const struct dataset_def dataset_##set = {                                                                         \
        .part = { .name = #set,                                                                                        \
                  .help = help_,                                                                                       \
                  .ref = ref_,                                                                                         \
                  .options = options,                                                                                  \
                  .opts_size = sizeof(struct image_opts),                                                              \
                  .state_size = sizeof(struct image_state) },                                                          \
        .shape = set##_shape,                                                                                          \
        .open = set##_open,                                                                                            \
        .by_pixel = image_by_pixel,                                                                                    \
        .fill = fill,                                                                                                  \
        .files = set##_files,                                                                                          \
        .close = image_close,                                                                                          \
    }

IMAGE_DATASET(mnist, "handwritten digits, 28 x 28; flat or as a sequence of pixels", "LeCun 1998; Roulet 2022, Sec. 4");
IMAGE_DATASET(fashion_mnist, "pieces of clothing, 28 x 28; flat or as a sequence of pixels",
              "Xiao 2017; Roulet 2022, Sec. 4");
IMAGE_DATASET(cifar10, "colour photographs, 3 x 32 x 32; flat or as a sequence of pixels, channel after channel",
              "Krizhevsky 2009; Roulet 2022, Sec. 4");
