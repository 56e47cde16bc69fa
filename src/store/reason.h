/* Why the system refused to open, read or write a file of the database: the errno, and in words what to do about it. */
#ifndef TPRUN_STORE_REASON_H
#define TPRUN_STORE_REASON_H

#include "base/err.h"
#include <sqlite3.h>

/* SQLite hands the errno behind an error up for some errors only; its open files remember the others. 0: not known.
 * Called before anything else is done with the connection. */
int reason_of(sqlite3 *db);
/* `reason` is an errno, 0 for none. Adds "PATH: cannot WHAT: ..." and returns ERR_STORAGE. */
int reason_set(struct err *e, const char *path, const char *what, int reason);

#endif
