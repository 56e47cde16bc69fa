/* What parts show of a step: a probe writes it. */
#include "credit/credit.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static void show(struct credit *c, size_t rank, struct mat values, const char *name, va_list args)
{
    struct shown *s = &c->shown[c->n_shown++];
    assert(c->n_shown <= c->most_shown);
    vsnprintf(s->name, sizeof s->name, name, args);
    s->rank = rank;
    s->values = values;
}

void credit_show(struct credit *c, struct mat values, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    show(c, 2, values, name, args);
    va_end(args);
}

void credit_show_each(struct credit *c, struct mat values, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    show(c, 1, values, name, args);
    va_end(args);
}

void credit_show_number(struct credit *c, struct mat value, const char *name)
{
    struct shown *s = &c->shown[c->n_shown++];
    assert(c->n_shown <= c->most_shown);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->values = value;
}
