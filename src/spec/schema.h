/* Inside of the room: pieces of a JSON schema. */
#ifndef TPRUN_SPEC_SCHEMA_H
#define TPRUN_SPEC_SCHEMA_H

#include "spec/bind.h"

enum { SCHEMA_MAX_DEPTH = 16 };
struct schema {
    struct text *out;
    const struct option *root; /* whole form: the table that has the registry of a kind */
    bool partial;
    const struct registry *active[SCHEMA_MAX_DEPTH]; /* being printed, whole form */
    size_t n_active;
};

/* "properties": {...}, less the names in `without` (NULL, or closed by NULL); with "name": name first if it is given.
 */
void schema_properties(struct schema *s, const struct option *table, const char *const *without, const char *name);
/* An element of a list that is not overlaid: whatever it requires stands in it. */
void schema_item(struct schema *s, const struct option *table);
/* What the definition of a registry's parts, or of its elements in a list, is called. */
void schema_definition_name(struct schema *s, const struct registry *r, bool element);
/* One part of a registry: its name, or an object with its options. */
void schema_registry(struct schema *s, const struct registry *r);
/* One element of a list of parts. */
void schema_element(struct schema *s, const struct registry *r);

#endif
