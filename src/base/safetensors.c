/* Reading. Every number of the header is distrusted: the data is described only after names, shapes, sizes and places
 * agree. */
#include "base/safetensors.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are used in place, so the machine must be little-endian");

#define PREFIX 8 /* bytes that hold the header's length */
#define MAX_HEADER ((uint64_t)16 << 20)
#define LARGE ((uint64_t)64 << 20) /* not read whole before its beginning makes sense: it may be sparse */
/* Bounds on what the JSON parser may build, since "[[],[],..." costs it a hundred times its length: a tensor has three
 * brackets and at most 12 commas. */
#define MAX_TENSORS 65536
#define MAX_BRACKETS (4 * MAX_TENSORS)
#define MAX_COMMAS (16 * MAX_TENSORS)

static const struct {
    const char *name;
    size_t size;
} dtypes[] = { [DTYPE_F32] = { "F32", 4 }, [DTYPE_F64] = { "F64", 8 }, [DTYPE_I64] = { "I64", 8 } };
#define N_DTYPES (sizeof dtypes / sizeof *dtypes)

/* A refusal names the file and, if there is one, the tensor, with control bytes escaped. */
static int refuse(struct err *e, const char *file, const char *tensor, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int refuse(struct err *e, const char *file, const char *tensor, const char *format, ...)
{
    char reason[256];
    va_list args;
    va_start(args, format);
    if (vsnprintf(reason, sizeof reason, format, args) >= (int)sizeof reason)
        memcpy(reason + sizeof reason - 4, "...", 4);
    va_end(args);
    if (!tensor)
        return err_set(e, ERR_FORMAT, "%s: %s", file, reason);
    struct text quoted = { 0 };
    text_json_string(&quoted, tensor, strnlen(tensor, 120));
    err_set(e, ERR_FORMAT, "%s: tensor %s: %s", file, quoted.s, reason);
    text_free(&quoted);
    return ERR_FORMAT;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} -> *t, its bytes [*begin, *end) of the data. */
static int read_tensor(struct tensor *t, json_t *info, size_t data_size, size_t *begin, size_t *end, const char *file,
                       struct err *e)
{
    if (!json_is_object(info) || json_object_size(info) != 3)
        return refuse(e, file, t->name, "needs exactly dtype, shape and data_offsets");

    const char *word = json_string_value(json_object_get(info, "dtype"));
    size_t type = 0;
    while (word && type < N_DTYPES && strcmp(word, dtypes[type].name) != 0)
        type++;
    if (!word || type == N_DTYPES)
        return refuse(e, file, t->name, "dtype must be F32, F64 or I64");
    t->dtype = (enum dtype)type;

    json_t *shape = json_object_get(info, "shape");
    t->rank = json_array_size(shape); /* 0 for anything but an array */
    if (!json_is_array(shape) || t->rank > TENSOR_MAX_RANK)
        return refuse(e, file, t->name, "shape must be a list of at most %d sizes", TENSOR_MAX_RANK);
    size_t bytes = dtypes[type].size;
    t->n = 1;
    for (size_t i = 0; i < t->rank; i++) {
        json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return refuse(e, file, t->name, "shape must hold whole numbers >= 0");
        t->shape[i] = (size_t)json_integer_value(size);
        if (__builtin_mul_overflow(t->n, t->shape[i], &t->n) || __builtin_mul_overflow(bytes, t->shape[i], &bytes))
            return refuse(e, file, t->name, "shape is too large for this machine");
    }

    json_t *offsets = json_object_get(info, "data_offsets");
    json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return refuse(e, file, t->name, "data_offsets must be two whole numbers");
    const json_int_t b = json_integer_value(from), z = json_integer_value(to);
    if (b < 0 || z < b || (uint64_t)z > data_size)
        return refuse(e, file, t->name,
                      "data_offsets %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                      " do not lie in the %zu bytes of data",
                      b, z, data_size);
    *begin = (size_t)b;
    *end = (size_t)z;
    if (*end - *begin != bytes)
        return refuse(e, file, t->name, "data_offsets span %zu bytes, dtype and shape need %zu", *end - *begin, bytes);
    return 0;
}

struct span {
    size_t begin, end;
    const char *name; /* of the tensor */
};

static int by_place(const void *a, const void *b)
{
    const struct span *p = a, *q = b;
    if (p->begin != q->begin)
        return p->begin < q->begin ? -1 : 1;
    return (p->end > q->end) - (p->end < q->end); /* tensors without elements come first where they share a place */
}

/* The tensors tile the data: no overlap, no hole, nothing after the last. */
static int check_tiling(struct span *spans, size_t n, size_t data_size, const char *file, struct err *e)
{
    if (n > 0)
        qsort(spans, n, sizeof *spans, by_place);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (spans[i].begin != at)
            return refuse(e, file, spans[i].name, "data begins at byte %zu, but the data before it ends at %zu",
                          spans[i].begin, at);
        at = spans[i].end;
    }
    return at == data_size ? 0 : refuse(e, file, NULL, "%zu bytes after the last tensor", data_size - at);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b); /* keys are the first of each pair */
}

static int read_metadata(struct safetensors *f, json_t *metadata, const char *file, struct err *e)
{
    if (!json_is_object(metadata))
        return refuse(e, file, NULL, "__metadata__ is not an object");
    const size_t n = json_object_size(metadata);
    f->metadata = calloc(n ? n : 1, 2 * sizeof *f->metadata);
    if (!f->metadata)
        return err_set(e, ERR_MEMORY, "%s: out of memory", file);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return refuse(e, file, NULL, "__metadata__ holds something else than strings");
        char **pair = f->metadata + 2 * f->n_metadata++;
        pair[0] = strdup(key);
        pair[1] = strdup(json_string_value(value));
        if (!pair[0] || !pair[1])
            return err_set(e, ERR_MEMORY, "%s: out of memory", file);
    }
    if (n > 0)
        qsort(f->metadata, n, 2 * sizeof *f->metadata, by_key);
    return 0;
}

/* spans: one per member of the header. */
static int read_members(struct safetensors *f, json_t *header, const char *data, size_t data_size, struct span *spans,
                        const char *file, struct err *e)
{
    const char *key;
    json_t *info;
    json_object_foreach(header, key, info)
    {
        if (strcmp(key, "__metadata__") == 0) {
            TRY(read_metadata(f, info, file, e));
            continue;
        }
        struct span *span = &spans[f->n_tensors];
        struct tensor *t = &f->tensors[f->n_tensors++];
        t->name = strdup(key);
        if (!t->name)
            return err_set(e, ERR_MEMORY, "%s: out of memory", file);
        TRY(read_tensor(t, info, data_size, &span->begin, &span->end, file, e));
        t->data = data + span->begin;
        span->name = t->name;
    }
    TRY(check_tiling(spans, f->n_tensors, data_size, file, e));
    if (f->n_tensors > 0)
        qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_name);
    return 0;
}

static int read_header(struct safetensors *f, json_t *header, const char *data, size_t data_size, const char *file,
                       struct err *e)
{
    if (!json_is_object(header))
        return refuse(e, file, NULL, "the header is not a JSON object");
    const size_t n = json_object_size(header);
    if (n > MAX_TENSORS)
        return refuse(e, file, NULL, "more than %d tensors", MAX_TENSORS);
    f->tensors = calloc(n ? n : 1, sizeof *f->tensors);
    struct span *spans = calloc(n ? n : 1, sizeof *spans);
    const int code = f->tensors && spans ? read_members(f, header, data, data_size, spans, file, e)
                                         : err_set(e, ERR_MEMORY, "%s: out of memory", file);
    free(spans);
    return code;
}

/* The first bytes tell how long the header is; a file that lies about it costs nothing more. */
static int read_prefix(const unsigned char bytes[PREFIX], uint64_t n, uint64_t *length, const char *file, struct err *e)
{
    if (n < PREFIX)
        return refuse(e, file, NULL, "%" PRIu64 " bytes are too few for a safetensors file", n);
    memcpy(length, bytes, PREFIX);
    if (*length > n - PREFIX || *length > MAX_HEADER)
        return refuse(e, file, NULL, "the header claims %" PRIu64 " bytes, of %" PRIu64 " (at most %" PRIu64 ")",
                      *length, n - PREFIX, MAX_HEADER);
    return *length ? 0 : refuse(e, file, NULL, "the header is not a JSON object");
}

/* f->bytes holds the n bytes of the file. */
static int read_file(struct safetensors *f, size_t n, const char *file, struct err *e)
{
    const unsigned char *bytes = f->bytes;
    uint64_t length;
    TRY(read_prefix(bytes, n, &length, file, e));
    const char *json = (const char *)bytes + PREFIX;
    if (json[0] != '{')
        return refuse(e, file, NULL, "the header is not a JSON object");
    size_t brackets = 0, commas = 0;
    for (size_t i = 0; i < length; i++) {
        brackets += json[i] == '[' || json[i] == '{';
        commas += json[i] == ',';
    }
    if (brackets > MAX_BRACKETS || commas > MAX_COMMAS)
        return refuse(e, file, NULL, "the header has too many members");

    json_error_t at;
    json_t *header = json_loadb(json, length, JSON_REJECT_DUPLICATES, &at);
    if (!header) /* at.text may quote the file, so only its kind and place are told */
        return refuse(e, file, NULL, "%s at byte %d of the header",
                      json_error_code(&at) == json_error_duplicate_key ? "a name occurs twice" : "bad JSON",
                      at.position);
    const int code = read_header(f, header, json + length, n - PREFIX - length, file, e);
    json_decref(header);
    return code;
}

int safetensors_parse(struct safetensors *f, const void *bytes, size_t n, const char *name, struct err *e)
{
    *f = (struct safetensors){ .bytes = malloc(n ? n : 1) };
    if (!f->bytes)
        return err_set(e, ERR_MEMORY, "%s: out of memory", name);
    if (n > 0)
        memcpy(f->bytes, bytes, n);
    const int code = read_file(f, n, name, e);
    if (code < 0)
        safetensors_close(f);
    return code;
}

static int check_sum(const void *bytes, size_t n, const char *sha256, const char *path, struct err *e)
{
    char hex[65];
    hash_bytes_hex(bytes, n, hex);
    if (strcmp(hex, sha256) != 0)
        return err_set(e, ERR_FORMAT, "%s: SHA-256 is %.16s..., the database says %.16s...: the file is damaged", path,
                       hex, sha256);
    return 0;
}

/* The size, and of a large file the first bytes, are checked before memory is taken; a file that grows or shrinks
 * meanwhile is refused. */
static int load(struct safetensors *f, int fd, uint64_t size, const char *sha256, const char *path, struct err *e)
{
    unsigned char prefix[PREFIX];
    uint64_t length;
    size_t got, rest, more;
    char extra;
    const size_t n = (size_t)size;
    TRY(file_read(fd, prefix, PREFIX, &got, path, e));
    if (size > LARGE)
        TRY(read_prefix(prefix, size, &length, path, e));
    f->bytes = malloc(n ? n : 1);
    if (!f->bytes)
        return err_set(e, ERR_MEMORY, "%s: no memory for its %zu bytes", path, n);
    if (got > n)
        return err_set(e, ERR_IO, "%s: changed while it was read", path);
    memcpy(f->bytes, prefix, got);
    TRY(file_read(fd, (char *)f->bytes + got, n - got, &rest, path, e));
    TRY(file_read(fd, &extra, 1, &more, path, e));
    if (got + rest != n || more != 0)
        return err_set(e, ERR_IO, "%s: changed while it was read", path);
    if (sha256)
        TRY(check_sum(f->bytes, n, sha256, path, e));
    return read_file(f, n, path, e);
}

int safetensors_read(struct safetensors *f, int fd, uint64_t size, size_t max_bytes, const char *sha256,
                     const char *path, struct err *e)
{
    *f = (struct safetensors){ 0 };
    if (size > max_bytes)
        return err_set(e, ERR_FORMAT, "%s: %" PRIu64 " bytes, at most %zu expected", path, size, max_bytes);
    const int code = load(f, fd, size, sha256, path, e);
    if (code < 0)
        safetensors_close(f);
    return code;
}

int safetensors_open(struct safetensors *f, const char *path, size_t max_bytes, struct err *e)
{
    *f = (struct safetensors){ 0 };
    uint64_t size;
    const int fd = file_open_regular(path, &size, e);
    TRY(fd);
    const int code = safetensors_read(f, fd, size, max_bytes, NULL, path, e);
    close(fd); /* read only: nothing to lose */
    return code;
}

void safetensors_close(struct safetensors *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_tensors; i++)
        free(f->tensors[i].name);
    for (size_t i = 0; i < 2 * f->n_metadata; i++)
        free(f->metadata[i]);
    free(f->tensors);
    free(f->metadata);
    free(f->bytes);
    *f = (struct safetensors){ 0 };
}

const struct tensor *safetensors_find(const struct safetensors *f, const char *name)
{
    for (size_t from = 0, to = f->n_tensors; from < to;) {
        const size_t middle = from + (to - from) / 2;
        const int order = strcmp(name, f->tensors[middle].name);
        if (order == 0)
            return &f->tensors[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *f, const char *key)
{
    for (size_t i = 0; i < f->n_metadata; i++)
        if (strcmp(f->metadata[2 * i], key) == 0)
            return f->metadata[2 * i + 1];
    return NULL;
}

double tensor_get(const struct tensor *t, size_t i)
{
    assert(i < t->n);
    const char *p = (const char *)t->data + i * dtypes[t->dtype].size; /* memcpy: may be unaligned */
    if (t->dtype == DTYPE_F32) {
        float value;
        memcpy(&value, p, sizeof value);
        return (double)value;
    }
    if (t->dtype == DTYPE_F64) {
        double value;
        memcpy(&value, p, sizeof value);
        return value;
    }
    return (double)tensor_get_int(t, i);
}

int64_t tensor_get_int(const struct tensor *t, size_t i)
{
    assert(i < t->n && t->dtype == DTYPE_I64);
    int64_t value;
    memcpy(&value, (const char *)t->data + i * sizeof value, sizeof value);
    return value;
}

const char *tensor_shape_text(const struct tensor *t, char *buffer, size_t size)
{
    struct text s = { 0 };
    text_putc(&s, '[');
    for (size_t i = 0; i < t->rank; i++)
        text_add(&s, "%s%zu", i ? ", " : "", t->shape[i]);
    text_putc(&s, ']');
    if (snprintf(buffer, size, "%s", s.s) >= (int)size && size >= 4)
        memcpy(buffer + size - 4, "...", 4);
    text_free(&s);
    return buffer;
}
