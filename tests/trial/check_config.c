/* The configuration: mistakes are reported with their place and in words, the identity of a trial is what it should be,
 * and canonical JSON is read back as the same configuration. */
#include "../check_main.h"
#include "fixture.h"

/* ---- mistakes ---- */

static const char good[] = "dataset: {name: temporal_order, length: 12, eval_size: 37, test_size: 53}\n" /* 1 */
                           "network:\n"                                                                  /* 2 */
                           "  layers:\n"                                                                 /* 3 */
                           "    - rnn: {units: 6}\n"                                                     /* 4 */
                           "    - dense: {units: 4}\n"                                                   /* 5 */
                           "loss: cross_entropy\n"                                                       /* 6 */
                           "train:\n"                                                                    /* 7 */
                           "  optimizer: {name: sgd, stepsize: 0.1}\n"                                   /* 8 */
                           "  batch_size: 3\n"                                                           /* 9 */
                           "  iterations: 20\n"                                                          /* 10 */
                           "algorithm: {name: tp, target_stepsize: 0.5}\n"                               /* 11 */
                           "log: {every: 5, metrics: [train_loss]}\n";                                   /* 12 */

/* `from` in the good file becomes `to`; the message has this place and contains this text. */
static const struct {
    const char *from, *to;
    size_t line, column;
    const char *expected;
} mistakes[] = {
    { "name: tp,", "name: tpp,", 11, 19, "unknown algorithm 'tpp'; did you mean 'tp'?" },
    { "name: tp,", "name: zzzzzz,", 11, 19, "unknown algorithm 'zzzzzz'" },
    { "algorithm: {name: tp, target_stepsize: 0.5}", "algorithm: [tp]", 11, 12,
      "algorithm: expected a preset's name, or a map with `name`" },
    { "algorithm: {name: tp, target_stepsize: 0.5}", "algorithm: tp", 11, 0, "missing required key 'target_stepsize'" },
    { "algorithm: {name: tp, target_stepsize: 0.5}\n", "", 1, 1, "missing required key 'algorithm'" },
    { "name: tp,", "name: tp, route: direct,", 11, 0,
      "'direct' needs a mapping that reads the last target directly; 'inverse' does not" },
    { "name: tp,", "name: bp, propagate: plain,", 11, 0,
      "'plain' needs a mapping that applies to targets; 'adjoint' does not" },
    { "name: tp,", "name: tp, head: 2,", 11, 0, "algorithm.head: 2 is out of range" },
    { "name: tp,", "name: dtp,", 11, 12,
      "algorithm.feedback.optimizer: mapping 'learned' learns and needs an optimizer" },
    { "name: tp,", "name: dtp, feedback_loss: inversion, feedback: {optimizer: {name: sgd, stepsize: 0.1}},", 11, 0,
      "'inversion' is taken at the targets; use feedback: {schedule: joint}" },
    { "name: tp,", "name: dtp, route: direct, feedback: {optimizer: {name: sgd, stepsize: 0.1}},", 11, 0,
      "algorithm.route: feedback_loss 'reconstruction' on route 'direct' is defined for feed-forward networks" },
    { "name: tp,", "name: dtp, feedback: {optimizer: {name: sgd, stepsize: 0.1}, steps: [1, 2]},", 11, 0,
      "algorithm.feedback.steps: 2 numbers; give one, or one for each of the 1 feedback units" },
    { "name: tp,", "name: dtp, feedback: {optimizer: [sgd: {stepsize: 0.1}, momentum: {stepsize: 0.1}]},", 11, 46,
      "algorithm.feedback.optimizer: 2 optimizers; give one, or one for each of the 1 feedback units" },
    { "name: tp,", "name: dtp, feedback: {optimizer: [sgd: {stepsize: 0.1}, sgd]},", 11, 69,
      "algorithm.feedback.optimizer.1: missing required key 'stepsize'" },
    { "name: tp,", "name: dtp, feedback: {optimizer: []},", 11, 0, "learns and needs an optimizer" },
    { "name: tp,", "name: dtp, feedback: {optimizer: {name: sgd, stepsize: 0.1}, steps: [1.5]},", 11, 0,
      "algorithm.feedback.steps: expected an integer" },
    { "- rnn: {units: 6}", "- unit: [rnn: {units: 6}]", 4, 7, "the first layer must read them (rnn), not 'unit'" },
    { "name: tp,", "name: tp, update: {order: sequential},", 11, 0, "only 'simultaneous' is defined there" },
    { "name: tp,", "name: tp, mapping: {regularisation: 1},", 11, 0, "unknown key 'regularisation'" },
    { "name: tp,", "name: tp, mapping: {regularization: -1},", 11, 0, "regularization" },
    { "target_stepsize: 0.5", "target_stepsize: 0", 11, 0, "target_stepsize" },
    { "iterations: 20", "iterations: 20\n  epochs: 3", 11, 0, "train: give either iterations or epochs, not both" },
    { "  iterations: 20\n", "", 8, 0, "train: give either iterations or epochs" },
    { "iterations: 20", "epochs: 3", 10, 11,
      "dataset 'temporal_order' draws fresh samples without end; give iterations" },
    { "loss: cross_entropy", "loss: squared_error", 6, 7,
      "loss: 'squared_error' wants real targets, but dataset 'temporal_order' has classes" },
    { "- dense: {units: 4}", "- dense: {units: 5}", 5, 7,
      "network.layers.1: the last layer has 5 outputs, but the dataset needs 4" },
    { "- rnn: {units: 6}\n", "- dense: {units: 6}\n", 4, 7, "network.layers.0: the dataset gives sequences" },
    { "- dense: {units: 4}", "- rnn: {units: 4}", 5, 7, "network.layers.1: 'rnn' must be the first layer" },
    { "[train_loss]", "[train_lost]", 12, 27, "log.metrics: unknown metric 'train_lost'; did you mean 'train_loss'?" },
    { "[train_loss]", "[train_loss, test_accuracy_strict]", 12, 39,
      "'test_accuracy_strict' is not defined for dataset 'temporal_order'" },
    { "[train_loss]", "[valid_loss]", 12, 27, "'valid_loss' is not defined for dataset 'temporal_order'" },
    { "[train_loss]", "[feedback_loss]", 12, 27, "'feedback_loss' needs a mapping that has parameters to train" },
    { "name: temporal_order, length: 12", "name: temporal_order, length: 1", 1, 0, "length" },
    { "name: temporal_order, length: 12, eval_size: 37, test_size: 53",
      "name: gaussian, features: 3, classes: 4, train_size: 2", 9, 15,
      "train.batch_size: 3 is more than the 2 samples of the training set" },
    { "name: sgd, stepsize: 0.1", "name: sgd", 8, 0, "missing required key 'stepsize'" },
    { "name: sgd", "name: sdg", 8, 0, "sdg" },
    { "loss: cross_entropy\n", "loss: cross_entropy\nlos: 1\n", 7, 1, "unknown key 'los'" },
};

static char *with(struct arena *a, const char *from, const char *to)
{
    const char *at = strstr(good, from);
    ck_assert_msg(at != NULL, "no '%s' in the file", from);
    return arena_printf(a, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static int bind_text(struct config *c, const char *text, struct arena *a, struct err *e)
{
    struct node *tree = tree_parse("test.yaml", text, strlen(text), a, e);
    return tree ? config_bind(tree, c, a, e) : e->code;
}

START_TEST(mistakes_have_a_place_and_a_reason)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    must(bind_text(&c, good, &a, &e), &e);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const char *text = with(&a, mistakes[i].from, mistakes[i].to);
        ck_assert_msg(bind_text(&c, text, &a, &e) == ERR_SPEC, "'%s' was accepted", mistakes[i].to);
        ck_assert_msg(e.n_errors <= 2, "'%s': %zu messages, the first: %s", mistakes[i].to, e.n_errors, err_first(&e));
        ck_assert_msg(strstr(err_first(&e), mistakes[i].expected) != NULL, "'%s': '%s' instead of '%s'", mistakes[i].to,
                      err_first(&e), mistakes[i].expected);
        const struct where w = e.messages[0].where;
        ck_assert_msg(w.line == mistakes[i].line && (mistakes[i].column == 0 || w.column == mistakes[i].column),
                      "'%s': '%s' at %zu:%zu", mistakes[i].to, err_first(&e), w.line, w.column);
        err_clear(&e);
    }
    arena_finish(&a);
}
END_TEST

/* Images whose layers are impossible, or too large, and minibatches that cannot be normalised. */
static const struct {
    const char *layer;
    int64_t batch;
    size_t line;
    const char *expected;
} impossible[] = {
    { "conv: {channels: 3, kernel: 7}", 3, 5, "network.layers.1: 'conv' with a kernel of 7 x 7 does not fit" },
    { "max_pool: {kernel: 9}", 3, 5, "network.layers.1: 'max_pool' with a kernel of 9 x 9 does not fit" },
    { "conv: {channels: 3, kernel: 2, padding: 2}", 3, 5, "network.layers.1: " },
    { "conv: {channels: 1000000, kernel: 50, padding: 23}", 3, 5,
      "network.layers.1: 'conv' has 1000000 x 2 x 50 x 50 weights; there may be 2^31 - 1" },
    { "batch_norm", 1, 9,
      "train.batch_size: 1, but network.layers.1 normalises over the minibatch and needs at least 2 samples" },
    { "unit: [flatten, dense: {units: 5}, batch_norm]", 1, 9, "train.batch_size: 1, but network.layers.1" },
    { "flatten", 3, 0, "" },
    { "batch_norm", 4, 0, "" },
    { "batch_norm", 2, 9,
      "train.batch_size: 2 leaves 1 of the 9 samples of 'test_loss' for the last minibatch, but network.layers.1 "
      "normalises over the minibatch and needs at least 2" },
};

START_TEST(impossible_images_and_batches_are_refused_at_their_line)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        const bool on_samples = strstr(impossible[i].expected, "test_loss") != NULL;
        const char *text =
            arena_printf(&a,
                         "dataset: %s\nnetwork:\n  layers:\n    - %s\n    - %s\n    - dense: "
                         "{units: 4}\nloss: cross_entropy\ntrain: # here\n  {batch_size: %lld, optimizer: "
                         "{name: sgd, stepsize: 0.1}, iterations: 3}\nalgorithm: bp\n",
                         on_samples ? "{name: gaussian, features: 5, classes: 4, eval_size: 8, test_size: 9}"
                                    : "{name: given, features: 25, image: [1, 5, 5], outputs: 4}",
                         on_samples ? "dense: {units: 5}" : "conv: {channels: 2, kernel: 1}", impossible[i].layer,
                         (long long)impossible[i].batch);
        const int code = bind_text(&c, text, &a, &e);
        ck_assert_msg(code == (impossible[i].line ? ERR_SPEC : 0), "%s: %d, %s", text, code, err_first(&e));
        if (code < 0) {
            ck_assert_msg(strstr(err_first(&e), impossible[i].expected) != NULL, "'%s' instead of '%s'", err_first(&e),
                          impossible[i].expected);
            ck_assert_uint_eq(e.messages[0].where.line, impossible[i].line);
        }
        err_clear(&e);
    }
    arena_finish(&a);
}
END_TEST

/* A normalised target needs the others of its minibatch too. */
START_TEST(normalised_targets_of_one_sample_are_refused)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    const int code = config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT,
                                  "{algorithm: {name: fwdtp_bn, target_stepsize: 0.1}, train: {batch_size: 1}}", NULL);
    ck_assert_int_eq(code, ERR_SPEC);
    ck_assert_ptr_nonnull(
        strstr(err_first(&e), "train.batch_size: 1, but the algorithm normalises over the minibatch"));
    err_clear(&e);
    arena_finish(&a);
}
END_TEST

/* Several mistakes are reported at once, also beside an unknown algorithm. */
START_TEST(all_mistakes_at_once)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    const char *text = "dataset: {name: temporal_order, lenght: 12}\nnetwork: {layers: [rnn: {units: 0}, dense: "
                       "{units: 4}]}\nloss: cross_entropi\n"
                       "train: {optimizer: {name: sgd, stepsize: x}, batch_size: 3, iterations: 20}\nalgorithm: tq\n";
    ck_assert_int_eq(bind_text(&c, text, &a, &e), ERR_SPEC);
    ck_assert_uint_eq(e.n_errors, 5);
    err_clear(&e);
    arena_finish(&a);
}
END_TEST

/* What a file leaves out must fit every dataset: the default metrics, too. */
START_TEST(defaults_fit_every_dataset)
{
    static const char *const data[] = { ORDER,
                                        ADDING,
                                        BLOBS,
                                        GIVEN_FLAT,
                                        GIVEN_RECURRENT,
                                        "{dataset: {name: given, features: 3, outputs: 4, labels: real}, loss: "
                                        "squared_error, network: {layers: [dense: {units: 4}]}}",
                                        "{dataset: {name: gaussian, features: 3, classes: 4, target: one_hot}, loss: "
                                        "squared_error, network: {layers: [dense: {units: 4}]}}",
                                        NULL };
    for (size_t i = 0; data[i]; i++) {
        struct arena a;
        struct config c;
        struct err e = { 0 };
        arena_init(&a, 0);
        const int code = config_lines(
            &c, &a, &e,
            "{loss: cross_entropy, train: {optimizer: {name: sgd, stepsize: 0.1}, batch_size: 3, iterations: 9},"
            " algorithm: bp}",
            data[i], NULL);
        ck_assert_msg(code == 0, "%s: %s", data[i], err_first(&e));
        ck_assert_uint_ge(c.log.metrics.n, 2);
        err_clear(&e);
        arena_finish(&a);
    }
}
END_TEST

START_TEST(presets_bind_and_may_be_replaced)
{
    for (const struct preset *p = presets; p->name; p++) {
        if (strcmp(p->name, "dtp_autoencoder") == 0 ||
            strcmp(p->name, "ijml") == 0) /* this network does not fit them */
            continue;
        struct arena a;
        struct config c;
        struct err e = { 0 };
        char own[256];
        const int head = strcmp(p->name, "drtp") == 0 ? 0 : 2; /* labels go from the output */
        arena_init(&a, 0);
        snprintf(own, sizeof own,
                 "{algorithm: {name: %s, target_stepsize: 0.25, feedback: {optimizer: {name: sgd, stepsize: 0.1}}}}",
                 p->name);
        must(config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT, own, NULL), &e);
        ck_assert_str_eq(c.algorithm.name, p->name);
        ck_assert_double_eq(c.algorithm.target_stepsize, 0.25);
        snprintf(own, sizeof own,
                 "{algorithm: {name: %s, target_stepsize: 0.25, feedback: {optimizer: {name: sgd, stepsize: 0.1}},"
                 " update: through_chain, head: %d}}",
                 p->name, head);
        must(config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT, own, NULL), &e);
        ck_assert_str_eq(c.algorithm.update.part->name, "through_chain");
        ck_assert_int_eq(c.algorithm.head, head);
        arena_finish(&a);
    }
    struct arena a; /* a part's options are laid over those of the preset's part, unless the part is another */
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    must(config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT, "{algorithm: {name: bp, update: {order: sequential}}}", NULL),
         &e);
    ck_assert_int_eq(((const struct update_options *)c.algorithm.update.opts)->reduction, REDUCTION_PER_STEPSIZE);
    ck_assert_int_eq(((const struct update_options *)c.algorithm.update.opts)->order, ORDER_SEQUENTIAL);
    arena_finish(&a);
}
END_TEST

/* The list of names that binds and describes `algorithm.name` is that of the presets. */
START_TEST(preset_names_are_complete)
{
    size_t n = 0;
    for (; presets[n].name; n++)
        ck_assert_str_eq(preset_names[n], presets[n].name);
    ck_assert_ptr_null(preset_names[n]);
}
END_TEST

/* ---- identity ---- */

static void key_of(const char *own, char hex[65])
{
    struct fixture f;
    fixture_bind(&f, ORDER, own);
    config_key(&f.config, hex);
    arena_finish(&f.arena);
}

START_TEST(the_key_is_all_but_the_budget)
{
    static const char *const same[] = { "{train: {iterations: 4000}}",
                                        "{log: {every: 7}}",
                                        "{log: {metrics: [test_loss, batch_loss]}}",
                                        "{checkpoint: {seconds: 3}}",
                                        "{train: {optimizer: {stepsize: 5e-2}}}",
                                        NULL };
    static const char *const other[] = {
        "{seed: 2}",
        "{experiment: x}",
        "{variant: x}",
        "{precision: double}",
        "{train: {batch_size: 4}}",
        "{dataset: {length: 13}}",
        "{dataset: {eval_size: 38}}",
        "{train: {optimizer: {stepsize: 0.051}}}",
        "{train: {optimizer: {name: momentum, stepsize: 0.05}}}",
        "{train: {stop: {nonfinite: false}}}",
        "{train: {stop: {loss_above_initial: 2}}}",
        "{network: {init: {biases: zeros}}}",
        "{network: {layers: [rnn: {units: 7}, dense: {units: 4}]}}",
        "{network: {layers: [rnn: {units: 6, bias: false}, dense: {units: 4}]}}",
        "{network: {layers: [rnn: {units: 6}, dense: {units: 4, weights_init: zeros}]}}",
        "{algorithm: dfa}",
        "{algorithm: {name: bp, head: 1}}",
        "{algorithm: {name: bp, target_stepsize: 2}}",
        "{algorithm: {name: bp, update: through_chain}}",
        NULL
    };
    char base[65], hex[65], seen[32][65];
    size_t n = 0;
    key_of("{}", base);
    for (size_t i = 0; same[i]; i++) {
        key_of(same[i], hex);
        ck_assert_msg(strcmp(hex, base) == 0, "%s changes the key", same[i]);
    }
    strcpy(seen[n++], base);
    for (size_t i = 0; other[i]; i++) {
        key_of(other[i], hex);
        for (size_t j = 0; j < n; j++)
            ck_assert_msg(strcmp(hex, seen[j]) != 0, "%s has the key of number %zu", other[i], j);
        strcpy(seen[n++], hex);
    }
}
END_TEST

/* What the runner sends to a worker: canonical JSON, bound again, is the same trial with the same budget. */
/* Rows of option.beside: another one of the table, at a value that it can have. */
static int check_idle_rows(const struct option *table, const char *of)
{
    int n = 0;
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        n += o->type == OPT_MAP ? check_idle_rows(o->table, o->name) : 0;
        if (!o->beside) {
            ck_assert_ptr_null(o->idle);
            continue;
        }
        const struct option *row = option_find(table, o->beside);
        ck_assert_msg(row && row != o && o->idle, "%s.%s: beside '%s'", of, o->name, o->beside);
        union {
            double number;
            int64_t integer;
            struct chosen chosen;
            struct reals reals;
            const char *text;
        } field = { 0 };
        const char *word = o->idle + (o->idle[0] == '!');
        struct err e = { 0 };
        struct arena a;
        arena_init(&a, 0);
        const struct node value = { .kind = NODE_SCALAR, .text = word, .length = strlen(word) };
        if (*word)
            must(bind_value(&value, row, &field, of, &a, &e), &e);
        ck_assert_msg(option_holds(row, &field, word), "%s.%s: '%s' is no value of %s", of, o->name, word, o->beside);
        ck_assert(!*word || !option_holds(row, &field, "17"));
        arena_finish(&a);
        n++;
    }
    return n;
}

START_TEST(keys_without_effect_name_the_row_that_silences_them)
{
    int n = check_idle_rows(config_options, "file");
    for (size_t i = 0; trial_registries[i]; i++)
        for (size_t k = 0; k < trial_registries[i]->n_parts; k++)
            n += check_idle_rows(trial_registries[i]->parts[k]->options, trial_registries[i]->parts[k]->name);
    ck_assert_int_ge(n, 40);
}
END_TEST

START_TEST(canonical_json_binds_to_the_same)
{
    static const char *const own[] = {
        "{}",
        "{algorithm: {name: tp, target_stepsize: 0.1, mapping: {regularization: 0.3}}}",
        "{algorithm: {name: dtp, target_stepsize: 0.1, mapping: {weights_init: orthogonal}, feedback_loss: {name: "
        "reconstruction, noise: 0.1},"
        " feedback: {optimizer: {name: adam, stepsize: 0.001}, steps: 3}}}",
        "{network: {layers: [rnn: {units: 6, bias_stepsize_factor: 2}, {dense: {units: 4}, repeat: 2}]}}",
        "{dataset: {name: given, features: 3, outputs: 4}, network: {layers: [dense: {units: 6}, {name: dense, units: "
        "6, from: [0], repeat: 2}, {dense: {units: 4}, from: [2, 0, 1], join: concat}]}}",
        "{algorithm: {name: fa, head: 1, mapping: {source_slope: false}}}", /* what the preset has is not the default */
        "{log: {every: 3, metrics: [train_loss, weight_norm]}, checkpoint: {seconds: 0.5}, train: {stop: "
        "{loss_above_initial: 2.5}}}",
        NULL,
    };
    for (size_t i = 0; own[i]; i++) {
        struct fixture f;
        struct config again;
        struct text first = { 0 }, second = { 0 };
        struct err e = { 0 };
        char x[65], y[65];
        fixture_bind(&f, ORDER, own[i]);
        config_json(&f.config, &first);
        struct node *tree = tree_parse("json", first.s, first.n, &f.arena, &e);
        must(tree ? config_bind_whole(tree, &again, &f.arena, &e) : -1, &e);
        config_json(&again, &second);
        ck_assert_str_eq(first.s, second.s);
        config_key(&f.config, x);
        config_key(&again, y);
        ck_assert_str_eq(x, y);
        ck_assert_int_eq(again.train.iterations, f.config.train.iterations);
        text_free(&first);
        text_free(&second);
        arena_finish(&f.arena);
    }
}
END_TEST

/* An ablation changes one thing: what the preset and the file had set stays where the new part takes it. */
START_TEST(options_stay)
{
#define DTP "{algorithm: {name: dtp, target_stepsize: 0.1, feedback: {optimizer: {name: sgd, stepsize: 0.1}}}}"
    static const struct {
        const char *below, *over, *json;
    } cases[] = {
        { DTP, "{algorithm: {update: through_chain}}",
          "\"update\":{\"name\":\"through_chain\",\"reduction\":\"mean\"," },
        { DTP, "{algorithm: {update: {name: through_chain, order: sequential}}}",
          "\"update\":{\"name\":\"through_chain\",\"reduction\":\"mean\",\"order\":\"sequential\"}" },
        { DTP, "{algorithm: {update: {name: through_chain, reduction: half_mean}}}",
          "\"update\":{\"name\":\"through_chain\",\"reduction\":\"half_mean\"," },
        { "{algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {noise: 0.25, corrupts: sent}, feedback: "
          "{optimizer:"
          " {name: sgd, stepsize: 0.1}}}}",
          "{algorithm: {feedback_loss: difference_reconstruction}}",
          "\"feedback_loss\":{\"name\":\"difference_reconstruction\",\"noise\":0.25," },
        { "{algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {noise: 0.25}, propagate: linear, feedback: "
          "{optimizer: {name: sgd, stepsize: 0.1}}}}",
          "{algorithm: {mapping: adjoint, feedback_loss: none, feedback: null}}",
          "\"feedback_loss\":{\"name\":\"none\"}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct text t = { 0 };
        struct err e = { 0 };
        arena_init(&f.arena, 0);
        must(config_lines(&f.config, &f.arena, &e, TRIAL_BASE, GIVEN_FLAT, "{algorithm: null}", cases[i].below,
                          cases[i].over, NULL),
             &e);
        config_json(&f.config, &t);
        ck_assert_msg(strstr(t.s, cases[i].json) != NULL, "%zu: no %s in %s", i, cases[i].json, t.s);
        text_free(&t);
        arena_finish(&f.arena);
    }
}
END_TEST

/* What no part has is a slip, and not an option of the old part. */
START_TEST(slips_do_not_stay)
{
    struct arena a;
    struct config c;
    struct err e = { 0 };
    arena_init(&a, 0);
    ck_assert_int_eq(config_lines(&c, &a, &e, TRIAL_BASE, GIVEN_FLAT,
                                  "{algorithm: {name: bp, update: {reductoin: mean}}}",
                                  "{algorithm: {update: through_chain}}", NULL),
                     ERR_SPEC);
    ck_assert_str_eq(err_first(&e), "unknown key 'reductoin' in algorithm.update; did you mean 'reduction'?");
    err_clear(&e);
    arena_finish(&a);
}
END_TEST

START_TEST(epochs_count_whole_batches)
{
    struct fixture f;
    fixture_bind(&f, BLOBS, "{}");
    f.config.train.iterations = 0;
    f.config.train.epochs = 3;
    const struct data_shape data = { .train_size = 20 };
    ck_assert_int_eq(config_budget(&f.config, &data),
                     3 * 7); /* batches of 3: the seventh has 2 samples of the next epoch's */
    arena_finish(&f.arena);
}
END_TEST

/* The estimate that `tprun plan` prints is not below what is allocated, and not far above. */
START_TEST(memory_estimate)
{
    static const char *const data[] = { ORDER, ADDING, BLOBS, NULL };
    static const char *const own[] = {
        "{train: {batch_size: 20}}",
        "{train: {batch_size: 20}, algorithm: {name: tp, target_stepsize: 0.1, update: through_chain}}",
        "{train: {batch_size: 20}, algorithm: {name: dtp, target_stepsize: 0.1, feedback_loss: {name: reconstruction, "
        "noise: 0.1},"
        " feedback: {optimizer: {name: adam, stepsize: 0.001}}}}",
        NULL
    };
    for (size_t i = 0; data[i]; i++)
        for (size_t j = 0; own[j]; j++) {
            struct fixture f;
            struct err e = { 0 };
            struct trial_size size;
            fixture_bind(&f, data[i], own[j]);
            f.config.precision = IS_DOUBLE ? PRECISION_DOUBLE : PRECISION_SINGLE;
            must(trial_measure(&f.config, &size, &f.arena, &e), &e);
            must(trial_open(&f.trial, &f.config, &e), &e);
            fixture_steps(&f, 1);
            const double used = (double)f.trial->memory.used;
            ck_assert_msg(size.memory_bytes >= used && size.memory_bytes < 3 * used + 131072,
                          "%s: estimate %g, used %g", own[j], size.memory_bytes, used);
            ck_assert_uint_eq(size.n_weights, f.trial->chain.n_weights);
            ck_assert(size.flops_per_step > 0 && size.flops_per_log > 0);
            ck_assert_int_eq(size.iterations, 20);
            fixture_close(&f);
        }
}
END_TEST

/* Within a fifth of what the arena holds, where batches are larger than what is not counted. */
START_TEST(memory_estimate_of_every_kind)
{
    static const char flat[] = "{dataset: {name: gaussian, features: 40, classes: 10, train_size: 400, eval_size: 10, "
                               "test_size: 10}, train: {batch_size: "
                               "200}, network: {layers: [dense: {units: 60, activation: tanh}, dense: {units: 50, "
                               "activation: tanh}, dense: {units: 10}]}}";
    static const char sent[] = "{dataset: {name: gaussian, features: 40, classes: 10, train_size: 400, eval_size: 10, "
                               "test_size: 10}, train: {batch_size: "
                               "200}, network: {layers: [dense: {units: 60, activation: sigmoid, transmit: bernoulli}, "
                               "dense: {units: 50, activation: "
                               "sigmoid, transmit: bernoulli}, dense: {units: 10}]}}";
    static const char pixels[] =
        "{dataset: {name: gaussian, features: 40, classes: 10, train_size: 400, eval_size: 10, "
        "test_size: 10}, train: {batch_size: 200}, network: {layers: [unit: [conv: {channels: 30, "
        "kernel: 3, padding: 1, activation: elu}, max_pool: {kernel: 3, padding: 1}], "
        "channel_mlp: {hidden: 20}, unit: [flatten, dense: {units: 10}]]}}";
    static const char order[] =
        "{dataset: {name: temporal_order, length: 30, eval_size: 10, test_size: 10}, train: {batch_size: 50}, network: "
        "{layers: [rnn: {units: 20}, dense: {units: 4}]}}";
#define LEARNS ", target_stepsize: 0.1, feedback: {optimizer: {name: adam, stepsize: 0.001}}"
    static const struct {
        const char *data, *own;
    } cases[] = {
        { flat, "{algorithm: bp}" },
        { flat, "{algorithm: bp, network.input_noise.std: 0.1}" },
        { flat, "{algorithm: dfa, log.metrics: [angle_bp]}" },
        { flat, "{algorithm: {name: tp, target_stepsize: 0.1}}" },
        { flat, "{algorithm: {name: gnt}}" },
        { flat, "{algorithm: {name: dtp, feedback_loss: {noise: 0.1}" LEARNS "}}" },
        { flat, "{algorithm: {name: dtp, mapping: {transmit: sign}" LEARNS "}}" },
        { flat, "{algorithm: {name: dtp, update: {order: sequential_kept}" LEARNS "}}" },
        { flat, "{algorithm: {name: dtp_drl" LEARNS "}}" },
        { flat, "{algorithm: {name: ddtp_linear" LEARNS "}}" },
        { flat, "{algorithm: {name: ddtp_rhl, mapping: {hidden_units: 100, append_state: true}" LEARNS "}}" },
        { flat, "{algorithm: {name: ddtp_linear" LEARNS "}, log.metrics: [angle_gnt, angle_gnt_search]}" },
        { sent, "{algorithm: {name: dtp, feedback_loss: {noise: 0.1}" LEARNS "}}" },
        { pixels, "{algorithm: bp}" },
        { pixels, "{algorithm: {name: ddtp_linear" LEARNS "}}" },
        { pixels, "{algorithm: {name: dtp, mapping: {activation: argument}" LEARNS "}}" },
        { order, "{algorithm: bp}" },
        { order, "{algorithm: {name: dtp, feedback_loss: {noise: 0.1}" LEARNS "}}" },
        { NULL, NULL },
    };
    for (size_t i = 0; cases[i].data; i++) {
        struct fixture f;
        struct err e = { 0 };
        struct trial_size size;
        fixture_bind(&f, cases[i].data, cases[i].own);
        f.config.precision = IS_DOUBLE ? PRECISION_DOUBLE : PRECISION_SINGLE;
        must(trial_measure(&f.config, &size, &f.arena, &e), &e);
        must(trial_open(&f.trial, &f.config, &e), &e);
        fixture_steps(&f, 1);
        const double used = (double)f.trial->memory.used;
        ck_assert_msg(size.memory_bytes > used && size.memory_bytes < 1.1 * used + 98304, "%s: estimate %g, used %g",
                      cases[i].own, size.memory_bytes, used);
        fixture_close(&f);
    }
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_test(t, mistakes_have_a_place_and_a_reason);
    tcase_add_test(t, impossible_images_and_batches_are_refused_at_their_line);
    tcase_add_test(t, normalised_targets_of_one_sample_are_refused);
    tcase_add_test(t, all_mistakes_at_once);
    tcase_add_test(t, preset_names_are_complete);
    tcase_add_test(t, defaults_fit_every_dataset);
    tcase_add_test(t, presets_bind_and_may_be_replaced);
    tcase_add_test(t, the_key_is_all_but_the_budget);
    tcase_add_test(t, keys_without_effect_name_the_row_that_silences_them);
    tcase_add_test(t, canonical_json_binds_to_the_same);
    tcase_add_test(t, options_stay);
    tcase_add_test(t, slips_do_not_stay);
    tcase_add_test(t, epochs_count_whole_batches);
    tcase_add_test(t, memory_estimate);
    tcase_add_test(t, memory_estimate_of_every_kind);
}

CHECK_MAIN("config", add_tests)
