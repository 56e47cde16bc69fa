#include "spec/tree.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node *node_scalar(struct arena *a, struct where where, const char *text, bool quoted)
{
    struct node *n = arena_need(a, 1, sizeof *n);
    *n = (struct node){ .kind = NODE_SCALAR, .where = where, .quoted = quoted, .length = strlen(text) };
    n->text = arena_strndup(a, text, n->length);
    return n;
}

struct node *node_collection(struct arena *a, struct where where, enum node_kind kind)
{
    struct node *n = arena_need(a, 1, sizeof *n);
    *n = (struct node){ .kind = kind, .where = where };
    return n;
}

void node_append(struct node *collection, struct node *key, struct node *item, struct arena *a)
{
    assert((collection->kind == NODE_MAP) == (key != NULL));
    const size_t n = collection->n;
    if ((n & (n - 1)) == 0 && n != 1) { /* the arrays hold 2, 4, 8, ... entries */
        const size_t capacity = n ? 2 * n : 2;
        struct node **items = arena_need(a, capacity, sizeof *items);
        if (n > 0)
            memcpy(items, collection->items, n * sizeof *items);
        collection->items = items;
        if (key) {
            struct node **keys = arena_need(a, capacity, sizeof *keys);
            if (n > 0)
                memcpy(keys, collection->keys, n * sizeof *keys);
            collection->keys = keys;
        }
    }
    collection->items[n] = item;
    if (key)
        collection->keys[n] = key;
    collection->n++;
}

static bool is_one_of(const struct node *n, const char *const *words)
{
    if (n->kind != NODE_SCALAR || n->quoted)
        return false;
    for (; *words; words++)
        if (strcmp(n->text, *words) == 0)
            return true;
    return false;
}

bool node_is_null(const struct node *n)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    return is_one_of(n, nulls);
}

bool node_is_bool(const struct node *n, bool *value)
{
    static const char *const trues[] = { "true", "True", "TRUE", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", NULL };
    *value = is_one_of(n, trues);
    return *value || is_one_of(n, falses);
}

bool node_is_number(const struct node *n, double *value)
{
    return n->kind == NODE_SCALAR && !n->quoted && text_to_double(n->text, n->length, value) == 0;
}

bool node_is_text(const struct node *n)
{
    bool truth;
    double number;
    return n->kind == NODE_SCALAR && !node_is_null(n) && !node_is_bool(n, &truth) && !node_is_number(n, &number);
}

/* Decimal digits with an exponent that no double has; "1e" is no number at all. */
static bool is_beyond_range(const char *text)
{
    char *end;
    if (text[strspn(text, "+-.0123456789eE")] != '\0' || !strpbrk(text, "0123456789"))
        return false;
    (void)strtod(text, &end);
    return *end == '\0';
}

const char *node_found(const struct node *n, char buffer[100])
{
    enum { SIZE = 100, SHOWN = 60 };
    bool truth;
    double number;
    const char *what = "a string ", *quote = "'";
    if (n->kind != NODE_SCALAR || node_is_null(n)) {
        const char *kinds[] = { "nothing (null)", "a list", "a map" };
        what = kinds[n->kind];
        return memcpy(buffer, what, strlen(what) + 1);
    }
    if (node_is_bool(n, &truth)) {
        what = "the boolean ";
        quote = "";
    } else if (node_is_number(n, &number)) {
        what = "the number ";
        quote = "";
    } else if (!n->quoted && is_beyond_range(n->text)) {
        what = "a number out of every range, "; /* 1e400 */
        quote = "";
    } else if (n->quoted && text_to_double(n->text, n->length, &number) == 0) {
        quote = "\""; /* the quotes are why it is a string */
    }
    int shown = (int)(n->length > SHOWN ? SHOWN : n->length);
    while (shown > 0 && n->length > SHOWN && ((unsigned char)n->text[shown] & 0xc0) == 0x80)
        shown--; /* not in the middle of a character */
    const int written =
        snprintf(buffer, SIZE, "%s%s%.*s%s%s", what, quote, shown, n->text, n->length > SHOWN ? "..." : "", quote);
    assert(written > 0 && written < SIZE);
    (void)written;
    return buffer;
}

static size_t find_key(const struct node *map, const char *key, size_t length)
{
    if (map->kind != NODE_MAP)
        return SIZE_MAX;
    for (size_t i = 0; i < map->n; i++)
        if (map->keys[i]->length == length && memcmp(map->keys[i]->text, key, length) == 0)
            return i;
    return SIZE_MAX;
}

struct node *tree_child(const struct node *map, const char *key)
{
    const size_t i = find_key(map, key, strlen(key));
    return i == SIZE_MAX ? NULL : map->items[i];
}

struct node *tree_key(const struct node *map, const char *key)
{
    const size_t i = find_key(map, key, strlen(key));
    return i == SIZE_MAX ? NULL : map->keys[i];
}

size_t tree_index(const char *s, size_t length)
{
    size_t index = 0;
    if (length == 0 || length > 6 || (length > 1 && s[0] == '0'))
        return SIZE_MAX;
    for (size_t i = 0; i < length; i++) {
        if (s[i] < '0' || s[i] > '9')
            return SIZE_MAX;
        index = 10 * index + (size_t)(s[i] - '0');
    }
    return index;
}

static size_t find_step(const struct node *n, const char *name, size_t length)
{
    if (n->kind != NODE_LIST)
        return find_key(n, name, length);
    const size_t i = tree_index(name, length);
    return i < n->n ? i : SIZE_MAX;
}

struct node *tree_find(struct node *root, const char *path)
{
    struct node *n = root;
    for (const char *s = path; n;) {
        const size_t length = strcspn(s, ".");
        const size_t i = find_step(n, s, length);
        if (i == SIZE_MAX)
            return NULL;
        n = n->items[i];
        if (s[length] == '\0')
            break;
        s += length + 1;
    }
    return n;
}

/* The collection itself anew, its children shared. */
static struct node *shallow_copy(const struct node *n, struct arena *a)
{
    struct node *copy = node_collection(a, n->where, n->kind);
    for (size_t i = 0; i < n->n; i++)
        node_append(copy, n->kind == NODE_MAP ? n->keys[i] : NULL, n->items[i], a);
    return copy;
}

struct node *tree_copy(const struct node *n, struct arena *a)
{
    struct node *copy = arena_need(a, 1, sizeof *copy);
    *copy = *n;
    if (n->kind == NODE_SCALAR)
        return copy;
    copy = shallow_copy(n, a);
    for (size_t i = 0; i < copy->n; i++)
        copy->items[i] = tree_copy(copy->items[i], a); /* no deeper than TREE_MAX_DEPTH */
    return copy;
}

void tree_remove(struct node *map, const char *key)
{
    const size_t at = find_key(map, key, strlen(key));
    if (at == SIZE_MAX)
        return;
    for (size_t i = at + 1; i < map->n; i++) {
        map->keys[i - 1] = map->keys[i];
        map->items[i - 1] = map->items[i];
    }
    map->n--;
}

int tree_put(struct node **root, const char *path, struct where key, struct node *value, struct arena *a, struct err *e)
{
    struct node **slot = root; /* where the node at this point of the path hangs; all above it are copies of our own */
    size_t depth = 0;
    for (const char *s = path;;) {
        const size_t length = strcspn(s, ".");
        if (length == 0 || ++depth > TREE_MAX_DEPTH)
            return err_at(e, key, "'%s' is not a path of names and dots", path);
        if (*slot && (*slot)->kind == NODE_SCALAR)
            return err_at(e, key, "'%s': there is nothing below '%.*s', which is %s", path,
                          (int)(s > path ? s - path - 1 : 0), path,
                          node_is_null(*slot) ? "null: to keep a part of it, set the other keys to null"
                                              : "a single value");
        *slot = *slot && (*slot)->kind != NODE_SCALAR ? shallow_copy(*slot, a) : node_collection(a, key, NODE_MAP);
        struct node *n = *slot;
        size_t i = find_step(n, s, length);
        if (i == SIZE_MAX && n->kind == NODE_LIST)
            return err_at(e, key, "'%s': '%.*s' is not an index of a list of %zu", path, (int)length, s, n->n);
        if (i == SIZE_MAX) {
            i = n->n;
            node_append(n, node_scalar(a, key, arena_strndup(a, s, length), false), NULL, a);
        }
        slot = &n->items[i];
        if (s[length] == '\0')
            break;
        s += length + 1;
    }
    *slot = value;
    return 0;
}

int tree_set(struct node **root, const char *path, struct node *value, struct arena *a, struct err *e)
{
    return tree_put(root, path, value->where, value, a, e);
}

struct member {
    const struct node *key, *item;
};

static int compare_members(const void *x, const void *y)
{
    return strcmp(((const struct member *)x)->key->text, ((const struct member *)y)->key->text);
}

static void json_scalar(const struct node *n, struct text *out)
{
    bool truth;
    double number;
    int64_t integer;
    if (node_is_null(n))
        text_puts(out, "null");
    else if (node_is_bool(n, &truth))
        text_puts(out, truth ? "true" : "false");
    else if (!n->quoted && text_to_int(n->text, n->length, &integer) == 0)
        text_add(out, "%lld", (long long)integer); /* exact beyond 2^53 */
    else if (node_is_number(n, &number) && isfinite(number))
        text_json_number(out, number);
    else
        text_json_string(out, n->text, n->length);
}

void tree_json(const struct node *n, struct text *out)
{
    if (n->kind == NODE_SCALAR) {
        json_scalar(n, out);
        return;
    }
    struct member *members = malloc((n->n + 1) * sizeof *members);
    if (!members)
        err_no_memory("%zu keys", n->n);
    for (size_t i = 0; i < n->n; i++)
        members[i] = (struct member){ .key = n->kind == NODE_MAP ? n->keys[i] : NULL, .item = n->items[i] };
    if (n->kind == NODE_MAP)
        qsort(members, n->n, sizeof *members, compare_members);
    text_putc(out, n->kind == NODE_MAP ? '{' : '[');
    for (size_t i = 0; i < n->n; i++) {
        if (i > 0)
            text_putc(out, ',');
        if (members[i].key) {
            text_json_string(out, members[i].key->text, members[i].key->length);
            text_putc(out, ':');
        }
        tree_json(members[i].item, out); /* no deeper than TREE_MAX_DEPTH */
    }
    text_putc(out, n->kind == NODE_MAP ? '}' : ']');
    free(members);
}

/* The recursion ends with the depth of the tree. */
bool tree_holds(const struct node *n, struct where where)
{
    bool found = where_same(n->where, where);
    for (size_t i = 0; i < n->n && !found; i++)
        found = (n->kind == NODE_MAP && where_same(n->keys[i]->where, where)) || tree_holds(n->items[i], where);
    return found;
}
