#include "run/private.h"

#include "base/killpoint.h"
#include "store/query.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int checkpoints_path(const struct runner *r, const char *relative, char path[4096], struct err *e)
{
    const size_t folder = strlen(r->db_folder), n = strlen(relative);
    if (folder + n + 2 > 4096)
        return err_set(e, ERR_IO, "%s/%s: the path is too long", r->db_folder, relative);
    memcpy(path, r->db_folder, folder);
    path[folder] = '/';
    memcpy(path + folder + 1, relative, n + 1);
    return 0;
}

int checkpoints_relative(const struct runner *r, const char *path, char relative[4096], struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (snprintf(relative, 4096, "%s/%s", r->checkpoints, name) >= 4096)
        return err_set(e, ERR_IO, "%s: the path is too long", path);
    return 0;
}

/* Files of ours begin with 16 hexadecimal digits and a dot, temporary ones included; anything else in the folder is not
 * touched. */
static bool is_ours(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && name[16] == '.';
}

struct names_found {
    size_t n, capacity;
    char **items;
};

static int add_name(void *self, int n, const char *const *values)
{
    struct names_found *f = self;
    const char *slash = n > 0 && values[0] ? strrchr(values[0], '/') : NULL;
    if (!slash)
        return 0;
    if (f->n == f->capacity) {
        const size_t capacity = f->capacity ? 2 * f->capacity : 256;
        char **items = realloc(f->items, capacity * sizeof *items);
        if (!items)
            return ERR_MEMORY;
        f->items = items;
        f->capacity = capacity;
    }
    f->items[f->n] = strdup(slash + 1);
    return f->items[f->n] ? (f->n++, 0) : ERR_MEMORY;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int checkpoints_sweep(const struct runner *r, struct err *e)
{
    char folder[4096];
    struct query *q;
    struct names_found named = { 0 };
    TRY(checkpoints_path(r, r->checkpoints, folder, e));
    TRY(query_open(&q, r->options->db, e));
    int code = query_rows(q, "SELECT path FROM checkpoint", NULL, 0, add_name, &named, e);
    query_close(q);
    DIR *dir = code < 0 ? NULL : opendir(folder);
    if (code == 0 && !dir)
        code = err_set(e, ERR_STORAGE, "%s: %s", folder, strerror(errno));
    if (named.n)
        qsort(named.items, named.n, sizeof *named.items, compare);
    const struct dirent *d;
    while (dir && (d = readdir(dir))) {
        const char *name = d->d_name;
        if (is_ours(name) && !(named.n && bsearch(&name, named.items, named.n, sizeof *named.items, compare))) {
            KILL_POINT(RUN_SWEEP);
            (void)unlinkat(dirfd(dir), name, 0);
        }
    }
    if (dir)
        closedir(dir);
    KILL_POINT(RUN_SWEPT);
    for (size_t i = 0; i < named.n; i++)
        free(named.items[i]);
    free(named.items);
    return code;
}

int checkpoints_open(struct runner *r, struct err *e)
{
    char path[4096];
    if (!realpath(r->options->db, r->db_folder))
        return err_set(e, ERR_STORAGE, "%s: %s", r->options->db, strerror(errno));
    char *slash = strrchr(r->db_folder, '/');
    if (snprintf(r->checkpoints, sizeof r->checkpoints, "%s.checkpoints", slash + 1) >= (int)sizeof r->checkpoints)
        return err_set(e, ERR_STORAGE, "%s: the name is too long", r->options->db);
    *slash = 0; /* "" for the root folder: checkpoints_path adds the slash */
    TRY(checkpoints_path(r, r->checkpoints, path, e));
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
    return 0;
}
