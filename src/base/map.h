/* A whole file as read-only memory, shared by all processes that map it. */
#ifndef TPRUN_BASE_MAP_H
#define TPRUN_BASE_MAP_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; give back with map_close. */
struct map {
    const uint8_t *bytes; /* NULL if the file is empty */
    size_t n;
};

/* Maps a regular file of at most max bytes; a larger one is ERR_FORMAT with both sizes. A file that another process
 * cuts while it is mapped raises SIGBUS on access: tprun itself only ever renames whole files into place. */
int map_open(struct map *m, const char *path, uint64_t max, struct err *e);
void map_close(struct map *m);

#endif
