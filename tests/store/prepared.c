/* Loaded before libsqlite3 (LD_PRELOAD): appends every statement that reads, as it runs, with its values, to the file
 * TPRUN_PREPARED; each ends with a NUL. For answers.py. */
#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(sqlite3_stmt *stmt)
{
    const char *path = getenv("TPRUN_PREPARED");
    char *sql = path && sqlite3_stmt_readonly(stmt) ? sqlite3_expanded_sql(stmt) : NULL;
    const int fd = sql ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd >= 0) {
        if (write(fd, sql, strlen(sql) + 1) < 0)
            abort();
        close(fd);
    }
    sqlite3_free(sql);
}

int sqlite3_step(sqlite3_stmt *stmt)
{
    static int (*step)(sqlite3_stmt *);
    if (!step)
        *(void **)&step = dlsym(RTLD_NEXT, "sqlite3_step");
    if (!sqlite3_stmt_busy(stmt))
        note(stmt);
    return step(stmt);
}
