/* Whether a trial has a key: a dotted path is followed through the option tables and the parts that the trial chose.
 *
 *     algorithm.mapping.regularization   is an option of mapping 'inverse', not of 'adjoint'
 *     network.layers.0.rnn.units         is one if the first layer is an rnn */
#include "spec/bind.h"
#include <string.h>

/* How far the path has been followed: it names an entry of `table` next, whose values stand in `map`. */
struct walk {
    struct arena *arena;
    struct bind_missing *why;
    const char *path, *rest; /* rest: from the next name on */
    size_t segment;
    const struct option *root; /* the file's own table */
    const struct option *table;
    const struct node *map;   /* NULL if the trial gives none of them */
    bool is_part;             /* the table is a part's: `name` stands beside its options */
    const struct part *part;  /* that has the table, or NULL */
    enum bind_key found;      /* once the end is reached */
    const struct option *row; /* a list of parts, whose index comes next; else NULL */
};

static bool is_absent(const struct node *n)
{
    return !n || (n->kind == NODE_SCALAR && node_is_null(n));
}

static bool at_end(const struct walk *w)
{
    return *w->rest == '\0';
}

/* Takes the next name of the path. */
static const char *next_name(struct walk *w)
{
    const size_t n = strcspn(w->rest, ".");
    const char *name = arena_strndup(w->arena, w->rest, n);
    w->rest += n + (w->rest[n] == '.');
    w->segment++;
    return name;
}

/* The path up to the name that was taken last, without it. */
static const char *parent_path(const struct walk *w, const char *name)
{
    const size_t n = (size_t)(w->rest - w->path) - (at_end(w) ? 0 : 1) - strlen(name);
    return arena_strndup(w->arena, w->path, n ? n - 1 : 0);
}

static bool end(struct walk *w, enum bind_key found)
{
    w->found = found;
    return false;
}

static bool missing(struct walk *w, bool near, const char *text)
{
    if (w->why)
        *w->why = (struct bind_missing){ .segment = w->segment - 1, .text = text, .near = near };
    return end(w, BIND_KEY_MISSING);
}

static bool missing_row(struct walk *w, const char *name)
{
    size_t n = 0;
    while (w->table && w->table[n].type != OPT_END)
        n++;
    const char **known = arena_need(w->arena, n + 1, sizeof *known);
    for (size_t i = 0; i < n; i++)
        known[i] = w->table[i].name;
    if (n > 0 && w->is_part)
        known[n++] = "name";
    const char *parent = parent_path(w, name);
    return missing(w, err_nearest(name, known, n) != NULL,
                   arena_printf(w->arena, "unknown key '%s'%s%s%s", name, *parent ? " in " : "", parent,
                                n ? bind_advice(name, known, n, w->arena)
                                  : arena_printf(w->arena, "; '%s' takes no options", w->part ? w->part->name : "it")));
}

/* Goes into the options of a part. */
static bool enter_part(struct walk *w, const struct registry *r, const struct node *name, const struct node *options)
{
    r = registry_resolve(r, w->root);
    const struct part *part = name->kind == NODE_SCALAR ? registry_find(r, name->text) : NULL;
    if (!part)
        return end(w, BIND_KEY_VALUE); /* binding reports it */
    w->table = part->options;
    w->part = part;
    w->map = options && options->kind == NODE_MAP ? options : NULL;
    w->row = NULL;
    return true;
}

static bool enter_chosen(struct walk *w, const struct option *o, const struct node *value, const char *name)
{
    if (is_absent(value) && !o->dflt) {
        if (o->flags & OPTION_REQUIRED)
            return end(w, BIND_KEY_VALUE);
        return missing(w, false, arena_printf(w->arena, "no %s is given in %s", name, parent_path(w, name)));
    }
    const struct node *chosen = is_absent(value) ? NULL : value->kind == NODE_MAP ? tree_child(value, "name") : value;
    const struct node dflt = { .kind = NODE_SCALAR, .text = o->dflt ? o->dflt : "" };
    w->is_part = true;
    return enter_part(w, o->registry, is_absent(chosen) ? &dflt : chosen, value);
}

/* `rnn` of network.layers.0.rnn: is that what the element is? */
static bool enter_element(struct walk *w, const struct option *o, const struct node *element)
{
    const struct node *own = NULL;
    const struct part *beside = o->registry->beside;
    if (strcmp(w->rest, "repeat") == 0)
        return end(w, BIND_KEY_VALUE);
    if (beside && option_find(beside->options, arena_strndup(w->arena, w->rest, strcspn(w->rest, ".")))) {
        w->table = beside->options;
        w->map = element->kind == NODE_MAP ? element : NULL;
        w->row = NULL;
        w->is_part = false;
        return true;
    }
    if (element->kind == NODE_MAP && tree_child(element, "name")) {
        w->is_part = true;
        return enter_part(w, o->registry, tree_child(element, "name"), element);
    }
    const char *name = next_name(w);
    const struct node *options = element->kind == NODE_MAP ? tree_child(element, name) : NULL;
    if (element->kind == NODE_SCALAR)
        own = element;
    for (size_t i = 0; element->kind == NODE_MAP && i < element->n; i++)
        if (strcmp(element->keys[i]->text, "repeat") != 0 &&
            !(beside && option_find(beside->options, element->keys[i]->text)))
            own = element->keys[i];
    if (!own)
        return end(w, BIND_KEY_VALUE);
    if (strcmp(own->text, name) != 0)
        return missing(w, false, arena_printf(w->arena, "%s is '%s', not '%s'", parent_path(w, name), own->text, name));
    if (at_end(w))
        return end(w, BIND_KEY_PART);
    w->is_part = false;
    if (!enter_part(w, o->registry, own, options))
        return false;
    if (options && options->kind == NODE_LIST && w->table && w->table->type == OPT_PARTS) { /* residual: [layers] */
        w->row = w->table;
        w->map = options;
    }
    return true;
}

/* An index into a list; of parts, the options of the element come next. */
static bool step_list(struct walk *w, const struct option *o, const struct node *list)
{
    const char *name = next_name(w);
    const size_t index = tree_index(name, strlen(name));
    if (index == SIZE_MAX)
        return end(w, BIND_KEY_VALUE); /* laying it on says what is wrong with it */
    if (index >= list->n)
        return missing(w, false,
                       arena_printf(w->arena, "index %s is beyond %s, a list of %zu (counted from 0)", name,
                                    parent_path(w, name), list->n));
    if (at_end(w))
        return end(w, o->type == OPT_PARTS ? BIND_KEY_PART : BIND_KEY_VALUE);
    if (o->type != OPT_PARTS)
        return end(w, BIND_KEY_VALUE);
    return enter_element(w, o, list->items[index]);
}

/* Of a map that is about another part: what that part lacks. NULL if it lacks nothing or is not known. */
static const char *lacking(const struct walk *w, const struct option *o)
{
    const struct option *of = o->of ? option_find(w->table, o->of) : NULL;
    const struct node *value = of && w->map ? tree_child(w->map, of->name) : NULL;
    if (is_absent(value))
        return NULL;
    const struct node *name = value->kind == NODE_MAP ? tree_child(value, "name") : value;
    const struct part *part =
        name && name->kind == NODE_SCALAR && !node_is_null(name) ? registry_find(of->registry, name->text) : NULL;
    if (!part || (part->gives & o->of_gives) == o->of_gives)
        return NULL;
    return arena_printf(w->arena, "'%s' needs a %s that %s; '%s' does not", o->name, of->name,
                        capability_text(o->of_gives), part->name);
}

/* Follows one name; false at the end. */
static bool step(struct walk *w)
{
    if (w->row)
        return step_list(w, w->row, w->map);
    const char *name = next_name(w);
    if (w->is_part && strcmp(name, "name") == 0)
        return end(w, BIND_KEY_PART);
    const struct option *o = w->table;
    while (o && o->type != OPT_END && strcmp(o->name, name) != 0)
        o++;
    if (!o || o->type == OPT_END)
        return missing_row(w, name);
    const struct node *value = w->map ? tree_child(w->map, name) : NULL;
    const char *text = lacking(w, o);
    if (text)
        return missing(w, false, text);
    const bool composed = o->type == OPT_MAP || o->type == OPT_PART || o->type == OPT_PARTS;
    if (at_end(w)) /* `name` outside of a part's options is the preset of an algorithm */
        return end(w, composed || strcmp(name, "name") == 0 ? BIND_KEY_PART : BIND_KEY_VALUE);
    switch (o->type) {
    case OPT_MAP:
        w->table = o->table;
        w->map = value && value->kind == NODE_MAP ? value : NULL;
        w->is_part = false;
        return true;
    case OPT_PART:
        return enter_chosen(w, o, value, name);
    case OPT_PARTS:
        if ((o->flags & OPTION_PLAIN) && (!value || value->kind != NODE_LIST))
            return enter_chosen(w, o, value, name);
        __attribute__((fallthrough));
    case OPT_NAMES:
    case OPT_REALS:
        if (!value || value->kind != NODE_LIST)
            return end(w, BIND_KEY_VALUE);
        w->row = o;
        w->map = value;
        return true;
    default:
        w->segment++; /* the name after it */
        return missing(w, false,
                       arena_printf(w->arena, "%s%s%s is a single value and has no keys of its own",
                                    parent_path(w, name), *parent_path(w, name) ? "." : "", name));
    }
}

enum bind_key bind_find_key(const struct option *table, const struct node *tree, const char *path,
                            struct bind_missing *why, struct arena *a)
{
    struct walk w = { .arena = a, .why = why, .path = path, .rest = path, .root = table, .table = table, .map = tree };
    while (step(&w)) {
    }
    return w.found;
}
