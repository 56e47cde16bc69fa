/* Where messages about layers belong: rooms below know the place of a layer, and the file that of each key. */
#include "trial/config_places.h"

#include "base/text.h"
#include <string.h>

/* The layer with this number once `repeat` was expanded, as it stands in the list; NULL: there is none. */
static const struct node *layer_node(const struct node *tree, size_t layer)
{
    const struct node *list = tree_find((struct node *)tree, "network.layers");
    for (size_t i = 0, n = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
        int64_t repeat = 1;
        const struct node *item = list->items[i], *r = item->kind == NODE_MAP ? tree_child(item, "repeat") : NULL;
        if (r && text_to_int(r->text, r->length, &repeat) < 0)
            repeat = 1;
        n += repeat > 0 ? (size_t)repeat : 0;
        if (layer < n)
            return item;
    }
    return NULL;
}

/* A key beside a layer, or among its options; *value: what it has there. */
static const struct node *key_of_layer(const struct node *layer, const char *name, const struct node **value)
{
    const struct node *key = layer->kind == NODE_MAP ? tree_key(layer, name) : NULL;
    *value = key ? tree_child(layer, name) : NULL;
    for (size_t i = 0; layer->kind == NODE_MAP && !key && i < layer->n; i++)
        if (layer->items[i]->kind == NODE_MAP && (key = tree_key(layer->items[i], name)) != NULL)
            *value = tree_child(layer->items[i], name);
    return key;
}

struct where config_refine(const struct node *tree, const struct err_message *m, struct arena *a)
{
    static const char layers[] = "network.layers.";
    const size_t n = sizeof layers - 1;
    struct where where = m->where;
    if (strncmp(m->text, layers, n) != 0)
        return where;
    char *path = arena_strndup(a, m->text + n, strcspn(m->text + n, ": ")), *rest = path;
    const char *part = strsep(&rest, ".");
    const struct node *at = layer_node(tree, tree_index(part, strlen(part)));
    while (at && (part = strsep(&rest, ".")) != NULL) {
        const struct node *key = NULL;
        const size_t index = tree_index(part, strlen(part));
        if (at->kind == NODE_LIST) /* the layers of a unit */
            at = index < at->n ? at->items[index] : NULL;
        else if ((key = key_of_layer(at, part, &at)) != NULL)
            where = key->where;
    }
    return where;
}
