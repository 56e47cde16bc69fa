/* What `tprun plan` says of the options that stay, or do not, when a part of the algorithm is replaced. */
#ifndef TPRUN_CLI_KEPT_H
#define TPRUN_CLI_KEPT_H

#include "base/text.h"
#include "run/price.h"

/* Adds each such option of a variant once, of the first trials of its classes: as lines of the table, or as objects of
 * a JSON list. */
enum kept_form { KEPT_LINES, KEPT_JSON };
int kept_add(struct text *out, enum kept_form form, struct plan *p, const struct price_list *l, size_t study,
             size_t variant, struct err *e);

#endif
