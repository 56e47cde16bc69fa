/* Inside of the reading half of the store: query.c, query_print.c, guard.c, format.c, digest.c, sections.c, claims.c */
#ifndef TPRUN_STORE_READER_H
#define TPRUN_STORE_READER_H

#include "base/text.h"
#include "store/query.h"
#include "store/rows.h"
#include "store/temp_files.h"
#include <sqlite3.h>
#include <stdint.h>

#define QUERY_STOPPED "the query was stopped after %s of processor time"
#define QUERY_STOPPED_MORE QUERY_STOPPED "; --cpu-seconds allows more"
enum { QUERY_HEAP_MB = 128 }; /* what SQLite may allocate for a statement that is not ours */

struct query {
    sqlite3 *db;
    char *path;
    double cpu_limit;        /* seconds of processor time for a statement */
    double cpu_end;          /* of this process, when the statement that runs is stopped */
    int digits;              /* of numbers in tables for people; 0 = all */
    bool whole_cells;        /* tables for people have what WHERE finds, no short forms of cells */
    bool asks_version;       /* the one PRAGMA, see query_version */
    struct temp_files *temp; /* the account of a reader with limits, or NULL */
    char denied[128];        /* what the authorizer refused last, for the message */
};

/* As query_open, but the views show one study only (0 = all): temporary views of the same names hide the others; and
 * temporary files go to an account (NULL: without one). */
int query_open_study(struct query **q, const char *path, int64_t study, struct temp_files *temp, struct err *e);
/* An empty database in memory, whose views show one study; view: SQL that makes another one, or "". */
int query_open_empty(struct query **q, const char *view, struct temp_files *temp, struct err *e);
/* views.c: the SQL of the view study_<study>: begun, a column for each swept key, and ended. */
void views_begin(struct text *sql, const char *study);
void views_add(struct text *sql, const char *key);
void views_end(struct text *sql, const char *study);
/* Compiles one SELECT and binds its arguments. */
int query_prepare(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                  sqlite3_stmt **stmt, struct err *e);
/* query_print, with the name of the section that the rows are (NULL: they are the whole output). */
int query_print_part(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                     enum query_format format, FILE *out, const char *section, size_t *n_rows, struct err *e);
/* Goes to the next row: 1 = a row, 0 = the end. */
int query_step(struct query *q, sqlite3_stmt *stmt, struct err *e);

/* Seconds of processor time that this process has used. */
double query_cpu_seconds(void);
/* order.c: collations of this connection; SQLite's code. */
int order_register(sqlite3 *db);
/* guard.c: limits, the allow list, the clock. After it, the connection can only read. */
int guard_set(struct query *q, struct err *e);

/* format.c: the rows of a statement through store/rows.h. */
struct printer *printer_of(sqlite3_stmt *stmt, const struct query *q, enum query_format format, FILE *out,
                           const char *section);
/* digits: of numbers, where it is a table for people; 0: all. */
void printer_row(struct printer *p, sqlite3_stmt *stmt, int digits);
/* A column as text: numbers in the shortest form that reads back the same, "" for NULL. */
void format_value(struct text *t, sqlite3_stmt *stmt, int column);

#endif
