/* What the options of an image set make of its samples, and which of them cannot be. */
#include "data/image.h"

static size_t or_all(int64_t n, size_t all)
{
    return n == 0 ? all : (size_t)n;
}

/* Background, flips and crops. */
static int check_transform(const struct image_set *set, const struct image_opts *o, struct err *e)
{
    const struct {
        const char *key;
        bool given;
    } keys[] = { { "dataset.pad", o->pad > 0 }, { "dataset.flip", o->flip }, { "dataset.crop", o->crop > 0 } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].given && o->pixels_per_step > 0)
            return err_about(e, keys[i].key, "for whole images, but pixels_per_step makes a sequence of their pixels");
    if (o->flip && !set->mirrors)
        return err_about(e, "dataset.flip", "a digit in a mirror is another sign; %s is never flipped", set->title);
    return 0;
}

static int check_blocks(const struct image_set *set, const struct image_opts *o, struct err *e)
{
    const size_t block = image_block(o);
    if (block == 1)
        return 0;
    if (set->height % block || set->width % block)
        return err_about(e, "dataset.block_mean", "squares of %zu pixels a side do not fill %u x %u", block,
                         (unsigned)set->height, (unsigned)set->width);
    if (o->pixels_per_step > 0 || o->pad > 0 || o->crop > 0 || o->flip)
        return err_about(e, "dataset.block_mean",
                         "is of images as they are: without pixels_per_step, pad, crop and flip");
    return 0;
}

static int check_scaling(const struct image_set *set, const struct image_opts *o, struct err *e)
{
    const struct {
        const char *key;
        const struct reals *values;
    } keys[] = { { "dataset.mean", &o->mean }, { "dataset.deviation", &o->deviation } };
    for (size_t i = 0; i < 2; i++) {
        const char *key = keys[i].key;
        const struct reals *v = keys[i].values;
        if (!v->items)
            continue;
        if (!keys[1 - i].values->items)
            return err_about(e, key, "given without %s", keys[1 - i].key);
        if (o->scaling != SCALING_UNIT)
            return err_about(e, key, "goes with scaling: unit; other scalings have their own");
        if (v->n != 1 && v->n != set->channels)
            return err_about(e, key, "%zu numbers; give one, or one for each of the %u channels", v->n,
                             (unsigned)set->channels);
    }
    return 0;
}

static int check_sizes(const struct image_set *set, const struct image_opts *o, struct err *e)
{
    const size_t held_out = (size_t)o->validation_size;
    if (held_out >= set->n_train)
        return err_about(e, "dataset.validation_size", "%zu of %u leaves nothing to train on", held_out,
                         (unsigned)set->n_train);
    if (or_all(o->train_size, set->n_train - held_out) > set->n_train - held_out)
        return err_about(e, "dataset.train_size", "%zu, but there are %zu samples (%zu are held out)",
                         (size_t)o->train_size, set->n_train - held_out, held_out);
    if (o->subset_seed >= 0 && o->train_size == 0)
        return err_about(e, "dataset.subset_seed", "draws train_size samples, and train_size is 0: all");
    if (or_all(o->test_size, set->n_test) > set->n_test)
        return err_about(e, "dataset.test_size", "%zu of %u samples", (size_t)o->test_size, (unsigned)set->n_test);
    return 0;
}

int image_shape(const struct image_set *set, const struct image_opts *o, struct data_shape *s, struct err *e)
{
    const size_t pad = (size_t)o->pad, block = image_block(o), height = (set->height + 2 * pad) / block,
                 width = (set->width + 2 * pad) / block;
    TRY(check_blocks(set, o, e));
    const size_t n = set->channels * height * width, per_step = or_all(o->pixels_per_step, n);
    const bool classes = o->labels == LABELS_CLASS, sequence = o->pixels_per_step > 0;
    TRY(check_transform(set, o, e));
    if (n % per_step != 0)
        return err_about(e, "dataset.pixels_per_step", "%zu does not divide the %zu pixels of an image", per_step, n);
    TRY(check_scaling(set, o, e));
    TRY(check_sizes(set, o, e));
    if (!classes && sequence)
        return err_about(e, "dataset.labels",
                         "'input' is for flat images, but pixels_per_step makes a sequence of them");
    const size_t train = or_all(o->train_size, set->n_train - (size_t)o->validation_size),
                 eval = or_all(o->eval_size, train);
    *s = (struct data_shape){
        .length = n / per_step,
        .features = per_step,
        .image = sequence ? (struct shape){ 0 } : (struct shape){ n, set->channels, height, width },
        .outputs = classes ? IMAGE_CLASSES : per_step,
        .classes = classes,
        .sequence = sequence,
        .train_size = train,
        .eval_size = eval < train ? eval : train,
        .test_size = or_all(o->test_size, set->n_test),
        .valid_size = (size_t)o->validation_size,
    };
    return 0;
}
