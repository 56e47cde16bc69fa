/* Printing rows as every command prints them: an aligned table, CSV, JSON, ndjson or Markdown. Those of a SELECT go
 * through query_print; this is for rows that were computed. */
#ifndef TPRUN_STORE_ROWS_H
#define TPRUN_STORE_ROWS_H

#include "store/query.h"

struct printer;
enum row_cell { ROW_NULL, ROW_NUMBER, ROW_TEXT };

/* section: the name of the part of a document that the rows are (section_heading goes before them), or NULL: they are
 * all of it. NULL for want of memory. */
struct printer *printer_new(enum query_format format, FILE *out, size_t n, const char *const *names,
                            const char *section);
/* The next cell, s[0..n) and a 0 behind it; a row ends with its n-th. Numbers as text_json_number writes them; "" for
 * ROW_NULL. */
void printer_cell(struct printer *p, enum row_cell type, const char *s, size_t n);
/* Ends the output and frees. ERR_IO when something could not be written, ERR_MEMORY for a table that is too large. */
int printer_finish(struct printer *p, struct err *e);

/* What stands before a section of a document, and after its last one. */
void section_heading(const char *name, bool first, enum query_format format, FILE *out);
void section_end(enum query_format format, FILE *out);

#endif
