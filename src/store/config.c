/* Configurations: what trials have in common is stored once, what a trial has of its own beside it. */
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *config_param_text(const struct store_param *p)
{
    if (p->text || isfinite(p->number))
        return p->text; /* `.inf` in a file: a number that the table keeps as text */
    return isnan(p->number) ? "nan" : p->number > 0 ? "inf" : "-inf";
}

int store_put_config(struct store *s, const struct store_config *config, int64_t *id, struct err *e)
{
    TRY(write_begin(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CONFIG, &stmt, e, value_text(config->sha256)));
    if (stmt) {
        *id = sqlite3_column_int64(stmt, 0);
        write_reset(&stmt);
        return 0;
    }
    TRY(WRITE(s, SQL_PUT_CONFIG, NULL, e, value_text(config->sha256), value_text(config->text)));
    *id = sqlite3_last_insert_rowid(s->db);
    for (size_t i = 0; i < config->n_params; i++) {
        const struct store_param *p = &config->params[i];
        const bool own = !p->text && isnan(p->number);
        TRY(WRITE(s, SQL_PUT_CONFIG_PARAM, NULL, e, value_int(*id), value_text(p->key), value_real(p->number),
                  own ? value_null() : value_text(config_param_text(p))));
    }
    return write_end(s, config->n_params + 1, e);
}

static char *copy_column(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? strdup(text) : NULL;
}

/* Reads the rows of param on which stmt stands. */
static int read_params(struct store *s, sqlite3_stmt **stmt, struct store_described *d, struct err *e)
{
    while (*stmt) {
        struct store_param *grown = realloc(d->params, (d->n_params + 1) * sizeof *grown);
        if (!grown)
            return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
        d->params = grown;
        struct store_param *p = &grown[d->n_params++];
        *p = (struct store_param){ .key = copy_column(*stmt, 0), .text = copy_column(*stmt, 2), .number = (double)NAN };
        if (sqlite3_column_type(*stmt, 1) != SQLITE_NULL)
            p->number = sqlite3_column_double(*stmt, 1);
        p->swept = sqlite3_column_int64(*stmt, 3) != 0;
        if (!p->key || (!p->text && sqlite3_column_type(*stmt, 2) != SQLITE_NULL))
            return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
        TRY(write_next(s, stmt, e));
    }
    return 0;
}

int store_describe_trial(struct store *s, int64_t trial, struct store_described *d, struct err *e)
{
    *d = (struct store_described){ 0 };
    TRY(write_check(s, e));
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_DESCRIBE_TRIAL, &stmt, e, value_int(trial)));
    if (!stmt)
        return write_refuse(s, ERR_STORAGE, e, "%s: there is no trial %lld, or no configuration of it", s->path,
                            (long long)trial);
    *d = (struct store_described){ .key = copy_column(stmt, 0),
                                   .variant = copy_column(stmt, 1),
                                   .cell = copy_column(stmt, 2),
                                   .config = copy_column(stmt, 3),
                                   .seed = sqlite3_column_int64(stmt, 4),
                                   .budget = sqlite3_column_int64(stmt, 5) };
    write_reset(&stmt);
    if (!d->key || !d->variant || !d->cell || !d->config)
        return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
    TRY(QUERY(s, SQL_GET_PARAMS, &stmt, e, value_int(trial)));
    return read_params(s, &stmt, d, e);
}

void store_free_described(struct store_described *d)
{
    for (size_t i = 0; i < d->n_params; i++) {
        free((void *)(uintptr_t)d->params[i].key);
        free((void *)(uintptr_t)d->params[i].text);
    }
    free(d->params);
    free(d->key);
    free(d->variant);
    free(d->cell);
    free(d->config);
    *d = (struct store_described){ 0 };
}
