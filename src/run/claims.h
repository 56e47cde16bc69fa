/* What the claims of a study are about: variants, cells and metrics that exist, measures that compile, and the runs
 * that can decide them. */
#ifndef TPRUN_RUN_CLAIMS_H
#define TPRUN_RUN_CLAIMS_H

#include "run/plan.h"

/* A claim belongs to the runs of one profile: the one it names (null: the file without one), or else `paper`, or where
 * the file has no such profile the file itself. It is decided by trials with the keys that this profile gives, at its
 * budget or beyond.
 *
 * Adds every mistake to e with its place; of a file whose trials cannot be composed only measures are compiled.
 * Sets s->claims, [n_claims]: what the store keeps as claim.quantity, canonical JSON with
 *   better, than, metric, at, step, cell, layer, as   of value and compare
 *   profile   the claim's, null for the file itself
 *   apart     true where the trials of that profile are others than those of this plan
 *   steps     {variant: budget} of the claim's profile, of every variant that it is about */
void claims_check(struct plan *p, struct plan_study *s, struct err *e);
/* claim_form.c: members of the canonical JSON, behind what is there. */
void claim_put_text(struct text *out, const char *key, const char *value);
void claim_put_quantity(struct text *out, const struct claim_quantity *q);
/* claim_measures.c: those that do not compile. keys: columns of the view study_<name>. */
void claim_measures_check(struct plan_study *s, const char *const *keys, size_t n_keys, struct err *e);

#endif
