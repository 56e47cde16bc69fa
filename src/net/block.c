#include "net/block.h"

#include "net/inverse.h"
#include <assert.h>

int block_layers(struct unit *u, size_t n, struct arena *a, struct err *e)
{
    u->n_inner = n;
    u->inner = arena_alloc(a, n, sizeof *u->inner);
    for (size_t j = 0; u->inner && j < n; j++)
        u->inner[j] = (struct unit){ .index = u->index, .label = u->label, .where = u->where };
    return u->inner ? 0 : err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* A unit keeps its slice of the parameters of the one around it, and so do the layers inside of it. */
static void keep_slice(struct unit *u, struct param *slice)
{
    u->params = slice;
    for (size_t j = 0; j < u->n_inner; j++) {
        keep_slice(&u->inner[j], slice); /* as deep as the file */
        slice += u->inner[j].n_params;
    }
}

static int gather_params(struct unit *u, const char *const *names, struct arena *a, struct err *e)
{
    size_t n = 0;
    for (size_t j = 0; j < u->n_inner; j++)
        n += u->inner[j].n_params;
    u->params = arena_alloc(a, n ? n : 1, sizeof *u->params);
    if (!u->params)
        return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    for (size_t j = 0; j < u->n_inner; j++)
        for (size_t i = 0; i < u->inner[j].n_params; i++) {
            struct param *p = &u->params[u->n_params++];
            *p = u->inner[j].params[i];
            p->inner = names ? arena_printf(a, "%s%s", names[j], p->inner) : arena_printf(a, "%zu.%s", j, p->inner);
        }
    keep_slice(u, u->params);
    return 0;
}

int block_gather(struct unit *u, const char *const *names, struct arena *a, struct err *e)
{
    const struct unit *last = &u->inner[u->n_inner - 1];
    unsigned common = CAN_JVP | CAN_DIFFERENCE | CAN_MIRROR | CAN_INVERT | CAN_INVERT_VALUES;
    for (size_t j = 0; j < u->n_inner; j++) {
        common &= unit_abilities(&u->inner[j]);
        u->min_rows = u->inner[j].min_rows > u->min_rows ? u->inner[j].min_rows : u->min_rows;
    }
    u->in = u->inner[0].in;
    u->out = last->out;
    u->cannot = ~common;
    if (u->joined == INNER_CHAIN) {
        u->act = last->act;
        u->transmit = last->transmit;
    }
    return gather_params(u, names, a, e);
}

int block_open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct block_state *s = u->state;
    size_t widest = u->in.n;
    for (size_t j = 0; j < u->n_inner; j++) {
        TRY(unit_open(&u->inner[j], u->weights, rows, a, e));
        widest = u->inner[j].out.n > widest ? u->inner[j].out.n : widest;
    }
    s->rows = rows;
    for (size_t i = 0; i < 2; i++) {
        s->work[i] = arena_alloc(a, rows * widest, sizeof(real));
        if (!s->work[i])
            return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    }
    return 0;
}

void block_refresh(struct unit *u)
{
    for (size_t j = 0; j < u->n_inner; j++)
        unit_refresh(&u->inner[j]);
}

struct at block_at(const struct unit *u, struct at at, size_t j)
{
    struct at own = at_rows(at.inner[j], at.from, at.out.rows);
    if (at.of) { /* the mirror of a block, or of one layer */
        own.of = at.of->inner ? &at.of->inner[u->n_inner - 1 - j] : at.of;
        own.of_from = at.of->inner ? at.of->from + at.of_from : at.of_from;
    }
    if (u->joined == INNER_COUPLED)
        return own;
    own.in = j ? at_rows(at.inner[j - 1], at.from, at.out.rows).out : at.in;
    if (j + 1 == u->n_inner && u->joined == INNER_CHAIN)
        own.out = at.out;
    return own;
}

void block_forward(const struct unit *u, struct at at)
{
    for (size_t j = 0; j < u->n_inner; j++)
        at_forward(&u->inner[j], block_at(u, at, j));
    if (u->joined == INNER_SKIP)
        mat_add(block_at(u, at, u->n_inner - 1).out, at.in, at.out);
}

/* A matrix between two layers, in one of the two buffers. */
static struct mat between(const struct unit *u, size_t j, size_t rows, size_t cols)
{
    const struct block_state *s = u->state;
    assert(rows <= s->rows);
    return mat_of(s->work[j % 2], rows, cols);
}

void block_in_parts(const struct unit *u, struct at at, struct mat from, struct mat to,
                    void (*part)(const struct unit *u, struct at at, struct mat from, struct mat to))
{
    const size_t most = ((const struct block_state *)u->state)->rows;
    for (size_t row = 0; row < at.out.rows; row += most) {
        const size_t rows = at.out.rows - row < most ? at.out.rows - row : most;
        part(u, at_rows(at, row, rows), mat_rows(from, row, rows), to.p ? mat_rows(to, row, rows) : to);
    }
}

static void vjp_part(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    const struct mat out = s;
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct mat down = j ? between(u, j, s.rows, inner->in.n) : dh;
        inner->def->vjp(inner, block_at(u, at, j), s, down);
        s = down;
    }
    if (u->joined == INNER_SKIP && dh.p)
        mat_add(dh, out, dh);
}

void block_vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    block_in_parts(u, at, s, dh, vjp_part);
}

/* Upwards by the layers' own products. */
static void up_part(const struct unit *u, struct at at, struct mat v, struct mat out, bool linear)
{
    const struct mat in = v;
    for (size_t j = 0; j < u->n_inner; j++) {
        const struct unit *inner = &u->inner[j];
        const struct mat up = j + 1 < u->n_inner ? between(u, j, v.rows, inner->out.n) : out;
        (linear ? inner->def->jvp : inner->def->difference)(inner, block_at(u, at, j), v, up);
        v = up;
    }
    if (u->joined == INNER_SKIP)
        mat_add(out, in, out);
}

static void jvp_part(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    up_part(u, at, v, out, true);
}

static void difference_part(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    up_part(u, at, d, out, false);
}

void block_jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    block_in_parts(u, at, v, out, jvp_part);
}

void block_difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0; row < d.rows; row += at.in.rows)
        block_in_parts(u, at, mat_rows(d, row, at.in.rows), mat_rows(out, row, at.in.rows), difference_part);
}

void block_grads(const struct unit *u, struct at at, real scale, real *g)
{
    for (size_t j = 0; j < u->n_inner; j++)
        u->inner[j].def->grads(&u->inner[j], block_at(u, at, j), scale, g);
}

double block_flops(const struct unit *u, size_t rows, double *product)
{
    double n = 0, one, sum = 0;
    for (size_t j = 0; j < u->n_inner; j++) {
        n += u->inner[j].def->flops(&u->inner[j], rows, &one);
        sum += one;
    }
    *product = sum;
    return n;
}
