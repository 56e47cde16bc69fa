#include "report/names.h"

#include <string.h>

int names_add(void *self, int n, const char *const *values)
{
    struct names *names = self;
    if (n < 1 || !values[0])
        return 0;
    if (names->n == names->capacity) {
        names->capacity = 2 * names->n + 16;
        const char **items = arena_need(names->a, names->capacity, sizeof *items);
        if (names->n)
            memcpy(items, names->items, names->n * sizeof *items);
        names->items = items;
    }
    names->items[names->n++] = arena_strdup(names->a, values[0]);
    return 0;
}
