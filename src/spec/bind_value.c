/* Options of one value, or of a list of them: numbers with their range, words of a list. */
#include "spec/binder.h"
#include "spec/compose.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *bind_path(struct binder *b, const char *path, const char *name)
{
    if (!path || !*path)
        return name;
    const size_t n = strlen(path), m = strlen(name); /* made for every option of every trial: printf would show */
    char *joined = arena_need(b->arena, n + m + 2, 1);
    memcpy(joined, path, n);
    joined[n] = '.';
    memcpy(joined + n + 1, name, m);
    return joined;
}

/* " (its character 2 is U+0430, not of ASCII)": text that was pasted may look like a known name. "" if it is ASCII. */
static const char *foreign_letter(const char *word, struct arena *a)
{
    for (size_t i = 1; *word; i++) {
        const unsigned char *u = (const unsigned char *)word;
        const size_t length = text_utf8_length(word, strlen(word));
        unsigned code = u[0] & (length > 1 ? 0xFFu >> (length + 1) : 0x7Fu);
        for (size_t k = 1; k < length; k++)
            code = code << 6 | (u[k] & 0x3Fu);
        if (length > 1)
            return arena_printf(a, " (its character %zu is U+%04X, which is not ASCII%s)", i, code,
                                code == 0xA0 ? " but a no-break space" : "");
        word += length ? length : 1;
    }
    return "";
}

const char *bind_advice(const char *word, const char *const *known, size_t n, struct arena *a)
{
    const char *nearest = err_nearest(word, known, n), *foreign = foreign_letter(word, a);
    if (nearest)
        return arena_printf(a, "%s; did you mean '%s'?", foreign, nearest);
    struct text t = { 0 };
    for (size_t i = 0; i < n; i++)
        text_add(&t, "%s%s", i ? ", " : "; known: ", known[i]);
    const char *copy = arena_printf(a, "%s%s", foreign, t.s ? t.s : "");
    text_free(&t);
    return copy;
}

const char *advise(struct binder *b, const char *word, const char *const *known, size_t n)
{
    return bind_advice(word, known, n, b->arena);
}

/* What is meant by KEY=1,2 on the command line. */
static const char *list_advice(struct binder *b, const struct node *n, const char *path)
{
    if (n->kind != NODE_SCALAR || n->quoted || !n->where.source || !strchr(n->text, ',') ||
        strcmp(n->where.source->name, "command line") != 0)
        return "";
    if (strcmp(path, "seeds") == 0)
        return arena_printf(b->arena, "; several are a list: seeds=[%s]", n->text);
    if (compose_is_study_key(arena_strndup(b->arena, path, strcspn(path, "."))))
        return "";
    return arena_printf(b->arena, "; several values are a sweep: sweep.grid.%s=[%s]", path, n->text);
}

int bind_expected(struct binder *b, const struct node *n, const char *path, const char *what)
{
    char found[100];
    return err_at(b->e, n->where, "%s: expected %s, found %s%s", path, what, node_found(n, found),
                  list_advice(b, n, path));
}

/* An upper bound of 1e300 says "finite"; both bounds 0 say nothing, but OPTION_ABOVE_MIN with them says "> 0". */
static bool has_min(const struct option *o)
{
    return o->min != 0 || o->max != 0 || (o->flags & OPTION_ABOVE_MIN);
}

static bool has_max(const struct option *o)
{
    return o->max > o->min;
}

static bool in_range(const struct option *o, double value)
{
    if (has_min(o) && !(o->flags & OPTION_ABOVE_MIN ? value > o->min : value >= o->min))
        return false;
    return !has_max(o) || value <= o->max;
}

static int out_of_range(struct binder *b, const struct node *n, const struct option *o, const char *path)
{
    struct text t = { 0 };
    text_add(&t, "%s: %s is out of range; expected %s", path, n->text,
             o->type == OPT_INT || (o->flags & OPTION_WHOLE) ? "an integer" : "a number");
    if (has_min(o)) {
        text_puts(&t, o->flags & OPTION_ABOVE_MIN ? " > " : " >= ");
        text_json_number(&t, o->min);
    }
    if (has_max(o) && o->max < 1e300) {
        text_puts(&t, has_min(o) ? " and <= " : " <= ");
        text_json_number(&t, o->max);
    }
    if (o->type == OPT_INT && o->names)
        text_add(&t, ", or %s", o->names[0]);
    const int code = err_at(b->e, n->where, "%s", t.s);
    text_free(&t);
    return code;
}

int bind_int(struct binder *b, const struct node *n, const struct option *o, int64_t *out, const char *path)
{
    int64_t value;
    double real;
    if (o->names && n->kind == NODE_SCALAR && strcmp(n->text, o->names[0]) == 0) {
        *out = (int64_t)o->min - 1;
        return 0;
    }
    if (n->kind != NODE_SCALAR || n->quoted || text_to_int(n->text, n->length, &value) < 0)
        return node_is_number(n, &real) && real == floor(real) && isfinite(real) /* too large to be counted with */
                   ? out_of_range(b, n, o, path)
                   : bind_expected(b, n, path,
                                   o->names ? arena_printf(b->arena, "an integer, or %s", o->names[0]) : "an integer");
    if (!in_range(o, (double)value))
        return out_of_range(b, n, o, path);
    *out = value;
    return 0;
}

int bind_real(struct binder *b, const struct node *n, const struct option *o, double *out, const char *path)
{
    double value;
    if (!node_is_number(n, &value))
        return bind_expected(b, n, path, "a number");
    if (!isfinite(value))
        return bind_expected(b, n, path, "a finite number");
    if (!in_range(o, value))
        return out_of_range(b, n, o, path);
    *out = value == 0 ? 0 : value; /* -0 is 0, also in a trial's identity */
    return 0;
}

static size_t count_names(const char *const *names)
{
    size_t n = 0;
    while (names[n])
        n++;
    return n;
}

int bind_elsewhere(struct binder *b, const struct node *n, const struct option *o, const char *path)
{
    for (size_t i = 0; o->elsewhere && o->elsewhere[i][0]; i++)
        if (strcmp(o->elsewhere[i][0], n->text) == 0)
            return err_at(b->e, n->where, "%s: '%s' is no %s; %s", path, n->text, o->name, o->elsewhere[i][1]);
    return 0;
}

int bind_enum(struct binder *b, const struct node *n, const struct option *o, int *out, const char *path)
{
    if (n->kind != NODE_SCALAR || node_is_null(n))
        return bind_expected(b, n, path, "a name");
    for (int i = 0; o->names[i]; i++)
        if (strcmp(o->names[i], n->text) == 0) {
            *out = i;
            return 0;
        }
    TRY(bind_elsewhere(b, n, o, path));
    return err_at(b->e, n->where, "%s: unknown %s '%s'%s", path, o->name, n->text,
                  advise(b, n->text, o->names, count_names(o->names)));
}

/* The words that an option allows; NULL for any. */
static const char *const *allowed_words(struct binder *b, const struct option *o, size_t *n)
{
    if (!o->registry) {
        *n = o->names ? count_names(o->names) : 0;
        return o->names;
    }
    const char **words = arena_need(b->arena, o->registry->n_parts, sizeof *words);
    for (size_t i = 0; i < o->registry->n_parts; i++)
        words[i] = o->registry->parts[i]->name;
    *n = o->registry->n_parts;
    return words;
}

int bind_text(struct binder *b, const struct node *n, const struct option *o, const char **out, const char *path)
{
    size_t n_words;
    const char *const *words = allowed_words(b, o, &n_words);
    if (n->kind != NODE_SCALAR || node_is_null(n))
        return bind_expected(b, n, path, "a string");
    if (o->flags & OPTION_FOLDER)
        return bind_folder(b, n->where, n->text, out, path);
    *out = n->text;
    for (size_t i = 0; words && i < n_words; i++)
        if (strcmp(words[i], n->text) == 0)
            return 0;
    return words ? err_at(b->e, n->where, "%s: unknown %s '%s'%s", path, o->registry ? o->registry->kind : "name",
                          n->text, advise(b, n->text, words, n_words))
                 : 0;
}

/* A place without a file, and one of the command line, is in the working folder. */
int bind_folder(struct binder *b, struct where where, const char *folder, const char **out, const char *path)
{
    const char *file = where.source ? where.source->name : "", *slash = strrchr(file, '/');
    const char *base = slash ? arena_strndup(b->arena, file, (size_t)(slash - file)) : NULL;
    const bool here = strcmp(folder, ".") == 0;
    *out = folder;
    if (folder[0] == '/')
        return 0;
    if (base)
        *out = here ? (*base ? base : "/") : arena_printf(b->arena, "%s/%s", base, folder);
    if (*out[0] == '/')
        return 0;
    char *working = getcwd(NULL, 0);
    if (!working)
        return err_at(b->e, where, "%s: '%s' is relative, but the working folder is not known: %s", path, folder,
                      strerror(errno));
    *out = here && !base ? arena_strdup(b->arena, working) : arena_printf(b->arena, "%s/%s", working, *out);
    free(working);
    return 0;
}

/* A list of strings, or one string alone. */
int bind_names(struct binder *b, const struct node *n, const struct option *o, struct names *out, const char *path)
{
    const size_t before = b->e->n_errors, count = n->kind == NODE_LIST ? n->n : 1;
    const char **items = arena_need(b->arena, count, sizeof *items);
    if (n->kind == NODE_MAP || (n->kind == NODE_SCALAR && node_is_null(n)))
        return bind_expected(b, n, path, "a list of names");
    for (size_t i = 0; i < count; i++) {
        const struct node *item = n->kind == NODE_LIST ? n->items[i] : n;
        if (bind_text(b, item, o, &items[i], path) < 0)
            continue;
        for (size_t j = 0; j < i && j < TREE_MAX_KEYS; j++)
            if (items[j] && strcmp(items[i], items[j]) == 0) {
                err_at(b->e, item->where, "%s: '%s' is named twice", path, items[i]);
                break;
            }
    }
    *out = (struct names){ .n = count, .items = items };
    return b->e->n_errors == before ? 0 : ERR_SPEC;
}

/* A list of numbers, or one number alone. */
int bind_reals(struct binder *b, const struct node *n, const struct option *o, struct reals *out, const char *path)
{
    const size_t before = b->e->n_errors, count = n->kind == NODE_LIST ? n->n : 1;
    double *items = arena_need(b->arena, count, sizeof *items);
    if (n->kind == NODE_MAP)
        return bind_expected(b, n, path, "a number or a list of numbers");
    for (size_t i = 0; i < count; i++) {
        const struct node *item = n->kind == NODE_LIST ? n->items[i] : n;
        int64_t whole = 0;
        if (!(o->flags & OPTION_WHOLE))
            (void)bind_real(b, item, o, &items[i], path); /* counted in n_errors */
        else if (bind_int(b, item, o, &whole, path) == 0)
            items[i] = (double)whole;
    }
    *out = (struct reals){ .n = count, .items = items };
    return b->e->n_errors == before ? 0 : ERR_SPEC;
}
