/* Smallest changes: each layer's parameters take, for each sample, the smallest step that brings its output to the
 * target, dtheta = J^T (J J^T)^-1 d with J = dh/dtheta; J J^T is diagonal for layers whose outputs have parameters of
 * their own, so that dW = (d / slope) s^T / (|s|^2 + eps), s being what the weights read. Bengio 2020, Eq. (10), (13).
 *
 *   unit        that step (DTP1)
 *   influence   times c = |d_L|^2 / |d|^2 of the sample: each layer alone moves the output as far (DTP, Eq. (42), (43))
 *   equal       divided by the number of layers with parameters, which share the way
 *
 * The update is minus the average over the batch. A sample whose last target is its state changes nothing. */
#include "credit/update.h"

struct unit_options {
    struct update_options common; /* order alone */
    double eps, c_max;
};

struct unit_state {
    double *squares; /* [B] of what the weights read */
    size_t n_moved;  /* layers with parameters */
};

#define ORDER                                                                                                          \
    {                                                                                                                  \
        "order", OPT_ENUM, offsetof(struct unit_options, common.order), "simultaneous",                                \
            .names = update_order_names,                                                                               \
            .help = "all layers at the same weights; or bottom to top with new targets, or with the targets of the "   \
                    "first pass"                                                                                       \
    }
#define EPS(text)                                                                                                      \
    {                                                                                                                  \
        "eps", OPT_REAL, offsetof(struct unit_options, eps), "0", 0, 1e300, .help = text                               \
    }
static const struct option unit_table[] = { ORDER, EPS("added to the squared norm of what the weights read"), { 0 } };
static const struct option influence_table[] = {
    ORDER,
    EPS("added to the squared norms that divide, of what the weights read and of the displacement; where the latter is "
        "not above it, c is 0"),
    { "c_max", OPT_REAL, offsetof(struct unit_options, c_max), "10", 0, 1e300,
      .help = "largest c; 0: there is none. Where a displacement is rounding alone, c without a bound is huge" },
    { 0 }
};

extern const struct update_def update_unit, update_influence, update_equal;

static int fits(const struct credit *c, struct err *e)
{
    if (chain_is_recurrent(c->chain))
        return err_about(e, "algorithm.update",
                         "'%s' is defined for feed-forward networks: the links of a recurrent layer share weights",
                         c->choice.update.part->name);
    for (size_t i = 0; i < c->n; i++) {
        const struct unit *u = &c->chain->units[i];
        if (u->n_params > 0 || u->tied)
            TRY(unit_check(u, CAN_INPUT_SQUARES, "algorithm.update", e));
    }
    return update_fits(c, e);
}

static int open(struct credit *c, struct arena *a, struct err *e)
{
    struct unit_state *s = c->update_state;
    s->n_moved = 0;
    for (size_t i = 0; i < c->n; i++)
        s->n_moved += c->chain->units[i].n_params > 0;
    s->squares = arena_alloc(a, c->rows, sizeof *s->squares);
    c->influence = arena_alloc(a, c->n, sizeof *c->influence);
    bool enough = s->squares && c->influence;
    for (size_t i = 0; enough && i < c->n; i++) {
        c->influence[i] = mat_new(a, c->rows, 1);
        enough = c->influence[i].p;
    }
    if (!enough)
        return err_set(e, ERR_MEMORY, "not enough memory for the influence of %zu layers", c->n);
    for (size_t i = 0; i < c->n; i++)
        credit_show_each(c, c->influence[i], "influence.%zu", i);
    return 0;
}

/* c of one sample in layer i. */
static double influence_of(const struct credit *c, size_t i, size_t row)
{
    const struct unit_options *o = c->choice.update.opts;
    const struct unit_state *s = c->update_state;
    const double last = mat_sum_squares(mat_rows(c->d[c->n - 1], row, 1));
    if (last == 0)
        return 0;
    if (c->choice.update.part == &update_unit.part)
        return 1;
    if (c->choice.update.part == &update_equal.part)
        return 1 / (double)s->n_moved;
    const double own = mat_sum_squares(mat_rows(c->d[i], row, 1));
    if (own <= o->eps)
        return 0;
    const double all = last / (own + o->eps);
    return o->c_max > 0 && all > o->c_max ? o->c_max : all;
}

/* v / slope^2, 0 where the slope is: that output does not move. */
static void divide_slopes(const struct credit *c, const struct unit *u, struct at at, struct mat v)
{
    if (!u->act.def || u->act.def == &act_linear)
        return;
    const struct mat slope = mat_of(c->scratch[1], v.rows, v.cols);
    for (size_t i = 0; i < mat_n(v); i++)
        slope.p[i] = 1;
    act_times_slope(u->act, at.cache[0], at.out, slope, slope);
    for (size_t i = 0; i < mat_n(v); i++)
        v.p[i] = slope.p[i] == 0 ? 0 : v.p[i] / slope.p[i] / slope.p[i];
}

static void layer_grads(struct credit *c, struct pass *p, size_t i, real *g)
{
    const struct unit_options *o = c->choice.update.opts;
    const struct unit *u = &c->chain->units[i];
    const struct at at = p->stacks[i];
    double *const squares = ((struct unit_state *)c->update_state)->squares;
    const struct mat v = mat_of(c->scratch[0], c->rows, u->out.n);
    u->def->input_squares(u, at, squares);
    for (size_t row = 0; row < c->rows; row++) {
        const double all = squares[row] + o->eps, share = influence_of(c, i, row);
        c->influence[i].p[row] = (real)share;
        mat_scale((real)(all > 0 ? share / all : 0), mat_rows(c->d[i], row, 1), mat_rows(v, row, 1));
    }
    divide_slopes(c, u, at, v);
    u->def->vjp(u, at, v, (struct mat){ 0 });
    credit_clear(c, u, g);
    u->def->grads(u, at, (real)(-1 / (double)c->rows), g);
}

static void grads(struct credit *c, struct pass *p, real *g)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->chain->units[i].n_params > 0)
            layer_grads(c, p, i, g);
}

#define UPDATE(part_name, text, reference, table)                                                                      \
    {                                                                                                                  \
        .part = { .name = part_name,                                                                                   \
                  .help = text,                                                                                        \
                  .ref = reference,                                                                                    \
                  .options = table,                                                                                    \
                  .opts_size = sizeof(struct unit_options),                                                            \
                  .state_size = sizeof(struct unit_state),                                                             \
                  .gives = TAKES_BRANCHES },                                                                           \
        .fits = fits, .open = open, .weighs = true, .grads = grads                                                     \
    }
const struct update_def update_unit =
    UPDATE("unit",
           "the smallest change of each layer's parameters that brings its output to the target, mean over the samples",
           "Bengio 2020, Eq. (10), (13)", unit_table);
const struct update_def update_influence = UPDATE(
    "influence", "the same, times |d_L|^2 / |d|^2 of the sample: how much further the output is to move than the layer",
    "Bengio 2020, Eq. (42), (43)", influence_table);
const struct update_def update_equal = UPDATE(
    "equal", "the same as unit, divided by the number of layers with parameters", "Bengio 2020, Sec. 8", unit_table);
