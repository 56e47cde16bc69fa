/* What every dataset promises, over the registry, and the shuffle. */
#include "check_main.h"
#include "fixture.h"

#include <assert.h>

#define NONE ((const char *const[]){ NULL })
enum { MOST_CASES = 256, MOST_PAIRS = 6 };

/* What a set is opened with that has no defaults for all or takes long with them. Its evaluation set may be the
 * beginning of its training set. */
static const struct example {
    const char *name, *pairs[MOST_PAIRS];
    bool evaluates_training;
} examples[] = { { "student_teacher", { "units", "20", "validation_size", "40" }, true } };
enum { N_EXAMPLES = sizeof examples / sizeof *examples };

/* Every set that needs no files, and each with one of its options at the least value, near it, or at another word. */
static struct set_case {
    const struct example *example;
    const char *name, *pairs[MOST_PAIRS + 3];
    char value[32];
} plain[32], varied[MOST_CASES];
static int n_plain, n_varied;

static struct set_case *add_case(struct set_case *list, int *n, int most, const struct dataset_def *def)
{
    assert(*n < most); /* before the tests run */
    struct set_case *c = &list[(*n)++];
    c->name = def->part.name;
    for (size_t i = 0; i < N_EXAMPLES; i++)
        if (strcmp(examples[i].name, c->name) == 0)
            c->example = &examples[i];
    for (size_t i = 0; c->example && i < MOST_PAIRS; i++)
        c->pairs[i] = c->example->pairs[i];
    return c;
}

static const struct dataset_def *set_at(size_t i)
{
    return (const struct dataset_def *)(const void *)dataset_registry.parts[i];
}

static void find_cases(void)
{
    for (size_t i = 0; i < dataset_registry.n_parts; i++) {
        const struct dataset_def *def = set_at(i);
        if (def->files || strcmp(def->part.name, "given") == 0)
            continue; /* needs files; has no samples: below */
        add_case(plain, &n_plain, 32, def);
        for (const struct option *o = def->part.options; o->name; o++) {
            char value[32];
            for (size_t k = 0; (k < 2 || o->type == OPT_ENUM) && option_example(o, k, value, sizeof value); k++) {
                struct set_case *c = add_case(varied, &n_varied, MOST_CASES, def);
                size_t at = 0;
                while (c->pairs[at])
                    at += 2;
                memcpy(c->value, value, sizeof value);
                c->pairs[at] = o->name;
                c->pairs[at + 1] = c->value;
            }
        }
    }
}

static struct fixture open_case(const struct set_case *c, uint64_t seed)
{
    return fixture_open(c->name, c->pairs, seed);
}

/* How many samples of a split there are, at most `most`; training samples count on. */
static size_t available(const struct fixture *f, enum split split, size_t most)
{
    const size_t size[N_SPLITS] = { most, f->shape.eval_size, f->shape.test_size, f->shape.valid_size };
    return size[split] < most ? size[split] : most;
}

START_TEST(descriptions)
{
    registry_check(&dataset_registry);
    for (int i = 0; i < n_plain; i++) {
        struct fixture f = open_case(&plain[i], 1);
        for (const struct option *o = f.def->part.options; o->name; o++) {
            bool given = !(o->flags & OPTION_REQUIRED);
            for (size_t k = 0; plain[i].pairs[k]; k += 2)
                given |= strcmp(plain[i].pairs[k], o->name) == 0;
            ck_assert_msg(given, "%s: %s has no default: give it one in `examples`", plain[i].name, o->name);
        }
        ck_assert((f.def->accuracy_names != NULL) == (f.def->accuracies != NULL));
        ck_assert(!f.shape.classes || !f.def->accuracy_names);
        ck_assert(f.shape.sequence == (f.shape.length > 1));
        ck_assert(f.shape.features > 0 && f.shape.outputs > 0 && f.shape.eval_size > 0 && f.shape.test_size > 0);
        fixture_close(&f);
    }
}
END_TEST

/* The shapes of a probe's batch: nothing to train on, and saying so. */
START_TEST(given_has_no_samples)
{
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "given");
    void *opts = options_new(&def->part);
    struct data_shape shape;
    struct err e = { 0 };
    options_set(&def->part, opts, "length", "7");
    options_set(&def->part, opts, "features", "5");
    options_set(&def->part, opts, "outputs", "3");
    ck_assert_int_eq(def->shape(opts, &shape, &e), 0);
    ck_assert(shape.length == 7 && shape.features == 5 && shape.outputs == 3 && shape.classes && shape.sequence);
    ck_assert_int_eq(def->open(opts, 1, NULL, NULL, &e), ERR_SPEC);
    err_clear(&e);
    free(opts);
}
END_TEST

/* Every number of a batch is written, and a label is one of the outputs. */
static void check_values(const struct set_case *c, const struct fixture *f, const struct batch *b, enum split split)
{
    const struct data_shape *s = &f->shape;
    size_t bad = 0, labels = 0;
    for (size_t i = 0; i < b->rows * s->length * s->features; i++)
        bad += !isfinite(b->x[i]);
    for (size_t i = 0; !s->classes && i < mat_n(b->y); i++)
        bad += !isfinite(b->y.p[i]);
    for (size_t i = 0; s->classes && i < b->rows * (s->per_step ? s->length : 1); i++)
        labels += b->label[i] < 0 || (size_t)b->label[i] >= s->outputs;
    ck_assert_msg(bad == 0 && labels == 0,
                  "%s, '%s': %zu numbers are not finite or not written, %zu labels are no class", c->name,
                  dataset_stream(split), bad, labels);
}

/* A sample is a function of (seed, split, index), whatever batch it is in and whatever was filled before. */
static void check_samples(const struct set_case *c, struct fixture *f, struct fixture *again)
{
    for (enum split split = 0; split < N_SPLITS; split++) {
        const size_t rows = available(f, split, 20),
                     first = split == SPLIT_TRAIN ? 990 : available(f, split, 1000) - rows;
        if (rows == 0)
            continue; /* no such split */
        const struct batch whole = fixture_fill(f, split, first, rows);
        check_values(c, f, &whole, split);
        for (size_t i = rows; i-- > 0;) {
            const struct batch one = fixture_fill(again, split, first + i, 1);
            ck_assert_msg(fixture_same(f, &whole, i, &one, 0), "%s, '%s': sample %zu is another one alone", c->name,
                          dataset_stream(split), first + i);
        }
    }
}

START_TEST(samples_do_not_depend_on_the_batch)
{
    struct fixture f = open_case(&plain[_i], 3), again = open_case(&plain[_i], 3);
    check_samples(&plain[_i], &f, &again);
    const struct batch far = fixture_fill(&f, SPLIT_TRAIN, UINT64_C(1) << 40, 2),
                       near = fixture_fill(&f, SPLIT_TRAIN, 0, 2);
    ck_assert(!fixture_same(&f, &far, 0, &near, 0));
    fixture_close(&f);
    fixture_close(&again);
}
END_TEST

/* The same with other options, where they go together with the defaults of the others. */
START_TEST(samples_with_other_options)
{
    const struct set_case *c = &varied[_i];
    struct fixture f, again;
    struct err e = { 0 };
    if (fixture_try(&f, c->name, c->pairs, 3, &e)) {
        again = open_case(c, 3);
        check_samples(c, &f, &again);
        fixture_close(&f);
        fixture_close(&again);
    } else {
        ck_assert_int_eq(e.code, ERR_SPEC);
    }
    err_clear(&e);
}
END_TEST

/* Neither two indices, nor two splits, nor two seeds share a sample. */
START_TEST(samples_differ)
{
    enum { N = 30 };
    struct fixture f = open_case(&plain[_i], 3), other = open_case(&plain[_i], 4);
    const bool valid = f.shape.valid_size > 0, evaluates = plain[_i].example && plain[_i].example->evaluates_training;
    const struct batch sets[] = { fixture_fill(&f, SPLIT_TRAIN, 0, N), fixture_fill(&f, SPLIT_EVAL, 0, N),
                                  fixture_fill(&f, SPLIT_TEST, 0, N), fixture_fill(&other, SPLIT_TRAIN, 0, N),
                                  fixture_fill(&f, SPLIT_VALID, 0, valid ? N : 0) };
    for (size_t a = 0; a < (valid ? 5 : 4) * N; a++)
        for (size_t b = 0; b < a; b++)
            if (!(evaluates && a / N == 1 && b / N == 0) && fixture_same(&f, &sets[a / N], a % N, &sets[b / N], b % N))
                ck_abort_msg("%s: sample %zu of set %zu and %zu of %zu are one", plain[_i].name, a % N, a / N, b % N,
                             b / N);
    fixture_close(&f);
    fixture_close(&other);
}
END_TEST

START_TEST(fill_allocates_nothing)
{
    struct fixture f = open_case(&plain[_i], 5);
    struct batch b = fixture_fill(&f, SPLIT_TRAIN, 0, 11);
    const size_t used = f.arena.used;
    f.def->fill(f.opts, f.state, SPLIT_TRAIN, 11, &b);
    ck_assert_uint_eq(f.arena.used, used);
    const struct batch none = fixture_fill(&f, SPLIT_TRAIN, 7, 0);
    ck_assert_uint_eq(none.rows, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(shuffle_is_a_permutation)
{
    static const uint64_t sizes[] = { 1, 2, 3, 5, 63, 64, 65, 256, 257, 1000, 4096, 5000 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            const uint64_t n = sizes[s];
            bool *met = calloc(n, sizeof *met);
            for (uint64_t i = 0; i < n; i++) {
                const uint64_t j = dataset_shuffled(7, epoch, n, i);
                if (j >= n || met[j])
                    ck_abort_msg("n = %d, epoch %d", (int)n, (int)epoch);
                met[j] = true;
            }
            free(met);
        }
}
END_TEST

/* Over many epochs each sample comes to each place, and each pair of samples to the first two places, equally often. */
START_TEST(shuffle_is_uniform)
{
    enum { N = 5, EPOCHS = 30000 };
    int place[N][N] = { 0 }, pair[N * (N - 1)] = { 0 }, order[6] = { 0 };
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        size_t p[N];
        for (size_t i = 0; i < N; i++) {
            p[i] = (size_t)dataset_shuffled(1, epoch, N, i);
            place[i][p[i]]++;
        }
        pair[p[0] * (N - 1) + (p[1] > p[0] ? p[1] - 1 : p[1])]++;
        const size_t a = (size_t)dataset_shuffled(2, epoch, 3, 0), b = (size_t)dataset_shuffled(2, epoch, 3, 1);
        order[a * 2 + (b > a ? b - 1 : b)]++; /* all 6 permutations of 3 */
    }
    for (size_t i = 0; i < N; i++)
        fixture_uniform(place[i], N);
    fixture_uniform(pair, N * (N - 1));
    fixture_uniform(order, 6);
}
END_TEST

/* At a size like MNIST's: neighbours are torn apart, and no epoch resembles the one before. */
START_TEST(shuffle_mixes)
{
    enum { N = 60000 };
    double product = 0;
    int same = 0, next = 0;
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t a = dataset_shuffled(1, 0, N, i), b = dataset_shuffled(1, 1, N, i),
                       c = dataset_shuffled(1, 0, N, (i + 1) % N);
        product += ((double)a / N - 0.5) * ((double)i / N - 0.5) * 12;
        same += a == b;
        next += c == (a + 1) % N;
    }
    ck_assert_double_lt(product * product,
                        25.0 * N); /* correlation of place and sample: standard deviation 1 / sqrt(N) */
    ck_assert_int_lt(same, 10);    /* Poisson, mean 1 */
    ck_assert_int_lt(next, 10);
}
END_TEST

START_TEST(shuffle_of_huge_sets)
{
    const uint64_t n = UINT64_MAX;
    for (uint64_t i = 0; i < 10; i++)
        ck_assert(dataset_shuffled(1, 0, n, n - 1 - i) < n);
    ck_assert(dataset_shuffled(1, 0, n, 0) != dataset_shuffled(2, 0, n, 0));
}
END_TEST

static void add_tests(TCase *tcase)
{
    find_cases();
    tcase_add_test(tcase, descriptions);
    tcase_add_test(tcase, given_has_no_samples);
    tcase_add_loop_test(tcase, samples_do_not_depend_on_the_batch, 0, n_plain);
    tcase_add_loop_test(tcase, samples_with_other_options, 0, n_varied);
    tcase_add_loop_test(tcase, samples_differ, 0, n_plain);
    tcase_add_loop_test(tcase, fill_allocates_nothing, 0, n_plain);
    tcase_add_test(tcase, shuffle_is_a_permutation);
    tcase_add_test(tcase, shuffle_is_uniform);
    tcase_add_test(tcase, shuffle_mixes);
    tcase_add_test(tcase, shuffle_of_huge_sets);
}

CHECK_MAIN("dataset", add_tests)
