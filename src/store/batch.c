/* Rows that come with every log, one at a time, and are inserted many at once. */
#include "store/writer.h"

#include <string.h>

static const struct {
    enum statement one, many;
    /* Of a row that may have been there: is it equal? NULL: it takes the place of the older one. */
    int (*compare)(struct store *s, const struct value row[BATCH_COLUMNS], struct err *e);
} tables[N_BATCHES] = {
    [BATCH_PROGRESS] = { SQL_PUT_PROGRESS, SQL_PUT_PROGRESSES, NULL },
    [BATCH_LAYER_METRIC] = { SQL_REPEAT_LAYER_METRIC, SQL_REPEAT_LAYER_METRICS, metric_compare_layer },
};

static int insert(struct store *s, enum batch_table table, size_t from, size_t n, struct err *e)
{
    const struct batch *b = &s->batches[table];
    int changes = 0;
    TRY(write_exec(s, n > 1 ? tables[table].many : tables[table].one, b->values[from], n * BATCH_COLUMNS, &changes, e));
    for (size_t i = from; i < from + n && tables[table].compare && (size_t)changes < n; i++)
        TRY(tables[table].compare(s, b->values[i], e));
    return 0;
}

static int drain(struct store *s, enum batch_table table, struct err *e)
{
    struct batch *b = &s->batches[table];
    const size_t n = b->n;
    b->n = 0;
    if (n == BATCH_ROWS)
        return insert(s, table, 0, n, e);
    for (size_t i = 0; i < n; i++)
        TRY(insert(s, table, i, 1, e));
    return 0;
}

int batch_add(struct store *s, enum batch_table table, const struct value row[BATCH_COLUMNS], struct err *e)
{
    struct batch *b = &s->batches[table];
    memcpy(b->values[b->n++], row, sizeof *b->values);
    return b->n == BATCH_ROWS ? drain(s, table, e) : 0;
}

int batch_drain(struct store *s, struct err *e)
{
    for (enum batch_table i = 0; i < N_BATCHES; i++)
        TRY(drain(s, i, e));
    return 0;
}
