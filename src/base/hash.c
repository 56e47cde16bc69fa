#include "base/hash.h"

#include "base/file.h"
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define NULL_STRING UINT64_MAX /* stands in the place of a length that no string has */
#define QUIET_NAN UINT64_C(0x7ff8000000000000)

void hash_init(struct hash *h)
{
    sha256_init(&h->ctx);
}

void hash_add(struct hash *h, const void *bytes, size_t n)
{
    if (n > 0)
        sha256_update(&h->ctx, n, bytes);
}

static void add_u64(struct hash *h, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    hash_add(h, bytes, sizeof bytes);
}

void hash_add_double(struct hash *h, double value)
{
    uint64_t bits;
    if (value == 0)
        value = 0; /* -0.0 */
    memcpy(&bits, &value, sizeof bits);
    add_u64(h, isnan(value) ? QUIET_NAN : bits);
}

void hash_add_int(struct hash *h, int64_t value)
{
    add_u64(h, (uint64_t)value);
}

void hash_add_string(struct hash *h, const char *s)
{
    const size_t n = s ? strlen(s) : 0;
    add_u64(h, s ? n : NULL_STRING);
    hash_add(h, s, n);
}

void hash_hex(struct hash *h, char hex[65])
{
    static const char digit[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&h->ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = digit[digest[i] >> 4];
        hex[2 * i + 1] = digit[digest[i] & 15];
    }
    hex[64] = 0;
}

void hash_bytes_hex(const void *bytes, size_t n, char hex[65])
{
    struct hash h;
    hash_init(&h);
    hash_add(&h, bytes, n);
    hash_hex(&h, hex);
}

int hash_file_hex(const char *path, char hex[65], struct err *e)
{
    uint64_t size;
    const int fd = file_open_regular(path, &size, e);
    TRY(fd);
    struct hash h;
    hash_init(&h);
    char buffer[16384];
    size_t got;
    int code;
    do {
        code = file_read(fd, buffer, sizeof buffer, &got, path, e);
        hash_add(&h, buffer, got);
    } while (code == 0 && got == sizeof buffer);
    close(fd); /* read only: there is nothing a failing close could lose */
    if (code == 0)
        hash_hex(&h, hex);
    return code;
}

uint32_t hash_crc32(uint32_t crc, const void *bytes, size_t n)
{
    return n > 0 ? (uint32_t)crc32_z(crc, bytes, n) : crc;
}
