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
    size_t others = 0;
    unsigned common = CAN_JVP | CAN_DIFFERENCE | CAN_MIRROR | CAN_TRANSPOSE;
    if (u->joined == INNER_CHAIN)
        common |= CAN_LEARN_DIFFERENCE | CAN_INVERT | CAN_INVERT_VALUES;
    for (size_t j = 0; j < u->n_inner; j++) {
        common &= unit_abilities(&u->inner[j]);
        others += j + 1 < u->n_inner ? u->inner[j].n_params : 0;
        u->min_rows = u->inner[j].min_rows > u->min_rows ? u->inner[j].min_rows : u->min_rows;
    }
    if (others == 0 && u->joined == INNER_CHAIN && !(last->act.def && last->act.def->of_input))
        common |= unit_abilities(last) & CAN_INPUT_SQUARES;
    u->in = u->inner[0].in;
    u->out = last->out;
    u->cannot = ~common;
    if (u->joined == INNER_CHAIN) {
        u->act = last->act;
        u->transmit = last->transmit;
    }
    return gather_params(u, names, a, e);
}

static int open_one(const struct unit *u, real **work, struct arena *a, struct err *e)
{
    const struct block_state *s = u->state;
    *work = arena_alloc(a, s->rows * s->widest, sizeof(real));
    return *work ? 0 : err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* Between two layers one matrix passes at a time, between more of them one is read while the next is written. */
static int open_pair(const struct unit *u, bool apart, real **pair, struct arena *a, struct err *e)
{
    TRY(open_one(u, &pair[0], a, e));
    pair[1] = pair[0];
    return apart || u->n_inner > 2 ? open_one(u, &pair[1], a, e) : 0;
}

int block_open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct block_state *s = u->state;
    *s = (struct block_state){ .rows = rows };
    for (size_t j = 0; j < u->n_inner; j++) {
        TRY(unit_open(&u->inner[j], u->weights, rows, a, e));
        if (j + 1 < u->n_inner && u->inner[j].out.n > s->widest)
            s->widest = u->inner[j].out.n;
    }
    return u->joined == INNER_COUPLED ? 0 : open_pair(u, false, s->work, a, e);
}

int block_open_beside(struct unit *u, bool apart, struct arena *a, struct err *e)
{
    struct block_state *s = u->state;
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(block_open_beside(&u->inner[j], apart, a, e)); /* as deep as the file */
    if (!u->n_inner || u->joined == INNER_COUPLED || s->beside[0])
        return 0;
    if (apart && s->work[1] == s->work[0])
        TRY(open_one(u, &s->work[1], a, e));
    return open_pair(u, apart, s->beside, a, e);
}

void block_refresh(struct unit *u)
{
    for (size_t j = 0; j < u->n_inner; j++)
        unit_refresh(&u->inner[j]);
}

/* What layer j of a feedback unit mirrors: of a block the layer at its place from the other end. */
static void set_of(const struct unit *u, struct at at, size_t j, struct at *own)
{
    const bool of_block = at.of && at.of->inner;
    own->of = of_block ? &at.of->inner[u->n_inner - 1 - j] : at.of;
    own->of_from = of_block ? at.of->from + at.of_from : at.of_from;
}

struct at block_at(const struct unit *u, struct at at, size_t j)
{
    struct at own = at_rows(at.inner[j], at.from, at.out.rows);
    set_of(u, at, j, &own);
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
    const size_t lowest = dh.p ? 0 : unit_lowest_weights(u); /* further down nothing is asked for */
    for (size_t j = u->n_inner; j-- > lowest;) {
        const struct unit *inner = &u->inner[j];
        const struct mat down = j > lowest ? between(u, j, s.rows, inner->in.n) : dh;
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

/* The application of layer j where the unit's input has moved. */
static struct at moved_at(const struct unit *u, struct at at, size_t j)
{
    const struct at *moved = at.inner + u->n_inner;
    struct at own = at_rows(moved[j], at.from, at.out.rows);
    set_of(u, at, j, &own);
    if (j)
        own.in = at_rows(moved[j - 1], at.from, at.out.rows).out;
    return own;
}

/* The layers at the moved input, and how far each moves but the last. */
static void move_layers(const struct unit *u, struct at at, struct mat d)
{
    mat_add(at.in, d, moved_at(u, at, 0).in);
    for (size_t j = 0; j < u->n_inner; j++) {
        const struct unit *inner = &u->inner[j];
        const struct at own = block_at(u, at, j);
        at_forward(inner, moved_at(u, at, j));
        if (j + 1 < u->n_inner)
            inner->def->difference(inner, own, d, own.moved);
        d = own.moved;
    }
}

/* <s, f(h + d) - f(h)> of layers f = f_n ... f_1: its gradients at the two inputs of layer j are those of different
 * signals, s1 where it has moved and s0 where it has not, of <s1, f_j(h + d) - f_j(h)> + <s1 - s0, f_j(h)>. */
void block_difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                            real scale, real *g)
{
    const struct block_state *state = u->state;
    struct mat s1 = s, s0 = s;
    if (u->n_inner > 1)
        move_layers(u, at, d);
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct at own = block_at(u, at, j);
        const struct mat down1 = between(u, j, s.rows, inner->in.n),
                         down0 = mat_of(state->beside[j % 2], s.rows, inner->in.n);
        if (j > 0) {
            inner->def->vjp(inner, moved_at(u, at, j), s1, down1);
            inner->def->vjp(inner, own, s0, down0);
        }
        if (j + 1 < u->n_inner) {
            mat_sub(s1, s0, s0);
            inner->def->vjp(inner, own, s0, (struct mat){ 0 });
            inner->def->grads(inner, own, scale, g);
            moved = own.moved;
        }
        inner->def->difference_grads(inner, own, j ? block_at(u, at, j - 1).moved : d, moved, s1, scale, g);
        s1 = down1;
        s0 = down0;
    }
}

void block_grads(const struct unit *u, struct at at, real scale, real *g)
{
    for (size_t j = 0; j < u->n_inner; j++)
        u->inner[j].def->grads(&u->inner[j], block_at(u, at, j), scale, g);
}

void block_input_squares(const struct unit *u, struct at at, double *squares)
{
    const size_t last = u->n_inner - 1;
    u->inner[last].def->input_squares(&u->inner[last], block_at(u, at, last), squares);
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
