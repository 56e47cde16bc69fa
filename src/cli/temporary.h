/* A folder for databases that are thrown away: in $TMPDIR, else /tmp. */
#ifndef TPRUN_CLI_TEMPORARY_H
#define TPRUN_CLI_TEMPORARY_H

#include "base/err.h"

int temporary_make(char folder[4096], struct err *e);
void temporary_remove(const char *folder);

#endif
