/* From bound structs back to text: one leaf after the other. */
#include "spec/bind_print.h"

#include <math.h>

struct visitor {
    void (*visit)(void *self, const char *path, const char *text, double number);
    void *self;
    struct text path;
};

/* Appends ".name" to the path; returns the length to go back to. */
static size_t enter(struct visitor *v, const char *name)
{
    const size_t length = v->path.n;
    if (length)
        text_putc(&v->path, '.');
    text_puts(&v->path, name);
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
static void visit_parts(struct visitor *v, const struct registry *r, const struct chosen_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct chosen *c = &list->items[i];
        const size_t outer = v->path.n;
        if (outer)
            text_putc(&v->path, '.');
        text_json_int(&v->path, (int64_t)i);
        v->visit(v->self, v->path.s, c->part->name, (double)NAN);
        const size_t element = enter(v, c->part->name);
        visit_options(v, c->part->options, c->opts);
        leave(v, element);
        if (c->beside)
            visit_options(v, r->beside->options, c->beside);
        leave(v, outer);
    }
}

static void visit_field(struct visitor *v, const struct option *o, const void *field)
{
    const bool *truth = field;
    const int64_t *integer = field;
    const struct reals *reals = field;
    struct text list = { 0 };
    switch (o->type) {
    case OPT_BOOL:
        v->visit(v->self, v->path.s, *truth ? "true" : "false", *truth ? 1 : 0);
        break;
    case OPT_INT:
        v->visit(v->self, v->path.s, option_word(o, *integer), (double)*integer);
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
        if (bind_is_one(o, field))
            visit_part(v, ((const struct chosen_list *)field)->items);
        else
            visit_parts(v, o->registry, field);
        break;
    case OPT_NAMES:
        bind_json_names(field, &list);
        v->visit(v->self, v->path.s, list.s, (double)NAN);
        break;
    case OPT_REALS:
        bind_json_reals(reals, false, &list);
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
        if (!bind_is_set(o, bind_field_of(o, in)))
            continue;
        const size_t length = enter(v, o->name);
        visit_field(v, o, bind_field_of(o, in));
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
