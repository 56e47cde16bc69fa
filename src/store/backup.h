/* A copy of a database as it is at one instant, also while a runner writes. */
#ifndef TPRUN_STORE_BACKUP_H
#define TPRUN_STORE_BACKUP_H

#include "base/err.h"
#include <stdbool.h>

/* Copies page by page in one read transaction: a runner is not stopped, and its log grows meanwhile. The copy is one
 * file without a log, which appears whole or not at all. Checkpoints are not copied. Errors: those of query_open;
 * ERR_IO with the path of the copy, also when it is there already and `replace` is false. */
int backup_database(const char *path, const char *copy, bool replace, struct err *e);

#endif
