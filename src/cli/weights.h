/* What a trial has learned: the newest checkpoint that the database names for it. */
#ifndef TPRUN_CLI_WEIGHTS_H
#define TPRUN_CLI_WEIGHTS_H

#include "cli/cli.h"

#include "base/safetensors.h"

/* Zero-initialise; give back with weights_close. */
struct weights {
    char *study, *variant, *cell, *seed, *key, *precision, *step, *path, *sha256;
    struct safetensors file;
};

/* trial: the first digits of its key, as `tprun ls` shows them. Errors: no such trial, no checkpoint yet, a file that
 * is gone or damaged.
 */
int weights_open(struct weights *w, const struct cli *c, const char *trial, struct err *e);
void weights_close(struct weights *w);
/* Writes the parameters layers.<i>.*, feedback.<i>.* alone, with the trial's name as metadata. */
int weights_write(const struct weights *w, const char *path, struct err *e);

#endif
