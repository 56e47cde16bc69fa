/* network.form w_sigma: a layer with one activation becomes a unit of two layers, that activation and the layer without
 * it. Its feedback unit is of the same form: an activation on what it reads, by default the same, and none on what it
 * yields. Everything else is that of any unit of layers. Bengio 2020, eq. (11). */
#include "net/form.h"

#include "net/block.h"
#include "net/inverse.h"
#include "net/mirror.h"
#include "net/transpose.h"
#include <string.h>

const char *const form_names[] = { "sigma_w", "w_sigma", NULL };

extern const struct unit_def layer_activation, layer_block;
static const struct unit_def net_w_sigma;
static const struct chosen none = { &act_linear.part, NULL };

/* The option that holds a layer's one activation; NULL if it has none. */
static struct chosen *activation_in(const struct part *layer, void *opts)
{
    const struct option *o = layer->options ? option_find(layer->options, "activation") : NULL;
    return o && o->type == OPT_PART ? (struct chosen *)((char *)opts + o->offset) : NULL;
}

static int refuse(const struct unit *u, const char *name, struct err *e)
{
    return err_at(e, u->where,
                  "network.form: 'w_sigma' puts a layer's one activation in front of it; network.layers.%zu ('%s') is "
                  "of another kind",
                  u->index, name);
}

static int no_memory(const struct unit *u, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* A copy of a layer's options without its activation. */
static void *linear_options(struct chosen choice, struct arena *a)
{
    void *own = arena_alloc(a, 1, choice.part->opts_size);
    if (own) {
        memcpy(own, choice.opts, choice.part->opts_size);
        *activation_in(choice.part, own) = none;
    }
    return own;
}

int form_shape_w_sigma(struct unit *u, struct chosen choice, struct shape in, struct arena *a, struct err *e)
{
    static const char *const names[] = { "", "" };
    const struct chosen *own = activation_in(choice.part, choice.opts);
    if (choice.part->gives & GIVES_SEQUENCE)
        return refuse(u, choice.part->name, e);
    if (!own || own->part == none.part || choice.part == &layer_activation.part) {
        TRY(unit_shape(u, choice, in, a, e));
        return u->n_inner ? refuse(u, choice.part->name, e) : 0;
    }
    struct activation_options *o = arena_alloc(a, 1, sizeof *o);
    const struct chosen linear = { choice.part, linear_options(choice, a) };
    if (!o || !linear.opts)
        return no_memory(u, e);
    o->activation = *own;
    TRY(block_layers(u, 2, a, e));
    TRY(unit_shape(&u->inner[0], (struct chosen){ &layer_activation.part, o }, in, a, e));
    TRY(unit_shape(&u->inner[1], linear, in, a, e));
    if (u->inner[1].n_inner)
        return refuse(u, choice.part->name, e);
    u->def = &net_w_sigma;
    u->opts = choice.opts;
    return block_gather(u, names, a, e);
}

/* The mirror of the layer without its activation, behind an activation. */
static int mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct unit *layer = &u->inner[1];
    struct mirror own = *m;
    own.activation = none;
    own.argument = false;
    return mirror_behind(layer, m->activation.part ? act_of(m->activation) : u->inner[0].act, g, &own,
                         layer->def->mirror, a, e);
}

static const struct unit_def net_w_sigma = {
    .part = { .name = "w_sigma",
              .help = "an activation and the layer that reads it",
              .ref = "Bengio 2020",
              .opts_size = sizeof(struct layer_options),
              .state_size = sizeof(struct block_state) },
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
