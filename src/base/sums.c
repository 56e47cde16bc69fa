#include "base/sums.h"

#include "base/map.h"
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 65536 };

bool sums_list(const char *path, const char *name, const char *sha256)
{
    char sums[4096], line[256];
    struct map m;
    struct err e = { 0 };
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash - path + 1) : 0;
    const int n = snprintf(sums, sizeof sums, "%.*s" SUMS_NAME, folder, path);
    const int n_line = snprintf(line, sizeof line, "%s  %s\n", sha256, name);
    if (n < 0 || (size_t)n >= sizeof sums || n_line < 0 || (size_t)n_line >= sizeof line)
        return false;
    if (map_open(&m, sums, MOST_BYTES, &e) < 0) { /* a file that is absent or no list of sums vouches for nothing */
        err_clear(&e);
        return false;
    }
    const uint8_t *found = m.bytes ? memmem(m.bytes, m.n, line, (size_t)n_line) : NULL;
    const bool listed = found && (found == m.bytes || found[-1] == '\n');
    map_close(&m);
    return listed;
}
