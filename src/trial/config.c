#include "trial/config.h"

#include "base/hash.h"
#include "credit/credit.h"
#include "net/form.h"
#include "net/init.h"
#include "net/inverse.h"
#include "net/layer.h"
#include "optim/optim.h"
#include "trial/measures.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const precision_names[] = { "single", "double", NULL };

#define MAP(type, field) offsetof(struct type, field)

static const struct option from_options[] = {
    { "file", OPT_TEXT, MAP(config_from, file), .flags = OPTION_NULLABLE,
      .help =
          "safetensors file with tensors layers.<i>.weight, layers.<i>.bias and so on (F32 or F64; finite), as `tprun "
          "export weights` writes; "
          "relative to the working folder" },
    { "layers", OPT_REALS, MAP(config_from, layers), .min = 0, .max = 1e6, .flags = OPTION_NULLABLE,
      .help = "indices (from 0) of the layers that are read; without it all are" },
    { "feedback", OPT_BOOL, MAP(config_from, feedback), "false", .flags = OPTION_NULLABLE, .beside = "file", .idle = "",
      .help = "read the feedback weights too, from tensors feedback.<i>.weight and so on" },
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
    { "gradient", OPT_ENUM, MAP(config_input_noise, gradient), "noisy", .names = input_gradient_names, .beside = "std",
      .idle = "0",
      .help = "the input in the parameter gradient of the first layer: the noisy one, or the clean one (Lee 2015, "
              "script of the baseline)" },
    { 0 }
};
static const struct option network_options[] = {
    { "layers", OPT_PARTS, MAP(config_network, layers), NULL, .flags = OPTION_REQUIRED, .registry = &layer_registry,
      .help = "the chain of layers, from the input; the dataset gives the input's shape" },
    { "form", OPT_ENUM, MAP(config_network, form), "sigma_w", .flags = OPTION_NULLABLE, .names = form_names,
      .help =
          "where activations stand: sigma_w: behind each layer's map, a(W h + b); w_sigma: in front of it, W a(h) + "
          "b, the network's input included, and states and targets are of pre-activations" },
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
    { "every", OPT_INT, MAP(config_stop, every), "1000", 1, 1e12,
      .help = "steps between tests of loss_above_initial and of metric" },
    { "metric", OPT_TEXT, MAP(config_stop, metric), .flags = OPTION_NULLABLE,
      .help = "end the trial as done before its budget by this metric of log.metrics, an evaluation on training or "
              "validation data: at target, or after patience" },
    { "patience", OPT_INT, MAP(config_stop, patience), "0", 0, 1e9, OPTION_NULLABLE,
      "tests of metric, one after the other, without a better value than before, after which the trial ends; 0: a "
      "plateau ends none" },
    { "min_delta", OPT_REAL, MAP(config_stop, min_delta), "0", 0, 1e300, OPTION_NULLABLE,
      "a value that is better by this or less counts as none" },
    { "target", OPT_REAL, MAP(config_stop, target), "-1", 0, 1e300, OPTION_NULLABLE,
      "end the trial when a test finds metric at this value or a better one" },
    { "every_epochs", OPT_INT, MAP(config_stop, every_epochs), "0", 1, 1e9, OPTION_NULLABLE,
      "epochs between tests of metric, in place of every" },
    { 0 }
};
static const char *const threads_names[] = { "auto", NULL };
static const struct option train_options[] = {
    { "optimizer", OPT_PART, MAP(config_train, optimizer), NULL, .flags = OPTION_REQUIRED, .registry = &optim_registry,
      .help = "how weights follow their update directions" },
    { "batch_size", OPT_INT, MAP(config_train, batch_size), NULL, 1, 1e6, OPTION_REQUIRED, "samples per minibatch" },
    { "iterations", OPT_INT, MAP(config_train, iterations), "-1", 0, 1e12, OPTION_BUDGET | OPTION_NULLABLE,
      "minibatches to train on; this or epochs; 0: the initial weights are evaluated" },
    { "epochs", OPT_INT, MAP(config_train, epochs), "-1", 0, 1e9, OPTION_BUDGET | OPTION_NULLABLE,
      "passes over the training set; this or iterations" },
    { "clip_norm", OPT_REAL, MAP(config_train, clip_norm), "0", 0, 1e30, OPTION_NULLABLE,
      "update directions of all weights, taken together, that are longer than this are scaled down to it, before the "
      "optimizer has them; 0: never. Of the forward weights, those that do not move (trainable: false, frozen) too, "
      "and with order: simultaneous" },
    { "threads", OPT_INT, MAP(config_train, threads), "1", 1, THREADS_MOST, OPTION_BUDGET | OPTION_NULLABLE,
      "threads that share a trial's large products and loops; each counts as one of the workers of -j, and a trial "
      "gets no more than these. auto: as many as the other trials leave idle when it starts. Numbers are the same for "
      "any of them",
      .names = threads_names },
    { "stop", OPT_MAP, MAP(config_train, stop), NULL, .table = stop_options,
      .help = "why a trial is called diverged, and what ends it before its budget" },
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
static const char *const keep_names[] = { "long", "none", "last", "all", NULL };
static const struct option checkpoint_options[] = {
    { "seconds", OPT_REAL, MAP(config_checkpoint, seconds), "30", 0, 1e9, OPTION_BUDGET | OPTION_ABOVE_MIN,
      "time between checkpoints" },
    { "keep", OPT_ENUM, MAP(config_checkpoint, keep), "long", .flags = OPTION_BUDGET | OPTION_NULLABLE,
      .names = keep_names,
      .help =
          "what stays of a trial that is done: long: the newest two, of a trial that took longer than seconds; none; "
          "last: that of the last step; all: every one that was written" },
    { 0 }
};

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

static struct node *complete(const struct node *tree, struct arena *a)
{
    struct err e = { 0 };
    struct node *whole = config_whole(tree, NULL, NULL, a, &e);
    err_clear(&e);
    return whole;
}

/* A metric of the registry, or a name under which one logs. */
static bool can_log(const char *metric, const struct registry **known)
{
    struct metric_facts facts;
    *known = &measure_registry;
    return registry_find(&measure_registry, metric) || measure_facts(metric, &facts);
}

bool config_metric_of_layers(const char *metric)
{
    struct metric_facts facts;
    return measure_facts(metric, &facts) && facts.of_layers;
}

static bool can_reach(const char *metric, double *most)
{
    const struct measure_def *m = (const struct measure_def *)registry_find(&measure_registry, metric);
    *most = m && m->accuracy ? 100 : (double)INFINITY;
    return m && measure_is_reached(m);
}

int config_bind(const struct node *tree, struct config *c, struct arena *a, struct err *e)
{
    return config_bind_next(tree, NULL, c, a, e);
}

int config_bind_values(const struct node *tree, struct config_cache *cache, struct config *c, struct arena *a,
                       struct err *e)
{
    const size_t before = e->n_errors;
    *c = (struct config){ 0 };
    struct node *whole = config_whole(tree, cache, NULL, a, e);
    if (whole) {
        bind_tree_noting(whole, config_options, c, "", cache ? cache->idle : NULL, a, e);
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

int config_bind_next(const struct node *tree, struct config_cache *cache, struct config *c, struct arena *a,
                     struct err *e)
{
    const size_t before = e->n_errors;
    if (config_bind_values(tree, cache, c, a, e) == 0)
        config_check(tree, c, cache, a, e);
    return e->n_errors == before ? 0 : ERR_SPEC;
}

int config_bind_whole(const struct node *tree, struct config *c, struct arena *a, struct err *e)
{
    const size_t before = e->n_errors;
    *c = (struct config){ 0 };
    bind_tree(tree, config_options, c, "", a, e);
    if (e->n_errors == before)
        config_check(tree, c, NULL, a, e);
    return e->n_errors == before ? 0 : ERR_SPEC;
}

void config_visit_kept(const struct node *tree, struct config_cache *cache, const struct kept_visitor *tell,
                       struct arena *a)
{
    struct err e = { 0 };
    (void)config_whole(tree, cache, tell, a, &e); /* mistakes are told when the tree is bound */
    err_clear(&e);
}

void config_json(const struct config *c, struct text *out)
{
    bind_json(config_options, c, 0, out);
}

static bool is_word(struct chosen c, const char *option, const char *word)
{
    const struct option *o = option_find(c.part->options, option);
    return o && strcmp(o->names[*(const int *)((const char *)c.opts + o->offset)], word) == 0;
}

/* Whether weights of links of several layers are inverted. */
static bool inverts_blocks(const struct config *c)
{
    const struct chosen mapping = c->algorithm.mapping;
    bool blocks = c->network.form != FORM_SIGMA_W;
    for (size_t i = 0; i < c->network.layers.n; i++)
        blocks |= strcmp(c->network.layers.items[i].part->name, "unit") == 0;
    return blocks && (strcmp(mapping.part->name, "inverse") == 0 || is_word(mapping, "of", "weights"));
}

/* Whether a matrix is inverted as it is, without regularization. */
static bool inverts_exactly(const struct config *c)
{
    const struct chosen mapping = c->algorithm.mapping;
    const struct inverse_options *o = mapping.opts;
    return strcmp(mapping.part->name, "inverse") == 0 &&
           (o->regularization == 0 || o->matrix == INVERT_TWO_EYE_MINUS_W);
}

/* Whether feedback weights that do not learn have an optimizer which would decay them. */
static bool decays_fixed(const struct config *c)
{
    const struct chosen_list optimizers = c->algorithm.feedback.optimizer;
    bool decays = false;
    for (size_t i = 0; i < optimizers.n && !(c->algorithm.mapping.part->gives & GIVES_TRAIN); i++) {
        const struct option *o = option_find(optimizers.items[i].part->options, "weight_decay");
        decays |= o && *(const double *)((const char *)optimizers.items[i].opts + o->offset) > 0;
    }
    return decays;
}

/* The first line is the version of the identity: another one where the same words stand for another computation, as for
 * inverses of blocks, whose displacements were once taken where the forward pass was, for fixed feedback weights,
 * which a weight decay once shrank, and for inverses without regularization, which were once those of W^T W. */
void config_key(const struct config *c, char hex[65])
{
    struct text t = { 0 };
    const int version = inverts_exactly(c) ? 3 : inverts_blocks(c) || decays_fixed(c) ? 2 : 1;
    text_add(&t, "tprun trial %d\n", version);
    bind_json(config_options, c, OPTION_BUDGET, &t);
    hash_bytes_hex(t.s, t.n, hex);
    text_free(&t);
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

const struct registry *const trial_registries[] = { &act_registry,      &dataset_registry,  &layer_registry,
                                                    &transmit_registry, &init_registry,     &loss_registry,
                                                    &optim_registry,    &schedule_registry, &target_registry,
                                                    &mapping_registry,  &fbloss_registry,   &propagate_registry,
                                                    &update_registry,   &measure_registry,  NULL };

static const struct option *row_of(const struct option *table, const char *path, size_t n)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (strlen(o->name) == n && strncmp(o->name, path, n) == 0)
            return o;
    return NULL;
}

/* in: what the table describes; NULL: below a part the option of any part of this name counts. The recursion follows
 * the path. */
static bool is_budget_in(const struct option *table, const void *in, const char *path)
{
    const size_t n = strcspn(path, ".=");
    const struct option *o = row_of(table, path, n);
    if (!o || (o->flags & OPTION_BUDGET) || path[n] != '.')
        return o && (o->flags & OPTION_BUDGET);
    const char *rest = path + n + 1;
    const void *field = in ? (const char *)in + o->offset : NULL;
    if (o->type == OPT_PART && field) {
        const struct chosen *c = field;
        return c->part && is_budget_in(c->part->options, c->opts, rest);
    }
    for (size_t i = 0; o->type == OPT_PART && i < o->registry->n_parts; i++)
        if (is_budget_in(o->registry->parts[i]->options, NULL, rest))
            return true;
    return o->type == OPT_MAP && is_budget_in(o->table, field, rest);
}

bool config_is_budget(const char *path, const struct config *c)
{
    return is_budget_in(config_options, c, path);
}

static bool may_be_budget(const char *path)
{
    return config_is_budget(path, NULL);
}

const struct study_form config_form = { config_options,          complete,  can_log,
                                        config_metric_of_layers, can_reach, may_be_budget };
