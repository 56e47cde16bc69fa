#include "base/team.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How often a thread looks before it sleeps: about 20 us. Between two loops of a step less than that passes. */
enum { LOOKS = 2000 };

/* What is at hand, in one number, so that a thread takes a part of it in one operation: the round, the parts, and the
 * next part that nobody has. */
static uint64_t ticket(uint32_t round, size_t parts, size_t next)
{
    return (uint64_t)round << 32 | (uint64_t)parts << 16 | (uint64_t)next;
}
static size_t parts_of(uint64_t ticket)
{
    return ticket >> 16 & 0xffff;
}
static size_t next_of(uint64_t ticket)
{
    return ticket & 0xffff;
}

struct round {
    size_t n, parts, step;
    team_part *part;
    void *work;
};

struct team {
    size_t n; /* threads beside the one that opened it */
    pthread_t threads[TEAM_MOST_THREADS - 1];
    struct round round; /* written before the ticket, and not before all parts of the last round are done */
    uint32_t number;
    bool busy; /* inside a part of its own */
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic size_t done; /* parts */
    _Alignas(64) _Atomic size_t asleep;
    atomic_bool ends, waits; /* the one that opened it sleeps until all parts are done */
    pthread_mutex_t lock;
    pthread_cond_t work, end;
};

static _Thread_local struct team *own;

static void look_again(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void do_part(const struct round *r, size_t i)
{
    const size_t steps = (r->n + r->step - 1) / r->step;
    const size_t from = steps * i / r->parts * r->step, to = steps * (i + 1) / r->parts * r->step;
    r->part(r->work, i, from, to < r->n ? to : r->n);
}

/* Does one part that nobody has; false: there is none. A part that was taken keeps the round from ending, so what is
 * read of it then is of this round. */
static bool take_part(struct team *t)
{
    uint64_t now = atomic_load(&t->ticket);
    do {
        if (next_of(now) >= parts_of(now))
            return false;
    } while (!atomic_compare_exchange_weak(&t->ticket, &now, now + 1));
    do_part(&t->round, next_of(now));
    if (atomic_fetch_add(&t->done, 1) + 1 == parts_of(now) && atomic_load(&t->waits)) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_signal(&t->end);
        pthread_mutex_unlock(&t->lock);
    }
    return true;
}

static bool is_idle(struct team *t)
{
    const uint64_t now = atomic_load(&t->ticket);
    return next_of(now) >= parts_of(now) && !atomic_load(&t->ends);
}

static void sleep_until_work(struct team *t)
{
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->asleep, 1); /* before the last look: who brings work looks here after it has brought it */
    while (is_idle(t))
        pthread_cond_wait(&t->work, &t->lock);
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->lock);
}

static void *help(void *team)
{
    struct team *t = team;
    while (!atomic_load(&t->ends)) {
        for (int i = 0; i < LOOKS && is_idle(t); i++)
            look_again();
        if (!take_part(t) && is_idle(t))
            sleep_until_work(t);
    }
    return NULL;
}

static void wake(struct team *t)
{
    if (atomic_load(&t->asleep) == 0)
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
}

static void wait_for_others(struct team *t, size_t parts)
{
    for (int i = 0; i < LOOKS && atomic_load(&t->done) < parts; i++)
        look_again();
    if (atomic_load(&t->done) == parts)
        return;
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->waits, true); /* before the last look, as above */
    while (atomic_load(&t->done) < parts)
        pthread_cond_wait(&t->end, &t->lock);
    atomic_store(&t->waits, false);
    pthread_mutex_unlock(&t->lock);
}

size_t team_parts(size_t n, size_t least, size_t most)
{
    const size_t parts = n / least;
    assert(most > 0 && most <= TEAM_MOST_PARTS);
    return parts < 1 ? 1 : parts < most ? parts : most;
}

void team_run(size_t n, size_t parts, size_t step, team_part *part, void *work)
{
    const struct round round = { n, parts, step, part, work };
    struct team *t = own;
    assert(parts > 0 && parts <= TEAM_MOST_PARTS);
    if (!t || t->n == 0 || t->busy || parts == 1) {
        for (size_t i = 0; i < parts; i++)
            do_part(&round, i);
        return;
    }
    t->busy = true;
    t->round = round;
    atomic_store(&t->done, 0);
    atomic_store(&t->ticket, ticket(++t->number, parts, 0));
    wake(t);
    while (take_part(t))
        ;
    wait_for_others(t, parts);
    t->busy = false;
}

/* Signals are for the thread that opened the team. */
static int start_threads(struct team *t, size_t n)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int reason = 0;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, TEAM_THREAD_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; t->n < n && reason == 0; t->n += reason == 0)
        reason = pthread_create(&t->threads[t->n], &attributes, help, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return reason;
}

int team_open(struct team **out, size_t n, struct err *e)
{
    assert(n > 0 && n <= TEAM_MOST_THREADS && !own);
    struct team *t = *out = aligned_alloc(_Alignof(struct team), sizeof *t);
    if (!t)
        return err_set(e, ERR_MEMORY, "not enough memory for a team of threads");
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->work, NULL);
    pthread_cond_init(&t->end, NULL);
    own = t;
    const int reason = start_threads(t, n - 1);
    if (reason == 0)
        return 0;
    const size_t had = t->n + 1;
    team_close(t);
    *out = NULL;
    return err_set(e, ERR_MEMORY, "train.threads: only %zu of %zu threads can be had: %s%s", had, n, strerror(reason),
                   reason == EAGAIN ? " (`ulimit -u`, `ulimit -v`, or a limit of the control group)" : "");
}

void team_close(struct team *t)
{
    if (!t)
        return;
    assert(t == own && !t->busy);
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->ends, true);
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < t->n; i++)
        pthread_join(t->threads[i], NULL);
    pthread_cond_destroy(&t->end);
    pthread_cond_destroy(&t->work);
    pthread_mutex_destroy(&t->lock);
    free(t);
    own = NULL;
}
