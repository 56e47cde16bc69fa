/* From a tree to C structs and back, by option tables (base/part.h). */
#ifndef TPRUN_SPEC_BIND_H
#define TPRUN_SPEC_BIND_H

#include "base/arena.h"
#include "base/err.h"
#include "base/part.h"
#include "spec/tree.h"

/* Fills `out` (the struct that `table` describes, zeroed by the caller) from a map; absent options take their defaults;
 * map == NULL means all defaults. Every mistake is added to e with its place and the dotted path below `path`: unknown
 * key (with the nearest known one), wrong type, out of range, missing required key, unknown part name. Returns 0 or
 * ERR_SPEC. */
/* (Not `bind`: that name is the C library's.) */
int bind_tree(const struct node *map, const struct option *table, void *out, const char *path, struct arena *a,
              struct err *e);
/* The same, and notes the keys that have no effect beside others (idle.h). idle: may be NULL. */
struct idle_keys;
int bind_tree_noting(const struct node *map, const struct option *table, void *out, const char *path,
                     struct idle_keys *idle, struct arena *a, struct err *e);
/* Binds one option, as if it were the value of option->name. */
int bind_value(const struct node *value, const struct option *option, void *field, const char *path, struct arena *a,
               struct err *e);

/* What an option with a default is where a file says nothing, at any value of it: the range is not looked at. */
int bind_default_value(const struct option *option, void *field, struct arena *a, struct err *e);

/* "; did you mean 'sgd'?", or "; known: adam, sgd" where nothing is near. */
const char *bind_advice(const char *word, const char *const *known, size_t n, struct arena *a);

/* What a dotted path names in a trial whose parts are those of `tree`. */
enum bind_key {
    BIND_KEY_MISSING,
    BIND_KEY_VALUE,
    BIND_KEY_PART /* a part or a map of options: its value decides which other keys there are */
};
struct bind_missing {
    size_t segment;   /* the name of the path, counted from 0, that is not known */
    const char *text; /* "unknown key 'regularisation' in algorithm.mapping; did you mean 'regularization'?" */
    bool near;        /* a known name is near */
};
/* Follows `path` through the tables and the parts that `tree` chooses; an absent part is its default. What cannot be
 * told, because the tree names a part that does not exist, counts as a value: binding reports it. why: set for
 * BIND_KEY_MISSING; may be NULL. */
enum bind_key bind_find_key(const struct option *table, const struct node *tree, const char *path,
                            struct bind_missing *why, struct arena *a);

/* Canonical JSON of a bound struct: every option with its value, defaults filled in, keys in the order of the table,
 * parts as
 * {"name": ..., options}. It is itself a valid tree, and binding it gives the same struct. without: skip options with
 * these flags. */
void bind_json(const struct option *table, const void *in, unsigned without, struct text *out);

/* The same with null in the place of some leaves, counted as bind_leaves visits them: what trials that differ in these
 * have in common. holes: [leaves]; those that cannot be left out, lists and the kinds of layers, are set false. */
void bind_json_holes(const struct option *table, const void *in, bool *holes, struct text *out);

/* The same with 0 or 1 for every real number: whether it is 0. Integers, words and lists of whole numbers stay. It is
 * no tree to be bound: what trials have in common that differ in such numbers. */
void bind_json_coarse(const struct option *table, const void *in, struct text *out);

/* Calls visit for every leaf of a bound struct in table order, with its dotted path
 * ("algorithm.mapping.regularization") and its value: text is NULL for a number, `number` is NAN for a text. Booleans
 * are numbers 0 and 1 with text "false"/"true". */
void bind_leaves(const struct option *table, const void *in,
                 void (*visit)(void *self, const char *path, const char *text, double number), void *self);

/* JSON schema (draft-07) of a table: the "properties" object and "required" list, for `tprun schema`. */
void bind_schema(const struct option *table, struct text *out);

#endif
