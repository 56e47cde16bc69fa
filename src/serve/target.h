/* What a page asks for: "trials?study=mnist" is the view `trials` with arguments. The same text is the rest of a URL,
 * the request to the process that reads, and the name of an answer in a report that is one file. */
#ifndef TPRUN_SERVE_TARGET_H
#define TPRUN_SERVE_TARGET_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

enum { TARGET_ARGUMENTS = 16, TARGET_LENGTH = 4096 };
struct target {
    const char *view;
    size_t n;
    const char *names[TARGET_ARGUMENTS], *values[TARGET_ARGUMENTS];
};

/* Takes it apart; texts lie in the arena. ERR_USAGE where it is too long, has too many arguments or one twice, or is no
 * percent-encoded UTF-8 without a byte 0. */
int target_read(struct target *t, struct arena *a, const char *s, struct err *e);
/* NULL if it is not given, or empty. */
const char *target_value(const struct target *t, const char *name);
/* Appends "?name=value", or "&name=value" if there is one already; percent-encoded as encodeURIComponent of ECMAScript
 * does. */
void target_add(struct text *t, const char *name, const char *value);

#endif
