#include "store/lock.h"

#include "store/reason.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NOTE_SIZE = 256 };

/* "PID HOST START", for the message of a second runner. Failing to write it does not weaken the lock. */
static void write_note(int fd)
{
    char host[128] = "?", start[32] = "?", note[NOTE_SIZE];
    if (gethostname(host, sizeof host) != 0)
        strcpy(host, "?");
    host[sizeof host - 1] = '\0';
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", &utc);
    const int n = snprintf(note, sizeof note, "%ld %s %s\n", (long)getpid(), host, start);
    if (n < 0 || (size_t)n >= sizeof note || ftruncate(fd, 0) != 0)
        return;
    const ssize_t written = pwrite(fd, note, (size_t)n, 0);
    (void)written;
}

/* The note's three words; false when it is incomplete. */
static bool read_note(int fd, long *pid, char host[128], char start[32])
{
    char note[NOTE_SIZE];
    const ssize_t n = pread(fd, note, sizeof note - 1, 0);
    if (n <= 0 || note[n - 1] != '\n')
        return false;
    note[n] = '\0';
    for (ssize_t i = 0; i < n - 1; i++)
        if (note[i] < ' ' || note[i] > '~')
            return false; /* not ours, not for a terminal */
    return sscanf(note, "%ld %127s %31s", pid, host, start) == 3;
}

static int refuse(int fd, const char *path, long owner, struct err *e)
{
    long pid = 0;
    char host[128], start[32];
    const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
    for (int i = 0; i < 20; i++) { /* the owner may be between its lock and its note */
        if (read_note(fd, &pid, host, start) && (owner <= 0 || pid == owner))
            return err_set(e, ERR_LOCKED, "%s is in use by tprun, process %ld on host %s since %s", path, pid, host,
                           start);
        nanosleep(&pause, NULL);
    }
    if (owner > 0)
        return err_set(e, ERR_LOCKED, "%s is in use by process %ld", path, owner);
    return err_set(e, ERR_LOCKED, "%s is in use by another process", path);
}

int lock_take(struct lock *l, const char *path, struct err *e)
{
    char name[4096 + 8];
    const int length = snprintf(name, sizeof name, "%s.lock", path);
    if (length < 0 || (size_t)length >= sizeof name)
        return err_set(e, ERR_STORAGE, "%s: path too long", path);
    const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0)
        return reason_set(e, name, "create the lock of the database", errno);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_STORAGE, "%s is not a regular file", name);
    }
    /* A record lock belongs to the process, not to the descriptor, so a second store_open in this process would be
     * granted it, and closing that descriptor would drop the first one's lock. A query through an open-file-description
     * lock sees our own record lock; in that case the descriptor is kept open on purpose. */
    struct flock own = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_OFD_GETLK, &own) == 0 && own.l_type != F_UNLCK && own.l_pid == getpid())
        return refuse(fd, path, getpid(), e);

    struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_SETLK, &want) == 0) {
        write_note(fd);
        l->fd_plus_1 = fd + 1;
        return 0;
    }
    const int reason = errno;
    if (reason != EACCES && reason != EAGAIN) {
        close(fd);
        return err_set(e, ERR_STORAGE, "cannot lock %s: %s", name, strerror(reason));
    }
    struct flock who = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    const long owner = fcntl(fd, F_GETLK, &who) == 0 && who.l_type != F_UNLCK ? (long)who.l_pid : 0;
    const int code = refuse(fd, path, owner, e);
    close(fd);
    return code;
}

void lock_release(struct lock *l)
{
    if (l->fd_plus_1 > 0)
        close(l->fd_plus_1 - 1); /* the file stays: unlinking it would let two runners lock two files of one name */
    l->fd_plus_1 = 0;
}
