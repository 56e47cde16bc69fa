#include "cli/temporary.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

int temporary_make(char folder[4096], struct err *e)
{
    const char *home = getenv("TMPDIR");
    if (snprintf(folder, 4096, "%s/tprun-XXXXXX", home && *home ? home : "/tmp") >= 4096)
        return err_set(e, ERR_IO, "TMPDIR is too long");
    return mkdtemp(folder) ? 0 : err_set(e, ERR_IO, "%s: %s", folder, strerror(errno));
}

void temporary_remove(const char *folder)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
