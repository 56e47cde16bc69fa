#include "net/unit.h"

#include "net/inverse.h"
#include <stdio.h>
#include <string.h>

enum { PARAM_ALIGN = 64 / sizeof(real) };

static int open_inner(struct at *at, const struct unit *u, size_t rows, size_t steps, unsigned flags, struct arena *a,
                      struct err *e);

/* own_out: false for the last layer of a block, whose output is the block's. */
static int open_at(struct at *at, const struct unit *u, size_t rows, size_t steps, unsigned flags, bool own_out,
                   struct arena *a, struct err *e)
{
    const size_t n = steps * rows;
    bool enough = true;
    *at = (struct at){ 0 };
    if ((flags & AT_STEPS) && unit_is_recurrent(u)) {
        const struct mat states = mat_new(a, n + rows, u->out.n);
        enough = states.p;
        if (enough) {
            at->in = mat_rows(states, 0, n);
            at->out = mat_rows(states, rows, n);
        }
    } else if (own_out) {
        at->out = mat_new(a, n, u->out.n);
        enough = at->out.p;
    }
    if (enough && (flags & AT_INPUT) && !at->in.p)
        enough = (at->in = mat_new(a, n, u->in.n)).p;
    if (enough && (flags & AT_GRADIENTS) && u->n_delta)
        enough = (at->delta = mat_new(a, n, u->n_delta)).p;
    for (size_t i = 0; enough && i < UNIT_CACHES; i++) {
        const size_t width = i == 0 && (flags & AT_KEPT) && u->n_kept ? u->n_kept : u->n_cache[i];
        if (width)
            enough = (at->cache[i] = mat_new(a, n, width)).p;
    }
    if (u->min_rows > rows)
        return err_at(e, u->where,
                      "network.layers.%zu: '%s' needs batches of at least %zu samples, in training and in evaluation; "
                      "this one has %zu",
                      u->index, u->def->part.name, u->min_rows, rows);
    if (!enough)
        return err_set(e, ERR_MEMORY, "not enough memory for %zu x %zu values of layer %zu", n, u->out.n, u->index);
    return u->n_inner ? open_inner(at, u, rows, steps, flags, a, e) : 0;
}

/* The applications of a block's layers; a block of one layer is moved as that layer is. As deep as the file. */
static int open_inner(struct at *at, const struct unit *u, size_t rows, size_t steps, unsigned flags, struct arena *a,
                      struct err *e)
{
    const size_t n = u->n_inner;
    const bool coupled = u->joined == INNER_COUPLED; /* each layer has an input of its own */
    const unsigned each = coupled ? flags | AT_INPUT : flags & ~(unsigned)AT_INPUT;
    const bool moved = (flags & AT_MOVED) && n > 1;
    struct at *inner = arena_alloc(a, moved ? 2 * n : n, sizeof *inner);
    if (!inner)
        return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    at->inner = inner;
    for (size_t j = 0; j < n; j++)
        TRY(open_at(&inner[j], &u->inner[j], rows, steps, each, j + 1 < n || u->joined != INNER_CHAIN, a, e));
    for (size_t j = 0; moved && j < n; j++) {
        const unsigned own = (flags & AT_GRADIENTS) | (j == 0 ? AT_INPUT : 0);
        TRY(open_at(&inner[n + j], &u->inner[j], rows, steps, own, true, a, e));
        inner[j].moved = mat_new(a, steps * rows, u->inner[j].out.n);
        if (!inner[j].moved.p)
            return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    }
    return 0;
}

int at_open(struct at *at, const struct unit *u, size_t rows, size_t steps, unsigned flags, struct arena *a,
            struct err *e)
{
    return open_at(at, u, rows, steps, flags, true, a, e);
}

static struct mat rows_of(struct mat m, size_t from, size_t rows)
{
    return m.p ? mat_rows(m, from, rows) : m;
}

struct at at_rows(struct at at, size_t from, size_t rows)
{
    at.in = rows_of(at.in, from, rows);
    at.side = rows_of(at.side, from, rows);
    at.out = rows_of(at.out, from, rows);
    at.delta = rows_of(at.delta, from, rows);
    at.moved = rows_of(at.moved, from, rows);
    for (size_t i = 0; i < UNIT_CACHES; i++)
        at.cache[i] = rows_of(at.cache[i], from, rows);
    at.from += from;
    at.of_from += from;
    return at;
}

void at_forward(const struct unit *u, struct at at)
{
    if (u->def->prepare)
        u->def->prepare(u, at);
    u->def->forward(u, at);
}

double unit_reals_per_row(const struct unit *u, bool gradients)
{
    double n = (double)(u->out.n + (gradients ? u->n_delta : 0));
    for (size_t i = 0; i < UNIT_CACHES; i++)
        n += (double)u->n_cache[i];
    for (size_t j = 0; j < u->n_inner; j++) {
        const bool shared = j + 1 == u->n_inner && u->joined == INNER_CHAIN;
        n += unit_reals_per_row(&u->inner[j], gradients) - (double)(shared ? u->inner[j].out.n : 0) +
             (double)(u->joined == INNER_COUPLED ? u->inner[j].in.n : 0);
    }
    return n;
}

unsigned unit_abilities(const struct unit *u)
{
    const struct unit_def *d = u->def;
    const unsigned kind = (d->jvp ? CAN_JVP : 0) | (d->difference ? CAN_DIFFERENCE : 0) |
                          (d->difference_grads ? CAN_LEARN_DIFFERENCE : 0) | (d->mirror ? CAN_MIRROR : 0) |
                          (d->inverse ? CAN_INVERT : 0) | (d->inverse && d->inverse->apply ? CAN_INVERT_VALUES : 0) |
                          (u->act.def && u->n_delta == u->out.n ? CAN_SLOPE : 0) | (d->transpose ? CAN_TRANSPOSE : 0) |
                          (d->input_squares ? CAN_INPUT_SQUARES : 0);
    return kind & ~u->cannot;
}

/* Those of a block are in brackets, one level deep. */
const char *unit_text(const struct unit *u, char *buffer, size_t size)
{
    const bool own_act = u->act.def && !u->n_inner;
    size_t n = (size_t)snprintf(buffer, size, "%s%s%s", u->def->part.name, own_act ? ", " : "",
                                own_act ? u->act.def->part.name : "");
    for (size_t j = 0; j < u->n_inner && n < size; j++) {
        const struct unit *inner = &u->inner[j];
        n += (size_t)snprintf(buffer + n, size - n, "%s%s%s%s%s", j ? "; " : " (", inner->def->part.name,
                              inner->act.def ? ", " : "", inner->act.def ? inner->act.def->part.name : "",
                              j + 1 == u->n_inner ? ")" : "");
    }
    return buffer;
}

int unit_check(const struct unit *u, unsigned needs, const char *who, struct err *e)
{
    static const char *const names[] = { "a derivative along a direction",
                                         "an exact difference of two values",
                                         "a gradient of its difference",
                                         "a feedback unit of mirrored shape",
                                         "a regularized inverse",
                                         "a regularized inverse of values",
                                         "one activation at its output",
                                         "an analytic feedback",
                                         "parameters of its own for each output" };
    const unsigned lacks = needs & ~unit_abilities(u);
    char text[96];
    if (!lacks)
        return 0;
    return err_at(e, u->where, "%s needs units that have %s; network.layers.%zu (%s) has none", who,
                  names[__builtin_ctz(lacks)], u->index, unit_text(u, text, sizeof text));
}

int unit_shape(struct unit *u, struct chosen choice, struct shape in, struct arena *a, struct err *e)
{
    u->def = unit_def_of(choice);
    u->opts = choice.opts;
    return u->def->shape(u, in, a, e);
}

size_t unit_place(struct unit *u, size_t *length)
{
    for (size_t j = 0; j < u->n_params; j++) {
        const size_t n = u->params[j].rows * u->params[j].cols;
        u->params[j].offset = *length;
        *length += (n + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
    }
    return unit_n_weights(u);
}

void unit_clear(const struct unit *u, real *g)
{
    for (size_t j = 0; j < u->n_params; j++)
        mat_zero(unit_param(u, j, g));
}

int unit_open(struct unit *u, real *weights, size_t rows, struct arena *a, struct err *e)
{
    u->weights = weights;
    u->arena = a;
    u->state = arena_alloc(a, u->def->part.state_size, 1); /* bytes: no number, even if 8 of them */
    if (!u->state)
        return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
    return u->def->open(u, rows, a, e);
}

void unit_refresh(struct unit *u)
{
    if (u->def->refresh)
        u->def->refresh(u);
}

const char *unit_param_name(const struct unit *u, size_t i, const char *prefix, char *buffer, size_t size)
{
    const struct param *p = &u->params[i];
    if (u->label)
        snprintf(buffer, size, "%s.%s.%s%s", prefix, u->label, p->inner, p->name);
    else
        snprintf(buffer, size, "%s.%zu.%s%s", prefix, u->index, p->inner, p->name);
    return buffer;
}

size_t unit_n_weights(const struct unit *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n_params; i++)
        n += u->params[i].rows * u->params[i].cols;
    return n;
}

size_t unit_lowest_weights(const struct unit *u)
{
    size_t j = 0;
    while (j + 1 < u->n_inner && u->inner[j].n_params == 0)
        j++;
    return j;
}

double unit_product(const struct unit *u, size_t rows)
{
    double product;
    (void)u->def->flops(u, rows, &product);
    return product;
}

double unit_delta_product(const struct unit *u, size_t rows)
{
    const size_t lowest = u->joined == INNER_COUPLED ? 0 : unit_lowest_weights(u);
    double n = u->n_inner ? unit_delta_product(&u->inner[lowest], rows) : 0; /* as deep as the file */
    for (size_t j = lowest + 1; j < u->n_inner; j++)
        n += unit_product(&u->inner[j], rows);
    return n;
}
