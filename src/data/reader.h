/* Readers of data files: each knows one format, and makes an array of what a file of it holds. A file's first bytes
 * tell its format, or else the end of its name. */
#ifndef TPRUN_DATA_READER_H
#define TPRUN_DATA_READER_H

#include "base/arena.h"
#include "base/map.h"
#include "data/array.h"
#include "data/shared_idx.h"

enum read_role {
    READ_NUMBERS, /* an array of numbers */
    READ_LABELS   /* one column, of numbers or of words */
};
enum csv_header { CSV_HEADER_AUTO, CSV_HEADER_YES, CSV_HEADER_NO };
enum csv_delimiter { CSV_COMMA, CSV_SEMICOLON, CSV_TAB };

/* Classes that a file calls by words: sorted; class number i is items[i]. n = 0: the file has numbers. */
struct class_words {
    size_t n;
    const char **items;
};

/* What is asked of a reader. */
struct reading {
    const char *path;
    enum read_role role;
    const char *label;               /* READ_NUMBERS: the column of labels beside them, by name or number; or NULL */
    bool classes;                    /* labels may be words */
    const struct class_words *known; /* words are these alone; NULL: any */
    int header, delimiter;           /* of CSV */
};

/* A file that was read. Zero-initialise; give back with reader_close. */
struct data_file {
    const char *path;
    struct map map;
    struct shared_idx inflated;
    const uint8_t *bytes; /* n of them: the file, inflated where it is gzip */
    size_t n;
    struct array numbers; /* rank 0: none was asked for */
    struct array labels;  /* rank 0: none was asked for */
    const char *label;    /* name of the column of labels; NULL: none was asked for, or it has no name */
    struct class_words words;
};

struct reader_def {
    const char *name, *help;
    const char *const *endings; /* of names, closed by NULL */
    /* Whether a file begins so; NULL: its name tells. */
    bool (*is)(const uint8_t *bytes, size_t n);
    /* f->map is open. Every lie is ERR_FORMAT with file and offset, or line. Numbers may still be NaN. */
    int (*open)(const struct reading *r, struct data_file *f, struct arena *a, struct err *e);
};
extern const struct reader_def *const readers[]; /* npy idx csv; closed by NULL */

/* Whether a file of this name is taken for text, unless its first bytes tell otherwise. */
bool reader_is_text(const char *path);
/* Opens a file with the reader of its format. On an error nothing is left open. */
int reader_open(const struct reading *r, struct data_file *f, struct arena *a, struct err *e);
void reader_close(struct data_file *f);

/* For fuzzing and for readers: the formats in memory, without files. */
int npy_read(const uint8_t *bytes, size_t n, const char *path, struct array *out, struct err *e);
int csv_read(const uint8_t *bytes, size_t n, const struct reading *r, struct data_file *f, struct arena *a,
             struct err *e);

#endif
