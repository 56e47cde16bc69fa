#include "base/gunzip.h"

#include <inttypes.h>

enum { WINDOW_AND_GZIP = 15 + 16, LEAST = 18, TRAILER = 8 }; /* zlib.h: 16 more asks for the gzip wrapper alone */
#define PIECE ((size_t)1 << 30)                              /* zlib counts in 32 bits */

bool gunzip_is(const uint8_t *bytes, size_t n)
{
    return n >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

int gunzip_open(struct gunzip *g, const uint8_t *bytes, size_t n, const char *path, struct err *e)
{
    *g = (struct gunzip){ .bytes = bytes, .n = n, .path = path };
    const int code = inflateInit2(&g->z, WINDOW_AND_GZIP);
    if (code != Z_OK)
        return err_set(e, code == Z_MEM_ERROR ? ERR_MEMORY : ERR_INTERNAL, "%s: zlib cannot start: %s", path,
                       zError(code));
    return 0;
}

static size_t offset(const struct gunzip *g)
{
    return g->taken - g->z.avail_in;
}

int gunzip_read(struct gunzip *g, void *out, size_t n, size_t *got, struct err *e)
{
    *got = 0;
    while (*got < n && !g->ended) {
        if (g->z.avail_in == 0) {
            const size_t more = g->n - g->taken < PIECE ? g->n - g->taken : PIECE;
            g->z.next_in = (Bytef *)(uintptr_t)(g->bytes + g->taken); /* zlib does not write to it */
            g->z.avail_in = (uInt)more;
            g->taken += more;
        }
        const size_t want = n - *got < PIECE ? n - *got : PIECE;
        g->z.next_out = (Bytef *)out + *got;
        g->z.avail_out = (uInt)want;
        const int code = inflate(&g->z, Z_NO_FLUSH);
        *got += want - g->z.avail_out;
        if (code == Z_STREAM_END)
            g->ended = true;
        else if (code == Z_MEM_ERROR)
            return err_set(e, ERR_MEMORY, "%s: no memory to inflate", g->path);
        else if (code == Z_BUF_ERROR || (code == Z_OK && g->taken == g->n && g->z.avail_in == 0 && *got < n))
            return err_set(e, ERR_FORMAT, "%s: the gzip data is cut off at byte %zu", g->path, offset(g));
        else if (code != Z_OK)
            return err_set(e, ERR_FORMAT, "%s: damaged gzip data near byte %zu: %s", g->path, offset(g),
                           g->z.msg ? g->z.msg : zError(code));
    }
    return 0;
}

int gunzip_end(struct gunzip *g, uint64_t expected, struct err *e)
{
    uint8_t byte;
    size_t got;
    TRY(gunzip_read(g, &byte, 1, &got, e));
    if (got > 0)
        return err_set(e, ERR_FORMAT, "%s: inflates to more than the %" PRIu64 " bytes expected", g->path, expected);
    if (offset(g) != g->n)
        return err_set(e, ERR_FORMAT, "%s: %zu bytes follow the gzip data, at byte %zu", g->path, g->n - offset(g),
                       offset(g));
    return 0;
}

void gunzip_close(struct gunzip *g)
{
    inflateEnd(&g->z);
}

uint32_t gunzip_claimed_crc(const uint8_t *bytes, size_t n)
{
    if (n < LEAST)
        return 0;
    const uint8_t *t = bytes + n - TRAILER;
    return (uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;
}
