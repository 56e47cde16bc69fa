/* Printing rows: an aligned table, CSV (RFC 4180), JSON, one JSON object per line, Markdown. */
#include "store/rows.h"

#include "base/clean.h"
#include "base/terminal.h"
#include "store/reader.h"
#include "store/table.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct printer {
    enum query_format format;
    FILE *out;
    const char *section; /* or NULL, see query_print_section */
    size_t n, n_rows;    /* columns, whole rows so far */
    size_t column;       /* of the present row */
    struct text *names;  /* n, as they are written */
    struct text line;
    struct table table;
    bool too_large;   /* the table */
    bool whole_cells; /* see struct query */
};

static enum row_cell type_of(sqlite3_stmt *stmt, int column)
{
    const int type = sqlite3_column_type(stmt, column);
    return type == SQLITE_NULL ? ROW_NULL : type == SQLITE_INTEGER || type == SQLITE_FLOAT ? ROW_NUMBER : ROW_TEXT;
}

void format_value(struct text *t, sqlite3_stmt *stmt, int column)
{
    text_puts(t, "");
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        text_add(t, "%lld", (long long)sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_FLOAT: {
        const double value = sqlite3_column_double(stmt, column);
        if (isfinite(value))
            text_json_number(t, value);
        else /* never stored, but an expression may give one */
            text_puts(t, value > 0 ? "inf" : "-inf");
        break;
    }
    case SQLITE_BLOB: {
        const unsigned char *bytes = sqlite3_column_blob(stmt, column);
        for (int i = 0; i < sqlite3_column_bytes(stmt, column); i++)
            text_add(t, "%02x", bytes[i]);
        break;
    }
    default: {
        const char *s = (const char *)sqlite3_column_text(stmt, column);
        if (s)
            text_put(t, s, (size_t)sqlite3_column_bytes(stmt, column));
        break;
    }
    }
}

/* Infinities are numbers, but not of JSON. */
static void put_json(struct text *t, enum row_cell type, const char *s, size_t n)
{
    if (type == ROW_NULL || (type == ROW_NUMBER && s[*s == '-'] == 'i'))
        text_puts(t, "null");
    else if (type == ROW_NUMBER)
        text_put(t, s, n);
    else
        clean_json(t, s, n);
}

static void flush_line(struct printer *p)
{
    fwrite(p->line.s, 1, p->line.n, p->out); /* ferror is read at the end */
    text_clear(&p->line);
}

static bool is_taken(const struct printer *p, const char *name, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++)
        if (!strcmp(p->names[i].s, name))
            return true;
    return p->section && !strcmp(name, "section");
}

/* Whoever reads by names loses a column whose name has been used before: the second `seed` is seed_2, or the next that
 * no other column has. */
static void make_names_unique(struct printer *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!is_taken(p, p->names[i].s, i))
            continue;
        struct text name = { 0 };
        for (size_t number = 2; name.n == 0 || is_taken(p, name.s, p->n); number++) {
            text_clear(&name);
            text_add(&name, "%s_%zu", p->names[i].s, number);
        }
        text_free(&p->names[i]);
        p->names[i] = name;
    }
}

/* Once, not for each row. */
static void quote_names(struct printer *p)
{
    for (size_t i = 0; i < p->n && p->format != FORMAT_TABLE; i++) {
        struct text name = p->names[i], *quoted = &p->names[i];
        *quoted = (struct text){ 0 };
        if (p->format == FORMAT_CSV)
            clean_csv(quoted, name.s, name.n);
        else if (p->format == FORMAT_MARKDOWN)
            clean_markdown(quoted, name.s);
        else
            clean_json(quoted, name.s, name.n);
        text_free(&name);
    }
}

static void put_heading(struct printer *p)
{
    struct text *line = &p->line;
    text_puts(line, p->format == FORMAT_MARKDOWN ? "|" : "");
    for (size_t i = 0; i < p->n; i++) {
        const struct text *name = &p->names[i];
        if (p->format == FORMAT_TABLE) {
            p->too_large |= !table_add(&p->table, name->s, name->n, false);
        } else if (p->format == FORMAT_CSV && !p->section) {
            text_puts(line, i ? "," : "");
            text_put(line, name->s, name->n);
        } else if (p->format == FORMAT_MARKDOWN) {
            text_putc(line, ' ');
            text_put(line, name->s, name->n);
            text_puts(line, " |");
        }
    }
    if (p->format == FORMAT_CSV && !p->section)
        text_puts(line, "\r\n");
    if (p->format == FORMAT_MARKDOWN)
        text_puts(line, "\n|");
    for (size_t i = 0; i < p->n && p->format == FORMAT_MARKDOWN; i++)
        text_puts(line, " --- |");
    text_puts(line, p->format == FORMAT_MARKDOWN ? "\n" : p->format == FORMAT_JSON ? "[" : "");
    flush_line(p);
}

struct printer *printer_new(enum query_format format, FILE *out, size_t n, const char *const *names,
                            const char *section)
{
    struct printer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->format = format;
    p->out = out;
    p->section = section;
    p->n = p->table.n_columns = n;
    p->names = calloc(n, sizeof *p->names);
    if (!p->names) {
        free(p);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        clean_terminal(&p->names[i], names[i] ? names[i] : "", names[i] ? strlen(names[i]) : 0);
    if (format == FORMAT_CSV || format == FORMAT_JSON || format == FORMAT_NDJSON)
        make_names_unique(p);
    quote_names(p);
    put_heading(p);
    return p;
}

static void begin_row(struct printer *p)
{
    if (p->format == FORMAT_JSON)
        text_puts(&p->line, p->n_rows ? ",\n {" : "\n {");
    if (p->format == FORMAT_NDJSON)
        text_puts(&p->line, "{");
    if (p->format == FORMAT_NDJSON && p->section)
        text_add(&p->line, "\"section\": \"%s\", ", p->section);
    if (p->format == FORMAT_MARKDOWN)
        text_puts(&p->line, "|");
}

static void end_row(struct printer *p)
{
    static const char *const ends[] = { "", "\r\n", "}", "}\n", "\n" };
    text_puts(&p->line, p->format == FORMAT_CSV && p->section ? "" : ends[p->format]);
    flush_line(p);
    p->n_rows++;
    p->column = 0;
}

/* For people: six digits of a number, and of a cell's keys what tells them apart, unless the query is their own. Other
 * formats have all of both. */
static bool put_table_cell(struct printer *p, const char *name, enum row_cell type, const char *s, size_t n)
{
    struct text t = { 0 };
    double value;
    if (type == ROW_TEXT && !p->whole_cells && strcmp(name, "cell") == 0)
        return table_add_swept(&p->table, s);
    if (type == ROW_NUMBER && n > 7 && strcspn(s, ".e") < n && text_to_double(s, n, &value) == 0)
        text_add(&t, "%.6g", value);
    else
        text_put(&t, s, n);
    const bool fits = table_add(&p->table, t.s, t.n, type == ROW_NUMBER);
    text_free(&t);
    return fits;
}

void printer_cell(struct printer *p, enum row_cell type, const char *s, size_t n)
{
    struct text *line = &p->line;
    const struct text *name = &p->names[p->column];
    if (p->column == 0)
        begin_row(p);
    switch (p->format) {
    case FORMAT_TABLE:
        p->too_large = p->too_large || !put_table_cell(p, name->s, type, s, n);
        break;
    case FORMAT_CSV:
        if (p->section) { /* a line for each cell */
            text_add(line, "%s,%zu,", p->section, p->n_rows + 1);
            text_put(line, name->s, name->n);
        }
        text_puts(line, p->column || p->section ? "," : "");
        if (type == ROW_NUMBER)
            text_put(line, s, n);
        else
            clean_csv(line, s, n);
        text_puts(line, p->section ? "\r\n" : "");
        break;
    case FORMAT_MARKDOWN:
        text_putc(line, ' ');
        clean_markdown_bytes(line, s, n);
        text_puts(line, " |");
        break;
    case FORMAT_JSON:
    case FORMAT_NDJSON:
        text_puts(line, p->column ? ", " : "");
        text_put(line, name->s, name->n);
        text_puts(line, ": ");
        put_json(line, type, s, n);
        break;
    }
    if (++p->column == p->n)
        end_row(p);
}

struct printer *printer_of(sqlite3_stmt *stmt, const struct query *q, enum query_format format, FILE *out,
                           const char *section)
{
    const size_t n = (size_t)sqlite3_column_count(stmt);
    const char **names = calloc(n, sizeof *names);
    for (size_t i = 0; names && i < n; i++)
        names[i] = sqlite3_column_name(stmt, (int)i);
    struct printer *p = names ? printer_new(format, out, n, names, section) : NULL;
    if (p)
        p->whole_cells = q->whole_cells;
    free(names);
    return p;
}

void printer_row(struct printer *p, sqlite3_stmt *stmt, int digits)
{
    struct text value = { 0 };
    for (int i = 0; i < (int)p->n; i++) {
        text_clear(&value);
        if (digits && p->format == FORMAT_TABLE && sqlite3_column_type(stmt, i) == SQLITE_FLOAT)
            text_add(&value, "%.*g", digits, sqlite3_column_double(stmt, i));
        else
            format_value(&value, stmt, i);
        printer_cell(p, type_of(stmt, i), value.s, value.n);
    }
    text_free(&value);
}

int printer_finish(struct printer *p, struct err *e)
{
    if (p->format == FORMAT_TABLE && !p->too_large)
        table_print(&p->table, p->out);
    if (p->format == FORMAT_JSON)
        fputs(p->n_rows ? "\n]" : "]", p->out);
    if (p->format == FORMAT_JSON && !p->section)
        fputs("\n", p->out);
    int code = 0;
    if (p->too_large)
        code = err_set(e, ERR_MEMORY,
                       "the result is too large for a table (%d MB); csv and ndjson are written as they come",
                       (int)(TABLE_MAX >> 20));
    else if ((fflush(p->out) != 0 || ferror(p->out)) && !(p->out == stdout && terminal_reader_left(STDOUT_FILENO)))
        code = err_set(e, ERR_IO, "cannot write the result: %s", strerror(errno));
    for (size_t i = 0; i < p->n; i++)
        text_free(&p->names[i]);
    free(p->names);
    text_free(&p->line);
    table_free(&p->table);
    free(p);
    return code;
}
