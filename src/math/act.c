#include "math/act.h"
#include "base/team.h"

#define PART_OF(name) &name.part,
static const struct part *const act_parts[] = { ACTIVATIONS(PART_OF) };
const struct registry act_registry = { "activation", act_parts, sizeof act_parts / sizeof *act_parts };

/* Every entry is computed from its own, so that a team may have any of them. */
struct entries {
    struct act act;
    struct mat u, h, s, out;
};

enum { PART_ENTRIES = 4 * 1024 }; /* about as much time as so many exponentials take is worth a thread's waking */

static void over(struct entries *x, team_part *part)
{
    const size_t n = mat_n(x->out);
    team_run(n, team_parts(n, PART_ENTRIES, TEAM_MOST_PARTS), 64 / sizeof(real), part, x);
}

static bool is_small(struct mat out)
{
    return mat_n(out) < 2 * PART_ENTRIES;
}

/* As one row; {NULL} stays {NULL}. */
static struct mat entries(struct mat a, size_t from, size_t to)
{
    return a.p ? mat_of(a.p + from, 1, to - from) : a;
}

static void apply(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    x->act.def->apply(x->act.opts, entries(x->u, from, to), entries(x->out, from, to));
}

static void times_slope(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    x->act.def->times_slope(x->act.opts, entries(x->u, from, to), entries(x->h, from, to), entries(x->s, from, to),
                            entries(x->out, from, to));
}

static void times_slope_difference(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    x->act.def->times_slope_difference(x->act.opts, entries(x->h, from, to), entries(x->u, from, to),
                                       entries(x->s, from, to), entries(x->out, from, to));
}

static void difference(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    x->act.def->difference(x->act.opts, entries(x->u, from, to), entries(x->h, from, to), entries(x->s, from, to),
                           entries(x->out, from, to));
}

static void difference_blocks(void *work, size_t part, size_t from, size_t to)
{
    const struct entries *x = work;
    (void)part;
    x->act.def->difference_blocks(x->act.opts, x->u, x->out, from, to);
}

void act_apply(struct act a, struct mat u, struct mat h)
{
    if (is_small(h))
        a.def->apply(a.opts, u, h);
    else
        over(&(struct entries){ .act = a, .u = u, .out = h }, apply);
}

void act_times_slope(struct act a, struct mat u, struct mat h, struct mat s, struct mat out)
{
    if (is_small(out))
        a.def->times_slope(a.opts, u, h, s, out);
    else
        over(&(struct entries){ a, u, h, s, out }, times_slope);
}

void act_times_slope_difference(struct act a, struct mat h, struct mat d, struct mat s, struct mat out)
{
    if (is_small(out))
        a.def->times_slope_difference(a.opts, h, d, s, out);
    else
        over(&(struct entries){ a, d, h, s, out }, times_slope_difference);
}

void act_difference(struct act a, struct mat u, struct mat h, struct mat w, struct mat out)
{
    if (is_small(out))
        a.def->difference(a.opts, u, h, w, out);
    else
        over(&(struct entries){ a, u, h, w, out }, difference);
}

void act_difference_blocks(struct act a, struct mat u, struct mat h, struct mat w)
{
    const size_t n = mat_n(u);
    if (a.def->difference_blocks) {
        struct entries x = { .act = a, .u = u, .out = w };
        team_run(n, team_parts(n, PART_ENTRIES, TEAM_MOST_PARTS), 64 / sizeof(real), difference_blocks, &x);
        return;
    }
    for (size_t row = 0; row < w.rows; row += u.rows) {
        const struct mat block = mat_rows(w, row, u.rows);
        act_difference(a, u, h, block, block);
    }
}
