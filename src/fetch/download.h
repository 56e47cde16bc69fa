/* One URL into one file, by libcurl. */
#ifndef TPRUN_FETCH_DOWNLOAD_H
#define TPRUN_FETCH_DOWNLOAD_H

#include "fetch/fetch.h"
#include <stdbool.h>

/* Continues the file `part` (made if absent) until the server has no more; at most `most` bytes. *resumed: some of the
 * bytes came from an earlier transfer, so that wrong bytes may be the fault of that one. Cut transfers are resumed as
 * long as they bring something. Redirections stay within http and https. *fd, also after an error: the open
 * file, -1: none, which no other process gets until it is closed; its bytes are read by name. */
int download(const char *url, const char *part, uint64_t most, const struct fetch_options *o, bool *resumed, int *fd,
             struct err *e);

#endif
