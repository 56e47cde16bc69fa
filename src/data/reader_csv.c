/* CSV (RFC 4180): a record a line, fields between delimiters, quoted ones with "" for a quote, in which line feeds and
 * delimiters are text. Blanks around a number are skipped, blank lines are not records, a byte order mark is none. */
#include "data/reader.h"

#include "base/text.h"
#include "data/columns.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_FIELD = 4096, MAX_CLASSES = 10000 };

/* ---- fields ---- */

struct csv {
    const char *p, *end, *path;
    char delimiter;
    size_t line, column;   /* of the field that was read: line from 1, column from 0 */
    char field[MAX_FIELD]; /* 0-terminated, blanks at its ends skipped unless quoted */
    size_t length;
    bool quoted, last; /* last: of its record */
    bool begun;        /* a record was begun */
    struct err *e;
};

static int fault(const struct csv *c, const char *what)
{
    return err_set(c->e, ERR_FORMAT, "%s:%zu: field %zu (counted from 0): %s", c->path, c->line, c->column, what);
}

static int put(struct csv *c, char ch)
{
    if (c->length + 1 == sizeof c->field)
        return fault(c, "longer than 4095 bytes");
    if (ch == 0)
        return fault(c, "a NUL byte: no text");
    c->field[c->length++] = ch;
    return 0;
}

static int read_quoted(struct csv *c, size_t *lines)
{
    c->quoted = true;
    for (c->p++;; c->p++) {
        if (c->p == c->end)
            return fault(c, "a quote that is not closed");
        if (*c->p == '"' && (c->p + 1 == c->end || c->p[1] != '"'))
            break;
        c->p += *c->p == '"';
        *lines += *c->p == '\n';
        TRY(put(c, *c->p));
    }
    c->p++;
    while (c->p < c->end && *c->p == ' ')
        c->p++;
    if (c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r')
        return fault(c, "text behind the closing quote");
    return 0;
}

static bool is_blank(const struct csv *c, char ch)
{
    return ch == ' ' || (ch == '\t' && c->delimiter != '\t');
}

static int read_plain(struct csv *c)
{
    while (c->p < c->end && *c->p != c->delimiter && *c->p != '\n' && *c->p != '\r')
        TRY(put(c, *c->p++));
    while (c->length > 0 && is_blank(c, c->field[c->length - 1]))
        c->length--;
    return 0;
}

/* Blank lines; true if a record follows. */
static bool next_record(struct csv *c)
{
    while (c->p < c->end && (*c->p == '\n' || *c->p == '\r'))
        c->line += *c->p++ == '\n';
    return c->p < c->end;
}

/* Reads the next field of the record that was begun. */
static int next_field(struct csv *c)
{
    size_t lines = 0;
    c->length = 0;
    c->quoted = false;
    while (c->p < c->end && is_blank(c, *c->p))
        c->p++;
    TRY(c->p < c->end && *c->p == '"' ? read_quoted(c, &lines) : read_plain(c));
    c->field[c->length] = 0;
    c->last = c->p == c->end || *c->p != c->delimiter;
    c->line += lines; /* messages of a field name the line on which it ends */
    if (!c->last)
        c->p++;
    return 0;
}

static struct csv begin(const uint8_t *bytes, size_t n, const struct reading *r, struct err *e)
{
    const char *text = (const char *)bytes;
    const size_t mark = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    static const char delimiters[] = { [CSV_COMMA] = ',', [CSV_SEMICOLON] = ';', [CSV_TAB] = '\t' };
    const size_t length = strlen(r->path);
    const bool tsv = length > 4 && strcasecmp(r->path + length - 4, ".tsv") == 0;
    return (struct csv){ .p = text + mark,
                         .end = text + n,
                         .path = r->path,
                         .delimiter = tsv ? '\t' : delimiters[r->delimiter],
                         .line = 1,
                         .e = e };
}

/* ---- the table ---- */

struct table {
    const struct reading *r;
    struct arena *a;
    size_t rows, columns;
    bool header;
    const char **names; /* [columns], with a header */
    size_t label;       /* column of labels; SIZE_MAX: none */
    double *numbers;    /* [rows][columns without labels] */
    double *labels;     /* [rows], numbers or the places of words */
    struct class_words words;
    bool worded; /* labels are words; decided by the first */
};

static bool is_number(const struct csv *c, double *value)
{
    return text_to_double(c->field, c->length, value) == 0;
}

/* Numbers that count the columns may be their names, or a sample: the file has to say which. */
static int refuse_count(const struct csv *c, size_t n)
{
    static const char ask[] = "as pandas writes them? Say csv: {header: no}, or {header: yes}";
    return n == 1
               ? err_set(c->e, ERR_FORMAT, "%s:%zu: the first record is 0: is it a sample, or the name of a column, %s",
                         c->path, c->line, ask)
               : err_set(c->e, ERR_FORMAT,
                         "%s:%zu: the numbers of the first record count, from 0 to %zu: are they a sample, or names "
                         "of columns, %s",
                         c->path, c->line, n - 1, ask);
}

/* Whether the first record names the columns, and how many there are. */
static int read_first(struct csv c, struct table *t)
{
    size_t numbers = 0;
    bool counts = true;
    double ignored;
    if (!next_record(&c))
        return err_set(c.e, ERR_FORMAT, "%s: no records", c.path);
    struct csv again = c;
    do {
        TRY(next_field(&c));
        if (is_number(&c, &ignored)) {
            char place[24];
            snprintf(place, sizeof place, "%zu", numbers++);
            counts = counts && strcmp(c.field, place) == 0;
        }
        t->columns++;
        c.column++;
    } while (!c.last);
    const bool alone = t->columns == 1 && t->r->role == READ_NUMBERS; /* a class 0 is no doubt a label */
    if (t->r->header == CSV_HEADER_AUTO && counts && (numbers > 1 || (numbers == 1 && alone)))
        return refuse_count(&c, numbers);
    t->header = t->r->header == CSV_HEADER_YES || (t->r->header == CSV_HEADER_AUTO && numbers == 0);
    t->names = t->header ? arena_alloc(t->a, t->columns, sizeof *t->names) : NULL;
    for (size_t i = 0; t->names && i < t->columns; i++) {
        TRY(next_field(&again));
        t->names[i] = arena_strdup(t->a, again.field);
    }
    return t->names ? columns_check(t->names, t->columns, c.path, c.line, t->a, c.e) : 0;
}

/* The column of labels: a name of the header, or a number from 0; negative ones count from the end. */
static int find_label(struct table *t, struct err *e)
{
    const char *label = t->r->label;
    int64_t n;
    t->label = SIZE_MAX;
    if (t->r->role == READ_LABELS && t->columns == 1)
        t->label = 0;
    if (!label)
        return 0;
    for (size_t i = 0; t->names && i < t->columns; i++)
        if (strcmp(t->names[i], label) == 0) {
            t->label = i;
            return 0;
        }
    if (text_to_int(label, strlen(label), &n) == 0 && n < (int64_t)t->columns && n >= -(int64_t)t->columns) {
        t->label = n < 0 ? t->columns - (size_t)-n : (size_t)n;
        return 0;
    }
    struct text known = { 0 };
    for (size_t i = 0; t->names && i < t->columns && i < 30; i++)
        text_add(&known, "%s%s", i ? ", " : ": ", t->names[i]);
    const int code = err_set(e, ERR_FORMAT, "%s: no column '%s' among its %zu%s", t->r->path, label, t->columns,
                             known.s ? known.s : "; without a header columns are numbered from 0, or -1 is the last");
    text_free(&known);
    return code;
}

static int count_rows(struct csv c, struct table *t)
{
    size_t n = 0;
    while (next_record(&c)) {
        size_t columns = 0;
        c.column = 0;
        do {
            TRY(next_field(&c));
            columns++;
            c.column++;
        } while (!c.last);
        if (columns != t->columns)
            return err_set(c.e, ERR_FORMAT, "%s:%zu: %zu fields; the first record has %zu", c.path, c.line, columns,
                           t->columns);
        n++;
    }
    t->rows = n - (t->header ? 1 : 0);
    if (t->rows == 0)
        return err_set(c.e, ERR_FORMAT, "%s: a header and no record", c.path);
    return 0;
}

static bool is_missing(const struct csv *c)
{
    static const char *const words[] = { "", "na", "n/a", "nan", ".nan", "null", "none", "?" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(c->field, words[i]) == 0)
            return true;
    return false;
}

static const char *column_name(const struct table *t, const struct csv *c)
{
    return t->names ? arena_printf(t->a, " '%s'", t->names[c->column]) : "";
}

static int refuse(const struct table *t, const struct csv *c, const char *what)
{
    return err_set(c->e, ERR_FORMAT, "%s:%zu: column %zu%s: %s", c->path, c->line, c->column, column_name(t, c), what);
}

static int read_number(const struct table *t, const struct csv *c, double *out)
{
    if (is_missing(c))
        return refuse(t, c, "the value is missing; fill it or leave the row out");
    if (!is_number(c, out))
        return refuse(t, c, arena_printf(t->a, "'%s' is no number", c->field));
    if (!isfinite(*out))
        return refuse(t, c, "a value that is not finite; fill it or leave the row out");
    return text_is_decimal(c->field, c->length)
               ? 0
               : refuse(t, c, arena_printf(t->a, "'%s' is no decimal number", c->field));
}

/* The place of a word among those met so far, in the order in which they came. */
static int read_word(struct table *t, const struct csv *c, double *out)
{
    struct class_words *w = &t->words;
    if (c->length == 0)
        return refuse(t, c, "the label is missing; fill it or leave the row out");
    if (is_missing(c) && !c->quoted)
        return refuse(t, c,
                      arena_printf(t->a,
                                   "the label '%s' tells of a missing one; fill it, leave the row out, or write it in "
                                   "quotes if it is a class",
                                   c->field));
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->items[i], c->field) == 0) {
            *out = (double)i;
            return 0;
        }
    if (t->r->known)
        return refuse(t, c, arena_printf(t->a, "label '%s' is none of the training set's", c->field));
    if (w->n == MAX_CLASSES)
        return refuse(t, c, "more than 10000 different labels: are they classes? For numbers say labels: real");
    w->items[w->n++] = arena_strdup(t->a, c->field);
    *out = (double)(w->n - 1);
    return 0;
}

static int read_label(struct table *t, const struct csv *c, size_t row)
{
    double *out = &t->labels[row];
    if (row == 0) {
        double ignored;
        const bool known = t->r->known && t->r->known->n > 0;
        t->worded = t->r->classes && (known || !(t->r->known || is_number(c, &ignored)));
        t->words.items = arena_alloc(t->a, MAX_CLASSES, sizeof *t->words.items);
        if (!t->words.items)
            return err_set(c->e, ERR_MEMORY, "%s: no memory for the labels", c->path);
        if (known) {
            memcpy(t->words.items, t->r->known->items, t->r->known->n * sizeof *t->words.items);
            t->words.n = t->r->known->n;
        }
    }
    return t->worded ? read_word(t, c, out) : read_number(t, c, out);
}

static int read_rows(struct csv c, struct table *t)
{
    const size_t per_row = t->columns - (t->label != SIZE_MAX);
    size_t row = 0;
    for (bool skip = t->header; next_record(&c); skip = false) {
        c.column = 0;
        for (size_t at = 0;; c.column++) {
            TRY(next_field(&c));
            if (skip)
                ;
            else if (c.column == t->label)
                TRY(read_label(t, &c, row));
            else
                TRY(read_number(t, &c, &t->numbers[row * per_row + at++]));
            if (c.last)
                break;
        }
        row += !skip;
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Classes are numbered in the order of their words, not in that of the rows. */
static int sort_words(struct table *t, struct err *e)
{
    struct class_words *w = &t->words;
    if (!t->worded || t->r->known)
        return 0;
    const char **sorted = arena_alloc(t->a, w->n, sizeof *sorted);
    double *place = arena_alloc(t->a, w->n, sizeof *place);
    if (!sorted || !place)
        return err_set(e, ERR_MEMORY, "%s: no memory for the labels", t->r->path);
    memcpy(sorted, w->items, w->n * sizeof *sorted);
    qsort(sorted, w->n, sizeof *sorted, by_text);
    for (size_t i = 0; i < w->n; i++) {
        const char **found = bsearch(&w->items[i], sorted, w->n, sizeof *sorted, by_text);
        place[i] = (double)(found - sorted);
    }
    for (size_t i = 0; i < t->rows; i++)
        t->labels[i] = place[(size_t)t->labels[i]];
    w->items = sorted;
    return 0;
}

static struct array column_array(const struct table *t, const double *numbers, size_t columns)
{
    return (struct array){ .path = t->r->path,
                           .at = (const uint8_t *)numbers,
                           .type = NUMBER_F8,
                           .rank = columns == 0 ? 1 : 2,
                           .dim = { t->rows, columns } };
}

/* The names of the columns without that of the labels. */
static const char *const *input_names(struct table *t)
{
    for (size_t i = t->label; t->names && i < t->columns - 1; i++)
        t->names[i] = t->names[i + 1];
    return t->names;
}

int csv_read(const uint8_t *bytes, size_t n, const struct reading *r, struct data_file *f, struct arena *a,
             struct err *e)
{
    struct table t = { .r = r, .a = a };
    const struct csv c = begin(bytes, n, r, e);
    TRY(read_first(c, &t));
    TRY(find_label(&t, e));
    TRY(count_rows(c, &t));
    const size_t per_row = t.columns - (t.label != SIZE_MAX);
    if (per_row == 0 && r->role == READ_NUMBERS)
        return err_set(e, ERR_FORMAT, "%s: no column beside that of the labels", r->path);
    size_t all;
    t.labels = t.label == SIZE_MAX ? NULL : arena_alloc(a, t.rows, sizeof *t.labels);
    t.numbers = __builtin_mul_overflow(t.rows, per_row, &all) ? NULL : arena_alloc(a, all, sizeof *t.numbers);
    if (!t.numbers || (t.label != SIZE_MAX && !t.labels))
        return err_set(e, ERR_MEMORY, "%s: no memory for %zu x %zu numbers", r->path, t.rows, t.columns);
    TRY(read_rows(c, &t));
    TRY(sort_words(&t, e));
    if (t.labels)
        f->labels = column_array(&t, t.labels, 0);
    if (r->label && t.names)
        f->label = t.names[t.label];
    if (per_row > 0) {
        struct array *numbers = r->role == READ_LABELS ? &f->labels : &f->numbers;
        *numbers = column_array(&t, t.numbers, per_row);
        numbers->columns = input_names(&t);
    }
    if (t.worded)
        f->words = t.words;
    return 0;
}

static int open_csv(const struct reading *r, struct data_file *f, struct arena *a, struct err *e)
{
    return csv_read(f->map.bytes, f->map.n, r, f, a, e);
}

static const char *const endings[] = { ".csv", ".tsv", ".txt", NULL };
extern const struct reader_def reader_csv;
const struct reader_def reader_csv = {
    .name = "csv", .help = "text, a record a line, with or without a header", .endings = endings, .open = open_csv
};
