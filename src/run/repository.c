#include "run/repository.h"

#include "base/file.h"
#include "run/git_status.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = 4096, REFERENCES = 5 };

/* base/name, or name alone if it is absolute; false if it is too long. */
static bool join(char out[LINE], const char *base, const char *name)
{
    const int n = name[0] == '/' ? snprintf(out, LINE, "%s", name) : snprintf(out, LINE, "%s/%s", base, name);
    return n > 0 && n < LINE;
}

/* The first line of a small regular file, without white space at its end. */
static bool read_line(const char *path, char line[LINE])
{
    struct err ignored = { 0 };
    uint64_t size;
    size_t got = 0;
    const int fd = file_open_regular(path, &size, &ignored);
    const bool read = fd >= 0 && file_read(fd, line, LINE - 1, &got, path, &ignored) == 0;
    if (fd >= 0)
        close(fd);
    err_clear(&ignored);
    line[got] = '\0';
    line[strcspn(line, "\n")] = '\0';
    for (size_t n = strlen(line); n > 0 && isspace((unsigned char)line[n - 1]); n--)
        line[n - 1] = '\0';
    return read && line[0];
}

static bool is_commit(const char *s)
{
    const size_t n = strspn(s, "0123456789abcdef");
    return (n == 40 || n == 64) && !s[n];
}

/* refs/heads/main: no way out of the folder. */
static bool is_reference(const char *s)
{
    return strncmp(s, "refs/", 5) == 0 && !strstr(s, "..") && !strstr(s, "//");
}

/* One line of packed-refs: "<commit> <name>". */
static bool find_packed(const char *common, const char *name, char commit[65])
{
    char path[LINE], line[LINE];
    struct stat st;
    if (!join(path, common, "packed-refs") || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *space = strchr(line, ' ');
        if (!space || strcmp(space + 1, name) != 0)
            continue;
        *space = '\0';
        found = is_commit(line);
        if (found)
            memcpy(commit, line, strlen(line) + 1);
    }
    if (f)
        fclose(f);
    return found;
}

/* What HEAD leads to. Branches of a linked work tree lie in the common folder. */
static bool find_commit(const char *folder, const char *common, char commit[65])
{
    char path[LINE], line[LINE], name[LINE] = "HEAD";
    for (int i = 0; i < REFERENCES; i++) {
        if (!(join(path, folder, name) && read_line(path, line)) && !(join(path, common, name) && read_line(path, line)))
            return find_packed(common, name, commit);
        if (is_commit(line)) {
            memcpy(commit, line, strlen(line) + 1);
            return true;
        }
        if (strncmp(line, "ref: ", 5) != 0 || !is_reference(line + 5))
            return false;
        memmove(name, line + 5, strlen(line + 5) + 1);
    }
    return false;
}

/* root/.git is the folder, or a file that names it. */
static bool find_folder(const char *root, char folder[LINE])
{
    char path[LINE], line[LINE];
    struct stat st;
    if (!join(path, root, ".git") || lstat(path, &st) != 0)
        return false;
    if (S_ISDIR(st.st_mode))
        return join(folder, root, ".git");
    return S_ISREG(st.st_mode) && read_line(path, line) && strncmp(line, "gitdir: ", 8) == 0 &&
           join(folder, root, line + 8);
}

void repository_read(struct repository *r, const char *file)
{
    char folder[LINE], common[LINE], line[LINE], path[LINE];
    *r = (struct repository){ .changed = -1 };
    char *real = realpath(file, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    bool found = false;
    for (; slash && !found; slash = found ? slash : strrchr(real, '/')) {
        *slash = '\0';
        found = strlen(real) < sizeof r->root && find_folder(*real ? real : "/", folder);
    }
    if (found) {
        snprintf(r->root, sizeof r->root, "%s", *real ? real : "/");
        if (!(join(path, folder, "commondir") && read_line(path, line) && join(common, folder, line)))
            snprintf(common, sizeof common, "%s", folder);
        if (find_commit(folder, common, r->commit))
            r->changed = git_status(r->root, folder, common, r->commit);
    }
    free(real);
}
