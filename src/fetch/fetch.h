/* Downloads that are all or nothing: a file appears under its name when every byte of it has been checked against a
 * pinned SHA-256, or not at all; what is there already is never overwritten. A cut transfer is resumed, also by a later
 * call. */
#ifndef TPRUN_FETCH_FETCH_H
#define TPRUN_FETCH_FETCH_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { FETCH_MAX_FILES = 16 };

struct fetch_file {
    const char *name;
    uint64_t size;      /* bytes, as they are kept: uncompressed */
    const char *sha256; /* of these bytes; NULL for a member of an archive, which is pinned as a whole */
};

/* Files that a source offers one by one, as NAME.gz or NAME; or all in one gzip-compressed tar archive. */
struct fetch_set {
    const char *name;
    size_t n_files;
    const struct fetch_file *files;
    const char *archive, *archive_folder, *archive_sha256; /* NULL: one by one */
    uint64_t archive_size;
};

struct fetch_options {
    const char *folder;         /* where the files are kept; made if it does not exist */
    const char *const *sources; /* tried in this order, closed by NULL: http(s)://..., file://..., a folder; or a file,
                                   the archive itself */
    int stall_seconds;          /* a transfer that stands still for so long is cut and resumed */
    void (*say)(const char *text);                                     /* may be NULL: one line of what was done */
    void (*progress)(const char *name, uint64_t done, uint64_t total); /* may be NULL; total 0 = not known */
};

/* 0: all files are in the folder and are the published ones. */
int fetch(const struct fetch_set *set, const struct fetch_options *o, struct err *e);

/* The public addresses of a set, closed by NULL; NULL if there are none. */
const char *const *fetch_mirrors(const char *set_name);

#endif
