#include "data/dataset.h"

#include "base/rng.h"
#include "base/text.h"
#include <assert.h>

#define DATASETS(X)                                                                                                    \
    X(temporal_order)                                                                                                  \
    X(adding)                                                                                                          \
    X(permutation) X(markov) X(gaussian) X(student_teacher) X(given) X(mnist) X(fashion_mnist) X(cifar10) X(files)

#define DECLARE(name) extern const struct dataset_def dataset_##name;
DATASETS(DECLARE)
#undef DECLARE

#define ENTRY(name) &dataset_##name.part,
static const struct part *const parts[] = { DATASETS(ENTRY) };
#undef ENTRY

const struct registry dataset_registry = {
    .kind = "dataset",
    .parts = parts,
    .n_parts = sizeof parts / sizeof *parts,
};

const char *dataset_stream(enum split split)
{
    static const char *const names[] = { "data.train", "data.eval", "data.test", "data.valid" };
    return names[split];
}

/* A balanced Feistel network on 2 h bits (Luby & Rackoff 1988) whose round function is Philox, and cycle walking (Black
 * & Rogaway 2002): places outside 0 .. n - 1 are mapped again until they fall inside, fewer than 4 times on average
 * once h has its least useful value. */
uint64_t dataset_shuffled(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i)
{
    enum { ROUNDS = 8, LEAST_HALF = 3 }; /* with fewer bits the network reaches few of the permutations */
    assert(i < n);
    const struct rng r = rng_stream(seed, "data.shuffle");
    unsigned half = LEAST_HALF;
    while (half < 32 && (n - 1) >> 2 * half != 0)
        half++;
    const uint32_t mask = (uint32_t)((UINT64_C(1) << half) - 1);
    do {
        uint32_t left = (uint32_t)(i >> half) & mask, right = (uint32_t)i & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint32_t word[4];
            rng_philox((const uint32_t[4]){ right, round, (uint32_t)epoch, (uint32_t)(epoch >> 32) }, r.key, word);
            const uint32_t next = left ^ (word[0] & mask);
            left = right;
            right = next;
        }
        i = (uint64_t)left << half | right;
    } while (i >= n);
    return i;
}

void dataset_doubt(const char *of, const bool *seen, size_t n_classes, size_t n, struct err *e)
{
    enum { NAMED = 5 };
    struct text list = { 0 };
    size_t missing = 0;
    for (size_t i = 0; i < n_classes; i++) {
        if (!seen[i] && missing < NAMED)
            text_add(&list, "%s%zu", missing ? ", " : "", i);
        missing += !seen[i];
    }
    if (missing > 0) {
        struct text what = { 0 };
        if (n > 0)
            text_add(&what, "none of the %zu samples that are trained on is", n);
        err_warn(e, (struct where){ 0 },
                 "%s: %s of class %s%s: %zu of the %zu classes, which are counted from 0, cannot be learned", of,
                 n > 0 ? what.s : "no sample", list.s, missing > NAMED ? ", ..." : "", missing, n_classes);
        text_free(&what);
    }
    text_free(&list);
}
