#include "base/self.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn(pid_t *pid, const char *option, int fd, bool to_stdout)
{
    char name[] = "tprun", word[32], parent[32], self[] = "/proc/self/exe";
    char *argv[] = { name, word, parent, NULL };
    snprintf(word, sizeof word, "%s", option);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             to_stdout ? 0 : POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0 && !to_stdout)
        code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, fd, SELF_SOCKET);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(&actions, SELF_SOCKET + 1);
    if (code == 0)
        code = posix_spawn(pid, self, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

static int cannot(const char *what, int reason, struct err *e)
{
    return err_set(e, err_is_shortage(reason) ? ERR_MEMORY : ERR_INTERNAL, "cannot %s a reading process: %s", what,
                   strerror(reason));
}

int self_start(struct self *s, const char *option, bool to_stdout, struct err *e)
{
    int pair[2];
    s->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return cannot("make a socket for", errno, e);
    const int code = spawn(&s->pid, option, pair[1], to_stdout);
    close(pair[1]);
    if (code) {
        close(pair[0]);
        return cannot("start", code, e);
    }
    s->fd = pair[0];
    return 0;
}

int self_finish(struct self *s)
{
    int status = 0;
    pid_t got;
    close(s->fd);
    s->fd = -1;
    do
        got = waitpid(s->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == s->pid && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

bool self_is(int argc, char **argv, const char *option)
{
    return argc == 3 && !strcmp(argv[1], option);
}

bool self_begin(char **argv)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == (pid_t)strtol(argv[2], NULL, 10);
}
