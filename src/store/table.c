#include "store/table.h"

#include "base/clean.h"
#include <stdlib.h>

bool table_add(struct table *t, const char *s, size_t n, bool number)
{
    if (t->n_cells == t->capacity) {
        const size_t capacity = 2 * t->capacity + 64;
        struct table_cell *cells = realloc(t->cells, capacity * sizeof *cells);
        if (!cells)
            return false;
        t->cells = cells;
        t->capacity = capacity;
    }
    t->cells[t->n_cells++] = (struct table_cell){ t->texts.n, number };
    clean_terminal(&t->texts, s, n);
    text_putc(&t->texts, '\0');
    return t->texts.n + t->n_cells * sizeof *t->cells < TABLE_MAX;
}

static void put_padded(struct text *line, const char *s, size_t to, bool right, bool last)
{
    const size_t pad = to - clean_width(s);
    if (right)
        text_add(line, "%*s", (int)pad, "");
    text_puts(line, s);
    if (!right && !last)
        text_add(line, "%*s", (int)pad, "");
    text_puts(line, last ? "\n" : "  ");
}

void table_print(const struct table *t, FILE *out)
{
    const size_t n = t->n_columns;
    struct arena a;
    arena_init(&a, 0);
    size_t *widths = arena_need(&a, n, sizeof *widths);
    bool *numeric = arena_need(&a, n, sizeof *numeric); /* a column of numbers has its heading on the right */
    for (size_t i = 0; i < t->n_cells; i++) {
        const size_t width = clean_width(t->texts.s + t->cells[i].at);
        widths[i % n] = width > widths[i % n] ? width : widths[i % n];
        numeric[i % n] = numeric[i % n] || t->cells[i].number;
    }
    struct text line = { 0 };
    for (size_t i = 0; i < t->n_cells; i++) {
        const bool right = i < n ? numeric[i] : t->cells[i].number;
        put_padded(&line, t->texts.s + t->cells[i].at, widths[i % n], right, i % n == n - 1);
        if (i % n < n - 1)
            continue;
        fwrite(line.s, 1, line.n, out); /* ferror is read at the end */
        text_clear(&line);
    }
    text_free(&line);
    arena_finish(&a);
}

void table_free(struct table *t)
{
    free(t->cells);
    text_free(&t->texts);
    *t = (struct table){ 0 };
}
