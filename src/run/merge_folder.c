/* The temporary folder of a merge: a lock on it lives as long as its process, so that what a killed merge left is told
 * from what another one works in. */
#include "run/merge_folder.h"

#include "run/publish.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "tprun-merge-";
static const char mark[] = ".tprun-merge"; /* in a folder that a merge made: what somebody else named like one stays */

/* Files alone: a merge makes no folders. */
static void empty(int fd)
{
    const int walk = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = walk < 0 ? NULL : fdopendir(walk);
    if (!folder) {
        if (walk >= 0)
            close(walk);
        return;
    }
    for (const struct dirent *d; (d = readdir(folder));)
        (void)unlinkat(fd, d->d_name, 0);
    closedir(folder);
}

/* Removes a folder of this user that a merge made and nobody holds; without its mark only if it is empty. What cannot
 * be removed stays. */
static void remove_unheld(int parent, const char *name)
{
    struct stat st;
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (faccessat(fd, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            empty(fd);
        (void)unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(fd);
}

static void remove_left(const char *home)
{
    const int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *d; (d = readdir(folder));)
        if (strncmp(d->d_name, prefix, sizeof prefix - 1) == 0)
            remove_unheld(fd, d->d_name);
    closedir(folder);
}

/* Another merge may take a folder that is not held yet for one that was left. Then it is made once more. */
static int make(struct merge_folder *f, const char *home, struct err *e)
{
    struct stat st = { 0 };
    do {
        const int n = snprintf(f->path, sizeof f->path, "%s/%sXXXXXX", home, prefix);
        if (f->fd >= 0)
            close(f->fd);
        if (n < 0 || (size_t)n >= sizeof f->path)
            return err_set(e, ERR_STORAGE, "%s: the path is too long", home);
        if (!mkdtemp(f->path))
            return err_set(e, ERR_STORAGE, "%s: cannot make a temporary folder: %s", home, strerror(errno));
        f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (f->fd < 0 && errno == ENOENT)
            continue;
        if (f->fd < 0 || flock(f->fd, LOCK_EX) < 0 || fstat(f->fd, &st) < 0)
            return err_set(e, ERR_STORAGE, "%s: cannot lock it: %s", f->path, strerror(errno));
    } while (st.st_nlink == 0);
    const int fd = openat(f->fd, mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_STORAGE, "%s: cannot mark it: %s", f->path, strerror(errno));
    close(fd);
    return 0;
}

int merge_folder_open(struct merge_folder *f, struct err *e)
{
    const char *home = publication_folder();
    *f = (struct merge_folder){ .fd = -1 };
    remove_left(home);
    return make(f, home, e);
}

void merge_folder_close(struct merge_folder *f)
{
    if (f->fd < 0)
        return;
    empty(f->fd);
    (void)rmdir(f->path);
    close(f->fd);
    f->fd = -1;
}
