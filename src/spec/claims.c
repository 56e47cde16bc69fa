#include "spec/claims.h"
#include "spec/bind.h"
#include <string.h>

static const struct option claim_options[] = {
    { "id", OPT_TEXT, offsetof(struct study_claim, id), .flags = OPTION_REQUIRED, .help = "name of the claim" },
    { "text", OPT_TEXT, offsetof(struct study_claim, text), .flags = OPTION_NULLABLE, .help = "the claim in words" },
    { "reported", OPT_REAL, offsetof(struct study_claim, reported), .flags = OPTION_NULLABLE,
      .help = "the number in the source" },
    { "measure", OPT_TEXT, offsetof(struct study_claim, measure), .flags = OPTION_REQUIRED,
      .help = "a query that gives one number" },
    { 0 }
};
static const struct option bound = { "expect", OPT_REAL };

/* expect: [low, high], where null is open, or one number for both. */
static void read_expect(struct study *s, struct study_claim *c, const struct node *n, const char *path, struct err *e)
{
    char found[100];
    double *const bounds[] = { &c->low, &c->high };
    bool *const given[] = { &c->has_low, &c->has_high };
    if (n->kind == NODE_MAP || (n->kind == NODE_LIST && n->n != 2)) {
        err_at(e, n->where, "%s.expect: expected [low, high], found %s", path,
               n->kind == NODE_LIST ? "a list of another length" : node_found(n, found));
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct node *item = n->kind == NODE_LIST ? n->items[i] : n;
        if (!node_is_null(item))
            *given[i] = bind_value(item, &bound, bounds[i], path, s->arena, e) == 0;
        if (n->kind == NODE_SCALAR && !*given[i])
            return; /* one message */
    }
    if (c->has_low && c->has_high && c->low > c->high)
        err_at(e, n->where, "%s.expect: low is above high", path);
}

static void read_claim(struct study *s, struct study_claim *c, const struct node *n, const char *path, struct err *e)
{
    char found[100];
    c->where = n->where;
    if (n->kind != NODE_MAP) {
        err_at(e, n->where, "%s: expected a map, found %s", path, node_found(n, found));
        return;
    }
    struct node *rest = node_collection(s->arena, n->where, NODE_MAP);
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->keys[i]->text, "expect") != 0)
            node_append(rest, n->keys[i], n->items[i], s->arena);
    (void)bind_tree(rest, claim_options, c, path, s->arena, e); /* counted in e */
    const struct node *reported = tree_child(n, "reported");
    c->has_reported = reported && !node_is_null(reported);
    if (tree_child(n, "expect"))
        read_expect(s, c, tree_child(n, "expect"), path, e);
}

void claims_read(struct study *s, const struct node *list, struct err *e)
{
    char found[100];
    if (!list)
        return;
    if (list->kind != NODE_LIST || list->n > TREE_MAX_KEYS) {
        err_at(e, list->where, "claims: expected a list of at most %d claims, found %s", TREE_MAX_KEYS,
               node_found(list, found));
        return;
    }
    s->claims = arena_need(s->arena, list->n, sizeof *s->claims);
    s->n_claims = list->n;
    for (size_t i = 0; i < list->n; i++) {
        struct study_claim *c = &s->claims[i];
        read_claim(s, c, list->items[i], arena_printf(s->arena, "claims.%zu", i), e);
        for (size_t j = 0; c->id && j < i; j++)
            if (s->claims[j].id && strcmp(c->id, s->claims[j].id) == 0) {
                err_at(e, c->where, "claims.%zu: the id '%s' is taken", i, c->id);
                err_note(e, s->claims[j].where, "by this claim");
            }
    }
}
