/* Measuring claims: each measure is a SELECT that sees its own study only, on a connection that cannot write. */
#include "store/reader.h"
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

struct measured_claim {
    char *id, *measure; /* measure NULL: none given */
    bool found;
    double value;
    char note[256]; /* why nothing was found, "" = it was */
};

struct measured_claims {
    size_t n;
    struct measured_claim *items;
};

static void give_back(struct measured_claims *claims)
{
    for (size_t i = 0; i < claims->n; i++) {
        free(claims->items[i].id);
        free(claims->items[i].measure);
    }
    free(claims->items);
}

static int load(struct store *s, int64_t study, struct measured_claims *claims, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIMS, &stmt, e, value_int(study)));
    while (stmt) {
        struct measured_claim *more = realloc(claims->items, (claims->n + 1) * sizeof *more);
        if (!more)
            return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
        claims->items = more;
        const char *measure = (const char *)sqlite3_column_text(stmt, 1);
        more[claims->n] = (struct measured_claim){ .id = strdup((const char *)sqlite3_column_text(stmt, 0)),
                                                   .measure = measure ? strdup(measure) : NULL };
        claims->n++;
        if (!more[claims->n - 1].id || (measure && !more[claims->n - 1].measure))
            return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

/* A measure that cannot be evaluated is an answer too: the claim stays undecided and says why. */
static void measure(struct query *q, struct measured_claim *c)
{
    if (!c->measure) {
        snprintf(c->note, sizeof c->note, "the claim has no measure");
        return;
    }
    struct err e = { 0 };
    if (query_number(q, c->measure, NULL, 0, &c->found, &c->value, &e) < 0)
        snprintf(c->note, sizeof c->note, "%s", err_first(&e));
    else if (!c->found)
        snprintf(c->note, sizeof c->note, "the measure gives no value");
    err_clear(&e);
}

static int store_measured(struct store *s, int64_t study, const struct measured_claims *claims, struct err *e)
{
    TRY(write_begin(s, e));
    const int64_t now = write_utc_ms();
    for (size_t i = 0; i < claims->n; i++) {
        const struct measured_claim *c = &claims->items[i];
        TRY(WRITE(s, SQL_PUT_MEASURED, NULL, e, value_int(study), value_text(c->id),
                  c->found ? value_real(c->value) : value_null(), value_text(c->note[0] ? c->note : NULL),
                  value_int(now)));
    }
    TRY(write_end(s, claims->n, e));
    return store_flush(s, e);
}

int claims_refresh(struct store *s, int64_t study, struct err *e)
{
    struct measured_claims claims = { 0 };
    struct query *q = NULL;
    int code = load(s, study, &claims, e);
    if (code == 0 && claims.n > 0)
        code = query_open_study(&q, s->path, study, e);
    for (size_t i = 0; code == 0 && i < claims.n; i++)
        measure(q, &claims.items[i]);
    query_close(q);
    if (code == 0 && claims.n > 0)
        code = store_measured(s, study, &claims, e);
    give_back(&claims);
    return code;
}
