/* Any bytes as an IDX file, plain or gzip: a header that is believed describes exactly the bytes that are there, and
 * nothing is inflated beyond what was expected.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_idx.c src/data/idx.c \
 *     src/base/{err,text,gunzip}.c -lz -lm -o fuzz_idx
 * ./fuzz_idx -max_len=4096 -timeout=5 -rss_limit_mb=512 NEW tests/fuzz/corpus/idx
 */
#include "base/gunzip.h"
#include "data/idx.h"

#include <stdlib.h>

enum { CLASSES = 10, MOST = 1 << 16 };

struct count {
    size_t n, most;
};

static int count(void *self, const uint8_t *bytes, size_t n, struct err *e)
{
    (void)e;
    struct count *c = self;
    volatile unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += bytes[i];
    (void)sum;
    c->n += n;
    if (c->n > c->most)
        abort();
    return 0;
}

static void plain(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct idx x;
    if (idx_header(&x, data, size, "fuzz", &e) == 0) {
        const struct idx same = idx_layout(x.rank, x.dim);
        if (same.size != x.size || same.header != x.header || x.header > IDX_MAX_HEADER)
            abort();
        const int code = idx_check(&x, data, size, "fuzz", &e);
        if ((code == 0) != (size == x.size))
            abort();
        if (code == 0)
            (void)idx_check_labels(&x, data, CLASSES, "fuzz", &e);
    } else if (e.code != ERR_FORMAT) {
        abort();
    }
    err_clear(&e);
}

/* As a gzip file, for the layout that its own header claims. */
static void compressed(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct gunzip g;
    struct idx x;
    uint8_t head[IDX_MAX_HEADER];
    size_t got = 0;
    if (gunzip_open(&g, data, size, "fuzz", &e) < 0)
        abort();
    int code = gunzip_read(&g, head, sizeof head, &got, &e);
    gunzip_close(&g);
    if (code == 0)
        code = idx_header(&x, head, got, "fuzz", &e);
    err_clear(&e);
    if (code < 0 || x.size > MOST)
        return;
    struct count c = { .most = x.size };
    code = idx_inflate(&x, data, size, "fuzz", (struct idx_writer){ .write = count, .self = &c }, &e);
    if ((code == 0 && c.n != x.size) || (code < 0 && e.code == 0))
        abort();
    err_clear(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plain(data, size);
    if (gunzip_is(data, size))
        compressed(data, size);
    return 0;
}
