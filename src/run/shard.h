/* Shards: the trials of a study dealt to workers that know nothing of each other.
 *
 * Every worker deals all trials of the whole specification, whatever is finished, and takes its own: no worker needs to
 * hear of another, and one that begins again has the same trials. They are dealt the longest first, each to the shard
 * that has least, by operations of the plan (price_operations), which are the same on every machine. */
#ifndef TPRUN_RUN_SHARD_H
#define TPRUN_RUN_SHARD_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

enum { SHARDS_MAX = 100000 };
struct shard {
    size_t index, count; /* count 0: there are none, all trials are its own */
};

/* Reads "3/20": shard 3 of 20, from 0 on. ERR_USAGE. */
int shard_parse(const char *text, struct shard *s, struct err *e);
/* mine[i] = whether trial i of n is of this shard. loads[count]: what the shards have so far, and then have. 0, or
 * ERR_MEMORY. */
int shard_deal(const struct shard *s, double *loads, size_t n, const double *operations, bool *mine);

#endif
