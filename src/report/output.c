#include "report/output.h"

#include "base/file.h"
#include "base/killpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fill(int fd, const struct text *t, const char *path, struct err *e)
{
    KILL_POINT(OUTPUT_CREATED);
    const int code = file_write(fd, t->n ? t->s : "", t->n, path, e);
    const bool synced = fsync(fd) == 0;
    KILL_POINT(OUTPUT_SYNCED);
    const bool closed = close(fd) == 0;
    TRY(code);
    return synced && closed ? 0 : err_set(e, ERR_IO, "%s: cannot write: %s", path, strerror(errno));
}

int output_write(const char *path, const struct text *t, struct err *e)
{
    if (!path || !strcmp(path, "-")) {
        fwrite(t->s, 1, t->n, stdout);
        return fflush(stdout) == 0 && !ferror(stdout)
                   ? 0
                   : err_set(e, ERR_IO, "cannot write the results: %s", strerror(errno));
    }
    struct text temporary = { 0 };
    text_add(&temporary, "%s.%ld.tmp", path, (long)getpid());
    const int fd = open(temporary.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    int code = fd < 0 ? err_set(e, ERR_IO, "%s: cannot write: %s", path, strerror(errno)) : fill(fd, t, path, e);
    if (code == 0 && rename(temporary.s, path) < 0)
        code = err_set(e, ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    KILL_POINT(OUTPUT_RENAMED);
    if (code < 0 && fd >= 0)
        unlink(temporary.s); /* what was wrong is known already */
    text_free(&temporary);
    return code;
}

int output_make_folder(const char *path, struct err *e)
{
    struct text part = { 0 };
    int code = 0;
    for (const char *end = path; *end && code == 0;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        text_clear(&part);
        text_put(&part, path, (size_t)(end - path));
        struct stat st;
        if (mkdir(part.s, 0777) < 0 && (errno != EEXIST || stat(part.s, &st) < 0 || !S_ISDIR(st.st_mode)))
            code = err_set(e, ERR_IO, "%s: cannot make the folder: %s", part.s,
                           errno == EEXIST ? "it is a file" : strerror(errno));
    }
    text_free(&part);
    return code;
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
