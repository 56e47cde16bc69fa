#include "data/idx.h"

#include "base/gunzip.h"
#include <assert.h>
#include <inttypes.h>

enum { TYPE_BYTE = 0x08, MAGIC = 4, FIELD = 4, PIECE = 1 << 16 };

/* False when the size does not fit. */
static bool set_sizes(struct idx *x)
{
    size_t values = 1;
    for (size_t i = 0; i < x->rank; i++)
        if (__builtin_mul_overflow(values, (size_t)x->dim[i], &values))
            return false;
    x->header = MAGIC + FIELD * x->rank;
    return !__builtin_add_overflow(values, x->header, &x->size) && x->size <= PTRDIFF_MAX;
}

struct idx idx_layout(size_t rank, const uint32_t *dim)
{
    assert(rank >= 1 && rank <= IDX_MAX_RANK);
    struct idx x = { .rank = rank };
    for (size_t i = 0; i < rank; i++)
        x.dim[i] = dim[i];
    const bool fits = set_sizes(&x);
    assert(fits);
    (void)fits;
    return x;
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

int idx_header(struct idx *x, const uint8_t *bytes, size_t n, const char *path, struct err *e)
{
    *x = (struct idx){ 0 };
    if (n < MAGIC)
        return err_set(e, ERR_FORMAT, "%s: ends at byte %zu, within the IDX magic number", path, n);
    if (bytes[0] != 0 || bytes[1] != 0)
        return err_set(e, ERR_FORMAT, "%s: byte 0: %02x %02x is no IDX magic number; expected 00 00", path, bytes[0],
                       bytes[1]);
    if (bytes[2] != TYPE_BYTE)
        return err_set(e, ERR_FORMAT, "%s: byte 2: IDX type %02x; expected 08, bytes", path, bytes[2]);
    if (bytes[3] < 1 || bytes[3] > IDX_MAX_RANK)
        return err_set(e, ERR_FORMAT, "%s: byte 3: %u dimensions; expected 1 to %d", path, bytes[3], IDX_MAX_RANK);
    struct idx read = { .rank = bytes[3] };
    for (size_t i = 0; i < read.rank; i++) {
        const size_t at = MAGIC + FIELD * i;
        if (n < at + FIELD)
            return err_set(e, ERR_FORMAT, "%s: ends at byte %zu, within the header of %zu dimensions", path, n,
                           read.rank);
        read.dim[i] = big_endian(bytes + at);
        if (read.dim[i] == 0)
            return err_set(e, ERR_FORMAT, "%s: byte %zu: dimension %zu is 0", path, at, i + 1);
    }
    if (!set_sizes(&read))
        return err_set(e, ERR_FORMAT, "%s: byte %d: dimensions whose product is beyond any file", path, MAGIC);
    *x = read;
    return 0;
}

/* The header in these bytes must be that of `want`. */
static int idx_expect(const struct idx *want, const uint8_t *bytes, size_t n, const char *path, struct err *e)
{
    struct idx x;
    TRY(idx_header(&x, bytes, n, path, e));
    if (x.rank != want->rank)
        return err_set(e, ERR_FORMAT, "%s: byte 3: %zu dimensions; expected %zu", path, x.rank, want->rank);
    for (size_t i = 0; i < x.rank; i++)
        if (x.dim[i] != want->dim[i])
            return err_set(e, ERR_FORMAT, "%s: byte %zu: dimension %zu is %" PRIu32 "; expected %" PRIu32, path,
                           MAGIC + FIELD * i, i + 1, x.dim[i], want->dim[i]);
    return 0;
}

int idx_check(const struct idx *want, const uint8_t *bytes, size_t n, const char *path, struct err *e)
{
    TRY(idx_expect(want, bytes, n, path, e));
    if (n != want->size)
        return err_set(e, ERR_FORMAT, "%s: %zu bytes; the header asks for %zu", path, n, want->size);
    return 0;
}

static int inflate_all(const struct idx *want, struct gunzip *g, struct idx_writer w, struct err *e)
{
    uint8_t piece[PIECE];
    size_t got, done = 0;
    TRY(gunzip_read(g, piece, want->header, &got, e));
    TRY(idx_expect(want, piece, got, g->path, e));
    for (;;) {
        TRY(w.write(w.self, piece, got, e));
        done += got;
        if (done == want->size)
            return gunzip_end(g, want->size, e);
        TRY(gunzip_read(g, piece, want->size - done < PIECE ? want->size - done : PIECE, &got, e));
        if (got == 0)
            return err_set(e, ERR_FORMAT, "%s: inflates to %zu bytes; the header asks for %zu", g->path, done,
                           want->size);
    }
}

int idx_inflate(const struct idx *want, const uint8_t *gzip, size_t n, const char *path, struct idx_writer w,
                struct err *e)
{
    struct gunzip g;
    TRY(gunzip_open(&g, gzip, n, path, e));
    const int code = inflate_all(want, &g, w, e);
    gunzip_close(&g);
    return code;
}

int idx_check_labels(const struct idx *x, const uint8_t *bytes, unsigned n_classes, const char *path, struct err *e)
{
    for (size_t i = x->header; i < x->size; i++)
        if (bytes[i] >= n_classes)
            return err_set(e, ERR_FORMAT, "%s: byte %zu: label %u; expected 0 to %u", path, i, bytes[i], n_classes - 1);
    return 0;
}
