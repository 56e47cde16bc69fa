/* What this process may use of its machine: the smallest of what the kernel, its control groups and a batch system
 * leave it. The numbers of the whole machine say little in a container or a job. root: "", or a folder in which copies
 * of /proc and /sys lie (tests). */
#ifndef TPRUN_RUN_MACHINE_H
#define TPRUN_RUN_MACHINE_H

#include <stddef.h>

/* Processors: of the affinity mask, of the quota of the control groups (rounded up), and SLURM_CPUS_PER_TASK; at least
 * 1. */
size_t machine_processors(const char *root);
/* Bytes that can be taken now without anybody being ended for want of memory: of MemAvailable, of what the control
 * groups leave, and SLURM_MEM_PER_NODE. HUGE_VAL where nothing is known. */
double machine_memory(const char *root);

#endif
