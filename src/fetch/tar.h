/* Unpacks one archive that is known: its members, their sizes, and nothing else. */
#ifndef TPRUN_FETCH_TAR_H
#define TPRUN_FETCH_TAR_H

#include "fetch/keep.h"

/* Writes every file of the set from the gzip-compressed tar archive at `path` to keep[i] (begun here, synced, not yet
 * renamed; the caller ends all of them, also after an error). Refused: links, devices, other folders, long names,
 * members twice, missing or of another size, headers whose checksum is wrong. Small files beside the members (a
 * read-me) are passed over. No name of the archive ever becomes a path. */
int tar_unpack(const struct fetch_set *set, const char *folder, const char *path, struct keep *keep, struct err *e);

#endif
