#include "store/path.h"

#include "base/file.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

const char *path_network_name(long type)
{
    /* statfs(2), and the magic numbers that Lustre, GPFS and BeeGFS use. */
    static const struct {
        unsigned long type;
        const char *name;
    } table[] = {
        { 0x6969, "NFS" },        { 0x517B, "SMB" },        { 0xFF534D42, "SMB (CIFS)" }, { 0xFE534D42, "SMB2" },
        { 0x0BD00BD0, "Lustre" }, { 0x47504653, "GPFS" },   { 0x65735546, "FUSE" },       { 0x5346414F, "AFS" },
        { 0x00C36400, "Ceph" },   { 0x19830326, "BeeGFS" }, { 0x01021997, "9P" },         { 0x73757245, "Coda" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].type == ((unsigned long)type & 0xFFFFFFFFul))
            return table[i].name;
    return NULL;
}

/* The folders of `path`, but not its last component. */
static int make_folders(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    if (slash && !folder)
        return err_set(e, ERR_MEMORY, "out of memory");
    const int code = folder ? file_make_folders(folder, ERR_STORAGE, e) : 0;
    free(folder);
    return code;
}

/* The real folder of a file that does not exist yet, with its name. */
static int resolve_new(const char *path, char **real, struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(e, ERR_STORAGE, "%s is not the name of a file", path);
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    char *real_folder = folder ? realpath(folder, NULL) : NULL;
    const int reason = errno;
    free(folder);
    if (!real_folder)
        return err_set(e, ERR_STORAGE, "cannot create %s: %s", path, strerror(reason));
    const size_t n = strlen(real_folder) + strlen(name) + 2;
    *real = malloc(n);
    if (*real)
        snprintf(*real, n, "%s/%s", strcmp(real_folder, "/") == 0 ? "" : real_folder, name);
    free(real_folder);
    return *real ? 0 : err_set(e, ERR_MEMORY, "out of memory");
}

const char *path_network(const char *path)
{
    char folder[PATH_MAX];
    struct statfs fs;
    snprintf(folder, sizeof folder, "%s", path);
    for (;;) { /* folders that are still to be made come to lie where the one above them lies */
        char *slash = strrchr(folder, '/');
        if (!slash)
            strcpy(folder, ".");
        else
            slash[slash == folder] = 0;
        if (statfs(folder, &fs) == 0)
            return path_network_name((long)fs.f_type);
        if (errno != ENOENT || !slash || slash == folder)
            return NULL;
    }
}

static int check_network(const char *real, struct err *e)
{
    const char *network = path_network(real);
    if (network)
        return err_set(e, ERR_STORAGE,
                       "%s is on a network file system (%s), where neither locks nor a write-ahead log are safe: put "
                       "the database on a local disk (--db PATH), or train with `tprun work SPEC --shard 0/1 --db "
                       "PATH`, which works in a copy on a local disk and puts it there whole",
                       real, network);
    return 0;
}

int path_reader(const char *real, const char **vfs, struct err *e)
{
    char log[PATH_MAX + 8];
    struct stat st;
    const char *network = path_network(real);
    *vfs = network ? "unix-none" : NULL;
    snprintf(log, sizeof log, "%s-wal", real);
    if (network && stat(log, &st) == 0 && st.st_size > 0)
        return err_set(e, ERR_STORAGE,
                       "%s is on a network file system (%s) and has a write-ahead log, which can be read on the "
                       "machine alone that writes it; read it there, or a copy made there",
                       real, network);
    return 0;
}

int path_resolve(const char *path, enum path_use use, char **real, struct err *e)
{
    *real = NULL;
    if (!path || !*path)
        return err_set(e, ERR_STORAGE, "the path of the database is empty");
    if (strlen(path) >= PATH_MAX)
        return err_set(e, ERR_STORAGE, "the path of the database is too long");
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (use == PATH_READ)
            return err_set(e, ERR_STORAGE, "cannot open %s: %s", path, strerror(errno));
        TRY(make_folders(path, e));
        TRY(resolve_new(path, real, e));
    } else {
        *real = realpath(path, NULL);
        if (!*real)
            return err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_STORAGE, "cannot resolve %s: %s", path,
                           strerror(errno));
    }
    int code = 0;
    if (stat(*real, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            code = err_set(e, ERR_STORAGE, "%s is not a regular file", *real);
        else if (st.st_nlink > 1)
            code = err_set(
                e, ERR_STORAGE,
                "%s has %lu names (hard links), and each would have its own write-ahead log; make it a copy of its own",
                *real, (unsigned long)st.st_nlink);
    }
    if (code == 0 && use == PATH_WRITE)
        code = check_network(*real, e);
    if (code < 0) {
        free(*real);
        *real = NULL;
    }
    return code;
}
