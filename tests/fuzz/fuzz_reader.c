/* Any bytes as an .npy file and as CSV: a header that is believed describes exactly the bytes that are there, a table
 * has as many finite numbers as its shape says, and labels are numbers of words that exist.
 *
 * tests/fuzz/run builds it; tests/fuzz/corpus/reader holds what it begins with. */
#include "data/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void read_all(const struct array *a)
{
    double sum = 0, value;
    for (size_t i = 0; i < a->dim[0] * array_per_row(a); i++) {
        array_read(a, i, 1, &value);
        sum += value;
    }
    if (isnan(sum) && !number_is_real(a->type))
        abort();
}

static void npy(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct array a;
    size_t n;
    if (npy_read(data, size, "fuzz", &a, &e) == 0) {
        if (!array_bytes(&a, &n) || a.rank < 1 || a.rank > ARRAY_MAX_RANK || a.offset + n != size)
            abort();
        read_all(&a);
        (void)array_check_finite(&a, &e);
    } else if (e.code != ERR_FORMAT) {
        abort();
    }
    err_clear(&e);
}

static void csv(const uint8_t *data, size_t size, const struct reading *r)
{
    struct arena a;
    struct err e = { 0 };
    struct data_file f = { .path = "fuzz" };
    arena_init(&a, 64 << 20);
    if (csv_read(data, size, r, &f, &a, &e) == 0) {
        if (f.numbers.rank > 0)
            read_all(&f.numbers);
        if (f.labels.rank > 0 && f.numbers.rank > 0 && f.labels.dim[0] != f.numbers.dim[0])
            abort();
        if (f.labels.rank > 0)
            read_all(&f.labels);
        for (size_t i = 0; f.words.n > 0 && i < f.labels.dim[0]; i++) {
            double word;
            array_read(&f.labels, i, 1, &word);
            if (!(word >= 0 && word < (double)f.words.n) || !f.words.items[(size_t)word])
                abort();
        }
    } else if (e.code != ERR_FORMAT && e.code != ERR_MEMORY) {
        abort();
    }
    err_clear(&e);
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct reading forms[] = {
        { .path = "fuzz.csv", .role = READ_NUMBERS, .label = "-1", .classes = true },
        { .path = "fuzz.csv", .role = READ_NUMBERS, .label = "a", .classes = false, .header = CSV_HEADER_YES },
        { .path = "fuzz.tsv", .role = READ_LABELS, .classes = true, .header = CSV_HEADER_NO },
    };
    npy(data, size);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        csv(data, size, &forms[i]);
    return 0;
}
