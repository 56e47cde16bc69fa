#include "run/sweep.h"

#include "base/killpoint.h"
#include "store/query.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct names_found {
    size_t n, capacity;
    char **items;
};

static int add_name(void *self, int n, const char *const *values)
{
    struct names_found *f = self;
    if (n < 1 || !values[0] || !checkpoint_is_name(values[0]))
        return 0;
    if (f->n == f->capacity) {
        const size_t capacity = f->capacity ? 2 * f->capacity : 256;
        char **items = realloc(f->items, capacity * sizeof *items);
        if (!items)
            return ERR_MEMORY;
        f->items = items;
        f->capacity = capacity;
    }
    f->items[f->n] = strdup(values[0]);
    return f->items[f->n] ? (f->n++, 0) : ERR_MEMORY;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_named(const struct names_found *named, const char *name)
{
    return named->n && bsearch(&name, named->items, named->n, sizeof *named->items, compare);
}

static void take(const struct checkpoint_folder *own, const char *name, bool count, struct swept *swept)
{
    struct stat st;
    const bool ours = checkpoint_is_name(name) || checkpoint_is_remainder(name);
    if (ours && fstatat(own->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
        swept->files++;
        swept->bytes += (uint64_t)st.st_size;
    }
    if (count)
        return;
    KILL_POINT(RUN_SWEEP);
    checkpoint_remove(own, name); /* of anything else in the folder it keeps off */
}

/* The entries are read through a descriptor of their own, as closedir closes it. */
static int take_unnamed(const struct checkpoint_folder *own, const struct names_found *named, bool count,
                        struct swept *swept, struct err *e)
{
    const int fd = openat(own->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        const int reason = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_STORAGE, "%s: %s", own->path, strerror(reason));
    }
    const struct dirent *d;
    while ((d = readdir(dir)))
        if (!is_named(named, d->d_name))
            take(own, d->d_name, count, swept);
    closedir(dir);
    KILL_POINT(RUN_SWEPT);
    return 0;
}

int sweep_folder(const struct checkpoint_folder *own, const char *db, const char *named, bool count,
                 struct swept *swept, struct err *e)
{
    struct query *q;
    struct names_found names = { 0 };
    *swept = (struct swept){ 0 };
    TRY(query_open(&q, db, e));
    int code = query_rows(q, named, NULL, 0, add_name, &names, e);
    query_close(q);
    if (names.n)
        qsort(names.items, names.n, sizeof *names.items, compare);
    if (code == 0)
        code = take_unnamed(own, &names, count, swept, e);
    for (size_t i = 0; i < names.n; i++)
        free(names.items[i]);
    free(names.items);
    return code;
}

int sweep_database(const char *db, const char *named, bool count, struct swept *swept, struct err *e)
{
    struct checkpoint_folder own = { .fd = -1 };
    char path[4096];
    *swept = (struct swept){ 0 };
    TRY(checkpoint_folder_path(db, path, e));
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    TRY(checkpoint_folder_open(&own, path, true, e));
    const int code = sweep_folder(&own, db, named, count, swept, e);
    checkpoint_folder_close(&own);
    return code;
}
