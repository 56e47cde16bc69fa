#include "net/mirror.h"

#include "net/batch_norm.h"
#include "net/block.h"
#include <assert.h>

struct layer_options mirror_common(const struct mirror *m)
{
    struct layer_options o = m->common;
    o.trainable = true;
    o.stepsize_factor = o.bias_stepsize_factor = 1;
    return o;
}

struct act mirror_act(const struct mirror *m)
{
    const struct act none = { .def = &act_linear };
    if (m->activation.part)
        return act_of(m->activation);
    return m->target && m->target->act.def ? m->target->act : none;
}

/* ---- an activation on what a feedback unit reads ---- */

extern const struct unit_def layer_block, layer_activation;

static int no_memory(const struct unit *g, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for feedback layer %zu", g->index);
}

int mirror_activation(const struct unit *u, struct act act, struct unit *g, const struct mirror *m, struct arena *a,
                      struct err *e)
{
    struct activation_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return no_memory(g, e);
    o->common = mirror_common(m);
    o->activation = (struct chosen){ &act.def->part, (void *)act.opts }; /* only read */
    return unit_shape(g, (struct chosen){ &layer_activation.part, o }, u->out, a, e);
}

static const char *const unnamed[] = { "", "" };

/* g as a block of two layers, whose parameters have no number. */
static int pair(struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    struct layer_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return no_memory(g, e);
    *o = mirror_common(m);
    g->def = &layer_block;
    g->opts = o;
    return block_layers(g, 2, a, e);
}

int mirror_behind(const struct unit *u, struct act act, struct unit *g, const struct mirror *m, mirror_shape *shape,
                  struct arena *a, struct err *e)
{
    if (act.def == &act_linear)
        return shape(u, g, m, a, e);
    TRY(pair(g, m, a, e));
    TRY(mirror_activation(u, act, &g->inner[0], m, a, e));
    TRY(shape(u, &g->inner[1], m, a, e));
    return block_gather(g, unnamed, a, e);
}

int mirror_normed(struct unit *g, struct shape from, struct shape like, const struct mirror *m, struct arena *a,
                  struct err *e)
{
    TRY(pair(g, m, a, e));
    TRY(mirror_affine(&g->inner[0], from, like.n, m, a, e));
    TRY(unit_shape(&g->inner[1], (struct chosen){ &layer_batch_norm.part, (void *)g->opts }, like, a,
                   e)); /* only read */
    return block_gather(g, unnamed, a, e);
}

int mirror_behind_act(const struct unit *u, struct unit *g, const struct mirror *m, mirror_shape *shape,
                      struct arena *a, struct err *e)
{
    return m->argument ? mirror_behind(u, u->act, g, m, shape, a, e) : shape(u, g, m, a, e);
}

/* ---- linear layers without weights: the transpose, with what the forward pass kept ---- */

struct transpose_options {
    struct layer_options common;
    const struct unit *of;
};

static const struct unit *forward_unit(const struct unit *g)
{
    return ((const struct transpose_options *)g->opts)->of;
}

struct at mirrored(struct at at)
{
    assert(at.of);
    return at_rows(*at.of, at.of_from, at.out.rows);
}

static int open(struct unit *g, size_t rows, struct arena *a, struct err *e)
{
    (void)g, (void)rows, (void)a, (void)e;
    return 0;
}

static void forward(const struct unit *g, struct at at)
{
    const struct unit *u = forward_unit(g);
    u->def->vjp(u, mirrored(at), at.in, at.out);
}

static void vjp(const struct unit *g, struct at at, struct mat s, struct mat dh)
{
    const struct unit *u = forward_unit(g);
    if (dh.p)
        u->def->jvp(u, mirrored(at), s, dh);
}

/* d may hold several blocks of rows. */
static void jvp(const struct unit *g, struct at at, struct mat d, struct mat out)
{
    const struct unit *u = forward_unit(g);
    for (size_t row = 0; row < d.rows; row += at.in.rows)
        u->def->vjp(u, mirrored(at), mat_rows(d, row, at.in.rows), mat_rows(out, row, at.in.rows));
}

static const struct unit_def net_transpose = {
    .part = { .name = "transpose",
              .help = "the transpose of a linear layer without weights",
              .opts_size = sizeof(struct transpose_options) },
    .open = open,
    .forward = forward,
    .vjp = vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = jvp,
    .difference = jvp,
};

bool mirror_is_constant(const struct unit *g)
{
    return g->def == &net_transpose && forward_unit(g)->n_cache[0] == 0;
}

bool mirror_reads_pass(const struct unit *g)
{
    bool reads = g->def == &net_transpose;
    for (size_t j = 0; j < g->n_inner; j++)
        reads |= mirror_reads_pass(&g->inner[j]); /* as deep as the file */
    return reads;
}

int mirror_transpose(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    struct transpose_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return no_memory(g, e);
    o->common = mirror_common(m);
    o->of = u;
    g->def = &net_transpose;
    g->opts = o;
    g->in = u->out;
    g->out = u->in;
    return 0;
}

/* ---- blocks: the layers' own, in reversed order ---- */

int mirror_layers(const struct unit *u, struct unit *g, const struct mirror *m, const char *const *names,
                  struct arena *a, struct err *e)
{
    struct layer_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return no_memory(g, e);
    *o = m->common;
    g->def = &layer_block;
    g->opts = o;
    g->joined = u->joined;
    TRY(block_layers(g, u->n_inner, a, e));
    for (size_t j = 0; j < u->n_inner; j++) {
        const size_t of = u->n_inner - 1 - j;
        struct mirror own = *m;
        if (of > 0 && !m->argument)
            own.target = &u->inner[of - 1];
        TRY(u->inner[of].def->mirror(&u->inner[of], &g->inner[j], &own, a, e));
    }
    return block_gather(g, names, a, e);
}
