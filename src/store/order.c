/* The collation tprun_cells: names of cells in the order of their numbers, "stepsize=2" before "stepsize=10". */
#include "store/reader.h"

#include <string.h>

/* How long the value is that begins at s[at]. */
static int value_length(const char *s, int at, int n)
{
    int i = at;
    while (i < n && s[i] != ',')
        i++;
    return i - at;
}

static int compare_bytes(const char *a, int n, const char *b, int m)
{
    const int shared = n < m ? n : m, order = memcmp(a, b, (size_t)shared);
    return order ? order : (n > m) - (n < m);
}

/* Both are equal up to a '='; what follows are numbers, or words, which come after them. */
static int compare_values(const char *a, int n, const char *b, int m)
{
    double x = 0, y = 0;
    const bool is_x = text_to_double(a, (size_t)n, &x) == 0, is_y = text_to_double(b, (size_t)m, &y) == 0;
    if (is_x != is_y)
        return is_x ? -1 : 1;
    if (is_x && x != y)
        return x < y ? -1 : 1;
    return compare_bytes(a, n, b, m);
}

static int compare(void *unused, int n, const void *left, int m, const void *right)
{
    (void)unused;
    const char *a = left, *b = right;
    for (int i = 0; i < n && i < m; i++) {
        if (a[i] != b[i])
            return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        if (a[i] != '=')
            continue;
        const int p = value_length(a, i + 1, n), q = value_length(b, i + 1, m);
        const int order = compare_values(a + i + 1, p, b + i + 1, q);
        if (order)
            return order;
        i += p; /* equal values are equal texts */
    }
    return (n > m) - (n < m);
}

int order_register(sqlite3 *db)
{
    return sqlite3_create_collation_v2(db, "tprun_cells", SQLITE_UTF8, NULL, compare, NULL);
}
