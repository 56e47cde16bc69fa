/* Which samples of the training file are trained on, and which are held out. */
#include "data/image.h"

/* Permutations that no epoch of training uses: epochs are far below. */
enum { FROM_LAST_VALIDATION = 0, FROM_LAST_SUBSET = 1 };

static uint64_t drawn(uint64_t seed, uint64_t from_last, uint64_t n, uint64_t i)
{
    return dataset_shuffled(seed, UINT64_MAX - from_last, n, i);
}

static int no_memory(const struct image_state *s, struct err *e)
{
    return err_set(e, ERR_MEMORY, "%s: no memory for the split of the training set", s->files.set->name);
}

/* Held out at random: the first places of a permutation. The others keep the file's order. */
static int split_validation(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    const size_t all = s->files.set->n_train, held_out = (size_t)o->validation_size;
    if (held_out == 0)
        return 0;
    bool *is_valid = arena_alloc(a, all, sizeof *is_valid);
    s->train = arena_alloc(a, all - held_out, sizeof *s->train);
    s->valid = arena_alloc(a, held_out, sizeof *s->valid);
    if (!is_valid || !s->train || !s->valid)
        return no_memory(s, e);
    for (size_t i = 0; i < held_out; i++)
        is_valid[o->validation == VALIDATION_LAST ? all - 1 - i : drawn(s->seed, FROM_LAST_VALIDATION, all, i)] = true;
    for (size_t i = 0, n_train = 0, n_valid = 0; i < all; i++)
        if (is_valid[i])
            s->valid[n_valid++] = (uint32_t)i;
        else
            s->train[n_train++] = (uint32_t)i;
    return 0;
}

/* A subset of what is not held out: the first places of the permutation of its own seed, in the file's order. */
static int choose_subset(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    const size_t all = s->files.set->n_train - (size_t)o->validation_size;
    if (o->subset_seed < 0)
        return 0;
    bool *is_chosen = arena_alloc(a, all, sizeof *is_chosen);
    uint32_t *chosen = arena_alloc(a, s->n_train, sizeof *chosen);
    if (!is_chosen || !chosen)
        return no_memory(s, e);
    for (size_t i = 0; i < s->n_train; i++)
        is_chosen[drawn((uint64_t)o->subset_seed, FROM_LAST_SUBSET, all, i)] = true;
    for (size_t i = 0, n = 0; i < all; i++)
        if (is_chosen[i])
            chosen[n++] = s->train ? s->train[i] : (uint32_t)i;
    s->train = chosen;
    return 0;
}

int image_split(struct image_state *s, const struct image_opts *o, struct arena *a, struct err *e)
{
    TRY(split_validation(s, o, a, e));
    return choose_subset(s, o, a, e);
}
