/* SELECTs that others wrote: those of `tprun sql` and the measures of claims. Each is answered by a process of its own,
 * which opens the database by itself, read-only and guarded as every reader (query.h), and is bounded: in processor
 * time, also within a single call of a function; in memory; and in the sum of its temporary files. The process is this
 * very program, started with a hidden argument that main() must look for. */
#ifndef TPRUN_STORE_BOUNDED_H
#define TPRUN_STORE_BOUNDED_H

#include "store/query.h"

/* In main(), before anything else: whether this process is such a reader; then bounded_read gives its exit status. */
bool bounded_is_reader(int argc, char **argv);
int bounded_read(char **argv);

/* 30 s and 256 MB where a field is 0. */
struct query_limits bounded_limits(struct query_limits given);

/* As query_print, to standard output, which the other process writes. */
int bounded_print(const char *db, const char *sql, const char *const *arguments, size_t n_arguments,
                  enum query_format format, struct query_limits limits, struct err *e);

/* The answer to a measure, or why there is none: one number, or with a second column, the seed, a number for each row.
 */
struct bounded_answer {
    bool found;
    double value; /* the first */
    bool per_seed;
    size_t n_rows;
    struct query_value *rows; /* of per_seed; free with bounded_free */
    char note[256];           /* "" with a value */
};
/* Measures of one study, n of them. An error is that the database cannot be read, or no process be started. */
int bounded_measure(const char *db, int64_t study, const char *const *measures, size_t n, struct query_limits limits,
                    struct bounded_answer *answers, struct err *e);
void bounded_free(struct bounded_answer *answers, size_t n);
/* Compiles measures on an empty database, without running them: a note is why one cannot be. It has the view
 * study_<study> with a column for each of these swept keys. */
int bounded_compile(const char *study, const char *const *keys, size_t n_keys, const char *const *measures, size_t n,
                    struct bounded_answer *answers, struct err *e);

/* What the two processes say, in frames (base/frame.h) over one socket; s = string, i = integer, d = double. The
 * requests are all sent before the first is answered. */
enum bounded_message {
    BOUNDED_OPEN = 1, /* s database, i study or 0, d processor seconds, i bytes of temporary files, s "". Database "":
                         an empty one, with the view that s makes */
    BOUNDED_PRINT,    /* i format, s sql, i number of arguments, s for each */
    BOUNDED_MEASURE,  /* s sql */
    BOUNDED_COMPILE,  /* s sql */
    BOUNDED_DONE,     /* answers a print, and what compiles */
    BOUNDED_VALUE,    /* answers a measure: i per_seed, i number of rows, for each i found, d value, i seed */
    BOUNDED_ERROR,    /* answers either, or (i fatal) all: i fatal, i code, s text */
};
#define BOUNDED_OPTION "--reader-of"

#endif
