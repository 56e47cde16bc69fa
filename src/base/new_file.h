/* A file that appears whole or not at all: written beside its place under another name, synced, then renamed. After
 * new_file_replace or new_file_link it is there after a power cut too; a crash before leaves what was there, and
 * perhaps a file <name>.<pid>.<16 hexadecimal digits>.tmp, which nobody reads.
 *
 *     int code = new_file_begin(&f, path, e);
 *     if (code == 0)
 *         code = new_file_write(&f, bytes, n, e);   as often as needed
 *     if (code == 0)
 *         code = new_file_replace(&f, e);
 *     new_file_end(&f);                              removes what has not got its name */
#ifndef TPRUN_BASE_NEW_FILE_H
#define TPRUN_BASE_NEW_FILE_H

#include "base/err.h"

struct new_file {
    char *path; /* for messages; owned, as is the temporary name */
    const char *name;
    char *temporary;
    int folder, fd; /* -1 = none */
    bool owns_folder, synced, renamed;
};

/* Errors: ERR_IO. What is there already must be a regular file (a device is not replaced). */
int new_file_begin(struct new_file *f, const char *path, struct err *e);
/* In an opened folder, which the caller keeps open until the end. `path` is for messages; its last part is the name. */
int new_file_begin_at(struct new_file *f, int folder, const char *path, struct err *e);
int new_file_write(struct new_file *f, const void *bytes, size_t n, struct err *e);
/* Adds what an open file holds from where it stands, to h too unless it is NULL; `source` is its path, for messages. */
struct hash;
int new_file_copy(struct new_file *f, int fd, const char *source, struct hash *h, struct err *e);
/* Begins with all that the regular file `source` holds, and adds that to h too. Errors: ERR_IO. */
int new_file_begin_copy(struct new_file *f, const char *path, const char *source, struct hash *h, struct err *e);
/* Makes the bytes durable and closes the file. Done by the next two if it was not done before. */
int new_file_sync(struct new_file *f, struct err *e);
/* Gives the file its name, in place of what has it. */
int new_file_replace(struct new_file *f, struct err *e);
/* The same, but what has the name stays: then *there = true, and the new file is dropped. */
int new_file_link(struct new_file *f, bool *there, struct err *e);
/* Also after an error, and of a zeroed struct only if begin was called. */
void new_file_end(struct new_file *f);

#endif
