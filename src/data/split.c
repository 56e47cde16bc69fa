#include "data/split.h"

#include "data/dataset.h"

/* Permutations that no epoch of training uses: epochs are far below. */
enum { FROM_LAST_VALIDATION = 0, FROM_LAST_SUBSET = 1 };

static uint64_t drawn(uint64_t seed, uint64_t from_last, uint64_t n, uint64_t i)
{
    return dataset_shuffled(seed, UINT64_MAX - from_last, n, i);
}

static int no_memory(const struct split_rule *r, struct err *e)
{
    return err_set(e, ERR_MEMORY, "%s: no memory for the split of the training set", r->name);
}

/* Held out at random: the first places of a permutation. The others keep the file's order. */
static int hold_out(const struct split_rule *r, struct split_places *p, struct arena *a, struct err *e)
{
    const size_t all = r->all, held_out = r->held_out;
    if (held_out == 0)
        return 0;
    bool *is_valid = arena_alloc(a, all, sizeof *is_valid);
    p->train = arena_alloc(a, all - held_out, sizeof *p->train);
    p->valid = arena_alloc(a, held_out, sizeof *p->valid);
    if (!is_valid || !p->train || !p->valid)
        return no_memory(r, e);
    for (size_t i = 0; i < held_out; i++)
        is_valid[r->last ? all - 1 - i : drawn(r->seed, FROM_LAST_VALIDATION, all, i)] = true;
    for (size_t i = 0, n_train = 0, n_valid = 0; i < all; i++)
        if (is_valid[i])
            p->valid[n_valid++] = (uint32_t)i;
        else
            p->train[n_train++] = (uint32_t)i;
    return 0;
}

/* A subset of what is not held out: the first places of the permutation of its own seed, in the file's order. */
static int choose_subset(const struct split_rule *r, struct split_places *p, struct arena *a, struct err *e)
{
    const size_t all = r->all - r->held_out;
    if (!r->subset)
        return 0;
    bool *is_chosen = arena_alloc(a, all, sizeof *is_chosen);
    uint32_t *chosen = arena_alloc(a, r->n_train, sizeof *chosen);
    if (!is_chosen || !chosen)
        return no_memory(r, e);
    for (size_t i = 0; i < r->n_train; i++)
        is_chosen[drawn(r->subset_seed, FROM_LAST_SUBSET, all, i)] = true;
    for (size_t i = 0, n = 0; i < all; i++)
        if (is_chosen[i])
            chosen[n++] = p->train ? p->train[i] : (uint32_t)i;
    p->train = chosen;
    return 0;
}

int split_choose(const struct split_rule *rule, struct split_places *places, struct arena *a, struct err *e)
{
    *places = (struct split_places){ 0 };
    TRY(hold_out(rule, places, a, e));
    return choose_subset(rule, places, a, e);
}
