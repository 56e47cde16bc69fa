#include "run/mistakes.h"

#include <string.h>

static bool same(const struct err_message *a, const struct err_message *b)
{
    return a->where.source == b->where.source && a->where.line == b->where.line && a->where.column == b->where.column &&
           !strcmp(a->text, b->text);
}

static struct mistake *find(struct mistakes *m, const struct err_message *message)
{
    for (size_t i = 0; i < m->n; i++)
        if (same(&m->items[i].messages.messages[0], message))
            return &m->items[i];
    return NULL;
}

bool mistakes_add(struct mistakes *m, struct err *own, size_t variant, const char *name, const char *cell,
                  struct arena *a)
{
    bool news = false;
    struct mistake *open = NULL; /* takes the notes that follow its error */
    for (size_t i = 0; i < own->n_messages; i++) {
        const struct err_message *message = &own->messages[i];
        if (message->level == ERR_LEVEL_NOTE) {
            if (open)
                err_note(&open->messages, message->where, "%s", message->text);
            continue;
        }
        open = NULL;
        struct mistake *known = find(m, message);
        if (known) {
            known->n_variants += known->last_variant != variant;
            known->last_variant = variant;
        } else if (m->n < MISTAKES_MAX) {
            open = &m->items[m->n++];
            *open = (struct mistake){
                .n_variants = 1, .last_variant = variant, .variant = name, .cell = arena_strdup(a, cell)
            };
            if (message->where.line)
                err_at(&open->messages, message->where, "%s", message->text);
            else
                err_set(&open->messages, own->code, "%s", message->text);
            news = true;
        }
    }
    err_clear(own);
    return news;
}

void mistakes_report(struct mistakes *m, size_t n_variants, struct err *e)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mistake *x = &m->items[i];
        const char *comma = *x->cell ? ", " : "";
        err_move(e, &x->messages);
        if (x->n_variants < n_variants)
            err_note(e, (struct where){ 0 }, "in variant '%s'%s%s", x->variant, comma, x->cell);
        else if (*x->cell)
            err_note(e, (struct where){ 0 }, "in the cell %s", x->cell);
    }
    m->n = 0;
}
