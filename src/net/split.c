#include "net/split.h"

#include "net/block.h"
#include "net/mirror.h"

/* Index of the layer with weights; n_inner if there is none or more than one. */
static size_t weighted(const struct unit *g)
{
    size_t found = g->n_inner;
    for (size_t j = 0; j < g->n_inner; j++)
        if (g->inner[j].n_params > 0) {
            if (found < g->n_inner)
                return g->n_inner;
            found = j;
        }
    return found;
}

static bool is_linear(const struct unit *g)
{
    return g->n_params > 0 && (!g->act.def || g->act.def == &act_linear) && (unit_abilities(g) & CAN_JVP) &&
           (unit_abilities(g) & CAN_LEARN_DIFFERENCE);
}

/* *rest: a layer behind the one with weights was met. There is room for one. */
static bool fits(const struct unit *g, bool *rest)
{
    if (!g->n_inner)
        return is_linear(g);
    const size_t at = weighted(g);
    if (g->joined != INNER_CHAIN || at == g->n_inner || !fits(&g->inner[at], rest)) /* as deep as the file */
        return false;
    for (size_t j = at + 1; j < g->n_inner; j++) {
        if (*rest || !mirror_is_constant(&g->inner[j]))
            return false;
        *rest = true;
    }
    return true;
}

bool split_fits(const struct unit *g)
{
    bool rest = false;
    return fits(g, &rest);
}

struct mat split_front(const struct unit *g, struct at at)
{
    if (!g->n_inner)
        return at.in;
    const size_t last = weighted(g);
    for (size_t j = 0; j < last; j++)
        at_forward(&g->inner[j], block_at(g, at, j));
    return split_front(&g->inner[last], block_at(g, at, last));
}

/* The layer with weights, its application, and the layer behind it or NULL. */
struct parts {
    const struct unit *linear, *rest;
    struct at at, rest_at;
};

static struct parts parts_of(const struct unit *g, struct at at)
{
    struct parts p = { .linear = g, .at = at };
    while (p.linear->n_inner) {
        const struct unit *block = p.linear;
        const struct at around = p.at;
        const size_t j = weighted(block);
        if (j + 1 < block->n_inner) {
            p.rest = &block->inner[j + 1];
            p.rest_at = block_at(block, around, j + 1);
        }
        p.linear = &block->inner[j];
        p.at = block_at(block, around, j);
    }
    return p;
}

void split_back(const struct unit *g, struct at at, struct mat moved, real *work, struct mat out)
{
    const struct parts p = parts_of(g, at);
    const struct mat between = p.rest ? mat_of(work, moved.rows, p.linear->out.n) : out;
    p.linear->def->jvp(p.linear, p.at, moved, between);
    if (p.rest)
        p.rest->def->jvp(p.rest, p.rest_at, between, out);
}

void split_grads(const struct unit *g, struct at at, struct mat moved, struct mat s, real *work, real scale, real *to)
{
    const struct parts p = parts_of(g, at);
    if (p.rest) {
        const struct mat between = mat_of(work, s.rows, p.linear->out.n);
        p.rest->def->vjp(p.rest, p.rest_at, s, between);
        s = between;
    }
    p.linear->def->difference_grads(p.linear, p.at, moved, s, s, scale, to); /* how far it moves does not matter */
}
