/* One runner per database: a record lock (fcntl) on PATH.lock, held as long as the process lives. The kernel drops it
 * with the process, so a stale file never locks anybody out. The file tells who holds it; what it says is only used in
 * a message. */
#ifndef TPRUN_STORE_LOCK_H
#define TPRUN_STORE_LOCK_H

#include "base/err.h"

/* Zero-initialised: held by nobody. */
struct lock {
    int fd_plus_1;
};
/* `path` is the database. ERR_LOCKED names process, host and start of the owner. */
int lock_take(struct lock *l, const char *path, struct err *e);
void lock_release(struct lock *l);

#endif
