#include "base/frame.h"

#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Layout of a frame: u32 length of the payload, u8 type, payload, u32 CRC-32 over type and payload. */
enum { HEADER = 5, TRAILER = 4 };
#define NO_STRING UINT32_MAX

static void reserve(struct frame_buffer *b, size_t more)
{
    if (b->capacity - b->n >= more)
        return;
    size_t capacity = b->capacity ? b->capacity : 4096;
    while (capacity - b->n < more)
        capacity *= 2;
    void *bytes = realloc(b->bytes, capacity);
    if (!bytes)
        err_no_memory("a frame of %zu bytes", capacity);
    b->bytes = bytes;
    b->capacity = capacity;
}

/* Integers are little-endian whatever the machine is. */
static void put(struct frame_buffer *b, uint64_t value, size_t n_bytes)
{
    reserve(b, n_bytes);
    for (size_t i = 0; i < n_bytes; i++)
        b->bytes[b->n++] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void frame_begin(struct frame_buffer *b, uint8_t type)
{
    b->begin = b->n;
    put(b, 0, 4);
    put(b, type, 1);
}

void frame_put_int(struct frame_buffer *b, int64_t value)
{
    put(b, (uint64_t)value, 8);
}

void frame_put_double(struct frame_buffer *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(b, bits, 8);
}

void frame_put_string(struct frame_buffer *b, const char *s)
{
    if (!s) {
        put(b, NO_STRING, 4);
        return;
    }
    const size_t n = strlen(s);
    assert(n < FRAME_MAX);
    put(b, n, 4);
    reserve(b, n + 1);
    memcpy(b->bytes + b->n, s, n + 1); /* its 0 too: the reader uses the string in place */
    b->n += n + 1;
}

void frame_end(struct frame_buffer *b)
{
    const size_t n = b->n - b->begin - HEADER;
    assert(n <= FRAME_MAX);
    for (size_t i = 0; i < 4; i++)
        b->bytes[b->begin + i] = (unsigned char)(n >> (8 * i));
    put(b, hash_crc32(0, b->bytes + b->begin + 4, n + 1), 4);
}

void frame_append(struct frame_buffer *b, const void *bytes, size_t n)
{
    if (b->read == b->n) {
        b->read = b->n = 0;
    } else if (b->read > b->capacity / 2) { /* moving at most half the buffer: amortised constant per byte */
        memmove(b->bytes, b->bytes + b->read, b->n - b->read);
        b->n -= b->read;
        b->read = 0;
    }
    reserve(b, n);
    if (n)
        memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}

int frame_take(struct frame_buffer *b, struct frame *f, struct err *e)
{
    const size_t available = b->n - b->read;
    if (available < HEADER)
        return 0;
    const unsigned char *at = b->bytes + b->read;
    const size_t n = (size_t)get(at, 4);
    if (n > FRAME_MAX)
        return err_set(e, ERR_FORMAT, "a frame of %zu bytes: at most %u are allowed", n, FRAME_MAX);
    if (available < HEADER + n + TRAILER)
        return 0;
    if (hash_crc32(0, at + 4, n + 1) != get(at + HEADER + n, 4))
        return err_set(e, ERR_FORMAT, "a frame of type %u whose checksum is wrong", at[4]);
    *f = (struct frame){ .type = at[4], .payload = at + HEADER, .n = n };
    b->read += HEADER + n + TRAILER;
    return 1;
}

static int need(const struct frame *f, size_t n, struct err *e)
{
    if (f->n - f->at < n)
        return err_set(e, ERR_FORMAT, "a frame of type %u ends inside a field", f->type);
    return 0;
}

int frame_get_int(struct frame *f, int64_t *value, struct err *e)
{
    TRY(need(f, 8, e));
    *value = (int64_t)get(f->payload + f->at, 8);
    f->at += 8;
    return 0;
}

int frame_get_double(struct frame *f, double *value, struct err *e)
{
    TRY(need(f, 8, e));
    const uint64_t bits = get(f->payload + f->at, 8);
    memcpy(value, &bits, sizeof bits);
    f->at += 8;
    return 0;
}

int frame_get_string(struct frame *f, const char **s, struct err *e)
{
    TRY(need(f, 4, e));
    const uint64_t n = get(f->payload + f->at, 4);
    f->at += 4;
    *s = NULL;
    if (n == NO_STRING)
        return 0;
    TRY(need(f, n + 1, e));
    const unsigned char *at = f->payload + f->at;
    if (at[n] != 0 || memchr(at, 0, n))
        return err_set(e, ERR_FORMAT, "a frame of type %u holds a string with a wrong end", f->type);
    *s = (const char *)at;
    f->at += n + 1;
    return 0;
}

void frame_free(struct frame_buffer *b)
{
    free(b->bytes);
    *b = (struct frame_buffer){ 0 };
}
