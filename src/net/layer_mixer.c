/* spatial_mlp: h' = h + a(W N(h) + b), W over the pixels. channel_mlp: h' = h + W2 a(W1 N(h) + b1) + b2, over the
 * channels of each pixel. mixer: one of each. N is layer_norm. Tolstikhin 2021, with one affine map in the spatial one;
 * Bao 2024. */
#include "net/conv.h"
#include "net/mirror.h"
#include "net/mixer.h"
#include "net/tokens.h"
#include "net/transpose.h"

extern const struct unit_def layer_layer_norm, layer_spatial_mlp, layer_channel_mlp, layer_mixer;

static int no_memory(const struct unit *u, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for layer %zu", u->index);
}

/* Layer j of a block. */
static int shape_inner(struct unit *u, size_t j, const struct unit_def *def, const void *opts, struct shape in,
                       struct arena *a, struct err *e)
{
    return unit_shape(&u->inner[j], (struct chosen){ &def->part, (void *)opts }, in, a, e); /* opts are only read */
}

/* An affine map over the channels of each pixel: a convolution whose windows are pixels, and whose weight is a matrix.
 */
static int pointwise_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    TRY(conv_shape(u, in, a, e));
    u->params[0].rank = 2;
    return 0;
}

static int pointwise_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a,
                            struct err *e);

static const struct unit_def net_pointwise = { .part = { .name = "pointwise",
                                                         .help = "an affine map over the channels of every pixel",
                                                         .opts_size = sizeof(struct conv_options),
                                                         .state_size = sizeof(struct conv_state) },
                                               .shape = pointwise_shape,
                                               .mirror = pointwise_mirror,
                                               CONV_PRODUCTS };

static int shape_pointwise(struct unit *u, const struct layer_options *common, size_t channels, struct act act,
                           struct shape in, struct arena *a, struct err *e)
{
    struct conv_options *o = arena_alloc(a, 1, sizeof *o);
    if (!o)
        return no_memory(u, e);
    *o = (struct conv_options){ .common = *common,
                                .channels = (int64_t)channels,
                                .kernel = 1,
                                .stride = 1,
                                .activation = { &act.def->part, (void *)act.opts } }; /* only read */
    return unit_shape(u, (struct chosen){ &net_pointwise.part, o }, in, a, e);
}

static int shape_back(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    const struct layer_options common = mirror_common(m);
    return shape_pointwise(g, &common, u->in.channels, mirror_act(m), u->out, a, e);
}

static int pointwise_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a,
                            struct err *e)
{
    return mirror_behind_act(u, g, m, shape_back, a, e);
}

int mixer_spatial(struct unit *g, const struct mixer_options *o, bool skip, struct shape in, struct arena *a,
                  struct err *e)
{
    static const char *const names[] = { "", "" };
    struct tokens_options *own = arena_alloc(a, 1, sizeof *own);
    if (!own)
        return no_memory(g, e);
    *own = (struct tokens_options){ o->common, o->activation };
    g->def = &layer_spatial_mlp;
    g->opts = o;
    g->joined = skip ? INNER_SKIP : INNER_CHAIN;
    TRY(block_layers(g, 2, a, e));
    TRY(shape_inner(g, 0, &layer_layer_norm, &o->common, in, a, e));
    TRY(shape_inner(g, 1, &net_tokens, own, in, a, e));
    return block_gather(g, names, a, e);
}

int mixer_channel(struct unit *g, const struct mixer_options *o, bool skip, struct shape in, struct arena *a,
                  struct err *e)
{
    static const char *const names[] = { "", "fc1.", "fc2." };
    g->def = &layer_channel_mlp;
    g->opts = o;
    g->joined = skip ? INNER_SKIP : INNER_CHAIN;
    TRY(block_layers(g, 3, a, e));
    TRY(shape_inner(g, 0, &layer_layer_norm, &o->common, in, a, e));
    TRY(shape_pointwise(&g->inner[1], &o->common, (size_t)o->hidden, act_of(o->activation), in, a, e));
    TRY(shape_pointwise(&g->inner[2], &o->common, in.channels, (struct act){ .def = &act_linear }, g->inner[1].out, a,
                        e));
    return block_gather(g, names, a, e);
}

static int spatial_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    return mixer_spatial(u, u->opts, true, in, a, e);
}

static int channel_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    return mixer_channel(u, u->opts, true, in, a, e);
}

static int mixer_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    static const char *const names[] = { "spatial.", "channel." };
    TRY(block_layers(u, 2, a, e));
    TRY(mixer_spatial(&u->inner[0], u->opts, true, in, a, e));
    TRY(mixer_channel(&u->inner[1], u->opts, true, in, a, e));
    return block_gather(u, names, a, e);
}

/* ---- feedback units, whose weights have the names of the forward ones ---- */

static int spatial_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    static const char *const names[] = { "", "" };
    return mirror_layers(u, g, m, names, a, e);
}

static int channel_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    static const char *const names[] = { "fc2.", "fc1.", "" };
    return mirror_layers(u, g, m, names, a, e);
}

static int mixer_mirror(const struct unit *u, struct unit *g, const struct mirror *m, struct arena *a, struct err *e)
{
    static const char *const names[] = { "channel.", "spatial." };
    return mirror_layers(u, g, m, names, a, e);
}

static const struct option spatial_table[] = { MIXER_ACTIVATION, LAYER_OPTIONS(struct mixer_options), { 0 } };
static const struct option channel_table[] = {
    MIXER_HIDDEN, MIXER_ACTIVATION, LAYER_OPTIONS(struct mixer_options), { 0 }
};

#define PRODUCTS                                                                                                       \
    .open = block_open, .refresh = block_refresh, .forward = block_forward, .vjp = block_vjp, .grads = block_grads,    \
    .flops = block_flops, .jvp = block_jvp, .difference = block_difference, .transpose = &transpose_of_block

const struct unit_def layer_spatial_mlp = { .part = { .name = "spatial_mlp",
                                                      .help =
                                                          "h + a(W N(h) + b), an affine map over the pixels of every "
                                                          "channel around which the input goes on; N layer_norm",
                                                      .ref = "Tolstikhin 2021; Bao 2024",
                                                      .options = spatial_table,
                                                      .opts_size = sizeof(struct mixer_options),
                                                      .state_size = sizeof(struct block_state) },
                                            .shape = spatial_shape,
                                            .mirror = spatial_mirror,
                                            PRODUCTS };
const struct unit_def layer_channel_mlp = { .part = { .name = "channel_mlp",
                                                      .help = "h + W2 a(W1 N(h) + b1) + b2 over the channels of every "
                                                              "pixel; N layer_norm",
                                                      .ref = "Tolstikhin 2021; Bao 2024",
                                                      .options = channel_table,
                                                      .opts_size = sizeof(struct mixer_options),
                                                      .state_size = sizeof(struct block_state) },
                                            .shape = channel_shape,
                                            .mirror = channel_mirror,
                                            PRODUCTS };
const struct unit_def layer_mixer = { .part = { .name = "mixer",
                                                .help = "spatial_mlp and channel_mlp as one link of the chain",
                                                .ref = "Tolstikhin 2021; Bao 2024",
                                                .options = channel_table,
                                                .opts_size = sizeof(struct mixer_options),
                                                .state_size = sizeof(struct block_state) },
                                      .shape = mixer_shape,
                                      .mirror = mixer_mirror,
                                      PRODUCTS };
