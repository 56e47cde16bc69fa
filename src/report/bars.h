/* Mean and standard deviation over all logged steps above 0 and all seeds, as bars: a panel for each quantity, a bar
 * for each variant and cell. Meulemans 2020, Fig. 2. */
#ifndef TPRUN_REPORT_BARS_H
#define TPRUN_REPORT_BARS_H

#include "report/picture.h"
#include "report/quantity.h"
#include "stat/moments.h"

enum { BARS_MAX_GROUPS = 40 };

struct bars_panel {
    const struct quantity *what;
    const struct moments *values; /* of each group of the study; n = 0 where nothing was logged */
};

int bars_read(const struct moments **values, const struct subject *s, struct query *q, struct arena *a,
              const struct quantity *what, struct err *e);
/* At most BARS_MAX_GROUPS groups (assert). */
void bars_draw(struct picture *out, const struct subject *s, const struct bars_panel *panels, size_t n_panels);

#endif
