/* A clock that jumps: the wall clock (CLOCK_REALTIME, time, gettimeofday) is a day ahead, a day behind, in 1970 or in
 * 2100, another at each reading. CLOCK_MONOTONIC is left alone, as it is by a step of the system's clock.
 *
 *   LD_PRELOAD=libclock.so program */
#include "under.h"

#include <sys/time.h>
#include <time.h>

static time_t jump(time_t now)
{
    static unsigned reading;
    const time_t day = 86400, far = 4102444800; /* 2100-01-01 */
    switch (reading++ % 4) {
    case 0:
        return now + day;
    case 1:
        return now - day;
    case 2:
        return 1;
    default:
        return far;
    }
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    const int code = real_clock_gettime(clock, t);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec = jump(t->tv_sec);
    return code;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    REAL(int, gettimeofday, struct timeval *restrict, void *restrict);
    const int code = real_gettimeofday(t, zone);
    if (code == 0)
        t->tv_sec = jump(t->tv_sec);
    return code;
}

time_t time(time_t *t)
{
    REAL(time_t, time, time_t *);
    const time_t now = jump(real_time(NULL));
    if (t)
        *t = now;
    return now;
}
