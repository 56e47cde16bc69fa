/* A team: the threads that share the work inside a trial.
 *
 * Work is cut into parts whose number and bounds follow from its size alone, never from the number of threads, and no
 * two parts write the same numbers. Which thread does a part is chance, what it computes is not: results are the same
 * for 1, 2, 3 or 16 threads. A sum that must be cut has a place for each part, and whoever called adds them up in
 * their order.
 *
 * A thread has its team as it has its stack: team_open gives one to the thread that calls it, and the loops of all
 * rooms find it there. Loops that are worth it are called from everywhere below a step, and a team that was handed down
 * to them would be an argument of every one; it says nothing about what is computed. Nothing is shared between threads
 * that each have a team. Parts run alone, one after the other, where there is none, and inside a part. */
#ifndef TPRUN_BASE_TEAM_H
#define TPRUN_BASE_TEAM_H

#include "base/err.h"
#include <stddef.h>

struct team;
/* TEAM_THREAD_BYTES: of address space, for the stack of a thread, most of it never touched. */
enum { TEAM_MOST_THREADS = 64, TEAM_MOST_PARTS = 64, TEAM_THREAD_BYTES = 1024 * 1024 };

/* Of n threads, 1 to TEAM_MOST_THREADS, the one that calls among them; the others wait for work, and are never woken by
 * a signal. The calling thread must not have a team. ERR_MEMORY: the threads cannot be had, with the reason. */
int team_open(struct team **out, size_t n, struct err *e);
/* By the thread that opened it. NULL is no team. */
void team_close(struct team *t);

/* Part `part` of the work: items [from, to) of it. */
typedef void team_part(void *work, size_t part, size_t from, size_t to);
/* Into how many parts n items are cut, each of at least `least` items (> 0): 1 to `most` (at most TEAM_MOST_PARTS). */
size_t team_parts(size_t n, size_t least, size_t most);
/* Does all of n items in so many parts, and returns when all are done. The bounds are multiples of `step` items (> 0),
 * but for the last. */
void team_run(size_t n, size_t parts, size_t step, team_part *part, void *work);

#endif
