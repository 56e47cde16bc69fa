/* Statistics that SQLite lacks, as aggregate functions of the writing connection, and the tables made with them. */
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

/* sqrt(sum (x - mean)^2 / (n - 1)), two passes; needs n >= 2. */
static double sample_sd(const struct sample *x)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; i < x->n; i++)
        mean += (x->values[i] - mean) / (double)(i + 1);
    for (size_t i = 0; i < x->n; i++)
        squares += (x->values[i] - mean) * (x->values[i] - mean);
    return sqrt(squares / (double)(x->n - 1));
}

/* The 0.975 quantile of Student's t with n - 1 degrees of freedom: tabulated to 30, then Cornish and Fisher's expansion
 * about the normal quantile z, Abramowitz and Stegun (26.7.5), good to 1e-5 there. */
static double student_quantile(size_t n)
{
    static const double table[] = { 12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836, 2.446911851,
                                    2.364624252,  2.306004135, 2.262157163, 2.228138852, 2.200985160, 2.178812830,
                                    2.160368656,  2.144786688, 2.131449546, 2.119905299, 2.109815578, 2.100922040,
                                    2.093024054,  2.085963447, 2.079613845, 2.073873068, 2.068657610, 2.063898562,
                                    2.059538553,  2.055529439, 2.051830516, 2.048407142, 2.045229642, 2.042272456 };
    const size_t degrees = n - 1;
    if (degrees <= sizeof table / sizeof table[0])
        return table[degrees - 1];
    const double z = 1.959963984540054, v = (double)degrees;
    const double z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v);
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
    if (x && x->n >= 2)
        result(context, sample_sd(x));
    if (x)
        free(x->values);
}

/* Half the 95 % confidence interval of the mean. */
static void half_width_final(sqlite3_context *context)
{
    struct sample *x = sqlite3_aggregate_context(context, 0);
    if (x && x->n >= 2)
        result(context, student_quantile(x->n) * sample_sd(x) / sqrt((double)x->n));
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

/* One group of trials at a time: sorting its rows by step needs little memory, where a whole study may have tens of
 * millions. */
static int put_curves(struct store *s, int64_t study, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_GROUPS, &stmt, e, value_int(study)));
    while (stmt) {
        TRY(WRITE(s, SQL_PUT_CURVE_STATS, NULL, e, value_int(study),
                  value_text((const char *)sqlite3_column_text(stmt, 0)),
                  value_text((const char *)sqlite3_column_text(stmt, 1))));
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

int stats_refresh(struct store *s, int64_t study, struct err *e)
{
    TRY(study_forget_statistics(s, study, e));
    s->forgotten = 0;
    TRY(put_curves(s, study, e));
    TRY(WRITE(s, SQL_PUT_FINAL_STATS, NULL, e, value_int(study)));
    TRY(WRITE(s, SQL_PUT_SELECTED_STATS, NULL, e, value_int(study)));
    return WRITE(s, SQL_PUT_COMPARISONS, NULL, e, value_int(study));
}
