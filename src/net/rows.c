#include "net/rows.h"

#include "base/team.h"
#include <assert.h>

/* Numbers that are worth a thread's waking. */
enum { PART_NUMBERS = 16 * 1024 };

struct rows {
    const struct unit *u;
    struct at at;
    struct mat in, out;
    row_product *product;
};

static struct mat some(struct mat a, size_t from, size_t to)
{
    return a.p ? mat_rows(a, from, to - from) : a;
}

static void run(void *work, size_t part, size_t from, size_t to)
{
    const struct rows *x = work;
    (void)part;
    x->product(x->u, at_rows(x->at, from, to - from), some(x->in, from, to), some(x->out, from, to));
}

void rows_run(const struct unit *u, struct at at, struct mat in, struct mat out, row_product *product)
{
    struct rows x = { u, at, in, out, product };
    const size_t n = in.p ? in.rows : at.in.rows, numbers = u->in.n > u->out.n ? u->in.n : u->out.n;
    assert(!out.p || out.rows == n);
    team_run(n, team_parts(n, 1 + PART_NUMBERS / (numbers + 1), TEAM_MOST_PARTS), 1, run, &x);
}
