#include "run/checkpoint_set.h"

#include "base/killpoint.h"
#include "store/query.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add(void *self, int n, const char *const *values)
{
    struct checkpoint_set *s = self;
    if (n < 2 || !values[0] || !values[1] || !checkpoint_is_name(values[0]))
        return 0;
    if (s->n == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 256;
        struct checkpoint_entry *items = realloc(s->items, capacity * sizeof *items);
        if (!items)
            return ERR_MEMORY;
        s->items = items;
        s->capacity = capacity;
    }
    struct checkpoint_entry *x = &s->items[s->n++];
    snprintf(x->name, sizeof x->name, "%s", values[0]);
    snprintf(x->sha256, sizeof x->sha256, "%.64s", values[1]);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct checkpoint_entry *)a)->name, ((const struct checkpoint_entry *)b)->name);
}

int checkpoint_set_read(struct checkpoint_set *s, const char *db, const char *sql, struct err *e)
{
    struct query *q;
    *s = (struct checkpoint_set){ 0 };
    TRY(query_open(&q, db, e));
    const int code = query_rows(q, sql, NULL, 0, add, s, e);
    query_close(q);
    if (s->n)
        qsort(s->items, s->n, sizeof *s->items, compare);
    return code == ERR_MEMORY && !e->code ? err_set(e, ERR_MEMORY, "out of memory") : code;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, ((const struct checkpoint_entry *)entry)->name);
}

const struct checkpoint_entry *checkpoint_set_find(const struct checkpoint_set *s, const char *name)
{
    return s->n ? bsearch(name, s->items, s->n, sizeof *s->items, compare_name) : NULL;
}

void checkpoint_set_free(struct checkpoint_set *s)
{
    free(s->items);
    *s = (struct checkpoint_set){ 0 };
}

static void take(const struct checkpoint_folder *folder, const char *name, bool count, struct swept *swept)
{
    struct stat st;
    const bool ours = checkpoint_is_name(name) || checkpoint_is_remainder(name);
    if (ours && fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
        swept->files++;
        swept->bytes += (uint64_t)st.st_size;
    }
    if (count)
        return;
    KILL_POINT(RUN_SWEEP);
    checkpoint_remove(folder, name); /* of anything else in the folder it keeps off */
}

/* The entries are read through a descriptor of their own, as closedir closes it. */
int checkpoint_set_sweep(const struct checkpoint_set *s, const struct checkpoint_folder *folder, bool count,
                         struct swept *swept, struct err *e)
{
    const int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    *swept = (struct swept){ 0 };
    if (!dir) {
        const int reason = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_STORAGE, "%s: %s", folder->path, strerror(reason));
    }
    const struct dirent *d;
    while ((d = readdir(dir)))
        if (!checkpoint_set_find(s, d->d_name))
            take(folder, d->d_name, count, swept);
    closedir(dir);
    KILL_POINT(RUN_SWEPT);
    return 0;
}

int checkpoint_sweep_database(const char *db, const char *sql, bool count, struct swept *swept, struct err *e)
{
    struct checkpoint_folder folder = { .fd = -1 };
    struct checkpoint_set named = { 0 };
    char path[4096];
    *swept = (struct swept){ 0 };
    TRY(checkpoint_folder_path(db, path, e));
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    TRY(checkpoint_folder_open(&folder, path, true, e));
    int code = checkpoint_set_read(&named, db, sql, e);
    if (code == 0)
        code = checkpoint_set_sweep(&named, &folder, count, swept, e);
    checkpoint_set_free(&named);
    checkpoint_folder_close(&folder);
    return code;
}
