#include "report/output.h"

#include "base/file.h"
#include "base/new_file.h"
#include <errno.h>
#include <string.h>

int output_write(const char *path, const struct text *t, struct err *e)
{
    if (!path || !strcmp(path, "-")) {
        fwrite(t->s, 1, t->n, stdout);
        return fflush(stdout) == 0 && !ferror(stdout)
                   ? 0
                   : err_set(e, ERR_IO, "cannot write the results: %s", strerror(errno));
    }
    struct new_file f;
    int code = new_file_begin(&f, path, e);
    if (code == 0)
        code = new_file_write(&f, t->s, t->n, e);
    if (code == 0)
        code = new_file_replace(&f, e);
    new_file_end(&f);
    return code;
}

int output_make_folder(const char *path, struct err *e)
{
    return file_make_folders(path, ERR_IO, e);
}

const char *output_folder(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

/* Without ".", ".." after a name, and doubled slashes. */
static const char *tidy(struct arena *a, const char *path)
{
    struct text t = { 0 };
    text_puts(&t, *path == '/' ? "/" : "");
    const size_t root = t.n;
    while (*path) {
        path += strspn(path, "/");
        const size_t n = strcspn(path, "/");
        const char *last = t.n > root ? strrchr(t.s, '/') : NULL;
        const char *name = t.n <= root ? NULL : last && last >= t.s + root ? last + 1 : t.s + root;
        if (n == 2 && !strncmp(path, "..", 2) && name && strcmp(name, "..") != 0) {
            t.n = name > t.s + root ? (size_t)(name - t.s - 1) : root;
            t.s[t.n] = '\0';
        } else if (n && !(n == 1 && *path == '.')) {
            text_puts(&t, t.n > root ? "/" : "");
            text_put(&t, path, n);
        }
        path += n;
    }
    const char *clean = arena_strdup(a, t.s ? t.s : "");
    text_free(&t);
    return clean;
}

const char *output_relative(struct arena *a, const char *from, const char *target)
{
    const char *to = tidy(a, target), *base = tidy(a, from ? output_folder(a, from) : ".");
    if ((*to == '/') != (*base == '/'))
        return to;
    for (;;) { /* drop the folders that both share */
        const size_t n = strcspn(base, "/");
        if (n != strcspn(to, "/") || strncmp(base, to, n) != 0 || to[n] != '/' || (n == 0 && *base == '\0'))
            break;
        to += n + 1;
        base += n + (base[n] == '/');
        if (*base == '\0')
            break;
    }
    struct text t = { 0 };
    while (*base) {
        const size_t n = strcspn(base, "/");
        text_puts(&t, "../"); /* a base that begins with ".." has no name to go back to; figures lie elsewhere then */
        base += n + (base[n] == '/');
    }
    text_puts(&t, to);
    const char *relative = arena_strdup(a, t.s);
    text_free(&t);
    return relative;
}
