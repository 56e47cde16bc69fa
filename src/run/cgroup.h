/* The control groups of this process: of version 2, or of a controller of version 1 where that is mounted. Nothing of
 * it is ever written. */
#ifndef TPRUN_RUN_CGROUP_H
#define TPRUN_RUN_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup {
    bool unified;   /* version 2 */
    size_t n_mount; /* of folder: where its hierarchy is mounted */
    char folder[4096];
};

/* The group of this process that a controller ("cpu", "memory") acts on; false where there is none. root: "", or a
 * folder in which copies of /proc and /sys lie (tests). Where the group's folder is not seen (in a container), the root
 * of what is mounted stands for it. */
bool cgroup_find(const char *root, const char *controller, struct cgroup *g);
/* Goes to the group above; false at the root of the hierarchy. A limit of any group above holds as well. */
bool cgroup_up(struct cgroup *g);
/* The first line of one of the group's files; false where it has none. */
bool cgroup_line(const struct cgroup *g, const char *file, char *line, size_t size);
/* A file that is one number; -1 = there is none, or it says "max". */
int64_t cgroup_number(const struct cgroup *g, const char *file);
/* The number behind `word` in a file of lines "word number"; -1 = none. */
int64_t cgroup_counter(const struct cgroup *g, const char *file, const char *word);
/* The same of any file: /proc/vmstat. */
int64_t counter_of(const char *path, const char *word);

#endif
