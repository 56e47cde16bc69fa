#include "run/cells.h"

#include "base/hash.h"
#include "run/price.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_SLOTS = 4096 };

struct leaf {
    const char *path, *text; /* text: NULL for a pure number */
    double number;
};
struct leaves {
    struct arena *arena;
    size_t n, capacity;
    struct leaf *items;
};

/* The first cell of a variant with these leaves: what differs from it is left out of the common configuration. Cells
 * that leave out the same, as most do, have the same one. */
struct cell_base {
    struct cell_base *next;
    const char *variant;
    struct leaves leaves;
    bool *left_out; /* of the last cell that differs in nothing else; NULL: there is none yet */
    struct cell_config *config;
};

int cells_open(struct plan_study *s, struct err *e)
{
    const uint64_t n = s->study.n_cells * s->study.n_variants; /* no overflow: study_count has looked */
    struct cells *c = calloc(1, sizeof *c);
    if (c)
        *c = (struct cells){ .n = (size_t)n,
                             .items = calloc((size_t)n + 1, sizeof *c->items),
                             .slots = calloc(N_SLOTS, sizeof *c->slots) };
    if (!c || !c->items || !c->slots) {
        if (c) {
            free(c->items);
            free(c->slots);
        }
        free(c);
        return err_set(e, ERR_MEMORY, "out of memory: %s has %llu cells", s->study.path, (unsigned long long)n);
    }
    arena_init(&c->arena, 0);
    s->cells = c;
    return 0;
}

void cells_close(struct plan_study *s)
{
    if (!s->cells)
        return;
    free(s->cells->slots);
    free(s->cells->items);
    arena_finish(&s->cells->arena);
    free(s->cells);
    s->cells = NULL;
}

static void add_coordinate(struct text *all, const struct coordinate *c)
{
    text_add(all, "%s%s=%s", all->n ? ", " : "", c->key, c->text);
}

static const char *keep(struct text *all, struct arena *a)
{
    const char *copy = all->n ? arena_strdup(a, all->s) : "";
    text_free(all);
    return copy;
}

const char *cells_text(const struct study_trial *t, struct arena *a)
{
    struct text all = { 0 };
    for (size_t k = 0; k < t->n_coordinates; k++)
        add_coordinate(&all, &t->coordinates[k]);
    return keep(&all, a);
}

const char *cells_tuning(const struct study *s, const struct study_trial *t, struct arena *a)
{
    struct text all = { 0 };
    if (!s->tune)
        return NULL;
    text_puts(&all, "tuned");
    for (size_t k = 0; k < t->n_coordinates; k++) {
        bool chosen = false;
        for (size_t i = 0; i < s->tune->n_keys; i++)
            chosen = chosen || !strcmp(s->tune->keys[i].key, t->coordinates[k].key);
        if (!chosen)
            add_coordinate(&all, &t->coordinates[k]);
    }
    return keep(&all, a);
}

/* ---- what a cell has in common with others ---- */

static void add_leaf(void *self, const char *path, const char *text, double number)
{
    struct leaves *l = self;
    if (l->n == l->capacity) {
        const size_t capacity = 2 * l->capacity + 64;
        struct leaf *grown = arena_need(l->arena, capacity, sizeof *grown);
        if (l->n)
            memcpy(grown, l->items, l->n * sizeof *grown);
        l->items = grown;
        l->capacity = capacity;
    }
    l->items[l->n++] =
        (struct leaf){ arena_strdup(l->arena, path), text ? arena_strdup(l->arena, text) : NULL, number };
}

static bool same_paths(const struct leaves *a, const struct leaves *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i].path, b->items[i].path) != 0)
            return false;
    return true;
}

static bool same_value(const struct leaf *a, const struct leaf *b)
{
    if (a->text || b->text)
        return a->text && b->text && !strcmp(a->text, b->text);
    return a->number == b->number || (isnan(a->number) && isnan(b->number));
}

static struct cell_base *find_base(struct cells *c, const struct study_trial *t, const struct config *config,
                                   const struct leaves *leaves)
{
    for (struct cell_base *b = c->bases; b; b = b->next)
        if (b->variant == t->variant && same_paths(&b->leaves, leaves))
            return b;
    struct cell_base *b = arena_need(&c->arena, 1, sizeof *b);
    *b = (struct cell_base){ .next = c->bases, .variant = t->variant, .leaves = { .arena = &c->arena } };
    bind_leaves(config_options, config, add_leaf, &b->leaves);
    c->bases = b;
    return b;
}

static bool is_swept(const struct study_trial *t, const char *path)
{
    for (size_t i = 0; i < t->n_coordinates; i++)
        if (!strcmp(t->coordinates[i].key, path))
            return true;
    return false;
}

/* A swept key that is no leaf of the bound configuration ("dataset.length", a group of a zip) is recorded beside the
 * leaves. */
static bool is_leaf(const struct leaves *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].path, path))
            return true;
    return false;
}

/* The parameters of the common configuration: without a value where trials have their own. */
static struct store_param *common_params(const struct leaves *l, const struct cell_base *base,
                                         const struct study_trial *t, const bool *own, size_t *n, struct arena *a)
{
    struct store_param *p = arena_need(a, l->n + t->n_coordinates, sizeof *p);
    for (size_t i = 0; i < l->n; i++)
        p[i] = own[i] ? (struct store_param){ .key = base->leaves.items[i].path, .number = (double)NAN }
                      : (struct store_param){ base->leaves.items[i].path, l->items[i].text, l->items[i].number, false };
    *n = l->n;
    for (size_t i = 0; i < t->n_coordinates; i++)
        if (!is_leaf(l, t->coordinates[i].key))
            p[(*n)++] = (struct store_param){ .key = t->coordinates[i].key, .number = (double)NAN };
    return p;
}

/* The kept configuration with this text and these parameters. */
static struct cell_config *intern(struct cells *c, const struct text *text, const struct store_param *params, size_t n)
{
    struct hash h;
    char sha256[65];
    hash_init(&h);
    hash_add_string(&h, text->s);
    for (size_t i = 0; i < n; i++)
        if (!params[i].text && isnan(params[i].number))
            hash_add_string(&h, params[i].key);
    hash_hex(&h, sha256);
    struct cell_config **slot = &c->slots[hash_crc32(0, sha256, 64) % N_SLOTS];
    for (struct cell_config *x = *slot; x; x = x->next)
        if (!strcmp(x->stored.sha256, sha256))
            return x;
    struct cell_config *x = arena_need(&c->arena, 1, sizeof *x);
    struct store_param *copy = arena_need(&c->arena, n, sizeof *copy);
    for (size_t i = 0; i < n; i++) { /* keys are kept already, by a base or by the study */
        copy[i] = params[i];
        copy[i].text = params[i].text ? arena_strdup(&c->arena, params[i].text) : NULL;
    }
    *x = (struct cell_config){ .stored = { .sha256 = arena_strdup(&c->arena, sha256),
                                           .text = arena_strdup(&c->arena, text->s),
                                           .n_params = n,
                                           .params = copy },
                               .next = *slot };
    return *slot = x;
}

/* What the trials of a cell have of their own, the seed first. */
static void keep_params(struct cells *c, struct cell *cell, const struct leaves *l, const struct cell_base *base,
                        const struct study_trial *t, const bool *own)
{
    size_t n = t->n_coordinates;
    for (size_t i = 0; i < l->n; i++)
        n += own[i];
    cell->params = arena_need(&c->arena, n, sizeof *cell->params);
    cell->n_params = 1;
    for (size_t i = 0; i < l->n; i++) {
        const struct leaf *x = &l->items[i];
        const char *path = base->leaves.items[i].path;
        if (own[i])
            cell->params[strcmp(path, "seed") ? cell->n_params++ : 0] =
                (struct store_param){ path, x->text ? arena_strdup(&c->arena, x->text) : NULL, x->number,
                                      is_swept(t, path) };
    }
    for (size_t i = 0; i < t->n_coordinates; i++) {
        const struct coordinate *x = &t->coordinates[i];
        if (!is_leaf(l, x->key))
            cell->params[cell->n_params++] =
                (struct store_param){ x->key, isnan(x->number) ? arena_strdup(&c->arena, x->text) : NULL, x->number,
                                      true };
    }
}

/* holes: the leaves that are to be left out, and after it those that are: a list of values is never. own gets them too.
 */
static struct cell_config *common_config(struct cells *c, const struct config *config, const struct study_trial *t,
                                         const struct leaves *l, struct cell_base *base, bool *own, bool *holes,
                                         struct arena *scratch)
{
    const size_t bytes = l->n * sizeof *holes;
    if (base->left_out && memcmp(base->left_out, holes, bytes) == 0) {
        for (size_t k = 0; k < l->n; k++)
            own[k] |= holes[k];
        return base->config;
    }
    struct text text = { 0 };
    size_t n_common;
    bool *asked = arena_need(scratch, l->n, sizeof *asked);
    memcpy(asked, holes, bytes);
    bind_json_holes(config_options, config, holes, &text);
    for (size_t k = 0; k < l->n; k++)
        own[k] |= holes[k];
    const struct store_param *common = common_params(l, base, t, own, &n_common, scratch);
    struct cell_config *found = intern(c, &text, common, n_common);
    text_free(&text);
    if (memcmp(asked, holes, bytes) == 0) {
        if (!base->left_out)
            base->left_out = arena_need(&c->arena, l->n, sizeof *holes);
        memcpy(base->left_out, holes, bytes);
        base->config = found;
    }
    return found;
}

/* One-offs are those of the seeds that are asked for; of a specification all belong to the study. */
static bool is_left_out(const struct plan_study *s, size_t seed)
{
    return s->one_off && s->study.asked && !s->study.asked[seed];
}

void cells_keep(struct plan_study *s, uint64_t i, const struct study_trial *t, struct config *config, const char *key,
                const struct trial_size *size, struct arena *scratch)
{
    struct cells *c = s->cells;
    struct cell *cell = &c->items[i];
    struct leaves leaves = { .arena = scratch };
    config->seed = s->study.seeds[0];
    bind_leaves(config_options, config, add_leaf, &leaves);
    struct cell_base *base = find_base(c, t, config, &leaves);
    bool *own = arena_need(scratch, leaves.n, sizeof *own), *holes = arena_need(scratch, leaves.n, sizeof *holes);
    for (size_t k = 0; k < leaves.n; k++) {
        const char *path = leaves.items[k].path;
        own[k] = is_swept(t, path);
        holes[k] = own[k] || !strcmp(path, "seed") || !same_value(&leaves.items[k], &base->leaves.items[k]);
    }
    struct cell_config *stored = common_config(c, config, t, &leaves, base, own, holes, scratch);
    *cell = (struct cell){ .config = stored,
                           .text = cells_text(t, &c->arena),
                           .tuning = cells_tuning(&s->study, t, &c->arena),
                           .budget = size->iterations,
                           .operations = price_operations(config, size),
                           .memory_bytes = size->memory_bytes + PRICE_WORKER_BYTES,
                           .keys = arena_need(&c->arena, s->study.n_seeds, sizeof *cell->keys) };
    keep_params(c, cell, &leaves, base, t, own);
    for (size_t k = 0; k < s->study.n_seeds; k++)
        if (!study_excludes_seed(&s->study, t, k) && !is_left_out(s, k)) {
            config->seed = s->study.seeds[k];
            if (k == 0)
                memcpy(cell->keys[k], key, sizeof cell->keys[k]);
            else
                config_key(config, cell->keys[k]);
        }
}

/* ---- whether a study was queued before ---- */

void cells_begin_fingerprint(struct plan_study *s, const char *code)
{
    struct hash h;
    struct text text = { 0 };
    study_identity(&s->study, &text);
    hash_init(&h);
    hash_add_string(&h, code);
    hash_add_string(&h, text.s);
    hash_hex(&h, s->sha256);
    text_free(&text);
}

void cells_fingerprint(struct plan_study *s, const struct config *c, int64_t budget)
{
    struct hash h;
    struct text text = { 0 };
    config_json(c, &text);
    hash_init(&h);
    hash_add_string(&h, s->sha256);
    hash_add_string(&h, text.s);
    hash_add_int(&h, budget);
    hash_hex(&h, s->sha256);
    text_free(&text);
}

void cells_end_fingerprint(struct plan_study *s)
{
    struct hash h;
    bool all = true;
    hash_init(&h);
    hash_add_string(&h, s->sha256);
    for (size_t v = 0; v < s->study.n_variants; v++) {
        hash_add_int(&h, s->wanted[v]);
        all = all && s->wanted[v];
    }
    for (size_t k = 0; s->study.asked && k < s->study.n_seeds; k++) {
        hash_add_int(&h, s->study.asked[k]);
        all = all && s->study.asked[k];
    }
    hash_hex(&h, s->asked_sha256);
    if (all)
        memcpy(s->asked_sha256, s->sha256, sizeof s->asked_sha256);
}
