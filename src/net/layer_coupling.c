/* coupling: a block that can be run backwards. Of the halves x1, x2 of the channels, y1 = x1 + f(x2) and y2 = x2 +
 * g(y1), f the spatial and g the channel half of a mixer without their skips; so x2 = y2 - g(y1), x1 = y1 - f(x2).
 * Dinh 2014; Bao 2024, Table 4. */
#include "net/inverse.h"
#include "net/mixer.h"

enum { F, G };

struct coupling_state {
    struct block_state block; /* first */
    real *halves[4];          /* (rows, half) each */
    struct at at[2];          /* of f and g, where an inverse is of values; opened by inverse_open */
};

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    static const char *const names[] = { "f.", "g." };
    if (in.channels % 2 != 0)
        return err_at(e, u->where,
                      "network.layers.%zu: 'coupling' halves the channels, and %zu channels have no two halves",
                      u->index, in.channels);
    const struct shape half = { in.n / 2, in.channels / 2, in.height, in.width };
    TRY(block_layers(u, 2, a, e));
    TRY(mixer_spatial(&u->inner[F], u->opts, false, half, a, e));
    TRY(mixer_channel(&u->inner[G], u->opts, false, half, a, e));
    u->joined = INNER_COUPLED;
    TRY(block_gather(u, names, a, e));
    u->cannot &= ~(unsigned)(CAN_INVERT | CAN_INVERT_VALUES); /* its own inverse, not its layers' */
    u->in = u->out = in;
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    struct coupling_state *s = u->state;
    TRY(block_open(u, rows, a, e));
    for (size_t i = 0; i < 4; i++) {
        s->halves[i] = arena_alloc(a, rows * u->in.n / 2, sizeof(real));
        if (!s->halves[i])
            return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    }
    return 0;
}

/* Half number `which` of every pixel's channels, 0 the lower and 1 the upper ones, out of the whole or into it. */
static void take(const struct unit *u, struct mat whole, size_t which, struct mat half)
{
    const size_t c = u->in.channels / 2;
    for (size_t i = 0; i < mat_n(half); i++)
        half.p[i] = whole.p[(2 * (i / c) + which) * c + i % c];
}

static void put(const struct unit *u, struct mat half, size_t which, struct mat whole)
{
    const size_t c = u->in.channels / 2;
    for (size_t i = 0; i < mat_n(half); i++)
        whole.p[(2 * (i / c) + which) * c + i % c] = half.p[i];
}

static struct mat half(const struct unit *u, size_t i, size_t rows)
{
    const struct coupling_state *s = u->state;
    return mat_of(s->halves[i], rows, u->in.n / 2);
}

/* The inputs of f and g are kept in their applications. */
static void forward_part(const struct unit *u, struct at at, struct mat in, struct mat out)
{
    const struct at f = block_at(u, at, F), g = block_at(u, at, G);
    const struct mat first = half(u, 0, in.rows);
    take(u, in, 1, f.in);
    at_forward(&u->inner[F], f);
    take(u, in, 0, first);
    mat_add(first, f.out, g.in);
    at_forward(&u->inner[G], g);
    put(u, g.in, 0, out);
    mat_add(f.in, g.out, first);
    put(u, first, 1, out);
}

static void forward(const struct unit *u, struct at at)
{
    block_in_parts(u, at, at.in, at.out, forward_part);
}

static void vjp_part(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    const struct unit *f = &u->inner[F], *g = &u->inner[G];
    const struct mat first = half(u, 0, s.rows), second = half(u, 1, s.rows), down = half(u, 2, s.rows);
    take(u, s, 0, first);
    take(u, s, 1, second);
    g->def->vjp(g, block_at(u, at, G), second, down);
    mat_add(first, down, first);
    f->def->vjp(f, block_at(u, at, F), first, dh.p ? down : (struct mat){ 0 });
    if (!dh.p)
        return;
    mat_add(second, down, second);
    put(u, first, 0, dh);
    put(u, second, 1, dh);
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    block_in_parts(u, at, s, dh, vjp_part);
}

/* y1 = v1 + F(v2), y2 = v2 + G(y1), with the two layers' derivatives or differences. */
static void up(const struct unit *u, struct at at, struct mat v, struct mat out, bool linear)
{
    const struct unit *f = &u->inner[F], *g = &u->inner[G];
    const struct mat first = half(u, 0, v.rows), second = half(u, 1, v.rows), moved = half(u, 2, v.rows);
    take(u, v, 0, first);
    take(u, v, 1, second);
    (linear ? f->def->jvp : f->def->difference)(f, block_at(u, at, F), second, moved);
    mat_add(first, moved, first);
    (linear ? g->def->jvp : g->def->difference)(g, block_at(u, at, G), first, moved);
    mat_add(second, moved, second);
    put(u, first, 0, out);
    put(u, second, 1, out);
}

/* x2 = v2 - G(v1), x1 = v1 - F(x2). */
static void down(const struct unit *u, struct at at, struct mat v, struct mat out, bool linear)
{
    const struct unit *f = &u->inner[F], *g = &u->inner[G];
    const struct mat first = half(u, 0, v.rows), second = half(u, 1, v.rows), moved = half(u, 2, v.rows);
    take(u, v, 0, first);
    take(u, v, 1, second);
    (linear ? g->def->jvp : g->def->difference)(g, block_at(u, at, G), first, moved);
    mat_sub(second, moved, second);
    (linear ? f->def->jvp : f->def->difference)(f, block_at(u, at, F), second, moved);
    mat_sub(first, moved, first);
    put(u, first, 0, out);
    put(u, second, 1, out);
}

static void jvp_part(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    up(u, at, v, out, true);
}

static void difference_part(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    up(u, at, d, out, false);
}

static void jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    block_in_parts(u, at, v, out, jvp_part);
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    for (size_t row = 0; row < d.rows; row += at.in.rows)
        block_in_parts(u, at, mat_rows(d, row, at.in.rows), mat_rows(out, row, at.in.rows), difference_part);
}

/* ---- the exact inverse ---- */

static int inverse_open(struct unit *u, const struct inverse_options *o, struct err *e)
{
    (void)o;
    struct coupling_state *s = u->state;
    for (size_t j = 0; j < 2 && !s->at[j].out.p; j++)
        TRY(at_open(&s->at[j], &u->inner[j], s->block.rows, 1, AT_INPUT, u->arena, e));
    return 0;
}

static int inverse_refresh(struct unit *u, const struct inverse_options *o, struct err *e)
{
    (void)u, (void)o, (void)e;
    return 0;
}

static void apply_part(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    (void)at;
    const struct coupling_state *s = u->state;
    const struct at f = at_rows(s->at[F], 0, v.rows), g = at_rows(s->at[G], 0, v.rows);
    const struct mat second = half(u, 1, v.rows);
    take(u, v, 0, g.in);
    at_forward(&u->inner[G], g);
    take(u, v, 1, second);
    mat_sub(second, g.out, f.in);
    at_forward(&u->inner[F], f);
    mat_sub(g.in, f.out, g.in);
    put(u, g.in, 0, out);
    put(u, f.in, 1, out);
}

static void inverse_apply(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                          struct mat out)
{
    (void)o;
    block_in_parts(u, at, v, out, apply_part);
}

static void down_difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    down(u, at, d, out, false);
}

static void down_jvp(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    down(u, at, d, out, true);
}

static void inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out)
{
    (void)o;
    block_in_parts(u, at, d, out, down_difference);
}

static void inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out)
{
    (void)o;
    block_in_parts(u, at, d, out, down_jvp);
}

static const struct inverse_def inverse = { inverse_open,       inverse_refresh, inverse_apply,
                                            inverse_difference, inverse_jvp,     .exact = true };

static const struct option table[] = { MIXER_HIDDEN, MIXER_ACTIVATION, LAYER_OPTIONS(struct mixer_options), { 0 } };

extern const struct unit_def layer_coupling;
const struct unit_def layer_coupling = {
    .part = { .name = "coupling",
              .help = "a reversible block: halves of the channels, each added to a mixer's half of the other; its "
                      "inverse is "
                      "exact",
              .ref = "Dinh 2014; Bao 2024, Table 4",
              .options = table,
              .opts_size = sizeof(struct mixer_options),
              .state_size = sizeof(struct coupling_state) },
    .shape = shape,
    .open = open,
    .refresh = block_refresh,
    .forward = forward,
    .vjp = vjp,
    .grads = block_grads,
    .flops = block_flops,
    .jvp = jvp,
    .difference = difference,
    .inverse = &inverse,
};
