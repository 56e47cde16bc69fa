/* SHA-256 (nettle) and a CRC-32 (zlib) for frames. */
#ifndef TPRUN_BASE_HASH_H
#define TPRUN_BASE_HASH_H

#include "base/err.h"
#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
    struct sha256_ctx ctx;
};

void hash_init(struct hash *h);
void hash_add(struct hash *h, const void *bytes, size_t n);
/* The 8 bytes of a double, little-endian; -0.0 as 0.0, every NaN as one NaN. */
void hash_add_double(struct hash *h, double value);
void hash_add_int(struct hash *h, int64_t value);
/* Length, then bytes: no two sequences of strings hash alike. NULL is a string of its own. */
void hash_add_string(struct hash *h, const char *s);
/* 64 lower-case hexadecimal digits and a 0; the hash starts anew. */
void hash_hex(struct hash *h, char hex[65]);
void hash_bytes_hex(const void *bytes, size_t n, char hex[65]);
/* Reads a file to its end. Never call it on the database: see docs/reliability.md, POSIX locks. */
int hash_file_hex(const char *path, char hex[65], struct err *e);
/* Continues `crc`, 0 at the start. */
uint32_t hash_crc32(uint32_t crc, const void *bytes, size_t n);

#endif
