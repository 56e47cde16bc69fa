/* From bound structs back to text: canonical JSON. */
#include "spec/bind_print.h"

#include <math.h>
#include <string.h>

const void *bind_field_of(const struct option *o, const void *in)
{
    return (const char *)in + o->offset;
}

/* holes: for each leaf, counted as bind_leaves visits them, whether it is printed as null; NULL for none. coarse: of a
 * real number only whether it is 0. */
struct printer {
    unsigned without;
    bool coarse;
    bool *holes;
    size_t leaf;
    struct text *out;
};

static void json_field(struct printer *p, const struct option *o, const void *field);

/* Whether a value is the default, or 0 where there is none: numbers as they are, others by what would be printed. */
static bool is_default(const struct option *o, const void *field)
{
    const char *dflt = o->dflt ? o->dflt : "0";
    union {
        int64_t integer;
        double number;
        struct chosen chosen;
        struct chosen_list list;
        struct reals reals;
        struct names names;
    } value = { 0 };
    if (o->type == OPT_BOOL)
        return *(const bool *)field == (strcmp(dflt, "true") == 0);
    if (o->type == OPT_INT)
        return text_to_int(dflt, strlen(dflt), &value.integer) == 0 && *(const int64_t *)field == value.integer;
    if (o->type == OPT_REAL)
        return text_to_double(dflt, strlen(dflt), &value.number) == 0 && *(const double *)field == value.number;
    if (o->type == OPT_ENUM) /* asked of each trial of a sweep: nothing is parsed or allocated for it */
        return strcmp(o->names[*(const int *)field], dflt) == 0;
    struct arena a;
    struct err e = { 0 };
    struct text own = { 0 }, other = { 0 };
    arena_init(&a, 0);
    bool same = bind_default_value(o, &value, &a, &e) == 0;
    if (same) {
        json_field(&(struct printer){ .out = &own }, o, field);
        json_field(&(struct printer){ .out = &other }, o, &value);
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

/* A map or a part's options of which nothing is printed. */
static bool is_empty(const struct option *table, const void *in)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (bind_is_set(o, bind_field_of(o, in)))
            return false;
    return true;
}

/* False for an OPTION_NULLABLE that the file left out, or that is as its default says. */
bool bind_is_set(const struct option *o, const void *field)
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
static bool is_short(const struct printer *p, const struct option *o, const struct chosen *c)
{
    return (o->flags & OPTION_PLAIN) && !p->coarse && is_empty(c->part->options, c->opts);
}

/* A list of one that is written as its part alone. */
bool bind_is_one(const struct option *o, const struct chosen_list *list)
{
    return (o->flags & OPTION_PLAIN) && list->n == 1;
}

static void json_options(struct printer *p, const struct option *table, const void *in, bool first);

static void json_string(struct printer *p, const char *s)
{
    text_json_string(p->out, s, strlen(s));
}

/* Counts a leaf; true if null was printed in its place. */
static bool is_hole(struct printer *p)
{
    if (!p->holes || !p->holes[p->leaf++])
        return false;
    text_puts(p->out, "null");
    return true;
}

/* Counts a leaf that is no single value, and so cannot be a hole. */
static void no_hole(struct printer *p)
{
    if (p->holes)
        p->holes[p->leaf++] = false;
}

static void json_parts(struct printer *p, const struct registry *r, const struct chosen_list *list)
{
    text_putc(p->out, '[');
    for (size_t i = 0; i < list->n; i++) {
        const struct part *part = list->items[i].part;
        no_hole(p);
        text_puts(p->out, i ? ",{" : "{");
        json_string(p, part->name);
        text_puts(p->out, ":{");
        json_options(p, part->options, list->items[i].opts, true);
        text_putc(p->out, '}');
        if (list->items[i].beside)
            json_options(p, r->beside->options, list->items[i].beside, false);
        text_putc(p->out, '}');
    }
    text_putc(p->out, ']');
}

static void json_part(struct printer *p, const struct option *o, const struct chosen *c)
{
    if (is_short(p, o, c)) {
        if (!is_hole(p))
            json_string(p, c->part->name);
        return;
    }
    text_puts(p->out, "{\"name\":");
    if (o->flags & OPTION_PLAIN)
        no_hole(p); /* its path is that of the map */
    if ((o->flags & OPTION_PLAIN) || !is_hole(p))
        json_string(p, c->part->name);
    json_options(p, c->part->options, c->opts, false);
    text_putc(p->out, '}');
}

void bind_json_names(const struct names *names, struct text *out)
{
    text_putc(out, '[');
    for (size_t i = 0; i < names->n; i++) {
        if (i > 0)
            text_putc(out, ',');
        text_json_string(out, names->items[i], strlen(names->items[i]));
    }
    text_putc(out, ']');
}

void bind_json_reals(const struct reals *reals, bool coarse, struct text *out)
{
    text_putc(out, '[');
    for (size_t i = 0; i < reals->n; i++) {
        if (i > 0)
            text_putc(out, ',');
        if (coarse)
            text_putc(out, reals->items[i] != 0 ? '1' : '0');
        else
            text_json_number(out, reals->items[i]);
    }
    text_putc(out, ']');
}

static void json_real(const struct printer *p, double value)
{
    if (p->coarse)
        text_putc(p->out, value != 0 ? '1' : '0');
    else
        text_json_number(p->out, value);
}

static void json_value(struct printer *p, const struct option *o, const void *field)
{
    if (is_hole(p))
        return;
    if (o->type == OPT_BOOL)
        text_puts(p->out, *(const bool *)field ? "true" : "false");
    else if (o->type == OPT_INT && option_word(o, *(const int64_t *)field))
        json_string(p, option_word(o, *(const int64_t *)field));
    else if (o->type == OPT_INT)
        text_json_int(p->out, *(const int64_t *)field);
    else if (o->type == OPT_REAL)
        json_real(p, *(const double *)field);
    else
        json_string(p, o->type == OPT_ENUM ? o->names[*(const int *)field] : *(const char *const *)field);
}

static void json_field(struct printer *p, const struct option *o, const void *field)
{
    switch (o->type) {
    case OPT_MAP:
        text_putc(p->out, '{');
        json_options(p, o->table, field, true);
        text_putc(p->out, '}');
        break;
    case OPT_PART:
        json_part(p, o, field);
        break;
    case OPT_PARTS:
        if (bind_is_one(o, field))
            json_part(p, &(struct option){ .type = OPT_PART }, ((const struct chosen_list *)field)->items);
        else
            json_parts(p, o->registry, field);
        break;
    case OPT_NAMES:
        no_hole(p);
        bind_json_names(field, p->out);
        break;
    case OPT_REALS: {
        const struct reals *reals = field;
        const bool coarse = p->coarse && !(o->flags & OPTION_WHOLE);
        if ((o->flags & OPTION_PLAIN) && reals->n == 1 && !p->coarse) {
            if (!is_hole(p))
                text_json_number(p->out, reals->items[0]);
            break;
        }
        no_hole(p);
        bind_json_reals(reals, coarse, p->out);
        break;
    }
    default:
        json_value(p, o, field);
        break;
    }
}

/* The members of an object, without its braces. Bound structs are finite trees, so the recursion is bounded by what was
 * bound. */
static void json_options(struct printer *p, const struct option *table, const void *in, bool first)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        const bool always = p->coarse && o->type == OPT_REAL; /* its default may be left out, which says nothing of 0 */
        if ((o->flags & p->without) || (!always && !bind_is_set(o, bind_field_of(o, in))))
            continue;
        if (!first)
            text_putc(p->out, ',');
        first = false;
        json_string(p, o->name);
        text_putc(p->out, ':');
        json_field(p, o, bind_field_of(o, in));
    }
}

void bind_json(const struct option *table, const void *in, unsigned without, struct text *out)
{
    struct printer p = { .without = without, .out = out };
    text_putc(out, '{');
    json_options(&p, table, in, true);
    text_putc(out, '}');
}

void bind_json_holes(const struct option *table, const void *in, bool *holes, struct text *out)
{
    struct printer p = { .holes = holes, .out = out };
    text_putc(out, '{');
    json_options(&p, table, in, true);
    text_putc(out, '}');
}

void bind_json_coarse(const struct option *table, const void *in, struct text *out)
{
    struct printer p = { .coarse = true, .out = out };
    text_putc(out, '{');
    json_options(&p, table, in, true);
    text_putc(out, '}');
}
