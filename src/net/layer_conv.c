/* conv: a convolution over images. patches: one whose windows lie side by side, the embedding of a mixer. */
#include "net/conv.h"

#define FIELD(name) offsetof(struct conv_options, name)

static const struct option conv_table[] = {
    { "channels", OPT_INT, FIELD(channels), NULL, 1, 1e6, OPTION_REQUIRED, "channels of the output" },
    { "kernel", OPT_INT, FIELD(kernel), NULL, 1, 1e4, OPTION_REQUIRED, "rows and columns of the kernel" },
    { "stride", OPT_INT, FIELD(stride), "1", 1, 1e4, .help = "pixels from one window to the next, both ways" },
    { "padding", OPT_INT, FIELD(padding), "0", 0, 1e4, .help = "zeros on each side of the map" },
    { "activation", OPT_PART, FIELD(activation), "linear", .flags = OPTION_PLAIN, .registry = &act_registry,
      .help = "activation of the outputs", .elsewhere = layer_no_activations },
    LAYER_OPTIONS(struct conv_options),
    { 0 }
};

static const struct option patches_table[] = {
    { "channels", OPT_INT, FIELD(channels), NULL, 1, 1e6, OPTION_REQUIRED, "numbers that stand for a patch" },
    { "size", OPT_INT, FIELD(kernel), NULL, 1, 1e4, OPTION_REQUIRED,
      "rows and columns of a patch, a divisor of the image's" },
    { "activation", OPT_PART, FIELD(activation), "linear", .flags = OPTION_PLAIN, .registry = &act_registry,
      .help = "activation of the outputs", .elsewhere = layer_no_activations },
    LAYER_OPTIONS(struct conv_options),
    { 0 }
};

static int patches_shape(struct unit *u, struct shape in, struct arena *a, struct err *e)
{
    const size_t size = (size_t)((const struct conv_options *)u->opts)->kernel;
    TRY(conv_shape(u, in, a, e));
    if (in.height % size != 0 || in.width % size != 0)
        return err_at(e, u->where,
                      "network.layers.%zu.size: patches of %zu x %zu do not fill an image of %zu x %zu (height, width)",
                      u->index, size, size, in.height, in.width);
    return 0;
}

extern const struct unit_def layer_conv, layer_patches;
const struct unit_def layer_conv = { .part = { .name = "conv",
                                               .help = "convolution over an image, a(W * h + b)",
                                               .ref = "LeCun 1998; Bao 2024",
                                               .options = conv_table,
                                               .opts_size = sizeof(struct conv_options),
                                               .state_size = sizeof(struct conv_state) },
                                     .shape = conv_shape,
                                     .mirror = conv_mirror,
                                     CONV_PRODUCTS };
const struct unit_def layer_patches = { .part = { .name = "patches",
                                                  .help = "one affine map of every patch of an image",
                                                  .ref = "Tolstikhin 2021; Bao 2024",
                                                  .options = patches_table,
                                                  .opts_size = sizeof(struct conv_options),
                                                  .state_size = sizeof(struct conv_state) },
                                        .shape = patches_shape,
                                        .mirror = conv_mirror,
                                        CONV_PRODUCTS };
