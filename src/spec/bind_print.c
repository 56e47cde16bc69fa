/* From bound structs back to text: canonical JSON, and one leaf after the other. */
#include "spec/bind.h"
#include <math.h>
#include <string.h>

static const void *field_of(const struct option *o, const void *in)
{
    return (const char *)in + o->offset;
}

static void json_options(const struct option *table, const void *in, unsigned without, bool first, struct text *out);
static void json_field(const struct option *o, const void *field, unsigned without, struct text *out);

/* Whether a value is the default, by what would be printed. */
static bool is_default(const struct option *o, const void *field)
{
    union {
        bool truth;
        int64_t integer;
        double number;
        struct chosen chosen;
        struct chosen_list list;
        struct reals reals;
        struct names names;
    } dflt = { 0 };
    struct arena a;
    struct err e = { 0 };
    struct text own = { 0 }, other = { 0 };
    arena_init(&a, 0);
    const struct option zero = { .name = o->name, .type = o->type, .dflt = o->type == OPT_BOOL ? "false" : "0" };
    bool same = bind_default_value(o->dflt ? o : &zero, &dflt, &a, &e) == 0;
    if (same) {
        json_field(o, field, 0, &own);
        json_field(o, &dflt, 0, &other);
        same = own.n == other.n && memcmp(own.s, other.s, own.n) == 0;
    }
    text_free(&own);
    text_free(&other);
    err_clear(&e);
    arena_finish(&a);
    return same;
}

static bool is_absent(const struct option *o, const void *field)
{
    switch (o->type) {
    case OPT_ENUM:
        return *(const int *)field < 0;
    case OPT_TEXT:
        return *(const char *const *)field == NULL;
    case OPT_PART:
        return ((const struct chosen *)field)->part == NULL;
    case OPT_NAMES:
        return ((const struct names *)field)->items == NULL;
    case OPT_REALS:
        return ((const struct reals *)field)->items == NULL;
    case OPT_PARTS:
        return ((const struct chosen_list *)field)->items == NULL;
    default:
        return false;
    }
}

static bool is_set(const struct option *o, const void *field);

/* A map or a part's options of which nothing is printed. */
static bool is_empty(const struct option *table, const void *in)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (is_set(o, field_of(o, in)))
            return false;
    return true;
}

/* False for an OPTION_NULLABLE that the file left out, or that is as its default says. */
static bool is_set(const struct option *o, const void *field)
{
    if (is_absent(o, field))
        return false;
    if (!(o->flags & OPTION_NULLABLE))
        return true;
    if (o->type == OPT_MAP)
        return !is_empty(o->table, field);
    const bool number = o->type == OPT_BOOL || o->type == OPT_INT || o->type == OPT_REAL; /* 0 stands for absent */
    return !(o->dflt || number) || !is_default(o, field);
}

/* Written as its name alone. */
static bool is_short(const struct option *o, const struct chosen *c)
{
    return (o->flags & OPTION_PLAIN) && is_empty(c->part->options, c->opts);
}



static void json_parts(const struct chosen_list *list, unsigned without, struct text *out)
{
    text_putc(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        const struct part *part = list->items[i].part;
        text_puts(out, i ? ",{" : "{");
        text_json_string(out, part->name, strlen(part->name));
        text_puts(out, ":{");
        json_options(part->options, list->items[i].opts, without, true, out);
        text_puts(out, "}}");
    }
    text_putc(out, ']');
}

static void json_names(const struct names *names, struct text *out)
{
    text_putc(out, '[');
    for (size_t i = 0; i < names->n; i++) {
        if (i > 0)
            text_putc(out, ',');
        text_json_string(out, names->items[i], strlen(names->items[i]));
    }
    text_putc(out, ']');
}

static void json_reals(const struct reals *reals, struct text *out)
{
    text_putc(out, '[');
    for (size_t i = 0; i < reals->n; i++) {
        if (i > 0)
            text_putc(out, ',');
        text_json_number(out, reals->items[i]);
    }
    text_putc(out, ']');
}

static void json_field(const struct option *o, const void *field, unsigned without, struct text *out)
{
    switch (o->type) {
    case OPT_BOOL:
        text_puts(out, *(const bool *)field ? "true" : "false");
        break;
    case OPT_INT:
        text_add(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case OPT_REAL:
        text_json_number(out, *(const double *)field);
        break;
    case OPT_ENUM:
        text_json_string(out, o->names[*(const int *)field], strlen(o->names[*(const int *)field]));
        break;
    case OPT_TEXT:
        text_json_string(out, *(const char *const *)field, strlen(*(const char *const *)field));
        break;
    case OPT_MAP:
        text_putc(out, '{');
        json_options(o->table, field, without, true, out);
        text_putc(out, '}');
        break;
    case OPT_PART: {
        const struct chosen *c = field;
        if (is_short(o, c)) {
            text_json_string(out, c->part->name, strlen(c->part->name));
            break;
        }
        text_puts(out, "{\"name\":");
        text_json_string(out, c->part->name, strlen(c->part->name));
        json_options(c->part->options, c->opts, without, false, out);
        text_putc(out, '}');
        break;
    }
    case OPT_PARTS:
        json_parts(field, without, out);
        break;
    case OPT_NAMES:
        json_names(field, out);
        break;
    case OPT_REALS: {
        const struct reals *reals = field;
        if ((o->flags & OPTION_PLAIN) && reals->n == 1)
            text_json_number(out, reals->items[0]);
        else
            json_reals(reals, out);
        break;
    }
    case OPT_END:
        break;
    }
}

/* The members of an object, without its braces. Bound structs are finite trees, so the recursion is bounded by what was
 * bound. */
static void json_options(const struct option *table, const void *in, unsigned without, bool first, struct text *out)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        if ((o->flags & without) || !is_set(o, field_of(o, in)))
            continue;
        if (!first)
            text_putc(out, ',');
        first = false;
        text_json_string(out, o->name, strlen(o->name));
        text_putc(out, ':');
        json_field(o, field_of(o, in), without, out);
    }
}

void bind_json(const struct option *table, const void *in, unsigned without, struct text *out)
{
    text_putc(out, '{');
    json_options(table, in, without, true, out);
    text_putc(out, '}');
}

struct visitor {
    void (*visit)(void *self, const char *path, const char *text, double number);
    void *self;
    struct text path;
};

/* Appends ".name" to the path; returns the length to go back to. */
static size_t enter(struct visitor *v, const char *name)
{
    const size_t length = v->path.n;
    text_add(&v->path, "%s%s", length ? "." : "", name);
    return length;
}

static void leave(struct visitor *v, size_t length)
{
    v->path.n = length;
    v->path.s[length] = '\0';
}

static void visit_options(struct visitor *v, const struct option *table, const void *in);

static void visit_part(struct visitor *v, const struct chosen *c)
{
    const size_t length = enter(v, "name");
    v->visit(v->self, v->path.s, c->part->name, (double)NAN);
    leave(v, length);
    visit_options(v, c->part->options, c->opts);
}

/* A layer is a leaf "network.layers.0" with its kind, its options are "network.layers.0.dense.units": as a sweep names
 * them. */
static void visit_parts(struct visitor *v, const struct chosen_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct chosen *c = &list->items[i];
        const size_t outer = v->path.n;
        text_add(&v->path, "%s%zu", outer ? "." : "", i);
        v->visit(v->self, v->path.s, c->part->name, (double)NAN);
        enter(v, c->part->name);
        visit_options(v, c->part->options, c->opts);
        leave(v, outer);
    }
}

static void visit_field(struct visitor *v, const struct option *o, const void *field)
{
    const bool *truth = field;
    const struct reals *reals = field;
    struct text list = { 0 };
    switch (o->type) {
    case OPT_BOOL:
        v->visit(v->self, v->path.s, *truth ? "true" : "false", *truth ? 1 : 0);
        break;
    case OPT_INT:
        v->visit(v->self, v->path.s, NULL, (double)*(const int64_t *)field);
        break;
    case OPT_REAL:
        v->visit(v->self, v->path.s, NULL, *(const double *)field);
        break;
    case OPT_ENUM:
        v->visit(v->self, v->path.s, o->names[*(const int *)field], (double)NAN);
        break;
    case OPT_TEXT:
        v->visit(v->self, v->path.s, *(const char *const *)field, (double)NAN);
        break;
    case OPT_MAP:
        visit_options(v, o->table, field);
        break;
    case OPT_PART:
        if (o->flags & OPTION_PLAIN) { /* the name is the value of the key itself */
            const struct chosen *c = field;
            v->visit(v->self, v->path.s, c->part->name, (double)NAN);
            visit_options(v, c->part->options, c->opts);
        } else {
            visit_part(v, field);
        }
        break;
    case OPT_PARTS:
        visit_parts(v, field);
        break;
    case OPT_NAMES:
        json_names(field, &list);
        v->visit(v->self, v->path.s, list.s, (double)NAN);
        break;
    case OPT_REALS:
        json_reals(reals, &list);
        v->visit(v->self, v->path.s, reals->n == 1 ? NULL : list.s, reals->n == 1 ? reals->items[0] : (double)NAN);
        break;
    case OPT_END:
        break;
    }
    text_free(&list);
}

static void visit_options(struct visitor *v, const struct option *table, const void *in)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        if (!is_set(o, field_of(o, in)))
            continue;
        const size_t length = enter(v, o->name);
        visit_field(v, o, field_of(o, in));
        leave(v, length);
    }
}

void bind_leaves(const struct option *table, const void *in,
                 void (*visit)(void *self, const char *path, const char *text, double number), void *self)
{
    struct visitor v = { .visit = visit, .self = self };
    visit_options(&v, table, in);
    text_free(&v.path);
}
