/* From what the SQL of a claim gives to a verdict: one number, or one for each seed that was asked for. */
#include "store/claims.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* A miss by so much, relative to the number, is one of rounding. */
static const double rounding = 1e-12;

int claim_seeds_read(struct store *s, int64_t study, struct claim_seeds *seeds, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIM_SEEDS, &stmt, e, value_int(study)));
    while (stmt) {
        struct claim_seed *grown = realloc(seeds->items, (seeds->n + 1) * sizeof *grown);
        if (!grown) {
            write_reset(&stmt);
            return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
        }
        seeds->items = grown;
        grown[seeds->n++] =
            (struct claim_seed){ .seed = sqlite3_column_int64(stmt, 0), .fresh = sqlite3_column_int(stmt, 1) != 0 };
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

void claim_seeds_free(struct claim_seeds *seeds)
{
    free(seeds->items);
    *seeds = (struct claim_seeds){ 0 };
}

static void judge_number(struct claim *c, double value)
{
    const struct region r = c->region;
    const double miss = value < r.low ? r.low - value : value - r.high, scale = fmax(1, fabs(value));
    c->measured = true;
    c->value = value;
    c->verdict = value >= r.low && value <= r.high ? VERDICT_REPRODUCED : VERDICT_REFUTED;
    if (c->verdict == VERDICT_REFUTED && miss <= rounding * scale)
        claim_remark(c, "it misses by rounding only: give a tolerance");
}

static int by_seed(const void *a, const void *b)
{
    const int64_t x = ((const struct claim_seed *)a)->seed, y = ((const struct claim_seed *)b)->seed;
    return (x > y) - (x < y);
}

/* Whose seeds they are: those of the sweep, or, where a file tunes, the fresh ones of what was chosen. */
struct rows {
    size_t n_asked, n_missing, n_fresh, n_other; /* other: of the sweep, or of no trial at all */
    struct text missing, other;                  /* the first few, as text */
    struct moments values;                       /* of those that were asked for */
};

static void add_seed(struct text *list, size_t *n, int64_t seed)
{
    enum { SHOWN = 5 };
    if (*n < SHOWN)
        text_add(list, "%s%" PRId64, *n ? ", " : "", seed);
    else if (*n == SHOWN)
        text_puts(list, ", ...");
    ++*n;
}

static struct claim_seed *find(const struct claim_seeds *seeds, int64_t seed)
{
    const struct claim_seed wanted = { .seed = seed };
    return seeds->n ? bsearch(&wanted, seeds->items, seeds->n, sizeof wanted, by_seed) : NULL;
}

static struct rows sort(const struct bounded_answer *answer, const struct claim_seeds *seeds)
{
    struct rows r = { 0 };
    for (size_t i = 0; i < answer->n_rows; i++) {
        const struct claim_seed *asked = find(seeds, answer->rows[i].seed);
        r.n_fresh += asked && asked->fresh;
    }
    for (size_t i = 0; i < seeds->n; i++) {
        seeds->items[i].found = false;
        r.n_asked += seeds->items[i].fresh == (r.n_fresh > 0);
    }
    for (size_t i = 0; i < answer->n_rows; i++) {
        const struct query_value *v = &answer->rows[i];
        struct claim_seed *asked = find(seeds, v->seed);
        if (!asked || asked->fresh != (r.n_fresh > 0)) {
            add_seed(&r.other, &r.n_other, v->seed);
        } else if (v->found) {
            asked->found = true;
            moments_add(&r.values, v->value);
        }
    }
    for (size_t i = 0; i < seeds->n; i++)
        if (seeds->items[i].fresh == (r.n_fresh > 0) && !seeds->items[i].found)
            add_seed(&r.missing, &r.n_missing, seeds->items[i].seed);
    return r;
}

/* Survivors are no mean of what was asked for, and neither are rows that stand for no seed. */
static void judge_rows(struct claim *c, const struct rows *r)
{
    const struct moments *m = &r->values;
    c->n_asked = r->n_asked;
    c->n = m->n;
    if (r->n_other)
        claim_hold(c, "the measure gives rows of seeds that nobody asked for%s: %s",
                   r->n_fresh ? " beside the fresh ones" : "", r->other.s);
    if (r->n_missing && r->n_missing < r->n_asked)
        claim_hold(c, "%zu of the %zu seeds %s no value: %s", r->n_missing, r->n_asked,
                   r->n_missing == 1 ? "has" : "have", r->missing.s);
    else if (r->n_missing)
        claim_hold(c, "%zu of the %zu seeds have no value", r->n_missing, r->n_asked);
    if (r->n_missing || r->n_other) {
        if (m->n)
            claim_remark(c, "mean of the %zu that %s there: %.6g", m->n, m->n == 1 ? "is" : "are", m->mean);
        return;
    }
    claim_set_result(c, m, verdict_interval(m, &c->reported, CLAIM_ALPHA));
    claim_check_seeds(c);
    c->verdict = verdict_of(c->interval, c->region, c->n, c->min_seeds);
}

void claim_judge_measure(struct claim *c, const struct bounded_answer *answer, const struct claim_seeds *seeds)
{
    if (answer->note[0])
        claim_hold(c, "%s", answer->note);
    else if (!answer->per_seed && answer->found)
        judge_number(c, answer->value);
    if (c->measured)
        claim_remark(c, "one number without seeds: no interval");
    if (sqlite3_strlike("%\\_finished%", c->measure, '\\') == 0) /* mean_finished and its sisters of the views */
        claim_remark(c, "it reads means over the finished seeds only");
    if (answer->note[0] || !answer->per_seed)
        return;
    struct rows r = sort(answer, seeds);
    judge_rows(c, &r);
    text_free(&r.missing);
    text_free(&r.other);
}
