#include "spec/binder.h"
#include "spec/idle.h"
#include <assert.h>
#include <string.h>

enum { MAX_PARTS = 10000 }; /* of one list, after `repeat` */

static int bind_map(struct binder *b, const struct node *map, struct where where, const struct option *table,
                    const char *also_known, void *out, const char *path);
static int bind_field(struct binder *b, const struct node *value, const struct option *o, void *field,
                      const char *path);

/* kind: what the message calls it */
static const struct part *find_part(struct binder *b, const struct node *name, const struct registry *r,
                                    const char *kind, const char *path)
{
    const struct part *part = registry_find(r, name->text);
    if (part)
        return part;
    const char **known = arena_need(b->arena, r->n_parts, sizeof *known);
    for (size_t i = 0; i < r->n_parts; i++)
        known[i] = r->parts[i]->name;
    err_at(b->e, name->where, "%s: unknown %s '%s'%s", path, kind, name->text,
           advise(b, name->text, known, r->n_parts));
    return NULL;
}

/* For a part that has none. */
static int refuse_options(struct binder *b, const struct part *part, const struct node *options, const char *also_known,
                          const char *path)
{
    const size_t before = b->e->n_errors;
    for (size_t i = 0; options && i < options->n; i++)
        if (!also_known || strcmp(options->keys[i]->text, also_known) != 0)
            err_at(b->e, options->keys[i]->where, "unknown key '%s' in %s; '%s' takes no options",
                   options->keys[i]->text, path, part->name);
    return b->e->n_errors == before ? 0 : ERR_SPEC;
}

/* Options of a part that is known. A list instead of a map is the value of its first option: `residual: [layers]`. */
static int bind_options(struct binder *b, const struct part *part, const struct node *options, struct where where,
                        const char *also_known, struct chosen *out, const char *path)
{
    static const struct option none[] = { { 0 } };
    const struct option *table = part->options ? part->options : none;
    out->part = part;
    out->opts = part->opts_size ? arena_need(b->arena, 1, part->opts_size) : NULL;
    if (options && options->kind == NODE_LIST && (table->type == OPT_PARTS || table->type == OPT_REALS)) {
        struct node *map = node_collection(b->arena, options->where, NODE_MAP);
        node_append(map, node_scalar(b->arena, where, table->name, false), (struct node *)options, b->arena);
        options = map;
    }
    if (options && options->kind == NODE_SCALAR && node_is_null(options))
        options = NULL;
    if (options && options->kind != NODE_MAP)
        return bind_expected(b, options, path, "a map of options");
    if (table->type == OPT_END)
        return refuse_options(b, part, options, also_known, path);
    return bind_map(b, options, where, table, also_known, out->opts, path);
}

/* "sgd", {name: sgd, stepsize: 0.1}, or options alone for the part that is the default. */
static int bind_part(struct binder *b, const struct node *n, const struct option *o, struct chosen *out,
                     const char *path)
{
    const struct node *name = n->kind == NODE_MAP ? tree_child(n, "name") : n;
    if (!name && o->dflt) {
        const struct node dflt = { .kind = NODE_SCALAR, .where = n->where, .text = o->dflt, .length = strlen(o->dflt) };
        n = tree_overlay(&dflt, n, b->arena, b->e);
        name = tree_child(n, "name");
    }
    const struct registry *r = registry_resolve(o->registry, b->root);
    if (!name)
        return err_at(b->e, n->where, "%s: missing key 'name': which %s?", path, r->kind);
    if (name->kind != NODE_SCALAR || node_is_null(name))
        return bind_expected(b, name, path,
                             arena_printf(b->arena, "the name of a part (%s) or a map with it", r->kind));
    TRY(bind_elsewhere(b, name, o, path));
    const struct part *part = find_part(b, name, r, o->flags & OPTION_PLAIN ? o->name : r->kind, path);
    if (!part)
        return ERR_SPEC;
    return bind_options(b, part, n == name ? NULL : n, n->where, "name", out, path);
}

/* How often a layer stands in the list; 0 after an error. */
static int64_t repeat_count(struct binder *b, const struct node *element, const char *path)
{
    static const struct option row = { "repeat", OPT_INT, .min = 1, .max = MAX_PARTS };
    const struct node *repeat = element->kind == NODE_MAP ? tree_child(element, "repeat") : NULL;
    int64_t count = 1;
    if (repeat && bind_int(b, repeat, &row, &count, bind_path(b, path, "repeat")) < 0)
        return 0;
    return count;
}

/* What stands beside the part in an element, of registries that have such options. */
static int bind_beside(struct binder *b, const struct node *n, const struct registry *r, struct chosen *out,
                       const char *path)
{
    struct node *own = node_collection(b->arena, n->where, NODE_MAP);
    if (!r->beside)
        return 0;
    for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
        if (option_find(r->beside->options, n->keys[i]->text))
            node_append(own, n->keys[i], n->items[i], b->arena);
    out->beside = arena_need(b->arena, 1, r->beside->opts_size);
    return bind_map(b, own, n->where, r->beside->options, NULL, out->beside, path);
}

static bool stands_beside(const struct registry *r, const char *key)
{
    return strcmp(key, "repeat") == 0 || (r->beside && option_find(r->beside->options, key));
}

/* One element of a list of parts: - flatten, - dense: {units: 4}, or - {name: dense, units: 4}; `repeat: 3` and what
 * the registry names may stand beside. */
static int bind_element(struct binder *b, const struct node *n, const struct registry *r, struct chosen *out,
                        const char *path)
{
    if (n->kind == NODE_SCALAR && !node_is_null(n)) {
        const struct part *part = find_part(b, n, r, r->kind, path);
        return part ? bind_options(b, part, NULL, n->where, NULL, out, path) : ERR_SPEC;
    }
    if (n->kind != NODE_MAP)
        return bind_expected(b, n, path, arena_printf(b->arena, "a %s", r->kind));
    struct node *rest = node_collection(b->arena, n->where, NODE_MAP);
    for (size_t i = 0; i < n->n; i++)
        if (!stands_beside(r, n->keys[i]->text))
            node_append(rest, n->keys[i], n->items[i], b->arena);
    if (tree_child(rest, "name")) {
        const struct option row = { r->kind, OPT_PART, .registry = r };
        return bind_part(b, rest, &row, out, path);
    }
    if (rest->n != 1)
        return err_at(b->e, rest->n ? rest->keys[1]->where : n->where,
                      "%s: expected one %s per element, found %zu; write each after a dash of its own", path, r->kind,
                      rest->n);
    const struct part *part = find_part(b, rest->keys[0], r, r->kind, path);
    if (!part)
        return ERR_SPEC;
    b->element = part->options;
    b->registry = r;
    const int code =
        bind_options(b, part, rest->items[0], rest->keys[0]->where, NULL, out, bind_path(b, path, part->name));
    b->element = NULL;
    return code;
}

/* A list, or with OPTION_PLAIN one part alone. */
static int bind_parts(struct binder *b, const struct node *n, const struct option *o, struct chosen_list *out,
                      const char *path)
{
    const size_t before = b->e->n_errors;
    if (n->kind != NODE_LIST && (o->flags & OPTION_PLAIN)) {
        struct option one = *o;
        one.flags &= ~(unsigned)OPTION_PLAIN;
        *out = (struct chosen_list){ 1, arena_need(b->arena, 1, sizeof *out->items) };
        return bind_part(b, n, &one, out->items, path);
    }
    if (n->kind != NODE_LIST)
        return bind_expected(b, n, path,
                             arena_printf(b->arena, "a list with one %s after each dash", o->registry->kind));
    struct chosen *each = arena_need(b->arena, n->n, sizeof *each);
    int64_t *counts = arena_need(b->arena, n->n, sizeof *counts), total = 0;
    for (size_t i = 0; i < n->n; i++) {
        const char *element_path = arena_printf(b->arena, "%s.%zu", path, i);
        (void)bind_element(b, n->items[i], o->registry, &each[i], element_path); /* counted in n_errors */
        (void)bind_beside(b, n->items[i], o->registry, &each[i], element_path);
        counts[i] = repeat_count(b, n->items[i], element_path);
        total += counts[i];
    }
    if (b->e->n_errors > before)
        return ERR_SPEC;
    if (total > MAX_PARTS)
        return err_at(b->e, n->where, "%s: %lld parts; at most %d", path, (long long)total, MAX_PARTS);
    out->items = arena_need(b->arena, (size_t)total, sizeof *out->items);
    out->n = 0;
    for (size_t i = 0; i < n->n; i++)
        for (int64_t j = 0; j < counts[i]; j++) {
            struct chosen *c = &out->items[out->n++];
            *c = each[i];
            if (j > 0 && c->opts) /* each layer has options of its own */
                c->opts = memcpy(arena_need(b->arena, 1, c->part->opts_size), each[i].opts, c->part->opts_size);
        }
    return 0;
}

enum { MAX_NAMED = 8 };

/* "a map with the keys std and gradient", of a table that is not too long. */
static const char *map_of_keys(struct binder *b, const struct option *table)
{
    size_t n = 0;
    while (table[n].type != OPT_END)
        n++;
    const char *text = n == 1 ? "a map with the key " : "a map with the keys ";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(b->arena, "%s%s%s", text, i == 0 ? "" : i + 1 < n ? ", " : " and ", table[i].name);
    return n > 0 && n <= MAX_NAMED ? text : "a map";
}

static int bind_field(struct binder *b, const struct node *value, const struct option *o, void *field, const char *path)
{
    switch (o->type) {
    case OPT_BOOL:
        return node_is_bool(value, field) ? 0 : bind_expected(b, value, path, "true or false");
    case OPT_INT:
        return bind_int(b, value, o, field, path);
    case OPT_REAL:
        return bind_real(b, value, o, field, path);
    case OPT_ENUM:
        return bind_enum(b, value, o, field, path);
    case OPT_TEXT:
        return bind_text(b, value, o, field, path);
    case OPT_MAP:
        if (value->kind != NODE_MAP)
            return bind_expected(b, value, path, map_of_keys(b, o->table));
        return bind_map(b, value, value->where, o->table, NULL, field, path);
    case OPT_PART:
        return bind_part(b, value, o, field, path);
    case OPT_PARTS:
        return bind_parts(b, value, o, field, path);
    case OPT_NAMES:
        return bind_names(b, value, o, field, path);
    case OPT_REALS:
        return bind_reals(b, value, o, field, path);
    case OPT_END:
        break;
    }
    assert(!"an option without a type");
    return err_set(b->e, ERR_INTERNAL, "%s: an option without a type", path);
}

/* What a field is when the file does not say. */
static int bind_default(struct binder *b, const struct option *o, struct where where, void *field, const char *path)
{
    if (o->type == OPT_MAP)
        return bind_map(b, NULL, where, o->table, NULL, field, path);
    if (o->flags & OPTION_FOLDER)
        return bind_folder(b, where, ".", field, path);
    if (!o->dflt) {
        if (o->type == OPT_ENUM)
            *(int *)field = -1; /* absent: 0 is the first of the names */
        return 0;
    }
    struct node *value = node_scalar(b->arena, where, o->dflt, false);
    if (o->dflt[0] == '[' || o->dflt[0] == '{')
        value = tree_parse("default", o->dflt, strlen(o->dflt), b->arena, b->e);
    if (!value)
        return ERR_SPEC;
    struct option row = *o;
    if (o->flags & OPTION_NULLABLE) /* the value that says "absent" may lie outside of the range */
        row.min = row.max = 0, row.flags &= ~(unsigned)OPTION_ABOVE_MIN;
    return bind_field(b, value, &row, field, path);
}

static const char *const *known_keys(struct binder *b, const struct option *table, const char *also_known,
                                     size_t *count)
{
    size_t n = 0;
    while (table[n].type != OPT_END)
        n++;
    const char **known = arena_need(b->arena, n + 1, sizeof *known);
    for (size_t i = 0; i < n; i++)
        known[i] = table[i].name;
    if (n > 0 && also_known)
        known[n++] = also_known;
    *count = n;
    return known;
}

static void report_unknown(struct binder *b, const struct node *key, const struct option *table, const char *also_known,
                           const char *path)
{
    size_t n;
    const char *const *known = known_keys(b, table, also_known, &n);
    if (b->element && b->element == table && stands_beside(b->registry, key->text))
        err_at(b->e, key->where, "%s: '%s' stands beside the name, not among its options: NAME: {...}, %s: %s", path,
               key->text, key->text, strcmp(key->text, "repeat") == 0 ? "N" : "...");
    else
        err_at(b->e, key->where, "unknown key '%s'%s%s%s", key->text, path && *path ? " in " : "", path ? path : "",
               n ? advise(b, key->text, known, n) : "; it takes no options");
}

static bool is_known(const struct option *table, const char *also_known, const char *key)
{
    while (table->type != OPT_END && strcmp(table->name, key) != 0)
        table++;
    return table->type != OPT_END || (also_known && strcmp(key, also_known) == 0);
}

/* Whether a key of the map, reported as unknown, is what was meant by this row. */
static bool is_misspelt(struct binder *b, const struct node *map, const struct option *table, const char *also_known,
                        const struct option *row)
{
    for (size_t i = 0; map && i < map->n; i++) {
        size_t n;
        const char *const *known = known_keys(b, table, also_known, &n);
        const char *nearest =
            is_known(table, also_known, map->keys[i]->text) ? NULL : err_nearest(map->keys[i]->text, known, n);
        if (nearest && strcmp(nearest, row->name) == 0)
            return true;
    }
    return false;
}

/* also_known: a key of the map that is not in the table, `name` of a part. The recursion follows the tree and the
 * tables, which are finite where the tree is absent. */
static int bind_map(struct binder *b, const struct node *map, struct where where, const struct option *table,
                    const char *also_known, void *out, const char *path)
{
    const size_t before = b->e->n_errors;
    for (size_t i = 0; map && i < map->n; i++)
        if (!is_known(table, also_known, map->keys[i]->text))
            report_unknown(b, map->keys[i], table, also_known, path);
    for (const struct option *o = table; o->type != OPT_END; o++) {
        const struct node *value = map ? tree_child(map, o->name) : NULL;
        void *field = (char *)out + o->offset;
        if (value && !(value->kind == NODE_SCALAR && node_is_null(value))) /* null is absent */
            (void)bind_field(b, value, o, field, bind_path(b, path, o->name));
        else if (!(o->flags & OPTION_REQUIRED))
            (void)bind_default(b, o, where, field, bind_path(b, path, o->name));
        else if (!is_misspelt(b, map, table, also_known, o))
            err_at(b->e, where, "%s%smissing required key '%s'", path && *path ? path : "", path && *path ? ": " : "",
                   o->name);
    }
    if (b->e->n_errors > before)
        return ERR_SPEC; /* every mistake is reported: codes above are counted here */
    if (b->idle && map)
        idle_note(b->idle, map, table, out, path);
    return 0;
}

int bind_tree(const struct node *map, const struct option *table, void *out, const char *path, struct arena *a,
              struct err *e)
{
    return bind_tree_noting(map, table, out, path, NULL, a, e);
}

int bind_tree_noting(const struct node *map, const struct option *table, void *out, const char *path,
                     struct idle_keys *idle, struct arena *a, struct err *e)
{
    struct binder b = { .arena = a, .e = e, .root = table, .idle = idle };
    if (map && map->kind != NODE_MAP)
        return bind_expected(&b, map, path && *path ? path : "file", "a map");
    return bind_map(&b, map, map ? map->where : (struct where){ 0 }, table, NULL, out, path);
}

int bind_default_value(const struct option *option, void *field, struct arena *a, struct err *e)
{
    struct binder b = { .arena = a, .e = e };
    return bind_default(&b, option, (struct where){ 0 }, field, option->name);
}

int bind_value(const struct node *value, const struct option *option, void *field, const char *path, struct arena *a,
               struct err *e)
{
    struct binder b = { .arena = a, .e = e };
    return bind_field(&b, value, option, field, bind_path(&b, path, option->name));
}
