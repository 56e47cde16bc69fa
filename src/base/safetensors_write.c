/* Writing. Names are sorted in the header; the data stands in the order of element size, then name, so that every
 * tensor is aligned. */
#include "base/clean.h"
#include "base/hash.h"
#include "base/new_file.h"
#include "base/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 8    /* bytes that hold the header's length */
#define ALIGNMENT 8 /* of the data: the header is padded with blanks */

/* Names and descriptions are small; without memory for them nothing can go on. */
static void *need(void *p)
{
    if (!p)
        err_no_memory("the list of tensors");
    return p;
}

static void *grown(void *items, size_t n, size_t *capacity, size_t item_size)
{
    if (n < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 16;
    return need(reallocarray(items, *capacity, item_size));
}

static const char *dtype_name(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? "F32" : dtype == DTYPE_F64 ? "F64" : "I64";
}

static size_t dtype_size(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 8;
}

void safetensors_add(struct safetensors_writer *w, const char *name, enum dtype dtype, size_t rank, const size_t *shape,
                     const void *data)
{
    assert(rank <= TENSOR_MAX_RANK && strcmp(name, "__metadata__") != 0);
    w->tensors = grown(w->tensors, w->n, &w->capacity, sizeof *w->tensors);
    struct tensor *t = &w->tensors[w->n++];
    *t = (struct tensor){ .name = need(strdup(name)), .dtype = dtype, .rank = rank, .n = 1, .data = data };
    for (size_t i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
        const bool overflow = __builtin_mul_overflow(t->n, shape[i], &t->n);
        assert(!overflow && t->n <= PTRDIFF_MAX / 8); /* the data is in memory, so it cannot be larger */
    }
}

void safetensors_add_metadata(struct safetensors_writer *w, const char *key, const char *value)
{
    w->metadata = grown(w->metadata, w->n_metadata, &w->metadata_capacity, 2 * sizeof *w->metadata);
    char **pair = w->metadata + 2 * w->n_metadata++;
    pair[0] = need(strdup(key));
    pair[1] = need(strdup(value));
}

void safetensors_writer_free(struct safetensors_writer *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        free(w->tensors[i].name);
    for (size_t i = 0; i < 2 * w->n_metadata; i++)
        free(w->metadata[i]);
    free(w->tensors);
    free(w->metadata);
    *w = (struct safetensors_writer){ 0 };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct safetensors_writer *w)
{
    if (w->n > 0)
        qsort(w->tensors, w->n, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < w->n; i++)
        assert(strcmp(w->tensors[i - 1].name, w->tensors[i].name) != 0);
    if (w->n_metadata > 0)
        qsort(w->metadata, w->n_metadata, 2 * sizeof *w->metadata, by_key);
    for (size_t i = 1; i < w->n_metadata; i++)
        assert(strcmp(w->metadata[2 * i - 2], w->metadata[2 * i]) != 0);
}

static void put_string(struct text *out, const char *s)
{
    clean_json(out, s, strlen(s)); /* metadata of a trained network names what others wrote */
}

/* The JSON header of sorted tensors, padded. */
static int write_header(const struct safetensors_writer *w, struct text *out, const char *path, struct err *e)
{
    const char *separator = "";
    text_putc(out, '{');
    if (w->n_metadata > 0) {
        text_puts(out, "\"__metadata__\":{");
        for (size_t i = 0; i < w->n_metadata; i++) {
            text_puts(out, i ? "," : "");
            put_string(out, w->metadata[2 * i]);
            text_putc(out, ':');
            put_string(out, w->metadata[2 * i + 1]);
        }
        text_putc(out, '}');
        separator = ",";
    }
    size_t at[2] = { 0, 0 }; /* where the next tensor of 8-byte and of 4-byte elements begins */
    for (size_t i = 0; i < w->n; i++) {
        const size_t size = dtype_size(w->tensors[i].dtype);
        if (size == 8 && __builtin_add_overflow(at[1], w->tensors[i].n * size, &at[1]))
            return err_set(e, ERR_MEMORY, "%s: the tensors are too large", path);
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct tensor *t = &w->tensors[i];
        const size_t size = dtype_size(t->dtype);
        size_t *begin = &at[size == 4], end;
        if (__builtin_add_overflow(*begin, t->n * size, &end))
            return err_set(e, ERR_MEMORY, "%s: the tensors are too large", path);
        text_puts(out, separator);
        put_string(out, t->name);
        text_add(out, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(t->dtype));
        for (size_t d = 0; d < t->rank; d++)
            text_add(out, "%s%zu", d ? "," : "", t->shape[d]);
        text_add(out, "],\"data_offsets\":[%zu,%zu]}", *begin, end);
        *begin = end;
        separator = ",";
    }
    text_putc(out, '}');
    while ((PREFIX + out->n) % ALIGNMENT != 0)
        text_putc(out, ' ');
    return 0;
}

static int put(struct new_file *f, struct hash *h, const void *bytes, size_t n, struct err *e)
{
    hash_add(h, bytes, n);
    return new_file_write(f, bytes, n, e);
}

static int write_contents(const struct safetensors_writer *w, const struct text *header, struct new_file *f,
                          struct hash *h, struct err *e)
{
    const uint64_t length = header->n; /* little-endian: asserted in safetensors.c */
    TRY(put(f, h, &length, PREFIX, e));
    TRY(put(f, h, header->s, header->n, e));
    for (size_t size = 8; size >= 4; size -= 4)
        for (size_t i = 0; i < w->n; i++)
            if (dtype_size(w->tensors[i].dtype) == size)
                TRY(put(f, h, w->tensors[i].data, w->tensors[i].n * size, e));
    return new_file_replace(f, e);
}

/* folder: an opened one, or -1. */
static int write_file(struct safetensors_writer *w, int folder, const char *path, char hex[65], struct err *e)
{
    struct text header = { 0 };
    struct new_file f;
    struct hash h;
    sort(w);
    hash_init(&h);
    int code = write_header(w, &header, path, e);
    if (code == 0) {
        code = folder < 0 ? new_file_begin(&f, path, e) : new_file_begin_at(&f, folder, path, e);
        if (code == 0)
            code = write_contents(w, &header, &f, &h, e);
        new_file_end(&f);
    }
    if (code == 0 && hex)
        hash_hex(&h, hex);
    text_free(&header);
    return code;
}

int safetensors_write(struct safetensors_writer *w, const char *path, char hex[65], struct err *e)
{
    return write_file(w, -1, path, hex, e);
}

int safetensors_write_at(struct safetensors_writer *w, int folder, const char *path, char hex[65], struct err *e)
{
    return write_file(w, folder, path, hex, e);
}
