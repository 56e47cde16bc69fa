/* Who reads whom. A layer reads what the layer below it sends, or what the layers send that its `from` names: their
 * sum, or all of them side by side. Each of them is an edge. Without `from`, edge k goes from link k to link k + 1. */
#ifndef TPRUN_NET_EDGE_H
#define TPRUN_NET_EDGE_H

#include "net/layer.h"

struct edge {
    size_t from, to; /* links */
    /* Number j of what `from` sends is number j / channels * of + before + j % channels of what `to` reads: its
     * channels stand behind `before` others, of `of` in all. In a sum, and where it is read alone: channels == of. */
    size_t channels, of, before;
};

/* What a unit reads. */
struct reads {
    size_t n;
    size_t *from;  /* [n] units, in the order of the file */
    size_t *edges; /* [n] those from them, once all are listed */
    int join;      /* enum join */
};

static inline bool edge_is_whole(const struct edge *e)
{
    return e->channels == e->of;
}
static inline size_t edge_column(const struct edge *e, size_t j)
{
    return j / e->channels * e->of + e->before + j % e->channels;
}

/* Of unit i, and its input's shape, the units below having theirs; beside: what the file says beside the layer, or
 * NULL. ERR_SPEC at the unit's place. */
struct chain;
int edge_read(struct chain *c, size_t i, const struct layer_beside *beside, struct where where, struct shape *in,
              struct arena *a, struct err *e);
/* All edges, once all units have their links. */
int edge_list(struct chain *c, struct arena *a, struct err *e);

/* own = what belongs to the edge of `read`, a value of what its upper end reads. */
void edge_take(const struct edge *edge, struct mat read, struct mat own);

struct pass;
/* to = what unit i reads of several others; where the lower end of `moved` is one of them, `value` stands for what that
 * sends. moved: NULL for none. */
void edge_join(const struct pass *p, size_t i, const struct edge *moved, struct mat value, struct mat to);
/* What the edge's upper end reads where its lower end sends `value` and the others what they sent: value itself, or a
 * matrix in `to`. */
struct mat edge_read_with(const struct pass *p, const struct edge *edge, struct mat value, real *to);
/* How far that moves where the lower end moves by d and the others do not: d itself, or a matrix in `to`. */
struct mat edge_moves(const struct chain *c, const struct edge *edge, struct mat d, real *to);
/* down = the edge's share of `all`, a gradient of what its upper end reads, on through the transmission of its lower
 * end. */
void edge_share(const struct chain *c, const struct edge *edge, struct mat all, struct mat down);

#endif
