/* From bytes that somebody sent to files under their names: written beside, hashed while they are written, synced, and
 * renamed when the sum is right. */
#ifndef TPRUN_FETCH_KEEP_H
#define TPRUN_FETCH_KEEP_H

#include "base/hash.h"
#include "base/new_file.h"
#include "fetch/fetch.h"
#include <stdbool.h>

/* A new file that has not got its name yet. Zero-initialise. */
struct keep {
    struct new_file file;
    char *path; /* owned */
    struct hash hash;
    uint64_t n;
    char sha256[65]; /* after keep_sync */
};

char *keep_path(const char *folder, const char *name, const char *suffix); /* to be freed; aborts without memory */
int keep_begin(struct keep *k, const char *folder, const char *name, struct err *e);
int keep_write(struct keep *k, const void *bytes, size_t n, struct err *e);
int keep_sync(struct keep *k, struct err *e); /* the bytes are durable, and sha256 is known */
/* The file has its name, also after a power cut. A file of that name that is there stays there: an error if it differs.
 */
int keep_rename(struct keep *k, struct err *e);
int keep_replace(struct keep *k, struct err *e); /* the same, but replaces */
void keep_end(struct keep *k);                   /* removes what was not renamed */

/* Keeps a file from `path`, gzip-compressed or plain: exactly file->size bytes with the pinned sum. */
int keep_file(const struct fetch_file *file, const char *folder, const char *path, struct err *e);
/* The pinned sum of a whole file. */
int keep_check_sum(const char *path, const char *sha256, struct err *e);

#endif
