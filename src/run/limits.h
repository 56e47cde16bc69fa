/* What the machine allows a run: open files, processes, memory. The runner asks before it starts workers, goes on with
 * fewer when there is no room for another, and tells a death for want of memory as what it was. */
#ifndef TPRUN_RUN_LIMITS_H
#define TPRUN_RUN_LIMITS_H

#include "base/err.h"
#include "base/text.h"
#include <stdint.h>

/* Raises the limit of open files as far as it goes, and checks that there is room for a run with one worker: ERR_MEMORY
 * with what is short and how to get more. */
int limits_open(struct err *e);
/* How many workers there can be at most: one has a descriptor of the runner, and poll(2) takes no more. */
size_t limits_workers(size_t wanted);
/* Descriptors that must stay free for the database and for data files while workers run. */
enum { LIMITS_RESERVE = 4 };
/* Whether a descriptor leaves that many free. */
bool limits_leave_room(int fd);

/* What an errno of err_is_shortage says: "Too many open files (`ulimit -n` is 20)" into buffer. */
const char *limits_text(int reason, char *buffer, size_t size);

/* Counters of processes that the kernel ended for want of memory: of this control group, and of the machine. -1 = there
 * is no such counter. */
struct limits_kills {
    int64_t group, machine;
};
struct limits_kills limits_count_kills(void);

enum limits_death { DEATH_OTHER, DEATH_PERHAPS_MEMORY, DEATH_MEMORY };
/* What a SIGKILL that was not ours was, by the counters before and now; the death is then counted in `before` too, so
 * that of several at once each is explained. Adds to `how`, which says "killed by SIGKILL"
 * already. bytes: what the plan says that such a worker takes. */
enum limits_death limits_explain_kill(struct limits_kills *before, struct limits_kills now, double bytes,
                                      struct text *how);

#endif
