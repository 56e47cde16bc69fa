/* A report in Markdown, written from the database: what was run, what came out, which claims hold, what it cost. */
#ifndef TPRUN_REPORT_REPORT_H
#define TPRUN_REPORT_REPORT_H

#include "base/text.h"
#include "store/query.h"

struct report_options {
    const char *title;   /* NULL: the introduction's own, or "Results" */
    const char *intro;   /* a Markdown file that stands before the studies; NULL: none */
    const char *output;  /* the file that `out` will be written to, for the links to figures; NULL: standard output */
    const char *figures; /* the folder of the figures; NULL: "figures" beside the output, none without an output */
};

/* Equal databases give equal bytes, but for the times in the tables of costs. Writes the figures. */
int report_write(struct text *out, struct query *q, const char *const *studies, size_t n,
                 const struct report_options *o, struct err *e);

#endif
