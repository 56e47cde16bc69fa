#include "cli/options.h"

#include "base/duration.h"
#include "base/text.h"
#include <string.h>

static int set_int(const struct cli_option *o, struct cli_int *field, const char *text, struct err *e)
{
    const size_t n = strlen(text);
    if (!text_is_decimal(text, n) || text_to_int(text, n, &field->value) < 0 || field->value < o->min ||
        field->value > o->max)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from %lld to %lld", o->name, text, (long long)o->min,
                       (long long)o->max);
    field->given = true;
    return 0;
}

/* 500M, 2G, 1.5G, or bytes. */
static int set_size(const struct cli_option *o, int64_t *bytes, const char *text, struct err *e)
{
    static const char units[] = "KMGT";
    size_t n = strlen(text);
    double value, scale = 1;
    const char *unit = n ? strchr(units, text[n - 1]) : NULL;
    if (unit) {
        n--;
        for (const char *u = units; u <= unit; u++)
            scale *= 1024;
    }
    if (!text_is_decimal(text, n) || text_to_double(text, n, &value) < 0 || !(value * scale >= 1024 * 1024) ||
        value * scale > 1e15)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a size of at least 1M, such as 500M or 2G", o->name, text);
    *bytes = (int64_t)(value * scale);
    return 0;
}

int option_duration(const char *text, const char *name, double unit, double *seconds, struct err *e)
{
    const int code = duration_read(text, unit, seconds);
    if (code == DURATION_TOO_LONG)
        return err_set(e, ERR_USAGE, "%s: '%s' is longer than a program can wait; at most " DURATION_MOST, name, text);
    if (code < 0)
        return err_set(e, ERR_USAGE, "%s: '%s' is not " DURATION_FORMS " (a number alone: %s)", name, text,
                       unit == 3600 ? "hours" : "seconds");
    return 0;
}

static int set_duration(const struct cli_option *o, double *seconds, const char *text, struct err *e)
{
    char name[64];
    snprintf(name, sizeof name, "--%s", o->name);
    return option_duration(text, name, o->type == CLI_HOURS ? 3600 : 1, seconds, e);
}

static int set_word(const struct cli_option *o, int *field, const char *word, struct err *e)
{
    struct text all = { 0 };
    for (int i = 0; o->words[i]; i++) {
        if (!strcmp(word, o->words[i])) {
            *field = 1 + i;
            text_free(&all);
            return 0;
        }
        text_add(&all, "%s%s", i ? ", " : "", o->words[i]);
    }
    const int code = err_set(e, ERR_USAGE, "--%s: '%s' is none of %s", o->name, word, all.s);
    text_free(&all);
    return code;
}

int option_set(const struct cli_option *o, void *fields, const char *value, struct err *e)
{
    void *field = (char *)fields + o->offset;
    struct cli_list *list = field;
    switch (o->type) {
    case CLI_FLAG:
        *(bool *)field = true;
        return 0;
    case CLI_NO_FLAG:
        *(bool *)field = false;
        return 0;
    case CLI_MORE:
        ++*(int *)field;
        return 0;
    case CLI_TEXT:
        *(const char **)field = value;
        return 0;
    case CLI_LIST:
        list->items[list->n++] = value;
        return 0;
    case CLI_WORD:
        return set_word(o, field, value, e);
    case CLI_INT:
        return set_int(o, field, value, e);
    case CLI_SIZE:
        return set_size(o, field, value, e);
    case CLI_SECONDS:
    case CLI_HOURS:
        return set_duration(o, field, value, e);
    }
    return err_set(e, ERR_INTERNAL, "--%s has no type", o->name);
}
