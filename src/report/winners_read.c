#include "report/winners.h"

#include "report/selection.h"
#include "store/partial.h"
#include <math.h>
#include <string.h>

/* Swept keys: how many values the variant that varies a key least gives it, and whether all are numbers. */
static const char sql_keys[] =
    "WITH per_variant AS (SELECT t.variant, p.key, count(DISTINCT coalesce(p.num, p.text)) AS n, count(p.num) = "
    "count(*) "
    "AS numeric FROM study s JOIN trial t ON t.study_id = s.id AND t.generation = s.generation "
    "JOIN param p ON p.trial_id = t.id AND p.swept = 1 WHERE s.name = ?1 GROUP BY t.variant, p.key) "
    "SELECT key, min(numeric), min(n) > 1 AND count(*) = (SELECT count(DISTINCT variant) FROM per_variant) "
    "FROM per_variant GROUP BY key ORDER BY key";

/* A setting is a cell of the sweep, with the means over its seeds, and the steps where they ended. loss: what it is
 * chosen by, the smallest. */
#define SETTINGS(loss)                                                                                                 \
    "SELECT variant, x, y, cell, count(*), sum(outcome = 'done' AND loss IS NOT NULL AND score IS NOT NULL), "         \
    "sum(outcome IN ('done', 'diverged')), avg(loss), avg(score), sum(outcome = 'diverged'), min(CASE outcome WHEN "   \
    "'done' THEN step END), max(CASE outcome WHEN 'done' THEN step END) FROM ("                                        \
    "SELECT t.variant, x.num AS x, y.num AS y, t.cell, t.outcome, t.step, t.trial_id, " loss " AS loss, "              \
    "(SELECT u.auc FROM summary u WHERE u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name " \
    "= ?4) AND u.end_step = t.step AND NOT " PARTIAL_SUMMARY ") AS score "                                             \
    "FROM outcomes t JOIN param x ON x.trial_id = t.trial_id AND x.key = ?2 "                                          \
    "JOIN param y ON y.trial_id = t.trial_id AND y.key = ?3 WHERE t.study = ?1 AND t.cell IS NOT t.tuning) "           \
    "GROUP BY x, y, variant, cell ORDER BY x, y, min(trial_id)"
/* ?5: the metric that they are chosen by, best where it is ?6. */
#define SUMMARY_OF_5                                                                                                   \
    " FROM summary u WHERE u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = ?5)"
static const char sql_by_area[] = SETTINGS("(SELECT CASE ?6 WHEN 'max' THEN -u.auc ELSE u.auc END" SUMMARY_OF_5
                                           " AND u.end_step = t.step AND NOT " PARTIAL_SUMMARY ")");
static const char sql_by_last[] = SETTINGS("(SELECT CASE ?6 WHEN 'max' THEN -u.last ELSE u.last END" SUMMARY_OF_5
                                           " AND u.last_step = u.end_step AND u.end_step = t.step)");
static const char sql_tune[] =
    "SELECT v.metric, v.goal FROM tune v JOIN study s ON s.id = v.study_id WHERE s.name = ?1";
static const char sql_of_test[] = "SELECT split = 'test' FROM metric_key WHERE name = ?1";
static const char sql_goal[] = "SELECT goal = 'max' FROM metric_key WHERE name = ?1";

enum { MAX_KEYS = 32 };

struct key {
    const char *name;
    bool numeric, common; /* common: every variant gives it several values */
};

struct keys {
    struct arena *a;
    size_t n;
    struct key items[MAX_KEYS];
};

/* What is known of a variant in the cell that is read. */
struct tuned {
    size_t n_settings, n_open, n_eligible, n_unknown; /* unknown: that ended without diverging and have no value */
    double loss, score; /* of the setting that is chosen: the smallest loss, see SETTINGS */
    double shortest,
        longest; /* steps where the trials ended that are compared: by_area all, else those of the chosen */
    const char *setting;
};

struct reading {
    struct winners *w;
    const struct subject *s;
    struct arena *a;
    size_t capacity;
    bool largest; /* the larger area wins */
    bool by_area; /* settings are chosen by one */
    double x, y;
    struct tuned *tuned; /* [n_variants], of the cell (x, y) */
    bool started;
};

static double number(const char *s)
{
    double x;
    return s && text_to_double(s, strlen(s), &x) == 0 ? x : NAN;
}

static int add_key(void *self, int n, const char *const *values)
{
    struct keys *k = self;
    if (n == 3 && values[0] && k->n < MAX_KEYS)
        k->items[k->n++] = (struct key){ arena_strdup(k->a, values[0]), number(values[1]) > 0, number(values[2]) > 0 };
    return 0;
}

/* "network.layers.0.rnn.units" ends in "units". */
static bool ends_in(const char *key, const char *end)
{
    const size_t n = strlen(key), m = strlen(end);
    return n == m ? !strcmp(key, end) : n > m && key[n - m - 1] == '.' && !strcmp(key + n - m, end);
}

static int find_key(const struct keys *k, const struct subject *s, const char *word, const char **key, struct err *e)
{
    size_t n_found = 0;
    struct text all = { 0 };
    bool numeric = true;
    for (size_t i = 0; i < k->n; i++) {
        text_add(&all, "%s%s", i ? ", " : "", k->items[i].name);
        if (!ends_in(k->items[i].name, word))
            continue;
        n_found++;
        *key = k->items[i].name;
        numeric = k->items[i].numeric;
    }
    int code = 0;
    if (n_found != 1)
        code = err_set(e, ERR_USAGE, "study '%s' has %s swept key '%s' (it has: %s)", s->name,
                       n_found ? "more than one" : "no", word, all.s ? all.s : "none");
    else if (!numeric)
        code = err_set(e, ERR_USAGE, "study '%s': the values of '%s' are not all numbers, which an axis needs", s->name,
                       *key);
    text_free(&all);
    return code;
}

static int choose_axes(struct grid *g, const struct keys *k, const struct subject *s, const struct winners_options *o,
                       struct err *e)
{
    const char *usual[2] = { NULL, NULL };
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++)
        if (k->items[i].numeric && k->items[i].common) {
            if (n < 2)
                usual[n] = k->items[i].name;
            n++;
        }
    if (o->x && o->y) {
        TRY(find_key(k, s, o->x, &usual[0], e));
        TRY(find_key(k, s, o->y, &usual[1], e));
        n = strcmp(usual[0], usual[1]) != 0 ? 2 : 1;
    }
    if (n == 2) {
        g->x_key = usual[0];
        g->y_key = usual[1];
        return 0;
    }
    return !o->must
               ? 0
               : err_set(
                     e, ERR_USAGE,
                     "study '%s': a map of winners has two axes, and %zu numeric swept key%s varied by every variant: "
                     "choose with x and y in the file's figure, or with --x KEY --y KEY of tprun plot",
                     s->name, n, n == 1 ? " is" : "s are");
}

static bool better(const struct reading *r, double a, double b)
{
    return r->largest ? a > b : a < b;
}

static void put_steps(struct text *t, double shortest, double longest)
{
    if (shortest < longest)
        text_add(t, "steps %.0f to %.0f", shortest, longest);
    else
        text_add(t, "step %.0f", longest);
}

static bool unknown(const struct tuned *v)
{
    return v->n_eligible == 0 && v->n_unknown > 0;
}

static void tell(struct text *t, const struct reading *r, size_t variant, bool steps)
{
    const struct tuned *v = &r->tuned[variant];
    text_add(t, "; %s: ", r->s->variants[variant]);
    if (v->n_open || v->n_settings == 0) {
        text_puts(t, "not finished");
    } else if (v->n_eligible == 0) {
        text_puts(t, unknown(v) ? "no value" : "diverged");
    } else {
        text_add(t, "%s area %.5g ", r->w->metric, v->score);
        if (steps) {
            text_puts(t, "up to ");
            put_steps(t, v->shortest, v->longest);
            text_putc(t, ' ');
        }
        text_add(t, "(%s)", v->setting);
    }
}

static struct winners_cell decide(const struct reading *r)
{
    struct winners_cell c = { .x = r->x, .y = r->y, .kind = WINNERS_DIVERGED };
    const size_t n = r->s->n_variants;
    size_t n_eligible = 0;
    double second = NAN, shortest = INFINITY, longest = -INFINITY;
    struct text about = { 0 };
    bool open = false, lacks = false;
    for (size_t i = 0; i < n; i++) {
        const struct tuned *v = &r->tuned[i];
        open = open || v->n_open || v->n_settings == 0;
        lacks = lacks || unknown(v);
        if (v->n_eligible == 0)
            continue;
        shortest = fmin(shortest, v->shortest);
        longest = fmax(longest, v->longest);
        if (n_eligible == 0 || better(r, v->score, r->tuned[c.winner].score)) {
            second = n_eligible ? r->tuned[c.winner].score : NAN;
            c.winner = i;
        } else if (isnan(second) || better(r, v->score, second)) {
            second = v->score;
        }
        n_eligible++;
    }
    if (n_eligible) {
        c.margin = fabs(r->tuned[c.winner].score - second);
        c.kind = n_eligible == 1 ? WINNERS_ALONE : c.margin > 0 ? WINNERS_WON : WINNERS_TIE;
    }
    const bool uneven = n_eligible > 1 && shortest < longest;
    if (lacks || uneven)
        c.kind = WINNERS_INCOMPARABLE;
    if (open)
        c.kind = WINNERS_OPEN;
    if (c.kind == WINNERS_INCOMPARABLE && uneven) {
        text_puts(&about, ", the areas end at ");
        put_steps(&about, shortest, longest);
    } else if (c.kind == WINNERS_INCOMPARABLE) {
        text_puts(&about, ", a variant has no value");
    }
    for (size_t i = 0; i < n; i++)
        tell(&about, r, i, uneven);
    c.about = arena_strdup(r->a, about.s ? about.s : "");
    text_free(&about);
    return c;
}

static void end_cell(struct reading *r)
{
    struct winners *w = r->w;
    if (!r->started)
        return;
    if (w->n == r->capacity) {
        r->capacity = 2 * w->n + 64;
        struct winners_cell *cells = arena_need(r->a, r->capacity, sizeof *cells);
        if (w->n)
            memcpy(cells, w->cells, w->n * sizeof *cells);
        w->cells = cells;
    }
    w->cells[w->n++] = decide(r);
    memset(r->tuned, 0, r->s->n_variants * sizeof *r->tuned);
}

/* Rows come cell by cell of the grid. */
static int add_setting(void *self, int n, const char *const *values)
{
    struct reading *r = self;
    size_t variant = 0;
    if (n < 12 || !values[0] || !values[3])
        return 0;
    while (variant < r->s->n_variants && strcmp(r->s->variants[variant], values[0]) != 0)
        variant++;
    const double x = number(values[1]), y = number(values[2]);
    if (variant == r->s->n_variants || !isfinite(x) || !isfinite(y))
        return 0;
    if (!r->started || x != r->x || y != r->y) {
        end_cell(r);
        r->started = true;
        r->x = x;
        r->y = y;
    }
    struct tuned *v = &r->tuned[variant];
    const double n_trials = number(values[4]), n_done = number(values[5]), n_ended = number(values[6]);
    const double loss = number(values[7]), score = number(values[8]), n_diverged = number(values[9]);
    const double shortest = number(values[10]), longest = number(values[11]);
    v->n_settings++;
    v->n_open += n_ended < n_trials;
    if (n_done < n_trials || !isfinite(loss) || !isfinite(score)) { /* one with a seed that diverged is no choice */
        v->n_unknown += n_ended == n_trials && n_diverged == 0;
        return 0;
    }
    const bool first = v->n_eligible++ == 0, chosen = first || loss < v->loss;
    if (chosen) {
        v->loss = loss;
        v->score = score;
        v->setting = arena_strdup(r->a, values[3]);
    }
    if (chosen && (first || !r->by_area)) {
        v->shortest = shortest;
        v->longest = longest;
    } else if (r->by_area) {
        v->shortest = fmin(v->shortest, shortest);
        v->longest = fmax(v->longest, longest);
    }
    return 0;
}

/* How settings are chosen. */
struct choice {
    const char *sql, *metric, *goal;
    struct arena *a;
};

static int keep_tune(void *self, int n, const char *const *values)
{
    struct choice *c = self;
    if (n == 2 && values[0] && values[1])
        *c = (struct choice){ sql_by_last, arena_strdup(c->a, values[0]), arena_strdup(c->a, values[1]), c->a };
    return 0;
}

/* As the file tunes; or else by validation, by the train loss, and where neither was logged by what is compared. */
static int choose(struct choice *c, struct reading *r, struct query *q, struct err *e)
{
    struct winners *w = r->w;
    struct selection by;
    struct err missing = { 0 };
    bool found;
    double of_test = 0;
    TRY(query_rows(q, sql_tune, &r->s->name, 1, keep_tune, c, e));
    TRY(selection_find(&by, q, r->s->name, e));
    if (!c->sql && by.of_valid)
        *c = (struct choice){ sql_by_last, arena_strdup(r->a, by.metric), by.largest ? "max" : "min", r->a };
    w->tuned_by = c->metric;
    if (c->sql)
        return 0;
    const bool has_loss = subject_check_metric(r->s, "train_loss", &missing) == 0;
    err_clear(&missing);
    *c = (struct choice){ sql_by_area, has_loss ? "train_loss" : w->metric, !has_loss && r->largest ? "max" : "min",
                          r->a };
    TRY(query_number(q, sql_of_test, &c->metric, 1, &found, &of_test, e));
    w->tuned_by = has_loss ? "the area under the train loss"
                           : arena_printf(r->a, "the area under %s%s", w->metric,
                                          of_test > 0 ? ", selected on the test set" : "");
    return 0;
}

static void make_grid(struct winners *w, const struct subject *s, struct arena *a)
{
    struct grid *g = &w->grid;
    g->x = arena_need(a, w->n + 1, sizeof *g->x);
    g->y = arena_need(a, w->n + 1, sizeof *g->y);
    for (size_t i = 0; i < w->n; i++) {
        g->x[i] = w->cells[i].x;
        g->y[i] = w->cells[i].y;
    }
    g->x_shown = subject_key(s, g->x_key);
    g->y_shown = subject_key(s, g->y_key);
    g->nx = grid_distinct(g->x, w->n);
    g->ny = grid_distinct(g->y, w->n);
}

int winners_read(struct winners *w, const struct subject *s, const struct winners_options *o, struct query *q,
                 struct arena *a, struct err *e)
{
    *w = (struct winners){ .metric = o->metric ? o->metric : subject_main_metric(s) };
    struct keys keys = { .a = a };
    if (s->n_variants < 2 || !w->metric)
        return !o->must ? 0
                        : err_set(e, ERR_USAGE, "study '%s': a map of winners needs two variants and a logged metric",
                                  s->name);
    TRY(subject_check_metric(s, w->metric, e));
    double goal = 0;
    bool found;
    TRY(query_number(q, sql_goal, &w->metric, 1, &found, &goal, e));
    if (!found)
        return !o->must ? 0
                        : err_set(e, ERR_USAGE,
                                  "study '%s': nothing says which end of '%s' is better, which a map of winners needs",
                                  s->name, w->metric);
    TRY(query_rows(q, sql_keys, &s->name, 1, add_key, &keys, e));
    TRY(choose_axes(&w->grid, &keys, s, o, e));
    if (!w->grid.x_key)
        return 0;
    struct reading r = { .w = w, .s = s, .a = a, .largest = goal > 0 };
    r.tuned = arena_need(a, s->n_variants, sizeof *r.tuned);
    memset(r.tuned, 0, s->n_variants * sizeof *r.tuned);
    struct choice c = { .a = a };
    TRY(choose(&c, &r, q, e));
    r.by_area = c.sql == sql_by_area;
    const char *const arguments[] = { s->name, w->grid.x_key, w->grid.y_key, w->metric, c.metric, c.goal };
    TRY(query_rows(q, c.sql, arguments, 6, add_setting, &r, e));
    end_cell(&r);
    make_grid(w, s, a);
    return 0;
}
