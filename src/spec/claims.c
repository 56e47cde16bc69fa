#include "spec/claims.h"
#include "spec/bind.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_SEEDS = 1000000, MAX_LAYER = 1000000, MIN_SEEDS = 3 };
static const char *const kinds[] = { "measure", "value", "compare", NULL };
static const char *const words_of_at[] = { "last", "best", "selected", NULL };
static const char *const words_of_as[] = { "value", "error", NULL };

/* clang-format off */
static const struct option claim_options[] = {
    { "id", OPT_TEXT, offsetof(struct study_claim, id), .flags = OPTION_REQUIRED, .help = "name of the claim" },
    { "text", OPT_TEXT, offsetof(struct study_claim, text), .flags = OPTION_NULLABLE, .help = "the claim in words" },
    { "profile", OPT_TEXT, offsetof(struct study_claim, profile), .flags = OPTION_NULLABLE,
      .help = "the profile whose runs it is about" },
    { "min_seeds", OPT_INT, offsetof(struct study_claim, min_seeds), "3", 2, MAX_SEEDS,
      .help = "seeds below which it stays undecided" },
    { 0 }
};
/* What a value and both sides of a comparison name. */
#define MEASURED                                                                                                       \
    { "metric", OPT_TEXT, offsetof(struct claim_quantity, metric), .flags = OPTION_REQUIRED,                           \
      .help = "what is measured" },                                                                                    \
    { "cell", OPT_TEXT, offsetof(struct claim_quantity, cell), .flags = OPTION_NULLABLE,                               \
      .help = "the swept values, as the tables show them" },                                                           \
    { "layer", OPT_INT, offsetof(struct claim_quantity, layer), "0", 0, MAX_LAYER, .flags = OPTION_NULLABLE,           \
      .help = "the layer of a layer metric" }
static const struct option value_options[] = {
    { "variant", OPT_NAMES, offsetof(struct claim_quantity, better), .flags = OPTION_REQUIRED, .help = "the variant" },
    MEASURED,
    { "as", OPT_ENUM, offsetof(struct claim_quantity, as), "value", .names = words_of_as,
      .help = "error: 100 less the metric" },
    { 0 }
};
static const struct option compare_options[] = {
    { "better", OPT_NAMES, offsetof(struct claim_quantity, better), .flags = OPTION_REQUIRED,
      .help = "the variant, or variants, that are better" },
    { "than", OPT_NAMES, offsetof(struct claim_quantity, than), .flags = OPTION_REQUIRED,
      .help = "than each of these" },
    MEASURED,
    { "margin", OPT_REAL, offsetof(struct claim_quantity, margin), "0", .flags = OPTION_NULLABLE,
      .help = "better by more than this" },
    { 0 }
};
struct paper { double mean, sd; int64_t n; };
static const struct option reported_options[] = {
    { "mean", OPT_REAL, offsetof(struct paper, mean), .flags = OPTION_REQUIRED, .help = "mean of the runs" },
    { "sd", OPT_REAL, offsetof(struct paper, sd), NULL, 0, 1e300, .flags = OPTION_REQUIRED,
      .help = "their standard deviation" },
    { "n", OPT_INT, offsetof(struct paper, n), NULL, 2, MAX_SEEDS, .flags = OPTION_REQUIRED, .help = "number of runs" },
    { 0 }
};
static const struct option step_options[] = {
    { "step", OPT_INT, offsetof(struct claim_quantity, step), NULL, 0, 9e15, .flags = OPTION_NULLABLE,
      .help = "the value logged at this step" },
    { "from", OPT_INT, offsetof(struct claim_quantity, step), NULL, 0, 9e15, .flags = OPTION_NULLABLE,
      .help = "the mean of all logged from this step on" },
    { 0 }
};
/* clang-format on */
static const struct option bound = { "expect", OPT_REAL };
static const struct option report = { "reported", OPT_REAL };
static const struct option measure = { "measure", OPT_TEXT };
static const struct option tolerance = { "tolerance", OPT_REAL, .max = 1e300, .flags = OPTION_ABOVE_MIN };
static const struct option word_of_at = { "at", OPT_ENUM, .names = words_of_at };

/* A claim while it is read. */
struct reading {
    struct study *s;
    struct study_claim *c;
    const struct node *map;
    const char *path;
    struct err *e;
};

static const struct node *given(const struct node *map, const char *key)
{
    const struct node *value = tree_child(map, key);
    return value && !node_is_null(value) ? value : NULL;
}

static const char *below(const struct reading *r, const char *key)
{
    return arena_printf(r->s->arena, "%s.%s", r->path, key);
}

/* A whole number is exact as a file writes it; 0.3 is not the number that a query adds up to. */
static void need_tolerance(struct reading *r, const struct node *n, double value)
{
    if (r->c->has_tolerance || (value == floor(value) && fabs(value) < 1 / DBL_EPSILON))
        return;
    err_at(r->e, n->where,
           "%s.expect: one number needs a 'tolerance', as no sum meets a fraction exactly; or give [low, high]",
           r->path);
}

/* expect: [low, high], where null is open, or one number with its tolerance. */
static void read_expect(struct reading *r, const struct node *n)
{
    char found[100];
    struct study_claim *c = r->c;
    double *const bounds[] = { &c->low, &c->high };
    bool *const is_given[] = { &c->has_low, &c->has_high };
    const size_t before = r->e->n_errors;
    if (n->kind == NODE_MAP || (n->kind == NODE_LIST && n->n != 2)) {
        err_at(r->e, n->where, "%s.expect: expected [low, high], found %s", r->path,
               n->kind == NODE_LIST ? "a list of another length" : node_found(n, found));
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct node *item = n->kind == NODE_LIST ? n->items[i] : n;
        if (!node_is_null(item))
            *is_given[i] = bind_value(item, &bound, bounds[i], r->path, r->s->arena, r->e) == 0;
        if (n->kind == NODE_SCALAR && !*is_given[i])
            return; /* one message */
    }
    if (r->e->n_errors > before)
        return;
    if (!c->has_low && !c->has_high)
        err_at(r->e, n->where, "%s.expect: every number is between null and null: give a bound", r->path);
    if (c->has_low && c->has_high && c->low > c->high)
        err_at(r->e, n->where, "%s.expect: low is above high", r->path);
    if (n->kind == NODE_LIST && c->has_tolerance)
        err_at(r->e, tree_key(r->map, "tolerance")->where, "%s: 'tolerance' belongs to one number, not to [low, high]",
               r->path);
    if (n->kind == NODE_SCALAR) {
        need_tolerance(r, n, c->low);
        c->low -= c->tolerance;
        c->high += c->tolerance;
    }
}

/* reported: a number, or {mean, sd, n}. */
static void read_reported(struct reading *r, const struct node *n)
{
    struct study_claim *c = r->c;
    struct paper paper = { 0 };
    if (n->kind != NODE_MAP) {
        c->has_reported = bind_value(n, &report, &c->reported, r->path, r->s->arena, r->e) == 0;
        return;
    }
    c->has_reported = bind_tree(n, reported_options, &paper, below(r, "reported"), r->s->arena, r->e) == 0;
    c->reported = paper.mean;
    c->reported_sd = paper.sd;
    c->reported_n = paper.n;
}

/* at: last, best, selected, {step: N} or {from: N}. */
static void read_at(struct reading *r, const struct node *n, const char *path)
{
    struct claim_quantity *q = &r->c->quantity;
    const char *at = arena_printf(r->s->arena, "%s.at", path);
    if (n->kind != NODE_MAP) {
        (void)bind_value(n, &word_of_at, &q->at, path, r->s->arena, r->e); /* counted in e */
        return;
    }
    if (bind_tree(n, step_options, q, at, r->s->arena, r->e) < 0)
        return;
    q->at = given(n, "from") ? CLAIM_FROM : CLAIM_STEP;
    if (!given(n, "from") == !given(n, "step"))
        err_at(r->e, n->where, "%s: expected {step: N} or {from: N}", at);
}

static struct where place_of_name(const struct node *names, size_t i)
{
    return names->kind == NODE_LIST && i < names->n ? names->items[i]->where : names->where;
}

/* A difference from itself is 0 whatever was trained, and a pair that counts twice widens the intervals of the others.
 */
static void check_sides(struct reading *r, const struct node *n, const char *path)
{
    const struct names *const sides[] = { &r->c->quantity.better, &r->c->quantity.than };
    const char *const keys[] = { "better", "than" };
    for (size_t k = 0; k < 2; k++) {
        const struct node *names = tree_child(n, keys[k]);
        if (sides[k]->n == 0)
            err_at(r->e, names->where, "%s.%s: an empty list leaves nothing to compare", path, keys[k]);
        for (size_t i = 0; i < sides[k]->n; i++) {
            const char *name = sides[k]->items[i];
            const struct where where = place_of_name(names, i);
            bool again = false, other = false;
            for (size_t j = 0; j < i; j++)
                again = again || !strcmp(name, sides[k]->items[j]);
            for (size_t j = 0; k == 1 && j < sides[0]->n; j++)
                other = other || !strcmp(name, sides[0]->items[j]);
            if (again)
                err_at(r->e, where, "%s.%s: '%s' is named twice", path, keys[k], name);
            else if (other)
                err_at(r->e, where, "%s.than: '%s' is compared with itself, as it stands in 'better' too", path, name);
        }
    }
}

static void read_quantity(struct reading *r, const struct node *n, const char *kind)
{
    char found[100];
    struct claim_quantity *q = &r->c->quantity;
    const char *path = below(r, kind);
    const size_t before = r->e->n_errors;
    if (n->kind != NODE_MAP) {
        err_at(r->e, n->where, "%s: expected a map, found %s", path, node_found(n, found));
        return;
    }
    struct node *rest = node_collection(r->s->arena, n->where, NODE_MAP);
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->keys[i]->text, "at") != 0)
            node_append(rest, n->keys[i], n->items[i], r->s->arena);
    (void)bind_tree(rest, r->c->kind == CLAIM_VALUE ? value_options : compare_options, q, path, r->s->arena, r->e);
    if (given(n, "at"))
        read_at(r, given(n, "at"), path);
    q->has_layer = given(n, "layer") != NULL;
    q->has_margin = given(n, "margin") != NULL;
    if (r->e->n_errors > before)
        return;
    q->map = n;
    if (r->c->kind == CLAIM_VALUE && q->better.n != 1)
        err_at(r->e, tree_child(n, "variant")->where, "%s.variant: expected the name of one variant", path);
    if (r->c->kind == CLAIM_COMPARE)
        check_sides(r, n, path);
    const size_t length = strlen(q->metric), suffix = strlen("accuracy");
    if (q->as == CLAIM_AS_ERROR && !strstr(q->metric + (length > suffix ? 0 : length), "accuracy"))
        err_at(r->e, tree_child(n, "as")->where, "%s.as: 'error' is 100 less an accuracy, which '%s' is not", path,
               q->metric);
    if (q->has_layer && (q->at == CLAIM_SELECTED))
        err_at(r->e, tree_child(n, "at")->where, "%s.at: a step is not selected for a layer metric", path);
}

/* Where the number makes the claim true. */
static void set_region(struct reading *r)
{
    struct study_claim *c = r->c;
    const struct node *expect = given(r->map, "expect");
    if (expect) {
        if (c->kind == CLAIM_COMPARE)
            err_at(r->e, tree_key(r->map, "expect")->where,
                   "%s: a comparison has a 'margin', or 'reported' and 'tolerance', not 'expect'", r->path);
        else
            read_expect(r, expect);
        return;
    }
    if (c->has_tolerance && !c->has_reported)
        err_at(r->e, tree_key(r->map, "tolerance")->where, "%s: a 'tolerance' needs the number that is 'reported'",
               r->path);
    if (c->has_tolerance && c->quantity.has_margin)
        err_at(r->e, tree_key(r->map, "tolerance")->where,
               "%s: either better by more than a 'margin', or within a 'tolerance' of what is 'reported'", r->path);
    if (c->kind == CLAIM_VALUE && !c->has_tolerance)
        err_at(r->e, r->map->where, "%s: nothing would decide it: give 'tolerance' with 'reported', or 'expect'",
               r->path);
    if (c->has_tolerance) {
        c->has_low = c->has_high = true;
        c->low = c->reported - c->tolerance;
        c->high = c->reported + c->tolerance;
    } else if (c->kind == CLAIM_COMPARE) {
        c->has_low = true;
        c->low = c->quantity.margin;
    }
}

static void read_kind(struct reading *r)
{
    const struct node *found[3];
    size_t n = 0;
    for (size_t k = 0; kinds[k]; k++)
        if ((found[k] = tree_child(r->map, kinds[k])) != NULL) {
            r->c->kind = (enum claim_kind)k;
            n++;
        }
    if (n != 1) {
        err_at(r->e, r->map->where, "%s: expected one of 'value', 'compare' and 'measure'%s", r->path,
               n ? ", found several" : "");
        return;
    }
    const struct node *what = found[r->c->kind];
    r->c->what = what->where;
    if (r->c->kind == CLAIM_MEASURE)
        (void)bind_value(what, &measure, &r->c->measure, r->path, r->s->arena, r->e); /* counted in e */
    else
        read_quantity(r, what, kinds[r->c->kind]);
}

/* The keys that a table can bind; the others are read by hand. */
static struct node *plain_keys(struct reading *r)
{
    static const char *const known[] = { "id",     "text",     "measure",   "value",     "compare",
                                         "expect", "reported", "tolerance", "min_seeds", "profile" };
    enum { N_KNOWN = sizeof known / sizeof known[0] };
    struct node *rest = node_collection(r->s->arena, r->map->where, NODE_MAP);
    for (size_t i = 0; i < r->map->n; i++) {
        const struct node *key = r->map->keys[i];
        bool is_known = false;
        for (size_t k = 0; k < N_KNOWN; k++)
            is_known = is_known || strcmp(key->text, known[k]) == 0;
        if (!is_known)
            err_at(r->e, key->where, "unknown key '%s' in %s%s", key->text, r->path,
                   bind_advice(key->text, known, N_KNOWN, r->s->arena));
        else if (option_find(claim_options, key->text))
            node_append(rest, r->map->keys[i], r->map->items[i], r->s->arena);
    }
    return rest;
}

static void read_claim(struct reading *r)
{
    char found[100];
    const struct node *n = r->map;
    struct study_claim *c = r->c;
    const size_t before = r->e->n_errors;
    if (n->kind != NODE_MAP) {
        err_at(r->e, n->where, "%s: expected a map, found %s", r->path, node_found(n, found));
        return;
    }
    struct node *rest = plain_keys(r);
    const bool slipped = r->e->n_errors > before;                        /* a misspelt 'measure' is told once */
    (void)bind_tree(rest, claim_options, c, r->path, r->s->arena, r->e); /* counted in e */
    c->has_profile = tree_child(n, "profile") != NULL;
    if (given(n, "min_seeds"))
        c->min_seeds_where = given(n, "min_seeds")->where;
    if (!slipped || tree_child(n, "measure") || tree_child(n, "value") || tree_child(n, "compare"))
        read_kind(r);
    if (given(n, "tolerance"))
        c->has_tolerance =
            bind_value(given(n, "tolerance"), &tolerance, &c->tolerance, r->path, r->s->arena, r->e) == 0;
    if (given(n, "reported"))
        read_reported(r, given(n, "reported"));
    if (r->e->n_errors == before || tree_child(n, "expect"))
        set_region(r);
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
        struct reading r = { s, c, list->items[i], arena_printf(s->arena, "claims.%zu", i), e };
        *c = (struct study_claim){ .where = list->items[i]->where, .path = r.path, .min_seeds = MIN_SEEDS };
        read_claim(&r);
        for (size_t j = 0; c->id && j < i; j++)
            if (s->claims[j].id && strcmp(c->id, s->claims[j].id) == 0) {
                err_at(e, c->where, "claims.%zu: the id '%s' is taken", i, c->id);
                err_note(e, s->claims[j].where, "by this claim");
            }
    }
}
