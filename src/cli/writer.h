/* The database for a command that changes what is there already. */
#ifndef TPRUN_CLI_WRITER_H
#define TPRUN_CLI_WRITER_H

#include "cli/cli.h"
#include "store/store.h"

/* Opens it under the lock. Neither makes a database nor brings one up to date: errors are those of query_open, and
 * ERR_LOCKED. */
int cli_open_writer(const struct cli *c, struct store **store, struct err *e);
/* Closes it; returns the first code. store: NULL = not opened. */
int cli_close_writer(struct store *store, int code, struct err *e);
/* The study of this name (*trial = 0), or the trial whose key begins so. */
int cli_find_object(const struct cli *c, const char *name, int64_t *study, int64_t *trial, struct err *e);

/* What people say is UTF-8, as all else in the database. what: "the note". */
int cli_check_words(const char *what, const char *text, struct err *e);

#endif
