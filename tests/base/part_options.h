/* Options of a part for tests of rooms below spec: the defaults of its table, and changes by name. */
#ifndef TPRUN_TESTS_PART_OPTIONS_H
#define TPRUN_TESTS_PART_OPTIONS_H

#include "base/part.h"
#include "base/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static inline void option_store(const struct option *o, void *opts, const char *text)
{
    void *field = (char *)opts + o->offset;
    double value = 0;
    int word = 0;
    switch (o->type) {
    case OPT_BOOL:
        *(bool *)field = strcmp(text, "true") == 0;
        break;
    case OPT_INT:
        ck_assert_int_eq(text_to_int(text, strlen(text), field), 0);
        break;
    case OPT_REAL:
        ck_assert_int_eq(text_to_double(text, strlen(text), &value), 0);
        ck_assert(value >= o->min && value <= o->max);
        *(double *)field = value;
        break;
    case OPT_ENUM:
        while (o->names[word] && strcmp(o->names[word], text) != 0)
            word++;
        ck_assert_ptr_nonnull(o->names[word]);
        *(int *)field = word;
        break;
    default:
        ck_abort_msg("%s: a type that these tests do not use", o->name);
    }
}

/* Memory for the options of a part, with their defaults; to be freed. */
static inline void *options_new(const struct part *part)
{
    void *opts = calloc(1, part->opts_size);
    for (const struct option *o = part->options; o->name; o++)
        if (o->dflt)
            option_store(o, opts, o->dflt);
    return opts;
}

static inline void options_set(const struct part *part, void *opts, const char *name, const char *value)
{
    const struct option *o = part->options;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    ck_assert_ptr_nonnull(o->name);
    option_store(o, opts, value);
}

/* What every part promises about its own description. */
static inline void options_check(const struct part *part)
{
    ck_assert(part->name && part->help);
    for (const struct option *o = part->options; o->name; o++) {
        ck_assert(o->help && o->type != OPT_END);
        ck_assert(o->dflt || o->type == OPT_MAP || o->flags & (OPTION_REQUIRED | OPTION_NULLABLE));
        ck_assert(!(o->dflt && o->flags & OPTION_REQUIRED));
        ck_assert_uint_lt(o->offset, part->opts_size);
        for (const struct option *other = part->options; other < o; other++)
            ck_assert(strcmp(other->name, o->name) != 0 && other->offset != o->offset);
    }
    free(options_new(part));
}

#endif
