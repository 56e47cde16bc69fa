#include "run/checkpoint_set.h"

#include "base/killpoint.h"
#include "store/query.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

int checkpoint_set_read(struct checkpoint_set *s, const char *db, struct err *e)
{
    struct query *q;
    *s = (struct checkpoint_set){ 0 };
    TRY(query_open(&q, db, e));
    const int code = query_rows(q, "SELECT path, sha256 FROM checkpoint", NULL, 0, add, s, e);
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

/* The entries are read through a descriptor of their own, as closedir closes it. */
int checkpoint_set_sweep(const struct checkpoint_set *s, const struct checkpoint_folder *folder, struct err *e)
{
    const int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        const int reason = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_STORAGE, "%s: %s", folder->path, strerror(reason));
    }
    const struct dirent *d;
    while ((d = readdir(dir)))
        if (!checkpoint_set_find(s, d->d_name)) {
            KILL_POINT(RUN_SWEEP);
            checkpoint_remove(folder, d->d_name); /* of anything else in the folder it keeps off */
        }
    closedir(dir);
    KILL_POINT(RUN_SWEPT);
    return 0;
}
