/* unit: layers that carry one target together. residual: the same with a skip, h' = h + f(h). */
#include "net/block.h"
#include "net/inverse.h"
#include "net/mirror.h"
#include "net/transpose.h"

struct block_options {
    struct layer_options common; /* optimizer alone is read: every layer inside has options of its own */
    struct chosen_list layers;
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
    const struct chosen_list *layers = &((const struct block_options *)u->opts)->layers;
    const struct layer_beside *beside = layers->items[j].beside;
    if (beside && (beside->from.items || beside->join != JOIN_ADD))
        return err_at(e, u->where,
                      "network.layers.%zu.%s.%zu.from: a layer inside of a unit reads the one below it there; `from` "
                      "and `join` stand beside the unit",
                      u->index, u->def->part.name, j);
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
    TRY(block_layers(u, o->layers.n, a, e));
    for (size_t j = 0; j < u->n_inner; j++) {
        struct unit *inner = &u->inner[j];
        inner->def = unit_def_of(o->layers.items[j]);
        inner->opts = o->layers.items[j].opts;
        TRY(check_inner(u, j, e));
        TRY(unit_shape(inner, o->layers.items[j], j ? u->inner[j - 1].out : in, a, e)); /* as deep as the file */
        TRY(check_options(u, j, e));
    }
    return block_gather(u, NULL, a, e);
}

/* ---- the way back: the layers' own, in reversed order ---- */

static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    return mirror_layers(u, g, m, NULL, a, e);
}

static int inverse_open(struct unit *u, const struct inverse_options *o, struct err *e)
{
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(u->inner[j].def->inverse->open(&u->inner[j], o, e));
    return block_open_beside(u, false, u->arena, e);
}

static int inverse_refresh(struct unit *u, const struct inverse_options *o, struct err *e)
{
    for (size_t j = 0; j < u->n_inner; j++)
        TRY(u->inner[j].def->inverse->refresh(&u->inner[j], o, e));
    return 0;
}

typedef void inverse_product(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                             struct mat out);

enum which { APPLY, DIFFERENCE, JVP };

/* One of the inverses' products. The last two are taken where the inverse itself passes on its way down from h', which
 * is not the forward pass where a layer's inverse is not exact; exact ones know that alone. */
static void through_inverses(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                             struct mat out, enum which which)
{
    const struct block_state *s = u->state;
    struct mat passed = at.out;
    for (size_t j = u->n_inner; j-- > 0;) {
        const struct unit *inner = &u->inner[j];
        const struct inverse_def *d = inner->def->inverse;
        inverse_product *const products[] = { d->apply, d->difference, d->jvp };
        const struct mat down = j ? mat_of(s->work[j % 2], v.rows, inner->in.n) : out;
        struct at link = block_at(u, at, j);
        const struct mat below = link.in, next = mat_of(s->beside[j % 2], passed.rows, inner->in.n); /* if j > 0 */
        if (!d->exact)
            link.out = passed;
        products[which](inner, link, v, o, down);
        if (which != APPLY && j > 0 && !d->exact)
            d->apply(inner, link, passed, o, next);
        passed = d->exact ? below : next;
        v = down;
    }
}

static void inverse_apply(const struct unit *u, struct at at, struct mat v, const struct inverse_options *o,
                          struct mat out)
{
    through_inverses(u, at, v, o, out, APPLY);
}

static void inverse_difference(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                               struct mat out)
{
    through_inverses(u, at, d, o, out, DIFFERENCE);
}

static void inverse_jvp(const struct unit *u, struct at at, struct mat d, const struct inverse_options *o,
                        struct mat out)
{
    through_inverses(u, at, d, o, out, JVP);
}

const struct inverse_def inverse_of_block = { inverse_open, inverse_refresh, inverse_apply, inverse_difference,
                                              inverse_jvp };

extern const struct unit_def layer_block, layer_residual;
const struct unit_def layer_block = {
    .part = { .name = "unit",
              .help = "layers that carry one target together: one link of the chain",
              .ref = "Bao 2024",
              .options = block_table,
              .opts_size = sizeof(struct block_options),
              .state_size = sizeof(struct block_state) },
    .shape = shape,
    .open = block_open,
    .refresh = block_refresh,
    .forward = block_forward,
    .vjp = block_vjp,
    .grads = block_grads,
    .flops = block_flops,
    .jvp = block_jvp,
    .difference = block_difference,
    .difference_grads = block_difference_grads,
    .input_squares = block_input_squares,
    .mirror = mirror,
    .inverse = &inverse_of_block,
    .transpose = &transpose_of_block,
};

static int residual_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    char own[64], added[64];
    u->joined = INNER_SKIP;
    TRY(shape(u, in, a, e));
    if (u->inner[u->n_inner - 1].transmit.part)
        return err_at(
            e, u->where,
            "network.layers.%zu.residual.%zu.transmit: what a layer inside of a residual sends is added to the "
            "skip, not sent",
            u->index, u->n_inner - 1);
    if (u->out.n != in.n || u->out.channels != in.channels)
        return err_at(e, u->where,
                      "network.layers.%zu: the layers of a residual give %s, but the skip adds %s (channels, height, "
                      "width)",
                      u->index, layer_shape_text(u->out, own, sizeof own), layer_shape_text(in, added, sizeof added));
    return 0;
}

const struct unit_def layer_residual = {
    .part = { .name = "residual",
              .help = "layers around which their input goes on and is added to their output: one link of the chain",
              .ref = "He 2016; Bao 2024",
              .options = block_table,
              .opts_size = sizeof(struct block_options),
              .state_size = sizeof(struct block_state) },
    .shape = residual_shape,
    .open = block_open,
    .refresh = block_refresh,
    .forward = block_forward,
    .vjp = block_vjp,
    .grads = block_grads,
    .flops = block_flops,
    .jvp = block_jvp,
    .difference = block_difference,
    .mirror = mirror,
    .transpose = &transpose_of_block,
};
