/* Inside of the room: from bytes to a tree. */
#ifndef TPRUN_SPEC_PARSE_H
#define TPRUN_SPEC_PARSE_H

#include "spec/tree.h"

/* Reads source->text from byte `from` of its first line on; places count from the beginning of the source. */
struct node *parse_source(const struct source *source, size_t from, struct arena *a, struct err *e);

/* A map as libyaml gives it, with dotted keys and `<<`, becomes nested maps without either. Fills `map`, which holds
 * the raw keys, anew. name: of the key under which the map stands, as parts of an algorithm keep options. */
void keys_resolve(struct node *map, const char *name, struct arena *a, struct err *e);

#endif
