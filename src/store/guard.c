/* What makes a reading connection harmless. SQLITE_OPEN_READONLY is not enough: VACUUM INTO writes files, ATTACH opens
 * others, and fts3_tokenizer() takes a function pointer from SQL. So, after model_distrust: an allow list of actions
 * and functions, sizes and depths limited, and a clock. */
#include "store/reader.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Functions of SQLite that compute from their arguments alone and cannot be made to run long. printf and format are
 * left out: a width of 900,000,000 is one call that no clock interrupts. Sorted, for bsearch. */
/* clang-format off */
static const char *const functions[] = {
    "->", "->>", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "avg", "ceil", "ceiling",
    "char", "coalesce", "cos", "cosh", "count", "cume_dist", "date", "datetime", "degrees", "dense_rank", "exp",
    "first_value", "floor", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "json", "json_array",
    "json_array_length", "json_each", "json_extract", "json_group_array", "json_group_object", "json_object",
    "json_quote", "json_tree", "json_type", "json_valid", "julianday", "lag", "last_value", "lead", "length",
    "like", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif",
    "percent_rank", "pi", "pow", "power", "quote", "radians", "rank", "replace", "round", "row_number", "rtrim",
    "sign", "sin", "sinh", "sqrt", "strftime", "substr", "substring", "sum", "tan", "tanh", "time", "total",
    "trim", "trunc", "typeof", "unicode", "unixepoch", "upper"
};
/* clang-format on */

static int compare(const void *key, const void *element)
{
    return sqlite3_stricmp(key, *(const char *const *)element);
}

static bool function_allowed(const char *name)
{
    return bsearch(name, functions, sizeof functions / sizeof functions[0], sizeof functions[0], compare) != NULL;
}

/* Tables that are windows into the file or the library. */
static bool table_allowed(const char *name)
{
    if (sqlite3_strnicmp(name, "pragma_", 7) == 0)
        return false;
    if (sqlite3_strnicmp(name, "sqlite_", 7) == 0)
        return sqlite3_stricmp(name, "sqlite_master") == 0 || sqlite3_stricmp(name, "sqlite_schema") == 0 ||
               sqlite3_stricmp(name, "sqlite_temp_master") == 0 || sqlite3_stricmp(name, "sqlite_temp_schema") == 0;
    return sqlite3_stricmp(name, "dbstat") != 0;
}

static int deny(struct query *q, const char *what, const char *name)
{
    if (!q->denied[0])
        snprintf(q->denied, sizeof q->denied, "%s%s%s", what, name ? " " : "", name ? name : "");
    return SQLITE_DENY;
}

static int authorize(void *self, int action, const char *first, const char *second, const char *database,
                     const char *inside)
{
    struct query *q = self;
    (void)database;
    (void)inside;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return table_allowed(first ? first : "") ? SQLITE_OK : deny(q, "table", first);
    case SQLITE_FUNCTION:
        return function_allowed(second ? second : "") ? SQLITE_OK : deny(q, "function", second);
    case SQLITE_PRAGMA:
        return q->asks_version ? SQLITE_OK : deny(q, "PRAGMA", first);
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return deny(q, "ATTACH", NULL);
    default:
        return deny(q, "a statement that is not a SELECT", NULL);
    }
}

double query_cpu_seconds(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Processor time, since the answer to a query must not depend on what else a machine does. */
static int progress(void *self)
{
    const struct query *q = self;
    return query_cpu_seconds() > q->cpu_end;
}

int guard_set(struct query *q, struct err *e)
{
    static const struct {
        int limit, value;
    } limits[] = {
        { SQLITE_LIMIT_LENGTH, 1000000 },          { SQLITE_LIMIT_SQL_LENGTH, 100000 },
        { SQLITE_LIMIT_EXPR_DEPTH, 200 },          { SQLITE_LIMIT_COMPOUND_SELECT, 50 },
        { SQLITE_LIMIT_VDBE_OP, 100000 },          { SQLITE_LIMIT_ATTACHED, 0 },
        { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100 }, { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
        { SQLITE_LIMIT_WORKER_THREADS, 0 },        { SQLITE_LIMIT_COLUMN, 500 },
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(q->db, limits[i].limit, limits[i].value);
    /* The table-valued functions of JSON declare their columns by a CREATE TABLE when they are first named, which the
     * allow list would refuse. An SQLite without JSON fails here, and later with a message. */
    sqlite3_exec(q->db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
    const int rc = sqlite3_set_authorizer(q->db, authorize, q);
    if (rc != SQLITE_OK)
        return err_set(e, ERR_STORAGE, "%s: cannot make the connection safe: %s", q->path, sqlite3_errstr(rc));
    sqlite3_progress_handler(q->db, 1000, progress, q);
    return 0;
}
