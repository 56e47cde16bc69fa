/* What tprun probe reads: tensors by name and shape (docs/probe.md). Every tensor of the file must be used. */
#ifndef TPRUN_TRIAL_PROBE_INPUT_H
#define TPRUN_TRIAL_PROBE_INPUT_H

#include "base/safetensors.h"
#include "trial/private.h"

struct probe_input {
    struct safetensors file;
    bool *used; /* [file.n_tensors] */
};
/* The tensor of this name and shape, marked as used. */
int probe_take(struct probe_input *in, const char *name, size_t rank, const size_t *shape, bool integer,
               const struct tensor **out, struct err *e);
/* The parameters of a unit. */
int probe_read_layer(struct probe_input *in, const struct unit *u, const char *prefix, real *weights, struct err *e);
/* Random numbers of a training pass and of its feedback steps. */
int probe_read_noise(struct probe_input *in, struct trial *t, struct err *e);
int probe_read_batch(struct probe_input *in, struct trial *t, struct err *e);
int probe_all_used(const struct probe_input *in, struct err *e);

/* Numbers of `rows` maps from their own order to that of a file, [channels, height, width]. */
void probe_to_planes(struct shape map, size_t rows, const real *maps, real *planes);
/* Axes of a tensor of `rows` maps: [B, C, H, W], or [B, n] of what is no map. */
size_t probe_map_axes(struct shape s, size_t rows, size_t axes[4]);

#endif
