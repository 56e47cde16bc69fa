#include "data/columns.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const char *const *const x = *(const char *const *const *)a, *const *const y = *(const char *const *const *)b;
    const int order = strcmp(*x, *y);
    return order ? order : (x > y) - (x < y);
}

int columns_check(const char *const *names, size_t n, const char *path, size_t line, struct arena *a, struct err *e)
{
    const char *const **sorted = arena_alloc(a, n, sizeof *sorted);
    if (!sorted)
        return err_set(e, ERR_MEMORY, "%s: no memory for the names of %zu columns", path, n);
    for (size_t i = 0; i < n; i++) {
        if (!*names[i])
            return err_set(e, ERR_FORMAT,
                           "%s:%zu: column %zu (counted from 0) has no name: numbers of the rows, as pandas adds them, "
                           "are no feature: write the file without them (index=False); else give the column a name",
                           path, line, i);
        sorted[i] = &names[i];
    }
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(*sorted[i], *sorted[i - 1]) == 0)
            return err_set(e, ERR_FORMAT,
                           "%s:%zu: columns %zu and %zu (counted from 0) are both called '%s': give each a name of its "
                           "own",
                           path, line, (size_t)(sorted[i - 1] - names), (size_t)(sorted[i] - names), *sorted[i]);
    return 0;
}

int columns_match(const struct array *x, const struct array *first, struct err *e)
{
    for (size_t i = 0; x->columns && first->columns && i < x->dim[1]; i++)
        if (strcmp(x->columns[i], first->columns[i]) != 0)
            return err_set(e, ERR_FORMAT,
                           "%s: its column of numbers %zu (counted from 0) is '%s', and that of the training set's %s "
                           "'%s': bring the columns into one order, under the same names",
                           x->path, i, x->columns[i], first->path, first->columns[i]);
    return 0;
}
