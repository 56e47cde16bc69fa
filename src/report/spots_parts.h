/* Inside of figures of what trials came to: a panel of points against one key. */
#ifndef TPRUN_REPORT_SPOTS_PARTS_H
#define TPRUN_REPORT_SPOTS_PARTS_H

#include "report/frame.h"
#include "report/legend.h"
#include "report/spots.h"

struct spots {
    const struct subject *s;
    const struct cells *c;
    const struct finals *f;
    const struct spots_options *o;
    const struct legend_style *styles; /* of each group */
    const size_t *line_of;             /* points of one line are joined; NULL: none are */
    size_t n_lines;
    size_t best; /* group that is marked; n_groups: none */
    bool mark_best;
};

struct axis spots_across(const struct spots *p, size_t key, bool log);
struct axis spots_up(const struct spots *p, struct arena *a);
/* What is drawn of one key into its frame. */
void spots_put(struct picture *out, const struct spots *p, size_t key, const struct frame *f, struct arena *a);
/* The colour of its variant for each group; and an entry of a legend for each variant. */
struct legend_style *spots_by_variant(const struct subject *s, struct arena *a);
const struct legend_entry *spots_entries(const struct subject *s, struct arena *a);
/* Whether all seeds of a cell did, which is drawn as a cross. */
bool spots_any_diverged(const struct subject *s);
/* "last value, mean over 3 seeds; ...", of the points against the key; c->n_keys: of all. */
const char *spots_remark(const struct spots *p, size_t key, struct arena *a);

#endif
