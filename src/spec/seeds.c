#include "spec/seeds.h"
#include "spec/bind.h"
#include <assert.h>
#include <stdlib.h>

enum { MAX_SEEDS = 1000000 };
static const double MAX_SEED = 9007199254740992.0; /* 2^53: exact in a JSON reader as well */

struct seed_range {
    int64_t from, count;
};
static const struct option seed_range_options[] = { { "from", OPT_INT, offsetof(struct seed_range, from), NULL, 0, 9e15,
                                                      .flags = OPTION_REQUIRED, .help = "the first seed" },
                                                    { "count", OPT_INT, offsetof(struct seed_range, count), NULL, 1,
                                                      MAX_SEEDS, .flags = OPTION_REQUIRED, .help = "number of seeds" },
                                                    { 0 } };

static int compare_seeds(const void *x, const void *y)
{
    const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static void check_distinct(const struct seeds *s, const struct node *list, const char *path, struct arena *a,
                           struct err *e)
{
    int64_t *sorted = arena_need(a, s->n, sizeof *sorted);
    for (size_t i = 0; i < s->n; i++)
        sorted[i] = s->items[i];
    qsort(sorted, s->n, sizeof *sorted, compare_seeds);
    size_t twice = 1;
    while (twice < s->n && sorted[twice - 1] != sorted[twice])
        twice++;
    for (size_t i = s->n; twice < s->n && i-- > 0;) /* points at the second one */
        if (s->items[i] == sorted[twice]) {
            err_at(e, list->items[i]->where, "%s: %lld is listed twice", path, (long long)sorted[twice]);
            return;
        }
}

struct seeds seeds_read(const struct node *n, const char *path, struct arena *a, struct err *e)
{
    static const struct option one = { "seeds", OPT_INT, .min = 0, .max = 9e15 };
    static const struct option count = { "seeds", OPT_INT, .min = 1, .max = MAX_SEEDS };
    struct seed_range range = { .from = 1, .count = 1 };
    struct seeds s = { .n = 0 };
    const char *key = arena_printf(a, "%s%sseeds", path, *path ? "." : "");
    const size_t before = e->n_errors;
    assert(one.max < MAX_SEED);
    if (n && n->kind == NODE_LIST) {
        s = (struct seeds){ n->n, arena_need(a, n->n, sizeof *s.items) };
        for (size_t i = 0; i < n->n; i++)
            (void)bind_value(n->items[i], &one, &s.items[i], path, a, e); /* counted in e */
        if (n->n == 0)
            err_at(e, n->where, "%s: an empty list leaves no trial", key);
        else if (e->n_errors == before)
            check_distinct(&s, n, key, a, e);
        if (e->n_errors == before)
            return s;
    } else if (n && n->kind == NODE_MAP) {
        (void)bind_tree(n, seed_range_options, &range, key, a, e);
    } else if (n) {
        (void)bind_value(n, &count, &range.count, path, a, e);
    }
    if (e->n_errors > before)
        range = (struct seed_range){ 1, 1 };
    s = (struct seeds){ (size_t)range.count, arena_need(a, (size_t)range.count, sizeof *s.items) };
    for (size_t i = 0; i < s.n; i++)
        s.items[i] = range.from + (int64_t)i;
    return s;
}

bool seeds_have(const int64_t *seeds, size_t n, int64_t seed)
{
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = seeds[i] == seed;
    return found;
}
