/* What tprun probe reads: tensors by name and shape (docs/probe.md). Every tensor of the file must be used. The same
 * names are written for a step of a trial that was trained. */
#ifndef TPRUN_TRIAL_PROBE_INPUT_H
#define TPRUN_TRIAL_PROBE_INPUT_H

#include "base/safetensors.h"
#include "trial/private.h"

struct probe_input {
    struct safetensors file;
    bool *used;                     /* [file.n_tensors] */
    struct safetensors_writer *out; /* what is read otherwise is added here; NULL: it is read */
    struct arena *arena;            /* until `out` is written */
};
/* The tensor of this name and shape, marked as used. */
int probe_take(struct probe_input *in, const char *name, size_t rank, const size_t *shape, bool integer,
               const struct tensor **out, struct err *e);
/* The parameters of a unit. */
int probe_layer(struct probe_input *in, const struct unit *u, const char *prefix, real *weights, struct err *e);
int probe_batch(struct probe_input *in, struct trial *t, struct err *e);
/* All that a training step takes: parameters, state, random numbers, batch. After probe_open_draws. */
int probe_exchange(struct probe_input *in, struct trial *t, struct err *e);
int probe_all_used(const struct probe_input *in, struct err *e);
/* Memory for the random numbers of each feedback step: t->given_draws. */
void probe_open_draws(struct trial *t, struct arena *a);
/* Feedback steps of a training step that draw numbers of their own, at least 1. */
size_t probe_feedback_draws(const struct trial *t);

/* Numbers of `rows` maps from their own order to that of a file, [channels, height, width]. */
void probe_to_planes(struct shape map, size_t rows, const real *maps, real *planes);
/* Axes of a tensor of `rows` maps: [B, C, H, W], or [B, n] of what is no map. */
size_t probe_map_axes(struct shape s, size_t rows, size_t axes[4]);

/* ---- probe.c ---- */
struct direction;
/* A training step on what lies in t, with what came of it. direction: of updates to be judged, or NULL. draw: with
 * random numbers of the trial's streams. */
int probe_step(struct trial *t, struct safetensors_writer *w, struct arena *a, const struct direction *direction,
               bool draw, bool metrics, struct err *e);

#endif
