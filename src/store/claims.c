/* Measuring claims. Values and comparisons are read by this connection; each measure is a SELECT that sees its own
 * study only, in a process of its own that cannot write. */
#include "store/claims.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct claims {
    size_t n;
    struct claim *items;
};

/* The study's trials together. */
struct states {
    size_t n, n_started, n_failed, n_waiting, n_diverged, n_outdated;
    char *profile; /* it was run with last, or NULL */
};

static void give_back(struct claims *claims)
{
    for (size_t i = 0; i < claims->n; i++) {
        struct claim *c = &claims->items[i];
        char *const texts[] = { c->id, c->measure, c->metric, c->at, c->cell, c->profile };
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            free(texts[k]);
        text_free(&c->note);
    }
    free(claims->items);
}

static int no_memory(struct store *s, struct err *e)
{
    return write_refuse(s, ERR_MEMORY, e, "%s: out of memory", s->path);
}

static int copy(sqlite3_stmt *stmt, int column, char **out)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    *out = text ? strdup(text) : NULL;
    return text && !*out ? ERR_MEMORY : 0;
}

static bool is_null(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

/* The columns of SQL_GET_CLAIMS. */
static int read_claim(sqlite3_stmt *stmt, struct claim *c)
{
    static const char *const kinds[] = { "measure", "value", "compare" };
    enum {
        ID,
        KIND,
        MEASURE,
        REPORTED,
        SD,
        N,
        LOW,
        HIGH,
        MARGIN,
        MIN_SEEDS,
        METRIC,
        AT,
        STEP,
        CELL,
        LAYER,
        AS,
        PROFILE,
        APART,
        OF_FILE,
        IS_OURS
    };
    const char *kind = (const char *)sqlite3_column_text(stmt, KIND);
    while (c->kind < CLAIM_OF_COMPARE && strcmp(kind, kinds[c->kind]) != 0)
        c->kind++;
    c->reported = (struct reported){ sqlite3_column_double(stmt, REPORTED), sqlite3_column_double(stmt, SD),
                                     (size_t)sqlite3_column_int64(stmt, N) };
    c->bounded = !is_null(stmt, LOW) || !is_null(stmt, HIGH);
    c->region.low = is_null(stmt, LOW) ? -(double)INFINITY : sqlite3_column_double(stmt, LOW);
    c->region.high = is_null(stmt, HIGH) ? (double)INFINITY : sqlite3_column_double(stmt, HIGH);
    c->above = !is_null(stmt, MARGIN);
    c->bounded = c->bounded || c->above;
    if (c->above)
        c->region = region_above(sqlite3_column_double(stmt, MARGIN));
    c->min_seeds = is_null(stmt, MIN_SEEDS) ? 3 : (size_t)sqlite3_column_int64(stmt, MIN_SEEDS);
    c->step = sqlite3_column_int64(stmt, STEP);
    c->of_layer = !is_null(stmt, LAYER);
    c->layer = sqlite3_column_int64(stmt, LAYER);
    c->error = !is_null(stmt, AS);
    c->apart = sqlite3_column_int(stmt, APART) != 0;
    c->of_file = sqlite3_column_int(stmt, OF_FILE) != 0;
    if (!sqlite3_column_int(stmt, IS_OURS)) {
        claim_hold(c, "its quantity in the database is not the JSON that tprun writes: another program changed it");
        c->kind = CLAIM_OF_MEASURE;
        c->of_file = c->apart = false;
        return copy(stmt, ID, &c->id); /* without a measure, which is then not asked either */
    }
    TRY(copy(stmt, ID, &c->id));
    TRY(copy(stmt, MEASURE, &c->measure));
    TRY(copy(stmt, METRIC, &c->metric));
    TRY(copy(stmt, AT, &c->at));
    TRY(copy(stmt, CELL, &c->cell));
    return copy(stmt, PROFILE, &c->profile);
}

static int load(struct store *s, int64_t study, struct claims *claims, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIMS, &stmt, e, value_int(study)));
    while (stmt) {
        struct claim *more = realloc(claims->items, (claims->n + 1) * sizeof *more);
        if (!more)
            return no_memory(s, e);
        claims->items = more;
        more[claims->n] = (struct claim){ .kind = CLAIM_OF_MEASURE };
        if (read_claim(stmt, &more[claims->n++]) < 0)
            return no_memory(s, e);
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

static int load_states(struct store *s, int64_t study, struct states *states, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIM_STATES, &stmt, e, value_int(study)));
    if (!stmt)
        return 0;
    *states = (struct states){ .n = (size_t)sqlite3_column_int64(stmt, 0),
                               .n_started = (size_t)sqlite3_column_int64(stmt, 1),
                               .n_failed = (size_t)sqlite3_column_int64(stmt, 2),
                               .n_waiting = (size_t)sqlite3_column_int64(stmt, 3),
                               .n_diverged = (size_t)sqlite3_column_int64(stmt, 4),
                               .n_outdated = (size_t)sqlite3_column_int64(stmt, 6) };
    const int code = copy(stmt, 5, &states->profile);
    write_reset(&stmt);
    return code < 0 ? no_memory(s, e) : 0;
}

/* ---- whether the trials are those that the claim is about ---- */

static const char *profile_name(const char *profile)
{
    return profile ? profile : "none";
}

static int check_length(struct store *s, int64_t study, struct claim *c, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIM_LENGTH, &stmt, e, value_int(study), value_text(c->id)));
    if (!stmt)
        return 0;
    const int64_t has = sqlite3_column_int64(stmt, 1), wanted = sqlite3_column_int64(stmt, 2),
                  n = sqlite3_column_int64(stmt, 3), n_all = sqlite3_column_int64(stmt, 4);
    char some[64] = "";
    if (n < n_all)
        snprintf(some, sizeof some, "%" PRId64 " of %" PRId64 " trials of ", n, n_all);
    claim_hold(c, "run too %s: %s'%s' %s %" PRId64 " steps, and %" PRId64 " with profile %s",
               has < wanted ? "short" : "long", some, (const char *)sqlite3_column_text(stmt, 0),
               n < n_all ? "have" : "has", has, wanted, profile_name(c->profile));
    write_reset(&stmt);
    return 0;
}

static int check_belonging(struct store *s, int64_t study, struct claim *c, const struct states *states, struct err *e)
{
    if (c->apart)
        claim_hold(c, "it is about other trials (profile %s) than those that were run (profile %s)",
                   profile_name(c->profile), profile_name(states->profile));
    else if (c->of_file)
        TRY(check_length(s, study, c, e));
    return 0;
}

/* Whether it reads last or best values of trials as they are, without a word of what became of them. */
static bool reads_any_trial(const char *sql)
{
    static const char *const words[] = { "%state%", "%outcome%", "%finals%" };
    if (!sql || (sqlite3_strlike("%last\\_%", sql, '\\') != 0 && sqlite3_strlike("%best\\_%", sql, '\\') != 0))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sqlite3_strlike(words[i], sql, 0) == 0)
            return false;
    return true;
}

/* A measure may read any trial of its study. */
static void check_whole(struct claim *c, const struct states *states)
{
    if (states->n_waiting)
        claim_hold(c, "%zu of the study's trials %s not finished", states->n_waiting,
                   states->n_waiting == 1 ? "is" : "are");
    if (states->n_failed)
        claim_hold(c, "%zu of the study's trials failed", states->n_failed);
    if (states->n_outdated)
        claim_hold(c, "%zu of the study's trials %s", states->n_outdated, claim_outdated(states->n_outdated));
    if (states->n_diverged && c->measured && reads_any_trial(c->measure))
        claim_remark(c, "%zu of the study's %zu trials diverged, and it reads last or best values of any trial",
                     states->n_diverged, states->n);
}

/* ---- the three kinds ---- */

struct pairs {
    size_t n;
    struct claim_side *a, *b;
};

static void pairs_free(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        claim_side_free(&p->a[i]);
        claim_side_free(&p->b[i]);
    }
    free(p->a);
    free(p->b);
}

/* The names of the pairs, of a value with one side only. */
static int load_pairs(struct store *s, int64_t study, const struct claim *c, struct pairs *p, struct err *e)
{
    sqlite3_stmt *stmt;
    TRY(QUERY(s, SQL_GET_CLAIM_PAIRS, &stmt, e, value_int(study), value_text(c->id)));
    while (stmt) {
        struct claim_side *a = realloc(p->a, (p->n + 1) * sizeof *a);
        p->a = a ? a : p->a;
        struct claim_side *b = realloc(p->b, (p->n + 1) * sizeof *b);
        p->b = b ? b : p->b;
        if (!a || !b)
            return no_memory(s, e);
        a[p->n] = b[p->n] = (struct claim_side){ 0 };
        p->n++;
        if (copy(stmt, 0, &a[p->n - 1].variant) < 0 || copy(stmt, 1, &b[p->n - 1].variant) < 0)
            return no_memory(s, e);
        TRY(write_next(s, &stmt, e));
    }
    return 0;
}

static int fill(struct store *s, int64_t study, struct claim *c, struct claim_side *side, struct err *e)
{
    char *variant = side->variant;
    if (!variant)
        return 0;
    const int code = claim_side_read(s, study, c, variant, side, e);
    free(variant);
    return code;
}

static int judge_sides(struct store *s, int64_t study, struct claim *c, struct err *e)
{
    struct pairs p = { 0 };
    int code = load_pairs(s, study, c, &p, e);
    for (size_t i = 0; i < p.n && code == 0; i++) {
        code = fill(s, study, c, &p.a[i], e);
        if (code == 0)
            code = fill(s, study, c, &p.b[i], e);
    }
    if (code == 0 && c->kind == CLAIM_OF_VALUE && p.n > 0)
        claim_judge_value(c, &p.a[0]);
    else if (code == 0)
        claim_judge_pairs(c, p.a, p.b, p.n);
    pairs_free(&p);
    return code;
}

/* A measure that cannot be evaluated is an answer too: the claim stays undecided and says why. */
static int judge_measures(struct store *s, int64_t study, struct claims *claims, struct err *e)
{
    struct claim_seeds seeds = { 0 };
    const char **measures = calloc(claims->n, sizeof *measures);
    struct bounded_answer *answers = calloc(claims->n, sizeof *answers);
    size_t n = 0;
    int code = measures && answers ? 0 : err_set(e, ERR_MEMORY, "%s: out of memory", s->path);
    for (size_t i = 0; code == 0 && i < claims->n; i++)
        if (claims->items[i].measure)
            measures[n++] = claims->items[i].measure;
    if (code == 0 && n > 0)
        code = claim_seeds_read(s, study, &seeds, e);
    if (code == 0)
        code = bounded_measure(s->path, study, measures, n, s->limits, answers, e);
    size_t at = 0;
    for (size_t i = 0; code == 0 && i < claims->n; i++)
        if (claims->items[i].measure)
            claim_judge_measure(&claims->items[i], &answers[at++], &seeds);
        else if (claims->items[i].kind == CLAIM_OF_MEASURE && !claims->items[i].held)
            claim_hold(&claims->items[i], "the claim has no measure");
    claim_seeds_free(&seeds);
    bounded_free(answers, n);
    free(measures);
    free(answers);
    return code;
}

static int judge(struct store *s, int64_t study, struct claims *claims, const struct states *states, struct err *e)
{
    for (size_t i = 0; i < claims->n; i++)
        TRY(check_belonging(s, study, &claims->items[i], states, e));
    TRY(judge_measures(s, study, claims, e));
    for (size_t i = 0; i < claims->n; i++) {
        struct claim *c = &claims->items[i];
        if (c->kind == CLAIM_OF_MEASURE)
            check_whole(c, states);
        else if (c->metric && c->at)
            TRY(judge_sides(s, study, c, e));
        else
            claim_hold(c, "what it is about cannot be read");
        if (!c->bounded && !c->held)
            claim_hold(c, "the claim gives no interval");
        if (c->apart) { /* the numbers are of other trials than it is about */
            c->measured = c->has_interval = false;
            c->n = c->n_asked = 0;
        }
        if (c->held || !c->measured || (c->doubted && c->verdict == VERDICT_REPRODUCED))
            c->verdict = VERDICT_UNDECIDED;
    }
    return 0;
}

void store_limit_measures(struct store *s, const struct query_limits *limits)
{
    s->limits = *limits;
}

static int store_measured(struct store *s, int64_t study, const struct claims *claims, struct err *e)
{
    TRY(write_begin(s, e));
    const int64_t now = write_utc_ms();
    for (size_t i = 0; i < claims->n; i++) {
        const struct claim *c = &claims->items[i];
        const struct value none = value_null();
        TRY(WRITE(s, SQL_PUT_MEASURED, NULL, e, value_int(study), value_text(c->id),
                  c->measured ? value_real(c->value) : none, value_text(c->note.n ? c->note.s : NULL), value_int(now),
                  c->n ? value_int((int64_t)c->n) : none, c->measured && c->n ? value_real(c->sd) : none,
                  c->has_interval ? value_real(c->interval.low) : none,
                  c->has_interval ? value_real(c->interval.high) : none, value_text(verdict_names[c->verdict]),
                  c->n_asked ? value_int((int64_t)c->n_asked) : none,
                  c->counted ? value_int((int64_t)c->n_diverged) : none,
                  c->counted ? value_int((int64_t)c->n_unfinished) : none,
                  c->counted ? value_int((int64_t)c->n_failed) : none));
    }
    TRY(write_end(s, claims->n, e));
    return store_flush(s, e);
}

int claims_refresh(struct store *s, int64_t study, struct err *e)
{
    struct claims claims = { 0 };
    struct states states = { 0 };
    int code = load(s, study, &claims, e);
    if (code == 0 && claims.n > 0)
        code = load_states(s, study, &states, e);
    if (code == 0 && claims.n > 0)
        code = judge(s, study, &claims, &states, e);
    if (code == 0 && claims.n > 0)
        code = store_measured(s, study, &claims, e);
    free(states.profile);
    give_back(&claims);
    return code;
}
