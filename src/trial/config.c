#include "trial/config.h"

#include "base/hash.h"
#include "credit/credit.h"
#include "net/init.h"
#include "optim/optim.h"
#include "trial/private.h"
#include <stdio.h>
#include <string.h>

static const char *const precision_names[] = { "single", "double", NULL };
static const char *const schedule_names[] = { "joint", "first", NULL };

#define MAP(type, field) offsetof(struct type, field)

static const struct option init_options[] = {
    { "weights", OPT_PART, MAP(config_network, init.weights) - MAP(config_network, init), "xavier", .registry = &init_registry,
      .help = "initialisation of all weights" },
    { "biases", OPT_PART, MAP(config_network, init.biases) - MAP(config_network, init), "zeros", .registry = &init_registry,
      .help = "initialisation of all biases" },
    { 0 }
};
static const struct option network_options[] = {
    { "layers", OPT_PARTS, MAP(config_network, layers), NULL, .flags = OPTION_REQUIRED, .registry = &layer_registry,
      .help = "the chain of layers, from the input; the dataset gives the input's shape" },
    { "init", OPT_MAP, MAP(config_network, init), NULL, .table = init_options, .help = "initialisation of the parameters" },
    { 0 }
};
static const struct option stop_options[] = {
    { "nonfinite", OPT_BOOL, MAP(config_stop, nonfinite), "true",
      .help = "end the trial as diverged when a loss or an update is NaN or infinite" },
    { "loss_above_initial", OPT_REAL, MAP(config_stop, loss_above_initial), "0", 0, 1e300,
      .help = "end it as diverged when train_loss exceeds this multiple of the one at step 0; 0 = off" },
    { "every", OPT_INT, MAP(config_stop, every), "0", 0, 1e12, .help = "steps between tests of loss_above_initial; 0 = at every log" },
    { 0 }
};
static const struct option train_options[] = {
    { "optimizer", OPT_PART, MAP(config_train, optimizer), NULL, .flags = OPTION_REQUIRED, .registry = &optim_registry,
      .help = "how weights follow their update directions" },
    { "batch_size", OPT_INT, MAP(config_train, batch_size), NULL, 1, 1e6, OPTION_REQUIRED, "samples per minibatch" },
    { "iterations", OPT_INT, MAP(config_train, iterations), NULL, 0, 1e12, OPTION_BUDGET | OPTION_NULLABLE,
      "minibatches to train on; this or epochs" },
    { "epochs", OPT_INT, MAP(config_train, epochs), NULL, 0, 1e9, OPTION_BUDGET | OPTION_NULLABLE,
      "passes over the training set; this or iterations" },
    { "stop", OPT_MAP, MAP(config_train, stop), NULL, .table = stop_options, .help = "why a trial is called diverged" },
    { 0 }
};
static const struct option feedback_options[] = {
    { "optimizer", OPT_PART, MAP(config_feedback, optimizer), NULL, .flags = OPTION_NULLABLE, .registry = &optim_registry,
      .help = "how feedback weights follow their gradients; needed by a mapping that learns" },
    { "schedule", OPT_ENUM, MAP(config_feedback, schedule), "first", .names = schedule_names,
      .help = "first: feedback weights move before the targets are computed; joint: both gradients at the same weights" },
    { "steps", OPT_INT, MAP(config_feedback, steps), "1", 1, 1e6, .help = "feedback steps per minibatch (schedule first)" },
    { 0 }
};
static const struct option algorithm_options[] = {
    { "name", OPT_TEXT, MAP(config_algorithm, name), NULL, .flags = OPTION_REQUIRED, .help = "a preset: a row of parts, each of which may be replaced" },
    { "target", OPT_PART, MAP(config_algorithm, target), NULL, .flags = OPTION_REQUIRED, .registry = &target_registry,
      .help = "how the last target is set" },
    { "target_stepsize", OPT_REAL, MAP(config_algorithm, target_stepsize), NULL, 0, 1e300, OPTION_REQUIRED | OPTION_ABOVE_MIN,
      "beta in t = h - beta dL/dh" },
    { "route", OPT_ENUM, MAP(config_algorithm, route), "chain", .names = route_names,
      .help = "targets travel layer by layer, or directly from the last one" },
    { "mapping", OPT_PART, MAP(config_algorithm, mapping), NULL, .flags = OPTION_REQUIRED, .registry = &mapping_registry,
      .help = "the feedback mapping g" },
    { "feedback_loss", OPT_PART, MAP(config_algorithm, feedback_loss), "none", .registry = &fbloss_registry,
      .help = "what a learned mapping is trained for" },
    { "propagate", OPT_PART, MAP(config_algorithm, propagate), NULL, .flags = OPTION_REQUIRED, .registry = &propagate_registry,
      .help = "how a target is made from the one above" },
    { "update", OPT_PART, MAP(config_algorithm, update), NULL, .flags = OPTION_REQUIRED, .registry = &update_registry,
      .help = "how targets become update directions" },
    { "head", OPT_INT, MAP(config_algorithm, head), "0", 0, 1e6,
      .help = "number of last layers that follow the exact gradient of the loss" },
    { "feedback", OPT_MAP, MAP(config_algorithm, feedback), NULL, .table = feedback_options, .help = "training of a mapping that learns" },
    { 0 }
};
static const struct option log_options[] = {
    { "every", OPT_INT, MAP(config_log, every), "100", 1, 1e12, OPTION_BUDGET, "steps between logs; step 0 and the last are always logged" },
    { "metrics", OPT_NAMES, MAP(config_log, metrics), "[train_loss, test_loss, test_accuracy]", .flags = OPTION_BUDGET,
      .help = "what is measured at each log; see `tprun list metrics`" },
    { 0 }
};
static const struct option checkpoint_options[] = {
    { "seconds", OPT_REAL, MAP(config_checkpoint, seconds), "30", 0, 1e9, OPTION_BUDGET | OPTION_ABOVE_MIN, "time between checkpoints" },
    { 0 }
};

const struct option config_options[] = {
    { "experiment", OPT_TEXT, MAP(config, experiment), "trial", .help = "name of the study in the database" },
    { "variant", OPT_TEXT, MAP(config, variant), "base", .help = "name of the variant" },
    { "seed", OPT_INT, MAP(config, seed), "1", 0, 9e15, .help = "every random draw is a function of it" },
    { "precision", OPT_ENUM, MAP(config, precision), "single", .names = precision_names, .help = "numeric type of the whole trial" },
    { "dataset", OPT_PART, MAP(config, dataset), NULL, .flags = OPTION_REQUIRED, .registry = &dataset_registry, .help = "the task" },
    { "network", OPT_MAP, MAP(config, network), NULL, .flags = OPTION_REQUIRED, .table = network_options, .help = "the network" },
    { "loss", OPT_PART, MAP(config, loss), NULL, .flags = OPTION_REQUIRED, .registry = &loss_registry, .help = "the loss of the output" },
    { "train", OPT_MAP, MAP(config, train), NULL, .flags = OPTION_REQUIRED, .table = train_options, .help = "training" },
    { "algorithm", OPT_MAP, MAP(config, algorithm), NULL, .flags = OPTION_REQUIRED, .table = algorithm_options,
      .help = "credit assignment: a preset's name, and the parts to replace in it" },
    { "log", OPT_MAP, MAP(config, log), NULL, .flags = OPTION_BUDGET, .table = log_options, .help = "what is logged, and how often" },
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

/* Lays the file's algorithm over the preset that it names; `algorithm: bp` alone is the short form. */
static struct node *apply_preset(const struct node *tree, struct arena *a, struct err *e)
{
    const struct node *own = tree_child(tree, "algorithm");
    if (!own)
        return tree_copy(tree, a); /* binding reports the missing key */
    const struct node *name = own->kind == NODE_SCALAR ? own : own->kind == NODE_MAP ? tree_child(own, "name") : NULL;
    if (!name || name->kind != NODE_SCALAR) {
        err_at(e, own->where, "algorithm: expected a preset's name, or a map with `name`");
        return NULL;
    }
    const struct preset *preset = find_preset(name->text);
    if (!preset) {
        const char *names[64];
        size_t n = 0;
        for (const struct preset *p = presets; p->name && n < 64; p++)
            names[n++] = p->name;
        const char *near = err_nearest(name->text, names, n);
        if (near)
            err_at(e, name->where, "unknown algorithm '%s'; did you mean '%s'?", name->text, near);
        else
            err_at(e, name->where, "unknown algorithm '%s'; `tprun list algorithms` shows them", name->text);
        return NULL;
    }
    struct node *parts = tree_parse("preset", preset->parts, strlen(preset->parts), a, e);
    struct node *merged = parts ? tree_copy(tree, a) : NULL;
    struct node *algorithm = parts;
    if (own->kind == NODE_MAP && parts)
        algorithm = tree_overlay(parts, own, a, e);
    else if (parts && tree_set(&algorithm, "name", (struct node *)own, a, e) < 0)
        return NULL;
    if (algorithm)
        algorithm->where = own->where; /* what is missing is missing in the file, not in the preset */
    if (!algorithm || !merged || tree_set(&merged, "algorithm", algorithm, a, e) < 0)
        return NULL;
    return merged;
}

/* Where a path stands in the file, or the nearest one above it: parts that a preset chose have no place of their own. */
static struct where place(const struct node *tree, const char *path)
{
    char above[96];
    snprintf(above, sizeof above, "%s", path);
    for (;;) {
        const struct node *n = tree_find((struct node *)tree, above);
        char *dot = strrchr(above, '.');
        if (n || !dot)
            return n ? n->where : tree->where;
        *dot = 0;
    }
}

/* Places of the layers after `repeat` was expanded. */
static struct where *layer_places(const struct node *tree, size_t n_layers, struct arena *a)
{
    struct where *w = arena_need(a, n_layers + 1, sizeof *w);
    const struct node *list = tree_find((struct node *)tree, "network.layers");
    size_t n = 0;
    for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
        const struct node *item = list->items[i];
        int64_t repeat = 1;
        const struct node *r = item->kind == NODE_MAP ? tree_child(item, "repeat") : NULL;
        if (r && text_to_int(r->text, r->length, &repeat) < 0)
            repeat = 1;
        for (int64_t j = 0; j < repeat && n < n_layers; j++)
            w[n++] = item->kind == NODE_MAP && item->n ? item->keys[0]->where : item->where;
    }
    return w;
}

/* Whether the dataset has the samples and the accuracy that a metric asks for. */
static bool is_defined(const struct measure_def *m, const struct dataset_def *dataset, const struct data_shape *data)
{
    if (m->of_samples && m->split == SPLIT_VALID && data->valid_size == 0)
        return false;
    bool known = !m->accuracy || (data->classes && strcmp(m->accuracy, "accuracy") == 0);
    for (size_t i = 0; !known && dataset->accuracy_names && dataset->accuracy_names[i]; i++)
        known = strcmp(dataset->accuracy_names[i], m->accuracy) == 0;
    return known;
}

/* A file that names no metrics gets those of the default ones that its dataset defines. */
static void drop_undefined(struct config *c, const struct data_shape *data, struct arena *a)
{
    const struct names all = c->log.metrics;
    const char **kept = arena_need(a, all.n + 1, sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, all.items[i]);
        if (is_defined(m, (const struct dataset_def *)c->dataset.part, data))
            kept[n++] = all.items[i];
    }
    c->log.metrics = (struct names){ n, kept };
}

static void check_metrics(const struct node *tree, const struct config *c, const struct data_shape *data, struct err *e)
{
    const struct node *list = tree_find((struct node *)tree, "log.metrics");
    const struct dataset_def *dataset = (const struct dataset_def *)c->dataset.part;
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const char *name = c->log.metrics.items[i];
        const struct where where = list && list->kind == NODE_LIST && i < list->n ? list->items[i]->where : place(tree, "log.metrics");
        const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, name);
        if (!m) {
            const char *names[64];
            const size_t n = measure_registry.n_parts < 64 ? measure_registry.n_parts : 64;
            for (size_t j = 0; j < n; j++)
                names[j] = measure_registry.parts[j]->name;
            const char *near = err_nearest(name, names, n);
            if (near)
                err_at(e, where, "log.metrics: unknown metric '%s'; did you mean '%s'?", name, near);
            else
                err_at(e, where, "log.metrics: unknown metric '%s'; `tprun list metrics` shows them", name);
            continue;
        }
        if (!is_defined(m, dataset, data))
            err_at(e, where, "log.metrics: '%s' is not defined for dataset '%s'", name, c->dataset.part->name);
        if (m->of_inverse && strcmp(c->algorithm.mapping.part->name, "inverse") != 0)
            err_at(e, where, "log.metrics: '%s' is about the mapping 'inverse'; this one is '%s'", name, c->algorithm.mapping.part->name);
        if (m->part.needs & ~c->algorithm.mapping.part->gives)
            err_at(e, where, "log.metrics: '%s' needs a mapping that %s", name, capability_text(m->part.needs));
    }
}

/* What can only be seen once everything is bound. */
static void check_parts(const struct node *tree, struct config *c, struct arena *a, struct err *e)
{
    struct err late = { 0 };
    struct data_shape data = { 0 };
    const struct dataset_def *dataset = (const struct dataset_def *)c->dataset.part;
    if (dataset->shape(c->dataset.opts, &data, &late) < 0) {
        err_at(e, place(tree, "dataset"), "dataset: %s", err_first(&late));
        err_clear(&late);
        return;
    }
    const bool has_iterations = tree_find((struct node *)tree, "train.iterations"), has_epochs = tree_find((struct node *)tree, "train.epochs");
    if (has_iterations == has_epochs)
        err_at(e, place(tree, has_epochs ? "train.epochs" : "train"), "train: give either iterations or epochs%s",
               has_epochs ? ", not both" : "");
    else if (has_epochs && data.train_size == 0)
        err_at(e, place(tree, "train.epochs"), "train.epochs: dataset '%s' draws fresh samples without end; give iterations",
               c->dataset.part->name);
    if (data.train_size && (size_t)c->train.batch_size > data.train_size)
        err_at(e, place(tree, "train.batch_size"), "train.batch_size: %lld is more than the %zu samples of the training set",
               (long long)c->train.batch_size, data.train_size);
    const struct loss_def *loss = (const struct loss_def *)c->loss.part;
    if (loss->classes != data.classes)
        err_at(e, place(tree, "loss"), "loss: '%s' wants %s, but dataset '%s' has %s", loss->part.name,
               loss->classes ? "classes" : "real targets", c->dataset.part->name, data.classes ? "classes" : "real targets");
    if (tree_find((struct node *)tree, "log.metrics"))
        check_metrics(tree, c, &data, e);
    else
        drop_undefined(c, &data, a);
    struct chain chain;
    const struct where *places = layer_places(tree, c->network.layers.n, a);
    if (chain_shape(&chain, &c->network.layers, &data, places, a, e) < 0)
        return;
    struct credit credit;
    const struct credit_choice choice = config_credit(&c->algorithm);
    if (credit_shape(&credit, &choice, &chain, a, &late) < 0) {
        if (late.n_messages && late.messages[0].where.line)
            err_move(e, &late);
        else
            err_at(e, place(tree, "algorithm"), "%s", err_first(&late));
        err_clear(&late);
        return;
    }
    const bool learns = c->algorithm.mapping.part->gives & GIVES_TRAIN;
    const struct fbloss_def *fbloss = (const struct fbloss_def *)c->algorithm.feedback_loss.part;
    if (learns && !c->algorithm.feedback.optimizer.part)
        err_at(e, place(tree, "algorithm"), "algorithm.feedback.optimizer: mapping '%s' learns and needs an optimizer",
               c->algorithm.mapping.part->name);
    if (fbloss->needs_targets && c->algorithm.feedback.schedule == FEEDBACK_FIRST)
        err_at(e, place(tree, "algorithm.feedback_loss"),
               "algorithm.feedback_loss: '%s' is taken at the targets; use feedback: {schedule: joint}", fbloss->part.name);
    if (learns && fbloss->grads && c->algorithm.route == ROUTE_DIRECT)
        err_at(e, place(tree, "algorithm.route"), "algorithm.route: feedback_loss '%s' needs route 'chain'", fbloss->part.name);
    const struct update_options *update = c->algorithm.update.opts;
    if (update->order != ORDER_SIMULTANEOUS && data.sequence)
        err_at(e, place(tree, "algorithm.update"), "algorithm.update.order: the links of a recurrent layer share weights; only "
                                                   "'simultaneous' is defined there");
}

int config_bind(const struct node *tree, struct config *c, struct arena *a, struct err *e)
{
    const size_t before = e->n_errors;
    *c = (struct config){ 0 };
    struct node *whole = apply_preset(tree, a, e);
    if (whole) {
        bind_tree(whole, config_options, c, "", a, e);
        if (e->n_errors == before)
            check_parts(tree, c, a, e);
    } else { /* report the file's other mistakes too */
        struct node *rest = tree_copy(tree, a);
        tree_remove(rest, "algorithm");
        struct node *stand_in = tree_parse("preset", presets[0].parts, strlen(presets[0].parts), a, e);
        struct node *name = tree_parse("preset", presets[0].name, strlen(presets[0].name), a, e);
        if (stand_in && name && tree_set(&stand_in, "name", name, a, e) == 0 && tree_set(&rest, "algorithm", stand_in, a, e) == 0)
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
    return (struct credit_choice){ a->target, a->mapping, a->feedback_loss, a->propagate, a->update, a->route, (size_t)a->head,
                                   a->target_stepsize };
}

int64_t config_budget(const struct config *c, const struct data_shape *data)
{
    if (c->train.epochs > 0) {
        const int64_t per_epoch = ((int64_t)data->train_size + c->train.batch_size - 1) / c->train.batch_size;
        return c->train.epochs * per_epoch;
    }
    return c->train.iterations;
}

const struct registry *const trial_registries[] = { &dataset_registry, &layer_registry, &init_registry,      &loss_registry,
                                                    &optim_registry,   &target_registry, &mapping_registry,  &fbloss_registry,
                                                    &propagate_registry, &update_registry, &measure_registry, NULL };
