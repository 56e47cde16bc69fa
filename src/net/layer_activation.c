/* activation: an activation as a layer of its own, where none stands in the layer below. */
#include "net/inverse.h"
#include "net/mirror.h"
#include "net/transpose.h"

static const struct option table[] = { { "activation", OPT_PART, offsetof(struct activation_options, activation), NULL,
                                         .flags = OPTION_REQUIRED | OPTION_PLAIN, .registry = &act_registry,
                                         .help = "which activation", .elsewhere = layer_no_activations },
                                       { 0 } };

static int shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    (void)a, (void)e;
    u->in = u->out = in;
    u->act = act_of(((const struct activation_options *)u->opts)->activation);
    u->cannot = u->act.def->inverse ? 0 : CAN_INVERT | CAN_INVERT_VALUES;
    return 0;
}

static int open(struct unit *u, size_t rows, struct arena *a, struct err *e)
{
    (void)u, (void)rows, (void)a, (void)e;
    return 0;
}

static void forward(const struct unit *u, struct at at)
{
    act_apply(u->act, at.in, at.out);
}

static void vjp(const struct unit *u, struct at at, struct mat s, struct mat dh)
{
    if (dh.p)
        act_times_slope(u->act, at.in, at.out, s, dh);
}

static void jvp(const struct unit *u, struct at at, struct mat v, struct mat out)
{
    act_times_slope(u->act, at.in, at.out, v, out);
}

static void difference(const struct unit *u, struct at at, struct mat d, struct mat out)
{
    mat_copy(d, out);
    act_difference_blocks(u->act, at.in, at.out, out);
}

static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    if (m->argument)
        return mirror_activation(u, u->act, g, m, a, e);
    return err_at(e, u->where,
                  "algorithm.mapping.activation: network.layers.%zu, an activation alone, has a feedback unit with "
                  "'argument' only",
                  u->index);
}

static void back(const struct unit *u, struct at at, struct mat t, struct mat out)
{
    (void)u, (void)at;
    if (t.p != out.p)
        mat_copy(t, out);
}

static int inverse_ready(struct unit *u, const struct inverse_options *o, struct err *e)
{
    (void)u, (void)o, (void)e;
    return 0;
}

static void inverse_apply(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                          struct mat out)
{
    (void)at;
    u->act.def->inverse(u->act.opts, v, (real)o->clamp, out);
}

static void inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out)
{
    u->act.def->inverse_difference(u->act.opts, at.out, d, (real)o->clamp, out);
}

static void inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out)
{
    u->act.def->times_inverse_slope(u->act.opts, at.out, d, (real)o->clamp, out);
}

static const struct inverse_def inverse = { inverse_ready, inverse_ready, inverse_apply, inverse_difference,
                                            inverse_jvp };
static const struct transpose_def transpose = { .back = back };

extern const struct unit_def layer_activation;
const struct unit_def layer_activation = {
    .part = { .name = "activation",
              .help = "an activation alone",
              .options = table,
              .opts_size = sizeof(struct activation_options) },
    .shape = shape,
    .open = open,
    .forward = forward,
    .vjp = vjp,
    .grads = layer_no_grads,
    .difference_grads = layer_no_difference_grads,
    .flops = layer_no_flops,
    .jvp = jvp,
    .difference = difference,
    .mirror = mirror,
    .inverse = &inverse,
    .transpose = &transpose,
};
