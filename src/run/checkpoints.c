/* The runner's side of trial/checkpoint_files.h: its folder, what lies in it, and what a copied database lacks. */
#include "run/private.h"

#include "base/file.h"
#include "base/killpoint.h"
#include "store/query.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int checkpoints_open(struct runner *r, struct err *e)
{
    char path[4096];
    r->own.fd = r->other.fd = -1;
    TRY(checkpoint_folder_path(r->options->db, path, e));
    TRY(file_make_folders(path, ERR_STORAGE, e));
    TRY(checkpoint_folder_open(&r->own, path, true, e));
    return r->options->checkpoints ? checkpoint_folder_open(&r->other, r->options->checkpoints, false, e) : 0;
}

void checkpoints_close(struct runner *r)
{
    checkpoint_folder_close(&r->own);
    checkpoint_folder_close(&r->other);
}

bool checkpoints_lack(const struct runner *r, const char *name)
{
    return checkpoint_is_name(name) && !checkpoint_exists(&r->own, name) && !checkpoint_exists(&r->other, name);
}

bool checkpoints_absent(const struct runner *r, const struct store_trial_row *row)
{
    return row->checkpoint_path[0] && checkpoints_lack(r, row->checkpoint_path) &&
           (!row->previous_path[0] || checkpoints_lack(r, row->previous_path));
}

void checkpoints_tell_absent(struct runner *r)
{
    if (r->n_absent == 0)
        return;
    const bool other = r->options->checkpoints != NULL;
    progress_say(
        &r->progress, "tprun: %" PRIu64 " %s from step 0: the checkpoints that the database names are not in %s%s%s%s",
        r->n_absent, r->n_absent == 1 ? "trial starts anew" : "trials start anew", r->own.path, other ? " nor in " : "",
        other ? r->other.path : "",
        other ? "" : "; if the database was copied or renamed, --checkpoints FOLDER reads them from another one");
}

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

/* The entries are read through a descriptor of their own, as closedir closes it. */
static int remove_unnamed(const struct runner *r, const struct names_found *named, struct err *e)
{
    const int fd = openat(r->own.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        const int reason = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_STORAGE, "%s: %s", r->own.path, strerror(reason));
    }
    const struct dirent *d;
    while ((d = readdir(dir)))
        if (!is_named(named, d->d_name)) {
            KILL_POINT(RUN_SWEEP);
            checkpoint_remove(&r->own, d->d_name); /* of anything else in the folder it keeps off */
        }
    closedir(dir);
    KILL_POINT(RUN_SWEPT);
    return 0;
}

int checkpoints_sweep(const struct runner *r, struct err *e)
{
    struct query *q;
    struct names_found named = { 0 };
    TRY(query_open(&q, r->options->db, e));
    int code = query_rows(q, "SELECT path FROM checkpoint", NULL, 0, add_name, &named, e);
    query_close(q);
    if (named.n)
        qsort(named.items, named.n, sizeof *named.items, compare);
    if (code == 0)
        code = remove_unnamed(r, &named, e);
    for (size_t i = 0; i < named.n; i++)
        free(named.items[i]);
    free(named.items);
    return code;
}
