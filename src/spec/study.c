#include "spec/study.h"
#include "spec/bind.h"
#include "spec/claims.h"
#include "spec/compose.h"
#include "spec/figures.h"
#include "spec/labels.h"
#include "spec/seeds.h"
#include "spec/sweep.h"
#include "spec/targets.h"
#include "spec/tune.h"
#include <string.h>

enum { VERSION = 1, MAX_NAME = 100 };

struct head {
    int64_t version;
    const char *experiment, *title, *description;
    struct {
        const char *paper, *locator;
    } source;
};

static const struct option source_options[] = {
    { "paper", OPT_TEXT, offsetof(struct head, source.paper) - offsetof(struct head, source), .flags = OPTION_NULLABLE,
      .help = "key of the paper, as in docs/papers" },
    { "locator", OPT_TEXT, offsetof(struct head, source.locator) - offsetof(struct head, source),
      .flags = OPTION_NULLABLE, .help = "figure, table or equation" },
    { 0 }
};

static const struct option head_options[] = {
    { "version", OPT_INT, offsetof(struct head, version), .flags = OPTION_REQUIRED,
      .help = "version of this format: 1" },
    { "experiment", OPT_TEXT, offsetof(struct head, experiment), .flags = OPTION_REQUIRED,
      .help = "name of the study in the database: a-z, 0-9 and _" },
    { "title", OPT_TEXT, offsetof(struct head, title), .flags = OPTION_NULLABLE, .help = "one line for people" },
    { "description", OPT_TEXT, offsetof(struct head, description), .flags = OPTION_NULLABLE,
      .help = "more than one line for people" },
    { "source", OPT_MAP, offsetof(struct head, source), .table = source_options, .help = "what the study reproduces" },
    { 0 }
};

static void read_head(struct study *s, const struct node *root, struct err *e)
{
    struct head head = { 0 };
    struct node *own = node_collection(s->arena, root->where, NODE_MAP);
    for (size_t i = 0; i < root->n; i++)
        for (const struct option *o = head_options; o->type != OPT_END; o++)
            if (strcmp(o->name, root->keys[i]->text) == 0)
                node_append(own, root->keys[i], root->items[i], s->arena);
    (void)bind_tree(own, head_options, &head, "", s->arena, e); /* counted in e */
    const struct node *version = tree_child(root, "version");
    if (version && head.version != 0 && head.version != VERSION)
        err_at(e, version->where, "version: %lld is not known; this program reads version %d", (long long)head.version,
               VERSION);
    const char *name = head.experiment;
    if (name && (!*name || strlen(name) > MAX_NAME || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")]))
        err_at(e, tree_child(root, "experiment")->where,
               "experiment: '%s' is no name for a study; use a-z, 0-9 and _, at most %d of them", name, MAX_NAME);
    s->name = name;
    s->title = head.title;
    s->paper = head.source.paper;
    s->locator = head.source.locator;
}

/* Whether it is a partial file at all. */
static bool check_variant(const struct node *key, const struct node *variant, struct err *e)
{
    char found[100];
    if (key->length > MAX_NAME ||
        key->text[strspn(key->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
        err_at(e, key->where,
               "variants: '%s' is no name for a variant; use letters, digits, _ and -, at most %d of them", key->text,
               MAX_NAME);
    if (variant->kind != NODE_MAP)
        err_at(e, variant->where, "variants.%s: expected a partial file, found %s", key->text,
               node_found(variant, found));
    for (size_t i = 0; variant->kind == NODE_MAP && i < variant->n; i++)
        if (compose_is_study_key(variant->keys[i]->text))
            err_at(e, variant->keys[i]->where, "variants.%s: '%s' belongs to the study, not to a variant of its trials",
                   key->text, variant->keys[i]->text);
    return variant->kind == NODE_MAP;
}

static struct node *without_study_keys(const struct node *map, struct arena *a)
{
    struct node *rest = node_collection(a, map->where, NODE_MAP);
    for (size_t i = 0; i < map->n; i++)
        if (!compose_is_study_key(map->keys[i]->text))
            node_append(rest, map->keys[i], map->items[i], a);
    return rest;
}

static void read_variants(struct study *s, const struct node *n, struct err *e)
{
    char found[100];
    const size_t count = n && n->kind == NODE_MAP && n->n > 0 ? n->n : 1;
    if (n && n->kind != NODE_MAP) {
        err_at(e, n->where, "variants: expected a map of partial files, found %s", node_found(n, found));
        return;
    }
    s->variants = arena_need(s->arena, count, sizeof *s->variants);
    s->variant_trees = arena_need(s->arena, count, sizeof *s->variant_trees);
    if (!n || n->n == 0) {
        s->variants[s->n_variants] = "base";
        s->variant_trees[s->n_variants++] = s->base;
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        if (check_variant(n->keys[i], n->items[i], e)) {
            s->variants[s->n_variants] = n->keys[i]->text;
            s->variant_trees[s->n_variants++] =
                tree_overlay_partial(s->base, without_study_keys(n->items[i], s->arena), s->arena, e);
        }
}

/* Whether a sweep is given by a profile, of which a run may choose another, or by the command line. */
static bool sweeps_elsewhere(const struct node *profiles, const char *const *overrides, size_t n_overrides)
{
    const size_t n = strlen("sweep");
    for (size_t i = 0; i < n_overrides; i++)
        if (!strncmp(overrides[i], "sweep", n) && (overrides[i][n] == '.' || overrides[i][n] == '='))
            return true;
    for (size_t i = 0; profiles && i < profiles->n; i++)
        if (profiles->items[i]->kind == NODE_MAP && tree_child(profiles->items[i], "sweep"))
            return true;
    return false;
}

/* Every mistake that is not a trial's: each reader goes on after one. */
static int open_file(struct study *s, struct node *file, const char *path, const char *profile,
                     const char *const *overrides, size_t n_overrides, struct err *e)
{
    const size_t before = e->n_errors;
    struct composition c;
    (void)compose(&c, file, path, profile, overrides, n_overrides, s->arena, e); /* counted in e */
    if (!c.root)
        return ERR_SPEC;
    s->file = file;
    s->profiles = c.profiles && c.profiles->kind == NODE_MAP ? c.profiles : NULL;
    s->sweeps_elsewhere = sweeps_elsewhere(s->profiles, overrides, n_overrides);
    s->base = c.base;
    s->overrides = c.overrides;
    s->refers = c.refers;
    read_head(s, c.root, e);
    struct seeds seeds = seeds_read(tree_child(c.spec, "seeds"), "", s->arena, e);
    s->n_spec_seeds = seeds.n;
    s->spec_seeds = seeds.items;
    if (c.spec != c.root)
        seeds = seeds_read(tree_child(c.root, "seeds"), "", s->arena, e);
    s->n_seeds = seeds.n;
    s->seeds = seeds.items;
    if (profile) {
        struct err ignored = { 0 }; /* of what the profile may replace */
        seeds = seeds_read(c.file_seeds, "", s->arena, &ignored);
        s->n_file_seeds = seeds.n;
        s->file_seeds = seeds.items;
        err_clear(&ignored);
    }
    read_variants(s, tree_child(c.root, "variants"), e);
    claims_read(s, tree_child(c.root, "claims"), e);
    figures_read(s, tree_child(c.root, "figures"), e);
    targets_read(s, tree_child(c.root, "targets"), e);
    const struct node *sweep = tree_child(c.root, "sweep");
    const struct where where = sweep ? tree_key(c.root, "sweep")->where : c.root->where;
    (void)sweep_open(s, sweep, where, c.root, e);
    (void)sweep_check_overrides(s, e);
    labels_read(s, tree_child(c.root, "labels"), e);
    tune_read(s, tree_child(c.root, "tune"), e);
    tree_json(c.spec, &s->text);
    return e->n_errors == before ? 0 : ERR_SPEC;
}

int study_open(struct study *s, const char *path, const char *profile, const char *const *overrides, size_t n_overrides,
               struct arena *a, struct err *e)
{
    *s = (struct study){ .arena = a, .path = arena_strdup(a, path), .profile = profile };
    struct node *file = tree_read(s->path, a, e);
    return file ? open_file(s, file, s->path, profile, overrides, n_overrides, e) : ERR_SPEC;
}

int study_parse(struct study *s, const char *name, const char *text, size_t n, const char *profile,
                const char *const *overrides, size_t n_overrides, struct arena *a, struct err *e)
{
    *s = (struct study){ .arena = a, .path = name, .profile = profile, .in_memory = true };
    struct node *file = tree_parse(name, text, n, a, e);
    return file ? open_file(s, file, NULL, profile, overrides, n_overrides, e) : ERR_SPEC;
}

int study_open_again(struct study *other, const struct study *s, const char *profile, const char *const *overrides,
                     size_t n_overrides, struct err *e)
{
    *other = (struct study){ .arena = s->arena, .path = s->path, .profile = profile, .in_memory = s->in_memory };
    return open_file(other, s->file, s->in_memory ? NULL : s->path, profile, overrides, n_overrides, e);
}

bool study_same_sweep(const struct study *a, const struct study *b)
{
    const struct node *x = tree_child(a->sweep->root, "sweep"), *y = tree_child(b->sweep->root, "sweep");
    struct text s = { 0 }, t = { 0 };
    if (x)
        tree_json(x, &s);
    if (y)
        tree_json(y, &t);
    const bool same = !x || !y ? x == y : strcmp(s.s, t.s) == 0;
    text_free(&s);
    text_free(&t);
    return same;
}

bool study_is_readable(const struct study *s)
{
    return s->sweep && s->n_variants > 0 && s->n_seeds > 0 && !s->sweep->incomplete;
}

void study_widen(struct study *s)
{
    if (s->seeds == s->spec_seeds)
        return;
    const int64_t *asked = s->seeds;
    const size_t n_asked = s->n_seeds;
    int64_t *all = arena_need(s->arena, s->n_spec_seeds + n_asked, sizeof *all);
    size_t n = s->n_spec_seeds;
    memcpy(all, s->spec_seeds, n * sizeof *all);
    for (size_t i = 0; i < n_asked; i++)
        if (!seeds_have(s->spec_seeds, s->n_spec_seeds, asked[i]))
            all[n++] = asked[i];
    s->asked = arena_need(s->arena, n, sizeof *s->asked);
    for (size_t i = 0; i < n; i++)
        s->asked[i] = seeds_have(asked, n_asked, all[i]);
    s->seeds = all;
    s->n_seeds = n;
}

void study_close(struct study *s)
{
    text_free(&s->text);
}

void study_identity(const struct study *s, struct text *out)
{
    text_add(out, "%s\n", s->text.s);
    for (size_t i = 0; i < s->n_variants; i++) {
        text_add(out, "%s: ", s->variants[i]);
        tree_json(s->variant_trees[i], out);
        text_putc(out, '\n');
    }
    if (s->overrides)
        tree_json(s->overrides, out);
    for (size_t i = 0; i < s->n_seeds; i++)
        text_add(out, " %lld", (long long)s->seeds[i]);
    const struct node *root = s->sweep->root;
    for (size_t i = 0; i < root->n; i++) /* of these the command line may have others */
        if (!strcmp(root->keys[i]->text, "sweep") || !strncmp(root->keys[i]->text, "x-", 2))
            tree_json(root->items[i], out);
    for (size_t i = 0; i < s->sweep->n_axes; i++) /* trees say nothing of the order of their keys */
        text_add(out, "\n%s", s->sweep->axes[i].key);
}

int study_count(const struct study *s, uint64_t limit, uint64_t *n, struct err *e)
{
    uint64_t count = 0;
    const bool overflow = s->sweep->overflow || __builtin_mul_overflow(s->n_cells, (uint64_t)s->n_variants, &count) ||
                          __builtin_mul_overflow(count, (uint64_t)s->n_seeds, &count);
    *n = overflow ? UINT64_MAX : count;
    if (!overflow && (limit == 0 || count <= limit))
        return 0;
    uint64_t searched = 0;
    if (!overflow && cell_count_kept(s, limit, &searched) <= limit)
        return 0;
    struct text t = { 0 };
    if (overflow)
        text_puts(&t, "more than 1.8e19 trials:");
    else
        text_add(&t, "%llu trials:", (unsigned long long)count);
    for (size_t i = 0; i < s->sweep->n_dimensions; i++)
        text_add(&t, "%s%llu (%s)", i ? " x " : " ", (unsigned long long)s->sweep->dimensions[i].n,
                 s->sweep->dimensions[i].name);
    if (s->n_variants > 1)
        text_add(&t, " x %zu variants", s->n_variants);
    if (s->n_seeds > 1)
        text_add(&t, " x %zu seeds", s->n_seeds);
    if (overflow)
        text_puts(&t, "; they cannot even be numbered");
    else if (searched > CELL_MAX_SEARCHED)
        text_add(&t, " before exclusions; so many cells are not looked through to see what remains: if it is meant, "
                     "confirm it with --yes");
    else if (searched > 0)
        text_add(&t, " before exclusions; more than %llu remain, which must be confirmed with --yes",
                 (unsigned long long)limit);
    else
        text_add(&t, "; more than %llu must be confirmed with --yes", (unsigned long long)limit);
    const int code = err_at(e, s->sweep->where, "%s", t.s);
    text_free(&t);
    return code;
}
