/* What a process may use, in folders that stand for /proc and /sys. */
#include "../check_main.h"

#include "base/file.h"
#include "run/machine.h"
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[64];

static void set_up(void)
{
    strcpy(root, "/tmp/tprun-machine-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    unsetenv("SLURM_CPUS_PER_TASK");
    unsetenv("SLURM_MEM_PER_NODE");
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
    char name[256];
    struct err e = { 0 };
    snprintf(name, sizeof name, "%s/%s", root, path);
    *strrchr(name, '/') = 0;
    ck_assert_int_eq(file_make_folders(name, ERR_IO, &e), 0);
    snprintf(name, sizeof name, "%s/%s", root, path);
    FILE *f = fopen(name, "w");
    ck_assert_msg(f && fputs(text, f) >= 0, "%s", name);
    ck_assert_int_eq(fclose(f), 0);
}

static size_t affinity(void)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return (size_t)CPU_COUNT(&set);
}

static size_t at_most(size_t n)
{
    return affinity() < n ? affinity() : n;
}

static void version_2(void)
{
    put("proc/self/cgroup", "0::/job/step\n");
    put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    put("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
}

START_TEST(processors_of_version_2)
{
    version_2();
    ck_assert_uint_eq(machine_processors(root), affinity());
    put("sys/fs/cgroup/job/cpu.max", "50000 100000\n"); /* the group above */
    ck_assert_uint_eq(machine_processors(root), 1);
    put("sys/fs/cgroup/job/cpu.max", "110000 100000\n"); /* rounded up */
    ck_assert_uint_eq(machine_processors(root), at_most(2));
}
END_TEST

START_TEST(processors_of_version_1)
{
    put("proc/self/cgroup", "7:cpuset:/other\n4:cpu,cpuacct:/docker/abc\n0::/\n");
    put("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
                               "33 31 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
                               "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(machine_processors(root), affinity());
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    ck_assert_uint_eq(machine_processors(root), 1);
}
END_TEST

START_TEST(processors_of_the_environment)
{
    ck_assert_uint_eq(machine_processors(root), affinity()); /* no groups at all */
    setenv("SLURM_CPUS_PER_TASK", "1", 1);
    ck_assert_uint_eq(machine_processors(root), 1);
    setenv("SLURM_CPUS_PER_TASK", "100000", 1);
    ck_assert_uint_eq(machine_processors(root), affinity());
    setenv("SLURM_CPUS_PER_TASK", "many", 1);
    ck_assert_uint_eq(machine_processors(root), affinity());
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(machine_processors(""), 1);
}
END_TEST

START_TEST(memory_of_version_2)
{
    ck_assert(machine_memory(root) == HUGE_VAL);
    version_2();
    put("proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    8000 kB\n");
    ck_assert_double_eq(machine_memory(root), 8000 * 1024);
    put("sys/fs/cgroup/job/step/memory.max", "max\n");
    ck_assert_double_eq(machine_memory(root), 8000 * 1024);
    put("sys/fs/cgroup/job/memory.max", "5000000\n");
    put("sys/fs/cgroup/job/memory.current", "2000000\n");
    put("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 500000\nactive_file 3\n");
    ck_assert_double_eq(machine_memory(root), 3500000);
    put("sys/fs/cgroup/job/memory.current", "9000000\n");
    ck_assert_double_eq(machine_memory(root), 0);
}
END_TEST

START_TEST(memory_of_version_1)
{
    put("proc/self/cgroup", "4:memory:/\n");
    put("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    ck_assert(machine_memory(root) == HUGE_VAL);
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000\n");
    ck_assert_double_eq(machine_memory(root), 3000000);
    setenv("SLURM_MEM_PER_NODE", "2", 1); /* MB */
    ck_assert_double_eq(machine_memory(root), 2 * 1024 * 1024);
}
END_TEST

static void add_tests(TCase *t)
{
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, processors_of_version_2);
    tcase_add_test(t, processors_of_version_1);
    tcase_add_test(t, processors_of_the_environment);
    tcase_add_test(t, memory_of_version_2);
    tcase_add_test(t, memory_of_version_1);
}

CHECK_MAIN("machine", add_tests)
