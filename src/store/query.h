/* Reading results.db: read-only, allow-listed, bounded. */
#ifndef TPRUN_STORE_QUERY_H
#define TPRUN_STORE_QUERY_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum query_format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, FORMAT_NDJSON, FORMAT_MARKDOWN };
extern const char *const query_format_names[]; /* "table", "csv", "json", "ndjson", "md", NULL */

/* For SQL that is not ours: bounded.h. */
struct query_limits {
    double cpu_seconds; /* of one statement */
    int64_t temp_bytes; /* all temporary files together */
};

struct query;
/* Opens an existing database read-only (never immutable). Errors: no such file, nothing in it yet,
 * not a tprun database, another schema than this program's. */
int query_open(struct query **q, const char *path, struct err *e);
/* The same errors without opening, but neither an older version nor an empty file is one: for a command that will open
 * the database for writing, or can do without. */
int query_check(const char *path, bool *empty, struct err *e);
void query_close(struct query *q);
/* Processor time of a statement; an hour unless set: the statements of this program are known, and what a database of
 * others makes of them ends all the same. */
void query_set_cpu_limit(struct query *q, double seconds);
/* Significant digits of numbers in tables for people (FORMAT_TABLE), all unless set. Other formats always have all. */
void query_set_digits(struct query *q, int digits);
/* A number that is another one when somebody else has committed to the file since it was asked last. Only numbers of
 * one connection can be compared. */
int query_version(struct query *q, int64_t *version, struct err *e);
/* ERR_IO if the file was removed, or another one has its name, since it was opened. */
int query_check_place(struct query *q, struct err *e);
/* Runs one SELECT (allow-listed authorizer, sqlite3_stmt_readonly, 1 MB values, limited time) with text parameters
 * and prints the rows. n_rows may be NULL. */
int query_print(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                enum query_format format, FILE *out, size_t *n_rows, struct err *e);
/* One output of the rows of a SELECT with one parameter, for each of n > 0 values. */
int query_print_each(struct query *q, const char *sql, const char *const *values, size_t n, enum query_format format,
                     FILE *out, struct err *e);
/* Several results of the same arguments as one output, each under its name (a-z and _): in tables and Markdown a
 * heading, and empty ones are left out; in JSON a member of one object; in ndjson the member "section" of each row; in
 * CSV a line for each cell: section,row,name,value. The list is closed by a name NULL. */
struct query_section {
    const char *name, *sql;
};
int query_print_sections(struct query *q, const struct query_section *sections, const char *const *arguments,
                         size_t n_arguments, enum query_format format, FILE *out, struct err *e);
/* The first column of the first row as a number; found = false for no row or NULL. */
int query_number(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments, bool *found,
                 double *value, struct err *e);
/* The rows of a measure: one (value), or (value, seed) with every seed once. */
struct query_value {
    bool found; /* false: NULL */
    double value;
    int64_t seed; /* 0 without the column */
};
enum { QUERY_MAX_VALUES = 10000 };
/* values: for up to QUERY_MAX_VALUES. */
int query_measure(struct query *q, const char *sql, bool *per_seed, struct query_value *values, size_t *n,
                  struct err *e);
/* Whether a measure compiles, and has the right number of columns. */
int query_compile(struct query *q, const char *sql, struct err *e);
/* Calls row for every row with texts of its columns (NULL for NULL). */
int query_rows(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
               int (*row)(void *self, int n, const char *const *values), void *self, struct err *e);
/* The same with numbers, NaN for NULL and texts; 16 columns at most. Many times faster where there are many rows. */
int query_doubles(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                  int (*row)(void *self, int n, const double *values), void *self, struct err *e);

/* The version of SQLite. */
const char *query_library(void);

/* SHA-256 over the deterministic content ("Identical" in docs/reliability.md), ordered by natural key. */
int query_digest(struct query *q, char hex[65], struct err *e);

#endif
