/* Rows that were computed, for store/rows.h: columns that are chosen once, and cells one after the other. */
#ifndef TPRUN_REPORT_SHEET_H
#define TPRUN_REPORT_SHEET_H

#include "base/text.h"
#include "store/rows.h"
#include <stddef.h>
#include <stdint.h>

enum { SHEET_COLUMNS = 40 };
/* Zero-initialise with the format; sheet_free. Numbers of a table are for people, of the other formats exact. */
struct sheet {
    enum query_format format;
    size_t n_columns, at; /* at: the column of the next cell */
    const char *names[SHEET_COLUMNS];
    bool shown[SHEET_COLUMNS];
    struct text cells; /* for each: its type as a byte, its text, 0 */
};

/* The next column. name: of static lifetime. */
void sheet_column(struct sheet *s, const char *name, bool shown);
/* The next cell; one of a column that is not shown is left out. NULL is ROW_NULL. */
void sheet_text(struct sheet *s, const char *text);
/* ROW_NULL if it is not finite. */
void sheet_number(struct sheet *s, double value);
void sheet_int(struct sheet *s, int64_t n);
/* Prints the rows; section: NULL, or the name of this part of a document. */
int sheet_print(const struct sheet *s, FILE *out, const char *section, struct err *e);
void sheet_free(struct sheet *s);

#endif
