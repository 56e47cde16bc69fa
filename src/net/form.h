/* Where the activations of a network stand: behind each layer's map or in front of it. */
#ifndef TPRUN_NET_FORM_H
#define TPRUN_NET_FORM_H

#include "net/layer.h"

enum form {
    FORM_SIGMA_W, /* h' = a(W h + b): states are what activations gave, and so are targets */
    FORM_W_SIGMA  /* h' = W a(h) + b: the input goes through an activation too, the output through none, and states and
                     targets are of pre-activations (Bengio 2020) */
};
extern const char *const form_names[];

/* Shapes u as the layer `choice` in a network of form w_sigma: the layer's activation is on what it reads. ERR_SPEC, at
 * u's place, for layers whose activations stand inside of them. */
int form_shape_w_sigma(struct unit *u, struct chosen choice, struct shape in, struct arena *a, struct err *e);

#endif
