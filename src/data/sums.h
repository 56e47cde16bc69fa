/* SHA256SUMS, as sha256sum writes it: what `tprun fetch` leaves beside files that came out of a checked archive, so
 * that they are known again although only the archive's checksum is published. */
#ifndef TPRUN_DATA_SUMS_H
#define TPRUN_DATA_SUMS_H

#include <stdbool.h>

/* Whether the SHA256SUMS beside `path` has a line for this name with this sum. */
bool sums_list(const char *path, const char *name, const char *sha256);

#endif
