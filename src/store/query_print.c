/* What a SELECT answers, printed in one of the formats. */
#include "store/reader.h"

/* The rows from the current one (code = 1) on. */
static int print_rows(struct query *q, sqlite3_stmt *stmt, struct printer *p, int code, size_t *n_rows, struct err *e)
{
    for (; code > 0; code = query_step(q, stmt, e)) {
        printer_row(p, stmt, q->digits);
        ++*n_rows;
    }
    return code;
}

int query_print_part(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                     enum query_format format, FILE *out, const char *section, size_t *n_rows, struct err *e)
{
    sqlite3_stmt *stmt;
    size_t n = 0;
    TRY(query_prepare(q, sql, arguments, n_arguments, &stmt, e));
    int code = query_step(q, stmt, e); /* an error of the first row leaves the output empty */
    struct printer *p = code < 0 ? NULL : printer_of(stmt, q, format, out, section);
    if (code >= 0)
        code = p ? print_rows(q, stmt, p, code, &n, e) : err_set(e, ERR_MEMORY, "out of memory");
    sqlite3_finalize(stmt);
    if (n_rows)
        *n_rows = n;
    const int written = p ? printer_finish(p, e) : 0;
    return code < 0 ? code : written;
}

int query_print(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                enum query_format format, FILE *out, size_t *n_rows, struct err *e)
{
    return query_print_part(q, sql, arguments, n_arguments, format, out, NULL, n_rows, e);
}

int query_print_each(struct query *q, const char *sql, const char *const *values, size_t n, enum query_format format,
                     FILE *out, struct err *e)
{
    struct printer *p = NULL;
    size_t n_rows = 0;
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++) {
        sqlite3_stmt *stmt;
        code = query_prepare(q, sql, &values[i], 1, &stmt, e);
        if (code == 0)
            code = query_step(q, stmt, e);
        if (code >= 0 && !p && !(p = printer_of(stmt, q, format, out, NULL)))
            code = err_set(e, ERR_MEMORY, "out of memory");
        code = print_rows(q, stmt, p, code, &n_rows, e);
        sqlite3_finalize(stmt);
    }
    const int written = p ? printer_finish(p, e) : 0;
    return code < 0 ? code : written;
}
