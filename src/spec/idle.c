#include "spec/idle.h"
#include <string.h>

/* "has no effect": "..., as momentum is 0", "... without a mapping that has parameters to train" */
static const char *reason(const struct option *o, struct arena *a)
{
    if (o->of)
        return arena_printf(a, " without a %s that %s", o->of, capability_text(o->of_gives));
    if (o->idle[0] == '!')
        return arena_printf(a, ", as %s is not %s", o->beside, o->idle + 1);
    return *o->idle ? arena_printf(a, ", as %s is %s", o->beside, o->idle) : arena_printf(a, " without %s", o->beside);
}

static struct idle_key *find(const struct idle_keys *k, const struct node *key, const char *rule)
{
    struct idle_key *x = k->first;
    while (x && !(x->rule == rule && where_same(x->where, key->where))) /* all values of a swept key */
        x = x->next;
    return x;
}

static struct idle_key *append(struct idle_keys *k, const struct node *key, const char *rule)
{
    struct idle_key *x = arena_need(k->arena, 1, sizeof *x);
    *x = (struct idle_key){ .where = key->where, .rule = rule };
    *(k->last ? &k->last->next : &k->first) = x;
    k->last = x;
    return x;
}

/* A key of the map at `path`, or of the map that is the value of o there; o says beside what it is idle. */
static void note(struct idle_keys *k, const struct node *key, const struct option *o, bool idle, const char *path)
{
    struct idle_key *x = find(k, key, NULL);
    if (!x) {
        x = append(k, key, NULL);
        x->reason = reason(o, k->arena);
        x->path = arena_printf(k->arena, "%s%s%s%s%s", path, *path ? "." : "", o->of ? o->name : "", o->of ? "." : "",
                               key->text);
    }
    x->has_effect |= !idle;
}

void idle_note_key(struct idle_keys *k, const struct node *key, const char *path, const char *why, bool idle)
{
    struct idle_key *x = find(k, key, why);
    if (!x) {
        x = append(k, key, why);
        x->reason = why;
        x->path = arena_strdup(k->arena, path);
    }
    x->has_effect |= !idle;
}

static bool is_idle(const struct option *table, const struct option *o, const void *in)
{
    const struct option *row = option_find(table, o->beside);
    const void *field = (const char *)in + row->offset;
    return o->idle[0] == '!' ? !option_holds(row, field, o->idle + 1) : option_holds(row, field, o->idle);
}

/* Whether a key says what is so anyway. */
static bool is_default(const struct option *o, const void *in)
{
    return o->dflt && option_holds(o, (const char *)in + o->offset, o->dflt);
}

/* All keys of a map that is about a part. */
static void note_map(struct idle_keys *k, const struct node *map, const struct option *table, const struct option *o,
                     const void *in, const char *path)
{
    const struct chosen *of = (const void *)((const char *)in + option_find(table, o->of)->offset);
    const bool idle = (of->part->gives & o->of_gives) != o->of_gives;
    for (size_t i = 0; i < map->n; i++) {
        const struct option *row = option_find(o->table, map->keys[i]->text);
        if (!node_is_null(map->items[i]) && !(idle && is_default(row, (const char *)in + o->offset)))
            note(k, map->keys[i], o, idle, path);
    }
}

void idle_note(struct idle_keys *k, const struct node *map, const struct option *table, const void *in,
               const char *path)
{
    for (const struct option *o = table; o->type != OPT_END; o++) {
        const struct node *value = o->beside || o->of ? tree_child(map, o->name) : NULL;
        if (!value || node_is_null(value))
            continue;
        if (o->of && value->kind == NODE_MAP)
            note_map(k, value, table, o, in, path);
        if (!o->beside)
            continue;
        const bool idle = is_idle(table, o, in);
        if (!idle || !is_default(o, in))
            note(k, tree_key(map, o->name), o, idle, path);
    }
}

void idle_report(const struct idle_keys *k, const struct source *source, const struct node *within, struct err *e)
{
    for (const struct idle_key *x = k->first; x; x = x->next) {
        const struct source *own = x->where.source;
        const bool meant = own && (strcmp(own->name, "command line") == 0 ||
                                   (own == source && (!within || tree_holds(within, x->where))));
        if (!x->has_effect && meant && !err_is_told(e, x->where))
            err_at(e, x->where, "%s: has no effect%s", x->path, x->reason);
    }
}
