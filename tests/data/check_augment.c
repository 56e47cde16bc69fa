/* Image sets with background, augmentation, scales of their own and subsets: what training sees, and what evaluations
 * do. */
#include "check_main.h"
#include "fixture.h"
#include "images.h"

#include "data/image.h"

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })
enum { RECORDS = 30 };

static char folder[64];

static void setup(void)
{
    char path[128];
    files_folder(folder);
    snprintf(path, sizeof path, "%s/mnist", folder);
    write_mnist(path);
    snprintf(path, sizeof path, "%s/cifar10", folder);
    write_cifar(path, RECORDS);
}

static void teardown(void)
{
    files_remove(folder);
}

static void done(struct fixture *f)
{
    f->def->close(f->state);
    fixture_close(f);
}

/* Training images are the file's through the view of their number, across two epochs and more than one block. */
START_TEST(training)
{
    enum { ROWS = 50 };
    struct fixture f =
        fixture_open("cifar10", OPTIONS("flip", "true", "crop", "4", "train_size", "30", "shuffle", "false"), 5);
    const struct image_state *s = f.state;
    const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 7, ROWS);
    size_t wrong = 0, moved = 0;
    for (size_t row = 0; row < ROWS; row++) {
        uint8_t in[COLOUR], out[COLOUR];
        for (size_t p = 0; p < COLOUR; p++)
            in[p] = pixel((7 + row) % 30, p);
        transform_apply(&s->transform, transform_view(&s->transform, 7 + row), in, out);
        moved += memcmp(in, out, COLOUR) != 0;
        for (size_t p = 0; p < COLOUR; p++)
            wrong += b.x[row * COLOUR + p] != (real)(out[p] / 255.0);
        wrong += b.label[row] != class_of((7 + row) % 30);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(moved, ROWS - 5); /* one in 162 stays as it is */
    done(&f);
}
END_TEST

/* A sample is the same in every batch, and another one in the next epoch and for another seed. */
START_TEST(samples_do_not_depend_on_the_batch)
{
    struct fixture f = fixture_open("cifar10", OPTIONS("flip", "true", "crop", "4", "train_size", "30"), 5),
                   other = fixture_open(
                       "cifar10", OPTIONS("flip", "true", "crop", "4", "train_size", "30", "shuffle", "false"), 6),
                   file = fixture_open("cifar10",
                                       OPTIONS("flip", "true", "crop", "4", "train_size", "30", "shuffle", "false"), 5);
    const struct batch whole = fixture_fill(&f, SPLIT_TRAIN, 20, 40), first = fixture_fill(&file, SPLIT_TRAIN, 0, 30),
                       second = fixture_fill(&file, SPLIT_TRAIN, 30, 30),
                       its = fixture_fill(&other, SPLIT_TRAIN, 0, 30);
    size_t same_epoch = 0, same_seed = 0;
    for (size_t i = 0; i < 40; i++) {
        const struct batch one = fixture_fill(&f, SPLIT_TRAIN, 20 + i, 1);
        ck_assert(fixture_same(&f, &whole, i, &one, 0));
    }
    for (size_t i = 0; i < 30; i++) {
        same_epoch += fixture_same(&f, &first, i, &second, i);
        same_seed += fixture_same(&f, &first, i, &its, i);
    }
    ck_assert_uint_lt(same_epoch, 4);
    ck_assert_uint_lt(same_seed, 4);
    done(&f);
    done(&other);
    done(&file);
}
END_TEST

/* Bit for bit what they are without augmentation. */
START_TEST(evaluations_are_not_augmented)
{
    struct fixture f = fixture_open(
                       "cifar10", OPTIONS("flip", "true", "crop", "4", "train_size", "30", "validation_size", "40"), 5),
                   plain = fixture_open("cifar10", OPTIONS("train_size", "30", "validation_size", "40"), 5);
    const enum split splits[] = { SPLIT_EVAL, SPLIT_TEST, SPLIT_VALID };
    for (size_t i = 0; i < 3; i++) {
        const struct batch a = fixture_fill(&f, splits[i], 0, 30), b = fixture_fill(&plain, splits[i], 0, 30);
        for (size_t row = 0; row < 30; row++)
            ck_assert(fixture_same(&f, &a, row, &b, row));
    }
    done(&f);
    done(&plain);
}
END_TEST

/* 28 x 28 in 32 x 32, in every split; the background has the number of byte 0. */
START_TEST(background)
{
    struct fixture f = fixture_open("mnist", OPTIONS("pad", "2", "scaling", "standard", "shuffle", "false"), 1);
    const enum split splits[] = { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_TEST };
    ck_assert_uint_eq(f.shape.features, 32 * 32);
    ck_assert(f.shape.image.height == 32 && f.shape.image.width == 32 && f.shape.image.channels == 1);
    for (size_t i = 0; i < 3; i++) {
        const struct batch b = fixture_fill(&f, splits[i], 3, 40);
        size_t wrong = 0;
        for (size_t p = 0; p < (size_t)40 * 32 * 32; p++) {
            const size_t image = 3 + p / 1024 + (splits[i] == SPLIT_TEST ? 7 : 0), y = p % 1024 / 32, x = p % 32;
            const bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
            const int byte = inside ? pixel(image, (y - 2) * 28 + x - 2) : 0;
            wrong += b.x[p] != (real)((byte / 255.0 - 0.1307) / 0.3081);
        }
        ck_assert_uint_eq(wrong, 0);
    }
    done(&f);
}
END_TEST

/* Pixel by pixel, and permuted: the order of the numbers is that of the image with its background. */
START_TEST(orders)
{
    struct fixture f = fixture_open("cifar10", OPTIONS("pad", "1", "shuffle", "false"), 1),
                   turned = fixture_open("cifar10", OPTIONS("pad", "1", "shuffle", "false"), 1),
                   permuted = fixture_open("cifar10", OPTIONS("pad", "1", "shuffle", "false", "permute", "true"), 1);
    struct err e = { 0 };
    ck_assert_int_eq(turned.def->by_pixel(turned.state, &turned.arena, &e), 0);
    const struct batch a = fixture_fill(&f, SPLIT_TRAIN, 0, 3), b = fixture_fill(&turned, SPLIT_TRAIN, 0, 3),
                       c = fixture_fill(&permuted, SPLIT_TRAIN, 0, 3);
    const struct image_state *s = permuted.state;
    const size_t n = f.shape.features, plane = n / 3;
    ck_assert_uint_eq(plane, 34 * 34);
    for (size_t row = 0; row < 3; row++)
        for (size_t i = 0; i < n; i++) {
            ck_assert(b.x[row * n + i] == a.x[row * n + i % 3 * plane + i / 3]);
            ck_assert(c.x[row * n + i] == a.x[row * n + s->inputs[i].pixel]);
        }
    done(&f);
    done(&turned);
    done(&permuted);
}
END_TEST

/* The file reads an option that these tests cannot set from text. */
static void set_reals(struct image_opts *o, const double *mean, const double *deviation, size_t n)
{
    o->mean = (struct reals){ mean ? n : 0, mean };
    o->deviation = (struct reals){ deviation ? n : 0, deviation };
}

START_TEST(scales)
{
    static const double mean[3] = { 0.4, 0.5, 0.25 }, deviation[3] = { 0.5, 0.25, 2 };
    struct image_opts o = { .scaling = SCALING_UNIT, .subset_seed = -1 };
    set_reals(&o, mean, deviation, 3);
    for (size_t c = 0; c < 3; c++)
        ck_assert(image_scaled(&image_cifar10, &o, c, 51) == (0.2 - mean[c]) / deviation[c]);
    set_reals(&o, mean, deviation, 1);
    ck_assert(image_scaled(&image_cifar10, &o, 2, 51) == (0.2 - 0.4) / 0.5);
}
END_TEST

/* The number of a flat, unscaled MNIST image. */
static size_t number(const struct batch *b, size_t row)
{
    const real *x = b->x + row * PIXELS;
    return (size_t)((double)x[0] * 255 + 0.5) + 256 * (size_t)((double)x[1] * 255 + 0.5);
}

/* The same images for every seed of a trial, others for another subset seed, all over the file, in its order. */
START_TEST(subset)
{
    enum { N = 1000 };
    struct fixture f = fixture_open("mnist", OPTIONS("train_size", "1000", "subset_seed", "3", "shuffle", "false"), 1),
                   again = fixture_open("mnist", OPTIONS("train_size", "1000", "subset_seed", "3"), 2),
                   other = fixture_open("mnist", OPTIONS("train_size", "1000", "subset_seed", "4"), 1);
    const struct batch a = fixture_fill(&f, SPLIT_TRAIN, 0, N), b = fixture_fill(&again, SPLIT_EVAL, 0, N),
                       c = fixture_fill(&other, SPLIT_EVAL, 0, N), o = fixture_fill(&again, SPLIT_TRAIN, 0, N);
    static bool met[TRAIN], shuffled[TRAIN];
    size_t both = 0, low = 0;
    for (size_t i = 0; i < N; i++) {
        met[number(&a, i)] = true;
        ck_assert_uint_eq(number(&a, i), number(&b, i));
        ck_assert(i == 0 || number(&a, i) > number(&a, i - 1));
        ck_assert_int_eq(a.label[i], class_of(number(&a, i)));
        low += number(&a, i) < TRAIN / 2;
    }
    for (size_t i = 0; i < N; i++) {
        both += met[number(&c, i)];
        ck_assert(met[number(&o, i)] && !shuffled[number(&o, i)]);
        shuffled[number(&o, i)] = true;
    }
    ck_assert_uint_lt(both, 45); /* N^2 / 60000 = 17, standard deviation 4 */
    ck_assert(low > 420 && low < 580);
    done(&f);
    done(&again);
    done(&other);
}
END_TEST

/* A subset is of what is not held out, whatever seed the two have. */
START_TEST(subset_beside_validation)
{
    static bool held_out[TRAIN];
    struct fixture f = fixture_open(
        "mnist", OPTIONS("train_size", "55000", "subset_seed", "1", "validation_size", "5000", "shuffle", "false"), 1);
    for (size_t i = 0; i < 5000; i += 1000) {
        const struct arena_mark m = arena_mark(&f.arena);
        const struct batch b = fixture_fill(&f, SPLIT_VALID, i, 1000);
        for (size_t row = 0; row < 1000; row++)
            held_out[number(&b, row)] = true;
        arena_rewind(&f.arena, m);
    }
    for (size_t i = 0; i < 55000; i += 1000) {
        const struct arena_mark m = arena_mark(&f.arena);
        const struct batch b = fixture_fill(&f, SPLIT_TRAIN, i, 1000);
        for (size_t row = 0; row < 1000; row++)
            ck_assert(!held_out[number(&b, row)]);
        arena_rewind(&f.arena, m);
    }
    done(&f);
}
END_TEST

START_TEST(mistakes)
{
    static const struct {
        const char *name, *pairs[5], *words;
    } cases[] = {
        { "mnist", { "flip", "true" }, "dataset.flip: a digit in a mirror is another sign; MNIST is never flipped" },
        { "cifar10", { "flip", "true", "pixels_per_step", "3" }, "dataset.flip: for whole images" },
        { "cifar10", { "crop", "4", "pixels_per_step", "3" }, "dataset.crop: for whole images" },
        { "mnist", { "pad", "2", "pixels_per_step", "1" }, "dataset.pad: for whole images" },
        { "mnist", { "subset_seed", "1" }, "dataset.subset_seed: draws train_size samples, and train_size is 0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct dataset_def *def = (const void *)registry_find(&dataset_registry, cases[i].name);
        void *opts = options_new(&def->part);
        struct data_shape shape;
        struct err e = { 0 };
        for (const char *const *p = cases[i].pairs; *p; p += 2)
            options_set(&def->part, opts, p[0], p[1]);
        files_refused(def->shape(opts, &shape, &e), ERR_SPEC, &e, cases[i].words);
        free(opts);
    }
}
END_TEST

START_TEST(scales_that_cannot_be)
{
    static const double values[3] = { 0.5, 0.5, 0.5 };
    static const struct {
        size_t mean, deviation;
        int scaling;
        const char *words;
    } cases[] = {
        { 3, 0, SCALING_UNIT, "dataset.mean: given without dataset.deviation" },
        { 0, 3, SCALING_UNIT, "dataset.deviation: given without dataset.mean" },
        { 3, 3, SCALING_STANDARD, "dataset.mean: goes with scaling: unit" },
        { 2, 3, SCALING_UNIT, "dataset.mean: 2 numbers; give one, or one for each of the 3 channels" },
        { 1, 2, SCALING_UNIT, "dataset.deviation: 2 numbers" },
        { 1, 3, SCALING_UNIT, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_opts o = { .scaling = cases[i].scaling, .subset_seed = -1 };
        struct data_shape shape;
        struct err e = { 0 };
        o.mean = (struct reals){ cases[i].mean, cases[i].mean ? values : NULL };
        o.deviation = (struct reals){ cases[i].deviation, cases[i].deviation ? values : NULL };
        const int code = image_shape(&image_cifar10, &o, &shape, &e);
        if (cases[i].words)
            files_refused(code, ERR_SPEC, &e, cases[i].words);
        else
            ck_assert_int_eq(code, 0);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, training);
    tcase_add_test(tcase, samples_do_not_depend_on_the_batch);
    tcase_add_test(tcase, evaluations_are_not_augmented);
    tcase_add_test(tcase, background);
    tcase_add_test(tcase, orders);
    tcase_add_test(tcase, scales);
    tcase_add_test(tcase, subset);
    tcase_add_test(tcase, subset_beside_validation);
    tcase_add_test(tcase, mistakes);
    tcase_add_test(tcase, scales_that_cannot_be);
}

CHECK_MAIN("augment", add_tests)
