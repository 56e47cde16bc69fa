/* What a SELECT gives as numbers: one, one for each seed, or rows of them. */
#include "store/reader.h"

#include <math.h>

/* A column as a finite number. */
static int number_at(sqlite3_stmt *stmt, int column, bool *found, double *value, struct err *e)
{
    const int type = sqlite3_column_type(stmt, column);
    *found = false;
    if (type == SQLITE_NULL)
        return 0;
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        return err_set(e, ERR_USAGE, "the query gives a text, not a number");
    *value = sqlite3_column_double(stmt, column);
    if (!isfinite(*value))
        return err_set(e, ERR_USAGE, "the query gives an infinity");
    *found = true;
    return 0;
}

int query_number(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments, bool *found,
                 double *value, struct err *e)
{
    *found = false;
    sqlite3_stmt *stmt;
    TRY(query_prepare(q, sql, arguments, n_arguments, &stmt, e));
    int code = query_step(q, stmt, e);
    if (code > 0)
        code = number_at(stmt, 0, found, value, e);
    sqlite3_finalize(stmt);
    return code;
}

int query_compile(struct query *q, const char *sql, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(query_prepare(q, sql, NULL, 0, &stmt, e));
    const int n = sqlite3_column_count(stmt);
    sqlite3_finalize(stmt);
    return n <= 2 ? 0 : err_set(e, ERR_USAGE, "it has %d columns; a measure gives (value) or (value, seed)", n);
}

/* The row (value, seed) that stmt is at. */
static int seed_row(sqlite3_stmt *stmt, struct query_value *values, size_t *n, struct err *e)
{
    if (*n == QUERY_MAX_VALUES)
        return err_set(e, ERR_USAGE, "the measure gives more than %d rows", (int)QUERY_MAX_VALUES);
    struct query_value *v = &values[*n];
    if (sqlite3_column_type(stmt, 1) != SQLITE_INTEGER)
        return err_set(e, ERR_USAGE, "the second column of a measure is the seed, an integer");
    v->seed = sqlite3_column_int64(stmt, 1);
    for (size_t i = 0; i < *n; i++)
        if (values[i].seed == v->seed)
            return err_set(e, ERR_USAGE, "the measure gives seed %lld twice", (long long)v->seed);
    TRY(number_at(stmt, 0, &v->found, &v->value, e));
    ++*n;
    return 0;
}

int query_measure(struct query *q, const char *sql, bool *per_seed, struct query_value *values, size_t *n,
                  struct err *e)
{
    sqlite3_stmt *stmt;
    *n = 0;
    TRY(query_prepare(q, sql, NULL, 0, &stmt, e));
    *per_seed = sqlite3_column_count(stmt) == 2;
    int code = query_step(q, stmt, e);
    if (code > 0 && !*per_seed) {
        values[0] = (struct query_value){ .seed = 0 };
        code = number_at(stmt, 0, &values[0].found, &values[0].value, e);
        *n = 1;
        if (code == 0)
            code = query_step(q, stmt, e);
        if (code > 0)
            code = err_set(e, ERR_USAGE,
                           "the measure gives several rows without seeds: it gives one number, or (value, seed) with "
                           "one row for each seed");
    }
    while (code > 0) {
        code = seed_row(stmt, values, n, e);
        if (code == 0)
            code = query_step(q, stmt, e);
    }
    sqlite3_finalize(stmt);
    return code;
}

int query_doubles(struct query *q, const char *sql, const char *const *arguments, size_t n_arguments,
                  int (*row)(void *self, int n, const double *values), void *self, struct err *e)
{
    enum { MAX_COLUMNS = 16 };
    double values[MAX_COLUMNS];
    sqlite3_stmt *stmt;
    TRY(query_prepare(q, sql, arguments, n_arguments, &stmt, e));
    const int n = sqlite3_column_count(stmt);
    int code = n <= MAX_COLUMNS ? query_step(q, stmt, e)
                                : err_set(e, ERR_INTERNAL, "%d columns of numbers, more than %d", n, (int)MAX_COLUMNS);
    while (code > 0) {
        for (int i = 0; i < n; i++) {
            const int type = sqlite3_column_type(stmt, i);
            values[i] = type == SQLITE_INTEGER || type == SQLITE_FLOAT ? sqlite3_column_double(stmt, i) : (double)NAN;
        }
        code = row(self, n, values);
        if (code == 0)
            code = query_step(q, stmt, e);
    }
    sqlite3_finalize(stmt);
    return code;
}
