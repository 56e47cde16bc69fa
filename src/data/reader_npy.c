/* NumPy's .npy (NEP 1): \x93NUMPY, version, the header's length, and a header that is the text of a Python dictionary
 * {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }, then the numbers. Only this form of the text is
 * read; nothing is ever executed or unpickled. */
#include "data/reader.h"

#include <inttypes.h>
#include <string.h>

enum { MAGIC = 6, VERSION = 2 };
static const char magic[] = "\x93NUMPY";

static bool is_npy(const uint8_t *bytes, size_t n)
{
    return n >= MAGIC && memcmp(bytes, magic, MAGIC) == 0;
}

/* The header's text, from .. end, in the bytes of the file. */
struct scan {
    const uint8_t *bytes;
    size_t at, end;
    const char *path;
    struct err *e;
};

static int expected(const struct scan *s, const char *what)
{
    return err_set(s->e, ERR_FORMAT, "%s: byte %zu: expected %s in the header of the array", s->path, s->at, what);
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (s->bytes[s->at] == ' ' || s->bytes[s->at] == '\n'))
        s->at++;
}

/* Takes a word or sign if it comes next. */
static bool take(struct scan *s, const char *word)
{
    const size_t n = strlen(word);
    skip_blanks(s);
    if (s->end - s->at < n || memcmp(s->bytes + s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

/* 'text' in either quotes, without escapes; room bytes with the 0. */
static int take_string(struct scan *s, char *out, size_t room)
{
    skip_blanks(s);
    const size_t start = s->at;
    if (start == s->end || (s->bytes[start] != '\'' && s->bytes[start] != '"'))
        return expected(s, "a string");
    size_t n = 0;
    for (s->at++; s->at < s->end && s->bytes[s->at] != s->bytes[start]; s->at++) {
        if (n + 1 == room || s->bytes[s->at] < ' ' || s->bytes[s->at] > '~')
            return expected(s, "a short string");
        out[n++] = (char)s->bytes[s->at];
    }
    if (s->at == s->end)
        return expected(s, "the end of a string");
    s->at++;
    out[n] = 0;
    return 0;
}

static int take_count(struct scan *s, size_t *out)
{
    skip_blanks(s);
    const size_t start = s->at;
    size_t n = 0;
    for (; s->at < s->end && s->bytes[s->at] >= '0' && s->bytes[s->at] <= '9'; s->at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (size_t)(s->bytes[s->at] - '0'), &n))
            return expected(s, "a dimension that memory can have");
    if (s->at == start)
        return expected(s, "a dimension");
    if (n == 0)
        return err_set(s->e, ERR_FORMAT, "%s: byte %zu: a dimension is 0: the array is empty", s->path, start);
    *out = n;
    return 0;
}

/* (), (5,), (60000, 784) */
static int take_shape(struct scan *s, struct array *out)
{
    if (!take(s, "("))
        return expected(s, "the shape, as in (60000, 784)");
    out->rank = 0;
    while (!take(s, ")")) {
        if (out->rank == ARRAY_MAX_RANK)
            return err_set(s->e, ERR_FORMAT, "%s: byte %zu: more than %d dimensions", s->path, s->at, ARRAY_MAX_RANK);
        TRY(take_count(s, &out->dim[out->rank++]));
        if (!take(s, ",") && (s->at == s->end || s->bytes[s->at] != ')'))
            return expected(s, "a comma or ')'");
    }
    return out->rank > 0 ? 0 : err_set(s->e, ERR_FORMAT, "%s: the array has no dimension: it is one number", s->path);
}

static int take_type(struct scan *s, struct array *out)
{
    static const char *const codes[N_NUMBERS] = { "u1", "i1", "i2", "i4", "i8", "f4", "f8" };
    const bool big_machine = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    char descr[32];
    skip_blanks(s);
    const size_t at = s->at;
    TRY(take_string(s, descr, sizeof descr));
    for (enum number i = 0; i < N_NUMBERS; i++)
        if (descr[0] && strchr("<>|=", descr[0]) && strcmp(descr + 1, codes[i]) == 0) {
            out->type = i;
            out->swapped = (descr[0] == '>' && !big_machine) || (descr[0] == '<' && big_machine);
            return 0;
        }
    return err_set(s->e, ERR_FORMAT,
                   "%s: byte %zu: numbers of type '%s'%s; there are uint8, int8, int16, int32, int64, float32 and "
                   "float64: save x.astype('float32')",
                   s->path, at, descr,
                   descr[0] == '|' && descr[1] == 'O' ? ", Python objects, which are not read" : "");
}

/* The members of the dictionary, in any order, each once. */
static int take_members(struct scan *s, struct array *out)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    unsigned seen = 0;
    if (!take(s, "{"))
        return expected(s, "'{'");
    while (!take(s, "}")) {
        char key[16];
        TRY(take_string(s, key, sizeof key));
        const unsigned bit = !strcmp(key, "descr")           ? DESCR
                             : !strcmp(key, "fortran_order") ? ORDER
                             : !strcmp(key, "shape")         ? SHAPE
                                                             : 0;
        if (!bit || (seen & bit) || !take(s, ":"))
            return expected(s, "descr, fortran_order and shape, each once");
        seen |= bit;
        if (bit == DESCR)
            TRY(take_type(s, out));
        else if (bit == SHAPE)
            TRY(take_shape(s, out));
        else if (take(s, "True"))
            return err_set(s->e, ERR_FORMAT,
                           "%s: byte %zu: in Fortran's order, column by column; save numpy.ascontiguousarray(x)",
                           s->path, s->at);
        else if (!take(s, "False"))
            return expected(s, "True or False");
        if (!take(s, ",") && (s->at == s->end || s->bytes[s->at] != '}'))
            return expected(s, "a comma or '}'");
    }
    if (seen != ALL)
        return expected(s, "descr, fortran_order and shape");
    skip_blanks(s);
    return s->at == s->end ? 0 : expected(s, "nothing more");
}

int npy_read(const uint8_t *bytes, size_t n, const char *path, struct array *out, struct err *e)
{
    *out = (struct array){ .path = path };
    if (n < MAGIC + VERSION || memcmp(bytes, magic, MAGIC) != 0)
        return err_set(e, ERR_FORMAT, "%s: byte 0: no .npy file: it does not begin with \\x93NUMPY", path);
    const uint8_t version = bytes[MAGIC];
    if (version < 1 || version > 3)
        return err_set(e, ERR_FORMAT, "%s: byte %d: version %u of .npy; 1 to 3 are known", path, MAGIC, version);
    const size_t width = version == 1 ? 2 : 4, start = MAGIC + VERSION + width;
    if (n < start)
        return err_set(e, ERR_FORMAT, "%s: ends at byte %zu, within the length of the header", path, n);
    size_t length = 0;
    for (size_t i = width; i-- > 0;)
        length = length << 8 | bytes[MAGIC + VERSION + i];
    if (length > n - start)
        return err_set(e, ERR_FORMAT, "%s: byte %d: a header of %zu bytes, but the file ends at byte %zu", path,
                       MAGIC + VERSION, length, n);
    struct scan s = { .bytes = bytes, .at = start, .end = start + length, .path = path, .e = e };
    TRY(take_members(&s, out));
    size_t size;
    if (!array_bytes(out, &size))
        return err_set(e, ERR_FORMAT, "%s: byte %zu: dimensions whose product is beyond any memory", path, start);
    out->offset = start + length;
    out->at = bytes + out->offset;
    if (size != n - out->offset) {
        char shape[100];
        return err_set(e, ERR_FORMAT, "%s: byte %zu: the header says %s numbers of %s, %zu bytes; %zu follow", path,
                       out->offset, array_shape_text(out, shape), number_name(out->type), size, n - out->offset);
    }
    return 0;
}

static int open_npy(const struct reading *r, struct data_file *f, struct arena *a, struct err *e)
{
    (void)a;
    struct array *out = r->role == READ_LABELS ? &f->labels : &f->numbers;
    return npy_read(f->map.bytes, f->map.n, r->path, out, e);
}

static const char *const endings[] = { ".npy", NULL };
extern const struct reader_def reader_npy;
const struct reader_def reader_npy = { .name = "npy",
                                       .help = "NumPy array, C order, uint8 int8 int16 int32 int64 float32 float64",
                                       .endings = endings,
                                       .is = is_npy,
                                       .open = open_npy };
