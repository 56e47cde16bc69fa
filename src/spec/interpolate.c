/* ${path.to.key}: a value that stands elsewhere in the file. */
#include "spec/compose.h"
#include <string.h>

struct resolver {
    struct node *const *roots;
    size_t n_roots;
    struct arena *arena;
    struct err *e;
    const struct node *active[TREE_MAX_DEPTH]; /* references being resolved: meeting one again is a cycle */
    size_t n_active;
    size_t n_nodes; /* visited: a file can make few references stand for very many nodes */
};

static struct node *resolve(struct resolver *r, struct node *n, size_t level);

/* A path that exists and differs from this one in the first name that does not; NULL if none is near. */
static const char *nearest_path(const struct resolver *r, const char *path)
{
    for (size_t i = 0; i < r->n_roots; i++) {
        const struct node *n = r->roots[i];
        for (const char *rest = path; n && n->kind == NODE_MAP;) {
            const size_t length = strcspn(rest, ".");
            const char *name = arena_strndup(r->arena, rest, length);
            const struct node *child = tree_child(n, name);
            const char **names = arena_need(r->arena, n->n, sizeof *names);
            for (size_t j = 0; j < n->n; j++)
                names[j] = n->keys[j]->text;
            const char *near = child ? NULL : err_nearest(name, names, n->n);
            const char *fixed =
                near ? arena_printf(r->arena, "%.*s%s%s", (int)(rest - path), path, near, rest + length) : NULL;
            if (fixed && tree_find(r->roots[i], fixed))
                return fixed;
            n = child;
            rest += length + (rest[length] == '.');
        }
    }
    return NULL;
}

/* The node that one reference names, itself resolved; NULL after an error. */
static struct node *follow(struct resolver *r, const struct node *from, const char *path, size_t level)
{
    for (size_t i = 0; i < r->n_active; i++)
        if (r->active[i] == from) {
            err_at(r->e, from->where, "'${%s}' refers to itself", path);
            return NULL;
        }
    if (r->n_active == TREE_MAX_DEPTH) {
        err_at(r->e, from->where, "'${%s}': more than %d references in a chain", path, TREE_MAX_DEPTH);
        return NULL;
    }
    for (size_t i = 0; i < r->n_roots; i++) {
        struct node *found = r->roots[i] ? tree_find(r->roots[i], path) : NULL;
        if (!found)
            continue;
        r->active[r->n_active++] = from;
        struct node *value = resolve(r, found, level);
        r->n_active--;
        return value;
    }
    const char *near = nearest_path(r, path);
    err_at(r->e, from->where, "'${%s}': there is no such key%s%s%s", path, near ? "; did you mean '${" : "",
           near ? near : "", near ? "}'?" : "");
    return NULL;
}

/* Appends what one reference stands for to a string. */
static bool insert(struct resolver *r, const struct node *n, const char *path, size_t level, struct text *t)
{
    const struct node *value = follow(r, n, path, level);
    if (!value)
        return false;
    if (value->kind != NODE_SCALAR) {
        err_at(r->e, n->where, "'${%s}' is %s; only a single value fits into a string", path,
               value->kind == NODE_LIST ? "a list" : "a map");
        return false;
    }
    text_put(t, value->text, value->length);
    if (t->n > TREE_MAX_SCALAR) {
        err_at(r->e, n->where, "longer than %d bytes once '${%s}' is inserted", TREE_MAX_SCALAR, path);
        return false;
    }
    return true;
}

/* A string with references among other text. */
static struct node *substitute(struct resolver *r, const struct node *n, size_t level)
{
    struct text t = { 0 };
    bool sound = true;
    for (const char *s = n->text; *s && sound;) {
        if (strncmp(s, "$${", 3) == 0) {
            text_puts(&t, "${");
            s += 3;
        } else if (strncmp(s, "${", 2) == 0) {
            const char *end = strchr(s, '}');
            if (!end) {
                err_at(r->e, n->where, "'${' without '}'; write '$${' for the text itself");
                sound = false;
                break;
            }
            sound = insert(r, n, arena_strndup(r->arena, s + 2, (size_t)(end - s) - 2), level, &t);
            s = end + 1;
        } else {
            text_putc(&t, *s++);
        }
    }
    struct node *result = sound ? node_scalar(r->arena, n->where, t.s ? t.s : "", n->quoted) : NULL;
    text_free(&t);
    return result;
}

static struct node *resolve_scalar(struct resolver *r, struct node *n, size_t level)
{
    if (!strstr(n->text, "${"))
        return n;
    if (strncmp(n->text, "${", 2) != 0 || strchr(n->text, '}') != n->text + n->length - 1)
        return substitute(r, n, level);
    struct node *value = follow(r, n, arena_strndup(r->arena, n->text + 2, n->length - 3), level);
    if (!value || value->kind != NODE_SCALAR)
        return value;
    struct node *copy = arena_need(r->arena, 1, sizeof *copy);
    *copy = *value;
    copy->where = n->where; /* a message about the value points at where it is used */
    return copy;
}

/* Levels count through references, so the recursion ends at TREE_MAX_DEPTH. */
static struct node *resolve(struct resolver *r, struct node *n, size_t level)
{
    if (level > TREE_MAX_DEPTH || ++r->n_nodes > TREE_MAX_NODES) {
        err_at(r->e, n->where, "more than %d levels or %d values once every '${}' is resolved", TREE_MAX_DEPTH,
               TREE_MAX_NODES);
        return NULL;
    }
    if (n->kind == NODE_SCALAR)
        return resolve_scalar(r, n, level);
    struct node *copy = node_collection(r->arena, n->where, n->kind);
    for (size_t i = 0; i < n->n; i++) {
        const size_t before = r->e->n_errors;
        struct node *item = resolve(r, n->items[i], level + 1);
        if (!item && r->n_nodes > TREE_MAX_NODES)
            return NULL; /* one message, not one for each value on the way */
        if (!item && r->e->n_errors == before)
            return NULL;
        node_append(copy, n->kind == NODE_MAP ? n->keys[i] : NULL, item ? item : n->items[i], r->arena);
    }
    return copy;
}

struct node *interpolate(struct node *n, struct node *const *roots, size_t n_roots, struct arena *a, struct err *e)
{
    struct resolver r = { .roots = roots, .n_roots = n_roots, .arena = a, .e = e };
    const size_t before = e->n_errors;
    struct node *result = resolve(&r, n, 1);
    return e->n_errors == before ? result : NULL;
}
