/* Files of figures and reports. */
#ifndef TPRUN_REPORT_OUTPUT_H
#define TPRUN_REPORT_OUTPUT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

/* The file appears whole and durable, or what was there stays (base/new_file.h).
 * NULL and "-": standard output. */
int output_write(const char *path, const struct text *t, struct err *e);
/* Makes the folder and those above it. */
int output_make_folder(const char *path, struct err *e);
/* `target` as seen from the folder of the file `from` (NULL: from the working folder), by names alone; both are
 * relative to the working folder, or absolute. "../figures/a.svg" of "doc/figures/a.svg" and "doc/text/b.md". */
const char *output_relative(struct arena *a, const char *from, const char *target);
/* The folder of a path: "." if it names none. */
const char *output_folder(struct arena *a, const char *path);

#endif
