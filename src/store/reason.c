#include "store/reason.h"

#include <stddef.h>

int reason_of(sqlite3 *db)
{
    int reason = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (!reason && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
    if (!reason)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
    return reason;
}
