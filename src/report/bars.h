/* A bar for each variant and cell, a panel for each quantity: every trial's mean over its logged steps above 0, and of
 * these the mean and the standard deviation over the seeds. A trial that logged the metric in part (store/partial.h)
 * is none of them. Meulemans 2020, Fig. 2. */
#ifndef TPRUN_REPORT_BARS_H
#define TPRUN_REPORT_BARS_H

#include "report/look.h"
#include "report/picture.h"
#include "report/quantity.h"
#include "stat/moments.h"

enum { BARS_MAX_GROUPS = 40 };

struct bar {
    struct moments values; /* over the trials of a group that are done; n = 0 without any */
    size_t n_late;         /* that are done and left out: they logged it in part */
};

struct bars_panel {
    const struct quantity *what;
    const struct bar *bars; /* of each group of the study */
};

int bars_read(const struct bar **bars, const struct subject *s, struct query *q, struct arena *a,
              const struct quantity *what, struct err *e);
/* At most BARS_MAX_GROUPS groups (assert). */
void bars_draw(struct picture *out, const struct subject *s, const struct bars_panel *panels, size_t n_panels,
               const struct look *look, struct arena *a);

#endif
