#include "run/shard.h"

#include "base/text.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int shard_parse(const char *text, struct shard *s, struct err *e)
{
    const char *slash = strchr(text, '/');
    int64_t index = -1, count = 0;
    if (!slash || text_to_int(text, (size_t)(slash - text), &index) < 0 ||
        text_to_int(slash + 1, strlen(slash + 1), &count) < 0)
        return err_set(e, ERR_USAGE, "--shard: '%s' is not I/K: shard I of K, such as 0/8", text);
    if (count < 1 || count > SHARDS_MAX || index < 0 || index >= count)
        return err_set(e, ERR_USAGE, "--shard: %s: shards of K are numbered from 0 to K - 1, and K is 1 to %d", text,
                       (int)SHARDS_MAX);
    *s = (struct shard){ (size_t)index, (size_t)count };
    return 0;
}

struct dealt {
    double operations;
    size_t trial;
};

static int longest_first(const void *a, const void *b)
{
    const struct dealt *x = a, *y = b;
    if (x->operations != y->operations)
        return x->operations < y->operations ? 1 : -1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

/* ---- a heap of shards, the one that has least on top; of equal ones the first ---- */

static bool has_less(const double *loads, size_t a, size_t b)
{
    return loads[a] < loads[b] || (loads[a] == loads[b] && a < b);
}

static void sink(const double *loads, size_t *heap, size_t n, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (has_less(loads, heap[child], heap[least]))
                least = child;
        if (least == at)
            return;
        const size_t moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

int shard_deal(const struct shard *s, double *loads, size_t n, const double *operations, bool *mine)
{
    struct dealt *all = malloc((n + 1) * sizeof *all);
    size_t *heap = malloc(s->count * sizeof *heap);
    if (!all || !heap) {
        free(all);
        free(heap);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
        all[i] = (struct dealt){ operations[i] > 0 ? operations[i] : 1, i };
    qsort(all, n, sizeof *all, longest_first);
    for (size_t i = 0; i < s->count; i++)
        heap[i] = i;
    for (size_t i = s->count; i-- > 0;)
        sink(loads, heap, s->count, i);
    for (size_t i = 0; i < n; i++) {
        mine[all[i].trial] = heap[0] == s->index;
        loads[heap[0]] += all[i].operations;
        sink(loads, heap, s->count, 0);
    }
    free(all);
    free(heap);
    return 0;
}
