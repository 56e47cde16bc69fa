/* The model: what a database of tprun consists of. It is made in memory by the SQL that makes a new file, so there is
 * one description of the schema, and it serves for all three: to tell a file of somebody else, to make a new one, and
 * to bring an older one up to date (migrate.c).
 *
 * A file is not to be trusted: triggers, generated columns, CHECKs, indexes on expressions and foreign keys are
 * programs that run when the writer writes. So what has a name of ours must be what we would have made, word for word;
 * what has another name is left alone and never read. */
#ifndef TPRUN_STORE_MODEL_H
#define TPRUN_STORE_MODEL_H

#include "base/err.h"
#include <sqlite3.h>

/* Makes a connection harmless before it reads its first page: no trigger, no trust in the schema, nothing that could
 * damage the file, SQL of 1 MB at most. */
int model_distrust(sqlite3 *db);
/* An empty database in memory with the tables and indexes of a schema version; of the newest one, its views and _doc
 * too. */
int model_open(int version, sqlite3 **model, struct err *e);
/* Compares the schema of a file with the model of its version, reading nothing else. ERR_STORAGE names what is missing,
 * is defined in another way, or would run on ours: a trigger, an index on expressions, a foreign key. Views hold no
 * facts: one with another text, or none, only sets *stale. */
int model_compare(sqlite3 *db, const char *path, int version, bool *stale, struct err *e);
/* For a reader of a file whose views are stale: temporary views of the model stand before them. */
int model_lend_views(sqlite3 *db, struct err *e);

#endif
