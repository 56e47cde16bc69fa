#include "base/part.h"
#include <stdlib.h>
#include <string.h>

const char *capability_text(unsigned bits)
{
    switch (bits & (~bits + 1u)) { /* the lowest bit */
    case GIVES_APPLY:
        return "applies to targets";
    case GIVES_JVP:
        return "maps displacements linearly";
    case GIVES_TRAIN:
        return "has parameters to train";
    case GIVES_SEQUENCE:
        return "reads a sequence";
    case GIVES_DIRECT:
        return "reads the last target directly";
    case TAKES_BRANCHES:
        return "takes layers that read several others";
    default:
        return "has this capability";
    }
}

const struct part *registry_find(const struct registry *r, const char *name)
{
    for (size_t i = 0; i < r->n_parts; i++)
        if (strcmp(r->parts[i]->name, name) == 0)
            return r->parts[i];
    return NULL;
}

const struct registry *registry_resolve(const struct registry *r, const struct option *table)
{
    for (const struct option *o = table; r->n_parts == 0 && o && o->type != OPT_END; o++) {
        if (o->type == OPT_MAP)
            r = registry_resolve(r, o->table); /* tables nest as deep as the program writes them */
        else if (o->registry && strcmp(o->registry->kind, r->kind) == 0)
            r = o->registry;
    }
    return r;
}

const struct option *option_find(const struct option *table, const char *name)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const char *option_word(const struct option *o, int64_t value)
{
    return o->names && value < o->min ? o->names[0] : NULL;
}

bool option_has_default(const struct option *o)
{
    const bool number = o->type == OPT_INT || o->type == OPT_REAL;
    return o->dflt && !(number && (o->flags & OPTION_NULLABLE) && o->min < o->max && strtod(o->dflt, NULL) < o->min);
}

bool option_holds(const struct option *o, const void *field, const char *text)
{
    switch (o->type) {
    case OPT_BOOL:
        return strcmp(text, *(const bool *)field ? "true" : "false") == 0;
    case OPT_INT:
        return *text && (double)*(const int64_t *)field == strtod(text, NULL);
    case OPT_REAL:
        return *text && *(const double *)field == strtod(text, NULL);
    case OPT_ENUM:
        return *(const int *)field < 0 ? !*text : strcmp(o->names[*(const int *)field], text) == 0;
    case OPT_TEXT: {
        const char *value = *(const char *const *)field;
        return value ? strcmp(value, text) == 0 && *text : !*text;
    }
    case OPT_PART: {
        const struct part *part = ((const struct chosen *)field)->part;
        return part ? strcmp(part->name, text) == 0 : !*text;
    }
    case OPT_NAMES:
        return ((const struct names *)field)->n == 0 && strcmp(text, "[]") == 0;
    case OPT_REALS: {
        const struct reals *list = field;
        for (size_t i = 0; list->items && i < list->n; i++)
            if (!*text || list->items[i] != strtod(text, NULL))
                return false;
        return list->items || !*text;
    }
    default:
        return false;
    }
}
