/* Options of a part for tests of rooms below spec: the defaults of its table, and changes by name. */
#ifndef TPRUN_TESTS_PART_OPTIONS_H
#define TPRUN_TESTS_PART_OPTIONS_H

#include "base/part.h"
#include "base/text.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
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
    for (const struct option *o = part->options; o && o->name; o++)
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
    for (const struct option *o = part->options; o && o->name; o++) {
        ck_assert(o->help && o->type != OPT_END);
        ck_assert(o->dflt || o->type == OPT_MAP || o->flags & (OPTION_REQUIRED | OPTION_NULLABLE));
        ck_assert(!(o->dflt && o->flags & OPTION_REQUIRED));
        ck_assert_uint_lt(o->offset, part->opts_size);
        for (const struct option *other = part->options; other < o; other++)
            ck_assert(strcmp(other->name, o->name) != 0 && other->offset != o->offset);
    }
    free(options_new(part));
}

/* What every registry promises: its parts describe themselves, and a name means one of them. */
static inline void registry_check(const struct registry *r)
{
    ck_assert_uint_gt(r->n_parts, 0);
    for (size_t i = 0; i < r->n_parts; i++) {
        options_check(r->parts[i]);
        ck_assert_msg(registry_find(r, r->parts[i]->name) == r->parts[i], "two parts of kind '%s' are called '%s'",
                      r->kind, r->parts[i]->name);
    }
}

/* Value k of those that tests try of an option, as a file has it: of a bounded number the least, one between and the
 * greatest (or one near an end that is excluded), else both truths or every word. false: there are no more. */
static inline bool option_example(const struct option *o, size_t k, char *text, size_t size)
{
    const bool whole = o->type == OPT_INT;
    const double width = o->max - o->min, between = width / 2 < 0.375 ? width / 2 : 0.375;
    if (o->type == OPT_BOOL && k < 2)
        return snprintf(text, size, "%s", k ? "true" : "false") > 0;
    if (o->type == OPT_ENUM && o->names[k])
        return snprintf(text, size, "%s", o->names[k]) > 0;
    if ((!whole && o->type != OPT_REAL) || k > 2 || !(width > 0) || !(width < HUGE_VAL))
        return false;
    const double least = o->min + (o->flags & OPTION_ABOVE_MIN ? between / 8 : 0);
    const double value[] = { least, o->min + (whole ? (double)(int64_t)(width / 2 < 3 ? width / 2 : 3) : between),
                             o->max };
    return snprintf(text, size, "%.17g", value[k]) > 0;
}

#endif
