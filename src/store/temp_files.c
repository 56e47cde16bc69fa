#include "store/temp_files.h"

/* What SQLite sees; the file below it stands behind. */
struct temp_file {
    sqlite3_file file;
    struct temp_files *all;
    int64_t size;
};

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)((struct temp_file *)f + 1);
}

static int resize(struct temp_file *t, int64_t size)
{
    if (size > t->size && size - t->size > t->all->limit - t->all->used) {
        t->all->full = true;
        return SQLITE_FULL;
    }
    t->all->used += size - t->size;
    t->size = size;
    return SQLITE_OK;
}

static int file_close(sqlite3_file *f)
{
    (void)resize((struct temp_file *)f, 0); /* shrinks */
    return below(f)->pMethods->xClose(below(f));
}

static int file_read(sqlite3_file *f, void *bytes, int n, sqlite3_int64 at)
{
    return below(f)->pMethods->xRead(below(f), bytes, n, at);
}

static int file_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    struct temp_file *t = (struct temp_file *)f;
    const int rc = at + n > t->size ? resize(t, at + n) : SQLITE_OK;
    return rc == SQLITE_OK ? below(f)->pMethods->xWrite(below(f), bytes, n, at) : rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    const int rc = below(f)->pMethods->xTruncate(below(f), size);
    return rc == SQLITE_OK ? resize((struct temp_file *)f, size) : rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
    return below(f)->pMethods->xSync(below(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return below(f)->pMethods->xFileSize(below(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xLock(below(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return below(f)->pMethods->xUnlock(below(f), level);
}

static int file_check_lock(sqlite3_file *f, int *locked)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), locked);
}

/* Nothing is passed on: hints about sizes would make a file grow without a write. */
static int file_control(sqlite3_file *f, int what, void *argument)
{
    (void)f;
    (void)what;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}

static int file_characteristics(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}

/* Version 1: without shared memory, and without a mapping that could be written beside the account. */
static const sqlite3_io_methods methods = {
    1,         file_close,  file_read,       file_write,   file_truncate,    file_sync,           file_size,
    file_lock, file_unlock, file_check_lock, file_control, file_sector_size, file_characteristics
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    enum {
        TEMPORARY = SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_SUBJOURNAL
    };
    struct temp_files *all = vfs->pAppData;
    if (!(flags & TEMPORARY))
        return all->base->xOpen(all->base, name, f, flags, out_flags);
    const int rc = all->base->xOpen(all->base, name, below(f), flags, out_flags);
    struct temp_file *t = (struct temp_file *)f;
    *t = (struct temp_file){ .all = all };
    t->file.pMethods = rc == SQLITE_OK ? &methods : NULL; /* NULL: nothing to be closed */
    return rc;
}

int temp_files_open(struct temp_files *t, int64_t limit, struct err *e)
{
    sqlite3_vfs *base = sqlite3_vfs_find(NULL);
    if (!base)
        return err_set(e, ERR_INTERNAL, "SQLite has no file system");
    *t = (struct temp_files){ .vfs = *base, .base = base, .limit = limit };
    t->vfs.pNext = NULL;
    t->vfs.zName = "tprun";
    t->vfs.pAppData = t;
    t->vfs.szOsFile += (int)sizeof(struct temp_file);
    t->vfs.xOpen = vfs_open;
    const int rc = sqlite3_vfs_register(&t->vfs, 0);
    return rc == SQLITE_OK ? 0 : err_set(e, ERR_INTERNAL, "SQLite: %s", sqlite3_errstr(rc));
}
