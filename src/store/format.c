/* Printing rows: an aligned table, CSV (RFC 4180), JSON, one JSON object per line, Markdown. */
#include "store/reader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cell {
    size_t at; /* in `cells`, 0-terminated */
    bool number;
};

struct printer {
    enum query_format format;
    FILE *out;
    int n; /* columns */
    size_t n_rows;
    bool terminal; /* out is one: control bytes are escaped in every format */
    struct text line;
    struct text *names; /* n */
    /* The table is kept until its widths are known. */
    struct text cells;
    struct cell *rows; /* n_rows * n */
    size_t capacity;   /* in cells */
    bool failed;       /* out of memory */
};

/* Valid UTF-8: a byte that is none becomes U+FFFD. With `escape`, control characters are shown as \n, \t, \xHH, so that
 * a text of a specification cannot steer a terminal. */
static void put_clean(struct text *t, const char *s, size_t n, bool escape)
{
    const unsigned char *u = (const unsigned char *)s;
    for (size_t i = 0; i < n;) {
        const size_t length = text_utf8_length(s + i, n - i);
        const bool c1 = length == 2 && u[i] == 0xC2 && u[i + 1] < 0xA0;
        if (length == 0) {
            text_puts(t, "\xEF\xBF\xBD");
            i++;
            continue;
        }
        if (escape && u[i] == '\n')
            text_puts(t, "\\n");
        else if (escape && u[i] == '\t')
            text_puts(t, "\\t");
        else if (escape && (u[i] < 0x20 || u[i] == 0x7F || c1))
            text_add(t, "\\x%02x", c1 ? u[i + 1] : u[i]);
        else
            text_put(t, s + i, length);
        i += length;
    }
}

static bool is_number(sqlite3_stmt *stmt, int column)
{
    const int type = sqlite3_column_type(stmt, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static void put_hex(struct text *t, const unsigned char *bytes, int n)
{
    for (int i = 0; i < n; i++)
        text_add(t, "%02x", bytes[i]);
}

void format_value(struct text *t, sqlite3_stmt *stmt, int column)
{
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
        put_hex(t, bytes, sqlite3_column_bytes(stmt, column));
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

/* RFC 4180: quotes around a field that has a quote, a comma or a line break; quotes doubled. */
static void put_csv(struct printer *p, const char *s, size_t n)
{
    struct text clean = { 0 };
    put_clean(&clean, s, n, p->terminal);
    const char *field = clean.s ? clean.s : "";
    const bool quoted = clean.n && (memchr(field, '"', clean.n) || memchr(field, ',', clean.n) ||
                                    memchr(field, '\n', clean.n) || memchr(field, '\r', clean.n));
    if (quoted)
        text_putc(&p->line, '"');
    for (size_t i = 0; i < clean.n; i++) {
        if (field[i] == '"')
            text_putc(&p->line, '"');
        text_putc(&p->line, field[i]);
    }
    if (quoted)
        text_putc(&p->line, '"');
    text_free(&clean);
}

static void put_markdown(struct printer *p, const char *s, size_t n)
{
    struct text clean = { 0 };
    put_clean(&clean, s, n, true);
    for (size_t i = 0; i < clean.n; i++) {
        if (clean.s[i] == '|')
            text_putc(&p->line, '\\');
        text_putc(&p->line, clean.s[i]);
    }
    text_free(&clean);
}

static void put_json_text(struct text *t, const char *s, size_t n)
{
    struct text clean = { 0 };
    put_clean(&clean, s, n, false);
    text_json_string(t, clean.s ? clean.s : "", clean.n);
    text_free(&clean);
}

static void put_json(struct printer *p, sqlite3_stmt *stmt, int column)
{
    struct text value = { 0 };
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_NULL:
        text_puts(&p->line, "null");
        break;
    case SQLITE_FLOAT:
        text_json_number(&p->line, sqlite3_column_double(stmt, column)); /* null for an infinity */
        break;
    case SQLITE_INTEGER:
        format_value(&p->line, stmt, column);
        break;
    default:
        format_value(&value, stmt, column);
        put_json_text(&p->line, value.s ? value.s : "", value.n);
        text_free(&value);
        break;
    }
}

static void flush_line(struct printer *p)
{
    if (p->line.n)
        fwrite(p->line.s, 1, p->line.n, p->out); /* ferror is read at the end */
    text_clear(&p->line);
}

struct printer *printer_new(enum query_format format, FILE *out, sqlite3_stmt *stmt)
{
    struct printer *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->format = format;
    p->out = out;
    p->n = sqlite3_column_count(stmt);
    const int fd = fileno(out);
    p->terminal = fd >= 0 && isatty(fd);
    p->names = calloc((size_t)p->n, sizeof *p->names);
    if (!p->names) {
        free(p);
        return NULL;
    }
    for (int i = 0; i < p->n; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        name = name ? name : "";
        put_clean(&p->names[i], name, strlen(name), format == FORMAT_TABLE || format == FORMAT_MARKDOWN || p->terminal);
        if (!p->names[i].s)
            text_puts(&p->names[i], "");
    }
    for (int i = 0; i < p->n && (format == FORMAT_CSV || format == FORMAT_MARKDOWN); i++) {
        if (format == FORMAT_CSV) {
            text_puts(&p->line, i ? "," : "");
            put_csv(p, p->names[i].s, p->names[i].n);
        } else {
            text_puts(&p->line, i ? " | " : "| ");
            put_markdown(p, p->names[i].s, p->names[i].n);
        }
    }
    if (format == FORMAT_CSV)
        text_puts(&p->line, "\r\n");
    if (format == FORMAT_MARKDOWN) {
        text_puts(&p->line, " |\n|");
        for (int i = 0; i < p->n; i++)
            text_puts(&p->line, " --- |");
        text_puts(&p->line, "\n");
    }
    if (format == FORMAT_JSON)
        text_puts(&p->line, "[");
    flush_line(p);
    return p;
}

static void keep_row(struct printer *p, sqlite3_stmt *stmt)
{
    const size_t need = (p->n_rows + 1) * (size_t)p->n;
    if (need > p->capacity) {
        const size_t capacity = 2 * need + 64;
        struct cell *rows = capacity > SIZE_MAX / sizeof *rows ? NULL : realloc(p->rows, capacity * sizeof *rows);
        if (!rows) {
            p->failed = true;
            return;
        }
        p->rows = rows;
        p->capacity = capacity;
    }
    for (int i = 0; i < p->n; i++) {
        p->rows[p->n_rows * (size_t)p->n + (size_t)i] = (struct cell){ p->cells.n, is_number(stmt, i) };
        struct text value = { 0 };
        format_value(&value, stmt, i);
        put_clean(&p->cells, value.s, value.n, true);
        text_putc(&p->cells, '\0');
        text_free(&value);
    }
}

void printer_row(struct printer *p, sqlite3_stmt *stmt)
{
    if (p->failed)
        return;
    if (p->format == FORMAT_TABLE)
        keep_row(p, stmt);
    if (p->format == FORMAT_JSON)
        text_puts(&p->line, p->n_rows ? ",\n {" : "\n {");
    if (p->format == FORMAT_NDJSON)
        text_puts(&p->line, "{");
    if (p->format == FORMAT_MARKDOWN)
        text_puts(&p->line, "| ");
    for (int i = 0; i < p->n; i++) {
        struct text value = { 0 };
        switch (p->format) {
        case FORMAT_CSV:
            text_puts(&p->line, i ? "," : "");
            format_value(&value, stmt, i);
            put_csv(p, value.s, value.n);
            break;
        case FORMAT_MARKDOWN:
            text_puts(&p->line, i ? " | " : "");
            format_value(&value, stmt, i);
            put_markdown(p, value.s, value.n);
            break;
        case FORMAT_JSON:
        case FORMAT_NDJSON:
            text_puts(&p->line, i ? ", " : "");
            put_json_text(&p->line, p->names[i].s, p->names[i].n);
            text_puts(&p->line, ": ");
            put_json(p, stmt, i);
            break;
        case FORMAT_TABLE:
            break;
        }
        text_free(&value);
    }
    static const char *const ends[] = { "", "\r\n", "}", "}\n", " |\n" };
    text_puts(&p->line, ends[p->format]);
    flush_line(p);
    p->n_rows++;
}

/* Characters, not bytes. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void put_padded(struct printer *p, const char *s, size_t to, bool right, bool last)
{
    const size_t pad = to - width(s);
    if (right)
        text_add(&p->line, "%*s", (int)pad, "");
    text_puts(&p->line, s);
    if (!right && !last)
        text_add(&p->line, "%*s", (int)pad, "");
    if (!last)
        text_puts(&p->line, "  ");
}

static void print_table(struct printer *p)
{
    const size_t n = (size_t)p->n;
    size_t *widths = calloc(n, sizeof *widths);
    bool *numeric = calloc(n, sizeof *numeric);
    if (!widths || !numeric)
        p->failed = true;
    for (size_t i = 0; !p->failed && i < n; i++) {
        widths[i] = width(p->names[i].s);
        for (size_t r = 0; r < p->n_rows; r++) {
            const struct cell c = p->rows[r * n + i];
            const size_t w = width(p->cells.s + c.at);
            widths[i] = w > widths[i] ? w : widths[i];
            numeric[i] = numeric[i] || c.number;
        }
    }
    for (size_t i = 0; !p->failed && i < n; i++)
        put_padded(p, p->names[i].s, widths[i], numeric[i], i + 1 == n);
    for (size_t r = 0; !p->failed && r < p->n_rows; r++) {
        text_puts(&p->line, "\n");
        for (size_t i = 0; i < n; i++) {
            const struct cell c = p->rows[r * n + i];
            put_padded(p, p->cells.s + c.at, widths[i], c.number, i + 1 == n);
        }
        if (p->line.n > 65536)
            flush_line(p);
    }
    text_puts(&p->line, "\n");
    flush_line(p);
    free(widths);
    free(numeric);
}

int printer_finish(struct printer *p, struct err *e)
{
    if (p->format == FORMAT_TABLE)
        print_table(p);
    if (p->format == FORMAT_JSON)
        fputs(p->n_rows ? "\n]\n" : "]\n", p->out);
    int code = 0;
    if (p->failed)
        code = err_set(e, ERR_MEMORY,
                       "out of memory: the result is too large for a table; csv and ndjson are written as they come");
    else if (fflush(p->out) != 0 || ferror(p->out))
        code = err_set(e, ERR_IO, "cannot write the result: %s", strerror(errno));
    for (int i = 0; i < p->n; i++)
        text_free(&p->names[i]);
    free(p->names);
    text_free(&p->line);
    text_free(&p->cells);
    free(p->rows);
    free(p);
    return code;
}
