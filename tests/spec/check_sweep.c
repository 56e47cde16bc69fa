#include "base/rng.h"
#include "fixture.h"
#include <math.h>
#include <time.h>

static struct study study;

#define HEAD "version: 1\nexperiment: e\nsweep:\n"

static int open_sweep(const char *text)
{
    const char *whole = arena_printf(&arena, HEAD "%s\n", text);
    return study_parse(&study, "t.yaml", whole, strlen(whole), NULL, NULL, 0, &arena, &err);
}

static void close_all(void)
{
    study_close(&study);
    teardown();
}

/* The values that trial i takes, "a b c". */
static const char *cell(uint64_t i)
{
    struct study_trial t;
    ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
    text_clear(&said);
    text_puts(&said, "");
    for (size_t j = 0; j < t.n_coordinates; j++)
        text_add(&said, "%s%s", j ? " " : "", t.coordinates[j].text);
    return said.s;
}

static const struct {
    const char *values, *all;
} axes[] = {
    { "[1, 2.50, x, true, [1, 2], {name: a}]", "1,2.50,x,true,[1,2],{\"name\":\"a\"}" },
    { "{range: [0, 1, 0.25]}", "0,0.25,0.5,0.75,1" },
    { "{range: [0, 1, 0.1]}", "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1" },
    { "{range: [1, 2, 0.3]}", "1,1.3,1.6,1.9" },
    { "{range: [3, 0, -1]}", "3,2,1,0" },
    { "{range: [5, 5, 1]}", "5" },
    { "{linspace: [0, 1, 5]}", "0,0.25,0.5,0.75,1" },
    { "{linspace: [-1, 1, 11]}", "-1,-0.8,-0.6,-0.4,-0.2,0,0.2,0.4,0.6,0.8,1" },
    { "{linspace: [2, 9, 1]}", "2" },
    { "{linspace: [0, 1, 4]}", "0,0.3333333333333333,0.6666666666666666,1" },
    { "{geomspace: [1e-4, 10, 6]}", "1e-4,1e-3,1e-2,0.1,1,10" },
    { "{geomspace: [1e-9, 1e-1, 9]}", "1e-9,1e-8,1e-7,1e-6,1e-5,1e-4,1e-3,1e-2,0.1" },
    { "{geomspace: [-1, -100, 3]}", "-1,-10,-100" },
    { "{geomspace: [1, 1024, 11]}", "1,2,4,8,16,32,64,128,256,512,1024" },
    { "{geomspace: [3, 7, 1]}", "3" },
    { "{logspace: [-2, 2, 5]}", "0.01,0.1,1,10,100" },
};

START_TEST(values)
{
    ck_assert_int_eq(open_sweep(arena_printf(&arena, "  grid: {a.b: %s}", axes[_i].values)), 0);
    ASSERT_SOUND();
    struct text t = { 0 };
    for (uint64_t i = 0; i < study.n_cells; i++)
        text_add(&t, "%s%s", i ? "," : "", cell(i));
    /* 1e-3 and 0.001 are one number: compare as a file would be read */
    char *mine = t.s, *theirs = arena_strdup(&arena, axes[_i].all), *p = NULL, *q = NULL;
    for (const char *a = strtok_r(mine, ",", &p), *b = strtok_r(theirs, ",", &q); a || b;
         a = strtok_r(NULL, ",", &p), b = strtok_r(NULL, ",", &q)) {
        double x, y;
        ck_assert_msg(a && b, "different counts");
        if (text_to_double(a, strlen(a), &x) == 0 && text_to_double(b, strlen(b), &y) == 0)
            ck_assert_msg(x == y && strlen(a) <= 18, "%s is not %s", a, b);
        else
            ck_assert_str_eq(a, b);
    }
    text_free(&t);
}
END_TEST

START_TEST(cells_in_order)
{
    ck_assert_int_eq(open_sweep("  grid: {b.x: [1, 2], a: [3, 4], b.y: [5, 6]}\n"
                                "  zip: {one: {c: [7, 8], d: [p, q]}}\n"
                                "  random: {samples: 2, seed: 3, parameters: {e: {choice: [z]}}}"),
                     0);
    ck_assert_uint_eq(study.n_cells, 2 * 2 * 2 * 2 * 2);
    ck_assert_str_eq(cell(0), "1 3 5 7 p z"); /* keys in the order of the file, though b.x and b.y stand in one map */
    struct study_trial t;
    ck_assert_int_eq(study_trial(&study, 1, &t, &arena, &err), 0);
    ck_assert(t.excluded);                    /* the second draw is the first one again */
    ck_assert_str_eq(cell(2), "1 3 5 8 q z"); /* the last dimension varies fastest */
    ck_assert_str_eq(cell(4), "1 3 6 7 p z");
    ck_assert_str_eq(cell(30), "2 4 6 8 q z");
    ck_assert_int_eq(study_trial(&study, 30, &t, &arena, &err), 0);
    ck_assert_str_eq(json(t.tree), "{\"a\":4,\"b\":{\"x\":2,\"y\":6},\"c\":8,\"d\":\"q\",\"e\":\"z\"}");
}
END_TEST

/* Integers and multiples: all of them come, the ends too, and nothing else. */
START_TEST(quantized_draws)
{
    ck_assert_int_eq(open_sweep("  random:\n    samples: 300\n    parameters:\n      i: {randint: [-2, 2]}\n"
                                "      l: {lograndint: [1, 64]}\n      q: {quniform: [0.1, 0.45, 0.1]}\n"
                                "      g: {qloguniform: [1e-3, 1, 1e-3]}"),
                     0);
    ASSERT_SOUND();
    size_t seen[5] = { 0 }, tenths[5] = { 0 }, small = 0;
    for (uint64_t i = 0; i < 300; i++) {
        struct study_trial t;
        ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
        const double n = t.coordinates[0].number, l = t.coordinates[1].number, q = t.coordinates[2].number;
        ck_assert(n >= -2 && n <= 2 && n == floor(n) && l >= 1 && l <= 64 && l == floor(l));
        ck_assert_uint_le(strlen(t.coordinates[2].text), 3);
        ck_assert_uint_le(strlen(t.coordinates[3].text), 5);
        seen[(int)n + 2]++;
        ck_assert(q >= 0.1 && q <= 0.4);
        tenths[(int)(10 * q + 0.5)]++;
        small += l <= 8;
    }
    for (int i = 0; i < 5; i++)
        ck_assert(seen[i] > 35 && seen[i] < 90); /* 60, sd 7 */
    for (int i = 1; i < 5; i++)
        ck_assert(tenths[i] > 45 && tenths[i] < 110); /* 75, sd 7.5 */
    ck_assert(small > 110 && small < 200);            /* log 8.5 / log 64 of 300: 154, sd 8.6 */
}
END_TEST

START_TEST(random_draws)
{
    ck_assert_int_eq(
        open_sweep("  random:\n    samples: 400\n    seed: 7\n    parameters:\n"
                   "      u: {uniform: [-1, 3]}\n      train.l: {loguniform: [1e-5, 1]}\n      c: {choice: [a, b, 3]}"),
        0);
    ASSERT_SOUND();
    ck_assert_uint_eq(study.n_cells, 400);
    double sum = 0, sum_log = 0;
    size_t n_three = 0;
    for (uint64_t i = 0; i < 400; i++) {
        struct study_trial t;
        ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
        const double u = t.coordinates[0].number, l = t.coordinates[1].number;
        ck_assert(u >= -1 && u <= 3 && l >= 1e-5 && l <= 1);
        ck_assert_uint_le(strlen(t.coordinates[0].text), 12); /* six digits */
        sum += u;
        sum_log += log10(l);
        n_three += t.coordinates[2].number == 3;
    }
    ck_assert_double_eq_tol(sum / 400, 1, 0.25);        /* sd 4/sqrt(12)/20 = 0.058 */
    ck_assert_double_eq_tol(sum_log / 400, -2.5, 0.35); /* sd 5/sqrt(12)/20 = 0.072 */
    ck_assert(n_three > 90 && n_three < 180);           /* 133, sd 9.4 */
    /* a draw is a function of seed, key and number: nothing else in the file matters */
    struct rng r = rng_stream(7, "sweep.u");
    rng_seek(&r, 5);
    struct study_trial t;
    ck_assert_int_eq(study_trial(&study, 5, &t, &arena, &err), 0);
    ck_assert_double_eq_tol(t.coordinates[0].number, -1 + 4 * rng_uniform(&r), 1e-5);
    char *before = strdup(t.coordinates[0].text);
    study_close(&study);
    ck_assert_int_eq(
        open_sweep("  random: {samples: 6, seed: 7, parameters: {z: {uniform: [0, 1]}, u: {uniform: [-1, 3]}}}"), 0);
    ck_assert_int_eq(study_trial(&study, 5, &t, &arena, &err), 0);
    ck_assert_str_eq(t.coordinates[1].text, before);
    free(before);
}
END_TEST

START_TEST(excluded_by_number_list_and_seed)
{
    const char *text = "version: 1\nexperiment: e\nseeds: [4, 5]\nvariants: {a: {}, b: {}}\n"
                       "sweep:\n  grid: {x: {geomspace: [0.01, 1, 3]}, y: [p, q, 3]}\n"
                       "  exclude:\n    - {x: 1e-1, y: [p, 3.0]}\n    - {variant: b, seed: 5}\n";
    ck_assert_int_eq(study_parse(&study, "t", text, strlen(text), NULL, NULL, 0, &arena, &err), 0);
    ASSERT_SOUND();
    size_t n = 0;
    for (uint64_t i = 0; i < 2 * 9 * 2; i++) {
        struct study_trial t;
        ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
        const bool first = t.coordinates[0].number == 0.1 && strcmp(t.coordinates[1].text, "q") != 0;
        const bool second = strcmp(t.variant, "b") == 0 && t.seed == 5;
        ck_assert_int_eq(t.excluded, first || second);
        n += t.excluded;
    }
    ck_assert_uint_eq(n, 8 + 9 - 2);
}
END_TEST

START_TEST(a_trillion_is_counted)
{
    struct text t = { 0 };
    text_puts(&t, "  grid:\n");
    for (int i = 0; i < 12; i++)
        text_add(&t, "    a%d: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n", i);
    const size_t used = arena.used;
    const clock_t start = clock();
    uint64_t n = 0;
    ck_assert_int_eq(open_sweep(t.s), 0);
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    ck_assert_uint_eq(n, 1000000000000);
    ck_assert_str_eq(cell(123456789012), "1 2 3 4 5 6 7 8 9 0 1 2"); /* a mixed-radix number */
    ck_assert_int_eq(study_count(&study, 100000, &n, &err), ERR_SPEC);
    ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, 2);
    ck_assert_uint_lt(arena.used - used, 2u << 20);
    const char *message = messages();
    ck_assert_int_eq(strncmp(message, "3:1: 1000000000000 trials: 10 (a0) x 10 (a1) x 10 (a2) x ", 57), 0);
    ck_assert_ptr_nonnull(strstr(message, "x 10 (a11); more than 100000 must be confirmed with --yes\n"));
    text_free(&t);
}
END_TEST

/* The limit is about what exclusions leave. */
START_TEST(the_limit_counts_what_remains)
{
    static const char grid[] = "  grid: {a: {range: [1, 200, 1]}, b: {range: [1, 3, 1]}}\n";
    static const struct {
        const char *exclude;
        uint64_t left;
    } cases[] = {
        { "", 600 },
        { "  exclude: [{b: 2}]\n", 400 },
        { "  exclude: [{b: [1, 2]}, {a: 200}]\n", 199 },
    };
    for (size_t i = 0; i < 3; i++) {
        uint64_t n = 0;
        ck_assert_int_eq(open_sweep(arena_printf(&arena, "%s%s", grid, cases[i].exclude)), 0);
        ck_assert_int_eq(study_count(&study, cases[i].left, &n, &err), 0);
        ck_assert_uint_eq(n, 600);
        ck_assert_int_eq(study_count(&study, cases[i].left - 1, &n, &err), ERR_SPEC);
        const char *expected =
            arena_printf(&arena, "3:1: 600 trials: 200 (a) x 3 (b)%s; more than %llu %s confirmed with --yes\n",
                         i ? " before exclusions" : "", (unsigned long long)cases[i].left - 1,
                         i ? "remain, which must be" : "must be");
        ck_assert_str_eq(messages(), expected);
        study_close(&study);
    }
    uint64_t n = 0;
    ck_assert_int_eq(open_sweep("  grid: {a: [1, 2], b: {range: [1, 1000000, 1]}}\n  exclude: [{a: 1}]"), 0);
    ck_assert_int_eq(study_count(&study, 100000, &n, &err), ERR_SPEC);
    ck_assert_ptr_nonnull(strstr(messages(), "so many cells are not looked through"));
    study_close(&study);
    ck_assert_int_eq(open_sweep("  grid: {a: [1, 2]}\n  exclude: [{a: 2}]\nseeds: 3"),
                     0); /* the first cell is too much */
    ck_assert_int_eq(study_count(&study, 2, &n, &err), ERR_SPEC);
    ck_assert_str_eq(messages(), "3:1: 6 trials: 2 (a) x 3 seeds before exclusions; more than 2 remain, which must be "
                                 "confirmed with --yes\n");
}
END_TEST

START_TEST(more_than_two_to_the_64)
{
    struct text t = { 0 };
    text_puts(&t, "  grid:\n");
    for (int i = 0; i < 40; i++)
        text_add(&t, "    a%d: {linspace: [0, 1, 1000]}\n", i);
    uint64_t n = 0;
    ck_assert_int_eq(open_sweep(t.s), 0);
    ck_assert_int_eq(study_count(&study, 0, &n, &err), ERR_SPEC);
    ck_assert_uint_eq(n, UINT64_MAX);
    ck_assert_int_eq(strncmp(messages(), "3:1: more than 1.8e19 trials: 1000 (a0) x 1000 (a1)", 51), 0);
    study_close(&study);
    ck_assert_int_eq(open_sweep("  grid: {a: {range: [1, 4e9, 1]}, b: {range: [1, 4e9, 1]}}"), 0);
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    ck_assert_uint_eq(n, 16000000000000000000u);
    ck_assert_str_eq(cell(n - 1), "4000000000 4000000000");
    text_free(&t);
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    { "  - 1", "4:3: sweep: expected a map, found a list\n" },
    { "  gird: {a: [1]}\n  what: 1", "4:3: unknown key 'gird' in sweep; did you mean 'grid'?\n5:3: unknown key 'what' "
                                     "in sweep; known: grid, zip, random, exclude\n" },
    { "  grid: {a: 1, b: [], c: [1, 1.0]}",
      "4:13: sweep.grid.a: expected a list of values, or {range: [from, to, step]}, {linspace|geomspace: [from, to, "
      "n]}, "
      "{logspace: [exponent, exponent, n]}, found the number 1\n"
      "4:19: sweep.grid.b: an empty list leaves no trial\n4:30: sweep.grid.c: the value 1 is listed twice\n" },
    { "  grid: {a: {geomspce: [1, 2, 3]}}",
      "4:14: sweep.grid.a: unknown kind of values 'geomspce'; did you mean 'geomspace'?\n" },
    { "  grid: {a: {uniform: [1, 2]}}", "4:13: sweep.grid.a: expected a list of values, or {range: [from, to, step]}, "
                                        "{linspace|geomspace: [from, to, n]}, "
                                        "{logspace: [exponent, exponent, n]}, found a map\n" },
    { "  grid: {a: {range: [1, 2]}, b: {range: [1, 2, 0]}, c: {range: [1, 2, -1]}, d: {range: [0, 1e300, 1e-300]}}",
      "4:21: sweep.grid.a: expected 3 numbers, found 2\n4:41: sweep.grid.b: a step of 0 does not lead from 1 to 2\n"
      "4:64: sweep.grid.c: a step of -1 does not lead from 1 to 2\n4:88: sweep.grid.d: more values than can be "
      "counted\n" },
    { "  grid: {a: {linspace: [1, x, 3]}, b: {linspace: [1, 2, 2.5]}, c: {geomspace: [0, 1, 3]}, d: {geomspace: [-1, "
      "1, 3]}, "
      "e: {logspace: [0, 400, 3]}, f: {linspace: [-1e308, 1e308, 3]}}",
      "4:28: sweep.grid.a: expected a finite number, found a string 'x'\n4:57: sweep.grid.b: expected a count of "
      "values, an integer >= 1\n"
      "4:79: sweep.grid.c: the ends must have the same sign and not be 0\n4:106: sweep.grid.d: the ends must have the "
      "same sign and not be 0\n"
      "4:137: sweep.grid.e: 10^400 is no number of double precision\n4:161: sweep.grid.f: the distance between -1e308 "
      "and 1e308 is not finite\n" },
    { "  zip: {g: {a: [1, 2], b: [1, 2, 3]}, h: 1}",
      "4:27: sweep.zip.g: 'b' has 3 values, but 'a' has 2; they are taken together\n4:42: sweep.zip.h: expected a map, "
      "found the number 1\n" },
    { "  grid: {a.b: [1]}\n  zip: {g: {a.b: [2], a: [3]}}",
      "5:13: 'a.b' goes into 'a', which is not a map\n  5:23: it is given here\n" },
    { "  zip: {g: {a: [1, 1, 2], b: [3, 4, 4]}, h: {c: [1, 2, 1], d: [x, y, x]}}",
      "4:56: sweep.zip.h: the values 1, \"x\" are listed twice\n" }, /* only together are they a cell */
    { "  grid: {a: {linspace: [2, 2, 3]}, b: {linspace: [2, 2, 1]}}",
      "4:24: sweep.grid.a: both ends are 2, which would be the same value 3 times\n" },
    { "  grid: {a.b: [1], abc: [2]}\n  zip: {g: {a.b: [2]}, h: {a: [3]}}",
      "5:15: sweep.zip.g.a.b: 'a.b' is swept twice\n  4:12: it is swept here\n"
      "5:28: sweep.zip.h.a: 'a.b' is swept as well; one contains the other\n  4:12: it is swept here\n" },
    { "  grid: {seeds: [1, 2]}",
      "4:10: sweep.grid.seeds: 'seeds' belongs to the study; only keys of a trial can be swept\n" },
    { "  random: {seed: -1, parameters: {a: [1]}}",
      "4:11: sweep.random: missing required key 'samples'\n"
      "4:18: sweep.random.seed: -1 is out of range; expected an integer >= 0 and <= 9e15\n"
      "4:38: sweep.random.parameters.a: expected {uniform|loguniform: [from, to]}, {randint|lograndint: [from, to]}, "
      "{quniform|qloguniform: [from, to, q]} or {choice: [...]}, "
      "found a list\n" },
    { "  random: {samples: 1}", "4:11: sweep.random: missing required key 'parameters'\n" },
    { "  random: {samples: 1, parameters: {a: {uniform: [2, 1]}, b: {loguniform: [0, 1]}, c: {choice: []}}}",
      "4:50: sweep.random.parameters.a: expected [from, to] with from < to\n"
      "4:75: sweep.random.parameters.b: loguniform is between values, not exponents; both must be > 0\n"
      "4:96: sweep.random.parameters.c: expected at least one value\n" },
    { "  random: {samples: 1, parameters: {a: {randint: [1, 2.5]}, b: {quniform: [0, 1, 0]}, c: {quniform: [0.1, 0.4, "
      "0.5]}, d: {uniform: [-1e308, 1e308]}, f: {lograndint: [0, 9]}}}\n  exclude: [{}]",
      "4:54: sweep.random.parameters.a: expected an integer, found 2.5\n"
      "4:82: sweep.random.parameters.b: expected a step q > 0, found 0\n"
      "4:101: sweep.random.parameters.c: fewer than two multiples of 0.5 between 0.1 and 0.4\n"
      "4:132: sweep.random.parameters.d: the distance between -1e308 and 1e308 is not finite\n"
      "4:166: sweep.random.parameters.f: lograndint is between values, not exponents; both must be > 0\n" },
    { "  grid: {a: [1]}\n  exclude: [{}]", "5:13: sweep.exclude: an empty map, which would leave out every trial\n" },
    { "  grid: {a.bc: [1, 2]}\n  exclude: [{a.bd: 1}, {a.bc: 3}, {variant: x}, {seed: 2}, 5, {zz: 1}]",
      "5:16: sweep.exclude: 'a.bd' is not swept; did you mean 'a.bc'?\n5:31: sweep.exclude: the number 3 is not a "
      "value of 'a.bc'\n"
      "5:45: sweep.exclude: there is no variant x\n5:56: sweep.exclude: the number 2 is not one of the seeds\n"
      "5:60: sweep.exclude: expected a map of swept keys and values, found the number 5\n"
      "5:64: sweep.exclude: 'zz' is not swept; known: variant, seed, a.bc\n" },
};

START_TEST(every_mistake)
{
    ck_assert_int_eq(open_sweep(mistakes[_i].yaml), ERR_SPEC);
    ck_assert_str_eq(messages(), mistakes[_i].said);
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, close_all);
    tcase_add_loop_test(c, values, 0, COUNT(axes));
    tcase_add_test(c, cells_in_order);
    tcase_add_test(c, random_draws);
    tcase_add_test(c, quantized_draws);
    tcase_add_test(c, excluded_by_number_list_and_seed);
    tcase_add_test(c, a_trillion_is_counted);
    tcase_add_test(c, the_limit_counts_what_remains);
    tcase_add_test(c, more_than_two_to_the_64);
    tcase_add_loop_test(c, every_mistake, 0, COUNT(mistakes));
}

CHECK_MAIN("sweep", add_tests)
