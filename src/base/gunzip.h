/* Reads a gzip file (RFC 1952) in pieces, so that a reader decides after each piece whether the rest is worth having:
 * nothing is ever inflated beyond what was asked for. */
#ifndef TPRUN_BASE_GUNZIP_H
#define TPRUN_BASE_GUNZIP_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct gunzip {
    z_stream z;
    const uint8_t *bytes; /* of the caller */
    size_t n, taken;      /* compressed bytes, and how many zlib has been given */
    bool ended;           /* the member and its checksum were read */
    const char *path;     /* for messages */
};

bool gunzip_is(const uint8_t *bytes, size_t n);
/* bytes stay with the caller until gunzip_close. */
int gunzip_open(struct gunzip *g, const uint8_t *bytes, size_t n, const char *path, struct err *e);
/* Inflates up to n bytes; *got < n only at the end of the data. Damaged or cut data is ERR_FORMAT with the offset in
 * the compressed file. */
int gunzip_read(struct gunzip *g, void *out, size_t n, size_t *got, struct err *e);
/* Everything was read, the checksum is right, and nothing follows: one byte more, in this member or behind it, is
 * ERR_FORMAT. `expected` is the number of bytes read so far, for the message. */
int gunzip_end(struct gunzip *g, uint64_t expected, struct err *e);
void gunzip_close(struct gunzip *g);

/* The checksum that the last member's trailer claims; n >= 18 was checked by a successful read to the end. */
uint32_t gunzip_claimed_crc(const uint8_t *bytes, size_t n);

#endif
