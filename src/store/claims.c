/* Measuring claims: each measure is a SELECT that sees its own study only, in a process of its own that cannot write.
 */
#include "store/bounded.h"
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

struct measured_claim {
    char *id, *measure; /* measure NULL: none given */
    struct bounded_answer answer;
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
static int measure(struct store *s, int64_t study, struct measured_claims *claims, struct err *e)
{
    const char **measures = calloc(claims->n, sizeof *measures);
    struct bounded_answer *answers = calloc(claims->n, sizeof *answers);
    size_t n = 0;
    int code = 0;
    if (!measures || !answers)
        code = err_set(e, ERR_MEMORY, "%s: out of memory", s->path);
    for (size_t i = 0; code == 0 && i < claims->n; i++)
        if (claims->items[i].measure)
            measures[n++] = claims->items[i].measure;
    if (code == 0)
        code = bounded_measure(s->path, study, measures, n, s->limits, answers, e);
    n = 0;
    for (size_t i = 0; code == 0 && i < claims->n; i++)
        claims->items[i].answer =
            claims->items[i].measure ? answers[n++] : (struct bounded_answer){ .note = "the claim has no measure" };
    free(measures);
    free(answers);
    return code;
}

void store_limit_measures(struct store *s, const struct query_limits *limits)
{
    s->limits = *limits;
}

static int store_measured(struct store *s, int64_t study, const struct measured_claims *claims, struct err *e)
{
    TRY(write_begin(s, e));
    const int64_t now = write_utc_ms();
    for (size_t i = 0; i < claims->n; i++) {
        const struct bounded_answer *a = &claims->items[i].answer;
        TRY(WRITE(s, SQL_PUT_MEASURED, NULL, e, value_int(study), value_text(claims->items[i].id),
                  a->found ? value_real(a->value) : value_null(), value_text(a->note[0] ? a->note : NULL),
                  value_int(now)));
    }
    TRY(write_end(s, claims->n, e));
    return store_flush(s, e);
}

int claims_refresh(struct store *s, int64_t study, struct err *e)
{
    struct measured_claims claims = { 0 };
    int code = load(s, study, &claims, e);
    if (code == 0 && claims.n > 0)
        code = measure(s, study, &claims, e);
    if (code == 0 && claims.n > 0)
        code = store_measured(s, study, &claims, e);
    give_back(&claims);
    return code;
}
