/* The tree of an experiment file: scalars, lists and maps that know their place, from libyaml's events.
 *
 * The only room that includes yaml.h. Limits: 1 MB per file, depth 64, 1e5 nodes after aliases are expanded, 64 KB per
 * scalar, one document, unique keys, no cycles. Maps keep the order of the file. */
#ifndef TPRUN_SPEC_TREE_H
#define TPRUN_SPEC_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include <stdbool.h>

enum {
    TREE_MAX_BYTES = 1 << 20,  /* of a file */
    TREE_MAX_DEPTH = 64,       /* of nested lists, maps and names of a dotted key */
    TREE_MAX_NODES = 100000,   /* keys and values, after aliases are expanded */
    TREE_MAX_KEYS = 1000,      /* of one map: keys are then found by looking at each */
    TREE_MAX_SCALAR = 1 << 16, /* bytes */
    TREE_MAX_ANCHORS = 1000
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    struct where where;
    bool kept; /* the key of an option that was set for a part of `algorithm` which another one has replaced since */
    /* scalar */
    bool quoted;      /* "1" is a string, 1 a number */
    const char *text; /* 0-terminated; an inner NUL is refused when the file is read */
    size_t length;
    /* list and map: n children; a map has keys[i] (scalars, for their places) beside items[i] */
    size_t n;
    struct node **items;
    struct node **keys;
};

/* Reads one file with anchors, aliases and `<<` resolved and dotted keys turned into nested maps; `extends` and `${}`
 * are study.h's. Everything lives in `a`. Returns NULL with every mistake in e. "-" is standard input. */
struct node *tree_read(const char *path, struct arena *a, struct err *e);
/* The same from memory; `name` is what messages call it. */
struct node *tree_parse(const char *name, const char *text, size_t n, struct arena *a, struct err *e);
/* "a.b=1" (a YAML value on the right) from the command line as a nested map; the place names the argument. */
struct node *tree_override(const char *assignment, struct arena *a, struct err *e);

/* Child of a map by key, or NULL. */
struct node *tree_child(const struct node *map, const char *key);
struct node *tree_key(const struct node *map, const char *key);
/* "0", "7", "12": the name of an element of a list; SIZE_MAX for any other, "00" among them. */
size_t tree_index(const char *name, size_t length);
/* Whether a key or a value of the tree stands there. */
bool tree_holds(const struct node *n, struct where where);
/* Follows "train.optimizer.stepsize" or "network.layers.0.rnn.units"; NULL if a step is missing. */
struct node *tree_find(struct node *root, const char *path);
/* A deep copy that shares scalars. */
struct node *tree_copy(const struct node *n, struct arena *a);
/* Lays `over` on `base` and returns a new tree: maps merge key by key, anything else replaces; a map whose `name`
 * differs from the base's `name` replaces it whole (its options belong to another part), but where both are parts of a
 * file's `algorithm`, the options of the base stay beside it, their keys marked as kept; a list replaces a list, but a
 * map whose keys are all indices lays its values on the elements of a list (an index beyond the list is an error). */
struct node *tree_overlay(const struct node *base, const struct node *over, struct arena *a, struct err *e);
/* The same for a base that is itself an overlay of something else, a variant or a profile: a null that removes nothing
 * from it stays. */
struct node *tree_overlay_partial(const struct node *base, const struct node *over, struct arena *a, struct err *e);
/* The same for two maps that stand under the key `algorithm`. */
struct node *tree_overlay_algorithm(const struct node *base, const struct node *over, struct arena *a, struct err *e);
/* Sets a value at a dotted path; the path's parents are created as maps when missing, list indices must exist. */
int tree_set(struct node **root, const char *path, struct node *value, struct arena *a, struct err *e);
/* Removes a key of a map if it is there. */
void tree_remove(struct node *map, const char *key);
/* Compact JSON with keys in byte order: equal trees give equal text. */
void tree_json(const struct node *n, struct text *out);

/* Building: new nodes in `a`. Only a map or list made by these two and not yet shared may be appended to. */
struct node *node_scalar(struct arena *a, struct where where, const char *text, bool quoted);
struct node *node_collection(struct arena *a, struct where where, enum node_kind kind);
void node_append(struct node *collection, struct node *key, struct node *item,
                 struct arena *a); /* key: NULL in a list */

/* YAML 1.2 core: what a plain scalar means. */
bool node_is_null(const struct node *n);
bool node_is_bool(const struct node *n, bool *value);
bool node_is_number(const struct node *n, double *value); /* .inf and .nan included */
bool node_is_text(const struct node *n);                  /* a scalar that is none of these */
/* "a string 'many'", "the number 3", "a list": what stands there, for messages. Returns buffer. */
const char *node_found(const struct node *n, char buffer[100]);

/* {geomspace: [1, 10, 3]} and its like: values of a sweep, or how they are drawn. */
bool tree_is_value_list(const struct node *n);
/* Whether a key stands beside the part in an element of a list of parts: `repeat`, and those of a registry's
 * `beside`. */
bool tree_stands_beside(const char *key);

/* Puts a value at a dotted path as tree_set does; the keys it makes have the place `key`. */
int tree_put(struct node **root, const char *path, struct where key, struct node *value, struct arena *a,
             struct err *e);

#endif
