/* The schema is JSON, says what the tables say, and is the same each time. */
#include "fixture.h"
#include "spec/bind.h"

struct sgd {
    double stepsize;
    int64_t steps;
};
static const struct option sgd_options[] = { { "stepsize", OPT_REAL, offsetof(struct sgd, stepsize), NULL, 0, 1e300,
                                               OPTION_REQUIRED | OPTION_ABOVE_MIN, "size of a \"step\"" },
                                             { "steps", OPT_INT, offsetof(struct sgd, steps), "3", 1, 10 },
                                             { 0 } };
static const struct part sgd = { .name = "sgd", .options = sgd_options, .opts_size = sizeof(struct sgd) };
static const struct part none = { .name = "none" };
static const struct part *const optimizers[] = { &sgd, &none };
static const struct registry optimizer_registry = { "optimizer kind", optimizers, 2 };

extern const struct registry layer_registry;
static const struct option residual_options[] = { { "layers", OPT_PARTS, 0, .registry = &layer_registry }, { 0 } };
static const struct part residual = { .name = "residual",
                                      .options = residual_options,
                                      .opts_size = sizeof(struct chosen_list) };
static const struct part *const layers[] = { &residual, &none };
const struct registry layer_registry = { "layer", layers, 2 };

static const char *const words[] = { "a", "b", NULL };
struct inner {
    bool flag;
};
static const struct option inner_options[] = { { "flag", OPT_BOOL, 0, "true" }, { 0 } };
struct world {
    int word;
    const char *experiment;
    struct chosen optimizer;
    struct chosen_list layers;
    struct inner inner;
    struct names names;
    struct reals reals;
};
static const struct option options[] = { { "experiment", OPT_TEXT, offsetof(struct world, experiment), "e" },
                                         { "word", OPT_ENUM, offsetof(struct world, word), "b", .names = words },
                                         { "optimizer", OPT_PART, offsetof(struct world, optimizer), NULL,
                                           .flags = OPTION_REQUIRED, .registry = &optimizer_registry },
                                         { "layers", OPT_PARTS, offsetof(struct world, layers), "[]",
                                           .registry = &layer_registry },
                                         { "inner", OPT_MAP, offsetof(struct world, inner), .table = inner_options },
                                         { "names", OPT_NAMES, offsetof(struct world, names), "[a]", .names = words },
                                         { "reals", OPT_REALS, offsetof(struct world, reals), "[1]", 0, 1 },
                                         { 0 } };

/* JSON is YAML: our own reader is the judge, and "definitions" gives the pieces. */
static struct node *schema_tree(void)
{
    struct text t = { 0 };
    study_schema(options, &t);
    struct node *n = parse(t.s);
    ASSERT_SOUND();
    text_free(&t);
    return n;
}

START_TEST(pieces_of_a_table)
{
    struct text t = { 0 };
    text_putc(&t, '{');
    bind_schema(options, &t);
    text_putc(&t, '}');
    struct node *n = parse(t.s);
    text_free(&t);
    ASSERT_SOUND();
    ck_assert_str_eq(json(tree_find(n, "required")), "[\"optimizer\"]");
    ck_assert_str_eq(json(tree_find(n, "properties.word")), "{\"allOf\":[{\"enum\":[\"a\",\"b\"]}],\"default\":\"b\"}");
    ck_assert_str_eq(json(tree_find(n, "properties.inner.allOf.0.additionalProperties")), "false");
    ck_assert_str_eq(json(tree_find(n, "properties.reals.default")), "[1]");
    const char *part = "properties.optimizer.allOf.0.oneOf";
    ck_assert_str_eq(json(tree_find(n, arena_printf(&arena, "%s.1", part))),
                     "{\"const\":\"none\"}"); /* sgd alone lacks its stepsize */
    ck_assert_str_eq(json(tree_find(n, arena_printf(&arena, "%s.0.required", part))), "[\"name\",\"stepsize\"]");
    ck_assert_str_eq(json(tree_find(n, arena_printf(&arena, "%s.0.properties.name", part))), "{\"enum\":[\"sgd\"]}");
    ck_assert_str_eq(
        json(tree_find(n, arena_printf(&arena, "%s.0.properties.stepsize", part))),
        "{\"allOf\":[{\"exclusiveMinimum\":0,\"type\":\"number\"}],\"description\":\"size of a \\\"step\\\"\"}");
    ck_assert_str_eq(json(tree_find(n, arena_printf(&arena, "%s.0.properties.steps", part))),
                     "{\"allOf\":[{\"maximum\":10,\"minimum\":1,\"type\":\"integer\"}],\"default\":3}");
}
END_TEST

START_TEST(a_whole_file)
{
    struct node *n = schema_tree();
    ck_assert_str_eq(json(tree_child(n, "$schema")), "\"http://json-schema.org/draft-07/schema#\"");
    ck_assert_ptr_nonnull(tree_find(n, "definitions.file.properties.seeds"));
    ck_assert_ptr_nonnull(tree_find(n, "definitions.file.properties.word"));
    ck_assert_ptr_nonnull(
        tree_find(n, "definitions.file.properties.experiment.pattern")); /* the study's, not the trial's */
    ck_assert_ptr_null(tree_find(n, "definitions.trial.properties.experiment"));
    ck_assert_ptr_null(tree_find(n, "definitions.trial.required")); /* a piece of a file */
    ck_assert_ptr_nonnull(tree_find(n, "definitions.optimizer_kind"));
    ck_assert_ptr_null(tree_find(n, "definitions.optimizer_kind_element"));
    ck_assert_ptr_nonnull(tree_find(n, "definitions.layer_element"));
}
END_TEST

/* Every $ref has its definition. */
static void check_references(struct node *root, const struct node *n)
{
    const struct node *ref = n->kind == NODE_MAP ? tree_child(n, "$ref") : NULL;
    if (ref) {
        ck_assert_int_eq(strncmp(ref->text, "#/definitions/", 14), 0);
        ck_assert_msg(tree_child(tree_child(root, "definitions"), ref->text + 14) != NULL, "%s", ref->text);
    }
    for (size_t i = 0; i < n->n; i++)
        check_references(root, n->items[i]);
}

START_TEST(references_lead_somewhere)
{
    struct node *n = schema_tree();
    check_references(n, n);
}
END_TEST

START_TEST(stable_and_in_lines)
{
    struct text a = { 0 }, b = { 0 };
    study_schema(options, &a);
    study_schema(options, &b);
    ck_assert_str_eq(a.s, b.s);
    ck_assert_int_eq(strncmp(a.s, "{\n  \"$schema\": \"http", 20), 0);
    ck_assert_str_eq(a.s + a.n - 3, "\n}\n");
    text_free(&a);
    text_free(&b);
}
END_TEST

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, pieces_of_a_table);
    tcase_add_test(c, a_whole_file);
    tcase_add_test(c, references_lead_somewhere);
    tcase_add_test(c, stable_and_in_lines);
}

CHECK_MAIN("schema", add_tests)
