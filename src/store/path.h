/* Where the database lies: one real name for it, a folder that exists, a file system that can lock. */
#ifndef TPRUN_STORE_PATH_H
#define TPRUN_STORE_PATH_H

#include "base/err.h"

enum path_use {
    PATH_READ,   /* it must exist */
    PATH_WRITE,  /* in place; on a local file system */
    PATH_REPLACE /* as a whole, by renaming; on any file system */
};
/* The real path (malloc'ed) of a database. But for reading it need not exist, and missing folders are made. Refused: an
 * empty path, a dangling link, something that is no regular file, a file with several names (hard links: each name
 * would have its own log), and, for writing, a network file system. */
int path_resolve(const char *path, enum path_use use, char **real, struct err *e);
/* The name of the network file system that `path` lies on, or would lie on: in its folder; NULL for a local one. */
const char *path_network(const char *path);
/* How a resolved database is opened for reading: *vfs is NULL for SQLite's usual files. On a network file system it is
 * one without locks: files there are replaced whole, and never written. ERR_STORAGE where a write-ahead log lies beside
 * it, which only its writer's machine can read. */
int path_reader(const char *real, const char **vfs, struct err *e);
/* The name of a network file system by its statfs type, or NULL for a local one. */
const char *path_network_name(long type);

#endif
