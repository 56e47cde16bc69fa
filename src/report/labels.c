#include "report/labels.h"

#include <string.h>

/* A dotted key of the file is maps in maps, whose path has quotes about some names: 'keys.train.optimizer.stepsize'. */
static const char sql_labels[] =
    "SELECT replace(substr(l.fullkey, 1 + length('$.labels.')), '\"', ''), l.value FROM study s, "
    "json_tree(CASE WHEN json_valid(s.spec) THEN s.spec ELSE '{}' END, '$.labels') l "
    "WHERE s.name = ?1 AND l.atom IS NOT NULL ORDER BY l.fullkey";

struct reading {
    struct labels *l;
    struct arena *a;
    size_t capacity;
};

static int add(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    struct labels *l = r->l;
    const char *dot = n >= 2 && values[0] && values[1] ? strchr(values[0], '.') : NULL;
    if (!dot)
        return 0;
    if (l->n == r->capacity) {
        r->capacity = 2 * l->n + 16;
        struct label *items = arena_need(r->a, r->capacity, sizeof *items);
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
    }
    l->items[l->n++] = (struct label){ arena_strndup(r->a, values[0], (size_t)(dot - values[0])),
                                       arena_strdup(r->a, dot + 1), arena_strdup(r->a, values[1]) };
    return 0;
}

int labels_load(struct labels *l, struct query *q, struct arena *a, const char *study, struct err *e)
{
    struct reading r = { .l = l, .a = a };
    *l = (struct labels){ 0 };
    return query_rows(q, sql_labels, &study, 1, add, &r, e);
}

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n == m ? !strcmp(name, end) : n > m && name[n - m - 1] == '.' && !strcmp(name + n - m, end);
}

const char *labels_find(const struct labels *l, const char *kind, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].kind, kind) && ends_in(name, l->items[i].name))
            return l->items[i].shown;
    return NULL;
}
