#include "cli/kept.h"

#include "base/clean.h"
#include "trial/parts.h"
#include <string.h>

enum { CLASSES_READ = 1000 }; /* of a variant */

struct teller {
    struct text *out;
    enum kept_form form;
    const char *preset;
};

static void put_place(struct text *line, struct where w, const char *preset)
{
    if (!strcmp(w.source->name, "preset")) /* the text of one of our own rows */
        text_add(line, "preset %s", preset);
    else
        text_add(line, "%s:%zu:%zu", w.source->name, w.line, w.column);
}

static void put_value(struct text *line, const struct node *value)
{
    if (value->kind == NODE_SCALAR)
        text_puts(line, value->text);
    else
        tree_json(value, line);
}

static void put_line(struct text *out, const struct kept_option *o, const char *value, const char *place)
{
    struct text line = { 0 };
    text_add(&line, "    algorithm.%s: %s %s %s: %s, set in %s", o->key, o->part, o->kept ? "keeps" : "drops", o->name,
             value, place);
    if (o->why)
        text_add(&line, " (%s)", o->why);
    clean_terminal(out, line.s, line.n);
    text_putc(out, '\n');
    text_free(&line);
}

static void put_object(struct text *out, const struct kept_option *o, const char *value, const char *place)
{
    const char *const members[][2] = {
        { "part", o->part }, { "option", o->name }, { "value", value }, { "set_in", place }, { "why", o->why }
    };
    struct text key = { 0 };
    text_add(&key, "algorithm.%s", o->key);
    text_puts(out, "{\"key\":");
    text_json_string(out, key.s, key.n);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        text_add(out, ",\"%s\":", members[i][0]);
        if (members[i][1])
            text_json_string(out, members[i][1], strlen(members[i][1]));
        else
            text_puts(out, "null");
    }
    text_add(out, ",\"kept\":%s}", o->kept ? "true" : "false");
    text_free(&key);
}

static void tell(void *self, const struct kept_option *o)
{
    const struct teller *t = self;
    struct text value = { 0 }, place = { 0 }, one = { 0 };
    text_puts(&value, "");
    put_value(&value, o->value);
    put_place(&place, o->where, t->preset);
    (t->form == KEPT_JSON ? put_object : put_line)(&one, o, value.s, place.s);
    if (!t->out->n || !strstr(t->out->s, one.s)) {
        text_puts(t->out, t->form == KEPT_JSON && t->out->n ? "," : "");
        text_puts(t->out, one.s);
    }
    text_free(&one);
    text_free(&place);
    text_free(&value);
}

int kept_add(struct text *out, enum kept_form form, struct plan *p, const struct price_list *l, size_t study,
             size_t variant, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_classes && n < CLASSES_READ; i++) {
        struct plan_trial t;
        if (l->classes[i].study != study || l->classes[i].variant != variant)
            continue;
        TRY(plan_trial(p, study, l->classes[i].trial, &t, e));
        struct teller teller = { out, form, t.config.algorithm.name };
        struct arena a;
        arena_init(&a, 0);
        config_visit_kept(t.spec.tree, &p->cache, &(struct kept_visitor){ tell, &teller }, &a);
        arena_finish(&a);
        n++;
    }
    return 0;
}
