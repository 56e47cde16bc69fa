/* What can only be seen once everything is bound: whether the parts of a trial fit each other and the data. */
#include "spec/idle.h"
#include "trial/config_places.h"
#include "trial/measures.h"

#include <string.h>

static bool is_given(const struct node *tree, const char *path)
{
    const struct node *n = tree_find((struct node *)tree, path);
    return n && !node_is_null(n);
}

/* Where a path stands in the file, or the nearest one above it: parts that a preset chose have no place of their own.
 */
static struct where place(const struct node *tree, const char *path, struct arena *a)
{
    char *above = arena_strdup(a, path);
    for (;;) {
        const struct node *n = tree_find((struct node *)tree, above);
        char *dot = strrchr(above, '.');
        if (n || !dot)
            return n ? n->where : tree->where;
        *dot = 0;
    }
}

/* A rule that the preset chose beside a mapping that the file chose. */
static bool is_preset_choice(const struct node *tree, const char *path)
{
    static const char *const rules[] = { "algorithm.propagate", "algorithm.feedback_loss", "algorithm.route" };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(path, rules[i]) == 0)
            return !is_given(tree, path) && is_given(tree, "algorithm.mapping");
    return false;
}

/* Rooms that know nothing of files say which key a message is about: that is where it belongs. */
static void take(const struct node *tree, struct err *late, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < late->n_messages; i++) {
        const struct err_message *m = &late->messages[i];
        const char *path = arena_strndup(a, m->text, m->n_key);
        if (is_preset_choice(tree, path)) /* the file's own choice is what does not fit */
            path = "algorithm.mapping";
        err_at(e, m->where.line ? config_refine(tree, m, a) : place(tree, path, a), "%s", m->text);
    }
    err_clear(late);
}

/* Places of the layers after `repeat` was expanded. */
static struct where *layer_places(const struct node *tree, size_t n_layers, struct arena *a)
{
    struct where *w = arena_need(a, n_layers + 1, sizeof *w);
    const struct node *list = tree_find((struct node *)tree, "network.layers");
    size_t n = 0;
    if (list && n_layers == 0)
        w[0] = list->where;
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

/* A file that names no metrics gets those of the default ones that its dataset defines. */
static void drop_undefined(struct config *c, const struct data_shape *data, struct arena *a)
{
    const struct names all = c->log.metrics;
    const char **kept = arena_need(a, all.n + 1, sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct measure_def *m = measure_find(all.items[i]);
        if (measure_is_defined(m, dataset_def_of(c->dataset), data))
            kept[n++] = all.items[i];
    }
    c->log.metrics = (struct names){ n, kept };
}

static void check_damping(const struct node *tree, const struct config *c, struct arena *a, struct err *e)
{
    const size_t n = c->log.damping.n, layers = c->network.layers.n;
    if (n != 1 && n != layers && n + 1 != layers)
        err_at(e, place(tree, "log.damping", a),
               "log.damping: %zu numbers; give one, or one for each of the %zu layers (the last may be left out)", n,
               layers);
}

/* chain: NULL if the layers do not fit each other. */
static void check_metrics(const struct node *tree, const struct config *c, const struct data_shape *data,
                          const struct chain *chain, const struct credit *credit, struct arena *a, struct err *e)
{
    const struct node *list = tree_find((struct node *)tree, "log.metrics");
    const struct part *mapping = c->algorithm.mapping.part;
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const char *name = c->log.metrics.items[i];
        const struct where where =
            list && list->kind == NODE_LIST && i < list->n ? list->items[i]->where : place(tree, "log.metrics", a);
        const struct measure_def *m = measure_find(name);
        struct err late = { 0 };
        if (!measure_is_defined(m, dataset_def_of(c->dataset), data))
            err_at(e, where, "log.metrics: '%s' is not defined for dataset '%s'", name, c->dataset.part->name);
        if (m->fits)
            (void)m->fits(m, &(struct measured){ c, chain, credit, where }, &late); /* its messages are taken over */
        take(tree, &late, a, e);
        if (m->part.needs & ~mapping->gives)
            err_at(e, where, "log.metrics: '%s' needs a mapping that %s; '%s' does not", name,
                   capability_text(m->part.needs & ~mapping->gives), mapping->name);
    }
}

static void check_train(const struct node *tree, const struct config *c, const struct data_shape *data, struct arena *a,
                        struct err *e)
{
    const struct loss_def *loss = loss_def_of(c->loss);
    const char *dataset = c->dataset.part->name;
    const bool has_iterations = is_given(tree, "train.iterations"), has_epochs = is_given(tree, "train.epochs");
    if (has_iterations == has_epochs)
        err_at(e, place(tree, has_epochs ? "train.epochs" : "train", a), "train: give either iterations or epochs%s",
               has_epochs ? ", not both" : "");
    else if (has_epochs && data->train_size == 0)
        err_at(e, place(tree, "train.epochs", a),
               "train.epochs: dataset '%s' draws fresh samples without end; give iterations", dataset);
    if (data->train_size && (size_t)c->train.batch_size > data->train_size)
        err_at(e, place(tree, "train.batch_size", a),
               "train.batch_size: %lld is more than the %zu samples of the training set",
               (long long)c->train.batch_size, data->train_size);
    if (loss->classes != data->classes)
        err_at(e, place(tree, "loss", a), "loss: '%s' wants %s, but dataset '%s' has %s; use '%s'", loss->part.name,
               loss->classes ? "classes" : "real targets", dataset, data->classes ? "classes" : "real targets",
               data->classes ? "cross_entropy" : "squared_error");
}

/* Layers that move one after the other have no direction of all weights. */
static void check_clip(const struct node *tree, const struct config *c, struct arena *a, struct err *e)
{
    const struct update_options *update = c->algorithm.update.opts;
    if (c->train.clip_norm > 0 && update->order != ORDER_SIMULTANEOUS)
        err_at(e, place(tree, "train.clip_norm", a),
               "train.clip_norm: the norm of one update of all layers, but algorithm.update.order moves them in turn");
}

/* Epochs that train the feedback weights alone. */
static void check_feedback_only(const struct node *tree, const struct config *c, const struct data_shape *data,
                                struct arena *a, struct err *e)
{
    const struct config_feedback *f = &c->algorithm.feedback;
    const struct part *mapping = c->algorithm.mapping.part;
    const struct {
        const char *path;
        int64_t epochs;
    } keys[] = { { "algorithm.feedback.pretrain_epochs", f->pretrain_epochs },
                 { "algorithm.feedback.extra_epochs", f->extra_epochs } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].epochs == 0)
            continue;
        if (!(mapping->gives & GIVES_TRAIN))
            err_at(e, place(tree, keys[i].path, a), "%s: mapping '%s' does not learn", keys[i].path, mapping->name);
        if (data->train_size == 0)
            err_at(e, place(tree, keys[i].path, a),
                   "%s: dataset '%s' draws fresh samples without end and has no epochs", keys[i].path,
                   c->dataset.part->name);
    }
}

/* Noise of the input and of what layers send. */
static void check_noise(const struct node *tree, const struct config *c, const struct data_shape *data, struct arena *a,
                        struct err *e)
{
    const struct fbloss_options *feedback = c->algorithm.feedback_loss.opts;
    if (c->network.input_noise.std > 0 && data->sequence)
        err_at(e, place(tree, "network.input_noise.std", a),
               "network.input_noise: defined for flat data; dataset '%s' gives sequences", c->dataset.part->name);
    if (feedback && feedback->noise_decay > 0 && data->train_size == 0)
        err_at(
            e, place(tree, "algorithm.feedback_loss.noise_decay", a),
            "algorithm.feedback_loss.noise_decay: counted in epochs, but dataset '%s' draws fresh samples without end",
            c->dataset.part->name);
}

static void check_algorithm(const struct node *tree, const struct config_algorithm *c, struct arena *a, struct err *e)
{
    const bool learns = c->mapping.part->gives & GIVES_TRAIN;
    const struct fbloss_def *fbloss = fbloss_def_of(c->feedback_loss);
    if (learns && !c->feedback.optimizer.n)
        err_at(e, place(tree, "algorithm.feedback", a),
               "algorithm.feedback.optimizer: mapping '%s' learns and needs an optimizer", c->mapping.part->name);
    if (learns && feedback_most_steps(&c->feedback) + c->feedback.pretrain_epochs + c->feedback.extra_epochs == 0)
        err_at(e, place(tree, "algorithm.feedback.steps", a),
               "algorithm.feedback.steps: mapping '%s' learns, but steps, pretrain_epochs and extra_epochs are all 0; "
               "for weights that stay as drawn use "
               "mapping 'fixed'",
               c->mapping.part->name);
    for (size_t i = 0; i < c->feedback.steps.n && c->feedback.schedule == FEEDBACK_JOINT; i++)
        if (c->feedback.steps.items[i] > 1)
            err_at(e, place(tree, "algorithm.feedback.steps", a),
                   "algorithm.feedback.steps: %g, but schedule 'joint' takes one step, at the weights of the forward "
                   "one; use schedule: first",
                   c->feedback.steps.items[i]);
    if (fbloss->at_targets && c->feedback.schedule == FEEDBACK_FIRST && feedback_most_steps(&c->feedback) > 0)
        err_at(e,
               place(tree,
                     is_given(tree, "algorithm.feedback.schedule") ? "algorithm.feedback.schedule"
                                                                   : "algorithm.feedback_loss",
                     a),
               "algorithm.feedback_loss: '%s' is taken at the targets; use feedback: {schedule: joint}",
               fbloss->part.name);
}

/* Lists with a value for each feedback unit. */
static void check_lists(const struct node *tree, const struct config_feedback *f, size_t n_feedback, struct arena *a,
                        struct err *e)
{
    const struct {
        const char *path, *what;
        bool given;
        size_t n;
    } keys[] = { { "algorithm.feedback.optimizer", "optimizers", f->optimizer.items != NULL, f->optimizer.n },
                 { "algorithm.feedback.steps", "numbers", true, f->steps.n },
                 { "algorithm.feedback.stepsize", "numbers", f->stepsize.items != NULL, f->stepsize.n } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].given && keys[i].n != 1 && keys[i].n != n_feedback)
            err_at(e, place(tree, keys[i].path, a), "%s: %zu %s; give one, or one for each of the %zu feedback units",
                   keys[i].path, keys[i].n, keys[i].what, n_feedback);
    for (size_t i = 0; i < f->optimizer.n && f->stepsize.items; i++)
        if (!option_find(f->optimizer.items[i].part->options, "stepsize"))
            err_at(e, place(tree, "algorithm.feedback.stepsize", a),
                   "algorithm.feedback.stepsize: optimizer '%s' has none", f->optimizer.items[i].part->name);
}

/* Schedules, each with the stepsizes that it begins with. places: of the layers. */
static void check_schedules(const struct node *tree, const struct config *c, bool endless, size_t n_feedback,
                            const struct where *places, struct arena *a, struct err *e)
{
    const struct config_feedback *f = &c->algorithm.feedback;
    const struct optim_common *common = c->train.optimizer.opts;
    struct err late = { 0 };
    (void)schedule_check(c->train.optimizer, common->stepsize, endless, "train.optimizer.schedule", &late);
    for (size_t i = 0; i < c->network.layers.n; i++) {
        const struct chosen own = config_optimizer(c, i);
        const char *key = arena_printf(a, "network.layers.%zu.optimizer.schedule", i);
        common = own.opts;
        if (own.opts != c->train.optimizer.opts && schedule_check(own, common->stepsize, endless, key, &late) < 0)
            late.messages[late.n_messages - 1].where = places[i];
    }
    for (size_t i = 0; i < n_feedback && f->optimizer.n > 0; i++)
        if (schedule_check(feedback_choice(f, i), feedback_stepsize(f, i), endless, "algorithm.feedback.optimizer",
                           &late) < 0)
            break; /* the same schedule serves many units */
    take(tree, &late, a, e);
}

/* The random numbers of noise on the input have one use in a trial. */
static void check_input_noise(const struct node *tree, const struct config *c, const struct credit *credit,
                              struct arena *a, struct err *e)
{
    const struct update_def *update = update_def_of(c->algorithm.update);
    if (c->network.input_noise.std > 0 && update->corrupts_input && update->corrupts_input(credit))
        err_at(e, place(tree, "algorithm.update.input_noise", a),
               "algorithm.update.input_noise: '%s' corrupts the input of its first layer, and network.input_noise that "
               "of the whole network; give one of them",
               update->part.name);
}

/* Samples that a batch has at least, for the layers and (credit not NULL) for what the algorithm does with them; who:
 * asks for that. */
static size_t least_rows(const struct chain *chain, const struct credit *credit, const char **who, struct arena *a)
{
    size_t least = credit ? credit_min_rows(credit) : 1;
    *who = "the algorithm";
    for (size_t i = 0; i < chain->n_units; i++)
        if (chain->units[i].min_rows > least) {
            least = chain->units[i].min_rows;
            *who = arena_printf(a, "network.layers.%zu", i);
        }
    return least;
}

/* Minibatches that are too small to be normalised: of training, and the last one of an evaluation. */
static void check_rows(const struct node *tree, const struct config *c, const struct data_shape *data,
                       const struct chain *chain, const struct credit *credit, struct arena *a, struct err *e)
{
    const size_t batch = (size_t)c->train.batch_size, sizes[N_SPLITS] = {
        [SPLIT_EVAL] = data->eval_size, [SPLIT_TEST] = data->test_size, [SPLIT_VALID] = data->valid_size
    };
    const struct where where = place(tree, "train.batch_size", a);
    bool told[N_SPLITS] = { false };
    const char *who;
    const size_t least = least_rows(chain, credit, &who, a);
    if (batch < least) {
        err_at(e, where, "train.batch_size: %zu, but %s normalises over the minibatch and needs at least %zu samples",
               batch, who, least);
        return;
    }
    const size_t forward = least_rows(chain, NULL, &who, a);
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(c->log.metrics.items[i]);
        const size_t size = m->of_samples ? sizes[m->split] : 0, last = size % batch;
        if (last > 0 && last < forward && !told[m->split])
            err_at(e, where,
                   "train.batch_size: %zu leaves %zu of the %zu samples of '%s' for the last minibatch, but %s "
                   "normalises over the minibatch and needs at least %zu",
                   batch, last, size, m->part.name, who, forward);
        told[m->split] |= last > 0 && last < forward;
    }
}

/* The layers that initial weights are read for. */
static void check_from(const struct node *tree, const struct config *c, const struct chain *chain, struct arena *a,
                       struct err *e)
{
    const struct config_from *from = &c->network.init.from;
    const struct where where = place(tree, "network.init.from.layers", a);
    if (from->layers.items && !from->file)
        err_at(e, where, "network.init.from: layers are named, but no file");
    for (size_t i = 0; i < from->layers.n; i++) {
        const double layer = from->layers.items[i];
        if (layer >= (double)chain->n_units || layer != (double)(size_t)layer)
            err_at(e, where, "network.init.from.layers: %g is no layer; the network has layers 0 to %zu", layer,
                   chain->n_units - 1);
        for (size_t j = 0; j < i; j++)
            if (from->layers.items[j] == layer)
                err_at(e, where, "network.init.from.layers: %g is named twice", layer);
    }
}

/* Keys of `csv` where no file is one. */
static void note_csv(const struct node *tree, const struct config *c, struct idle_keys *idle, struct arena *a)
{
    const struct dataset_def *dataset = dataset_def_of(c->dataset);
    const struct node *map = tree_find((struct node *)tree, "dataset.csv");
    if (!map || map->kind != NODE_MAP || !dataset->has_text)
        return;
    const bool no_text = !dataset->has_text(c->dataset.opts);
    const struct option *csv = option_find(dataset->part.options, "csv");
    for (size_t i = 0; i < map->n; i++) {
        const struct option *row = option_find(csv->table, map->keys[i]->text);
        if (no_text && option_holds(row, (const char *)c->dataset.opts + csv->offset + row->offset, row->dflt))
            continue; /* what is so anyway */
        idle_note_key(idle, map->keys[i], arena_printf(a, "dataset.csv.%s", row->name), ", as no file is a CSV",
                      no_text);
    }
}

static bool has_feedback_weights(const struct credit *credit)
{
    for (size_t i = 0; i < credit_n_feedback_units(credit); i++)
        if (credit_feedback_unit(credit, i)->n_params > 0)
            return true;
    return false;
}

/* Initial weights of which nothing is read. */
static void note_from(const struct node *tree, const struct config_from *from, const struct credit *credit,
                      struct idle_keys *idle)
{
    const struct node *init = tree_find((struct node *)tree, "network.init");
    const struct node *map = init ? tree_child(init, "from") : NULL;
    if (!from->file || !map)
        return;
    idle_note_key(idle, tree_key(init, "from"), "network.init.from", ", as layers is []",
                  from->layers.items && from->layers.n == 0 && !from->feedback);
    if (from->feedback)
        idle_note_key(idle, tree_key(map, "feedback"), "network.init.from.feedback",
                      ", as the algorithm has no feedback weights", !has_feedback_weights(credit));
}

/* What metrics need of the chain, and what of the log nothing reads. */
static void check_log(const struct node *tree, const struct config *c, const struct chain *chain, struct arena *a,
                      struct err *e)
{
    bool reads_damping = false;
    for (size_t i = 0; i < c->log.metrics.n; i++) {
        const struct measure_def *m = measure_find(c->log.metrics.items[i]);
        reads_damping |= m->compares & (COMPARES_GNT | COMPARES_GN);
    }
    const bool damps = c->log.damping.n > 1 || c->log.damping.items[0] != 0;
    if (damps && !reads_damping)
        err_at(e, place(tree, "log.damping", a),
               "log.damping: no metric of log.metrics reads it (angle_gnt, angle_gn)");
    if (c->log.samples > 1 && chain_first_random(chain) >= chain->n_units)
        err_at(e, place(tree, "log.samples", a),
               "log.samples: no layer draws random numbers in evaluations (transmit: bernoulli)");
}

void config_check(const struct node *tree, struct config *c, struct config_cache *cache, struct arena *a, struct err *e)
{
    struct err late = { 0 };
    if (config_find_shape(c, cache, &late) < 0 || loss_shape(c->loss, &c->data, &late) < 0) {
        take(tree, &late, a, e);
        return;
    }
    const struct data_shape data = c->data;
    check_train(tree, c, &data, a, e);
    struct idle_keys *idle = cache ? cache->idle : NULL;
    if (idle)
        note_csv(tree, c, idle, a);
    check_noise(tree, c, &data, a, e);
    struct chain chain;
    struct credit credit;
    const struct credit_choice choice = config_credit(&c->algorithm);
    const struct where *places = layer_places(tree, c->network.layers.n, a);
    const bool chained = chain_shape_form(&chain, &c->network.layers, c->network.form, &data, places, a, &late) == 0;
    if (chained)
        (void)credit_shape(&credit, &choice, &chain, a, &late); /* its messages are taken over below */
    else
        (void)credit_check(&choice, &late);
    const bool shaped = late.n_messages == 0;
    if (is_given(tree, "log.metrics"))
        check_metrics(tree, c, &data, chained ? &chain : NULL, shaped ? &credit : NULL, a, e);
    else
        drop_undefined(c, &data, a);
    (void)stop_check(c, &data, a, &late); /* as above */
    check_damping(tree, c, a, e);
    take(tree, &late, a, e);
    check_algorithm(tree, &c->algorithm, a, e);
    check_feedback_only(tree, c, &data, a, e);
    check_clip(tree, c, a, e);
    if (shaped) {
        const size_t before = e->n_errors;
        check_lists(tree, &c->algorithm.feedback, credit.n_feedback, a, e);
        if (e->n_errors == before)
            check_schedules(tree, c, data.train_size == 0, credit.n_feedback, places, a, e);
        check_log(tree, c, &chain, a, e);
        check_input_noise(tree, c, &credit, a, e);
        check_from(tree, c, &chain, a, e);
        if (idle)
            note_from(tree, &c->network.init.from, &credit, idle);
        check_rows(tree, c, &data, &chain, &credit, a, e);
    }
}
