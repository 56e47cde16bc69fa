/* safetensors files: 8 bytes header length (little-endian), a JSON header {name: {dtype, shape, data_offsets}}, raw
 * data. https://huggingface.co/docs/safetensors. A header that lies is refused: see safetensors_open. */
#ifndef TPRUN_BASE_SAFETENSORS_H
#define TPRUN_BASE_SAFETENSORS_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32, DTYPE_F64, DTYPE_I64 };
#define TENSOR_MAX_RANK 8

struct tensor {
    char *name;
    enum dtype dtype;
    size_t rank, shape[TENSOR_MAX_RANK];
    size_t n;         /* number of elements: the product of the shape, 1 for a scalar */
    const void *data; /* n elements, little-endian, possibly unaligned by the element size: read with tensor_get */
};

/* Tensors in the order of their names. Zero-initialise; give back with safetensors_close. */
struct safetensors {
    size_t n_tensors;
    struct tensor *tensors;
    void *bytes; /* the file's contents; tensors point into it */
    size_t n_metadata;
    char **metadata; /* 2 * n_metadata strings: key, value of __metadata__ */
};

/* Reads a whole file. Refused with a message that names the file and the tensor: header length beyond the file or 16
 * MB, a header that is not one JSON object, duplicate names, unknown dtypes, shape products that overflow, offsets that
 * are negative, reversed, overlap, leave a hole, end beyond the file or before it, or do not match dtype and shape;
 * more than `max_bytes`; a path that is no regular file. */
int safetensors_open(struct safetensors *f, const char *path, size_t max_bytes, struct err *e);
/* The same of an opened regular file of `size` bytes; `path` is for messages. sha256: what the hash of these very bytes
 * must be, or NULL. */
int safetensors_read(struct safetensors *f, int fd, uint64_t size, size_t max_bytes, const char *sha256,
                     const char *path, struct err *e);
/* The same from memory; the bytes are copied. `name` is used in messages. For tests and fuzzing. */
int safetensors_parse(struct safetensors *f, const void *bytes, size_t n, const char *name, struct err *e);
void safetensors_close(struct safetensors *f);
const struct tensor *safetensors_find(const struct safetensors *f, const char *name);
const char *safetensors_metadata(const struct safetensors *f, const char *key);
double tensor_get(const struct tensor *t, size_t i);
int64_t tensor_get_int(const struct tensor *t, size_t i); /* I64 only (assert) */
/* "[20, 60, 6]" into buffer. */
const char *tensor_shape_text(const struct tensor *t, char *buffer, size_t size);

/* Writing: add tensors (their data is not copied), then write. Names are unique (assert). The file is byte-stable:
 * names sorted, no time stamps. A crash may leave a file <path>.<pid>.<16 hexadecimal digits>.tmp, which nobody reads.
 */
struct safetensors_writer {
    size_t n, capacity;
    struct tensor *tensors;
    size_t n_metadata, metadata_capacity;
    char **metadata;
};
void safetensors_add(struct safetensors_writer *w, const char *name, enum dtype dtype, size_t rank, const size_t *shape,
                     const void *data);
void safetensors_add_metadata(struct safetensors_writer *w, const char *key, const char *value);
/* Writes to a new temporary file beside `path`, syncs it, renames it, syncs the folder: after a return of 0 the file
 * survives a power cut, and a crash leaves the old file or none. hex (may be NULL) receives the SHA-256 of the file. */
int safetensors_write(struct safetensors_writer *w, const char *path, char hex[65], struct err *e);
/* In an opened folder; `path` is for messages, its last part is the name. */
int safetensors_write_at(struct safetensors_writer *w, int folder, const char *path, char hex[65], struct err *e);
void safetensors_writer_free(struct safetensors_writer *w);

#endif
