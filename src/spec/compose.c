#include "spec/compose.h"
#include "spec/bind.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 8 }; /* in a chain of `extends` */

static const char *const study_keys[] = { "version", "experiment", "title",   "description", "source",
                                          "seeds",   "variants",   "sweep",   "claims",      "profiles",
                                          "extends", "figures",    "targets", "tune",        "labels" };
enum { N_STUDY_KEYS = sizeof study_keys / sizeof *study_keys };

bool compose_is_study_key(const char *key)
{
    for (size_t i = 0; i < N_STUDY_KEYS; i++)
        if (strcmp(study_keys[i], key) == 0)
            return true;
    return strncmp(key, "x-", 2) == 0;
}

bool compose_changes_trials(const char *assignment)
{
    char key[16];
    const size_t n = strcspn(assignment, ".=");
    if (n >= sizeof key)
        return strncmp(assignment, "x-", 2) != 0;
    memcpy(key, assignment, n);
    key[n] = '\0';
    return !compose_is_study_key(key) || strcmp(key, "variants") == 0 || strcmp(key, "sweep") == 0 ||
           strcmp(key, "seeds") == 0;
}

size_t compose_study_keys(const char **names, size_t max)
{
    size_t n = 0;
    while (n < max && n < N_STUDY_KEYS) {
        names[n] = study_keys[n];
        n++;
    }
    return n;
}

bool compose_gives_key(const char *key)
{
    return strcmp(key, "experiment") == 0 || strcmp(key, "variant") == 0 || strcmp(key, "seed") == 0;
}

static struct node *empty_map(struct where where, struct arena *a)
{
    return node_collection(a, where, NODE_MAP);
}

static struct node *copy_without(const struct node *map, const char *key, struct arena *a)
{
    struct node *copy = empty_map(map->where, a);
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) != 0)
            node_append(copy, map->keys[i], map->items[i], a);
    return copy;
}

/* A null that removes nothing is a slip: of the name, or `plain:` was meant as {}. kind: "variants", "profiles". */
static void report_null_entry(const char *kind, const struct node *base, const struct node *key, struct arena *a,
                              struct err *e)
{
    const size_t n = base && base->kind == NODE_MAP ? base->n : 0;
    const char **names = arena_need(a, n, sizeof *names);
    const int length = (int)strlen(kind) - 1; /* "variant" */
    for (size_t i = 0; i < n; i++)
        names[i] = base->keys[i]->text;
    if (n > 0)
        err_at(e, key->where, "%s.%s: null removes a %.*s, but there is none of this name%s", kind, key->text, length,
               kind, bind_advice(key->text, names, n, a));
    else
        err_at(e, key->where,
               "%s.%s: null removes a %.*s, but there is none to remove; write '%s: {}' for one without changes", kind,
               key->text, length, kind, key->text);
}

/* Entries of `variants` or `profiles`: null removes an entry, but a null inside of one waits for what the entry is laid
 * on. */
static struct node *lay_entries(const char *kind, const struct node *base, const struct node *over,
                                const struct source *source, struct arena *a, struct err *e)
{
    struct node *map = empty_map(over->where, a);
    for (size_t i = 0; base && base->kind == NODE_MAP && i < base->n; i++)
        if (!tree_child(over, base->keys[i]->text))
            node_append(map, base->keys[i], base->items[i], a);
    for (size_t i = 0; i < over->n; i++) {
        struct node *item = over->items[i];
        const struct node *below = base ? tree_child(base, over->keys[i]->text) : NULL;
        if (item->kind == NODE_MAP)
            item = tree_overlay_partial(below ? below : empty_map(item->where, a), item, a, e);
        if (!node_is_null(item))
            node_append(map, over->keys[i], item, a);
        else if (!below && (!source || over->keys[i]->where.source == source))
            report_null_entry(kind, base, over->keys[i], a, e);
    }
    return map;
}

/* A file, a profile or an assignment of the command line laid on a file. source: of whose lines nulls that remove
 * nothing are told; NULL: of all. */
static struct node *lay_file(const struct node *base, const struct node *over, const struct source *source,
                             struct arena *a, struct err *e)
{
    struct node *plain = empty_map(over->where, a), *entries = empty_map(over->where, a);
    for (size_t i = 0; i < over->n; i++) {
        const char *key = over->keys[i]->text;
        const bool holds_partial_files = strcmp(key, "variants") == 0 || strcmp(key, "profiles") == 0;
        node_append(holds_partial_files && over->items[i]->kind == NODE_MAP ? entries : plain, over->keys[i],
                    over->items[i], a);
    }
    struct node *root = tree_overlay_partial(base, plain, a, e);
    for (size_t i = 0; i < entries->n; i++) {
        const char *key = entries->keys[i]->text;
        struct node *item = lay_entries(key, tree_child(base, key), entries->items[i], source, a, e);
        root = copy_without(root, key, a);
        node_append(root, entries->keys[i], item, a);
    }
    return root;
}

/* Whether the real place of a file is not below the real place of the folder: a symbolic link on the way. What cannot
 * be resolved cannot be read either, and reading it tells why. */
static bool leads_out(const char *folder, const char *path)
{
    char *real = realpath(path, NULL), *real_folder = real ? realpath(folder, NULL) : NULL;
    const size_t n = real_folder ? strlen(real_folder) : 0;
    const bool out = real_folder && n > 1 && (strncmp(real, real_folder, n) != 0 || real[n] != '/');
    free(real);
    free(real_folder);
    return out;
}

/* The path that `extends: name` means in a file at `path`, or NULL after an error. A file must not reach out of its
 * folder: it may come from somebody else. */
static const char *extended_path(const struct node *name, const char *path, struct arena *a, struct err *e)
{
    if (!node_is_text(name)) {
        char found[100];
        err_at(e, name->where, "extends: expected the name of a file, found %s", node_found(name, found));
        return NULL;
    }
    if (!path || strcmp(path, "-") == 0) {
        err_at(e, name->where, "extends: only a file can extend another file");
        return NULL;
    }
    const char *s = name->text;
    bool climbs = s[0] == '/' || strcmp(s, "-") == 0;
    for (const char *p = s; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        climbs = climbs || (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'));
    if (climbs) {
        err_at(e, name->where, "extends: '%s' must be a file beside this one or in a folder below it", s);
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    const char *target = arena_printf(a, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, s);
    if (leads_out(slash ? arena_printf(a, "%.*s", (int)(slash - path + 1), path) : ".", target)) {
        err_at(e, name->where,
               "extends: '%s' is or goes through a symbolic link that leads out of the folder of this file", s);
        return NULL;
    }
    return target;
}

/* The file with all it extends below. */
static struct node *extend(struct node *file, const char *path, struct arena *a, struct err *e)
{
    struct node *files[MAX_FILES];
    size_t n = 0;
    for (struct node *f = file;;) {
        if (f->kind != NODE_MAP) {
            char found[100];
            err_at(e, f->where, "an experiment file is a map of keys, not %s", node_found(f, found));
            return NULL;
        }
        const struct node *name = tree_child(f, "extends");
        files[n++] = copy_without(f, "extends", a);
        if (!name || node_is_null(name))
            break;
        if (n == MAX_FILES) {
            err_at(e, name->where, "extends: more than %d files in a chain, or a cycle", MAX_FILES);
            return NULL;
        }
        path = extended_path(name, path, a, e);
        f = path ? tree_read(path, a, e) : NULL;
        if (!f) {
            if (path)
                err_note(e, name->where, "it is extended here");
            return NULL;
        }
    }
    struct node *root = empty_map(file->where, a);
    while (n-- > 0)
        root = lay_file(root, files[n], NULL, a, e);
    return root;
}

static void check_profiles(const struct node *profiles, struct err *e)
{
    char found[100];
    if (profiles->kind != NODE_MAP) {
        err_at(e, profiles->where, "profiles: expected a map of partial files, found %s", node_found(profiles, found));
        return;
    }
    for (size_t i = 0; i < profiles->n; i++) {
        const struct node *p = profiles->items[i];
        if (p->kind != NODE_MAP)
            err_at(e, p->where, "profiles.%s: expected a partial file, found %s", profiles->keys[i]->text,
                   node_found(p, found));
        for (size_t j = 0; p->kind == NODE_MAP && j < p->n; j++)
            if (strcmp(p->keys[j]->text, "extends") == 0 || strcmp(p->keys[j]->text, "profiles") == 0)
                err_at(e, p->keys[j]->where, "profiles.%s: a profile cannot contain '%s'", profiles->keys[i]->text,
                       p->keys[j]->text);
    }
}

static struct node *apply_profile(struct node *root, const char *profile, struct arena *a, struct err *e)
{
    const struct node *profiles = tree_child(root, "profiles");
    if (profiles)
        check_profiles(profiles, e);
    struct node *plain = copy_without(root, "profiles", a);
    if (!profile)
        return plain;
    if (!profiles || profiles->kind != NODE_MAP || profiles->n == 0) {
        err_at(e, (struct where){ .source = root->where.source }, "unknown profile '%s': the file has no profiles",
               profile);
        return plain;
    }
    const struct node *over = tree_child(profiles, profile);
    if (over) /* one of a file that is extended may be about what this file has no more */
        return over->kind == NODE_MAP ? lay_file(plain, over, root->where.source, a, e) : plain;
    const char **names = arena_need(a, profiles->n, sizeof *names);
    struct text list = { 0 };
    for (size_t i = 0; i < profiles->n; i++) {
        names[i] = profiles->keys[i]->text;
        text_add(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = err_nearest(profile, names, profiles->n);
    if (nearest)
        err_at(e, tree_key(root, "profiles")->where, "unknown profile '%s'; did you mean '%s'?", profile, nearest);
    else
        err_at(e, tree_key(root, "profiles")->where, "unknown profile '%s'; known: %s", profile, list.s);
    text_free(&list);
    return plain;
}

/* Variants that are not there, of which an override would make new ones. True if there are any. */
static bool adds_variants(const struct composition *c, const struct node *over, struct arena *a, struct err *e)
{
    const struct node *asked = tree_child(over, "variants"), *known = tree_child(c->root, "variants");
    const size_t before = e->n_errors, n = known && known->kind == NODE_MAP ? known->n : 0;
    const char **names = arena_need(a, n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = known->keys[i]->text;
    for (size_t i = 0; asked && asked->kind == NODE_MAP && i < asked->n; i++)
        if (n == 0 || !tree_child(known, asked->keys[i]->text))
            err_at(e, asked->keys[i]->where, "the file has no variant '%s' that could be changed%s",
                   asked->keys[i]->text, n ? bind_advice(asked->keys[i]->text, names, n, a) : "");
    return e->n_errors > before;
}

/* A key of the study changes the composed file, a key of a trial waits for the trial. */
static void apply_override(struct composition *c, const char *assignment, struct arena *a, struct err *e)
{
    struct node *over = tree_override(assignment, a, e);
    if (!over)
        return;
    const char *key = over->keys[0]->text;
    if (strcmp(key, "extends") == 0 || strcmp(key, "profiles") == 0) {
        err_at(e, over->keys[0]->where, "'%s' cannot be set on the command line%s", key,
               strcmp(key, "profiles") == 0 ? "; choose one with --profile" : "");
    } else if (strcmp(key, "tune") == 0 && !node_is_null(over->items[0])) {
        err_at(e, over->keys[0]->where,
               "'tune' cannot be set on the command line, where it would choose nothing: change the file, or leave it "
               "out with tune=null");
    } else if (compose_is_study_key(key)) {
        if (adds_variants(c, over, a, e))
            return;
        const bool renames = strcmp(key, "experiment") == 0; /* a study of its own, with the file's specification */
        c->root = lay_file(c->root, over, NULL, a, e);
        c->spec = renames ? lay_file(c->spec, over, NULL, a, e) : c->spec;
    } else {
        const char *path = arena_strndup(a, assignment, strcspn(assignment, "="));
        (void)tree_put(&c->overrides, path, over->keys[0]->where, tree_find(over, path), a, e); /* its error is in e */
    }
}

/* The study with `${}` resolved in study keys; its trial part is added to base, unless that is NULL. */
static struct node *resolve(struct node *const original, struct node *base, struct where where, struct arena *a,
                            struct err *e)
{
    /* A variant's references are resolved in each trial, where the variant's own values count. */
    struct node *root = empty_map(where, a);
    for (size_t i = 0; i < original->n; i++) {
        struct node *key = original->keys[i], *item = original->items[i];
        if (!compose_is_study_key(key->text)) {
            if (base)
                node_append(base, key, item, a); /* keeps a null that removed nothing: its key may be a slip */
        } else if (node_is_null(item)) {
            continue;
        } else if (strcmp(key->text, "variants") != 0 && strncmp(key->text, "x-", 2) != 0) {
            item = interpolate(item, &original, 1, a, e);
        }
        if (item)
            node_append(root, key, item, a);
    }
    return root;
}

/* The recursion ends with the depth of the tree. */
static bool refers(const struct node *n)
{
    bool found = n->kind == NODE_SCALAR && strstr(n->text, "${");
    for (size_t i = 0; i < n->n && !found; i++)
        found = refers(n->items[i]);
    return found;
}

static const struct node *file_seeds(struct node *whole, struct arena *a)
{
    struct err ignored = { 0 }; /* of what a profile may replace */
    struct node *seeds = tree_child(whole, "seeds");
    seeds = seeds ? interpolate(seeds, &whole, 1, a, &ignored) : NULL;
    err_clear(&ignored);
    return seeds && !node_is_null(seeds) ? seeds : NULL;
}

int compose(struct composition *c, struct node *file, const char *path, const char *profile,
            const char *const *overrides, size_t n_overrides, struct arena *a, struct err *e)
{
    *c = (struct composition){ 0 };
    const size_t before = e->n_errors;
    struct node *whole = extend(file, path, a, e);
    if (!whole)
        return ERR_SPEC;
    c->profiles = tree_child(whole, "profiles");
    c->file_seeds = file_seeds(whole, a);
    c->spec = c->root = apply_profile(whole, profile, a, e);
    for (size_t i = 0; i < n_overrides; i++)
        apply_override(c, overrides[i], a, e);
    struct node *const asked = c->root, *const spec = c->spec;
    c->refers = refers(asked) || (c->overrides && refers(c->overrides));
    c->base = empty_map(file->where, a);
    c->spec = c->root = resolve(asked, c->base, file->where, a, e);
    if (asked != spec && e->n_errors == before)
        c->spec = resolve(spec, NULL, file->where, a, e);
    return e->n_errors == before ? 0 : ERR_SPEC;
}
