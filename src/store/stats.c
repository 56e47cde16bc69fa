/* Statistics that SQLite lacks, as aggregate functions of the writing connection, and the tables made with them. */
#include "stat/moments.h"
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>

/* The finite values of a group. They are kept: a group has as many as there are seeds. */
struct sample {
    size_t n, capacity;
    double *values;
};

static void sample_step(sqlite3_context *context, int n, sqlite3_value **argument)
{
    (void)n;
    if (sqlite3_value_type(argument[0]) == SQLITE_NULL)
        return;
    struct sample *x = sqlite3_aggregate_context(context, sizeof *x);
    if (!x) {
        sqlite3_result_error_nomem(context);
        return;
    }
    if (x->n == x->capacity) {
        const size_t capacity = 2 * x->capacity + 8;
        double *values = capacity > SIZE_MAX / sizeof *values ? NULL : realloc(x->values, capacity * sizeof *values);
        if (!values) {
            sqlite3_result_error_nomem(context);
            return;
        }
        x->values = values;
        x->capacity = capacity;
    }
    x->values[x->n++] = sqlite3_value_double(argument[0]);
}

static struct moments sample_moments(const struct sample *x)
{
    struct moments m = { 0 };
    for (size_t i = 0; i < x->n; i++)
        moments_add(&m, x->values[i]);
    return m;
}

static void result(sqlite3_context *context, double value)
{
    if (isfinite(value))
        sqlite3_result_double(context, value);
    else
        sqlite3_result_null(context);
}

static void sd_final(sqlite3_context *context)
{
    struct sample *x = sqlite3_aggregate_context(context, 0);
    const struct moments m = x ? sample_moments(x) : (struct moments){ 0 };
    result(context, moments_sd(&m)); /* NaN, and so NULL, below two values */
    if (x)
        free(x->values);
}

/* Half the 95 % confidence interval of the mean. */
static void half_width_final(sqlite3_context *context)
{
    struct sample *x = sqlite3_aggregate_context(context, 0);
    const struct moments m = x ? sample_moments(x) : (struct moments){ 0 };
    result(context, moments_half_width(&m));
    if (x)
        free(x->values);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b; /* finite: the store holds no NaN */
    return (x > y) - (x < y);
}

static void median_final(sqlite3_context *context)
{
    struct sample *x = sqlite3_aggregate_context(context, 0);
    if (x && x->n > 0) {
        qsort(x->values, x->n, sizeof *x->values, by_value);
        result(context, 0.5 * x->values[(x->n - 1) / 2] + 0.5 * x->values[x->n / 2]);
    }
    if (x)
        free(x->values);
}

int stats_register(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    int rc = sqlite3_create_function_v2(db, "tprun_sd", 1, flags, NULL, NULL, sample_step, sd_final, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "tprun_median", 1, flags, NULL, NULL, sample_step, median_final, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "tprun_half_width", 1, flags, NULL, NULL, sample_step, half_width_final,
                                        NULL);
    return rc;
}

int stats_refresh(struct store *s, int64_t study, struct err *e)
{
    TRY(study_forget_tables(s, study, e));
    s->forgotten = 0;
    TRY(curves_refresh(s, study, e));
    TRY(WRITE(s, SQL_PUT_FINAL_STATS, NULL, e, value_int(study)));
    TRY(WRITE(s, SQL_PUT_SELECTED_STATS, NULL, e, value_int(study)));
    return WRITE(s, SQL_PUT_COMPARISONS, NULL, e, value_int(study));
}
