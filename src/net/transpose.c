#include "net/transpose.h"

#include "net/block.h"

const struct transpose_def transpose_of_block = { 0 };

/* ---- of an activation ---- */

static bool bends(struct act a)
{
    return a.def && a.def != &act_linear;
}

/* Where an activation was in the forward pass: its input, {NULL} if that was not kept, and its output. */
struct place {
    struct mat in, out;
};

static struct place place_of(const struct unit *u, struct at at)
{
    return (struct place){ u->n_delta ? at.cache[0] : at.in, at.out }; /* an activation alone keeps no other input */
}

static void act_value(struct act a, struct place was, int how, struct mat t, struct mat out)
{
    if (how == TRANSPOSE_ZETA) {
        a.def->zeta(a.opts, t, out);
        return;
    }
    act_times_slope(a, was.in, was.out, t, out);
    if (how == TRANSPOSE_HADAMARD)
        act_apply(a, out, out);
}

enum { SPAN = 512 };

static struct mat span(struct mat m, size_t from, size_t n)
{
    return m.p ? mat_of(m.p + from, 1, n) : m;
}

/* a(s (t + d)) - a(s t), s the slope, span by span. */
static void hadamard_difference(struct act a, struct place was, struct mat t, struct mat d, struct mat out)
{
    real before[SPAN], after[SPAN], moved[SPAN];
    for (size_t i = 0; i < mat_n(t); i += SPAN) {
        const size_t n = mat_n(t) - i < SPAN ? mat_n(t) - i : SPAN;
        const struct mat in = span(was.in, i, n), h = span(was.out, i, n), u = mat_of(before, 1, n),
                         v = mat_of(after, 1, n), w = mat_of(moved, 1, n);
        act_times_slope(a, in, h, span(t, i, n), u);
        act_apply(a, u, v);
        act_times_slope(a, in, h, span(d, i, n), w);
        act_difference(a, u, v, w, span(out, i, n));
    }
}

static void act_moved(struct act a, struct place was, int how, struct mat t, struct mat d, struct mat out)
{
    if (how == TRANSPOSE_ZETA)
        a.def->zeta_difference(a.opts, t, d, out);
    else if (how == TRANSPOSE_HADAMARD)
        hadamard_difference(a, was, t, d, out);
    else
        act_times_slope(a, was.in, was.out, d, out);
}

/* ---- of units: a value t, or with d.p the move that d makes from t ---- */

/* Whether the move does not depend on t. */
static bool is_linear(const struct unit *u, int how)
{
    if (!u->n_inner)
        return how == TRANSPOSE_JACOBIAN || !bends(u->act);
    for (size_t j = 0; j < u->n_inner; j++)
        if (!is_linear(&u->inner[j], how)) /* as deep as the file */
            return false;
    return true;
}

static void go_back(const struct unit *u, struct at at, int how, bool activated, struct mat t, struct mat d,
                    struct mat out);

static void through_act(struct act a, struct place was, int how, struct mat t, struct mat d, struct mat out)
{
    if (d.p)
        act_moved(a, was, how, t, d, out);
    else
        act_value(a, was, how, t, out);
}

static void through_layer(const struct unit *u, struct at at, int how, bool activated, struct mat t, struct mat d,
                          struct mat out)
{
    struct mat from = d.p ? d : t;
    if (bends(u->act) && !activated) {
        const struct mat inside = at.delta.p ? at.delta : out;
        through_act(u->act, place_of(u, at), how, t, d, inside);
        from = inside;
    }
    u->def->transpose->back(u, at, from, out);
}

/* Whether layer j of a block waits for the activation of the one below. */
static bool waits(const struct unit *u, size_t j)
{
    const struct transpose_def *t = u->inner[j].def->transpose;
    return j > 0 && t->after_activation && t->after_activation(&u->inner[j]) && !u->inner[j - 1].n_inner &&
           bends(u->inner[j - 1].act);
}

static bool any_waits(const struct unit *u)
{
    for (size_t j = 0; j < u->n_inner; j++)
        if (waits(u, j) || any_waits(&u->inner[j])) /* as deep as the file */
            return true;
    return false;
}

int transpose_open(struct unit *u, struct arena *a, struct err *e)
{
    return block_open_beside(u, any_waits(u), a, e);
}

/* A matrix between two layers: of values, or of moves. */
static struct mat between(const struct unit *u, size_t j, bool moves, size_t rows, size_t cols)
{
    const struct block_state *s = u->state;
    return mat_of((moves ? s->work : s->beside)[j % 2], rows, cols);
}

/* Down from layer j: what comes to it of t and d, and goes on. */
struct way {
    struct mat t, d;
    size_t linear_below; /* layers below this one do not depend on t */
    bool activated;
};

/* The activation of the layer below, at what the upper one gave out. */
static void activate(const struct unit *u, struct at at, int how, size_t j, struct way *w)
{
    const struct act a = u->inner[j - 1].act;
    const struct place was = { .out = block_at(u, at, j).out };
    const size_t rows = at.out.rows, cols = u->inner[j].out.n;
    if (w->d.p) {
        const struct mat moved = between(u, j + 1, true, rows, cols);
        act_moved(a, was, how, w->t, w->d, moved);
        w->d = moved;
    }
    if (!w->d.p || j > w->linear_below + 1) {
        const struct mat value = between(u, j + 1, false, rows, cols);
        act_value(a, was, how, w->t, value);
        w->t = value;
    }
}

static size_t linear_layers(const struct unit *u, int how)
{
    size_t n = 0;
    while (n < u->n_inner && is_linear(&u->inner[n], how))
        n++;
    return n;
}

static void through_layers(const struct unit *u, struct at at, int how, struct mat t, struct mat d, struct mat out)
{
    struct way w = { t, d, linear_layers(u, how), false };
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct at own = block_at(u, at, j);
        const bool first = waits(u, j), activated = w.activated;
        if (first)
            activate(u, at, how, j, &w);
        w.activated = first;
        const struct mat from = w.t;
        const bool value = !w.d.p || j > w.linear_below + (first ? 1 : 0);
        if (w.d.p) {
            const struct mat down = j ? between(u, j, true, at.out.rows, inner->in.n) : out;
            go_back(inner, own, how, activated, from, w.d, down);
            w.d = down;
        }
        if (value) {
            const struct mat down = j ? between(u, j, false, at.out.rows, inner->in.n) : out;
            go_back(inner, own, how, activated, from, (struct mat){ 0 }, down);
            w.t = down;
        }
    }
    if (u->joined == INNER_SKIP)
        mat_add(out, d.p ? d : t, out);
}

static void go_back(const struct unit *u, struct at at, int how, bool activated, struct mat t, struct mat d,
                    struct mat out)
{
    if (!u->n_inner) {
        through_layer(u, at, how, activated, t, d, out);
        return;
    }
    const size_t most = ((const struct block_state *)u->state)->rows;
    for (size_t row = 0; row < at.out.rows; row += most) {
        const size_t n = at.out.rows - row < most ? at.out.rows - row : most;
        through_layers(u, at_rows(at, row, n), how, mat_rows(t, row, n), d.p ? mat_rows(d, row, n) : d,
                       mat_rows(out, row, n));
    }
}

void transpose_apply(const struct unit *u, struct at at, int activation, struct mat t, struct mat out)
{
    go_back(u, at, activation, false, t, (struct mat){ 0 }, out);
}

void transpose_difference(const struct unit *u, struct at at, int activation, struct mat t, struct mat d,
                          struct mat out)
{
    go_back(u, at, activation, false, t, d, out);
}

double transpose_product(const struct unit *u, int activation, size_t rows)
{
    const size_t linear_below = linear_layers(u, activation);
    double n = 0;
    if (!u->n_inner)
        return unit_product(u, rows);
    for (size_t j = u->n_inner; j-- > 0;) {
        n += transpose_product(&u->inner[j], activation, rows); /* as deep as the file */
        if (j > linear_below + (waits(u, j) ? 1 : 0))
            n += unit_product(&u->inner[j], rows);
    }
    return n;
}

static int check_act(const struct unit *u, const struct unit *layer, int how, bool kept, struct err *e)
{
    char text[96];
    if (!bends(layer->act))
        return 0;
    if (how == TRANSPOSE_ZETA && !layer->act.def->zeta)
        return err_at(e, u->where,
                      "algorithm.mapping.activation: 'zeta' needs an activation with an inverse; that of "
                      "network.layers.%zu (%s) has none; use hadamard or jacobian",
                      u->index, unit_text(layer, text, sizeof text));
    if (how != TRANSPOSE_ZETA && !kept && layer->act.def->of_input)
        return err_at(e, u->where,
                      "network.layers.%zu: duplicates 'sum_after' needs the slope of '%s' where only its outputs are "
                      "kept; use 'sum'",
                      u->index, layer->act.def->part.name);
    return 0;
}

int transpose_check(const struct unit *u, int activation, const char *who, struct err *e)
{
    TRY(unit_check(u, CAN_TRANSPOSE, who, e));
    if (!u->n_inner)
        return check_act(u, u, activation, true, e);
    for (size_t j = 0; j < u->n_inner; j++) {
        TRY(transpose_check(&u->inner[j], activation, who, e)); /* as deep as the file */
        if (waits(u, j))
            TRY(check_act(u, &u->inner[j - 1], activation, false, e));
    }
    return 0;
}
