/* Options that stay when a part of `algorithm` is replaced by its name: an ablation changes one thing.
 *
 * Composition keeps what a preset or a file had set of the part that was replaced (spec/overlay.c, node.kept). Here the
 * part that takes its place is known: it keeps those options that it has and whose values it takes. */
#ifndef TPRUN_TRIAL_PARTS_H
#define TPRUN_TRIAL_PARTS_H

#include "base/part.h"
#include "spec/tree.h"

struct kept_option {
    const char *key, *part; /* "update", and the part that is there now: "through_chain" */
    const char *name;       /* of the option */
    const struct node *value;
    struct where where; /* where it was set */
    bool kept;
    const char *why; /* not kept; or NULL: the part has no such option */
};
struct kept_visitor {
    void (*visit)(void *self, const struct kept_option *o);
    void *self;
};

/* Drops what the chosen parts do not take. rows: of `algorithm`, a fresh map; its children may be shared, they are
 * copied. tell may be NULL. */
void parts_settle(struct node *algorithm, const struct option *rows, const struct kept_visitor *tell, struct arena *a);

#endif
