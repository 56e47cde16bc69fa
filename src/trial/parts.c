#include "trial/parts.h"

#include "spec/bind.h"
#include <string.h>

/* Whether a value fits an option's type and range; why not, if it does not. */
static bool fits(const struct part *part, const struct option *row, const struct node *value, const char **why,
                 struct arena *a)
{
    struct err e = { 0 };
    char *scratch = arena_need(a, 1, part->opts_size ? part->opts_size : 1);
    const bool ok = bind_value(value, row, scratch + row->offset, "", a, &e) == 0;
    *why = ok ? NULL : arena_strdup(a, err_first(&e));
    err_clear(&e);
    return ok;
}

/* Whether any part has an option of this name: else it is a slip, which binding reports. */
static bool is_known(const struct registry *r, const char *name)
{
    bool any = false;
    for (size_t i = 0; i < r->n_parts; i++)
        any = any || option_find(r->parts[i]->options, name);
    return any;
}

/* The map of a part without the options that it does not take. part: NULL for one that is unknown, which is told when
 * it is bound. */
static struct node *settle(const char *key, const struct node *chosen, const struct part *part,
                           const struct registry *registry, const struct kept_visitor *tell, struct arena *a)
{
    struct node *map = node_collection(a, chosen->where, NODE_MAP);
    for (size_t i = 0; i < chosen->n; i++) {
        const struct node *name = chosen->keys[i];
        struct kept_option o = { key, part ? part->name : "", name->text, chosen->items[i], name->where, true, NULL };
        const struct option *row = part ? option_find(part->options, name->text) : NULL;
        const bool old = name->kept && is_known(registry, name->text);
        if (old)
            o.kept = row && fits(part, row, chosen->items[i], &o.why, a);
        if (old && part && tell)
            tell->visit(tell->self, &o);
        if (o.kept)
            node_append(map, chosen->keys[i], chosen->items[i], a);
    }
    return map;
}

static bool has_kept(const struct node *map)
{
    bool any = false;
    for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++)
        any = any || map->keys[i]->kept;
    return any;
}

void parts_settle(struct node *algorithm, const struct option *rows, const struct kept_visitor *tell, struct arena *a)
{
    for (size_t i = 0; i < algorithm->n; i++) {
        const struct node *chosen = algorithm->items[i], *name = tree_child(chosen, "name");
        if (!has_kept(chosen) || !name || name->kind != NODE_SCALAR)
            continue;
        const char *key = algorithm->keys[i]->text;
        const struct option *row = option_find(rows, key);
        if (row && row->type == OPT_PART)
            algorithm->items[i] = settle(key, chosen, registry_find(row->registry, name->text), row->registry, tell, a);
    }
}
