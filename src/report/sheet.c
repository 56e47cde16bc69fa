#include "report/sheet.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void sheet_column(struct sheet *s, const char *name, bool shown)
{
    assert(s->n_columns < SHEET_COLUMNS);
    s->names[s->n_columns] = name;
    s->shown[s->n_columns++] = shown;
}

static void put(struct sheet *s, enum row_cell type, const char *text)
{
    const bool shown = s->shown[s->at];
    s->at = (s->at + 1) % s->n_columns;
    if (!shown)
        return;
    text_putc(&s->cells, (char)('0' + (int)type));
    text_put(&s->cells, text, strlen(text) + 1);
}

void sheet_text(struct sheet *s, const char *text)
{
    put(s, text ? ROW_TEXT : ROW_NULL, text ? text : "");
}

void sheet_number(struct sheet *s, double value)
{
    struct text number = { 0 };
    if (s->format == FORMAT_TABLE)
        text_add(&number, "%.6g", value == 0 ? 0.0 : value);
    else
        text_json_number(&number, value);
    put(s, isfinite(value) ? ROW_NUMBER : ROW_NULL, isfinite(value) ? number.s : "");
    text_free(&number);
}

void sheet_int(struct sheet *s, int64_t n)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, n);
    put(s, ROW_NUMBER, number);
}

int sheet_print(const struct sheet *s, FILE *out, const char *section, struct err *e)
{
    const char *names[SHEET_COLUMNS];
    size_t n = 0;
    for (size_t i = 0; i < s->n_columns; i++)
        if (s->shown[i])
            names[n++] = s->names[i];
    const bool machine = s->format != FORMAT_TABLE && s->format != FORMAT_MARKDOWN;
    struct printer *p = printer_new(s->format, out, n, names, machine ? section : NULL);
    if (!p)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < s->cells.n;) {
        const enum row_cell type = (enum row_cell)(s->cells.s[i] - '0');
        const char *text = s->cells.s + i + 1;
        const size_t length = strlen(text);
        printer_cell(p, type, text, length);
        i += length + 2;
    }
    return printer_finish(p, e);
}

void sheet_free(struct sheet *s)
{
    text_free(&s->cells);
}
