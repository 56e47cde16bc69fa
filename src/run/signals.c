#include "run/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "handlers count with atomic integers");

enum phase { BEFORE, ATTENDED, AFTER };
enum { N_HANDLED = 4 };
static const int handled[N_HANDLED] = { SIGINT, SIGTERM, SIGUSR1, SIGHUP };

/* A handler has no argument, so what it touches is static; and it runs in whichever thread the kernel picks (OpenBLAS
 * starts some when it is loaded), so blocking and signalfd(2) would not do. */
static atomic_int phase, stops, saves;
static int wake_fds[2] = { -1, -1 };

static void wake(void)
{
    const ssize_t ignored = write(wake_fds[1], "", 1); /* a full pipe is readable already */
    (void)ignored;
}

static void on_signal(int number)
{
    static const char nothing_done[] = "tprun: stopped before anything was begun\n";
    const int error = errno;
    if (number == SIGHUP) {
        atomic_fetch_add(&saves, 1);
        wake();
    } else if (atomic_load(&phase) == BEFORE) {
        const ssize_t ignored = write(STDERR_FILENO, nothing_done, sizeof nothing_done - 1);
        (void)ignored;
        _exit(err_exit_status(ERR_STOPPED));
    } else if (atomic_fetch_add(&stops, 1) > 0 && atomic_load(&phase) == AFTER) {
        signal(number, SIG_DFL);
        raise(number); /* delivered when this handler returns */
    } else {
        wake();
    }
    errno = error;
}

int signals_open(struct err *e)
{
    if (pipe2(wake_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_set(e, ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < N_HANDLED; i++) {
        struct sigaction before;
        if (sigaction(handled[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(handled[i], &action, NULL);
    }
    return 0;
}

void signals_attend(bool attend)
{
    atomic_store(&phase, attend ? ATTENDED : AFTER);
}

int signals_fd(void)
{
    return wake_fds[0];
}

void signals_take(void)
{
    char bytes[256];
    while (wake_fds[0] >= 0 && read(wake_fds[0], bytes, sizeof bytes) > 0) {
    }
}

int signals_stops(void)
{
    return atomic_load(&stops);
}

int signals_saves(void)
{
    return atomic_load(&saves);
}

void signals_mask(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < N_HANDLED; i++)
        sigaddset(set, handled[i]);
}
