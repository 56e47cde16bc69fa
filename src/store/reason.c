#include "store/reason.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

/* Bytes that are left where a file lies, or would lie: in its folder. */
static unsigned long long left_beside(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash && (size_t)(slash - path) < sizeof folder)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    struct statvfs fs;
    return statvfs(folder, &fs) == 0 ? (unsigned long long)fs.f_bavail * fs.f_frsize : 0;
}

int reason_set(struct err *e, const char *path, const char *what, int reason)
{
    struct rlimit files = { 0 };
    switch (reason) {
    case ENOMEM:
        return err_set(e, ERR_MEMORY, "%s: cannot %s: out of memory", path, what);
    case ENOSPC:
        return err_set(
            e, ERR_STORAGE,
            "%s: cannot %s: the disk is full (%llu bytes are left); free some space and run the same command again",
            path, what, left_beside(path));
    case EDQUOT:
        return err_set(
            e, ERR_STORAGE,
            "%s: cannot %s: your quota on this disk is used up; free some space and run the same command again", path,
            what);
    case EROFS:
        return err_set(e, ERR_STORAGE,
                       "%s: cannot %s: the file system is mounted read-only; put the database elsewhere (--db PATH)",
                       path, what);
    case EACCES:
    case EPERM:
        return err_set(
            e, ERR_STORAGE,
            "%s: cannot %s: permission denied; the database and its folder must be writable (or copy it: --db PATH)",
            path, what);
    case EMFILE:
        getrlimit(RLIMIT_NOFILE, &files);
        return err_set(e, ERR_STORAGE, "%s: cannot %s: too many open files (this process may open %llu: see ulimit -n)",
                       path, what, (unsigned long long)files.rlim_cur);
    default:
        return err_set(e, ERR_STORAGE, "%s: cannot %s: %s", path, what,
                       reason ? strerror(reason) : "input/output error");
    }
}

int reason_of(sqlite3 *db)
{
    int reason = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (!reason && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log &&
        log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
    if (!reason)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
    return reason;
}
