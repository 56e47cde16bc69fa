/* The JSON schema (draft-07) of option tables: what an editor checks while a file is written. It is printed from the
 * rows that bind the file, so the two cannot drift apart.
 *
 * A table can be printed whole, self-contained and with its required keys, or as `partial`: what may stand in a file,
 * of which a variant, a profile or a sweep is only a piece. Then nothing is required, null and ${} may stand for
 * anything, and parts refer to definitions named after their registry. Dotted keys are let through unchecked; a dot is
 * \x2e in their pattern, so that the schema is also a file that this program's own reader takes. */
#include "spec/schema.h"
#include <math.h>
#include <string.h>

static void put_string(struct schema *s, const char *text)
{
    text_json_string(s->out, text, strlen(text));
}

void schema_definition_name(struct schema *s, const struct registry *r, bool element)
{
    for (const char *p = r->kind; *p; p++) /* "feedback loss": a reference is a URI and has no blanks */
        text_putc(s->out, *p == ' ' ? '_' : *p);
    text_puts(s->out, element ? "_element" : "");
}

static void put_reference(struct schema *s, const struct registry *r, bool element)
{
    text_puts(s->out, "{\"$ref\":\"#/definitions/");
    schema_definition_name(s, r, element);
    text_puts(s->out, "\"}");
}

static void put_names(struct schema *s, const char *const *names)
{
    text_puts(s->out, "{\"enum\":[");
    for (size_t i = 0; names[i]; i++) {
        text_puts(s->out, i ? "," : "");
        put_string(s, names[i]);
    }
    text_puts(s->out, "]}");
}

static void put_part_names(struct schema *s, const struct registry *r)
{
    text_puts(s->out, "{\"enum\":[");
    for (size_t i = 0; i < r->n_parts; i++) {
        text_puts(s->out, i ? "," : "");
        put_string(s, r->parts[i]->name);
    }
    text_puts(s->out, "]}");
}

/* One word of OPT_NAMES. */
static void put_words(struct schema *s, const struct option *o)
{
    const bool listed = o->registry || o->names, refers = s->partial && listed;
    text_puts(s->out, refers ? "{\"anyOf\":[" : "");
    if (o->registry)
        put_part_names(s, o->registry);
    else if (o->names)
        put_names(s, o->names);
    else
        text_puts(s->out, "{\"type\":\"string\"}");
    text_puts(s->out, refers ? ",{\"$ref\":\"#/definitions/referring\"}]}" : "");
}

/* The same bounds as bind.c: both 0 is no bound, a maximum of 1e300 only says "finite". refers: a ${} may stand there,
 * which the bounds are not about. */
static void put_number(struct schema *s, const struct option *o, const char *type, bool refers)
{
    if (refers)
        text_add(s->out, "{\"type\":[\"%s\",\"string\"],\"pattern\":\"\\\\$\\\\{\"", type);
    else
        text_add(s->out, "{\"type\":\"%s\"", type);
    if (o->min != 0 || o->max != 0 || (o->flags & OPTION_ABOVE_MIN)) {
        text_add(s->out, ",\"%s\":", o->flags & OPTION_ABOVE_MIN ? "exclusiveMinimum" : "minimum");
        text_json_number(s->out, o->min);
    }
    if (o->max > o->min && o->max < 1e300) {
        text_puts(s->out, ",\"maximum\":");
        text_json_number(s->out, o->max);
    }
    text_putc(s->out, '}');
}

static void put_object(struct schema *s, const struct option *table, const char *name, bool required);

static bool is_active(const struct schema *s, const struct registry *r)
{
    for (size_t i = 0; i < s->n_active; i++)
        if (s->active[i] == r)
            return true;
    return s->n_active == SCHEMA_MAX_DEPTH;
}

/* "sgd" or {name: sgd, ...} */
static void put_part(struct schema *s, const struct registry *r)
{
    if (s->partial) {
        put_reference(s, r, false);
        return;
    }
    r = registry_resolve(r, s->root);
    s->active[s->n_active++] = r;
    schema_registry(s, r);
    s->n_active--;
}

/* An element of a list of parts. A registry may contain itself, as layers do in `residual`: there the whole form stops.
 */
static void put_parts(struct schema *s, const struct registry *r)
{
    text_puts(s->out, "{\"type\":\"array\",\"items\":");
    if (s->partial) {
        put_reference(s, r, true);
    } else if (is_active(s, r)) {
        text_puts(s->out, "{}");
    } else {
        s->active[s->n_active++] = r;
        schema_element(s, r);
        s->n_active--;
    }
    text_putc(s->out, '}');
}

/* In a variant, elements of a list by index. */
static void put_by_index(struct schema *s)
{
    text_puts(s->out, s->partial ? ",{\"$ref\":\"#/definitions/by_index\"}" : "");
}

static void put_type(struct schema *s, const struct option *o)
{
    switch (o->type) {
    case OPT_BOOL:
        text_puts(s->out, "{\"type\":\"boolean\"}");
        break;
    case OPT_INT:
        text_puts(s->out, o->names ? "{\"anyOf\":[" : "");
        put_number(s, o, "integer", false);
        if (o->names) {
            text_putc(s->out, ',');
            put_names(s, o->names);
            text_puts(s->out, "]}");
        }
        break;
    case OPT_REAL:
        put_number(s, o, "number", false);
        break;
    case OPT_ENUM:
        put_names(s, o->names);
        break;
    case OPT_TEXT:
        if (o->names)
            put_names(s, o->names);
        else
            text_puts(s->out, "{\"type\":[\"string\",\"number\",\"boolean\"]}");
        break;
    case OPT_MAP: {
        const bool named = o->table[0].type != OPT_END && strcmp(o->table[0].name, "name") == 0;
        text_puts(s->out, named ? "{\"anyOf\":[{\"type\":\"string\"}," : ""); /* `algorithm: bp` */
        put_object(s, o->table, NULL, !s->partial);
        text_puts(s->out, named ? "]}" : "");
        break;
    }
    case OPT_PART:
        put_part(s, o->registry);
        break;
    case OPT_PARTS:
        if (o->flags & OPTION_PLAIN) {
            text_puts(s->out, "{\"anyOf\":[");
            put_part(s, o->registry);
            text_putc(s->out, ',');
        }
        text_puts(s->out, s->partial ? "{\"anyOf\":[" : "");
        put_parts(s, o->registry);
        put_by_index(s);
        text_puts(s->out, s->partial ? "]}" : "");
        text_puts(s->out, o->flags & OPTION_PLAIN ? "]}" : "");
        break;
    case OPT_NAMES:
        text_puts(s->out, "{\"anyOf\":[{\"type\":\"array\",\"uniqueItems\":true,\"items\":");
        put_words(s, o);
        text_puts(s->out, "},");
        put_words(s, o);
        put_by_index(s);
        text_puts(s->out, "]}");
        break;
    case OPT_REALS:
        text_puts(s->out, "{\"anyOf\":[{\"type\":\"array\",\"items\":");
        put_number(s, o, o->flags & OPTION_WHOLE ? "integer" : "number", s->partial);
        text_puts(s->out, "},");
        put_number(s, o, o->flags & OPTION_WHOLE ? "integer" : "number", false);
        put_by_index(s);
        text_puts(s->out, "]}");
        break;
    case OPT_END:
        break;
    }
}

static void put_default(struct schema *s, const char *dflt)
{
    struct arena a;
    struct err e = { 0 };
    arena_init(&a, 0);
    const struct node *n = tree_parse("default", dflt, strlen(dflt), &a, &e);
    if (n) {
        text_puts(s->out, ",\"default\":");
        tree_json(n, s->out);
    }
    err_clear(&e);
    arena_finish(&a);
}

/* allOf, because draft-07 overlooks what stands beside a $ref. */
static void put_option(struct schema *s, const struct option *o)
{
    put_string(s, o->name);
    text_puts(s->out, s->partial ? ":{\"anyOf\":[" : ":{\"allOf\":[");
    put_type(s, o);
    text_puts(s->out, s->partial ? ",{\"$ref\":\"#/definitions/reference\"}]" : "]");
    if (o->help) {
        text_puts(s->out, ",\"description\":");
        put_string(s, o->help);
    }
    if (option_has_default(o))
        put_default(s, o->dflt);
    text_putc(s->out, '}');
}

void schema_properties(struct schema *s, const struct option *table, const char *const *without, const char *name)
{
    bool first = true;
    text_puts(s->out, "\"properties\":{");
    if (name) {
        text_puts(s->out, "\"name\":{\"enum\":[");
        put_string(s, name);
        text_puts(s->out, s->partial ? ",null]}" : "]}");
        first = false;
    }
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        bool left_out = false;
        for (size_t i = 0; without && without[i]; i++)
            left_out = left_out || strcmp(without[i], o->name) == 0;
        if (left_out)
            continue;
        text_puts(s->out, first ? "" : ",");
        first = false;
        put_option(s, o); /* tables nest as deep as the program writes them; registries stop at is_active */
    }
    text_putc(s->out, '}');
}

static void put_required(struct schema *s, const struct option *table, const char *name)
{
    bool first = true;
    text_puts(s->out, ",\"required\":[");
    if (name) {
        text_puts(s->out, "\"name\"");
        first = false;
    }
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (o->flags & OPTION_REQUIRED) {
            text_puts(s->out, first ? "" : ",");
            put_string(s, o->name);
            first = false;
        }
    text_putc(s->out, ']');
}

/* An object of options; `name` is the part that they belong to, or NULL. required: it is whole where it stands. */
static void put_object(struct schema *s, const struct option *table, const char *name, bool required)
{
    text_puts(s->out, "{\"type\":\"object\",");
    schema_properties(s, table, NULL, name);
    if (required)
        put_required(s, table, name);
    text_puts(s->out, ",\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false}");
}

static bool has_required(const struct option *table)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (o->flags & OPTION_REQUIRED)
            return true;
    return false;
}

void schema_item(struct schema *s, const struct option *table)
{
    put_object(s, table, NULL, true);
}

void schema_registry(struct schema *s, const struct registry *r)
{
    bool any = false;
    text_puts(s->out, s->partial ? "{\"anyOf\":[" : "{\"oneOf\":[");
    if (s->partial) {
        put_part_names(s, r);
        any = true;
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        const struct part *part = r->parts[i];
        if (!s->partial && !has_required(part->options)) { /* the name alone is enough */
            text_puts(s->out, any ? ",{\"const\":" : "{\"const\":");
            put_string(s, part->name);
            text_putc(s->out, '}');
            any = true;
        }
        text_puts(s->out, any ? "," : "");
        put_object(s, part->options, part->name, !s->partial);
        any = true;
    }
    text_puts(s->out, "]}");
}

/* Names of what may stand beside a part in an element: what is said of them stands once, around all parts. */
static void put_beside(struct schema *s, const struct registry *r)
{
    text_puts(s->out, s->partial ? "\"repeat\":{\"$ref\":\"#/definitions/repeat\"},"
                                 : "\"repeat\":{\"type\":\"integer\",\"minimum\":1},");
    for (const struct option *o = r->beside ? r->beside->options : NULL; o && o->type != OPT_END; o++)
        text_add(s->out, "\"%s\":{},", o->name);
}

/* The same where its own options stand there too. */
static void put_beside_pattern(struct schema *s, const struct registry *r)
{
    text_puts(s->out, ",\"patternProperties\":{\"\\\\x2e|^repeat$");
    for (const struct option *o = r->beside ? r->beside->options : NULL; o && o->type != OPT_END; o++)
        text_add(s->out, "|^%s$", o->name);
    text_puts(s->out, "\":{}},\"additionalProperties\":false}");
}

void schema_element(struct schema *s, const struct registry *r)
{
    text_putc(s->out, '{');
    if (r->beside) {
        schema_properties(s, r->beside->options, NULL, NULL);
        text_putc(s->out, ',');
    }
    text_puts(s->out, "\"anyOf\":[");
    put_part_names(s, r);
    text_puts(s->out, s->partial ? ",{\"$ref\":\"#/definitions/referring\"}" : "");
    for (size_t i = 0; i < r->n_parts; i++) {
        const struct part *part = r->parts[i];
        text_puts(s->out, ",{\"type\":\"object\",\"properties\":{");
        put_beside(s, r);
        put_string(s, part->name);
        text_puts(s->out, ":{\"anyOf\":[");
        put_object(s, part->options, NULL, !s->partial);
        if (s->partial || !has_required(part->options))
            text_puts(s->out, ",{\"type\":\"null\"}");
        if (part->options && (part->options->type == OPT_PARTS || part->options->type == OPT_REALS)) {
            text_putc(s->out, ','); /* residual: [layers] */
            put_type(s, part->options);
        }
        text_puts(s->out, "]}},\"required\":[");
        put_string(s, part->name);
        text_puts(s->out, "],\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false}");
        text_puts(s->out,
                  ",{\"type\":\"object\",\"allOf\":[{\"required\":[\"name\"]}],"); /* - {name: dense, units: 4} */
        schema_properties(s, part->options, NULL, part->name);
        put_beside_pattern(s, r);
    }
    text_puts(s->out, "]}");
}

void bind_schema(const struct option *table, struct text *out)
{
    struct schema s = { .out = out, .root = table };
    schema_properties(&s, table, NULL, NULL);
    put_required(&s, table, NULL);
}
