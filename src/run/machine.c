#include "run/machine.h"

#include "base/text.h"
#include "run/cgroup.h"
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- processors ---- */

/* The kernel refuses a mask that is too short for it. This one, of 8 KiB, lies here: without memory for it the answer
 * would be another. */
static double of_affinity(void)
{
    enum { MASKS = 64 }; /* of 1024 processors each */
    cpu_set_t sets[MASKS];
    return sched_getaffinity(0, sizeof sets, sets) == 0 ? CPU_COUNT_S(sizeof sets, sets) : HUGE_VAL;
}

/* A quota is time for each period: 250 ms in 100 ms are two and a half processors. */
static double of_group(const struct cgroup *g)
{
    char line[128];
    double quota, period;
    if (g->unified)
        return cgroup_line(g, "cpu.max", line, sizeof line) && sscanf(line, "%lf %lf", &quota, &period) == 2 &&
                       quota > 0 && period > 0
                   ? quota / period
                   : HUGE_VAL; /* "max 100000" */
    quota = (double)cgroup_number(g, "cpu.cfs_quota_us");
    period = (double)cgroup_number(g, "cpu.cfs_period_us");
    return quota > 0 && period > 0 ? quota / period : HUGE_VAL;
}

static double of_groups(const char *root)
{
    struct cgroup g;
    double n = HUGE_VAL;
    if (cgroup_find(root, "cpu", &g))
        do
            n = fmin(n, of_group(&g));
        while (cgroup_up(&g));
    return ceil(n);
}

/* A number in the environment that a batch system has set. */
static double of_environment(const char *name)
{
    const char *text = getenv(name);
    double n;
    return text && text_to_double(text, strlen(text), &n) == 0 && n > 0 ? n : HUGE_VAL;
}

size_t machine_processors(const char *root)
{
    const double n = fmin(fmin(of_affinity(), of_groups(root)), of_environment("SLURM_CPUS_PER_TASK"));
    return n >= 1 && n < 1e6 ? (size_t)n : 1;
}

/* ---- memory ---- */

/* What its limit leaves to a group. What it uses counts files that were read, which the kernel drops when it must. */
static double left_to_group(const struct cgroup *g)
{
    const int64_t limit = cgroup_number(g, g->unified ? "memory.max" : "memory.limit_in_bytes");
    const int64_t used = cgroup_number(g, g->unified ? "memory.current" : "memory.usage_in_bytes");
    const int64_t files = cgroup_counter(g, "memory.stat", g->unified ? "inactive_file" : "total_inactive_file");
    if (limit < 0 || limit > INT64_MAX / 2) /* version 1 says "none" as a large number */
        return HUGE_VAL;
    const double taken = (double)(used > 0 ? used : 0) - (double)(files > 0 ? files : 0);
    return fmax((double)limit - fmax(taken, 0), 0);
}

static double left_to_groups(const char *root)
{
    struct cgroup g;
    double bytes = HUGE_VAL;
    if (cgroup_find(root, "memory", &g))
        do
            bytes = fmin(bytes, left_to_group(&g));
        while (cgroup_up(&g));
    return bytes;
}

static double available(const char *root)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    const int64_t kilobytes = counter_of(path, "MemAvailable:");
    return kilobytes >= 0 ? (double)kilobytes * 1024 : HUGE_VAL;
}

double machine_memory(const char *root)
{
    const double megabytes = of_environment("SLURM_MEM_PER_NODE");
    return fmin(fmin(available(root), left_to_groups(root)), megabytes * 1024 * 1024);
}
