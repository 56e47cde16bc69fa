/* Memory by lifetime: everything of one command, one trial or one step is given back at once.
 *
 * An arena is a list of chunks. Allocations are zeroed and aligned to 64 bytes. arena_mark and arena_rewind make a
 * step's scratch out of a trial's arena: after the first step no chunk is added, so a step never calls malloc. */
#ifndef TPRUN_BASE_ARENA_H
#define TPRUN_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *first, *current;
    size_t used;  /* bytes handed out, padding included, since arena_init or the last arena_rewind to its mark */
    size_t limit; /* bytes; 0 = none. An allocation beyond it returns NULL. */
    /* A counting arena backs structs and text alone: numbers, entries of 4 or 8 bytes, have an address that must not be
     * followed. */
    bool counting;
    size_t numbers,
        doubles; /* bytes of `used` that are numbers, and those of them that are double whatever `real` is */
};
struct arena_mark {
    struct arena_chunk *chunk;
    size_t chunk_used, used;
};

void arena_init(struct arena *a, size_t limit);
/* To learn what an opening takes without taking it. */
void arena_init_counting(struct arena *a);
/* n * size bytes, zeroed, or NULL when the product overflows, the limit is met or memory is out. n * size may be 0. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
/* n doubles. */
double *arena_doubles(struct arena *a, size_t n);
/* As arena_alloc, but aborts with a message instead of returning NULL: for small things of a command. */
void *arena_need(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct arena_mark arena_mark(struct arena *a);
/* Gives back what was allocated since the mark; chunks are kept for the next use. Memory is zeroed again on allocation.
 */
void arena_rewind(struct arena *a, struct arena_mark mark);
void arena_finish(struct arena *a);

#endif
