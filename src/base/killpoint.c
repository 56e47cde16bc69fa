#include "base/killpoint.h"

#ifdef TPRUN_KILL_POINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILL_POINT_NAME(id, name) name,
static const char *const names[] = { KILL_POINTS(KILL_POINT_NAME) };
#undef KILL_POINT_NAME

static void refuse(const char *text)
{
    fprintf(stderr, "TPRUN_KILL=%s: NAME:N[:SIGNAL[:parent]] is wanted\n", text);
    _exit(2);
}

static int signal_of(const char *text, const char *word)
{
    static const struct {
        const char *name;
        int number;
    } known[] = { { "KILL", SIGKILL }, { "INT", SIGINT }, { "TERM", SIGTERM }, { "HUP", SIGHUP }, { "USR1", SIGUSR1 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, word))
            return known[i].number;
    refuse(text);
    return 0;
}

void kill_point(enum kill_point point)
{
    static unsigned long times; /* that this process came to the point asked for */
    char name[64], word[8] = "KILL", whom[8] = "";
    unsigned long n = 0;
    const char *text = getenv("TPRUN_KILL");
    if (!text)
        return;
    const int fields = sscanf(text, "%63[^:]:%lu:%7[A-Z0-9]:%7s", name, &n, word, whom);
    if (fields < 2 || (fields == 4 && strcmp(whom, "parent") != 0))
        refuse(text);
    if (strcmp(name, names[point]) != 0 || ++times != n)
        return;
    dprintf(STDERR_FILENO, "kill point %s\n", text);
    kill(fields == 4 ? getppid() : getpid(), signal_of(text, word));
}

void kill_points_print(FILE *out)
{
    for (size_t i = 0; i < N_KILL_POINTS; i++)
        fprintf(out, "%s\n", names[i]);
}

#endif
