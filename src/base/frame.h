/* Framed records between a worker and the runner: u32 length, u8 type, payload, u32 CRC-32 of type and payload;
 * little-endian. A frame whose CRC is wrong or whose length is beyond FRAME_MAX is ERR_FORMAT; half a frame at the end
 * of a stream is not a frame. */
#ifndef TPRUN_BASE_FRAME_H
#define TPRUN_BASE_FRAME_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX (1u << 20)

/* A buffer of outgoing or incoming bytes. Zero-initialise; frame_free. */
struct frame_buffer {
    unsigned char *bytes;
    size_t n, capacity, read; /* [read, n) not yet taken */
    size_t begin;             /* writing: where the open frame starts */
};

/* Writing: begin, put fields, end. The buffer then holds whole frames to be sent. */
void frame_begin(struct frame_buffer *b, uint8_t type);
void frame_put_int(struct frame_buffer *b, int64_t value);
void frame_put_double(struct frame_buffer *b, double value);
void frame_put_string(struct frame_buffer *b, const char *s); /* NULL is kept apart from "" */
void frame_end(struct frame_buffer *b);

/* Reading: append received bytes with frame_append, then take whole frames. */
struct frame {
    uint8_t type;
    const unsigned char *payload;
    size_t n, at;
};
void frame_append(struct frame_buffer *b, const void *bytes, size_t n);
/* 1: a frame was taken (valid until the next append), 0: not enough bytes yet, ERR_FORMAT. */
int frame_take(struct frame_buffer *b, struct frame *f, struct err *e);
int frame_get_int(struct frame *f, int64_t *value, struct err *e);
int frame_get_double(struct frame *f, double *value, struct err *e);
int frame_get_string(struct frame *f, const char **s, struct err *e); /* 0-terminated inside the payload, or NULL */
void frame_free(struct frame_buffer *b);

#endif
