/* unit: layers that carry one target together. They are one link of the chain; between them only states, gradients and
 * displacements pass. */
#include "net/inverse.h"
#include "net/mirror.h"

#include <assert.h>

struct block_options {
    struct layer_options common; /* optimizer alone is read: every layer inside has options of its own */
    struct chosen_list layers;
};

struct block_state {
    size_t rows;
    real *work[4]; /* (rows, widest): what passes between two layers, one after the other; the last two beside it */
};

static const struct option block_table[] = {
    { "layers", OPT_PARTS, offsetof(struct block_options, layers), NULL, .flags = OPTION_REQUIRED,
      .registry = &layer_registry,
      .help = "the layers of the unit, from its input; `unit: [layers]` is the short form" },
    { "optimizer", OPT_PART, offsetof(struct block_options, common.optimizer), NULL, .flags = OPTION_NULLABLE,
      .registry = &layer_optimizers,
      .help = "how the parameters of the unit follow their update directions, instead of train.optimizer" },
    { 0 }
};

/* What follows from the layers: shapes, abilities, and their parameters one after the other, of which each layer keeps
 * its slice. */
static int gather(struct unit *u, struct arena *a, struct err *e)
{
    const struct unit *last = &u->inner[u->n_inner - 1];
    unsigned common = CAN_JVP | CAN_DIFFERENCE | CAN_LEARN_DIFFERENCE | CAN_MIRROR | CAN_INVERT | CAN_INVERT_VALUES;
    size_t n = 0;
    for (size_t j = 0; j < u->n_inner; j++) {
        common &= unit_abilities(&u->inner[j]);
        n += u->inner[j].n_params;
    }
    u->in = u->inner[0].in;
    u->out = last->out;
    u->act = last->act;
    u->transmit = last->transmit;
    u->cannot = ~common;
    u->params = arena_alloc(a, n ? n : 1, sizeof *u->params);
    if (!u->params)
        return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    for (size_t j = 0; j < u->n_inner; j++) {
        struct unit *inner = &u->inner[j];
        struct param *slice = u->params + u->n_params;
        for (size_t i = 0; i < inner->n_params; i++) {
            slice[i] = inner->params[i];
            slice[i].inner = arena_printf(a, "%zu.%s", j, inner->params[i].inner);
        }
        u->n_params += inner->n_params;
        inner->params = slice;
    }
    return 0;
}

static int alloc_inner(struct unit *u, size_t n, struct arena *a, struct err *e)
{
    u->n_inner = n;
    u->inner = arena_alloc(a, n, sizeof *u->inner);
    for (size_t j = 0; u->inner && j < n; j++)
        u->inner[j] = (struct unit){ .index = u->index, .label = u->label, .where = u->where };
    return u->inner ? 0 : err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* What a layer inside of a unit cannot be. */
static int check_inner(const struct unit *u, size_t j, struct err *e)
{
    const struct unit *inner = &u->inner[j];
    const char *name = inner->def->part.name;
    if (unit_is_recurrent(inner))
        return err_at(e, u->where, "network.layers.%zu: '%s' is a unit of its own and cannot stand inside of one",
                      u->index, name);
    if (inner->def->tied && inner->def->tied(inner) >= 0)
        return err_at(e, u->where, "network.layers.%zu.unit.%zu.tied: a layer inside of a unit has weights of its own",
                      u->index, j);
    return 0;
}

static int check_options(const struct unit *u, size_t j, struct err *e)
{
    const struct unit *inner = &u->inner[j];
    if (unit_common(inner)->optimizer.part)
        return err_at(e, u->where,
                      "network.layers.%zu.unit.%zu.optimizer: a unit has one optimizer; give it to the unit", u->index,
                      j);
    if (inner->transmit.part && j + 1 < u->n_inner)
        return err_at(
            e, u->where,
            "network.layers.%zu.unit.%zu.transmit: only the last layer of a unit sends something else than its state",
            u->index, j);
    return layer_check_frozen(inner, e);
}

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const struct block_options *o = u->opts;
    if (o->layers.n == 0)
        return err_at(e, u->where, "network.layers.%zu.unit: a unit needs at least one layer", u->index);
    TRY(alloc_inner(u, o->layers.n, a, e));
    for (size_t j = 0; j < u->n_inner; j++) {
        struct unit *inner = &u->inner[j];
        inner->def = unit_def_of(o->layers.items[j]);
        inner->opts = o->layers.items[j].opts;
        TRY(check_inner(u, j, e));
        TRY(unit_shape(inner, o->layers.items[j], j ? u->inner[j - 1].out : in, a, e)); /* as deep as the file */
        TRY(check_options(u, j, e));
    }
    return gather(u, a, e);
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct block_state *s = u->state;
    size_t widest = u->in.n;
    for (size_t j = 0; j < u->n_inner; j++) {
        TRY(unit_open(&u->inner[j], u->weights, rows, a, e));
        widest = u->inner[j].out.n > widest ? u->inner[j].out.n : widest;
    }
    s->rows = rows;
    for (size_t i = 0; i < sizeof s->work / sizeof *s->work; i++) {
        s->work[i] = arena_alloc(a, rows * widest, sizeof(real));
        if (!s->work[i])
            return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    }
    return 0;
}

static void refresh(struct unit *u)
{
    for (size_t j = 0; j < u->n_inner; j++)
        unit_refresh(&u->inner[j]);
}

/* The application of layer j that belongs to `at`. */
static struct at inner_at(const struct unit *u, struct at at, size_t j)
{
    struct at own = at_rows(at.inner[j], at.from, at.out.rows);
    own.in = j ? at_rows(at.inner[j - 1], at.from, at.out.rows).out : at.in;
    if (j + 1 == u->n_inner)
        own.out = at.out;
    return own;
}

static void forward(const struct unit *u, struct at at)
{
    for (size_t j = 0; j < u->n_inner; j++)
        at_forward(&u->inner[j], inner_at(u, at, j));
}

/* A matrix between two layers, in one of the two buffers. */
static struct mat between(const struct unit *u, size_t j, size_t rows, size_t cols)
{
    const struct block_state *s = u->state;
    assert(rows <= s->rows);
    return mat_of(s->work[j % 2], rows, cols);
}

/* Calls `part` for parts of a stack that the buffers hold. */
static void in_parts(const struct unit *u, struct at at, struct mat from, struct mat to,
                     void (*part)(const struct unit *u, struct at at, struct mat from, struct mat to))
{
    const struct block_state *state = u->state;
    const size_t most = state->rows;
    for (size_t row = 0; row < at.out.rows; row += most) {
        const size_t rows = at.out.rows - row < most ? at.out.rows - row : most;
        part(u, at_rows(at, row, rows), mat_rows(from, row, rows), to.p ? mat_rows(to, row, rows) : to);
    }
}

static void vjp_part(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct mat down = j ? between(u, j, s.rows, inner->in.n) : dh;
        inner->def->vjp(inner, inner_at(u, at, j), s, down);
        s = down;
    }
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    in_parts(u, at, s, dh, vjp_part);
}

/* Upwards by the layers' own products. */
static void up_part(const struct unit *u, struct at at, struct mat v, struct mat out, bool linear)
{
    for (size_t j = 0; j < u->n_inner; j++) {
        const struct unit *inner = &u->inner[j];
        const struct mat up = j + 1 < u->n_inner ? between(u, j, v.rows, inner->out.n) : out;
        (linear ? inner->def->jvp : inner->def->difference)(inner, inner_at(u, at, j), v, up);
        v = up;
    }
}

static void jvp_part(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    up_part(u, at, v, out, true);
}

static void difference_part(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    up_part(u, at, d, out, false);
}

static void jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    in_parts(u, at, v, out, jvp_part);
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0; row < d.rows; row += at.in.rows)
        in_parts(u, at, mat_rows(d, row, at.in.rows), mat_rows(out, row, at.in.rows), difference_part);
}

/* The application of layer j where the unit's input has moved. */
static struct at moved_at(const struct unit *u, struct at at, size_t j)
{
    const struct at *moved = at.inner + u->n_inner;
    struct at own = at_rows(moved[j], at.from, at.out.rows);
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
        const struct at own = inner_at(u, at, j);
        at_forward(inner, moved_at(u, at, j));
        if (j + 1 < u->n_inner)
            inner->def->difference(inner, own, d, own.moved);
        d = own.moved;
    }
}

/* <s, f(h + d) - f(h)> of layers f = f_n ... f_1: its gradients at the two inputs of layer j are those of different
 * signals, s1 where it has moved and s0 where it has not, of <s1, f_j(h + d) - f_j(h)> + <s1 - s0, f_j(h)>. */
static void difference_grads(const struct unit *u, struct at at, struct mat d, struct mat moved, struct mat s,
                             real scale, real *g)
{
    const struct block_state *state = u->state;
    struct mat s1 = s, s0 = s;
    if (u->n_inner > 1)
        move_layers(u, at, d);
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct at own = inner_at(u, at, j);
        const struct mat down1 = between(u, j, s.rows, inner->in.n),
                         down0 = mat_of(state->work[2 + j % 2], s.rows, inner->in.n);
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
        inner->def->difference_grads(inner, own, j ? inner_at(u, at, j - 1).moved : d, moved, s1, scale, g);
        s1 = down1;
        s0 = down0;
    }
}

static void grads(const struct unit *u, struct at at, real scale, real *g)
{
    for (size_t j = 0; j < u->n_inner; j++)
        u->inner[j].def->grads(&u->inner[j], inner_at(u, at, j), scale, g);
}

static double flops(const struct unit *u, size_t rows, double *product)
{
    double n = 0, one, sum = 0;
    for (size_t j = 0; j < u->n_inner; j++) {
        n += u->inner[j].def->flops(&u->inner[j], rows, &one);
        sum += one;
    }
    *product = sum;
    return n;
}

/* ---- the way back: the layers' own, in reversed order ---- */

extern const struct unit_def layer_block;

static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    struct block_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
    o->common = m->common;
    g->def = &layer_block;
    g->opts = o;
    TRY(alloc_inner(g, u->n_inner, a, e));
    for (size_t j = 0; j < u->n_inner; j++) {
        const size_t of = u->n_inner - 1 - j;
        struct mirror own = *m;
        if (of > 0)
            own.target = &u->inner[of - 1];
        TRY(u->inner[of].def->mirror(&u->inner[of], &g->inner[j], &own, a, e));
    }
    return gather(g, a, e);
}

static int inverse_open(struct unit *u, const struct inverse_options *o, struct err *e)
{
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(u->inner[j].def->inverse->open(&u->inner[j], o, e));
    return 0;
}

static int inverse_refresh(struct unit *u, const struct inverse_options *o, struct err *e)
{
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(u->inner[j].def->inverse->refresh(&u->inner[j], o, e));
    return 0;
}

typedef void inverse_product(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                             struct mat out);

/* One of the inverses' products, which: its place in struct inverse_def. */
static void through_inverses(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                             struct mat out, size_t which)
{
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct inverse_def *d = inner->def->inverse;
        inverse_product *const products[] = { d->apply, d->difference, d->jvp };
        const struct mat down = j ? between(u, j, v.rows, inner->in.n) : out;
        products[which](inner, inner_at(u, at, j), v, o, down);
        v = down;
    }
}

static void inverse_apply(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                          struct mat out)
{
    through_inverses(u, at, v, o, out, 0);
}

static void inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out)
{
    through_inverses(u, at, d, o, out, 1);
}

static void inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out)
{
    through_inverses(u, at, d, o, out, 2);
}

static const struct inverse_def inverse = { inverse_open, inverse_refresh, inverse_apply, inverse_difference,
                                            inverse_jvp };

const struct unit_def layer_block = {
    .part = { .name = "unit",
              .help = "layers that carry one target together: one link of the chain",
              .ref = "Bao 2024",
              .options = block_table,
              .opts_size = sizeof(struct block_options),
              .state_size = sizeof(struct block_state) },
    .shape = shape,
    .open = open,
    .refresh = refresh,
    .forward = forward,
    .vjp = vjp,
    .grads = grads,
    .flops = flops,
    .jvp = jvp,
    .difference = difference,
    .difference_grads = difference_grads,
    .mirror = mirror,
    .inverse = &inverse,
};
