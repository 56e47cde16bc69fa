/* given: shapes without samples, for `tprun probe`, whose batch comes from a file. */
#include "data/dataset.h"

enum { LABELS_CLASSES, LABELS_REAL };
static const char *const label_names[] = { "classes", "real", NULL };

struct given_options {
    int64_t length, features, outputs;
    int labels;
    bool per_step;
    struct reals image;
};

static const struct option given_table[] = { { "length", OPT_INT, offsetof(struct given_options, length), "0", 0, 1e7,
                                               .help = "steps of a sequence; 0 = flat samples" },
                                             { "features", OPT_INT, offsetof(struct given_options, features), NULL, 1,
                                               1e7, OPTION_REQUIRED, "inputs per sample or step" },
                                             { "outputs", OPT_INT, offsetof(struct given_options, outputs), NULL, 1,
                                               1e7, OPTION_REQUIRED, "classes or real targets" },
                                             { "labels", OPT_ENUM, offsetof(struct given_options, labels), "classes",
                                               .names = label_names, .help = "what batch.y holds" },
                                             { "per_step", OPT_BOOL, offsetof(struct given_options, per_step), "false",
                                               .help = "a label for every step of a sequence" },
                                             { "image", OPT_REALS, offsetof(struct given_options, image), NULL, 1, 1e7,
                                               OPTION_NULLABLE | OPTION_WHOLE,
                                               "channels, height and width of a sample that is an image: [3, 32, 32]" },
                                             { 0 } };

static int image_shape(const struct given_options *o, struct shape *image, struct err *e)
{
    double n = 1;
    if (o->image.n == 0)
        return 0;
    for (size_t i = 0; i < o->image.n; i++)
        n *= o->image.items[i];
    if (o->image.n != 3 || n != (double)o->features)
        return err_about(e, "dataset.image",
                         "needs three numbers, channels, height and width, whose product is features, %lld",
                         (long long)o->features);
    if (o->length)
        return err_about(e, "dataset.image", "is of a flat sample, but length makes a sequence of it");
    *image =
        (struct shape){ (size_t)n, (size_t)o->image.items[0], (size_t)o->image.items[1], (size_t)o->image.items[2] };
    return 0;
}

static int given_shape(const void *opts, struct data_shape *shape, struct err *e)
{
    const struct given_options *o = opts;
    if (o->per_step && o->length == 0)
        return err_about(e, "dataset.per_step", "needs a sequence: give length");
    *shape = (struct data_shape){ .length = o->length ? (size_t)o->length : 1,
                                  .features = (size_t)o->features,
                                  .outputs = (size_t)o->outputs,
                                  .classes = o->labels == LABELS_CLASSES,
                                  .sequence = o->length > 0,
                                  .per_step = o->per_step };
    return image_shape(o, &shape->image, e);
}

static int given_open(const void *opts, uint64_t seed, void *state, struct arena *a, struct err *e)
{
    (void)opts, (void)seed, (void)state, (void)a;
    return err_about(e, "dataset", "'given' has no samples: it describes the batch of `tprun probe`");
}

static void given_fill(const void *opts, void *state, enum split split, uint64_t first, struct batch *b)
{
    (void)opts, (void)state, (void)split, (void)first, (void)b;
}

extern const struct dataset_def dataset_given;
const struct dataset_def dataset_given = {
    .part = { .name = "given",
              .help = "shapes without samples: the batch of `tprun probe`",
              .options = given_table,
              .opts_size = sizeof(struct given_options) },
    .shape = given_shape,
    .open = given_open,
    .fill = given_fill,
};
