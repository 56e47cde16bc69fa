#include "store/table.h"

#include "base/clean.h"
#include "base/terminal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    t->cells[t->n_cells++] = (struct table_cell){ .at = t->texts.n, .number = number };
    clean_terminal(&t->texts, s, n);
    text_putc(&t->texts, '\0');
    return t->texts.n + t->n_cells * sizeof *t->cells < TABLE_MAX;
}

bool table_add_swept(struct table *t, const char *s)
{
    const bool fits = table_add(t, s, strlen(s), false);
    if (fits)
        t->cells[t->n_cells - 1].swept = true;
    return fits;
}

enum { GAP = 2, LEAST_COLUMN = 10 };

struct layout {
    size_t n, *widths;
    bool *numeric; /* a column of numbers has its heading on the right */
};

static const char *text_of(const struct table *t, size_t cell)
{
    return t->texts.s + t->cells[cell].at;
}

static void measure(const struct table *t, struct layout *l)
{
    for (size_t i = 0; i < t->n_cells; i++) {
        const size_t width = clean_width(text_of(t, i));
        l->widths[i % l->n] = width > l->widths[i % l->n] ? width : l->widths[i % l->n];
        l->numeric[i % l->n] = l->numeric[i % l->n] || t->cells[i].number;
    }
}

static size_t total(const struct layout *l)
{
    size_t sum = GAP * (l->n - 1);
    for (size_t i = 0; i < l->n; i++)
        sum += l->widths[i];
    return sum;
}

/* Takes from the widest column of text until the table fits. False if it cannot. */
static bool narrow(struct layout *l, size_t width)
{
    for (size_t sum = total(l); sum > width; sum--) {
        size_t widest = l->n;
        for (size_t i = 0; i < l->n; i++)
            if (!l->numeric[i] && l->widths[i] > LEAST_COLUMN && (widest == l->n || l->widths[i] > l->widths[widest]))
                widest = i;
        if (widest == l->n)
            return false;
        l->widths[widest]--;
    }
    return true;
}

/* The part of *s that a line of the column takes; *s moves behind it. */
static void put_part(struct text *line, const char **s, size_t width, bool right, bool last)
{
    const size_t n = terminal_take(*s, width);
    struct text part = { 0 };
    text_put(&part, *s, n);
    text_puts(&part, "");
    *s += n;
    *s += strspn(*s, " ");
    const size_t pad = width - clean_width(part.s);
    if (right)
        text_add(line, "%*s", (int)pad, "");
    text_puts(line, part.s);
    if (!right && !last)
        text_add(line, "%*s", (int)pad, "");
    if (!last)
        text_puts(line, "  ");
    text_free(&part);
}

static bool any_left(const char **rest, size_t n)
{
    bool left = false;
    for (size_t i = 0; i < n; i++)
        left |= *rest[i] != '\0';
    return left;
}

static void put_rows(const struct table *t, const struct layout *l, const char **rest, FILE *out)
{
    struct text line = { 0 };
    for (size_t row = 0; row < t->n_cells / l->n; row++) {
        for (size_t i = 0; i < l->n; i++)
            rest[i] = text_of(t, row * l->n + i);
        do {
            for (size_t i = 0; i < l->n; i++)
                put_part(&line, &rest[i], l->widths[i], row == 0 ? l->numeric[i] : t->cells[row * l->n + i].number,
                         i + 1 == l->n);
            while (line.n > 0 && line.s[line.n - 1] == ' ') /* behind an empty cell */
                line.n--;
            text_putc(&line, '\n');
        } while (any_left(rest, l->n));
        fwrite(line.s, 1, line.n, out); /* ferror is read at the end */
        text_clear(&line);
    }
    text_free(&line);
}

/* Too many columns for the terminal: a block for each row, without what is empty in it. */
static void put_blocks(const struct table *t, const struct layout *l, size_t width, FILE *out)
{
    size_t wide = 0;
    for (size_t i = 0; i < l->n; i++)
        wide = clean_width(text_of(t, i)) > wide ? clean_width(text_of(t, i)) : wide;
    wide = wide + GAP > width / 2 ? width / 2 : wide + GAP;
    struct text line = { 0 };
    for (size_t i = l->n; i < t->n_cells; i++) {
        const char *name = text_of(t, i % l->n), *value = text_of(t, i);
        if (i % l->n == 0 && i > l->n)
            text_putc(&line, '\n');
        while (*value) {
            put_part(&line, &name, wide - GAP, false, false);
            put_part(&line, &value, width - wide, false, true);
            text_putc(&line, '\n');
        }
        fwrite(line.s, 1, line.n, out); /* ferror is read at the end */
        text_clear(&line);
    }
    text_free(&line);
}

/* A cell of the sweep in a column, and its short form. */
struct swept {
    size_t column, cell;
    const char *whole, *shorter;
};

static int by_shorter(const void *x, const void *y)
{
    const struct swept *a = x, *b = y;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    const int differ = strcmp(a->shorter, b->shorter);
    return differ ? differ : strcmp(a->whole, b->whole);
}

static size_t collect_swept(const struct table *t, struct swept *all, struct arena *a)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_cells; i++) {
        struct text shorter = { 0 };
        if (!t->cells[i].swept)
            continue;
        table_short_cell(&shorter, text_of(t, i));
        all[n++] = (struct swept){ i % t->n_columns, i, arena_strdup(a, text_of(t, i)), arena_strdup(a, shorter.s) };
        text_free(&shorter);
    }
    qsort(all, n, sizeof *all, by_shorter);
    return n;
}

/* Cells of the sweep take their short forms, but those whose short form would mean two. */
static void shorten(struct table *t, struct arena *a)
{
    struct swept *all = arena_need(a, t->n_cells + 1, sizeof *all);
    const size_t n = collect_swept(t, all, a);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && all[end].column == all[i].column && !strcmp(all[end].shorter, all[i].shorter);)
            end++;
        if (strcmp(all[i].whole, all[end - 1].whole) != 0)
            continue;
        for (size_t k = i; k < end; k++)
            t->cells[all[k].cell] = (struct table_cell){ .at = t->texts.n };
        text_put(&t->texts, all[i].shorter, strlen(all[i].shorter) + 1);
    }
}

void table_print(struct table *t, FILE *out)
{
    struct arena a;
    arena_init(&a, 0);
    struct layout l = { .n = t->n_columns };
    const int width = out == stdout ? terminal_width(STDOUT_FILENO) : 0;
    l.widths = arena_need(&a, l.n, sizeof *l.widths);
    l.numeric = arena_need(&a, l.n, sizeof *l.numeric);
    shorten(t, &a);
    measure(t, &l);
    if (width > 0 && !narrow(&l, (size_t)width))
        put_blocks(t, &l, (size_t)width, out);
    else
        put_rows(t, &l, arena_need(&a, l.n, sizeof(char *)), out);
    arena_finish(&a);
}

/* ---- cells of a sweep ---- */

/* "a.b.c=": the length of the key at s, 0 if there is none. */
static size_t key_length(const char *s)
{
    const size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return s[n] == '=' ? n : 0;
}

/* Whether another key of the cell than the one at `own` ends in `tail`, after a dot or from its beginning. */
static bool another_ends(const char *cell, const char *own, const char *tail, size_t n)
{
    for (const char *s = cell; s; s = strstr(s, ", ") ? strstr(s, ", ") + 2 : NULL) {
        const size_t length = key_length(s);
        if (s != own && length >= n && strncmp(s + length - n, tail, n) == 0 &&
            (length == n || s[length - n - 1] == '.'))
            return true;
    }
    return false;
}

void table_short_cell(struct text *out, const char *cell)
{
    for (const char *s = cell; *s;) {
        const size_t length = key_length(s);
        const char *start = s, *next = strstr(s, ", "), *tail = s + length;
        for (bool again = length > 0; again;) {
            tail--;
            while (tail > s && tail[-1] != '.')
                tail--;
            again = tail > s &&
                    ((*tail >= '0' && *tail <= '9') || another_ends(cell, s, tail, length - (size_t)(tail - s)));
        }
        s = tail;
        const size_t n = next ? (size_t)(next + 2 - s) : strlen(s),
                     value = length ? (size_t)(start + length + 1 - s) : 0;
        const size_t digits = next ? (size_t)(next - s) - value : n - value;
        double number;
        if (length && digits > 7 && text_to_double(s + value, digits, &number) == 0)
            text_add(out, "%.*s%.6g%s", (int)value, s, number, next ? ", " : "");
        else
            text_put(out, s, n);
        s += n;
    }
    text_puts(out, "");
}

static bool means(const char *cell, const char *given, bool whole)
{
    struct text shorter = { 0 };
    table_short_cell(&shorter, cell);
    const bool found =
        whole ? !strcmp(cell, given) || !strcmp(shorter.s, given) : strstr(cell, given) || strstr(shorter.s, given);
    text_free(&shorter);
    return found;
}

bool table_cell_is(const char *cell, const char *given)
{
    return means(cell, given, true);
}

bool table_cell_has(const char *cell, const char *given)
{
    return means(cell, given, false);
}

void table_free(struct table *t)
{
    free(t->cells);
    text_free(&t->texts);
    *t = (struct table){ 0 };
}
