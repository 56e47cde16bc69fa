/* Where the database lies: one real name for it, a folder that exists, a file system that can lock. */
#ifndef TPRUN_STORE_PATH_H
#define TPRUN_STORE_PATH_H

#include "base/err.h"

/* The real path (malloc'ed) of a database that may not exist yet; for writing, missing folders are made. Refused: an
 * empty path, a dangling link, something that is no regular file, a file with several names (hard links: each name
 * would have its own log), and, for writing, a network file system. */
int path_resolve(const char *path, bool writing, char **real, struct err *e);
/* The name of a network file system by its statfs type, or NULL for a local one. */
const char *path_network_name(long type);

#endif
