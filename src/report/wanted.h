/* The figures that an experiment file asks for: its key `figures`, from the specification that the database keeps. */
#ifndef TPRUN_REPORT_WANTED_H
#define TPRUN_REPORT_WANTED_H

#include "report/figure.h"

struct wanted {
    size_t n; /* 0: the file asks for none */
    struct figure_options *items;
};

int wanted_read(struct wanted *w, struct query *q, struct arena *a, const char *study, struct err *e);
/* Whether the options ask for a figure of their own, in whose place the file's are not drawn. */
bool wanted_replaced(const struct figure_options *o);
/* All of them in one SVG, one below the other. Of one that cannot be drawn it says why, with a warning in e; it fails
 * where none can. */
int wanted_draw(struct picture *out, const struct wanted *w, struct query *q, const char *study, struct err *e);
/* What the options ask for; without any, what the experiment file asks for; else what fits the study. */
int wanted_picture(struct picture *out, struct query *q, const char *study, const struct figure_options *o,
                   struct err *e);

#endif
