/* What every dataset promises, over the registry, and the shuffle. */
#include "check_main.h"
#include "fixture.h"

#define NONE ((const char *const[]){ NULL })
enum { N_DATASETS = 5 };

/* Those that have samples. */
static const char *const names[N_DATASETS] = { "temporal_order", "adding", "permutation", "markov", "gaussian" };

START_TEST(descriptions)
{
    for (size_t i = 0; i < dataset_registry.n_parts; i++)
        options_check(dataset_registry.parts[i]);
    for (size_t i = 0; i < N_DATASETS; i++) {
        ck_assert_str_eq(dataset_registry.parts[i]->name, names[i]);
        struct fixture f = fixture_open(names[i], NONE, 1);
        ck_assert((f.def->accuracy_names != NULL) == (f.def->accuracies != NULL));
        ck_assert(!f.shape.classes || !f.def->accuracy_names);
        ck_assert(f.shape.sequence == (f.shape.length > 1));
        ck_assert_uint_eq(f.shape.eval_size, 2000);
        ck_assert_uint_eq(f.shape.test_size, 2000);
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

/* A sample is a function of (seed, split, index), whatever batch it is in and whatever was filled before. */
START_TEST(samples_do_not_depend_on_the_batch)
{
    struct fixture f = fixture_open(names[_i], NONE, 3), again = fixture_open(names[_i], NONE, 3);
    for (enum split split = SPLIT_TRAIN; split <= SPLIT_TEST; split++) {
        const struct batch whole = fixture_fill(&f, split, 990, 20);
        for (size_t i = 20; i-- > 0;) {
            const struct batch one = fixture_fill(&again, split, 990 + i, 1);
            ck_assert(fixture_same(&f, &whole, i, &one, 0));
        }
    }
    const struct batch far = fixture_fill(&f, SPLIT_TRAIN, UINT64_C(1) << 40, 2),
                       near = fixture_fill(&f, SPLIT_TRAIN, 0, 2);
    ck_assert(!fixture_same(&f, &far, 0, &near, 0));
    fixture_close(&f);
    fixture_close(&again);
}
END_TEST

/* Neither two indices, nor two splits, nor two seeds share a sample. */
START_TEST(samples_differ)
{
    struct fixture f = fixture_open(names[_i], NONE, 3), other = fixture_open(names[_i], NONE, 4);
    enum { N = 30 };
    const struct batch sets[4] = { fixture_fill(&f, SPLIT_TRAIN, 0, N), fixture_fill(&f, SPLIT_EVAL, 0, N),
                                   fixture_fill(&f, SPLIT_TEST, 0, N), fixture_fill(&other, SPLIT_TRAIN, 0, N) };
    for (size_t a = 0; a < 4 * N; a++)
        for (size_t b = 0; b < a; b++)
            ck_assert(!fixture_same(&f, &sets[a / N], a % N, &sets[b / N], b % N));
    fixture_close(&f);
    fixture_close(&other);
}
END_TEST

START_TEST(every_number_is_written)
{
    struct fixture f = fixture_open(names[_i], NONE, 5);
    const struct batch b = fixture_fill(&f, SPLIT_TRAIN, 7, 11);
    size_t untouched = 0;
    for (size_t i = 0; i < 11 * f.shape.length * f.shape.features; i++)
        untouched += b.x[i] == -1;
    ck_assert_uint_eq(untouched, 0);
    const struct batch none = fixture_fill(&f, SPLIT_TRAIN, 7, 0);
    ck_assert_uint_eq(none.rows, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(fill_allocates_nothing)
{
    struct fixture f = fixture_open(names[_i], NONE, 5);
    struct batch b = fixture_fill(&f, SPLIT_TRAIN, 0, 11);
    const size_t used = f.arena.used;
    f.def->fill(f.opts, f.state, SPLIT_TRAIN, 11, &b);
    ck_assert_uint_eq(f.arena.used, used);
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
    tcase_add_test(tcase, descriptions);
    tcase_add_test(tcase, given_has_no_samples);
    tcase_add_loop_test(tcase, samples_do_not_depend_on_the_batch, 0, N_DATASETS);
    tcase_add_loop_test(tcase, samples_differ, 0, N_DATASETS);
    tcase_add_loop_test(tcase, every_number_is_written, 0, N_DATASETS);
    tcase_add_loop_test(tcase, fill_allocates_nothing, 0, N_DATASETS);
    tcase_add_test(tcase, shuffle_is_a_permutation);
    tcase_add_test(tcase, shuffle_is_uniform);
    tcase_add_test(tcase, shuffle_mixes);
    tcase_add_test(tcase, shuffle_of_huge_sets);
}

CHECK_MAIN("dataset", add_tests)
