#include "report/compare_cells.h"

#include "stat/paired.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_seed(const void *x, const void *y)
{
    const struct compare_value *a = *(const struct compare_value *const *)x,
                               *b = *(const struct compare_value *const *)y;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static int by_cell_and_seed(const void *x, const void *y)
{
    const struct compare_value *a = *(const struct compare_value *const *)x,
                               *b = *(const struct compare_value *const *)y;
    const int cells = strcmp(a->cell, b->cell);
    return cells ? cells : by_seed(x, y);
}

typedef int order(const void *x, const void *y);

/* Pointers to the values in this order, for bsearch. */
static const struct compare_value **sorted(const struct compare_values *v, order *by, struct arena *arena)
{
    const struct compare_value **items = arena_need(arena, v->n + 1, sizeof *items);
    for (size_t i = 0; i < v->n; i++)
        items[i] = &v->items[i];
    qsort(items, v->n, sizeof *items, by);
    return items;
}

/* The first that is the matter, of both: a pair counts once. */
static enum compare_end worse(enum compare_end a, enum compare_end b)
{
    for (int end = COMPARE_DIVERGED; end < COMPARE_ENDS; end++)
        if (a == (enum compare_end)end || b == (enum compare_end)end)
            return (enum compare_end)end;
    return COMPARE_FINISHED;
}

/* As the table `comparison` does. */
static int check_match(enum compare_end *end, struct query *q, const struct compare_value *a,
                       const struct compare_value *b, struct err *e)
{
    const char *const inputs[] = { a->inputs, b->inputs };
    bool found = true;
    double differ = a->numerics != b->numerics;
    if (*end != COMPARE_FINISHED)
        return 0;
    if (!differ && a->inputs[0] && b->inputs[0] && strcmp(a->inputs, b->inputs) != 0)
        TRY(query_number(q,
                         "SELECT CASE WHEN json_valid(?1) AND json_valid(?2) THEN EXISTS (SELECT 1 FROM json_each(?1) "
                         "j JOIN json_each(?2) k ON k.key = j.key AND k.value <> j.value) END",
                         inputs, 2, &found, &differ, e));
    if (!found)
        return err_set(e, ERR_STORAGE,
                       "the inputs that the database has of a trial with seed %" PRId64
                       " are no JSON: another program changed it",
                       a->seed);
    if (differ != 0)
        *end = COMPARE_MISMATCHED;
    return 0;
}

static int pair(struct compare_cell *c, struct query *q, const struct compare_value *a, const struct compare_value *b,
                struct err *e)
{
    enum compare_end end = worse(a->end, b->end);
    TRY(check_match(&end, q, a, b, e));
    c->pairs[c->n_asked++] = (struct compare_pair){ a, b, end };
    if (end == COMPARE_FINISHED) {
        const size_t at = c->n[end];
        c->n_shorter += a->shorter || b->shorter;
        c->n_unequal += a->length != b->length;
        c->a[at] = a->value;
        c->b[at] = b->value;
        moments_add(&c->of_a, a->value);
        moments_add(&c->of_b, b->value);
        moments_add(&c->difference, a->value - b->value);
    }
    c->n_partial += a->partial || b->partial;
    c->n[end]++;
    return 0;
}

static int judge(struct compare_cell *c, enum compare_goal goal, struct arena *arena, struct err *e)
{
    const size_t n = c->n[COMPARE_FINISHED];
    c->bootstrap = (struct bootstrap){ NAN, NAN, NAN };
    c->p = c->p_permutation = c->p_holm = c->effect = c->improvement = NAN;
    if (!compare_complete(c))
        return 0;
    double *d = arena_need(arena, n, sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = c->a[i] - c->b[i];
    const struct stratum differences = { n, d };
    if (n >= 2 && aggregate_bootstrap(&differences, 1, aggregate_mean, NULL, &c->bootstrap) < 0)
        return err_set(e, ERR_MEMORY, "out of memory");
    c->p = c->p_holm = moments_p(&c->difference);
    c->p_permutation = paired_permutation_p(d, n);
    c->effect = paired_effect(&c->difference);
    c->n_needed = paired_seeds_needed(c->effect);
    if (goal != COMPARE_NO_GOAL)
        c->improvement =
            goal == COMPARE_MAX ? paired_improvement(c->a, n, c->b, n) : paired_improvement(c->b, n, c->a, n);
    return 0;
}

static struct compare_cell *new_cell(struct compare_cells *cells, const char *study, const struct compare_what *what,
                                     size_t room)
{
    if (cells->n == cells->capacity) {
        cells->capacity = 2 * cells->n + 16;
        struct compare_cell *items = arena_need(cells->arena, cells->capacity, sizeof *items);
        if (cells->n)
            memcpy(items, cells->items, cells->n * sizeof *items);
        cells->items = items;
    }
    struct compare_cell *c = &cells->items[cells->n];
    *c = (struct compare_cell){ .study = study, .what = what };
    c->pairs = arena_need(cells->arena, room, sizeof *c->pairs);
    c->a = arena_need(cells->arena, room, sizeof *c->a);
    c->b = arena_need(cells->arena, room, sizeof *c->b);
    return c;
}

int compare_cells_add(struct compare_cells *cells, struct query *q, const char *study, const struct compare_what *what,
                      enum compare_goal goal, const struct compare_values *a, const struct compare_values *b,
                      struct err *e)
{
    order *by = a->one_cell && b->one_cell ? by_seed : by_cell_and_seed;
    const struct compare_value **partners = sorted(b, by, cells->arena);
    size_t n_paired = 0;
    for (size_t i = 0, end; i < a->n; i = end) {
        for (end = i + 1; end < a->n && !strcmp(a->items[end].cell, a->items[i].cell);)
            end++;
        struct compare_cell *c = new_cell(cells, study, what, end - i);
        for (size_t k = i; k < end; k++) {
            const struct compare_value *x = &a->items[k], *const *y = NULL;
            if (b->n)
                y = bsearch(&x, partners, b->n, sizeof *partners, by);
            if (y)
                TRY(pair(c, q, x, *y, e));
        }
        if (c->n_asked == 0)
            continue;
        const char *other = c->pairs[0].b->cell;
        c->name =
            strcmp(a->items[i].cell, other) ? arena_printf(cells->arena, "%s | %s", a->items[i].cell, other) : other;
        n_paired += c->n_asked;
        cells->n++;
        TRY(judge(c, goal, cells->arena, e));
    }
    cells->n_unpaired[0] += a->n - n_paired;
    cells->n_unpaired[1] += b->n - n_paired;
    return 0;
}

int compare_cells_correct(struct compare_cells *cells, struct err *e)
{
    double *p = arena_need(cells->arena, cells->n + 1, sizeof *p);
    for (size_t i = 0; i < cells->n; i++)
        p[i] = cells->items[i].p;
    if (paired_holm(p, cells->n) < 0)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < cells->n; i++)
        cells->items[i].p_holm = p[i];
    return 0;
}
