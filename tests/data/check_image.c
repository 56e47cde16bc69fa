/* Image sets, on files whose pixels tell which image they belong to; and on the real ones where $TPRUN_DATA holds them.
 */
#include "check_main.h"
#include "fixture.h"
#include "images.h"

#include "data/image.h"
#include "data/locate.h"
#include <math.h>

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE ((const char *const[]){ NULL })
static char folder[64], real_data[512];

static void setup(void)
{
    char path[128];
    const char *given = getenv("TPRUN_DATA");
    snprintf(real_data, sizeof real_data, "%s", given ? given : "");
    files_folder(folder);
    snprintf(path, sizeof path, "%s/mnist", folder);
    write_mnist(path);
    snprintf(path, sizeof path, "%s/cifar10", folder);
    write_cifar(path, 2);
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

/* The number of a flat, unscaled MNIST image. */
static size_t number(const struct batch *b, size_t row)
{
    const real *x = b->x + row * PIXELS;
    return (size_t)lround((double)x[0] * 255) + 256 * (size_t)lround((double)x[1] * 255);
}

/* ---- scanning ---- */

START_TEST(flat_and_scanned_agree)
{
    static const char *const steps[] = { "0", "1", "4", "28", "112", "784" };
    for (size_t s = 0; s < 6; s++) {
        struct fixture f = fixture_open("mnist", OPTIONS("pixels_per_step", steps[s], "shuffle", "false"), 1);
        enum { ROWS = 70 }; /* more than two blocks */
        const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 1234, ROWS);
        const size_t k = f.shape.features;
        ck_assert_uint_eq(f.shape.length * k, PIXELS);
        ck_assert(f.shape.sequence == (s > 0));
        ck_assert(f.shape.classes && f.shape.outputs == 10);
        size_t wrong = 0;
        for (size_t row = 0; row < ROWS; row++) {
            wrong += b.label[row] != class_of(1234 + row);
            for (size_t p = 0; p < PIXELS; p++)
                wrong += fixture_x(&f, &b, p / k, row)[p % k] != (real)(pixel(1234 + row, p) / 255.0);
        }
        ck_assert_uint_eq(wrong, 0);
        done(&f);
    }
}
END_TEST

/* Red, green and blue are read one after another, and each has its own scale. */
START_TEST(colours)
{
    static const double mean[3] = { 0.4914, 0.4822, 0.4465 }, deviation[3] = { 0.247, 0.243, 0.261 };
    struct fixture f =
        fixture_open("cifar10", OPTIONS("pixels_per_step", "3", "scaling", "standard", "shuffle", "false"), 1);
    ck_assert_uint_eq(f.shape.length, 1024);
    for (size_t batch = 0; batch < 6; batch++) {
        const bool test = batch == 5;
        const struct batch b = fixture_fill(&f, test ? SPLIT_TEST : SPLIT_TRAIN, test ? 0 : batch * 10000, 2);
        size_t wrong = 0;
        for (size_t row = 0; row < 2; row++) {
            wrong += b.label[row] != class_of(batch + row);
            for (size_t p = 0; p < COLOUR; p++) {
                const size_t c = p / 1024;
                const double x = (pixel(batch * 10000 + row, p) / 255.0 - mean[c]) / deviation[c];
                wrong += fixture_x(&f, &b, p / 3, row)[p % 3] != (real)x;
            }
        }
        ck_assert_uint_eq(wrong, 0);
    }
    done(&f);
}
END_TEST

START_TEST(scalings)
{
    static const struct {
        const char *name, *scaling;
        double mean, deviation;
    } cases[] = { { "mnist", "unit", 0, 1 },
                  { "mnist", "standard", 0.1307, 0.3081 },
                  { "mnist", "centered", 0.5, 0.5 },
                  { "fashion_mnist", "standard", 0.2860, 0.3202 } };
    char path[128];
    snprintf(path, sizeof path, "%s/mnist", folder);
    for (size_t i = 0; i < 4; i++) {
        const struct dataset_def *def = (const void *)registry_find(&dataset_registry, cases[i].name);
        struct image_opts *opts = options_new(&def->part);
        struct image_state state = { 0 };
        struct arena a;
        struct err e = { 0 };
        arena_init(&a, 0);
        opts->path = path; /* fashion_mnist has files of the same names */
        options_set(&def->part, opts, "scaling", cases[i].scaling);
        ck_assert_int_eq(def->open(opts, 1, &state, &a, &e), 0);
        for (unsigned byte = 0; byte < 256; byte++)
            ck_assert(state.value[byte] == (real)((byte / 255.0 - cases[i].mean) / cases[i].deviation));
        def->close(&state);
        arena_finish(&a);
        free(opts);
    }
}
END_TEST

/* One permutation: for all images, seeds of trials and chunkings alike; another for another permutation_seed. */
START_TEST(permuted)
{
    const char *const p1[] = { "permute", "true", NULL },
                      *const p2[] = { "permute", "true", "permutation_seed", "2", NULL },
                      *const chunks[] = { "permute", "true", "pixels_per_step", "7", NULL };
    struct fixture plain = fixture_open("mnist", NONE, 3), one = fixture_open("mnist", p1, 3),
                   other = fixture_open("mnist", p2, 3), cut = fixture_open("mnist", chunks, 4);
    const struct image_state *s = one.state, *s2 = other.state, *s3 = cut.state;
    bool met[PIXELS] = { false };
    size_t moved = 0, differ = 0;
    for (size_t i = 0; i < PIXELS; i++) {
        ck_assert(s->inputs[i].pixel < PIXELS && !met[s->inputs[i].pixel]);
        met[s->inputs[i].pixel] = true;
        moved += s->inputs[i].pixel != i;
        differ += s->inputs[i].pixel != s2->inputs[i].pixel;
        ck_assert_uint_eq(s->inputs[i].pixel, s3->inputs[i].pixel);
    }
    ck_assert_uint_gt(moved, PIXELS - 10); /* a random permutation leaves one in its place, on average */
    ck_assert_uint_gt(differ, PIXELS - 10);
    const struct batch a = fixture_fill(&plain, SPLIT_TEST, 40, 3), b = fixture_fill(&one, SPLIT_TEST, 40, 3),
                       c = fixture_fill(&cut, SPLIT_TEST, 40, 3);
    for (size_t row = 0; row < 3; row++)
        for (size_t i = 0; i < PIXELS; i++) {
            ck_assert(b.x[row * PIXELS + i] == a.x[row * PIXELS + s->inputs[i].pixel]);
            ck_assert(fixture_x(&cut, &c, i / 7, row)[i % 7] == b.x[row * PIXELS + i]);
        }
    done(&plain);
    done(&one);
    done(&other);
    done(&cut);
}
END_TEST

/* A permutation of a colour image takes the scale of a channel along. */
START_TEST(permuted_colours)
{
    struct fixture f = fixture_open("cifar10", OPTIONS("permute", "true", "scaling", "standard"), 1);
    const struct image_state *s = f.state;
    for (size_t i = 0; i < COLOUR; i++)
        ck_assert_uint_eq(s->inputs[i].table, s->inputs[i].pixel / 1024 * 256);
    done(&f);
}
END_TEST

/* ---- splits ---- */

START_TEST(epochs)
{
    enum { N = 200 };
    struct fixture f = fixture_open("mnist", OPTIONS("train_size", "200"), 1),
                   other = fixture_open("mnist", OPTIONS("train_size", "200"), 2),
                   file = fixture_open("mnist", OPTIONS("train_size", "200", "shuffle", "false"), 1);
    size_t same = 0, same_seed = 0;
    ck_assert_uint_eq(f.shape.train_size, N);
    for (size_t epoch = 0; epoch < 3; epoch++) {
        bool met[N] = { false };
        const struct batch b = fixture_fill(&f, SPLIT_TRAIN, epoch * N, N),
                           o = fixture_fill(&other, SPLIT_TRAIN, epoch * N, N),
                           p = fixture_fill(&file, SPLIT_TRAIN, epoch * N, N),
                           first = fixture_fill(&f, SPLIT_TRAIN, 0, N);
        for (size_t i = 0; i < N; i++) {
            const size_t image = number(&b, i);
            ck_assert(image < N && !met[image]);
            met[image] = true;
            ck_assert_int_eq(b.label[i], class_of(image));
            ck_assert_uint_eq(number(&p, i), i);
            same += epoch > 0 && number(&first, i) == image;
            same_seed += number(&o, i) == image;
        }
    }
    ck_assert_uint_lt(same, 12); /* Poisson: mean 2 and 3 */
    ck_assert_uint_lt(same_seed, 14);
    done(&f);
    done(&other);
    done(&file);
}
END_TEST

static void mark(struct fixture *f, enum split split, size_t n, uint8_t *count)
{
    for (size_t i = 0; i < n; i += 1000) {
        const struct arena_mark m = arena_mark(&f->arena);
        const size_t rows = n - i < 1000 ? n - i : 1000;
        const struct batch b = fixture_fill(f, split, i, rows);
        for (size_t row = 0; row < rows; row++)
            count[number(&b, row)]++;
        arena_rewind(&f->arena, m);
    }
}

/* Held out and trained on: together every image of the file, once. */
START_TEST(validation)
{
    static uint8_t valid[2][TRAIN], train[TRAIN], last[TRAIN];
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct fixture f = fixture_open("mnist", OPTIONS("validation_size", "5000", "shuffle", "false"), seed);
        ck_assert_uint_eq(f.shape.valid_size, 5000);
        ck_assert_uint_eq(f.shape.train_size, TRAIN - 5000);
        mark(&f, SPLIT_VALID, 5000, valid[seed]);
        if (seed == 0) {
            mark(&f, SPLIT_TRAIN, TRAIN - 5000, train);
            const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 0, 100);
            for (size_t i = 1; i < 100; i++)
                ck_assert_uint_gt(number(&b, i), number(&b, i - 1)); /* the file's order */
        }
        done(&f);
    }
    size_t both = 0, low = 0, n = 0;
    for (size_t i = 0; i < TRAIN; i++) {
        ck_assert_uint_eq(valid[0][i] + train[i], 1);
        n += valid[0][i];
        both += valid[0][i] && valid[1][i];
        low += valid[0][i] && i < TRAIN / 2;
    }
    ck_assert_uint_eq(n, 5000);
    ck_assert(both > 300 && both < 540); /* 5000^2 / 60000 = 417, standard deviation 19 */
    ck_assert(low > 2330 && low < 2670);
    struct fixture f =
        fixture_open("mnist", OPTIONS("validation_size", "10000", "validation", "last", "train_size", "300"), 1);
    ck_assert_uint_eq(f.shape.train_size, 300);
    mark(&f, SPLIT_VALID, 10000, last);
    for (size_t i = 0; i < TRAIN; i++)
        ck_assert_uint_eq(last[i], i >= 50000);
    done(&f);
}
END_TEST

START_TEST(evaluation)
{
    struct fixture f = fixture_open("mnist", OPTIONS("train_size", "1500", "test_size", "30"), 1);
    ck_assert_uint_eq(f.shape.eval_size, 1500); /* no more than there are */
    ck_assert_uint_eq(f.shape.test_size, 30);
    const struct batch e = fixture_fill(&f, SPLIT_EVAL, 100, 50), t = fixture_fill(&f, SPLIT_TEST, 0, 30);
    for (size_t i = 0; i < 50; i++)
        ck_assert_uint_eq(number(&e, i), 100 + i);
    for (size_t i = 0; i < 30; i++) {
        ck_assert_uint_eq(number(&t, i), 7 + i);
        ck_assert_int_eq(t.label[i], class_of(7 + i));
    }
    done(&f);
    f = fixture_open("mnist", NONE, 1);
    ck_assert_uint_eq(f.shape.train_size, TRAIN);
    ck_assert_uint_eq(f.shape.eval_size, 2000);
    ck_assert_uint_eq(f.shape.test_size, TEST);
    ck_assert_uint_eq(f.shape.valid_size, 0);
    done(&f);
}
END_TEST

/* A sample does not depend on its batch, across the seam of two epochs; and filling allocates nothing. */
START_TEST(samples_do_not_depend_on_the_batch)
{
    struct fixture f = fixture_open("mnist", OPTIONS("pixels_per_step", "2", "train_size", "100"), 1);
    struct batch whole = fixture_fill(&f, SPLIT_TRAIN, 80, 40);
    for (size_t i = 0; i < 40; i++) {
        const struct batch one = fixture_fill(&f, SPLIT_TRAIN, 80 + i, 1);
        ck_assert(fixture_same(&f, &whole, i, &one, 0));
    }
    const size_t used = f.arena.used;
    f.def->fill(f.opts, f.state, SPLIT_TRAIN, 0, &whole);
    ck_assert_uint_eq(f.arena.used, used);
    whole.rows = 0;
    f.def->fill(f.opts, f.state, SPLIT_TRAIN, 0, &whole);
    done(&f);
}
END_TEST

/* ---- labels ---- */

/* The same images, whose targets are what is read, scaled and permuted as it is. */
START_TEST(the_input_as_label)
{
    enum { ROWS = 40 };
    struct fixture f = fixture_open("mnist", OPTIONS("labels", "input", "permute", "true", "scaling", "centered"), 1),
                   classes = fixture_open("mnist", OPTIONS("permute", "true", "scaling", "centered"), 1);
    ck_assert(!f.shape.classes && f.shape.outputs == PIXELS && f.shape.features == PIXELS);
    const enum split splits[] = { SPLIT_TRAIN, SPLIT_EVAL, SPLIT_TEST };
    for (size_t i = 0; i < 3; i++) {
        const struct batch b = fixture_fill(&f, splits[i], 5, ROWS), same = fixture_fill(&classes, splits[i], 5, ROWS);
        ck_assert_mem_eq(b.x, same.x, (size_t)ROWS * PIXELS * sizeof *b.x);
        ck_assert_mem_eq(b.y.p, b.x, (size_t)ROWS * PIXELS * sizeof *b.x);
    }
    done(&f);
    done(&classes);
}
END_TEST

START_TEST(no_sequence_as_label)
{
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "mnist");
    void *opts = options_new(&def->part);
    struct data_shape shape;
    struct err e = { 0 };
    options_set(&def->part, opts, "labels", "input");
    options_set(&def->part, opts, "pixels_per_step", "28");
    files_refused(def->shape(opts, &shape, &e), ERR_SPEC, &e, "'input' is for flat images");
    free(opts);
}
END_TEST

/* ---- mistakes ---- */

START_TEST(options_that_cannot_be)
{
    static const struct {
        const char *name, *option, *value, *words;
    } cases[] = {
        { "mnist", "pixels_per_step", "5", "5 does not divide the 784 pixels" },
        { "cifar10", "pixels_per_step", "28", "28 does not divide the 3072 pixels" },
        { "mnist", "pixels_per_step", "3072", "does not divide" },
        { "cifar10", "validation_size", "50000", "nothing to train on" },
        { "cifar10", "train_size", "50001", "there are 50000 samples" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct dataset_def *def = (const void *)registry_find(&dataset_registry, cases[i].name);
        void *opts = options_new(&def->part);
        struct data_shape shape;
        struct err e = { 0 };
        options_set(&def->part, opts, cases[i].option, cases[i].value);
        files_refused(def->shape(opts, &shape, &e), ERR_SPEC, &e, cases[i].words);
        free(opts);
    }
}
END_TEST

/* What is held out cannot be trained on: the largest sizes that there are, and one more. */
START_TEST(sizes_at_their_limits)
{
    static const struct {
        const char *train, *valid, *test, *words;
    } cases[] = {
        { "60000", "0", "10000", NULL },
        { "60001", "0", "10000", "60001, but there are 60000 samples (0 are held out)" },
        { "50000", "10000", "10000", NULL },
        { "50001", "10000", "10000", "50001, but there are 50000 samples (10000 are held out)" },
        { "0", "59999", "10000", NULL },
        { "0", "60000", "10000", "60000 of 60000 leaves nothing to train on" },
        { "0", "0", "10001", "10001 of 10000 samples" },
    };
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "mnist");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *opts = options_new(&def->part);
        struct data_shape shape;
        struct err e = { 0 };
        options_set(&def->part, opts, "train_size", cases[i].train);
        options_set(&def->part, opts, "validation_size", cases[i].valid);
        options_set(&def->part, opts, "test_size", cases[i].test);
        const int code = def->shape(opts, &shape, &e);
        if (cases[i].words)
            files_refused(code, ERR_SPEC, &e, cases[i].words);
        else
            ck_assert_int_eq(code, 0);
        free(opts);
    }
}
END_TEST

static int open_in(const char *name, const char *path, struct err *e)
{
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, name);
    struct image_opts *opts = options_new(&def->part);
    struct image_state state = { 0 };
    struct arena a;
    arena_init(&a, 0);
    opts->path = path;
    const int code = def->open(opts, 1, &state, &a, e);
    if (code == 0)
        def->close(&state);
    arena_finish(&a);
    free(opts);
    return code;
}

START_TEST(data_that_is_missing)
{
    char path[160];
    struct err e = { 0 };
    snprintf(path, sizeof path, "%s/fashion_mnist", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/nowhere", folder);
    setenv("XDG_DATA_HOME", path, 1);
    if (access("/usr/share/datasets/fashion-mnist", F_OK) != 0) {
        ck_assert_int_eq(open_in("fashion_mnist", NULL, &e), ERR_IO);
        ck_assert_ptr_nonnull(strstr(err_first(&e), "`tprun fetch fashion_mnist`"));
        ck_assert_uint_eq(e.n_messages, 4);
        ck_assert_ptr_nonnull(strstr(e.messages[1].text, "/fashion_mnist: no file train-images-idx3-ubyte"));
        ck_assert_ptr_nonnull(strstr(e.messages[2].text, "nowhere/tprun/fashion_mnist: no such folder"));
        ck_assert_ptr_nonnull(strstr(e.messages[3].text, "/usr/share/datasets/fashion_mnist: no such folder"));
        err_clear(&e);
    }
    files_refused(open_in("mnist", path, &e), ERR_IO, &e, "nowhere: no file train-images-idx3-ubyte, nor with .gz");
    snprintf(path, sizeof path, "%s/mnist", folder);
    files_refused(open_in("cifar10", path, &e), ERR_IO, &e, "/mnist: no file data_batch_1.bin");
}
END_TEST

/* The places, in their order. */
START_TEST(places)
{
    char path[160], *paths[IMAGE_MAX_FILES];
    struct err e = { 0 };
    struct arena a;
    arena_init(&a, 0);
    unsetenv("TPRUN_DATA");
    snprintf(path, sizeof path, "ln -s . %s/tprun", folder); /* $XDG_DATA_HOME/tprun */
    ck_assert_int_eq(system(path), 0);
    ck_assert_int_eq(locate_files(&image_mnist, NULL, paths, &a, &e), 0);
    ck_assert_ptr_nonnull(strstr(paths[3], "/tprun/mnist/t10k-labels-idx1-ubyte"));
    setenv("HOME", folder, 1);
    setenv("XDG_DATA_HOME", "relative", 1); /* the specification: is ignored */
    snprintf(path, sizeof path, "%s/.local/share", folder);
    ck_assert_str_eq(locate_home("XDG_DATA_HOME", ".local/share", &a), path);
    unsetenv("HOME");
    ck_assert_ptr_null(locate_home("XDG_DATA_HOME", ".local/share", &a));
    arena_finish(&a);
}
END_TEST

static void change(const char *path, long at, uint8_t byte)
{
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
    ck_assert_int_eq(fputc(byte, f), byte);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(files_that_lie)
{
    char copy[128], command[512], path[256];
    struct err e = { 0 };
    snprintf(copy, sizeof copy, "%s/copy", folder);
    snprintf(command, sizeof command, "rm -rf %s && cp -r %s/mnist %s", copy, folder, copy);
    ck_assert_int_eq(system(command), 0);
    path_in(path, copy, "train-labels-idx1-ubyte");
    change(path, 8 + 4321, 10);
    files_refused(open_in("mnist", copy, &e), ERR_FORMAT, &e, "train-labels-idx1-ubyte: byte 4329: label 10;");
    change(path, 8 + 4321, 0);
    path_in(path, copy, "t10k-images-idx3-ubyte");
    change(path, 7, 0x11);
    files_refused(open_in("mnist", copy, &e), ERR_FORMAT, &e, "byte 4: dimension 1 is 10001; expected 10000");
    change(path, 7, 0x10);
    ck_assert_int_eq(open_in("mnist", copy, &e), 0);
    ck_assert_int_eq(truncate(path, 16 + TEST * PIXELS - 1), 0);
    files_refused(open_in("mnist", copy, &e), ERR_FORMAT, &e, "7840015 bytes; the header asks for 7840016");
    snprintf(command, sizeof command, "rm -rf %s && cp -r --sparse=always %s/cifar10 %s", copy, folder, copy);
    ck_assert_int_eq(system(command), 0);
    path_in(path, copy, "data_batch_3.bin");
    change(path, 3073 * 9999, 11);
    files_refused(open_in("cifar10", copy, &e), ERR_FORMAT, &e,
                  "data_batch_3.bin: byte 30726927: label 11 of record 9999");
    ck_assert_int_eq(truncate(path, 3073 * 9999), 0);
    files_refused(open_in("cifar10", copy, &e), ERR_FORMAT, &e, "9999 records; expected 10000");
}
END_TEST

/* ---- what is recorded ---- */

struct seen {
    size_t n;
    char sha256[IMAGE_MAX_FILES][65];
    const char *stop_at;
};

static int see(void *self, const char *path, const char *sha256)
{
    struct seen *s = self;
    ck_assert(s->n < IMAGE_MAX_FILES && access(path, R_OK) == 0 && strlen(sha256) == 64);
    memcpy(s->sha256[s->n++], sha256, 65);
    return s->stop_at ? ERR_STORAGE : 0;
}

static int visit(const char *name, const char *path, struct seen *seen, struct err *e)
{
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, name);
    struct image_opts *opts = options_new(&def->part);
    opts->path = path;
    const int code = def->files(opts, &(struct data_use){ .seed = 1, .most = 1 }, see, seen, e);
    free(opts);
    return code;
}

/* Other bytes than the published ones load, with a word about each file. */
START_TEST(checksums)
{
    struct err e = { 0 };
    struct seen seen = { 0 }, stop = { .stop_at = "" };
    char sums[1024], path[128];
    ck_assert_int_eq(visit("mnist", NULL, &seen, &e), 0);
    ck_assert_uint_eq(seen.n, 4);
    ck_assert_uint_eq(e.n_messages, 4);
    ck_assert_int_eq(e.messages[0].level, ERR_LEVEL_WARNING);
    ck_assert_ptr_nonnull(strstr(e.messages[0].text, "not the canonical MNIST: SHA-256 "));
    ck_assert_ptr_nonnull(strstr(e.messages[0].text, seen.sha256[0]));
    err_clear(&e);
    ck_assert_int_eq(visit("mnist", NULL, &stop, &e), ERR_STORAGE); /* the visitor's answer counts */
    err_clear(&e);
    seen = (struct seen){ 0 };
    ck_assert_int_eq(visit("cifar10", NULL, &seen, &e), 0);
    ck_assert_uint_eq(seen.n, 6);
    ck_assert_uint_eq(e.n_messages, 6);
    ck_assert_ptr_nonnull(strstr(e.messages[5].text, "test_batch.bin: not the canonical CIFAR-10: SHA-256 "));
    err_clear(&e);
    int n = 0;
    for (size_t i = 0; i < 5; i++) /* vouched for by a checked archive, but for the last */
        n += snprintf(sums + n, sizeof sums - (size_t)n, "%s  %s\n", seen.sha256[i], image_cifar10.files[i].name);
    snprintf(path, sizeof path, "%s/cifar10/tprun.sha256", folder);
    files_write(path, sums, (size_t)n);
    seen = (struct seen){ 0 };
    ck_assert_int_eq(visit("cifar10", NULL, &seen, &e), 0);
    ck_assert_uint_eq(e.n_messages, 1);
    ck_assert_ptr_nonnull(strstr(e.messages[0].text, "test_batch.bin"));
    err_clear(&e);
}
END_TEST

/* Classes are i * 7 % 10, so that the first three images are of 0, 7 and 4. */
START_TEST(classes_without_samples)
{
    static const int64_t sizes[] = { 3, 10 };
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "mnist");
    for (size_t i = 0; i < 2; i++) {
        struct image_opts *opts = options_new(&def->part);
        struct seen seen = { 0 };
        struct err e = { 0 };
        opts->train_size = sizes[i];
        ck_assert_int_eq(def->files(opts, &(struct data_use){ .seed = 1 }, see, &seen, &e), 0);
        ck_assert_uint_eq(e.n_messages, i == 0 ? 5 : 4);
        if (i == 0)
            ck_assert_str_eq(e.messages[4].text,
                             "mnist: none of the 3 samples that are trained on is of class 1, 2, 3, 5, 6, ...: 7 of "
                             "the 10 classes, which are counted from 0, cannot be learned");
        err_clear(&e);
        free(opts);
    }
}
END_TEST

/* ---- the real data, where it is ---- */

/* Published bytes, labels in balance, and pixels whose mean and deviation are the constants of `standard`: but for the
 * deviation of Fashion-MNIST, which is 0.3530 and not the papers' 0.3202. */
START_TEST(real_sets)
{
    const struct image_set *set = image_sets[_i];
    char *paths[IMAGE_MAX_FILES];
    struct arena a;
    struct err e = { 0 };
    arena_init(&a, 0);
    setenv("TPRUN_DATA", real_data, 1); /* "" is as good as none: then only what the system has */
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    if (locate_files(set, NULL, paths, &a, &e) < 0) {
        printf("left out: the real %s (set TPRUN_DATA to a folder that holds %s/)\n", set->title, set->folders[0]);
        err_clear(&e);
        arena_finish(&a);
        return;
    }
    struct seen seen = { 0 };
    ck_assert_int_eq(visit(set->name, NULL, &seen, &e), 0);
    if (e.n_messages > 0)
        printf("%s: %s\n", set->name, e.messages[0].text);
    ck_assert(e.n_messages == 0 || set->files[0].sha256 == NULL);
    err_clear(&e);
    struct fixture f = fixture_open(set->name, OPTIONS("scaling", "standard", "shuffle", "false"), 1);
    size_t count[10] = { 0 };
    const size_t n = f.shape.features, plane = n / set->channels;
    const double expected = set == &image_fashion_mnist ? 0.3530 / 0.3202 : 1;
    double sum[3] = { 0 }, squares[3] = { 0 };
    for (size_t i = 0; i < set->n_train; i += 1000) {
        const struct arena_mark m = arena_mark(&f.arena);
        const struct batch b = fixture_fill(&f, SPLIT_TRAIN, i, 1000);
        for (size_t row = 0; row < 1000; row++)
            count[b.label[row]]++;
        for (size_t j = 0; j < 1000 * n; j++) {
            sum[j % n / plane] += (double)b.x[j];
            squares[j % n / plane] += (double)b.x[j] * (double)b.x[j];
        }
        arena_rewind(&f.arena, m);
    }
    for (size_t c = 0; c < set->channels; c++) {
        const double mean = sum[c] / (double)(set->n_train * plane);
        ck_assert_double_lt(fabs(mean), 2e-3);
        ck_assert_double_lt(fabs(sqrt(squares[c] / (double)(set->n_train * plane) - mean * mean) - expected), 1e-2);
    }
    for (size_t c = 0; c < 10; c++)
        ck_assert(count[c] > set->n_train / 12 && count[c] < set->n_train / 8);
    done(&f);
    if (set == &image_mnist) { /* files of the same names: told apart by their sums */
        char own[600];
        snprintf(own, sizeof own, "%.*s", (int)(strrchr(paths[0], '/') - paths[0]), paths[0]);
        seen = (struct seen){ 0 };
        files_refused(visit("fashion_mnist", own, &seen, &e), ERR_FORMAT, &e, "this is MNIST, not Fashion-MNIST");
    }
    arena_finish(&a);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flat_and_scanned_agree);
    tcase_add_test(tcase, colours);
    tcase_add_test(tcase, scalings);
    tcase_add_test(tcase, permuted);
    tcase_add_test(tcase, permuted_colours);
    tcase_add_test(tcase, epochs);
    tcase_add_test(tcase, validation);
    tcase_add_test(tcase, evaluation);
    tcase_add_test(tcase, samples_do_not_depend_on_the_batch);
    tcase_add_test(tcase, the_input_as_label);
    tcase_add_test(tcase, no_sequence_as_label);
    tcase_add_test(tcase, options_that_cannot_be);
    tcase_add_test(tcase, sizes_at_their_limits);
    tcase_add_test(tcase, data_that_is_missing);
    tcase_add_test(tcase, places);
    tcase_add_test(tcase, files_that_lie);
    tcase_add_test(tcase, checksums);
    tcase_add_test(tcase, classes_without_samples);
    tcase_add_loop_test(tcase, real_sets, 0, 3);
}

CHECK_MAIN("image", add_tests)
