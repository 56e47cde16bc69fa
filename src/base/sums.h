/* tprun.sha256, in the format of sha256sum: what `tprun fetch` leaves beside files that came out of a checked archive,
 * so that they are known again although only the archive's checksum is published. */
#ifndef TPRUN_BASE_SUMS_H
#define TPRUN_BASE_SUMS_H

#include <stdbool.h>

#define SUMS_NAME "tprun.sha256"

/* Whether the list beside `path` has a line for this name with this sum. */
bool sums_list(const char *path, const char *name, const char *sha256);

#endif
