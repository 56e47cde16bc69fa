#include "report/labels.h"

#include <string.h>

static const char sql_labels[] =
    "SELECT k.key, l.key, l.value FROM study s, json_each(CASE WHEN json_valid(s.spec) "
    "THEN s.spec ELSE '{}' END, '$.labels') k, json_each(CASE k.type WHEN 'object' THEN k.value ELSE '{}' END) l "
    "WHERE s.name = ?1 AND k.type = 'object' AND l.type = 'text' ORDER BY k.key, l.key";

struct reading {
    struct labels *l;
    struct arena *a;
    size_t capacity;
};

static int add(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct labels *l = r->l;
    if (n < 3 || !values[0] || !values[1] || !values[2])
        return 0;
    if (l->n == r->capacity) {
        r->capacity = 2 * l->n + 16;
        struct label *items = arena_need(r->a, r->capacity, sizeof *items);
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
    }
    l->items[l->n++] =
        (struct label){ arena_strdup(r->a, values[0]), arena_strdup(r->a, values[1]), arena_strdup(r->a, values[2]) };
    return 0;
}

int labels_read(struct labels *l, struct query *q, struct arena *a, const char *study, struct err *e)
{
    struct reading r = { .l = l, .a = a };
    *l = (struct labels){ 0 };
    return query_rows(q, sql_labels, &study, 1, add, &r, e);
}

const char *labels_find(const struct labels *l, const char *kind, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].kind, kind) && !strcmp(l->items[i].name, name))
            return l->items[i].shown;
    return NULL;
}
