#include "cli/ids.h"

#include <stdlib.h>

static int add(void *self, int n, const double *values)
{
    struct ids *ids = self;
    if (ids->n == ids->capacity) {
        const size_t capacity = ids->capacity ? 2 * ids->capacity : 256;
        int64_t *grown = realloc(ids->items, capacity * sizeof *grown);
        if (!grown)
            return ERR_MEMORY;
        ids->items = grown;
        ids->capacity = capacity;
    }
    if (n > 0)
        ids->items[ids->n++] = (int64_t)values[0];
    return 0;
}

int ids_select(struct ids *ids, struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
               struct err *e)
{
    return query_doubles(q, sql, arguments, n_arguments, add, ids, e);
}

void ids_free(struct ids *ids)
{
    free(ids->items);
    *ids = (struct ids){ 0 };
}
