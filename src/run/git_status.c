#include "run/git_status.h"

#include "base/text.h"
#include "run/worker_process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_VARIABLES = 14, SECONDS = 10 };

static bool write_file(const char *folder, const char *name, const char *content)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *f = fopen(path, "wxe");
    const bool written = f && fputs(content, f) >= 0;
    return (f ? fclose(f) == 0 : false) && written;
}

/* A repository folder with nothing but the commit in it. */
static bool make_folder(char folder[4096], const char *commit)
{
    const char *home = getenv("TMPDIR");
    char path[4200], head[80];
    if (snprintf(folder, 4096, "%s/tprun-git-XXXXXX", home && *home ? home : "/tmp") >= 4096 || !mkdtemp(folder))
        return false;
    snprintf(path, sizeof path, "%s/refs", folder);
    snprintf(head, sizeof head, "%s\n", commit);
    return mkdir(path, 0700) == 0 && write_file(folder, "HEAD", head) &&
           write_file(folder, "config",
                      strlen(commit) == 64 ? "[core]\nrepositoryformatversion = 1\n[extensions]\nobjectFormat = sha256\n"
                                           : "[core]\nrepositoryformatversion = 0\n");
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = { "HEAD", "config", "refs", "" };
    char path[4200];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (remove(path) < 0)
            continue; /* it was not made */
    }
}

/* Everything that git reads of its surroundings is given: no file of the user or the machine configures it. */
static size_t fill_environment(char *variables[N_VARIABLES + 1], struct text texts[N_VARIABLES], const char *root,
                               const char *own, const char *folder, const char *common)
{
    const char *path = getenv("PATH");
    const struct {
        const char *name, *value, *more;
    } all[] = { { "PATH", path ? path : "/usr/bin:/bin", "" },
                { "LC_ALL", "C", "" },
                { "HOME", own, "" },
                { "GIT_DIR", own, "" },
                { "GIT_WORK_TREE", root, "" },
                { "GIT_INDEX_FILE", folder, "/index" },
                { "GIT_OBJECT_DIRECTORY", common, "/objects" },
                { "GIT_CONFIG_NOSYSTEM", "1", "" },
                { "GIT_CONFIG_GLOBAL", "/dev/null", "" },
                { "GIT_ATTR_NOSYSTEM", "1", "" },
                { "GIT_OPTIONAL_LOCKS", "0", "" },
                { "GIT_TERMINAL_PROMPT", "0", "" },
                { "GIT_ALLOW_PROTOCOL", "none", "" } };
    size_t n = 0;
    for (; n < sizeof all / sizeof all[0]; n++) {
        text_add(&texts[n], "%s=%s%s", all[n].name, all[n].value, all[n].more);
        variables[n] = texts[n].s;
    }
    variables[n] = NULL;
    return n;
}

static pid_t start(char **variables, int out)
{
    char *argv[] = { (char[]){ "git" },           (char[]){ "status" },
                     (char[]){ "--porcelain" },   (char[]){ "--untracked-files=no" },
                     (char[]){ "--no-renames" },  (char[]){ "--ignore-submodules=all" },
                     NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    posix_spawn_file_actions_init(&actions);
    int code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (code == 0)
        code = posix_spawnp(&pid, "git", &actions, NULL, argv, variables);
    posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? pid : -1;
}

/* Whether it says anything: one word is enough, and it is not waited for longer than that. */
static bool says_something(int fd, bool *in_time)
{
    const int64_t end = now_ns() + (int64_t)SECONDS * 1000000000;
    char byte;
    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        const int64_t left = (end - now_ns()) / 1000000;
        if (left <= 0)
            break;
        const int n = poll(&ready, 1, (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        const ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        *in_time = got >= 0;
        return got > 0;
    }
    *in_time = false;
    return false;
}

static int ask(char **variables)
{
    int pipes[2], status = 0;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    const pid_t pid = start(variables, pipes[1]);
    bool in_time = false;
    close(pipes[1]);
    const bool changed = pid > 0 && says_something(pipes[0], &in_time);
    close(pipes[0]);
    if (pid < 0)
        return -1;
    if (changed || !in_time)
        kill(pid, SIGKILL);
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (changed)
        return 1;
    return got == pid && in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int git_status(const char *root, const char *folder, const char *common, const char *commit)
{
    char own[4096];
    char *variables[N_VARIABLES + 1];
    struct text texts[N_VARIABLES] = { 0 };
    int answer = -1;
    if (make_folder(own, commit)) {
        const size_t n = fill_environment(variables, texts, root, own, folder, common);
        answer = ask(variables);
        for (size_t i = 0; i < n; i++)
            text_free(&texts[i]);
    }
    remove_folder(own);
    return answer;
}
