/* Copies of databases: one file that is whole, in rollback mode, whatever else happens to the original meanwhile. */
#ifndef TPRUN_STORE_COPY_H
#define TPRUN_STORE_COPY_H

#include "store/store.h"

/* Copies what is committed, and what is queued, which is committed first, to a new file `path` on a local disk. A file
 * that is there is replaced; one that is left after an error is garbage. */
int store_copy(struct store *s, const char *path, struct err *e);
/* The same of a database that is not open: of any schema, and from any file system. It is only read. */
int database_copy(const char *from, const char *path, struct err *e);

#endif
