#include "base/arena.h"
#include "base/err.h"
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A small chunk is cleared as it is handed out: of most, little is. */
enum { ALIGNMENT = 64, FIRST_CHUNK = 1 << 14, SMALL_CHUNK = 1 << 16, LARGEST_CHUNK = 1 << 22 };

/* Under the address sanitizer what was not handed out may not be touched: the padding behind an allocation, a gap where
 * there is none, and what was rewound. The gaps are in no count. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
enum { GAP = ALIGNMENT };
#define FORBID(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define ALLOW(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { GAP = 0 };
#define FORBID(p, n) ((void)(p), (void)(n))
#define ALLOW(p, n) ((void)(p), (void)(n))
#endif

struct arena_chunk {
    struct arena_chunk *next;
    void *block;          /* what free() takes */
    unsigned char *bytes; /* the first aligned byte in block */
    size_t size, used;
    size_t touched; /* bytes beyond are still the zeros of calloc: large arrays are not cleared twice */
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){ .limit = limit };
}

void arena_init_counting(struct arena *a)
{
    *a = (struct arena){ .counting = true };
}

/* Rounds up to the alignment; an empty allocation still gets an address of its own. */
static bool padded_size(size_t n, size_t size, size_t *bytes)
{
    size_t product;
    if (__builtin_mul_overflow(n, size, &product) || __builtin_add_overflow(product, ALIGNMENT - 1, bytes))
        return false;
    *bytes &= ~(size_t)(ALIGNMENT - 1);
    if (*bytes == 0)
        *bytes = ALIGNMENT;
    return *bytes <= PTRDIFF_MAX;
}

/* Adds a chunk of at least `bytes` behind the current one. Chunks double, so that n allocations cost O(log n) calls of
 * calloc. */
static struct arena_chunk *add_chunk(struct arena *a, size_t bytes)
{
    size_t size = a->current ? 2 * a->current->size : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    if (size < bytes)
        size = bytes;
    size_t block_size;
    if (__builtin_add_overflow(size, ALIGNMENT, &block_size))
        return NULL;
    struct arena_chunk *c = calloc(1, sizeof *c);
    void *block = size <= SMALL_CHUNK ? malloc(block_size) : calloc(1, block_size);
    if (!c || !block) {
        free(c);
        free(block);
        return NULL;
    }
    const uintptr_t misfit = (uintptr_t)block % ALIGNMENT;
    *c = (struct arena_chunk){ .block = block, .bytes = (unsigned char *)block + (ALIGNMENT - misfit), .size = size };
    c->touched = size <= SMALL_CHUNK ? size : 0;
    FORBID(c->bytes, c->size);
    if (a->current) {
        c->next = a->current->next;
        a->current->next = c;
    } else {
        a->first = c;
    }
    return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes, taken, total;
    if (!padded_size(n, size, &bytes) || __builtin_add_overflow(bytes, GAP, &taken) ||
        __builtin_add_overflow(a->used, bytes, &total) || (a->limit > 0 && total > a->limit))
        return NULL;
    if (a->counting && (size == sizeof(float) || size == sizeof(double))) {
        a->numbers += bytes;
        a->used = total;
        return (void *)(uintptr_t)ALIGNMENT;
    }
    struct arena_chunk *c = a->current;
    if (!c || c->size - c->used < taken) {
        /* A chunk kept from before a rewind is used if it is large enough: the same calls then meet the same chunks. */
        struct arena_chunk *next = c ? c->next : NULL;
        c = next && next->size >= taken ? next : add_chunk(a, taken);
        if (!c)
            return NULL;
        c->used = 0;
        a->current = c;
    }
    unsigned char *p = c->bytes + c->used;
    ALLOW(p, bytes);
    const size_t dirty = c->touched > c->used ? c->touched - c->used : 0;
    memset(p, 0, dirty < bytes ? dirty : bytes);
    FORBID(p + n * size, bytes - n * size);
    c->used += taken;
    if (c->touched < c->used)
        c->touched = c->used;
    a->used = total;
    return p;
}

double *arena_doubles(struct arena *a, size_t n)
{
    const size_t before = a->used;
    double *p = arena_alloc(a, n, sizeof *p);
    if (p)
        a->doubles += a->used - before;
    return p;
}

void *arena_need(struct arena *a, size_t n, size_t size)
{
    void *p = arena_alloc(a, n, size);
    if (!p)
        err_no_memory("%zu times %zu bytes", n, size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    assert(n < PTRDIFF_MAX);
    char *copy = arena_need(a, n + 1, 1);
    if (n > 0)
        memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    char *s = arena_need(a, (size_t)n + 1, 1);
    const int written = vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    assert(written == n);
    (void)written;
    return s;
}

struct arena_mark arena_mark(struct arena *a)
{
    return (struct arena_mark){ .chunk = a->current, .chunk_used = a->current ? a->current->used : 0, .used = a->used };
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
    assert(mark.used <= a->used);
    const struct arena_chunk *last = a->current;
    a->current = mark.chunk ? mark.chunk : a->first;
    for (const struct arena_chunk *c = a->current; c; c = c == last ? NULL : c->next) {
        const size_t from = c == a->current ? mark.chunk_used : 0;
        FORBID(c->bytes + from, c->used - from);
    }
    if (a->current)
        a->current->used = mark.chunk_used;
    a->used = mark.used;
}

void arena_finish(struct arena *a)
{
    for (struct arena_chunk *c = a->first; c;) {
        struct arena_chunk *next = c->next;
        ALLOW(c->bytes, c->size);
        free(c->block);
        free(c);
        c = next;
    }
    *a = (struct arena){ 0 };
}
