/* One tree laid over another: how a variant, a profile and a file that extends another change what is below.
 *
 * Maps merge key by key, null removes a key, everything else replaces. Two additions make parts behave as one reads
 * them: optimizer: {name: sgd, momentum: 0.9}  <  optimizer: {name: adam}     replaces: momentum belonged to sgd
 *     optimizer: sgd                         <  optimizer: {stepsize: 1}    is {name: sgd, stepsize: 1}
 * The parts of a file's `algorithm` keep what was set for the part that they replace, so that an ablation changes one
 * thing: update: {name: gradient, reduction: mean} < update: through_chain is {name: through_chain, reduction: mean}.
 * Whether the new part takes such an option is found out where parts are known (trial/parts.c). And in a list, elements
 * by index: `layers: {1: {dense: {units: 5}}}`. A swept `{geomspace: [a, b, n]}` is one value and replaces. */
#include "spec/tree.h"
#include <string.h>

static const char *part_name(const struct node *n)
{
    const struct node *name = n->kind == NODE_MAP ? tree_child(n, "name") : NULL;
    return name && name->kind == NODE_SCALAR && !node_is_null(name) ? name->text : NULL;
}

/* {name: scalar} */
static struct node *long_form(struct node *scalar, struct arena *a)
{
    struct node *map = node_collection(a, scalar->where, NODE_MAP);
    node_append(map, node_scalar(a, scalar->where, "name", false), scalar, a);
    return map;
}

static bool all_indices(const struct node *map)
{
    for (size_t i = 0; i < map->n; i++)
        if (map->keys[i]->length == 0 || map->keys[i]->text[strspn(map->keys[i]->text, "0123456789")] != '\0')
            return false;
    return map->n > 0;
}

bool tree_stands_beside(const char *key)
{
    static const char *const words[] = { "repeat", "from", "join" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(key, words[i]) == 0)
            return true;
    return false;
}

/* An element of a list of layers is {dense: {...}}, perhaps with `repeat` beside; another kind of layer replaces it. */
static bool another_element(const struct node *base, const struct node *over)
{
    size_t n_own = 0;
    bool shares = false, brings = false;
    for (size_t i = 0; i < base->n; i++)
        n_own += !tree_stands_beside(base->keys[i]->text);
    for (size_t i = 0; i < over->n; i++) {
        const bool beside = tree_stands_beside(over->keys[i]->text);
        brings = brings || !beside;
        shares = shares || (!beside && tree_child(base, over->keys[i]->text));
    }
    return n_own == 1 && brings && !shares;
}

struct layer {
    bool keep_nulls; /* a null that removes nothing stays: the result is laid on something else later */
    struct arena *arena;
    struct err *e;
};

/* What is laid on: a whole file, its algorithm, a part of that, an element of a list, or anything else. */
enum place { PLACE_FILE, PLACE_ALGORITHM, PLACE_PART, PLACE_ELEMENT, PLACE_OTHER };

static enum place place_below(enum place place, const char *key)
{
    if (place == PLACE_FILE && !strcmp(key, "algorithm"))
        return PLACE_ALGORITHM;
    return place == PLACE_ALGORITHM && strcmp(key, "feedback") != 0 ? PLACE_PART : PLACE_OTHER;
}

static struct node *lay(const struct layer *l, struct node *base, struct node *over, enum place place);

static struct node *lay_on_list(const struct layer *l, const struct node *base, const struct node *over)
{
    struct node *list = node_collection(l->arena, base->where, NODE_LIST);
    for (size_t i = 0; i < base->n; i++)
        node_append(list, NULL, base->items[i], l->arena);
    for (size_t i = 0; i < over->n; i++) {
        const size_t index = tree_index(over->keys[i]->text, over->keys[i]->length);
        if (index == SIZE_MAX && over->keys[i]->text[0] == '0')
            err_at(l->e, over->keys[i]->where, "'%s' is no index of a list: indices have no leading zeros",
                   over->keys[i]->text);
        else if (index >= list->n)
            err_at(l->e, over->keys[i]->where, "index %s is beyond a list of %zu (counted from 0)", over->keys[i]->text,
                   list->n);
        else
            list->items[index] = lay(l, list->items[index], over->items[i], PLACE_ELEMENT);
    }
    return list;
}

bool tree_is_value_list(const struct node *n)
{
    static const char *const forms[] = { "range",  "linspace", "geomspace",  "logspace", "uniform",    "loguniform",
                                         "choice", "randint",  "lograndint", "quniform", "qloguniform" };
    if (n->kind != NODE_MAP || n->n != 1 || n->items[0]->kind != NODE_LIST)
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(n->keys[0]->text, forms[i]) == 0)
            return true;
    return false;
}

/* The options of a part that is replaced; one without a name is the part that something below has named. */
static struct node *kept_options(const struct node *base, struct where where, struct arena *a)
{
    struct node *map = node_collection(a, where, NODE_MAP);
    for (size_t i = 0; i < base->n; i++) {
        if (!strcmp(base->keys[i]->text, "name"))
            continue;
        struct node *key = memcpy(arena_need(a, 1, sizeof *key), base->keys[i], sizeof *key);
        key->kept = true;
        node_append(map, key, base->items[i], a);
    }
    return map;
}

/* What `over` is laid on: `base` as a map, or NULL if `over` replaces it whole. */
static struct node *ground(struct node *base, const struct node *over, enum place place, struct arena *a)
{
    const bool element = place == PLACE_ELEMENT;
    const char *over_name = part_name(over);
    if (tree_is_value_list(over))
        return NULL;
    if (base->kind == NODE_SCALAR && element && node_is_text(base)) {
        if (!tree_child(over, base->text)) /* - flatten  <  0: {flatten: {...}} is sensible, {dense: {...}} replaces */
            return NULL;
        return node_collection(a, base->where, NODE_MAP);
    }
    if (base->kind == NODE_SCALAR && node_is_text(base))
        base = long_form(base, a);
    if (base->kind != NODE_MAP || (element && another_element(base, over)))
        return NULL;
    const char *base_name = part_name(base);
    if (!over_name || (base_name && !strcmp(base_name, over_name)))
        return base;
    if (place == PLACE_PART)
        return kept_options(base, over->where, a);
    return base_name ? NULL : base;
}

/* A part's name alone, in the place of another part that has options. A reference may stand for anything. */
static bool replaces_part(const struct node *base, const struct node *over, enum place place)
{
    return place == PLACE_PART && node_is_text(over) && !strstr(over->text, "${") && base->kind == NODE_MAP &&
           base->n > (part_name(base) != NULL);
}

/* The recursion descends in `over` and ends with its depth. */
static struct node *lay(const struct layer *l, struct node *base, struct node *over, enum place place)
{
    if (over->kind == NODE_SCALAR && base->kind == NODE_MAP && !node_is_null(over) && part_name(base) &&
        strcmp(part_name(base), over->text) == 0)
        return base; /* the short form of the same part: its options stay */
    if (replaces_part(base, over, place))
        over = long_form(over, l->arena);
    if (over->kind != NODE_MAP)
        return over;
    if (base->kind == NODE_LIST && all_indices(over))
        return lay_on_list(l, base, over);
    const struct node *below = ground(base, over, place, l->arena);
    struct node *map = node_collection(l->arena, below ? below->where : over->where, NODE_MAP);
    for (size_t i = 0; below && i < below->n; i++)
        node_append(map, below->keys[i], below->items[i], l->arena);
    for (size_t i = 0; i < over->n; i++) {
        struct node *key = over->keys[i], *item = over->items[i];
        size_t at = 0;
        while (at < map->n && (map->keys[at]->length != key->length || strcmp(map->keys[at]->text, key->text) != 0))
            at++;
        if (node_is_null(item) && (at < map->n || !l->keep_nulls)) {
            tree_remove(map, key->text);
        } else if (at < map->n) {
            if (item->kind != NODE_MAP || map->keys[at]->kept != key->kept)
                map->keys[at] = key; /* else a message about the whole map points at where the map stands */
            map->items[at] = lay(l, map->items[at], item, place_below(place, key->text));
        } else {
            if (item->kind == NODE_MAP)
                item = lay(l, node_collection(l->arena, item->where, NODE_MAP), item, place_below(place, key->text));
            node_append(map, key, item, l->arena);
        }
    }
    return map;
}

/* Neither tree is changed: what the result shares with them is never written to. */
struct node *tree_overlay(const struct node *base, const struct node *over, struct arena *a, struct err *e)
{
    const struct layer l = { .keep_nulls = false, .arena = a, .e = e };
    return lay(&l, (struct node *)base, (struct node *)over, PLACE_FILE);
}

struct node *tree_overlay_partial(const struct node *base, const struct node *over, struct arena *a, struct err *e)
{
    const struct layer l = { .keep_nulls = true, .arena = a, .e = e };
    return lay(&l, (struct node *)base, (struct node *)over, PLACE_FILE);
}

struct node *tree_overlay_algorithm(const struct node *base, const struct node *over, struct arena *a, struct err *e)
{
    const struct layer l = { .keep_nulls = true, .arena = a, .e = e };
    return lay(&l, (struct node *)base, (struct node *)over, PLACE_ALGORITHM);
}
