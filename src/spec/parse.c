/* libyaml's events become a tree. The event interface, not yaml_parser_load: depth, nodes, anchors and cycles are
 * checked at each event, so that a hostile file is refused before it has cost anything. libyaml 0.2.5 itself has no
 * limits. */
#include "spec/parse.h"
#include <assert.h>
#include <string.h>
#include <yaml.h>

struct frame {
    struct node *node; /* the open list or map */
    struct node *key;  /* of a map: read, and waiting for its value */
    size_t level;      /* depth in the finished tree: names of dotted keys count */
};

struct anchor {
    const char *name;
    struct node *node;
    bool open; /* its end has not been read yet: an alias would be a cycle */
};

struct reader {
    yaml_parser_t yaml;
    const struct source *source;
    size_t from; /* characters of the first line before the text libyaml sees */
    struct arena *arena;
    struct err *e;
    struct frame stack[TREE_MAX_DEPTH];
    size_t depth;
    size_t n_nodes;
    struct anchor *anchors;
    size_t n_anchors;
    struct node *root;
    bool many_documents;
};

static struct where place(const struct reader *r, yaml_mark_t start, yaml_mark_t end)
{
    struct where w = { .source = r->source, .line = start.line + 1, .column = start.column + 1, .length = 1 };
    if (start.line == 0)
        w.column += r->from;
    if (end.line == start.line && end.column > start.column)
        w.length = end.column - start.column;
    return w;
}

static struct where event_place(const struct reader *r, const yaml_event_t *event)
{
    return place(r, event->start_mark, event->end_mark);
}

/* libyaml gives no mark for bytes it could not decode, only their offset. */
static struct where place_of_offset(const struct reader *r, size_t offset)
{
    struct where w = { .source = r->source, .line = 1, .column = 1 + r->from, .length = 1 };
    const char *s = r->source->text + r->from;
    for (size_t i = 0; i < offset && i + r->from < r->source->length; i++) {
        if (s[i] == '\n') {
            w.line++;
            w.column = 1;
        } else if (((unsigned char)s[i] & 0xc0) != 0x80) {
            w.column++;
        }
    }
    return w;
}

static int report_parser_error(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    const char *problem = y->problem ? y->problem : "the file cannot be read";
    if (y->error == YAML_MEMORY_ERROR)
        return err_set(r->e, ERR_MEMORY, "out of memory while reading %s", r->source->name);
    if (y->error == YAML_READER_ERROR) {
        const struct where w = place_of_offset(r, y->problem_offset);
        if (y->problem_value >= 0)
            return err_at(r->e, w, "not YAML in UTF-8: %s (0x%02x at byte %zu)", problem, (unsigned)y->problem_value,
                          y->problem_offset);
        return err_at(r->e, w, "not YAML in UTF-8: %s (at byte %zu)", problem, y->problem_offset);
    }
    struct where w = place(r, y->problem_mark, y->problem_mark);
    const struct where end = place_of_offset(r, r->source->length);
    if (w.line > end.line) /* libyaml breaks a last line that has no line break */
        w = end;
    const size_t index = r->from + y->problem_mark.index;
    const bool tab = strstr(problem, "cannot start any token") && index < r->source->length &&
                     memchr(r->source->text + r->from, '\t', r->source->length - r->from);
    err_at(r->e, w, "not YAML: %s%s%s%s", problem, y->context ? " " : "", y->context ? y->context : "",
           tab ? " (indent with blanks, not with tabs)" : "");
    if (y->context && y->context_mark.line + 1 != w.line)
        err_note(r->e, place(r, y->context_mark, y->context_mark), "it begins here");
    return ERR_SPEC;
}

/* Depth in the finished tree of what is read next. */
static size_t next_level(const struct reader *r)
{
    if (r->depth == 0)
        return 1;
    const struct frame *f = &r->stack[r->depth - 1];
    size_t level = f->level + 1;
    for (const char *s = f->key && f->key->kind == NODE_SCALAR ? f->key->text : ""; *s; s++)
        level += *s == '.';
    return level;
}

static int check_level(struct reader *r, size_t level, struct where w)
{
    if (level > TREE_MAX_DEPTH)
        return err_at(r->e, w, "nested deeper than %d levels", TREE_MAX_DEPTH);
    return 0;
}

static int count_nodes(struct reader *r, size_t n, struct where w)
{
    r->n_nodes += n;
    if (r->n_nodes > TREE_MAX_NODES)
        return err_at(r->e, w, "more than %d keys and values once aliases are expanded", TREE_MAX_NODES);
    return 0;
}

/* Charges an aliased tree to the budget, as if it were written out. The recursion ends at the depth limit, the work at
 * the budget. */
static int charge(struct reader *r, const struct node *n, size_t level, struct where w)
{
    TRY(check_level(r, level, w));
    TRY(count_nodes(r, 1, w));
    for (size_t i = 0; i < n->n; i++) {
        if (n->kind == NODE_MAP)
            TRY(count_nodes(r, 1, w));
        TRY(charge(r, n->items[i], level + 1, w));
    }
    return 0;
}

/* Gives a finished node to the collection it stands in. */
static int attach(struct reader *r, struct node *n)
{
    if (r->depth == 0) {
        r->root = n;
        return 0;
    }
    struct frame *f = &r->stack[r->depth - 1];
    if (f->node->kind == NODE_LIST) {
        node_append(f->node, NULL, n, r->arena);
    } else if (!f->key) {
        if (n->kind != NODE_SCALAR)
            err_at(r->e, n->where, "a key must be a single word, not %s", n->kind == NODE_LIST ? "a list" : "a map");
        f->key = n;
    } else {
        if (f->node->n == TREE_MAX_KEYS)
            return err_at(r->e, f->key->where, "more than %d keys in one map", TREE_MAX_KEYS);
        if (f->key->kind == NODE_SCALAR)
            node_append(f->node, f->key, n, r->arena);
        f->key = NULL;
    }
    return 0;
}

static int add_anchor(struct reader *r, const yaml_char_t *name, struct node *n, struct where w)
{
    if (!name)
        return 0;
    if (r->n_anchors == TREE_MAX_ANCHORS)
        return err_at(r->e, w, "more than %d anchors", TREE_MAX_ANCHORS);
    if (!r->anchors)
        r->anchors = arena_need(r->arena, TREE_MAX_ANCHORS, sizeof *r->anchors);
    r->anchors[r->n_anchors++] = (struct anchor){ .name = arena_strdup(r->arena, (const char *)name),
                                                  .node = n,
                                                  .open = n->kind != NODE_SCALAR };
    return 0;
}

/* Only the core schema's tags, and each where it belongs; !!str makes a string of anything. */
static bool tag_fits(const yaml_char_t *tag, enum node_kind kind)
{
    static const struct {
        const char *tag;
        enum node_kind kind;
    } known[] = {
        { YAML_STR_TAG, NODE_SCALAR },  { YAML_INT_TAG, NODE_SCALAR },  { YAML_FLOAT_TAG, NODE_SCALAR },
        { YAML_BOOL_TAG, NODE_SCALAR }, { YAML_NULL_TAG, NODE_SCALAR }, { YAML_SEQ_TAG, NODE_LIST },
        { YAML_MAP_TAG, NODE_MAP },
    };
    if (!tag || strcmp((const char *)tag, "!") == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp((const char *)tag, known[i].tag) == 0)
            return known[i].kind == kind;
    return false;
}

static void check_tag(struct reader *r, const yaml_char_t *tag, enum node_kind kind, struct where w)
{
    static const char *const kinds[] = { "scalar", "list", "map" };
    if (!tag_fits(tag, kind))
        err_at(r->e, w, "unknown tag '%s' on a %s; tags are not needed", (const char *)tag, kinds[kind]);
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
    const struct where w = event_place(r, event);
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    const yaml_char_t *tag = event->data.scalar.tag;
    TRY(check_level(r, next_level(r), w));
    TRY(count_nodes(r, 1 + next_level(r) - (r->depth ? r->stack[r->depth - 1].level + 1 : 1), w));
    check_tag(r, tag, NODE_SCALAR, w);
    if (length > TREE_MAX_SCALAR)
        return err_at(r->e, w, "a value of %zu bytes; at most %d are read", length, TREE_MAX_SCALAR);
    if (memchr(value, '\0', length))
        err_at(r->e, w, "a string with a NUL byte in it");
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag && event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        quoted = strcmp((const char *)tag, YAML_STR_TAG) == 0 || strcmp((const char *)tag, "!") == 0;
    else if (tag)
        quoted = strcmp((const char *)tag, YAML_STR_TAG) == 0;
    struct node *n = node_scalar(r->arena, w, value, quoted);
    TRY(add_anchor(r, event->data.scalar.anchor, n, w));
    return attach(r, n);
}

static int on_alias(struct reader *r, const yaml_event_t *event)
{
    const struct where w = event_place(r, event);
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = r->n_anchors; i-- > 0;) { /* the last anchor of a name counts */
        const struct anchor *anchor = &r->anchors[i];
        if (strcmp(anchor->name, name) != 0)
            continue;
        if (anchor->open)
            return err_at(r->e, w, "alias '*%s' stands inside of what it names: a cycle", name);
        TRY(charge(r, anchor->node, next_level(r), w));
        return attach(r, anchor->node);
    }
    return err_at(r->e, w, "alias '*%s' has no anchor '&%s' before it", name, name);
}

static int on_start(struct reader *r, const yaml_event_t *event, enum node_kind kind, const yaml_char_t *anchor,
                    const yaml_char_t *tag)
{
    struct where w = event_place(r, event);
    const size_t level = next_level(r);
    TRY(check_level(r, level, w));
    TRY(count_nodes(r, 1 + level - (r->depth ? r->stack[r->depth - 1].level + 1 : 1), w));
    check_tag(r, tag, kind, w);
    struct node *n = node_collection(r->arena, w, kind);
    TRY(add_anchor(r, anchor, n, w));
    assert(r->depth < TREE_MAX_DEPTH); /* level grows at least as fast as depth */
    r->stack[r->depth++] = (struct frame){ .node = n, .level = level };
    return 0;
}

/* The last name of the key under which the map stands that has just ended; "" in a list and at the top. */
static const char *name_of_place(const struct reader *r)
{
    const struct frame *outer = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;
    const char *key = outer && outer->key && outer->key->kind == NODE_SCALAR ? outer->key->text : "";
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

static int on_end(struct reader *r)
{
    assert(r->depth > 0);
    struct node *n = r->stack[--r->depth].node;
    for (size_t i = r->n_anchors; i-- > 0;)
        if (r->anchors[i].node == n) {
            r->anchors[i].open = false;
            break;
        }
    if (n->kind == NODE_MAP)
        keys_resolve(n, name_of_place(r), r->arena, r->e);
    return attach(r, n);
}

static int on_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return on_alias(r, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(r, event, NODE_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_start(r, event, NODE_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(r);
    case YAML_DOCUMENT_START_EVENT:
        if (r->root)
            return err_at(r->e, event_place(r, event), "a second document begins here; a file holds one");
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reader *r)
{
    for (bool end = false; !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->yaml, &event))
            return report_parser_error(r);
        const int code = on_event(r, &event);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        TRY(code);
    }
    return 0;
}

struct node *parse_source(const struct source *source, size_t from, struct arena *a, struct err *e)
{
    const struct where start = { .source = source, .line = 0 };
    const char *text = source->text + from;
    const size_t n = source->length - from;
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        err_at(e, start, "the file is in UTF-16; save it as UTF-8");
        return NULL;
    }
    struct err found = { 0 };
    struct reader r = { .source = source, .from = from, .arena = a, .e = &found };
    if (!yaml_parser_initialize(&r.yaml)) {
        err_set(e, ERR_MEMORY, "out of memory while reading %s", source->name);
        return NULL;
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, n);
    (void)read_events(&r); /* its code is found.code */
    yaml_parser_delete(&r.yaml);
    if (!found.code && !r.root)
        err_at(&found, start, "the file is empty");
    const bool sound = !found.code;
    err_move(e, &found);
    return sound ? r.root : NULL;
}
