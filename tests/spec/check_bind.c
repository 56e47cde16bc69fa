#include "fixture.h"
#include "spec/bind.h"
#include <math.h>

/* A small world: optimizers, layers of which one contains layers, and a struct with an option of every type. */
struct sgd {
    double stepsize, momentum;
    bool nesterov;
};
static const struct option sgd_options[] = { { "stepsize", OPT_REAL, offsetof(struct sgd, stepsize), NULL, 0, 1e300,
                                               OPTION_REQUIRED | OPTION_ABOVE_MIN },
                                             { "momentum", OPT_REAL, offsetof(struct sgd, momentum), "0", 0, 1 },
                                             { "nesterov", OPT_BOOL, offsetof(struct sgd, nesterov), "false" },
                                             { 0 } };
struct adam {
    struct reals betas;
};
static const struct option adam_options[] = {
    { "betas", OPT_REALS, offsetof(struct adam, betas), "[0.9, 0.999]", 0, 1 }, { 0 }
};
static const struct part sgd = { .name = "sgd", .options = sgd_options, .opts_size = sizeof(struct sgd) };
static const struct part adam = { .name = "adam", .options = adam_options, .opts_size = sizeof(struct adam) };
static const struct part none = { .name = "none" };
static const struct part *const optimizers[] = { &sgd, &adam, &none };
static const struct registry optimizer_registry = { "optimizer", optimizers, 3 };

/* A layer lies below the optimizers and knows their kind alone. */
static const struct registry optimizer_kind = { .kind = "optimizer" };
struct dense {
    int64_t units;
    struct chosen optimizer;
};
static const struct option dense_options[] = { { "units", OPT_INT, offsetof(struct dense, units), NULL, 1, 1e6,
                                                 OPTION_REQUIRED },
                                               { "optimizer", OPT_PART, offsetof(struct dense, optimizer), NULL,
                                                 .flags = OPTION_NULLABLE, .registry = &optimizer_kind },
                                               { 0 } };
static const struct part dense = { .name = "dense", .options = dense_options, .opts_size = sizeof(struct dense) };
static const struct part flatten = { .name = "flatten" };
struct residual {
    struct chosen_list layers;
};
extern const struct registry layer_registry;
static const struct option residual_options[] = { { "layers", OPT_PARTS, offsetof(struct residual, layers),
                                                    .flags = OPTION_REQUIRED, .registry = &layer_registry },
                                                  { 0 } };
static const struct part residual = { .name = "residual",
                                      .options = residual_options,
                                      .opts_size = sizeof(struct residual) };
static const struct part *const layers[] = { &dense, &flatten, &residual };
const struct registry layer_registry = { "layer", layers, 3 };

static const char *const precisions[] = { "single", "double", NULL };
static const char *const metrics[] = { "train_loss", "test_loss", NULL };
struct train {
    struct chosen optimizer, other;
    struct chosen_list several;
    int64_t batch_size, iterations;
    double limit;
};
struct world {
    int precision, route;
    bool verbose;
    const char *title, *note;
    struct train train;
    struct chosen_list layers;
    struct names metrics;
    struct reals sizes, more;
};
static const struct option train_options[] = {
    { "optimizer", OPT_PART, offsetof(struct train, optimizer), NULL, .flags = OPTION_REQUIRED,
      .registry = &optimizer_registry },
    { "other", OPT_PART, offsetof(struct train, other), NULL, .flags = OPTION_NULLABLE,
      .registry = &optimizer_registry },
    { "several", OPT_PARTS, offsetof(struct train, several), NULL, .flags = OPTION_NULLABLE | OPTION_PLAIN,
      .registry = &optimizer_registry },
    { "batch_size", OPT_INT, offsetof(struct train, batch_size), "20", 1, 1000 },
    { "iterations", OPT_INT, offsetof(struct train, iterations), NULL, 1, 1e12, OPTION_BUDGET | OPTION_NULLABLE },
    { "limit", OPT_REAL, offsetof(struct train, limit), "-1", 0, 10, OPTION_NULLABLE },
    { 0 }
};
static const struct option world_options[] = {
    { "precision", OPT_ENUM, offsetof(struct world, precision), "single", .names = precisions },
    { "route", OPT_ENUM, offsetof(struct world, route), NULL, .flags = OPTION_NULLABLE, .names = precisions },
    { "verbose", OPT_BOOL, offsetof(struct world, verbose), "true" },
    { "title", OPT_TEXT, offsetof(struct world, title), "untitled" },
    { "note", OPT_TEXT, offsetof(struct world, note), NULL, .flags = OPTION_NULLABLE },
    { "train", OPT_MAP, offsetof(struct world, train), .flags = OPTION_REQUIRED, .table = train_options },
    { "layers", OPT_PARTS, offsetof(struct world, layers), "[]", .registry = &layer_registry },
    { "metrics", OPT_NAMES, offsetof(struct world, metrics), "[train_loss]", .names = metrics },
    { "sizes", OPT_REALS, offsetof(struct world, sizes), "1", 0, 0, OPTION_ABOVE_MIN },
    { "more", OPT_REALS, offsetof(struct world, more), NULL, .flags = OPTION_NULLABLE },
    { 0 }
};

static struct world world;

static int bind_text(const char *yaml)
{
    world = (struct world){ 0 };
    const struct node *n = parse(yaml);
    ck_assert_ptr_nonnull(n);
    return bind_tree(n, world_options, &world, "", &arena, &err);
}

static const char *bound(void)
{
    text_clear(&said);
    bind_json(world_options, &world, 0, &said);
    return said.s;
}

START_TEST(values_and_defaults)
{
    ck_assert_int_eq(bind_text("train: {optimizer: {name: sgd, stepsize: 1e-3, nesterov: true}, batch_size: 1e2}\n"
                               "precision: double\nlayers: [dense: {units: 5}, flatten]\nsizes: [1, 2.5]\n"),
                     0);
    ASSERT_SOUND();
    const struct sgd *o = world.train.optimizer.opts;
    ck_assert_ptr_eq(world.train.optimizer.part, &sgd);
    ck_assert(o->stepsize == 1e-3 && o->momentum == 0 && o->nesterov);
    ck_assert_ptr_null(world.train.other.part);
    ck_assert_int_eq(world.train.batch_size, 100);
    ck_assert_int_eq(world.train.iterations, 0);
    ck_assert(world.train.limit == -1); /* absent, though -1 is out of range */
    ck_assert_int_eq(world.precision, 1);
    ck_assert_int_eq(world.route, -1);
    ck_assert(world.verbose);
    ck_assert_str_eq(world.title, "untitled");
    ck_assert_ptr_null(world.note);
    ck_assert_uint_eq(world.layers.n, 2);
    ck_assert_int_eq(((const struct dense *)world.layers.items[0].opts)->units, 5);
    ck_assert_ptr_eq(world.layers.items[1].part, &flatten);
    ck_assert_ptr_null(world.layers.items[1].opts);
    ck_assert_uint_eq(world.metrics.n, 1);
    ck_assert_uint_eq(world.sizes.n, 2);
    ck_assert(world.sizes.items[1] == 2.5);
    ck_assert_ptr_null(world.more.items);
}
END_TEST

START_TEST(canonical_json)
{
    ck_assert_int_eq(bind_text("train: {optimizer: adam, iterations: 40000}\nlayers: [dense: {units: 5}, flatten]"), 0);
    ck_assert_str_eq(
        bound(),
        "{\"precision\":\"single\",\"verbose\":true,\"title\":\"untitled\",\"train\":{\"optimizer\":{\"name\":\"adam\","
        "\"betas\":[0.9,0.999]},\"batch_size\":20,\"iterations\":40000},\"layers\":[{\"dense\":{\"units\":5}},"
        "{\"flatten\":{}}],\"metrics\":[\"train_loss\"],\"sizes\":[1]}");
    text_clear(&said);
    bind_json(world_options, &world, OPTION_BUDGET, &said);
    ck_assert_ptr_null(strstr(said.s, "iterations"));
}
END_TEST

static const char *const sound[] = {
    "train: {optimizer: none}",
    "train: {optimizer: {name: sgd, stepsize: 0.1, momentum: 0.30000000000000004}, other: adam, iterations: 5, limit: "
    "0}",
    "{train: {optimizer: {name: none}}, title: \"a \\\"b\\\"\\n\\x1b\", note: 12, route: double, more: [], sizes: 3, "
    "verbose: false}",
    "train: {optimizer: adam}\nlayers:\n  - {dense: {units: 2}, repeat: 3}\n  - residual: [{dense: {units: 7}}, "
    "{residual: [flatten]}]\n"
    "  - residual: {layers: []}\n  - {name: dense, units: 4, repeat: 2}\n  - flatten:\n",
    "train: {optimizer: none, several: {name: sgd, stepsize: 2}}",
    "train: {optimizer: none, several: [{name: sgd, stepsize: 2}, adam, {sgd: {stepsize: 1}, repeat: 2}]}",
    "train.optimizer: {name: adam, betas: 0.5}\nmetrics: test_loss\nlayers: []",
};

START_TEST(json_binds_to_the_same)
{
    ck_assert_int_eq(bind_text(sound[_i]), 0);
    ASSERT_SOUND();
    char *first = strdup(bound());
    ck_assert_int_eq(bind_text(first), 0);
    ASSERT_SOUND();
    ck_assert_str_eq(bound(), first);
    free(first);
}
END_TEST

START_TEST(repeat_makes_layers_of_their_own)
{
    ck_assert_int_eq(bind_text(sound[3]), 0);
    ck_assert_uint_eq(world.layers.n, 3 + 1 + 1 + 2 + 1);
    ck_assert_ptr_ne(world.layers.items[0].opts, world.layers.items[1].opts);
    ck_assert_int_eq(((const struct dense *)world.layers.items[2].opts)->units, 2);
    const struct residual *r = world.layers.items[3].opts;
    ck_assert_uint_eq(r->layers.n, 2);
    ck_assert_ptr_eq(r->layers.items[1].part, &residual);
}
END_TEST

static const struct {
    const char *yaml, *said;
} mistakes[] = {
    { "{}", "1:1: missing required key 'train'\n" },
    { "[1]", "1:1: file: expected a map, found a list\n" },
    { "{train: {}, x: 1}",
      "1:13: unknown key 'x'; known: precision, route, verbose, title, note, train, layers, metrics, sizes, more\n"
      "1:9: train: missing required key 'optimizer'\n" },
    { "train: {optimizer: {name: sgd, stepsise: 1, stepsize: 2}}",
      "1:32: unknown key 'stepsise' in train.optimizer; did you mean 'stepsize'?\n" },
    { "train: {optimizer: {name: none, a: 1}}", "1:33: unknown key 'a' in train.optimizer; 'none' takes no options\n" },
    { "train: {optimizer: sdg}", "1:20: train.optimizer: unknown optimizer 'sdg'; did you mean 'sgd'?\n" },
    { "train: {optimizer: lbfgs}", "1:20: train.optimizer: unknown optimizer 'lbfgs'; known: sgd, adam, none\n" },
    { "train: {optimizer: sgd}", "1:20: train.optimizer: missing required key 'stepsize'\n" },
    { "train: {optimizer: {stepsize: 1}}", "1:20: train.optimizer: missing key 'name': which optimizer?\n" },
    { "train: {optimizer: [adam]}",
      "1:20: train.optimizer: expected the name of a part (optimizer) or a map with it, found a list\n" },
    { "train: {optimizer: none, batch_size: many}",
      "1:38: train.batch_size: expected an integer, found a string 'many'\n" },
    { "train: {optimizer: none, batch_size: 1.5}",
      "1:38: train.batch_size: expected an integer, found the number 1.5\n" },
    { "train: {optimizer: none, batch_size: \"5\"}",
      "1:38: train.batch_size: expected an integer, found a string \"5\"\n" },
    { "train: {optimizer: none, batch_size: 0}",
      "1:38: train.batch_size: 0 is out of range; expected an integer >= 1 and <= 1000\n" },
    { "train: {optimizer: none, batch_size: 9223372036854775808}",
      "1:38: train.batch_size: 9223372036854775808 is out of range; expected an integer >= 1 and <= 1000\n" },
    { "train: {optimizer: {name: sgd, stepsize: 0}}",
      "1:42: train.optimizer.stepsize: 0 is out of range; expected a number > 0\n" },
    { "train: {optimizer: {name: sgd, stepsize: .nan}}",
      "1:42: train.optimizer.stepsize: expected a finite number, found the number .nan\n" },
    { "train: {optimizer: {name: sgd, stepsize: 1e400}}",
      "1:42: train.optimizer.stepsize: expected a number, found a number out of every range, 1e400\n" },
    { "train: {optimizer: {name: sgd, stepsize: 1, momentum: 2}}",
      "1:55: train.optimizer.momentum: 2 is out of range; expected a number >= 0 and <= 1\n" },
    { "{train: {optimizer: none, limit: -0.5}, verbose: yes}",
      "1:50: verbose: expected true or false, found a string 'yes'\n"
      "1:34: train.limit: -0.5 is out of range; expected a number >= 0 and <= 10\n" },
    { "{train: {optimizer: none}, precision: dbl, route: duble}",
      "1:39: precision: unknown precision 'dbl'; known: single, double\n1:51: route: unknown route 'duble'; did you "
      "mean 'double'?\n" },
    { "{train: 5, title: [x], metrics: {a: 1}, sizes: {b: 1}}",
      "1:19: title: expected a string, found a list\n1:9: train: expected a map with the keys optimizer, other, "
      "several, batch_size, iterations and limit, found the number 5\n"
      "1:33: metrics: expected a list of names, found a map\n1:48: sizes: expected a number or a list of numbers, "
      "found a map\n" },
    { "{train: {optimizer: none}, metrics: [train_los, x, test_loss, test_loss], sizes: [1, 0, x]}",
      "1:38: metrics: unknown name 'train_los'; did you mean 'train_loss'?\n1:49: metrics: unknown name 'x'; known: "
      "train_loss, test_loss\n"
      "1:63: metrics: 'test_loss' is named twice\n1:86: sizes: 0 is out of range; expected a number > 0\n"
      "1:89: sizes: expected a number, found a string 'x'\n" },
    { "{train: {optimizer: none}, layers: {dense: {units: 1}}}",
      "1:36: layers: expected a list with one layer after each dash, found a map\n" },
    { "{train: {optimizer: none}, layers: [dens, {dense: {units: 1}, flatten: {}}, [x], {repeat: 2}, {dense: {units: "
      "0}}, {dense: 4}]}",
      "1:37: layers.0: unknown layer 'dens'; did you mean 'dense'?\n"
      "1:63: layers.1: expected one layer per element, found 2; write each after a dash of its own\n"
      "1:77: layers.2: expected a layer, found a list\n"
      "1:82: layers.3: expected one layer per element, found 0; write each after a dash of its own\n"
      "1:111: layers.4.dense.units: 0 is out of range; expected an integer >= 1 and <= 1000000\n"
      "1:124: layers.5.dense: expected a map of options, found the number 4\n" },
    { "{train: {optimizer: none}, layers: [{flatten: {}, repeat: 0}, {residual: [{dense: {}}]}, dense]}",
      "1:59: layers.0.repeat: 0 is out of range; expected an integer >= 1 and <= 10000\n"
      "1:76: layers.1.residual.layers.0.dense: missing required key 'units'\n"
      "1:90: layers.2: missing required key 'units'\n" },
    { "{train: {optimizer: none}, layers: [{flatten: {}, repeat: 9999}, flatten, flatten]}",
      "1:36: layers: 10001 parts; at most 10000\n" },
};

START_TEST(every_mistake_with_its_place)
{
    ck_assert_int_eq(bind_text(mistakes[_i].yaml), ERR_SPEC);
    ck_assert_str_eq(messages(), mistakes[_i].said);
}
END_TEST

START_TEST(nothing_is_all_defaults)
{
    struct adam o = { 0 };
    ck_assert_int_eq(bind_tree(NULL, adam_options, &o, "x", &arena, &err), 0);
    ck_assert_uint_eq(o.betas.n, 2);
    ck_assert(o.betas.items[1] == 0.999);
}
END_TEST

START_TEST(one_value)
{
    int64_t units = 0;
    ck_assert_int_eq(bind_value(parse("7"), dense_options, &units, "x", &arena, &err), 0);
    ck_assert_int_eq(units, 7);
    ck_assert_int_eq(bind_value(parse("0"), dense_options, &units, "x.y", &arena, &err), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:1: x.y.units: 0 is out of range; expected an integer >= 1 and <= 1000000\n");
}
END_TEST

/* A registry that a part names by its kind is that of the file's own table. */
START_TEST(a_kind_alone)
{
    ck_assert_int_eq(bind_text("{train: {optimizer: none}, layers: [dense: {units: 5, optimizer: adam}]}"), 0);
    ck_assert_ptr_eq(((const struct dense *)world.layers.items[0].opts)->optimizer.part, &adam);
    ck_assert_int_eq(bind_text("{train: {optimizer: none}, layers: [dense: {units: 5, optimizer: sdg}]}"), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:66: layers.0.dense.optimizer: unknown optimizer 'sdg'; did you mean 'sgd'?\n");
}
END_TEST

/* One part alone or a list of them; a list of one is that one. */
START_TEST(a_part_or_parts)
{
    static const char *const forms[][2] = {
        { "{name: sgd, stepsize: 2}",
          "\"several\":{\"name\":\"sgd\",\"stepsize\":2,\"momentum\":0,\"nesterov\":false}" },
        { "[{name: sgd, stepsize: 2}]",
          "\"several\":{\"name\":\"sgd\",\"stepsize\":2,\"momentum\":0,\"nesterov\":false}" },
        { "none", "\"several\":{\"name\":\"none\"}" },
        { "[none, adam: {betas: 0}]", "\"several\":[{\"none\":{}},{\"adam\":{\"betas\":[0]}}]" },
    };
    char yaml[128];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(yaml, sizeof yaml, "{train: {optimizer: none, several: %s}}", forms[i][0]);
        ck_assert_int_eq(bind_text(yaml), 0);
        ck_assert_msg(strstr(bound(), forms[i][1]) != NULL, "%s: no %s in %s", yaml, forms[i][1], said.s);
    }
    ck_assert_int_eq(bind_text("{train: {optimizer: none, several: sdg}}"), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:36: train.several: unknown optimizer 'sdg'; did you mean 'sgd'?\n");
    ck_assert_int_eq(bind_text("{train: {optimizer: none, several: [none, {name: sgd}]}}"), ERR_SPEC);
    ck_assert_str_eq(messages(), "1:43: train.several.1: missing required key 'stepsize'\n");
}
END_TEST

static void visit(void *self, const char *path, const char *text, double number)
{
    struct text *t = self;
    text_add(t, "%s=", path);
    if (text)
        text_puts(t, text);
    if (!isnan(number))
        text_add(t, "%s%g", text ? "/" : "", number);
    text_putc(t, '\n');
}

START_TEST(leaves)
{
    ck_assert_int_eq(bind_text("train: {optimizer: {name: sgd, stepsize: 0.5}, several: adam}\n"
                               "layers: [dense: {units: 5}, flatten]"),
                     0);
    struct text t = { 0 };
    bind_leaves(world_options, &world, visit, &t);
    ck_assert_str_eq(
        t.s,
        "precision=single\nverbose=true/1\ntitle=untitled\ntrain.optimizer.name=sgd\ntrain.optimizer.stepsize=0.5\n"
        "train.optimizer.momentum=0\ntrain.optimizer.nesterov=false/0\ntrain.several.name=adam\n"
        "train.several.betas=[0.9,0.999]\ntrain.batch_size=20\n"
        "layers.0=dense\nlayers.0.dense.units=5\nlayers.1=flatten\nmetrics=[\"train_loss\"]\nsizes=1\n");
    text_free(&t);
}
END_TEST

#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, values_and_defaults);
    tcase_add_test(c, canonical_json);
    tcase_add_loop_test(c, json_binds_to_the_same, 0, COUNT(sound));
    tcase_add_test(c, repeat_makes_layers_of_their_own);
    tcase_add_loop_test(c, every_mistake_with_its_place, 0, COUNT(mistakes));
    tcase_add_test(c, nothing_is_all_defaults);
    tcase_add_test(c, one_value);
    tcase_add_test(c, a_kind_alone);
    tcase_add_test(c, a_part_or_parts);
    tcase_add_test(c, leaves);
}

CHECK_MAIN("bind", add_tests)
