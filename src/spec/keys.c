/* Keys of a map: dotted ones become nested maps, `<<` lays other maps below, a key that comes twice is an error.
 *
 *     train.batch_size: 20        train:
 *     train: {epochs: 3}     =      batch_size: 20
 *                                   epochs: 3
 * `<<` is YAML's: it brings keys that the map does not have itself. A dotted key names a leaf only, so it is laid on
 * what `<<` brings. So is a part of an `algorithm`, as wherever else one is changed: an ablation written with `<<`
 * changes one thing. */
#include "spec/parse.h"
#include <string.h>

/* A value on its way into a map: what is left of its key begins at key->text + at, with a name of `length` bytes. */
struct entry {
    struct node *key, *value;
    size_t at, length;
    bool placed;
};

static struct entry new_entry(struct node *key, struct node *value, size_t at)
{
    return (struct entry){ .key = key, .value = value, .at = at, .length = strcspn(key->text + at, ".") };
}

static bool is_last_name(const struct entry *x)
{
    return x->at + x->length == x->key->length;
}

static size_t characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

/* The key node of one name of a dotted key, with a place of its own. */
static struct node *name_key(const struct entry *x, struct arena *a)
{
    if (x->at == 0 && is_last_name(x))
        return x->key;
    struct where w = x->key->where;
    w.column += characters(x->key->text, x->at) + x->key->quoted;
    w.length = characters(x->key->text + x->at, x->length);
    return node_scalar(a, w, arena_strndup(a, x->key->text + x->at, x->length), false);
}

static struct node *build(struct entry *entries, size_t n, struct where where, struct arena *a, struct err *e);

/* Joins what several keys say of one name: `train: {...}` beside `train.batch_size: 20`. */
static struct node *join(const struct entry *const *group, size_t n, struct arena *a, struct err *e)
{
    const struct entry *whole = NULL; /* the one that gives the name a value of its own */
    size_t n_inner = 0, n_whole = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_last_name(group[i])) {
            n_inner++;
            continue;
        }
        n_whole++;
        whole = group[i];
        n_inner += whole->value->n;
    }
    if (n_whole == 1 && n > 1 && whole->value->kind != NODE_MAP) {
        const struct entry *inner_key = group[0] == whole ? group[1] : group[0];
        err_at(e, inner_key->key->where, "'%s' goes into '%s', which is not a map", inner_key->key->text,
               whole->key->text);
        err_note(e, whole->key->where, "it is given here");
        return whole->value;
    }
    if (n_whole > 1) {
        err_at(e, group[n - 1]->key->where, "duplicate key '%s'", group[n - 1]->key->text);
        err_note(e, group[0]->key->where, "it is given here as well");
        return whole->value;
    }
    if (whole && n == 1)
        return whole->value;
    struct entry *inner = arena_need(a, n_inner, sizeof *inner);
    n_inner = 0;
    for (size_t i = 0; i < n; i++) {
        if (group[i] != whole)
            inner[n_inner++] = new_entry(group[i]->key, group[i]->value, group[i]->at + group[i]->length + 1);
        for (size_t j = 0; group[i] == whole && j < whole->value->n; j++)
            inner[n_inner++] = new_entry(whole->value->keys[j], whole->value->items[j], 0);
    }
    return build(inner, n_inner, (whole ? whole->value : group[0]->key)->where, a, e);
}

/* A map of entries; those that begin with the same name stand where the first of them stands. The recursion goes one
 * name deeper each time and ends at TREE_MAX_DEPTH names, which the parser has checked. */
static struct node *build(struct entry *entries, size_t n, struct where where, struct arena *a, struct err *e)
{
    struct node *map = node_collection(a, where, NODE_MAP);
    const struct entry **group = arena_need(a, n, sizeof *group);
    for (size_t i = 0; i < n; i++) {
        if (entries[i].placed)
            continue;
        const size_t length = entries[i].length;
        const char *name = entries[i].key->text + entries[i].at;
        if (length == 0) {
            err_at(e, entries[i].key->where, "empty name in the key '%s'", entries[i].key->text);
            continue;
        }
        size_t n_group = 0;
        for (size_t j = i; j < n; j++)
            if (!entries[j].placed && entries[j].length == length &&
                memcmp(entries[j].key->text + entries[j].at, name, length) == 0) {
                entries[j].placed = true;
                group[n_group++] = &entries[j];
            }
        struct node *key = name_key(&entries[i], a);
        node_append(map, key, join(group, n_group, a, e), a);
    }
    return map;
}

/* What `<<` brings: one map, or several of which an earlier one wins. */
static void add_merged(struct node *brought, const struct node *value, struct arena *a, struct err *e)
{
    if (value->kind == NODE_LIST) {
        for (size_t i = 0; i < value->n; i++) {
            if (value->items[i]->kind != NODE_MAP)
                err_at(e, value->items[i]->where, "'<<' takes a map or a list of maps");
            else
                add_merged(brought, value->items[i], a, e);
        }
        return;
    }
    if (value->kind != NODE_MAP) {
        err_at(e, value->where, "'<<' takes a map or a list of maps");
        return;
    }
    for (size_t i = 0; i < value->n; i++) {
        if (tree_child(brought, value->keys[i]->text))
            continue;
        if (brought->n == TREE_MAX_KEYS) {
            err_at(e, value->where, "more than %d keys in one map", TREE_MAX_KEYS);
            return;
        }
        node_append(brought, value->keys[i], value->items[i], a);
    }
}

/* A value on what `<<` brings of that name. A part of an algorithm that is named anew keeps the options of the one that
 * it replaces, as in every overlay; `name`: of the key under which the map with `<<` stands. */
static struct node *lay(const char *name, const struct node *key, const struct node *below, struct node *own,
                        struct arena *a, struct err *e)
{
    struct node *map[2], *const values[2] = { (struct node *)below, own };
    if (!strcmp(key->text, "algorithm"))
        return tree_overlay_algorithm(below, own, a, e);
    if (strcmp(name, "algorithm") != 0)
        return tree_overlay_partial(below, own, a, e);
    for (int i = 0; i < 2; i++) {
        map[i] = node_collection(a, own->where, NODE_MAP);
        node_append(map[i], (struct node *)key, values[i], a);
    }
    return tree_child(tree_overlay_algorithm(map[0], map[1], a, e), key->text);
}

/* Whether the value of one of the map's own keys is laid on what `<<` brings of that name, not put in its place. A null
 * is for what lies below the whole map. */
static bool is_laid(const char *name, const struct node *map, const struct node *key, const struct node *own)
{
    if (!tree_child(map, key->text))
        return true; /* made of dotted keys */
    return !strcmp(name, "algorithm") && strcmp(key->text, "feedback") != 0 && !node_is_null(own);
}

void keys_resolve(struct node *map, const char *name, struct arena *a, struct err *e)
{
    const struct node *merge = NULL, *merge_key = NULL;
    struct entry *entries = arena_need(a, map->n, sizeof *entries);
    size_t n = 0;
    for (size_t i = 0; i < map->n; i++) {
        struct node *key = map->keys[i];
        if (strcmp(key->text, "<<") == 0 && !key->quoted) {
            if (merge) {
                err_at(e, key->where, "duplicate key '<<'");
                err_note(e, merge_key->where, "it is given here as well; '<<: [*a, *b]' takes several");
            }
            merge = map->items[i];
            merge_key = key;
            continue;
        }
        entries[n++] = new_entry(key, map->items[i], 0);
    }
    struct node *own = build(entries, n, map->where, a, e);
    if (merge) {
        struct node *brought = node_collection(a, map->where, NODE_MAP);
        add_merged(brought, merge, a, e);
        for (size_t i = 0; i < own->n; i++) {
            const struct node *below = tree_child(brought, own->keys[i]->text);
            if (below && is_laid(name, map, own->keys[i], own->items[i]))
                own->items[i] = lay(name, own->keys[i], below, own->items[i], a, e);
        }
        for (size_t i = 0; i < brought->n; i++)
            if (!tree_child(own, brought->keys[i]->text))
                node_append(own, brought->keys[i], brought->items[i], a);
    }
    map->n = own->n;
    map->keys = own->keys;
    map->items = own->items;
}
