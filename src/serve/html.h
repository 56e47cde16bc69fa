/* A report that is one file: the page with its answers inside. It opens from a disk, and loads nothing. */
#ifndef TPRUN_SERVE_HTML_H
#define TPRUN_SERVE_HTML_H

#include "base/text.h"
#include "store/query.h"

/* Of these studies, or with n = 0 of all. title: NULL for the program's name. Equal databases give equal bytes.
 * ERR_USAGE: no such study, or none at all. */
int html_write(struct text *out, struct query *q, const char *const *studies, size_t n, const char *title,
               struct err *e);

#endif
