/* What a file says of its algorithm: the options, the presets that they are laid over, and what follows from them. */
#include "trial/parts.h"
#include "trial/private.h"

#include <string.h>

#define MAP(type, field) offsetof(struct type, field)

static const char *const schedule_names[] = { "joint", "first", NULL };

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
const struct option algorithm_options[] = {
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
    { "feedback", OPT_MAP, MAP(config_algorithm, feedback), NULL, .table = feedback_options, .of = "mapping",
      .of_gives = GIVES_TRAIN, .help = "training of a mapping that learns" },
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
struct node *config_whole(const struct node *tree, struct config_cache *cache, const struct kept_visitor *tell,
                          struct arena *a, struct err *e)
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
        algorithm = tree_overlay_algorithm(parts, without_unset(own, parts, a), a, e);
    else if (parts && tree_set(&algorithm, "name", (struct node *)own, a, e) < 0)
        return NULL;
    if (algorithm)
        parts_settle(algorithm, algorithm_options, tell, a);
    if (algorithm)
        algorithm->where = own->where; /* what is missing is missing in the file, not in the preset */
    if (!algorithm || !merged || tree_set(&merged, "algorithm", algorithm, a, e) < 0)
        return NULL;
    return merged;
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

struct credit_choice config_credit(const struct config_algorithm *a)
{
    return (struct credit_choice){ a->target, a->mapping, a->feedback_loss, a->propagate,
                                   a->update, a->route,   (size_t)a->head,  a->target_stepsize };
}

/* One value, or one per feedback unit. */
static double value_of(struct reals values, size_t i)
{
    return values.n == 1 ? values.items[0] : values.items[i];
}

struct chosen feedback_choice(const struct config_feedback *f, size_t i)
{
    return f->optimizer.items[f->optimizer.n == 1 ? 0 : i];
}

double feedback_stepsize(const struct config_feedback *f, size_t i)
{
    const struct optim_common *common = feedback_choice(f, i).opts;
    return f->stepsize.items ? value_of(f->stepsize, i) : common->stepsize;
}

int64_t feedback_steps(const struct config_feedback *f, size_t i)
{
    const int64_t steps = (int64_t)value_of(f->steps, i);
    return f->schedule == FEEDBACK_FIRST ? steps : steps > 0;
}

int64_t feedback_most_steps(const struct config_feedback *f)
{
    int64_t most = 0;
    for (size_t i = 0; i < f->steps.n; i++)
        most = feedback_steps(f, i) > most ? feedback_steps(f, i) : most;
    return most;
}
