#include "trial/config.h"

#include "base/hash.h"
#include "credit/credit.h"
#include "net/init.h"
#include "net/layer.h"
#include "optim/optim.h"
#include "trial/private.h"
#include <stdio.h>
#include <string.h>

static const char *const precision_names[] = { "single", "double", NULL };
static const char *const schedule_names[] = { "joint", "first", NULL };

#define MAP(type, field) offsetof(struct type, field)

static const struct option from_options[] = {
    { "file", OPT_TEXT, MAP(config_from, file), .flags = OPTION_NULLABLE,
      .help = "safetensors file with tensors layers.<i>.weight, layers.<i>.bias and so on (F32 or F64), as `tprun "
              "export weights` writes; "
              "relative to the working folder" },
    { "layers", OPT_REALS, MAP(config_from, layers), .min = 0, .max = 1e6, .flags = OPTION_NULLABLE,
      .help = "indices (from 0) of the layers that are read; without it all are" },
    { 0 }
};
static const struct option init_options[] = {
    { "weights", OPT_PART, MAP(config_network, init.weights) - MAP(config_network, init), "xavier",
      .registry = &init_registry, .help = "initialisation of all weights" },
    { "biases", OPT_PART, MAP(config_network, init.biases) - MAP(config_network, init), "zeros",
      .registry = &init_registry, .help = "initialisation of all biases" },
    { "from", OPT_MAP, MAP(config_network, init.from) - MAP(config_network, init), NULL, .table = from_options,
      .help = "parameters that are read from a file instead" },
    { 0 }
};
static const char *const input_gradient_names[] = { "noisy", "clean", NULL };
static const struct option input_noise_options[] = {
    { "std", OPT_REAL, MAP(config_input_noise, std), "0", 0, 1e12,
      .help =
          "standard deviation of normal noise added to the input in training passes, drawn anew for each; 0 = none" },
    { "gradient", OPT_ENUM, MAP(config_input_noise, gradient), "noisy", .names = input_gradient_names,
      .help = "the input in the parameter gradient of the first layer: the noisy one, or the clean one (Lee 2015, "
              "script of the baseline)" },
    { 0 }
};
static const struct option network_options[] = {
    { "layers", OPT_PARTS, MAP(config_network, layers), NULL, .flags = OPTION_REQUIRED, .registry = &layer_registry,
      .help = "the chain of layers, from the input; the dataset gives the input's shape" },
    { "init", OPT_MAP, MAP(config_network, init), NULL, .table = init_options,
      .help = "initialisation of the parameters" },
    { "input_noise", OPT_MAP, MAP(config_network, input_noise), NULL, .table = input_noise_options,
      .help = "noise on the input of training passes, for flat data" },
    { 0 }
};
static const struct option stop_options[] = {
    { "nonfinite", OPT_BOOL, MAP(config_stop, nonfinite), "true",
      .help = "end the trial as diverged when a loss or an update is NaN or infinite" },
    { "loss_above_initial", OPT_REAL, MAP(config_stop, loss_above_initial), "0", 0, 1e300,
      .help = "end it as diverged when train_loss exceeds this multiple of the one at step 0; 0 = off" },
    { "every", OPT_INT, MAP(config_stop, every), "1000", 1, 1e12, .help = "steps between tests of loss_above_initial" },
    { 0 }
};
static const struct option train_options[] = {
    { "optimizer", OPT_PART, MAP(config_train, optimizer), NULL, .flags = OPTION_REQUIRED, .registry = &optim_registry,
      .help = "how weights follow their update directions" },
    { "batch_size", OPT_INT, MAP(config_train, batch_size), NULL, 1, 1e6, OPTION_REQUIRED, "samples per minibatch" },
    { "iterations", OPT_INT, MAP(config_train, iterations), "-1", 0, 1e12, OPTION_BUDGET | OPTION_NULLABLE,
      "minibatches to train on; this or epochs; 0: the initial weights are evaluated" },
    { "epochs", OPT_INT, MAP(config_train, epochs), "-1", 0, 1e9, OPTION_BUDGET | OPTION_NULLABLE,
      "passes over the training set; this or iterations" },
    { "stop", OPT_MAP, MAP(config_train, stop), NULL, .table = stop_options, .help = "why a trial is called diverged" },
    { 0 }
};
static const struct option feedback_options[] = {
    { "optimizer", OPT_PARTS, MAP(config_feedback, optimizer), NULL, .flags = OPTION_NULLABLE | OPTION_PLAIN,
      .registry = &optim_registry,
      .help =
          "how feedback weights follow their gradients, one optimizer or one per feedback unit; needed by a mapping "
          "that learns" },
    { "schedule", OPT_ENUM, MAP(config_feedback, schedule), "first", .names = schedule_names,
      .help =
          "first: feedback weights move before the targets are computed; joint: both gradients at the same weights" },
    { "stepsize", OPT_REALS, MAP(config_feedback, stepsize), NULL, 0, 1e300, OPTION_NULLABLE | OPTION_PLAIN,
      "stepsize of the feedback units instead of the optimizer's: one number, or one per feedback unit" },
    { "steps", OPT_REALS, MAP(config_feedback, steps), "1", 0, 1e6, OPTION_PLAIN | OPTION_WHOLE,
      .help = "feedback steps per training minibatch, one number or one per feedback unit (schedule joint: at most "
              "one); 0 = none, for learning in feedback-only epochs alone: "
              "{pretrain_epochs: 1, extra_epochs: 1, steps: 0} alternates by epoch" },
    { "pretrain_epochs", OPT_INT, MAP(config_feedback, pretrain_epochs), "0", 0, 1e6, OPTION_NULLABLE,
      "epochs that train the feedback weights alone, before the first update; log.every and the budget do not count "
      "them" },
    { "extra_epochs", OPT_INT, MAP(config_feedback, extra_epochs), "0", 0, 1e6, OPTION_NULLABLE,
      "epochs that train the feedback weights alone after each epoch of training, the last included; log.every and the "
      "budget do not count "
      "them" },
    { 0 }
};
static const struct option algorithm_options[] = {
    { "name", OPT_TEXT, MAP(config_algorithm, name), NULL, .flags = OPTION_REQUIRED, .names = preset_names,
      .help = "a preset: a row of parts, each of which may be replaced" },
    { "target", OPT_PART, MAP(config_algorithm, target), NULL, .flags = OPTION_REQUIRED, .registry = &target_registry,
      .help = "how the last target is set" },
    { "target_stepsize", OPT_REAL, MAP(config_algorithm, target_stepsize), NULL, 0, 1e300,
      OPTION_REQUIRED | OPTION_ABOVE_MIN, "beta in t = h - beta dL/dh" },
    { "divide_stepsize", OPT_BOOL, MAP(config_algorithm, divide_stepsize), "false", .flags = OPTION_NULLABLE,
      .help = "divide the stepsize of the layers under the head by target_stepsize (Meulemans 2020, code); frozen "
              "layers stay so" },
    { "route", OPT_ENUM, MAP(config_algorithm, route), "chain", .names = route_names,
      .help = "targets travel layer by layer, or directly from the last one" },
    { "mapping", OPT_PART, MAP(config_algorithm, mapping), NULL, .flags = OPTION_REQUIRED,
      .registry = &mapping_registry, .help = "the feedback mapping g" },
    { "feedback_loss", OPT_PART, MAP(config_algorithm, feedback_loss), "none", .registry = &fbloss_registry,
      .help = "what a learned mapping is trained for" },
    { "propagate", OPT_PART, MAP(config_algorithm, propagate), NULL, .flags = OPTION_REQUIRED,
      .registry = &propagate_registry, .help = "how a target is made from the one above" },
    { "update", OPT_PART, MAP(config_algorithm, update), NULL, .flags = OPTION_REQUIRED, .registry = &update_registry,
      .help = "how targets become update directions" },
    { "head", OPT_INT, MAP(config_algorithm, head), "0", 0, 1e6,
      .help = "number of last layers that follow the exact gradient of the loss" },
    { "feedback", OPT_MAP, MAP(config_algorithm, feedback), NULL, .table = feedback_options,
      .help = "training of a mapping that learns" },
    { 0 }
};
static const struct option log_options[] = {
    { "every", OPT_INT, MAP(config_log, every), "100", 1, 1e12, OPTION_BUDGET,
      "steps between logs; step 0 and the last are always logged" },
    { "samples", OPT_INT, MAP(config_log, samples), "1", 1, 1e6, OPTION_BUDGET,
      "passes with random numbers of their own over which an evaluation averages the class probabilities (real "
      "targets: the outputs) of a "
      "network with units that are random in evaluations; other networks need one pass. Trials that have ended are not "
      "logged anew for "
      "another value" },
    { "metrics", OPT_NAMES, MAP(config_log, metrics), "[train_loss, test_loss, test_accuracy]", .flags = OPTION_BUDGET,
      .registry = &measure_registry, .help = "what is measured at each log; see `tprun list metrics`" },
    { "damping", OPT_REALS, MAP(config_log, damping), "0", 0, 1e300, OPTION_BUDGET,
      "lambda of the Gauss-Newton references of angle_gnt and angle_gn; 0: the pseudo-inverse. One number, or one per "
      "layer (the last may be left out). "
      "Trials that have ended are not logged anew for another value" },
    { 0 }
};
static const struct option checkpoint_options[] = { { "seconds", OPT_REAL, MAP(config_checkpoint, seconds), "30", 0,
                                                      1e9, OPTION_BUDGET | OPTION_ABOVE_MIN,
                                                      "time between checkpoints" },
                                                    { 0 } };

const struct option config_options[] = {
    { "experiment", OPT_TEXT, MAP(config, experiment), "trial", .help = "name of the study in the database" },
    { "variant", OPT_TEXT, MAP(config, variant), "base", .help = "name of the variant" },
    { "seed", OPT_INT, MAP(config, seed), "1", 0, 9e15, .help = "every random draw is a function of it" },
    { "precision", OPT_ENUM, MAP(config, precision), "single", .names = precision_names,
      .help = "numeric type of the whole trial" },
    { "dataset", OPT_PART, MAP(config, dataset), NULL, .flags = OPTION_REQUIRED, .registry = &dataset_registry,
      .help = "the task" },
    { "network", OPT_MAP, MAP(config, network), NULL, .flags = OPTION_REQUIRED, .table = network_options,
      .help = "the network" },
    { "loss", OPT_PART, MAP(config, loss), NULL, .flags = OPTION_REQUIRED, .registry = &loss_registry,
      .help = "the loss of the output" },
    { "train", OPT_MAP, MAP(config, train), NULL, .flags = OPTION_REQUIRED, .table = train_options,
      .help = "training" },
    { "algorithm", OPT_MAP, MAP(config, algorithm), NULL, .flags = OPTION_REQUIRED, .table = algorithm_options,
      .help = "credit assignment: a preset's name, and the parts to replace in it" },
    { "log", OPT_MAP, MAP(config, log), NULL, .flags = OPTION_BUDGET, .table = log_options,
      .help = "what is logged, and how often" },
    { "checkpoint", OPT_MAP, MAP(config, checkpoint), NULL, .flags = OPTION_BUDGET, .table = checkpoint_options,
      .help = "how often the trial's state is saved" },
    { 0 }
};

static const struct preset *find_preset(const char *name)
{
    for (const struct preset *p = presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static const char *preset_advice(const char *word, struct arena *a)
{
    size_t n = 0;
    while (preset_names[n])
        n++;
    return bind_advice(word, preset_names, n, a);
}

/* A null takes back what a file says, not what a preset says. The recursion ends with the preset's depth. */
static struct node *without_unset(const struct node *own, const struct node *preset, struct arena *a)
{
    struct node *rest = node_collection(a, own->where, NODE_MAP);
    for (size_t i = 0; i < own->n; i++) {
        struct node *item = own->items[i];
        const struct node *below = tree_child(preset, own->keys[i]->text);
        if (below && node_is_null(item))
            continue;
        if (below && below->kind == NODE_MAP && item->kind == NODE_MAP)
            item = without_unset(item, below, a);
        node_append(rest, own->keys[i], item, a);
    }
    return rest;
}

/* The tree of a preset, parsed once for all trials that are bound with the same cache; cache may be NULL. */
static struct node *parse_preset(const struct preset *preset, struct config_cache *cache, struct arena *a,
                                 struct err *e)
{
    const size_t index = (size_t)(preset - presets);
    if (!cache)
        return tree_parse("preset", preset->parts, strlen(preset->parts), a, e);
    if (!cache->presets) {
        size_t n = 0;
        while (presets[n].name)
            n++;
        cache->presets = arena_need(cache->arena, n, sizeof *cache->presets);
    }
    if (!cache->presets[index])
        cache->presets[index] = tree_parse("preset", preset->parts, strlen(preset->parts), cache->arena, e);
    return cache->presets[index] ? tree_copy(cache->presets[index], a) : NULL; /* the caller writes to it */
}

/* Lays the file's algorithm over the preset that it names; `algorithm: bp` alone is the short form. */
static struct node *apply_preset(const struct node *tree, struct config_cache *cache, struct arena *a, struct err *e)
{
    const struct node *own = tree_child(tree, "algorithm");
    if (!own || node_is_null(own))
        return tree_copy(tree, a); /* binding reports the missing key */
    const struct node *name = own->kind == NODE_SCALAR ? own : own->kind == NODE_MAP ? tree_child(own, "name") : NULL;
    if (!name || name->kind != NODE_SCALAR || node_is_null(name)) {
        err_at(e, name ? name->where : own->where, "algorithm: expected a preset's name, or a map with `name`%s",
               preset_advice("", a));
        return NULL;
    }
    const struct preset *preset = find_preset(name->text);
    if (!preset) {
        err_at(e, name->where, "unknown algorithm '%s'%s", name->text, preset_advice(name->text, a));
        return NULL;
    }
    struct node *parts = parse_preset(preset, cache, a, e);
    struct node *merged = parts ? tree_copy(tree, a) : NULL;
    struct node *algorithm = parts;
    if (own->kind == NODE_MAP && parts)
        algorithm = tree_overlay_partial(parts, without_unset(own, parts, a), a, e);
    else if (parts && tree_set(&algorithm, "name", (struct node *)own, a, e) < 0)
        return NULL;
    if (algorithm)
        algorithm->where = own->where; /* what is missing is missing in the file, not in the preset */
    if (!algorithm || !merged || tree_set(&merged, "algorithm", algorithm, a, e) < 0)
        return NULL;
    return merged;
}

static struct node *complete(const struct node *tree, struct arena *a)
{
    struct err e = { 0 };
    struct node *whole = apply_preset(tree, NULL, a, &e);
    err_clear(&e);
    return whole;
}

/* A metric of the registry, or one of those that a metric of several values logs. */
static bool can_log(const char *metric, const struct registry **known)
{
    static const char *const families[] = { "lemma_left", "lemma_right" };
    double damping;
    *known = &measure_registry;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (!strcmp(metric, families[i]))
            return true;
    static const char of_damping[] = "angle_gnt_";
    const size_t n = sizeof of_damping - 1;
    if (!strncmp(metric, of_damping, n) && text_to_double(metric + n, strlen(metric + n), &damping) == 0)
        return true;
    return registry_find(&measure_registry, metric) != NULL;
}

const struct study_form config_form = { config_options, complete, can_log, config_is_budget };

int config_bind(const struct node *tree, struct config *c, struct arena *a, struct err *e)
{
    return config_bind_next(tree, NULL, c, a, e);
}

int config_bind_next(const struct node *tree, struct config_cache *cache, struct config *c, struct arena *a,
                     struct err *e)
{
    const size_t before = e->n_errors;
    *c = (struct config){ 0 };
    struct node *whole = apply_preset(tree, cache, a, e);
    if (whole) {
        bind_tree(whole, config_options, c, "", a, e);
        if (e->n_errors == before)
            config_check(tree, c, a, e);
    } else { /* report the file's other mistakes too */
        struct node *rest = tree_copy(tree, a);
        tree_remove(rest, "algorithm");
        struct node *stand_in = tree_parse("preset", presets[0].parts, strlen(presets[0].parts), a, e);
        struct node *name = tree_parse("preset", presets[0].name, strlen(presets[0].name), a, e);
        if (stand_in && name && tree_set(&stand_in, "name", name, a, e) == 0 &&
            tree_set(&rest, "algorithm", stand_in, a, e) == 0)
            bind_tree(rest, config_options, c, "", a, e);
    }
    return e->n_errors == before ? 0 : ERR_SPEC;
}

int config_preset(const char *name, struct config_algorithm *algorithm, struct arena *a, struct err *e)
{
    const struct preset *preset = find_preset(name);
    if (!preset)
        return err_set(e, ERR_INTERNAL, "no preset '%s'", name);
    struct node *parts = tree_parse("preset", preset->parts, strlen(preset->parts), a, e);
    struct node *own = parts ? tree_parse("preset", name, strlen(name), a, e) : NULL;
    if (!own)
        return e->code;
    TRY(tree_set(&parts, "name", own, a, e));
    *algorithm = (struct config_algorithm){ 0 };
    return bind_tree(parts, algorithm_options, algorithm, "algorithm", a, e);
}

void config_json(const struct config *c, struct text *out)
{
    bind_json(config_options, c, 0, out);
}

void config_key(const struct config *c, char hex[65])
{
    struct text t = { 0 };
    text_puts(&t, "tprun trial 1\n"); /* version of the identity */
    bind_json(config_options, c, OPTION_BUDGET, &t);
    hash_bytes_hex(t.s, t.n, hex);
    text_free(&t);
}

struct credit_choice config_credit(const struct config_algorithm *a)
{
    return (struct credit_choice){ a->target, a->mapping, a->feedback_loss, a->propagate,
                                   a->update, a->route,   (size_t)a->head,  a->target_stepsize };
}

struct chosen config_optimizer(const struct config *c, size_t layer)
{
    const struct layer_options *common = c->network.layers.items[layer].opts; /* first in every layer's options */
    return common->optimizer.part ? common->optimizer : c->train.optimizer;
}

int64_t config_per_epoch(const struct config *c, const struct data_shape *data)
{
    return ((int64_t)data->train_size + c->train.batch_size - 1) / c->train.batch_size;
}

int64_t config_budget(const struct config *c, const struct data_shape *data)
{
    return c->train.epochs >= 0 ? c->train.epochs * config_per_epoch(c, data) : c->train.iterations;
}

const struct registry *const trial_registries[] = { &act_registry,       &dataset_registry,
                                                    &layer_registry,     &transmit_registry,
                                                    &init_registry,      &loss_registry,
                                                    &optim_registry,     &target_registry,
                                                    &mapping_registry,   &fbloss_registry,
                                                    &propagate_registry, &update_registry,
                                                    &measure_registry,   NULL };

bool config_is_budget(const char *path)
{
    const struct option *table = config_options;
    while (table) {
        const size_t n = strcspn(path, ".=");
        const struct option *o = table;
        while (o->type != OPT_END && (strlen(o->name) != n || strncmp(o->name, path, n) != 0))
            o++;
        if (o->type == OPT_END)
            return false;
        if (o->flags & OPTION_BUDGET)
            return true;
        table = o->type == OPT_MAP && path[n] == '.' ? o->table : NULL;
        path += n + 1;
    }
    return false;
}
