#include "data/reader.h"

#include <string.h>
#include <strings.h>

#define READERS(X) X(npy) X(idx) X(csv)
#define DECLARE(name) extern const struct reader_def reader_##name;
READERS(DECLARE)
#undef DECLARE
#define ENTRY(name) &reader_##name,
const struct reader_def *const readers[] = { READERS(ENTRY) NULL };

static bool ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n > m && strcasecmp(path + n - m, ending) == 0;
}

static const struct reader_def *find(const char *path, const struct map *m)
{
    for (size_t i = 0; readers[i]; i++)
        if (readers[i]->is && readers[i]->is(m->bytes, m->n))
            return readers[i];
    for (size_t i = 0; readers[i]; i++)
        for (size_t k = 0; readers[i]->endings[k]; k++)
            if (ends_with(path, readers[i]->endings[k]))
                return readers[i];
    return NULL;
}

bool reader_is_text(const char *path)
{
    const struct map none = { 0 };
    return find(path, &none) == &reader_csv;
}

static int open_with_reader(const struct reading *r, struct data_file *f, struct arena *a, struct err *e)
{
    const struct reader_def *def = find(r->path, &f->map);
    if (f->map.n >= 4 && memcmp(f->map.bytes, "PK\3\4", 4) == 0)
        return err_set(e, ERR_FORMAT,
                       "%s: an archive (.npz, .zip) of several files; save each array by itself: "
                       "numpy.save('x.npy', x)",
                       r->path);
    if (!def)
        return err_set(e, ERR_FORMAT, "%s: no format that is known; there are .npy, IDX (also .gz), .csv and .tsv",
                       r->path);
    f->bytes = f->map.bytes;
    f->n = f->map.n;
    TRY(def->open(r, f, a, e));
    if (f->numbers.rank > 0 && f->labels.rank > 0 && f->numbers.dim[0] != f->labels.dim[0])
        return err_set(e, ERR_INTERNAL, "%s: a reader lost labels", r->path);
    return 0;
}

int reader_open(const struct reading *r, struct data_file *f, struct arena *a, struct err *e)
{
    *f = (struct data_file){ .path = r->path };
    TRY(map_open(&f->map, r->path, PTRDIFF_MAX, e));
    const int code =
        f->map.n == 0 ? err_set(e, ERR_FORMAT, "%s: the file is empty", r->path) : open_with_reader(r, f, a, e);
    if (code < 0)
        reader_close(f);
    return code;
}

void reader_close(struct data_file *f)
{
    map_close(&f->map);
    shared_idx_close(&f->inflated);
    *f = (struct data_file){ 0 };
}
