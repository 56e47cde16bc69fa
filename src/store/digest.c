/* SHA-256 over what depends on the specification and the build alone. Which columns those are is read from _doc (class
 * "deterministic"), in the order of their names; rows come in the order of natural keys, so neither row ids nor the
 * order of writing matters. */
#include "store/reader.h"

#include "base/hash.h"
#include <math.h>
#include <string.h>

/* x is the table itself. The joins replace its row ids by natural keys; nested in this order, indexes give the rows
 * sorted. */
static const struct {
    const char *table, *from, *key;
} tables[] = {
    { "study", "study x", "x.name" },
    { "dataset", "dataset x", "x.name, x.sha256" },
    { "claim", "study s CROSS JOIN claim x ON x.study_id = s.id", "s.name, x.id" },
    { "config", "config x", "x.sha256" },
    { "config_param", "config c CROSS JOIN config_param x ON x.config_id = c.id", "c.sha256, x.key" },
    { "trial", "trial x CROSS JOIN study s ON s.id = x.study_id CROSS JOIN config c ON c.id = x.config_id",
      "x.key, s.name, c.sha256" },
    { "param", "trial t CROSS JOIN param x ON x.trial_id = t.id", "t.key, x.key" },
    { "metric", "trial t CROSS JOIN metric_key k CROSS JOIN metric x ON x.trial_id = t.id AND x.key_id = k.id",
      "t.key, k.name, x.step" },
    { "layer_metric",
      "trial t CROSS JOIN metric_key k CROSS JOIN layer_metric x ON x.trial_id = t.id AND x.key_id = k.id",
      "t.key, k.name, x.layer, x.step" },
    { "summary", "trial t CROSS JOIN metric_key k CROSS JOIN summary x ON x.trial_id = t.id AND x.key_id = k.id",
      "t.key, k.name" },
};

static int select_text(struct query *q, size_t table, struct text *sql, struct err *e)
{
    const char *const arguments[] = { tables[table].table };
    sqlite3_stmt *stmt;
    TRY(query_prepare(
        q, "SELECT \"column\" FROM _doc WHERE \"table\" = ?1 AND class = 'deterministic' ORDER BY \"column\"",
        arguments, 1, &stmt, e));
    text_add(sql, "SELECT %s", tables[table].key);
    int code;
    while ((code = query_step(q, stmt, e)) > 0) {
        text_puts(sql, ", x.\"");
        for (const char *c = (const char *)sqlite3_column_text(stmt, 0); c && *c; c++) {
            if (*c == '"')
                text_putc(sql, '"');
            text_putc(sql, *c);
        }
        text_putc(sql, '"');
    }
    sqlite3_finalize(stmt);
    text_add(sql, " FROM %s ORDER BY %s", tables[table].from, tables[table].key);
    return code;
}

static void add_value(struct hash *h, sqlite3_stmt *stmt, int column)
{
    const int type = sqlite3_column_type(stmt, column);
    hash_add_int(h, type);
    if (type == SQLITE_INTEGER)
        hash_add_int(h, sqlite3_column_int64(stmt, column));
    else if (type == SQLITE_FLOAT)
        hash_add_double(h, sqlite3_column_double(stmt, column));
    else if (type != SQLITE_NULL)
        hash_add_string(h, (const char *)sqlite3_column_text(stmt, column));
}

static int add_table(struct query *q, size_t table, struct hash *h, struct err *e)
{
    struct text sql = { 0 };
    sqlite3_stmt *stmt = NULL;
    int code = select_text(q, table, &sql, e);
    if (code == 0)
        code = query_prepare(q, sql.s, NULL, 0, &stmt, e);
    text_free(&sql);
    TRY(code);
    hash_add_string(h, tables[table].table);
    const int n = sqlite3_column_count(stmt);
    int64_t rows = 0;
    while ((code = query_step(q, stmt, e)) > 0) {
        for (int i = 0; i < n; i++)
            add_value(h, stmt, i);
        rows++;
    }
    sqlite3_finalize(stmt);
    hash_add_int(h, rows);
    return code;
}

int query_digest(struct query *q, char hex[65], struct err *e)
{
    struct hash h;
    hash_init(&h);
    const double cpu_limit = q->cpu_limit;
    q->cpu_limit = HUGE_VAL; /* it reads everything */
    /* A statement that stands on a row holds the snapshot: all tables are seen at one instant. */
    sqlite3_stmt *snapshot;
    int code = query_prepare(q, "SELECT \"table\" FROM _doc", NULL, 0, &snapshot, e);
    if (code == 0)
        code = query_step(q, snapshot, e) < 0 ? e->code : 0;
    for (size_t i = 0; code == 0 && i < sizeof tables / sizeof tables[0]; i++)
        code = add_table(q, i, &h, e);
    sqlite3_finalize(snapshot);
    q->cpu_limit = cpu_limit;
    if (code == 0)
        hash_hex(&h, hex);
    return code;
}
