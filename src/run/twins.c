#include "run/twins.h"

#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

enum { KEY = 32, SMALLEST = 64 };

static struct twin *slot_of(const struct twins *t, const char *key)
{
    size_t i = hash_crc32(0, key, KEY) & (t->capacity - 1);
    while (t->slots[i].key[0] && memcmp(t->slots[i].key, key, KEY) != 0)
        i = (i + 1) & (t->capacity - 1);
    return &t->slots[i];
}

/* Half full at most. */
static int grow(struct twins *t, struct err *e)
{
    struct twins larger = { .n = t->n, .capacity = t->capacity ? 2 * t->capacity : SMALLEST };
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].key[0])
            *slot_of(&larger, t->slots[i].key) = t->slots[i];
    free(t->slots);
    *t = larger;
    return 0;
}

int twins_find(struct twins *t, const char *key, uint64_t cell, uint64_t *first, struct err *e)
{
    if (2 * t->n >= t->capacity)
        TRY(grow(t, e));
    struct twin *slot = slot_of(t, key);
    if (!slot->key[0]) {
        memcpy(slot->key, key, KEY);
        slot->cell = cell;
        t->n++;
    }
    *first = slot->cell;
    return 0;
}

void twins_free(struct twins *t)
{
    free(t->slots);
    *t = (struct twins){ 0 };
}
