/* Files, texts and arguments become sources, which the messages point into until the command ends. */
#include "spec/parse.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct source *new_source(const char *name, const char *text, size_t n, struct arena *a)
{
    struct source *s = arena_need(a, 1, sizeof *s);
    *s = (struct source){ .name = arena_strdup(a, name), .text = text, .length = n };
    return s;
}

/* Reads at most TREE_MAX_BYTES, however long the file says it is. */
static struct source *read_bytes(int fd, const char *name, struct arena *a, struct err *e)
{
    char *bytes = arena_need(a, TREE_MAX_BYTES + 1, 1);
    struct source *s = new_source(name, bytes, 0, a);
    for (;;) {
        const ssize_t n = read(fd, bytes + s->length, TREE_MAX_BYTES + 1 - s->length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_at(e, (struct where){ .source = s }, "cannot be read: %s", strerror(errno));
            return NULL;
        }
        if (n == 0)
            return s;
        s->length += (size_t)n;
        if (s->length > TREE_MAX_BYTES) {
            err_at(e, (struct where){ .source = s }, "longer than %d bytes: not an experiment file", TREE_MAX_BYTES);
            return NULL;
        }
    }
}

static struct source *read_file(const char *path, struct arena *a, struct err *e)
{
    const struct where where = { .source = new_source(path, "", 0, a) };
    /* O_NONBLOCK: a FIFO must not hold us before fstat has told what it is. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    struct source *s = NULL;
    if (fd < 0 || fstat(fd, &st) < 0)
        err_at(e, where, "cannot be read: %s", strerror(errno));
    else if (S_ISDIR(st.st_mode))
        err_at(e, where, "is a folder, not an experiment file");
    else if (!S_ISREG(st.st_mode))
        err_at(e, where, "is not a regular file");
    else
        s = read_bytes(fd, path, a, e);
    if (fd >= 0 && close(fd) < 0 && s) {
        err_at(e, where, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    return s;
}

static struct node *parse_file(struct source *s, struct arena *a, struct err *e)
{
    if (s->length >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark says nothing in UTF-8 */
        s->text += 3;
        s->length -= 3;
    }
    return parse_source(s, 0, a, e);
}

struct node *tree_read(const char *path, struct arena *a, struct err *e)
{
    struct source *s = strcmp(path, "-") == 0 ? read_bytes(STDIN_FILENO, "<stdin>", a, e) : read_file(path, a, e);
    return s ? parse_file(s, a, e) : NULL;
}

struct node *tree_parse(const char *name, const char *text, size_t n, struct arena *a, struct err *e)
{
    if (n > TREE_MAX_BYTES) {
        err_at(e, (struct where){ .source = new_source(name, "", 0, a) },
               "longer than %d bytes: not an experiment file", TREE_MAX_BYTES);
        return NULL;
    }
    return parse_file(new_source(name, arena_strndup(a, text, n), n, a), a, e);
}

/* What is YAML but no value: a comment, a directive, a mark between documents. A comment behind a value is dropped, and
 * said to be. */
static int refuse_marks(const char *assignment, size_t key_length, const struct source *s, struct err *e)
{
    const char *value = assignment + key_length + 1 + strspn(assignment + key_length + 1, " \t");
    const char *comment = strchr("\"'[{", *value) ? NULL : strstr(value, " #");
    const char *what = *value == '#'                                             ? "'#' begins a comment"
                       : *value == '%'                                           ? "'%' begins a directive"
                       : strncmp(value, "---", 3) && strncmp(value, "...", 3)    ? NULL
                       : value[3] == '\0' || value[3] == ' ' || value[3] == '\t' ? "that marks a document"
                                                                                 : NULL;
    const char *at = what ? value : comment ? comment + 1 : value;
    const struct where where = {
        .source = s, .line = 1, .column = (size_t)(at - assignment) + 1, .length = strlen(at)
    };
    if (what)
        return err_at(e, where, "%.*s: in YAML %s; for the text write %.*s='\"%s\"'", (int)key_length, assignment, what,
                      (int)key_length, assignment, value);
    if (comment)
        err_warn(e, where,
                 "%.*s: in YAML ' #' begins a comment, and the rest is dropped; for all of it write "
                 "%.*s='\"%s\"'",
                 (int)key_length, assignment, (int)key_length, assignment, value);
    return 0;
}

struct node *tree_override(const char *assignment, struct arena *a, struct err *e)
{
    const size_t n = strlen(assignment), key_length = strcspn(assignment, "=");
    struct source *s = new_source("command line", arena_strndup(a, assignment, n), n, a);
    const struct where key = { .source = s, .line = 1, .column = 1, .length = key_length ? key_length : 1 };
    if (n > TREE_MAX_SCALAR) {
        err_at(e, (struct where){ .source = s }, "an assignment of %zu bytes; at most %d are read", n, TREE_MAX_SCALAR);
        return NULL;
    }
    if (key_length == n || key_length == 0) {
        err_at(e, key, "'%s' is not of the form key=value", assignment);
        return NULL;
    }
    if (refuse_marks(assignment, key_length, s, e) < 0)
        return NULL;
    if (assignment[key_length + 1 + strspn(assignment + key_length + 1, " \t")] == '\0') { /* as of "seeds=$N" */
        err_at(e, (struct where){ .source = s, .line = 1, .column = n + 1, .length = 1 },
               "%.*s: no value; %.*s=null leaves the key out, and %.*s='\"\"' is an empty text", (int)key_length,
               assignment, (int)key_length, assignment, (int)key_length, assignment);
        return NULL;
    }
    struct node *root = NULL;
    struct node *value = parse_source(s, key_length + 1, a, e);
    if (!value || tree_put(&root, arena_strndup(a, assignment, key_length), key, value, a, e) < 0)
        return NULL;
    return root;
}
