#include "cli/kept.h"

#include "base/clean.h"
#include "trial/parts.h"
#include <string.h>

struct teller {
    struct text *lines;
    const char *preset;
};

static void put_place(struct text *line, struct where w, const char *preset)
{
    if (!strcmp(w.source->name, "preset")) /* the text of one of our own rows */
        text_add(line, "preset %s", preset);
    else
        text_add(line, "%s:%zu:%zu", w.source->name, w.line, w.column);
}

static void tell(void *self, const struct kept_option *o)
{
    const struct teller *t = self;
    struct text line = { 0 };
    text_add(&line, "    algorithm.%s: %s %s %s: ", o->key, o->part, o->kept ? "keeps" : "drops", o->name);
    if (o->value->kind == NODE_SCALAR)
        text_puts(&line, o->value->text);
    else
        tree_json(o->value, &line);
    text_puts(&line, ", set in ");
    put_place(&line, o->where, t->preset);
    if (o->why)
        text_add(&line, " (%s)", o->why);
    struct text shown = { 0 };
    clean_terminal(&shown, line.s, line.n);
    text_putc(&shown, '\n');
    if (!t->lines->n || !strstr(t->lines->s, shown.s))
        text_puts(t->lines, shown.s);
    text_free(&shown);
    text_free(&line);
}

void kept_add(struct text *lines, struct plan *p, const struct plan_trial *t)
{
    struct teller teller = { lines, t->config.algorithm.name };
    struct arena a;
    arena_init(&a, 0);
    config_visit_kept(t->spec.tree, &p->cache, &(struct kept_visitor){ tell, &teller }, &a);
    arena_finish(&a);
}
