/* A swept key that a trial does not have is left out of it, and what becomes the same trial is kept once. */
#include "fixture.h"
#include "spec/bind.h"

/* A small world: a preset (`kind`) chooses a mapping, layers are a list, an optimizer may be absent. */
struct inverse {
    double regularization;
};
static const struct option inverse_options[] = {
    { "regularization", OPT_REAL, offsetof(struct inverse, regularization), "1" }, { 0 }
};
static const struct part inverse = {
    .name = "inverse", .options = inverse_options, .opts_size = sizeof(struct inverse), .gives = GIVES_TRAIN
};
static const struct part adjoint = { .name = "adjoint" };
static const struct part *const mappings[] = { &inverse, &adjoint };
static const struct registry mapping_registry = { "mapping", mappings, 2 };

extern const struct registry layer_registry;
struct dense {
    int64_t units;
};
static const struct option dense_options[] = { { "units", OPT_INT, offsetof(struct dense, units), "1" }, { 0 } };
static const struct option residual_options[] = { { "layers", OPT_PARTS, 0, .registry = &layer_registry }, { 0 } };
static const struct part dense = { .name = "dense", .options = dense_options, .opts_size = sizeof(struct dense) };
static const struct part residual = { .name = "residual",
                                      .options = residual_options,
                                      .opts_size = sizeof(struct chosen_list) };
static const struct part *const layers[] = { &dense, &residual };
const struct registry layer_registry = { "layer", layers, 2 };

struct training {
    int64_t steps;
};
static const struct option training_options[] = { { "steps", OPT_INT, offsetof(struct training, steps), "1" }, { 0 } };
struct inner {
    struct chosen mapping, other;
    struct training feedback;
    const char *name;
    struct names metrics;
};
static const struct option inner_options[] = {
    { "name", OPT_TEXT, offsetof(struct inner, name), "plain" },
    { "mapping", OPT_PART, offsetof(struct inner, mapping), "adjoint", .registry = &mapping_registry },
    { "other", OPT_PART, offsetof(struct inner, other), .flags = OPTION_NULLABLE, .registry = &mapping_registry },
    { "metrics", OPT_NAMES, offsetof(struct inner, metrics), "[a]" },
    { "feedback", OPT_MAP, offsetof(struct inner, feedback), .table = training_options, .of = "mapping",
      .of_gives = GIVES_TRAIN },
    { 0 }
};
struct world {
    struct inner algorithm;
    struct chosen_list layers;
    int64_t size, seed;
};
static const struct option options[] = {
    { "algorithm", OPT_MAP, offsetof(struct world, algorithm), .table = inner_options },
    { "layers", OPT_PARTS, offsetof(struct world, layers), "[]", .registry = &layer_registry },
    { "size", OPT_INT, offsetof(struct world, size), "1" },
    { "seed", OPT_INT, offsetof(struct world, seed), "1" },
    { 0 }
};

/* The algorithm `tp` inverts; the file may say otherwise. */
static struct node *complete(const struct node *tree, struct arena *a)
{
    struct err e = { 0 };
    const struct node *name = tree_find((struct node *)tree, "algorithm.name");
    const bool inverts = name && strcmp(name->text, "tp") == 0;
    const char *preset = inverts ? "{algorithm: {mapping: inverse}}" : "{algorithm: {mapping: adjoint}}";
    struct node *below = tree_parse("preset", preset, strlen(preset), a, &e);
    struct node *whole = tree_overlay(below, tree, a, &e);
    ck_assert_uint_eq(e.n_errors, 0);
    return name && strcmp(name->text, "broken") == 0 ? NULL : whole;
}
static const struct study_form form = { options, complete };

#define TREE                                                                                                           \
    "{algorithm: {mapping: {name: inverse}, metrics: [a, b]}, size: 3, layers: [dense, {dense: {units: 2}, repeat: "   \
    "2}, {name: dense}, residual: [dense: {units: 1}], residual: {layers: [dense]}]}"
static const struct {
    const char *path;
    enum bind_key key;
    size_t segment; /* of the missing name */
    const char *why;
} paths[] = {
    { "size", BIND_KEY_VALUE, 0, NULL },
    { "algorithm", BIND_KEY_PART, 0, NULL },
    { "algorithm.name", BIND_KEY_PART, 0, NULL },
    { "algorithm.mapping", BIND_KEY_PART, 0, NULL },
    { "algorithm.mapping.name", BIND_KEY_PART, 0, NULL },
    { "algorithm.mapping.regularization", BIND_KEY_VALUE, 0, NULL },
    { "algorithm.metrics", BIND_KEY_VALUE, 0, NULL },
    { "algorithm.metrics.1", BIND_KEY_VALUE, 0, NULL },
    { "layers", BIND_KEY_PART, 0, NULL },
    { "layers.0", BIND_KEY_PART, 0, NULL },
    { "layers.0.dense", BIND_KEY_PART, 0, NULL },
    { "layers.0.dense.units", BIND_KEY_VALUE, 0, NULL },
    { "layers.1.dense.units", BIND_KEY_VALUE, 0, NULL },
    { "layers.1.repeat", BIND_KEY_VALUE, 0, NULL },
    { "layers.2.units", BIND_KEY_VALUE, 0, NULL },
    { "layers.2.repeat", BIND_KEY_VALUE, 0, NULL },
    { "layers.3.residual.0.dense.units", BIND_KEY_VALUE, 0, NULL },
    { "layers.4.residual.layers.0.dense.units", BIND_KEY_VALUE, 0, NULL },
    { "siz", BIND_KEY_MISSING, 0, "unknown key 'siz'; did you mean 'size'?" },
    { "size.x", BIND_KEY_MISSING, 1, "size is a single value and has no keys of its own" },
    { "algorithm.maping.regularization", BIND_KEY_MISSING, 1,
      "unknown key 'maping' in algorithm; did you mean 'mapping'?" },
    { "algorithm.mapping.regularisation", BIND_KEY_MISSING, 2,
      "unknown key 'regularisation' in algorithm.mapping; did you mean 'regularization'?" },
    { "algorithm.other.regularization", BIND_KEY_MISSING, 1, "no other is given in algorithm" },
    { "algorithm.metrics.2", BIND_KEY_MISSING, 2, "index 2 is beyond algorithm.metrics, a list of 2 (counted from 0)" },
    { "layers.5.dense.units", BIND_KEY_MISSING, 1, "index 5 is beyond layers, a list of 5 (counted from 0)" },
    { "layers.1.rnn.units", BIND_KEY_MISSING, 2, "layers.1 is 'dense', not 'rnn'" },
    { "layers.1.dense.width", BIND_KEY_MISSING, 3, "unknown key 'width' in layers.1.dense; known: units" },
    { "layers.3.residual.1.dense", BIND_KEY_MISSING, 3,
      "index 1 is beyond layers.3.residual, a list of 1 (counted from 0)" },
};

START_TEST(keys)
{
    const struct node *tree = parse(TREE);
    struct bind_missing why = { 0 };
    ASSERT_SOUND();
    ck_assert_msg(bind_find_key(options, tree, paths[_i].path, &why, &arena) == paths[_i].key, "%s: %s", paths[_i].path,
                  why.text ? why.text : "found");
    if (paths[_i].why) {
        ck_assert_str_eq(why.text, paths[_i].why);
        ck_assert_uint_eq(why.segment, paths[_i].segment);
        ck_assert_int_eq(why.near, strstr(why.text, "did you mean") != NULL);
    }
}
END_TEST

/* A part without options, one that does not exist, and no tree at all. */
START_TEST(keys_of_other_trees)
{
    struct bind_missing why = { 0 };
    const char *key = "algorithm.mapping.regularization";
    ck_assert_int_eq(bind_find_key(options, parse("{algorithm: {mapping: adjoint}}"), key, &why, &arena),
                     BIND_KEY_MISSING);
    ck_assert_str_eq(why.text, "unknown key 'regularization' in algorithm.mapping; 'adjoint' takes no options");
    ck_assert_int_eq(bind_find_key(options, parse("{size: 1}"), key, NULL, &arena), BIND_KEY_MISSING); /* the default */
    ck_assert_int_eq(bind_find_key(options, NULL, key, NULL, &arena), BIND_KEY_MISSING);
    ck_assert_int_eq(bind_find_key(options, parse("{algorithm: {mapping: invers}}"), key, NULL, &arena),
                     BIND_KEY_VALUE); /* binding reports the part */
    key = "algorithm.feedback.steps"; /* a map about another part */
    ck_assert_int_eq(bind_find_key(options, parse("{algorithm: {mapping: inverse}}"), key, NULL, &arena),
                     BIND_KEY_VALUE);
    ck_assert_int_eq(bind_find_key(options, parse("{algorithm: {mapping: {name: adjoint}}}"), key, &why, &arena),
                     BIND_KEY_MISSING);
    ck_assert_str_eq(why.text, "'feedback' needs a mapping that has parameters to train; 'adjoint' does not");
    ASSERT_SOUND();
}
END_TEST

static struct study study;

static void close_all(void)
{
    study_close(&study);
    teardown();
}

#define HEAD "version: 1\nexperiment: e\n"
#define VARIANTS "variants: {bp: {algorithm: {name: bp}}, tp: {algorithm: {name: tp}}}\n"

static int fit(const char *text)
{
    const char *whole = arena_printf(&arena, HEAD "%s\n", text);
    (void)study_parse(&study, "t.yaml", whole, strlen(whole), NULL, NULL, 0, &arena, &err);
    return study_fit(&study, &form, &err);
}

/* "bp 1; tp 1 10; ": the trials that are left, with their values. */
static const char *trials(void)
{
    uint64_t n;
    ck_assert_int_eq(study_count(&study, 0, &n, &err), 0);
    text_clear(&said);
    text_puts(&said, "");
    for (uint64_t i = 0; i < n; i++) {
        struct study_trial t;
        ck_assert_int_eq(study_trial(&study, i, &t, &arena, &err), 0);
        ck_assert_int_eq(t.excluded, t.tree == NULL);
        if (t.excluded)
            continue;
        text_puts(&said, t.variant);
        for (size_t j = 0; j < t.n_coordinates; j++)
            text_add(&said, " %s", t.coordinates[j].text);
        text_puts(&said, "; ");
    }
    return said.s;
}

static const struct {
    const char *yaml, *trials;
} fits[] = {
    { VARIANTS "sweep.grid: {size: [1, 2], algorithm.mapping.regularization: [5, 6]}",
      "bp 1; bp 2; tp 1 5; tp 1 6; tp 2 5; tp 2 6; " },
    { VARIANTS "sweep.grid: {algorithm.mapping.regularization: [5, 6], size: [1, 2]}",
      "bp 1; bp 2; tp 5 1; tp 5 2; tp 6 1; tp 6 2; " },
    { VARIANTS "seeds: 2\nsweep.grid: {algorithm.mapping.regularization: [5, 6]}", "bp; bp; tp 5; tp 5; tp 6; tp 6; " },
    /* what is left of a zip may repeat */
    { VARIANTS "sweep.zip.g: {algorithm.mapping.regularization: [5, 6, 7], size: [1, 1, 2]}",
      "bp 1; bp 2; tp 5 1; tp 6 1; tp 7 2; " },
    { VARIANTS "sweep.zip.g: {algorithm.mapping.regularization: [5, 6]}", "bp; tp 5; tp 6; " },
    /* exclude: a condition on a key that the trial does not have is not met */
    { VARIANTS "sweep: {grid: {size: [1, 2], algorithm.mapping.regularization: [5, 6]},"
               " exclude: [{algorithm.mapping.regularization: 5}, {variant: bp, size: 2}]}",
      "bp 1; tp 1 6; tp 2 6; " },
    /* a swept part decides */
    { "sweep.grid: {algorithm.name: [tp, bp], algorithm.mapping.regularization: [5, 6]}",
      "base tp 5; base tp 6; base bp; " },
    { "sweep.grid: {algorithm.mapping.regularization: [5, 6], algorithm.mapping.name: [inverse, adjoint]}",
      "base 5 inverse; base adjoint; base 6 inverse; " },
    { "algorithm.other.name: adjoint\nsweep.grid: {algorithm.mapping.name: [adjoint, inverse], algorithm.other.name: "
      "[adjoint, inverse], "
      "algorithm.mapping.regularization: [5], algorithm.other.regularization: [6]}",
      "base adjoint adjoint; base adjoint inverse 6; base inverse adjoint 5; base inverse inverse 5 6; " },
    { "layers: [dense]\nvariants: {a: {}, b: {layers: [dense, dense]}}\nsweep.grid: {layers.1.dense.units: [3, 4]}",
      "a; b 3; b 4; " },
    /* a tree with mistakes has every key: binding reports them */
    { "algorithm.name: broken\nsweep.grid: {algorithm.mapping.regularization: [5, 6]}", "base 5; base 6; " },
};

START_TEST(left_out)
{
    ck_assert_int_eq(fit(fits[_i].yaml), 0);
    ASSERT_SOUND();
    ck_assert_str_eq(trials(), fits[_i].trials);
}
END_TEST

/* Equal draws are one trial: the first. What a trial does not have makes no difference. */
START_TEST(equal_draws)
{
    ck_assert_int_eq(fit(VARIANTS "sweep.random: {samples: 9, parameters: {algorithm.mapping.regularization: {choice: "
                                  "[5, 5.0]}, size: {choice: [1, 2]}}}"),
                     0);
    ck_assert_str_eq(messages(), "  4:16: sweep.random: 9 draws have 2 different values; equal draws are one trial\n");
    ck_assert_str_eq(trials(), "bp 1; bp 2; tp 5 1; tp 5.0 2; ");
    uint64_t n;
    ck_assert_int_eq(study_count(&study, 4, &n, &err), 0); /* they are counted once */
    ck_assert_int_eq(study_count(&study, 3, &n, &err), ERR_SPEC);
}
END_TEST

START_TEST(left_out_of_the_tree)
{
    struct study_trial t;
    ck_assert_int_eq(fit(VARIANTS "sweep.grid: {algorithm.mapping.regularization: [5, 6]}"), 0);
    ck_assert_int_eq(study_first_trial(&study, 0, &t, &arena, &err), 0);
    ck_assert_str_eq(json(t.tree), "{\"algorithm\":{\"name\":\"bp\"}}");
    ck_assert_int_eq(study_first_trial(&study, 1, &t, &arena, &err), 0);
    ck_assert_str_eq(json(t.tree), "{\"algorithm\":{\"mapping\":{\"regularization\":5},\"name\":\"tp\"}}");
    ck_assert_uint_eq(t.n_coordinates, 1);
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    { "siz: 3", "3:1: unknown key 'siz'; did you mean 'size'?\n" },
    { "seedz: 3\nseed: 1",
      "3:1: unknown key 'seedz'; did you mean 'seeds'?\n4:1: unknown key 'seed'; did you mean 'seeds'?\n" },
    { "siz: 3\nvariants: {a: {}, b: {siz: 4}, c: {}}",
      "3:1: unknown key 'siz'; did you mean 'size'?\n4:23: unknown key 'siz'; did you mean 'size'?\n" },
    { "nothing:\nsize:",
      "3:1: unknown key 'nothing'; known: version, experiment, title, description, source, seeds, "
      "variants, sweep, claims, profiles, extends, figures, targets, tune, labels, algorithm, layers, size\n" },
    { VARIANTS "sweep.grid: {algorithm.mapping.regularisation: [5, 6]}",
      "4:32: unknown key 'regularisation' in algorithm.mapping; did you mean 'regularization'?\n" },
    { VARIANTS "sweep.grid: {algorithm.other.x: [5, 6]}", "4:24: no other is given in algorithm (in every variant)\n" },
    { "sweep.grid: {seed: [5, 6], siz: [1, 2]}",
      "3:14: unknown key 'seed'; known: algorithm, layers, size\n3:28: unknown key 'siz'; did you mean 'size'?\n" },
    { "sweep.zip: {algorithm.mapping: [inverse, adjoint]}",
      "3:23: a zip has groups: zip: {NAME: {algorithm.mapping: [...], ...}}\n" },
};

START_TEST(unknown_keys)
{
    ck_assert_int_eq(fit(mistakes[_i].yaml), ERR_SPEC);
    ck_assert_str_eq(messages(), mistakes[_i].said);
}
END_TEST

static const struct {
    const char *yaml;
    bool readable;
} halves[] = {
    { "seeds: [1, 1]", true },
    { "seeds: []", true },
    { "variants: {a: 3, b: {}}", true },
    { "variants: {a: 3}", false },
    { "variants: [a]", false },
    { "sweep.grid.size: 5", true },
    { "sweep.grid.size: []", false },
    { "sweep.grid.size: {geomspace: [0, 1, 3]}", true },
    { "sweep.zip.g: {size: [1, 2], algorithm.name: [a]}", true },
    { "sweep.random: {samples: -1, parameters: {size: {uniform: [2, 1]}}}", true },
    { "sweep.random: {samples: 1, parameters: {size: [2, 1]}}", true },
};

/* After mistakes of the study, the first trial of each variant is composed, or the study says that it cannot be. */
START_TEST(trials_of_a_study_with_mistakes)
{
    const char *whole = arena_printf(&arena, HEAD "%s\n", halves[_i].yaml);
    ck_assert_int_eq(study_parse(&study, "t.yaml", whole, strlen(whole), NULL, NULL, 0, &arena, &err), ERR_SPEC);
    ck_assert_int_eq(study_is_readable(&study), halves[_i].readable);
    for (size_t v = 0; halves[_i].readable && v < study.n_variants; v++) {
        struct study_trial t;
        struct err own = { 0 };
        ck_assert_int_eq(study_first_trial(&study, v, &t, &arena, &own), 0);
        ck_assert_ptr_nonnull(t.tree);
    }
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, close_all);
    tcase_add_loop_test(c, keys, 0, COUNT(paths));
    tcase_add_test(c, keys_of_other_trees);
    tcase_add_loop_test(c, left_out, 0, COUNT(fits));
    tcase_add_test(c, left_out_of_the_tree);
    tcase_add_test(c, equal_draws);
    tcase_add_loop_test(c, unknown_keys, 0, COUNT(mistakes));
    tcase_add_loop_test(c, trials_of_a_study_with_mistakes, 0, COUNT(halves));
}

CHECK_MAIN("fit", add_tests)
