#include "report/compare.h"

#include "base/clean.h"
#include "stat/moments.h"
#include <math.h>
#include <string.h>

static const char sql_values[] =
    "SELECT t.cell, t.seed, t.outcome, (SELECT CASE WHEN u.last_step = u.end_step THEN u.last END FROM summary u "
    "WHERE u.trial_id = t.trial_id AND u.key_id = (SELECT id FROM metric_key WHERE name = ?3)) "
    "FROM outcomes t WHERE t.study = ?1 AND t.variant = ?2 ORDER BY t.trial_id";

struct value {
    const char *cell, *seed, *outcome;
    double last;
};

struct values {
    struct arena *a;
    size_t n, capacity, n_missing; /* missing: trials without a value yet */
    struct value *items;
    bool one_cell;
};

static int add_value(void *self, int n, const char *const *columns)
{
    struct values *v = self;
    double last;
    if (n < 4 || !columns[0] || !columns[1] || !columns[2])
        return 0;
    if (!columns[3] || text_to_double(columns[3], strlen(columns[3]), &last) < 0) {
        v->n_missing++;
        return 0;
    }
    if (v->n == v->capacity) {
        v->capacity = 2 * v->n + 32;
        struct value *items = arena_need(v->a, v->capacity, sizeof *items);
        if (v->n)
            memcpy(items, v->items, v->n * sizeof *items);
        v->items = items;
    }
    v->items[v->n] = (struct value){ .cell = arena_strdup(v->a, columns[0]),
                                     .seed = arena_strdup(v->a, columns[1]),
                                     .outcome = arena_strdup(v->a, columns[2]),
                                     .last = last };
    v->one_cell = v->n == 0 || (v->one_cell && !strcmp(v->items[0].cell, v->items[v->n].cell));
    v->n++;
    return 0;
}

static const struct value *partner(const struct values *v, const char *cell, const char *seed)
{
    for (size_t i = 0; i < v->n; i++)
        if (!strcmp(v->items[i].seed, seed) && (!cell || !strcmp(v->items[i].cell, cell)))
            return &v->items[i];
    return NULL;
}

static bool is_done(const struct value *v)
{
    return strcmp(v->outcome, "done") == 0;
}

/* Of n pairs those count whose trials are both done. */
static void summary(struct text *out, const struct moments *d, size_t n)
{
    if (d->n == 0) {
        text_puts(out, "no mean difference: no pair is finished\n");
        return;
    }
    text_add(out, d->n < n ? "mean difference %.6g, n = %zu of %zu pairs" : "mean difference %.6g, n = %zu", d->mean,
             d->n, n);
    if (d->n >= 2) {
        const double half = moments_half_width(d);
        text_add(out, ", sd %.4g, 95 %% interval [%.6g, %.6g] (Student)\n", moments_sd(d), d->mean - half,
                 d->mean + half);
    } else {
        text_puts(out, "; one pair gives no interval\n");
    }
}

/* The pairs of one cell of A (NULL: there is one on each side). Returns their number. */
static size_t pairs(struct text *out, const struct values *a, const struct values *b, const char *cell)
{
    struct moments d = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *x = &a->items[i];
        const struct value *y = cell && strcmp(x->cell, cell) ? NULL : partner(b, cell, x->seed);
        if (!y)
            continue;
        if (n++ == 0)
            text_add(out, "\n%s%s%6s  %14s  %14s  %14s\n", clean_copy(a->a, cell), cell ? "\n" : "", "seed", "A", "B",
                     "A - B");
        text_add(out, "%6s  %14.6g  %14.6g  %14.6g", clean_copy(a->a, x->seed), x->last, y->last, x->last - y->last);
        if (!is_done(x))
            text_add(out, "  A %s", x->outcome);
        if (!is_done(y))
            text_add(out, "  B %s", y->outcome);
        text_putc(out, '\n');
        if (is_done(x) && is_done(y))
            moments_add(&d, x->last - y->last);
    }
    if (n)
        summary(out, &d, n);
    return n;
}

static void unpaired(struct text *out, const char *name, const struct values *v)
{
    struct moments m = { 0 };
    text_add(out, "%s: seeds", name);
    for (size_t i = 0; i < v->n; i++) {
        text_add(out, " %s", clean_copy(v->a, v->items[i].seed));
        if (is_done(&v->items[i]))
            moments_add(&m, v->items[i].last);
        else
            text_add(out, " (%s)", v->items[i].outcome);
    }
    if (m.n)
        text_add(out, "; mean %.6g", m.mean);
    if (m.n >= 2)
        text_add(out, ", sd %.4g", moments_sd(&m));
    text_add(out, ", n = %zu\n", m.n);
}

static int read_side(struct values *v, struct query *q, struct arena *arena, struct compare_side side,
                     const char **metric, const char **unit, struct err *e)
{
    struct subject s;
    TRY(subject_read(&s, q, arena, side.study, e));
    TRY(subject_filter(&s, &side.variant, 1, NULL, e));
    *metric = *metric ? *metric : subject_main_metric(&s);
    if (!*metric)
        return err_set(e, ERR_USAGE, "study '%s' has logged nothing yet", side.study);
    TRY(subject_check_metric(&s, *metric, e));
    *unit = subject_unit(&s, *metric);
    const char *const arguments[] = { side.study, side.variant, *metric };
    *v = (struct values){ .a = arena };
    TRY(query_rows(q, sql_values, arguments, 3, add_value, v, e));
    if (v->n == 0)
        return err_set(e, ERR_USAGE, "%s:%s has no finite last value of %s", side.study, side.variant, *metric);
    return 0;
}

static int compare(struct text *out, struct query *q, struct arena *arena, struct compare_side sa,
                   struct compare_side sb, const char *metric, struct err *e)
{
    struct values a, b;
    const char *unit;
    TRY(read_side(&a, q, arena, sa, &metric, &unit, e));
    TRY(read_side(&b, q, arena, sb, &metric, &unit, e));
    text_puts(out, clean_copy(arena, metric));
    subject_put_unit(out, clean_copy(arena, unit));
    text_add(out, ", last values\nA = %s:%s\nB = %s:%s\n", clean_copy(arena, sa.study), clean_copy(arena, sa.variant),
             clean_copy(arena, sb.study), clean_copy(arena, sb.variant));
    size_t n = 0;
    if (a.one_cell && b.one_cell) {
        n = pairs(out, &a, &b, NULL);
    } else {
        for (size_t i = 0; i < a.n; i++) {
            bool first = true; /* of its cell */
            for (size_t j = 0; j < i && first; j++)
                first = strcmp(a.items[i].cell, a.items[j].cell) != 0;
            n += first ? pairs(out, &a, &b, a.items[i].cell) : 0;
        }
    }
    if (n == 0) {
        text_puts(out, "\nnot paired: no cell and seed is common to both\n");
        unpaired(out, "A", &a);
        unpaired(out, "B", &b);
    }
    if (n && (n < a.n || n < b.n))
        text_add(out, "without partner: %zu trials of A, %zu of B\n", a.n - n, b.n - n);
    if (a.n_missing || b.n_missing)
        text_add(out, "without a value yet: %zu trials of A, %zu of B\n", a.n_missing, b.n_missing);
    return 0;
}

int compare_write(struct text *out, struct query *q, struct compare_side a, struct compare_side b, const char *metric,
                  struct err *e)
{
    struct arena arena;
    arena_init(&arena, 0);
    const int code = compare(out, q, &arena, a, b, metric, e);
    arena_finish(&arena);
    return code;
}
