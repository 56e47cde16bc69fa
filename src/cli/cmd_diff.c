/* What differs between two trials, variants, studies or files: their configurations, key by key. */
#include "cli/cli.h"

#include "base/clean.h"
#include "cli/diff_side.h"
#include "store/table.h"
#include <stdlib.h>
#include <string.h>

struct diff_options {
    int format;
};
static const char *const formats[] = { "table", "json", NULL };
static const struct cli_option options[] = {
    { "format", 0, CLI_WORD, "FORMAT", offsetof(struct diff_options, format), .words = formats,
      .help = "table (default) or json" },
    { 0 },
};

/* The values of one key of one variant, on both sides; NULL where there are none. */
struct difference {
    const char *variant, *key, *a, *b;
};
struct differences {
    struct arena *arena;
    size_t n, capacity;
    struct difference *items;
};

static void add(struct differences *d, struct difference x)
{
    if (d->n == d->capacity) {
        struct difference *grown = arena_need(d->arena, 2 * d->capacity + 64, sizeof *grown);
        if (d->n)
            memcpy(grown, d->items, d->n * sizeof *grown);
        d->items = grown;
        d->capacity = 2 * d->capacity + 64;
    }
    d->items[d->n++] = x;
}

static int order(const struct diff_value *x, const struct diff_value *y)
{
    const int variant = strcmp(x->variant, y->variant);
    return variant ? variant : strcmp(x->key, y->key);
}

/* The values of the key at s->items[*i], as one text; *i is moved behind them. */
static const char *take(const struct diff_side *s, size_t *i)
{
    struct text t = { 0 };
    const struct diff_value *first = &s->items[*i];
    for (size_t k = 0; *i < s->n && order(first, &s->items[*i]) == 0; k++, ++*i)
        text_add(&t, "%s%s", k ? ", " : "", s->items[*i].value);
    const char *copy = arena_strdup(s->arena, t.n ? t.s : "");
    text_free(&t);
    return copy;
}

static bool has_variant(const struct diff_side *s, const char *variant)
{
    bool any = false;
    for (size_t i = 0; i < s->n && !any; i++)
        any = !strcmp(s->items[i].variant, variant);
    return any;
}

/* A variant of one side alone: one line, not all its keys. Moves *i behind it. */
static bool is_alone(const struct diff_side *s, size_t *i, const struct diff_side *other)
{
    const char *variant = s->items[*i].variant;
    if (has_variant(other, variant))
        return false;
    while (*i < s->n && !strcmp(s->items[*i].variant, variant))
        ++*i;
    return true;
}

/* Names say what is compared; of two trials they are part of what makes them. */
static bool is_name(const char *key)
{
    return !strcmp(key, "experiment") || !strcmp(key, "variant");
}

static void find(struct differences *d, const struct diff_side *a, const struct diff_side *b)
{
    const bool names = a->is_trial && b->is_trial;
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        const int first = i == a->n ? 1 : j == b->n ? -1 : order(&a->items[i], &b->items[j]);
        const struct diff_value x = first <= 0 ? a->items[i] : b->items[j];
        if (first < 0 && is_alone(a, &i, b)) {
            add(d, (struct difference){ x.variant, "variant", x.variant, NULL });
            continue;
        }
        if (first > 0 && is_alone(b, &j, a)) {
            add(d, (struct difference){ x.variant, "variant", NULL, x.variant });
            continue;
        }
        const char *va = first <= 0 ? take(a, &i) : NULL, *vb = first >= 0 ? take(b, &j) : NULL;
        if ((names || !is_name(x.key)) && (!va || !vb || strcmp(va, vb) != 0))
            add(d, (struct difference){ x.variant, x.key, va, vb });
    }
}

static int print_table(const struct differences *d, bool by_variant, const char *const *names, struct err *e)
{
    struct table t = { .n_columns = by_variant ? 4 : 3 };
    bool fits = !by_variant || table_add(&t, "variant", 7, false);
    const char *const heading[] = { "key", names[0], names[1] };
    for (size_t k = 0; k < 3 && fits; k++)
        fits = table_add(&t, heading[k], strlen(heading[k]), false);
    for (size_t i = 0; i < d->n && fits; i++) {
        const struct difference *x = &d->items[i];
        const char *const cells[] = { x->key, x->a ? x->a : "-", x->b ? x->b : "-" };
        fits = !by_variant || table_add(&t, x->variant, strlen(x->variant), false);
        for (size_t k = 0; k < 3 && fits; k++)
            fits = table_add(&t, cells[k], strlen(cells[k]), false);
    }
    if (fits && d->n)
        table_print(&t, stdout);
    table_free(&t);
    return fits ? 0 : err_set(e, ERR_MEMORY, "the table is too large; --format=json needs none");
}

static void put_member(struct text *out, const char *name, const char *value)
{
    text_add(out, ",\"%s\":", name);
    if (value)
        clean_json(out, value, strlen(value));
    else
        text_puts(out, "null");
}

static int print_json(const struct differences *d, bool by_variant, struct err *e)
{
    struct text out = { 0 };
    text_putc(&out, '[');
    for (size_t i = 0; i < d->n; i++) {
        const struct difference *x = &d->items[i];
        text_puts(&out, i ? ",\n{\"key\":" : "{\"key\":");
        clean_json(&out, x->key, strlen(x->key));
        if (by_variant)
            put_member(&out, "variant", x->variant);
        put_member(&out, "a", x->a);
        put_member(&out, "b", x->b);
        text_putc(&out, '}');
    }
    text_puts(&out, "]\n");
    const bool written = fwrite(out.s, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    text_free(&out);
    return written ? 0 : err_set(e, ERR_IO, "standard output could not be written");
}

static int diff(const struct cli *c, const struct diff_options *o, struct arena *arena, bool *differ, struct err *e)
{
    struct diff_side a = { .arena = arena }, b = { .arena = arena };
    struct differences d = { .arena = arena };
    TRY(diff_side_read(&a, c, c->arguments.items[0], e));
    TRY(diff_side_read(&b, c, c->arguments.items[1], e));
    const bool by_variant = a.by_variant && b.by_variant;
    if (!by_variant) {
        diff_side_merge(&a);
        diff_side_merge(&b);
    }
    find(&d, &a, &b);
    *differ = d.n > 0;
    return o->format == 2 ? print_json(&d, by_variant, e) : print_table(&d, by_variant, c->arguments.items, e);
}

static int run(const struct cli *c, const void *own)
{
    struct err e = { 0 };
    struct arena arena;
    bool differ = false;
    arena_init(&arena, 0);
    const int status = cli_fail(c, diff(c, own, &arena, &differ, &e), &e);
    arena_finish(&arena);
    return status ? status : differ ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_diff = {
    .name = "diff",
    .arguments = "A B",
    .summary = "Show which keys differ between two trials, variants, studies or files",
    .help = "A and B are each a file, STUDY, STUDY:VARIANT, STUDY:VARIANT:CELL:SEED (without a sweep\n"
            "STUDY:VARIANT::SEED), or a trial by at least 4 digits of its key. Of several trials the\n"
            "values of a key are compared as a set. Exit status 0 if nothing differs, 1 if something\n"
            "does. --profile and --variant are about files.\n",
    .shared = (const struct cli_option *const[]){ cli_database, cli_spec, NULL },
    .own = options,
    .own_size = sizeof(struct diff_options),
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
