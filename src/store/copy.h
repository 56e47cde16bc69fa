/* Copies of databases: one file that is whole, in rollback mode, whatever else happens to the original meanwhile. */
#ifndef TPRUN_STORE_COPY_H
#define TPRUN_STORE_COPY_H

#include "store/store.h"
#include <sqlite3.h>

/* Copies all pages in one read transaction of `from`, which is called `what`, to the empty or new file `path`; nothing
 * is synced. Errors have `code` and the name `shown`; ERR_STORAGE where `from` is locked. */
struct copy {
    const char *path, *shown;
    int code;
};
int copy_database(sqlite3 *from, const char *what, const struct copy *c, struct err *e);
/* Copies what is committed, and what is queued, which is committed first, to a new file `path` on a local disk. A file
 * that is there is replaced; one that is left after an error is garbage. */
int store_copy(struct store *s, const char *path, struct err *e);
/* The same of a database that is not open: of any schema, and from any file system. It is only read. What a writer in
 * rollback mode left uncommitted when it was killed is taken back in the copy. */
int database_copy(const char *from, const char *path, struct err *e);

#endif
