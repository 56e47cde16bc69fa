/* The errno behind an error of SQLite. */
#ifndef TPRUN_STORE_REASON_H
#define TPRUN_STORE_REASON_H

#include <sqlite3.h>

/* SQLite hands it up for some errors only; its open files remember the others. 0: not known. Called before anything else
 * is done with the connection. */
int reason_of(sqlite3 *db);

#endif
