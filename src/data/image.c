/* Images, scanned row by row, channel after channel, `pixels_per_step` bytes per time step; 0 = one flat vector.
 * Roulet & Harchaoui 2022, Sec. 4, Figs. 4 and 6; `standard` has their code's constants. Their one fixed permutation
 * is another than ours: any will do. */
#include "data/image.h"

#include "base/rng.h"
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
    { "permutation_seed", OPT_INT, FIELD(permutation_seed), "1", 0, 9e15, .help = "seed of that permutation" },
    { "scaling", OPT_ENUM, FIELD(scaling), "unit", .names = scalings,
      .help = "unit: x = byte / 255; standard: less the mean and over the deviation of the set (by channel); centered: "
              "2 x - 1" },
    { "labels", OPT_ENUM, FIELD(labels), "class", .names = labels,
      .help = "class: the class of the image; input: the input itself as real targets, for auto-encoders (flat only)" },
    { "train_size", OPT_INT, FIELD(train_size), "0", 0, 60000,
      .help = "training samples, the first of the file that are not held out; 0 = all" },
    { "validation_size", OPT_INT, FIELD(validation_size), "0", 0, 59999,
      .help = "samples held out of the training file" },
    { "validation", OPT_ENUM, FIELD(validation), "random", .names = validations,
      .help = "random: drawn by the trial's seed; last: the last of the file" },
    { "eval_size", OPT_INT, FIELD(eval_size), "2000", 0, 60000,
      .help = "the first so many training samples measure the training loss; 0 = all" },
    { "test_size", OPT_INT, FIELD(test_size), "0", 0, 10000, .help = "the first samples of the test file; 0 = all" },
    { "shuffle", OPT_BOOL, FIELD(shuffle), "true", .help = "a new order each epoch; false: the order of the file" },
    { 0 },
};
#undef FIELD

static size_t or_all(int64_t n, size_t all)
{
    return n == 0 ? all : (size_t)n;
}

static int image_shape(const struct image_set *set, const struct image_opts *o, struct data_shape *s, struct err *e)
{
    const size_t n = (size_t)set->channels * set->height * set->width;
    const size_t per_step = or_all(o->pixels_per_step, n), held_out = (size_t)o->validation_size;
    if (n % per_step != 0)
        return err_about(e, "dataset.pixels_per_step", "%zu does not divide the %zu pixels of an image", per_step, n);
    if (held_out >= set->n_train)
        return err_about(e, "dataset.validation_size", "%zu of %u leaves nothing to train on", held_out,
                         (unsigned)set->n_train);
    const size_t train = or_all(o->train_size, set->n_train - held_out), eval = or_all(o->eval_size, train);
    if (train > set->n_train - held_out)
        return err_about(e, "dataset.train_size", "%zu, but there are %zu samples (%zu are held out)", train,
                         set->n_train - held_out, held_out);
    const bool classes = o->labels == LABELS_CLASS;
    if (!classes && o->pixels_per_step > 0)
        return err_about(e, "dataset.labels",
                         "'input' is for flat images, but pixels_per_step makes a sequence of them");
    *s = (struct data_shape){
        .length = n / per_step,
        .features = per_step,
        .image =
            o->pixels_per_step > 0 ? (struct shape){ 0 } : (struct shape){ n, set->channels, set->height, set->width },
        .outputs = classes ? IMAGE_CLASSES : per_step,
        .classes = classes,
        .sequence = o->pixels_per_step > 0,
        .train_size = train,
        .eval_size = eval < train ? eval : train,
        .test_size = or_all(o->test_size, set->n_test),
        .valid_size = held_out,
    };
    return s->test_size <= set->n_test
               ? 0
               : err_about(e, "dataset.test_size", "%zu of %u samples", s->test_size, (unsigned)set->n_test);
}

/* ---- opening ---- */

/* In double, so that both precisions round the same number. */
static double scaled(const struct image_set *set, int scaling, size_t channel, unsigned byte)
{
    const double unit = byte / 255.0;
    switch (scaling) {
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
    const size_t plane = (size_t)set->height * set->width;
    s->inputs = arena_alloc(a, s->n_inputs, sizeof *s->inputs);
    if (!s->inputs)
        return err_set(e, ERR_MEMORY, "%s: no memory", set->name);
    for (size_t i = 0; i < s->n_inputs; i++)
        s->inputs[i] = (struct image_input){ .pixel = (uint32_t)i, .table = (uint32_t)(i / plane * 256) };
    if (o->permute)
        permute_inputs(s->inputs, s->n_inputs, (uint64_t)o->permutation_seed);
    for (size_t c = 0; c < set->channels; c++)
        for (unsigned byte = 0; byte < 256; byte++)
            s->value[c * 256 + byte] = (real)scaled(set, o->scaling, c, byte);
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

/* Held out at random: the first places of a permutation that no epoch uses. The others keep the file's order. */
static int split_validation(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    const size_t all = s->files.set->n_train, held_out = (size_t)o->validation_size;
    if (held_out == 0)
        return 0;
    bool *is_valid = arena_alloc(a, all, sizeof *is_valid);
    s->train = arena_alloc(a, all - held_out, sizeof *s->train);
    s->valid = arena_alloc(a, held_out, sizeof *s->valid);
    if (!is_valid || !s->train || !s->valid)
        return err_set(e, ERR_MEMORY, "%s: no memory for the validation split", s->files.set->name);
    for (size_t i = 0; i < held_out; i++)
        is_valid[o->validation == VALIDATION_LAST ? all - 1 - i : dataset_shuffled(s->seed, UINT64_MAX, all, i)] = true;
    for (size_t i = 0, n_train = 0, n_valid = 0; i < all; i++)
        if (is_valid[i])
            s->valid[n_valid++] = (uint32_t)i;
        else
            s->train[n_train++] = (uint32_t)i;
    return 0;
}

static int image_open(const struct image_set *set, const struct image_opts *o, uint64_t seed, struct image_state *s,
                      struct arena *a, struct err *e)
{
    struct data_shape shape = { 0 };
    TRY(image_shape(set, o, &shape, e));
    s->seed = seed;
    s->n_inputs = shape.length * shape.features;
    s->per_step = shape.features;
    s->n_train = shape.train_size;
    TRY(image_files_open(&s->files, set, o->path, a, e));
    int code = make_inputs(s, o, a, e);
    if (code == 0)
        code = split_validation(s, o, a, e);
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
    const uint32_t *kept = split == SPLIT_VALID ? s->valid : s->train;
    if (kept)
        place = kept[place];
    *label = image_train_label(&s->files, place);
    return image_train_pixels(&s->files, place);
}

/* x[t][row][j] is input t per_step + j of the row's image. Rows go in blocks, so that each input's pixel and table are
 * looked up once for many images, and neighbours in x are written together. */
static void fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    enum { BLOCK = 32 };
    const struct image_state *s = state;
    const size_t k = s->per_step, step = b->rows * k;
    for (size_t row = 0; row < b->rows; row += BLOCK) {
        const uint8_t *image[BLOCK];
        const size_t n = b->rows - row < BLOCK ? b->rows - row : BLOCK;
        for (size_t r = 0; r < n; r++) {
            int64_t label;
            image[r] = sample(opts, s, split, first + row + r, &label);
            if (b->label)
                b->label[row + r] = label;
        }
        const struct image_input *input = s->inputs;
        for (real *x = b->x + row * k; input < s->inputs + s->n_inputs; x += step)
            for (size_t j = 0; j < k; j++, input++) {
                const real *value = s->value + input->table;
                for (size_t r = 0; r < n; r++)
                    x[r * k + j] = value[image[r][input->pixel]];
            }
    }
    if (!b->label) /* labels: input; flat, so that x is (rows, k) like y */
        memcpy(b->y.p, b->x, step * sizeof *b->x);
}

/* ---- the sets ---- */

#define IMAGE_DATASET(set, help_, ref_)                                                                                \
    static int set##_shape(const void *opts, struct data_shape *s, struct err *e)                                      \
    {                                                                                                                  \
        return image_shape(&image_##set, opts, s, e);                                                                  \
    }                                                                                                                  \
    static int set##_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)                \
    {                                                                                                                  \
        return image_open(&image_##set, opts, seed, state, a, e);                                                      \
    }                                                                                                                  \
    static int set##_files(const void *opts, int (*visit)(void *, const char *, const char *), void *self,             \
                           struct err *e)                                                                              \
    {                                                                                                                  \
        const struct image_opts *o = opts;                                                                             \
        return image_files_visit(&image_##set, o->path, visit, self, e);                                               \
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
