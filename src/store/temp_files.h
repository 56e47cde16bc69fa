/* The temporary files that SQLite makes for sorting and for intermediate results: together at most a number of bytes.
 */
#ifndef TPRUN_STORE_TEMP_FILES_H
#define TPRUN_STORE_TEMP_FILES_H

#include "base/err.h"
#include <sqlite3.h>
#include <stdint.h>

/* A layer over the usual files of SQLite (sqlite3_vfs), by whose name a connection is opened. Temporary files that are
 * opened through it share one account; other files are passed on. SQLite removes the name of a temporary file as soon
 * as it is open, so a process that is killed leaves none. */
struct temp_files {
    sqlite3_vfs vfs; /* vfs.zName */
    sqlite3_vfs *base;
    int64_t limit, used; /* bytes */
    bool full;           /* a write was refused */
};

/* Not to be moved or given back until the process ends. */
int temp_files_open(struct temp_files *t, int64_t limit, struct err *e);

#endif
