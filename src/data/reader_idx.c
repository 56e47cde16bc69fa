/* IDX (data/idx.h), plain or gzip. */
#include "base/gunzip.h"
#include "data/reader.h"

enum { TYPE_BYTE = 0x08 };

static bool is_idx(const uint8_t *bytes, size_t n)
{
    return gunzip_is(bytes, n) || (n >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= TYPE_BYTE);
}

/* The header, which alone decides how much is inflated. */
static int head(const struct map *m, const char *path, struct idx *x, struct err *e)
{
    if (!gunzip_is(m->bytes, m->n))
        return idx_header(x, m->bytes, m->n, path, e);
    struct gunzip g;
    uint8_t bytes[IDX_MAX_HEADER];
    size_t got = 0;
    TRY(gunzip_open(&g, m->bytes, m->n, path, e));
    const int code = gunzip_read(&g, bytes, sizeof bytes, &got, e);
    gunzip_close(&g);
    TRY(code);
    return idx_header(x, bytes, got, path, e);
}

static int open_idx(const struct reading *r, struct data_file *f, struct arena *a, struct err *e)
{
    struct idx x;
    struct array *out = r->role == READ_LABELS ? &f->labels : &f->numbers;
    TRY(head(&f->map, r->path, &x, e));
    TRY(shared_idx_open(&f->inflated, &x, r->path, a, e));
    f->bytes = f->inflated.bytes;
    f->n = x.size;
    *out = (struct array){
        .path = r->path, .at = f->inflated.bytes + x.header, .offset = x.header, .type = NUMBER_U1, .rank = x.rank
    };
    for (size_t i = 0; i < x.rank; i++)
        out->dim[i] = x.dim[i];
    return 0;
}

static const char *const endings[] = { ".idx", "-ubyte", NULL };
extern const struct reader_def reader_idx;
const struct reader_def reader_idx = {
    .name = "idx", .help = "bytes as MNIST has them, plain or gzip", .endings = endings, .is = is_idx, .open = open_idx
};
