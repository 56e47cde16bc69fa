#include "run/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lines of a file, by read(2) into what is here: stdio allocates, and a limit that cannot be read for want of
 * memory would look like none. */
struct lines {
    int fd; /* -1: there is no such file */
    size_t n, at;
    char bytes[4096];
};

static void lines_open(struct lines *l, const char *path)
{
    *l = (struct lines){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
}

static bool lines_fill(struct lines *l)
{
    const ssize_t got = l->fd < 0 ? 0 : read(l->fd, l->bytes, sizeof l->bytes);
    l->n = got > 0 ? (size_t)got : 0;
    l->at = 0;
    return l->n > 0;
}

/* The next line without its line feed; what does not fit in is the next one. */
static bool lines_next(struct lines *l, char *line, size_t size)
{
    size_t n = 0;
    bool any = false;
    while (n + 1 < size && (l->at < l->n || lines_fill(l))) {
        const char c = l->bytes[l->at++];
        any = true;
        if (c == '\n')
            break;
        line[n++] = c;
    }
    line[n] = 0;
    return any;
}

static void lines_close(struct lines *l)
{
    if (l->fd >= 0)
        close(l->fd);
}

/* Whether a comma-separated list has a word. */
static bool lists(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

/* The path of this process's group in the hierarchy of a controller, or in the unified one for NULL. */
static bool find_group(const char *root, const char *controller, char *group, size_t size)
{
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    struct lines l;
    bool found = false;
    lines_open(&l, path);
    while (!found && lines_next(&l, line, sizeof line)) { /* number:controllers:path */
        char *list = strchr(line, ':'), *at = list ? strchr(list + 1, ':') : NULL;
        if (!at)
            continue;
        *list++ = *at++ = 0;
        found = controller ? lists(list, controller) : *list == 0;
        if (found)
            snprintf(group, size, "%s", at);
    }
    lines_close(&l);
    return found;
}

/* Where that hierarchy is mounted, and which group is the root of what is mounted. */
static bool find_mount(const char *root, const char *controller, char *mount, char *top, size_t size)
{
    char path[4096], line[4096], options[1024], type[64];
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    struct lines l;
    bool found = false;
    lines_open(&l, path);
    while (!found && lines_next(&l, line, sizeof line)) { /* id parent device ROOT MOUNT ... - TYPE source OPTIONS */
        char a[4096], b[4096];
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", a, b) != 2 ||
            sscanf(rest, " - %63s %*s %1023s", type, options) != 2)
            continue;
        found = controller ? !strcmp(type, "cgroup") && lists(options, controller) : !strcmp(type, "cgroup2");
        if (found) {
            snprintf(top, size, "%s", strcmp(a, "/") ? a : "");
            snprintf(mount, size, "%s", b);
        }
    }
    lines_close(&l);
    return found;
}

bool cgroup_find(const char *root, const char *controller, struct cgroup *g)
{
    char group[4096], mount[4096], top[4096];
    g->unified =
        !find_group(root, controller, group, sizeof group) || !find_mount(root, controller, mount, top, sizeof mount);
    if (g->unified &&
        (!find_group(root, NULL, group, sizeof group) || !find_mount(root, NULL, mount, top, sizeof mount)))
        return false;
    const size_t n = strlen(top);
    const bool below = strncmp(group, top, n) == 0 && (group[n] == '/' || group[n] == 0) && strcmp(group + n, "/") != 0;
    const int length = snprintf(g->folder, sizeof g->folder, "%s%s", root, mount);
    if (length < 0 || (size_t)length >= sizeof g->folder)
        return false;
    g->n_mount = (size_t)length;
    const int more = snprintf(g->folder + length, sizeof g->folder - (size_t)length, "%s", below ? group + n : "");
    if (more < 0 || (size_t)more >= sizeof g->folder - (size_t)length || access(g->folder, F_OK) < 0)
        g->folder[g->n_mount] = 0;
    return true;
}

bool cgroup_up(struct cgroup *g)
{
    char *slash = strrchr(g->folder, '/');
    if (!slash || (size_t)(slash - g->folder) < g->n_mount)
        return false;
    *slash = 0;
    return true;
}

static void open_file(struct lines *l, const struct cgroup *g, const char *file)
{
    char path[4096 + 64];
    snprintf(path, sizeof path, "%s/%s", g->folder, file);
    lines_open(l, path);
}

bool cgroup_line(const struct cgroup *g, const char *file, char *line, size_t size)
{
    struct lines l;
    open_file(&l, g, file);
    const bool read = lines_next(&l, line, size);
    lines_close(&l);
    return read;
}

int64_t cgroup_number(const struct cgroup *g, const char *file)
{
    char line[64], *end;
    if (!cgroup_line(g, file, line, sizeof line))
        return -1;
    const int64_t n = strtoll(line, &end, 10);
    return end == line || n < 0 ? -1 : n;
}

/* Closes it. */
static int64_t find_counter(struct lines *l, const char *word)
{
    char line[256];
    int64_t value = -1;
    const size_t n = strlen(word);
    while (value < 0 && lines_next(l, line, sizeof line))
        if (strncmp(line, word, n) == 0 && line[n] == ' ')
            value = strtoll(line + n, NULL, 10);
    lines_close(l);
    return value;
}

int64_t cgroup_counter(const struct cgroup *g, const char *file, const char *word)
{
    struct lines l;
    open_file(&l, g, file);
    return find_counter(&l, word);
}

int64_t counter_of(const char *path, const char *word)
{
    struct lines l;
    lines_open(&l, path);
    return find_counter(&l, word);
}
